//! The `palisade` command.
//!
//! `commands` has one module a command, `build` makes components out of plugin projects,
//! `output` is everything that a person or a program reads. Exit codes: 0 done, 1 done and
//! something was found, denied or differs, 2 error.

mod build;
mod commands;
mod context;
mod exit;
mod host;
mod named;
mod output;
mod packs;
mod partition_key;
mod places;
mod results;

mod shortfall;
mod signer;
mod summary;
mod token;
mod told;
mod vector;

use std::process::ExitCode;

fn main() -> ExitCode {
    // What a panic says may quote what is hostile; where one is contained, it is told as the
    // fault or the error that it becomes.
    std::panic::set_hook(Box::new(|info| {
        if !palisade_events::note_panic(info) {
            output::warn(&format!(
                "this is a defect of Palisade, please report it: {info}"
            ));
        }
    }));
    let command = commands::Cli::read();
    let done = palisade_events::contain(|| command.run())
        .unwrap_or_else(|panicked| Err(anyhow::anyhow!("the host panicked: {panicked}")));
    match done {
        Ok(exit) => exit.into(),
        Err(error) if output::is_broken_pipe(&error) => exit::Exit::Done.into(),
        Err(error) => {
            output::report(&error);
            exit::Exit::Error.into()
        }
    }
}
