//! `palisade trial`: what a server starts to try other plugins on its journal.

use std::io::{BufRead as _, Read as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result};
use clap::Args;
use palisade_serve::{Tell, TrialReport, TrialRequest, trial};

use super::serve::set_up;
use crate::context::Context;
use crate::exit::Exit;

/// The longest request.
const MAX_ASKED: u64 = 16 << 20;

/// Try what is asked for on standard input, as a line of JSON, until that ends
#[derive(Debug, Args)]
pub(crate) struct Trial {
    /// The configuration of the server
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

impl Trial {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let mut line = Vec::new();
        let mut asked = std::io::stdin().lock().take(MAX_ASKED);
        asked
            .read_until(b'\n', &mut line)
            .context("read the request")?;
        let request: TrialRequest = serde_json::from_slice(&line).context("read the request")?;
        let stop = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&stop);
        std::thread::spawn(move || {
            // It ends with whoever asked.
            let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
            ends.store(true, Ordering::Relaxed);
        });
        let (config, loader) = set_up(&self.config, &stop)?;
        let identity = loader.identity();
        let mut written = Ok(());
        let mut report = |report: &TrialReport| {
            let mut out = context.output();
            written = out.ndjson(report).and_then(|()| out.finish());
            if written.is_err() {
                stop.store(true, Ordering::Relaxed);
            }
        };
        // What is wrong with the whole is an error; the server tells the rest.
        let tell: Tell = Arc::new(|_| ());
        let around = (&stop, &tell);
        let last = trial(&config, &loader, &identity, &request, around, &mut report)?;
        report(&last);
        written.context("write a report")?;
        Ok(Exit::Done)
    }
}
