//! What every command is given.

use clap::Args;

use crate::output::{Format, Output, Progress};

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Context {
    /// How results are written; what a command writes, its own --help says
    #[arg(long, value_enum, default_value_t, global = true, display_order = 100)]
    pub(crate) format: Format,

    /// No progress on stderr
    #[arg(long, short, global = true, display_order = 101)]
    pub(crate) quiet: bool,
}

impl Context {
    /// Where results are written.
    pub(crate) fn output(&self) -> Output {
        Output::stdout()
    }

    /// A bar or spinner on stderr, shown on a terminal only.
    pub(crate) fn progress(&self) -> Progress {
        Progress::new(self.quiet)
    }
}
