//! Which compilers to call.
//!
//! The set-up of a checkout writes `target/wasm-toolchain.json`, because there are several
//! ways to have a standard library for wasm32. `PALISADE_WASM_TOOLCHAIN_FILE` names another
//! such file. Without one the usual commands are taken from the `PATH`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use super::{Checkout, compiler};

/// The version of the file's format.
const FORMAT: u32 = 2;
/// The largest file that is read.
const MAX_BYTES: u64 = 1 << 20;

/// What to do when a compiler is missing.
pub(super) const ADVICE: &str =
    "run `make setup` in the checkout of Palisade, which installs it where it is missing";

/// The compilers of all languages.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Toolchain {
    #[serde(rename = "format")]
    _format: u32,
    /// Of Rust.
    pub(super) rust: Rust,
    /// Of C.
    pub(super) c: C,
    /// Of JavaScript.
    pub(super) javascript: JavaScript,
}

/// How to call cargo.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rust {
    /// Where the standard library comes from, for people.
    pub(super) from: String,
    /// What the compiler says of itself.
    pub(super) version: String,
    /// The command.
    pub(super) cargo: PathBuf,
    /// The target.
    pub(super) target: String,
    /// Variables to set.
    pub(super) env: BTreeMap<String, String>,
    /// Variables to remove.
    pub(super) remove_env: Vec<String>,
}

/// How to call clang.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct C {
    /// The command.
    pub(super) clang: PathBuf,
    /// The linker; absent: clang finds its own.
    pub(super) linker: Option<PathBuf>,
}

/// How to call componentize-qjs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JavaScript {
    /// The command and its first arguments.
    pub(super) componentize_qjs: Vec<PathBuf>,
    /// Variables to set: what shields it from the clock and from randomness.
    pub(super) env: BTreeMap<String, String>,
}

impl Toolchain {
    /// Reads the file that the set-up wrote, or takes the defaults.
    ///
    /// # Errors
    /// When there is a file that cannot be read, or of another format.
    pub(super) fn find(checkout: &Checkout) -> Result<Self> {
        let named = std::env::var_os("PALISADE_WASM_TOOLCHAIN_FILE").map(PathBuf::from);
        let path = named.unwrap_or_else(|| checkout.root.join("target/wasm-toolchain.json"));
        match palisade_private::read(&path, MAX_BYTES) {
            Ok(text) => String::from_utf8(text)
                .map_err(anyhow::Error::from)
                .and_then(|text| Self::parse(&text))
                .with_context(|| format!("{} cannot be used; run `make setup`", path.display())),
            Err(error) if error.is_absent() => Ok(Self::default_for(checkout)),
            Err(error) => Err(error.into()),
        }
    }

    fn parse(text: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let head: Head = serde_json::from_str(text)?;
        ensure!(
            head.format == FORMAT,
            "it has format {}, and this program reads {FORMAT}",
            head.format
        );
        Ok(serde_json::from_str(text)?)
    }

    fn default_for(checkout: &Checkout) -> Self {
        let clang = ["clang-19", "clang"].into_iter().find(|name| on_path(name));
        let qjs = "js/node_modules/componentize-qjs/cli.mjs";
        Self {
            _format: FORMAT,
            rust: Rust {
                from: "PATH".into(),
                version: String::new(),
                cargo: "cargo".into(),
                target: "wasm32-unknown-unknown".into(),
                env: BTreeMap::new(),
                // Meant for this machine's processor, not for a guest.
                remove_env: ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER"]
                    .map(String::from)
                    .into(),
            },
            c: C {
                clang: clang.unwrap_or("clang").into(),
                linker: None,
            },
            javascript: JavaScript {
                componentize_qjs: vec!["node".into(), checkout.sdk.join(qjs)],
                env: BTreeMap::new(),
            },
        }
    }
}

fn on_path(name: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(name).is_file()))
}

impl Rust {
    /// Cargo, to be run in `dir`.
    pub(super) fn cargo(&self, dir: &Path) -> Command {
        let mut command = Command::new(&self.cargo);
        for name in &self.remove_env {
            command.env_remove(name);
        }
        command.envs(&self.env).current_dir(dir);
        command
    }

    /// Tells this toolchain from others that would make other code.
    pub(super) fn identity(&self) -> String {
        let rustc = self.env.get("RUSTC").map_or("rustc", String::as_str);
        let mut command = Command::new(rustc);
        command.envs(&self.env).arg("-vV");
        format!("{self:?} {}", said(command))
    }
}

impl C {
    /// Tells this toolchain from others that would make other code.
    pub(super) fn identity(&self) -> String {
        let mut command = Command::new(&self.clang);
        command.arg("--version");
        format!("{self:?} {}", said(command))
    }
}

impl JavaScript {
    /// Tells this toolchain from others that would make other code.
    pub(super) fn identity(&self) -> String {
        // Where it lies does not matter.
        let described = self.componentize_qjs.iter().find_map(|part| {
            let file = part.parent()?.join("package.json");
            palisade_private::read(&file, MAX_BYTES).ok()
        });
        let described = described.unwrap_or_default();
        format!("componentize-qjs {}", String::from_utf8_lossy(&described))
    }
}

/// What a compiler says of itself: one that was replaced in its place makes other code. Empty if
/// it cannot be started, which whoever needs it is told.
fn said(mut command: Command) -> String {
    let mut said = String::new();
    let ran = compiler::run_with_lines(&mut command, ADVICE, |line| {
        said.push_str(line);
        said.push('\n');
    });
    ran.map_or_else(|_| String::new(), |_| said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_the_set_up_is_read_and_other_formats_are_refused() {
        let text = r#"{
            "format": 2,
            "rust": {
                "from": "debian", "version": "rustc 1.96.0", "cargo": "/usr/bin/cargo",
                "target": "wasm32-unknown-unknown",
                "env": {"RUSTC": "/usr/bin/rustc"}, "remove_env": ["RUSTFLAGS"]
            },
            "c": {"clang": "/usr/bin/clang-19", "linker": "/usr/bin/wasm-ld-19"},
            "javascript": {"componentize_qjs": ["/usr/bin/node", "/cli.mjs"], "env": {}}
        }"#;
        let toolchain = Toolchain::parse(text).unwrap();
        assert_eq!(toolchain.rust.env["RUSTC"], "/usr/bin/rustc");
        assert_eq!(toolchain.javascript.componentize_qjs.len(), 2);
        let newer = text.replace("\"format\": 2", "\"format\": 3, \"more\": []");
        let error = Toolchain::parse(&newer).unwrap_err().to_string();
        assert!(error.contains("format 3"), "{error}");
    }
}
