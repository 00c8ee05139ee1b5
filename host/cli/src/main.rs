//! The `palisade` command.
//!
//! `commands` has one module a command, `build` makes components out of plugin projects,
//! `output` is everything that a person or a program reads. Exit codes: 0 done, 1 done and
//! something was found or denied, 2 error.

mod build;
mod commands;
mod context;
mod exit;
mod host;
mod output;
mod packs;
mod places;
mod results;
mod signer;
mod summary;
mod token;
mod vector;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    match commands::Cli::parse().run() {
        Ok(exit) => exit.into(),
        Err(error) if output::is_broken_pipe(&error) => exit::Exit::Done.into(),
        Err(error) => {
            output::report(&error);
            exit::Exit::Error.into()
        }
    }
}
