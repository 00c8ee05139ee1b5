//! The command as a user meets it.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests tell what they measured, and why one does nothing"
)]

mod build;
mod gate;
mod inspect;
mod messages;
mod new;
mod pack;
mod reproducible;
mod site;
mod store;
mod token;
mod vectors;

use std::path::{Path, PathBuf};

/// The command, in a directory of its own and without anything of the environment that
/// could change what it does.
fn palisade(dir: &Path) -> assert_cmd::Command {
    let mut command = assert_cmd::Command::new(assert_cmd::cargo::cargo_bin!("palisade"));
    command.current_dir(dir).env_remove("PALISADE_STORE");
    command
}

/// The root of this checkout.
fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// A manifest of a detector that is right.
const MANIFEST: &str = r#"
[plugin]
name = "telnet"
version = "0.1.0"
kind = "detector"
wit = "0.1"
pack = "tests"
description = "Reports telnet"

[[subscription]]
kind = "network.flow"
fields = ["src.ip", "dst.port"]

[[rule]]
id = "telnet-1"
title = "Telnet"
severity = "low"
requirements = ["IOT-2.3c"]
"#;
