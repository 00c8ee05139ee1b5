//! `palisade completions`.

use std::io::Write as _;

use anyhow::{Context as _, Result};
use clap::Args;
use clap_complete::Shell;

use super::Cli;
use crate::exit::Exit;
use crate::output::Stdout;

/// Write a script that completes commands and options in a shell
///
/// For bash: `palisade completions bash > ~/.local/share/bash-completion/completions/palisade`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self) -> Result<Exit> {
        let mut script = Vec::new();
        clap_complete::generate(
            self.shell,
            &mut Cli::command_line(),
            "palisade",
            &mut script,
        );
        // Not through `Output`: a script has control characters of its own.
        let mut out = Stdout(std::io::stdout().lock());
        out.write_all(&script).context("write the script")?;
        Ok(Exit::Done)
    }
}
