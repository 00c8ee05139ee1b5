//! `palisade serve`: detections that run around the clock.

mod loader;
pub(super) mod log;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context as _, Result};
use clap::Args;
use palisade_serve::{Config, ServeError, Served, serve};
use signal_hook::consts::{SIGINT, SIGTERM};
use tracing::info;

use self::loader::HostLoader;
use self::log::tell;
use super::config;
use crate::context::Context;
use crate::exit::Exit;

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
        log::start(&config.log, context.quiet);
        let served = serve(
            &config,
            Arc::new(loader),
            &identity,
            &stop,
            &(Arc::new(tell) as _),
        );
        match served {
            Ok(served) => ended(&served),
            Err(error @ ServeError::Stopped) => info!(event = "stopped", "ended: {error}"),
            Err(error) => return Err(error.into()),
        }
        Ok(Exit::Done)
    }
}

/// A server's configuration, and what loads what it runs, until `stop` is set.
pub(super) fn set_up(path: &Path, stop: &Arc<AtomicBool>) -> Result<(Config, HostLoader)> {
    let (config, host) = config::read(path)?;
    let loader = HostLoader::new(host, (path, config.evidence.enabled), stop)?;
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

fn ended(served: &Served) {
    let done = &served.summary;
    info!(
        event = "stopped",
        events = done.total_events(),
        findings = done.findings,
        decisions = done.decisions,
        committed = served.committed,
        drained = served.drained,
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
    );
}
