//! `palisade compile-component`: the compiler process of the runtime.

use std::io::Write as _;

use anyhow::Result;
use clap::Args;

use crate::exit::Exit;

/// What the parent process says to its child.
#[derive(Debug, Args)]
pub(crate) struct CompileComponent {
    /// The runtime's own arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

impl CompileComponent {
    pub(crate) fn run(self) -> Result<Exit> {
        Ok(
            match palisade_runtime::compile::child_main(&self.arguments) {
                Ok(()) => Exit::Done,
                Err(message) => {
                    // The parent reads this from a pipe and escapes it where it shows it. If it
                    // is gone there is nobody to tell.
                    let _ = writeln!(std::io::stderr(), "{message}");
                    Exit::Found
                }
            },
        )
    }
}
