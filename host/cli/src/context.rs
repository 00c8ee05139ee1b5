//! What every command is given.

use anyhow::{Result, bail};
use clap::Args;

use crate::output::{Format, Output, Progress};

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Context {
    /// How results are written
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

    /// The format, if the command `what` can write it.
    ///
    /// # Errors
    /// When it cannot; the message lists those that it can.
    pub(crate) fn format(&self, what: &str, offered: &[Format]) -> Result<Format> {
        if offered.contains(&self.format) {
            return Ok(self.format);
        }
        let offered: Vec<_> = offered.iter().map(ToString::to_string).collect();
        bail!(
            "`{what}` cannot write {}; choose --format {}",
            self.format,
            offered.join(" or ")
        );
    }

    /// A bar or spinner on stderr, shown on a terminal only.
    pub(crate) fn progress(&self) -> Progress {
        Progress::new(self.quiet)
    }
}
