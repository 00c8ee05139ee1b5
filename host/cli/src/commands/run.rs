//! `palisade run`: captures, logs and events in, findings out, in one pass.

use std::io::{BufWriter, Write as _};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::Args;
use palisade_events::json::write_event;
use palisade_events::{Batch, Decision, Event, Finding, Timestamp};
use palisade_pipeline::engine::{Left, Notice, Output as Yield, Poison, Stop};
use palisade_pipeline::sources::{DeadLetters, Letter, Limits, SourcePolicy, open, open_live};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::context::Context;
use crate::exit::Exit;
use crate::host::HostOptions;
use crate::output::{Escaped, Format, Progress};
use crate::results::Results;
use crate::summary;

/// The most bytes of the dead-letter file; what does not fit is counted.
const MAX_DEAD_LETTERS: u64 = 256 << 20;

/// Runs inputs through plugins, in one pass
///
/// Accepted are pcap and pcapng captures, Suricata EVE JSON, Zeek logs and Palisade
/// NDJSON, plain or compressed with gzip or zstd, told apart by what they hold. Exit code 1
/// says that something was found or denied.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Files, read one after another; `-` is standard input
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,

    #[command(flatten)]
    host: HostOptions,

    /// Whose events these are
    #[arg(long, default_value = "default")]
    tenant: String,

    /// Keep what could not be read, or what a plugin faulted on, in this file
    #[arg(long, value_name = "FILE")]
    dead_letters: Option<PathBuf>,

    /// Write what captures yield, flows and parsed messages, as NDJSON to this file
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,

    /// Let timers fire up to this time (RFC 3339) when the input has ended
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,

    /// Write the summary as JSON to this file
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
}

impl Run {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let formats = [Format::Table, Format::Ndjson, Format::Json, Format::Ocsf];
        let format = context.format("run", &formats)?;
        let loaded = self.host.load(self.host.given()?)?;
        let progress = context.progress();
        for left_out in &loaded.left_out {
            progress.above(|| crate::output::warn(left_out));
        }
        let letters = match &self.dead_letters {
            None => DeadLetters::none(),
            Some(path) => DeadLetters::open(path, MAX_DEAD_LETTERS)
                .with_context(|| format!("open the dead-letter file {}", path.display()))?,
        };
        let mut config = self.host.config(&loaded.given)?;
        config.dead_letters = letters.clone();
        config.until = self.until.map(|until| until.0);
        config.now = crate::host::clock();
        let limits = Limits::within(&self.host.memory());
        // Every input is looked at before the first is read: a wrong name costs no work.
        let mut inputs = Vec::new();
        for path in &self.inputs {
            let name = path.display().to_string();
            let file = if name == "-" {
                let stdin = std::io::stdin().as_fd().try_clone_to_owned();
                std::fs::File::from(stdin.context("open standard input")?)
            } else {
                std::fs::File::open(path).with_context(|| format!("open {name}"))?
            };
            let is_file = file.metadata().is_ok_and(|metadata| metadata.is_file());
            let input = if is_file {
                open(&name, file, &limits)?
            } else {
                open_live(&name, file, &limits)?
            };
            inputs.push(input);
        }
        // Only now: until then a signal ends the program, also where an input is silent.
        stop_on_signals(&config.stop)?;
        let log = crate::host::log_to_stderr();
        let mut engine = loaded.engine(config, &log)?;
        let events = match &self.events {
            None => None,
            Some(path) => Some(BufWriter::new(palisade_private::output::create(
                path, 0o644,
            )?)),
        };
        let mut report = Report {
            results: Results::new(context.output(), format, &loaded.plugins),
            progress,
            letters,
            events,
            failed: None,
        };
        for input in inputs {
            let source = engine.source(&input.name, &self.tenant)?;
            engine.read(input, SourcePolicy::new(source), &mut report)?;
            report.check()?;
        }
        let done = engine.finish(&mut report)?;
        report.check()?;
        if let Some(mut events) = report.events.take() {
            events.flush().context("write the events")?;
        }
        let letters = report.letters.counts();
        let json = summary::json(&done);
        report.finish(&json)?;
        if !context.quiet {
            summary::print(&done, &loaded, letters)?;
        }
        if let Some(path) = &self.summary {
            let mut text = Vec::new();
            palisade_events::json::write_visible_pretty(&mut text, &json)?;
            palisade_private::output::write(path, 0o644, &text)?;
        }
        if done.interrupted > 0 {
            crate::output::warn(&format!(
                "the run was ended before everything that was read was evaluated: {} events, \
                 requests, timers and pieces of flows were not shown to a plugin that they are for",
                done.interrupted
            ));
            return Ok(Exit::Error);
        }
        Ok(Exit::found(done.findings + done.denied > 0))
    }
}

/// Lets the first SIGINT (Ctrl-C) or SIGTERM end the input where it is, so that what was read
/// is evaluated, as far as there is time, and reported. The second ends the program at once.
fn stop_on_signals(stop: &Stop) -> Result<()> {
    for signal in [SIGINT, SIGTERM] {
        let set = |flag| -> std::io::Result<()> {
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&flag))?;
            signal_hook::flag::register(signal, flag)?;
            Ok(())
        };
        set(stop.flag()).context("listen for signals")?;
    }
    Ok(())
}

/// Writes what the engine yields as it comes.
pub(crate) struct Report {
    pub(crate) results: Results,
    pub(crate) progress: Progress,
    pub(crate) letters: DeadLetters,
    /// Takes what captures yield, when somebody wants to see it.
    pub(crate) events: Option<BufWriter<std::fs::File>>,
    /// The first error of writing; the engine cannot be told of it.
    pub(crate) failed: Option<std::io::Error>,
}

impl Report {
    /// The error of writing, if there was one.
    pub(crate) fn check(&mut self) -> Result<()> {
        self.failed
            .take()
            .map_or(Ok(()), |error| Err(error).context("write what was found"))
    }

    fn write(&mut self, write: impl FnOnce(&mut Results) -> std::io::Result<()>) {
        if self.failed.is_none() {
            let results = &mut self.results;
            self.failed = self.progress.above(|| write(results)).err();
        }
    }

    /// Puts an event that a plugin could not be shown into the dead-letter file.
    fn keep(&self, batch: &Batch, row: usize, reason: &str) {
        if !self.letters.takes() {
            return;
        }
        let mut bytes = Vec::new();
        if let Some(event) = batch.event(row) {
            // Writing to memory does not fail.
            let _ = write_event(&mut bytes, &event);
        }
        self.letters.add(&Letter {
            source: &batch.source().name,
            line: 0,
            offset: 0,
            reason,
            bytes: &bytes,
            len: bytes.len() as u64,
        });
    }

    /// Ends the output.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn finish(self, summary: &serde_json::Value) -> Result<()> {
        let left_out = self.results.finish(summary).context("write the findings")?;
        if left_out > 0 {
            crate::output::warn(&format!(
                "{left_out} decisions are not in the output: OCSF Detection Finding has no place \
                 for them; use --format ndjson"
            ));
        }
        Ok(())
    }
}

impl Yield for Report {
    fn finding(&mut self, finding: Finding) {
        self.write(|results| results.finding(&finding));
    }

    fn decision(&mut self, request: &Event, decision: Decision) {
        self.write(|results| results.decision(request, &decision));
    }

    fn poison(&mut self, _: &str, poison: &Poison) {
        let reason = poison.fault.to_string();
        let with_frames = [&[reason.clone()][..], &poison.fault.backtrace].concat();
        self.keep(&poison.batch, poison.row, &with_frames.join("; in "));
        self.progress.above(|| crate::output::warn(&reason));
    }

    fn left_out(&mut self, plugin: &str, left: &Left) {
        let reason = format!("plugin `{plugin}` was not shown this: {}", left.fault);
        for row in 0..left.view.len() as u32 {
            self.keep(left.view.batch(), left.view.batch_row(row), &reason);
        }
    }

    fn notice(&mut self, notice: Notice) {
        let text = summary::notice(notice);
        self.progress.above(|| {
            // Nothing can be done about a closed stderr.
            for line in text.lines() {
                let _ = writeln!(std::io::stderr(), "palisade: {}", Escaped(line));
            }
        });
    }

    fn parsed(&mut self, batch: &Batch) {
        let Some(to) = &mut self.events else { return };
        if self.failed.is_some() {
            return;
        }
        let mut events = (0..batch.len()).filter_map(|row| batch.event(row));
        self.failed = events
            .try_for_each(|event| {
                write_event(to, &event)?;
                to.write_all(b"\n")
            })
            .err();
    }

    fn progress(&mut self, events: u64, bytes: u64) {
        self.write(Results::release);
        let bytes = crate::output::size(bytes);
        self.progress.doing(&format!("{events} events, {bytes}"));
    }
}
