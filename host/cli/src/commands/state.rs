//! `palisade state`: what a server remembers.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use clap::{Args, Subcommand};
use palisade_serve::export;

use super::serve::{log, set_up};
use crate::context::Context;
use crate::exit::Exit;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Export(Export),
}

/// Write everything that a server remembers as lines of JSON, while it does not run
///
/// Recovers as the server would: the newest snapshot, then what the journal says came later. The
/// lines are sorted, and the same for the same input whatever the number of workers and however
/// often the server was started: keys of tables with value and rank, timers, where sources and the
/// watermark are, how many findings there were, markings of earlier events, faults and quarantines.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The configuration of the server
    #[arg(long, default_value = "palisade.toml", value_name = "FILE")]
    config: PathBuf,
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let Command::Export(Export { config }) = self;
        let (config, loader) = set_up(&config, &Arc::default())?;
        let identity = loader.identity();
        log::start(&config.log, context.quiet);
        let lines = export(&config, &loader, &identity, &(Arc::new(log::tell) as _))?;
        let mut out = context.output();
        lines.iter().try_for_each(|line| out.line(line))?;
        out.finish()?;
        Ok(Exit::Done)
    }
}
