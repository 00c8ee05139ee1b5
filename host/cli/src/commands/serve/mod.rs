//! `palisade serve`: detections that run around the clock.

mod loader;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context as _, Result};
use clap::Args;
use palisade_serve::{Config, Served, Told, serve};
use signal_hook::consts::{SIGINT, SIGTERM};

use self::loader::HostLoader;
use super::config;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::warn;
use crate::summary;

/// Follows logs as they grow, and keeps what it finds in a database
///
/// Everything that is read is in a journal before what came of it is in the database, so that
/// nothing is lost or repeated over a crash: the next start goes on where this one ended. SIGTERM
/// or SIGINT ends it once what was read is evaluated and kept; a second one ends it at once.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// What to follow, and with which plugins
    #[arg(long, default_value = "palisade.toml", value_name = "FILE")]
    config: PathBuf,
}

impl Serve {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let stop = stop_on_signals()?;
        let (config, loader) = set_up(&self.config, &stop)?;
        let identity = loader.identity();
        let quiet = context.quiet;
        let tell = Arc::new(move |told: Told| tell(told, quiet));
        let served = serve(&config, Arc::new(loader), &identity, &stop, &(tell as _))?;
        if !quiet {
            ended(&served);
        }
        Ok(Exit::Done)
    }
}

/// A server's configuration, and what loads what it runs, until `stop` is set.
pub(super) fn set_up(path: &Path, stop: &Arc<AtomicBool>) -> Result<(Config, HostLoader)> {
    let (config, host) = config::read(path)?;
    let loader = HostLoader::new(host, config.evidence.enabled, stop)?;
    Ok((config, loader))
}

/// Lets the first SIGINT or SIGTERM end the server in good order, the second at once.
fn stop_on_signals() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_default(signal, Arc::clone(&stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)))
            .context("listen for signals")?;
    }
    Ok(stop)
}

pub(super) fn tell(told: Told, quiet: bool) {
    match told {
        Told::Snapshot(problem) => warn(&problem),
        Told::Recovered {
            snapshot,
            records,
            differ,
            cut,
            took,
        } => {
            if let Some(cut) = cut {
                warn(&format!(
                    "the journal was not whole at its end ({}, byte {}), as after a crash; what is \
                     cut off was never told to be kept",
                    cut.file, cut.at
                ));
            }
            if differ > 0 {
                warn(&format!(
                    "{differ} of the journal's epochs made something else be said than at first; \
                     what was said at first stands"
                ));
            }
            if !quiet {
                let first = match snapshot {
                    0 => String::new(),
                    record => format!("took the snapshot after record {record}, and "),
                };
                warn(&format!(
                    "{first}did {records} records of the journal again in {:.3} s",
                    took.as_secs_f64()
                ));
            }
        }
        Told::Swapped(receipt) => warn(&format!(
            "generation {} runs ({}, asked for by {}): {}; paused {:.3} ms",
            receipt.generation,
            receipt.kind.name(),
            receipt.by,
            receipt.changes.join(", "),
            receipt.pause_ns as f64 / 1e6
        )),
        Told::Ready if !quiet => warn("ready"),
        Told::Ready => {}
        Told::Source { source, problem } => warn(&format!("source `{source}`: {problem}")),
        Told::Ended(source) if !quiet => warn(&format!("source `{source}` has ended")),
        Told::Ended(_) => {}
        Told::Full(problem) => warn(&format!(
            "nothing more is taken in until there is room: {problem}"
        )),
        Told::Alike { notice, count } => {
            let text = summary::notice(notice);
            let first = text.lines().next().unwrap_or_default();
            warn(&format!("{first} (the {count}th of its kind)"));
        }
        Told::Notice(notice) => summary::notice(notice).lines().for_each(warn),
    }
}

fn ended(served: &Served) {
    let done = &served.summary;
    warn(&format!(
        "ended: {} events, {} findings, {} decisions since the journal began; everything up to \
         record {} is kept{}",
        done.total_events(),
        done.findings,
        done.decisions,
        served.committed,
        match served.drained {
            true => "",
            false => "; time was up, so the rest of what was read is read again",
        }
    ));
}
