//! `palisade run`: captures, logs and events in, findings out, in one pass.

use std::io::{BufWriter, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use palisade_events::json::{MISSING, write_event};
use palisade_events::{Batch, Decision, Event, Finding, MAX_SEQ, Timestamp, counted};
use palisade_pipeline::engine::{Clock, Left, Notice, Output as Yield, Poison, Stop};
use palisade_runtime::FaultCause;
use palisade_sources::{DeadLetters, Letter, Limits, Place, open, open_live};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::context::Context;
use crate::exit::Exit;
use crate::host::{HostOptions, Session};
use crate::output::Progress;
use crate::results::Results;
use crate::shortfall::{Judges, shortfalls};
use crate::summary;
use crate::told::Told;

/// The most bytes of the dead-letter file; what does not fit is counted.
const MAX_DEAD_LETTERS: u64 = 256 << 20;

/// The most characters that are shown of an event.
const SHOWN: usize = 300;

/// How often a signal is looked for, and how long a run has after it, which evaluates for 0.6 s.
const LOOK: Duration = Duration::from_millis(20);
const LAST: Duration = Duration::from_millis(1700);

/// Runs inputs through plugins, in one pass
///
/// Accepted are pcap and pcapng captures, Suricata EVE JSON, Zeek logs and Palisade
/// NDJSON, plain or compressed with gzip or zstd, told apart by what they hold.
///
/// Exit codes: 0 done, nothing found; 1 done, and something was found or denied; 2 an error, or less
/// was evaluated than that may seem to say: no plugin is left, or none of what was read is for one;
/// every record is bad, or with --strict any; an input broke off; a plugin faulted on all it was shown;
/// a signal ended the run. Inputs that hold nothing are told, and with --strict an error.
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

    /// Keep what could not be read, or what a plugin faulted on, in this file; what an earlier run
    /// wrote there stays above
    #[arg(long, value_name = "FILE")]
    dead_letters: Option<PathBuf>,

    /// Write what captures yield, flows and parsed messages, as NDJSON to this file
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,

    /// Take all inputs for one source of this name, as files are that were rotated; without it each
    /// is a source of its own, with the name of its file
    #[arg(long, value_name = "NAME")]
    source: Option<String>,

    /// What time it is: `system`, `events` to believe every event's time (as for a simulation), or
    /// a time (RFC 3339); events dated more than 5 minutes ahead of it do not fire timers
    #[arg(long, value_name = "TIME", default_value = "system", value_parser = clock)]
    now: Clock,

    /// Let timers fire up to this time (RFC 3339) when the input has ended
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,

    /// Write the summary as JSON to this file
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,

    /// Read events (Palisade NDJSON) as `palisade plugin test` reads those of vectors: mandatory
    /// fields that one leaves out are neutral, and it may be of a kind that only the host makes
    #[arg(long)]
    vector: bool,

    /// End with exit code 2 when any record of an input could not be read, an input holds nothing,
    /// or nothing of what was read was for a detector or policy
    #[arg(long)]
    strict: bool,
}

impl Run {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let format = context.format;
        let loaded = self.host.load(self.host.given()?)?;
        let progress = context.progress();
        for left_out in &loaded.left_out {
            progress.above(|| crate::output::warn(&left_out.to_string()));
        }
        ensure!(
            !loaded.plugins.is_empty(),
            "no plugin is left to evaluate anything; do what is said above of each, or name \
             others with --plugins"
        );
        let judges = Judges::of(&loaded.plugins);
        ensure!(
            judges.are_there() || self.events.is_some(),
            "none of the plugins ({}) is a detector or policy, so nothing would be evaluated; name \
             some with --plugins, or write what the parsers yield with --events FILE",
            judges.parsers.join(", ")
        );
        for (option, path) in self.outputs() {
            crate::named::check_output(option, path)?;
        }
        self.keep_apart()?;
        let letters = match &self.dead_letters {
            None => DeadLetters::none(),
            Some(path) => DeadLetters::open(path, MAX_DEAD_LETTERS)
                .with_context(|| format!("open the dead-letter file {}", path.display()))?,
        };
        let mut config = self.host.config()?;
        config.dead_letters = letters.clone();
        config.until = self.until.map(|until| until.0);
        config.clock = self.now;
        let limits = Limits::within(loaded.given.leaves(&self.host.memory()).compression);
        // Every input is looked at before the first is read: a wrong name costs no work.
        let mut inputs = Vec::new();
        for path in &self.inputs {
            let name = path.display().to_string();
            let file = if name == "-" {
                let stdin = std::io::stdin().as_fd().try_clone_to_owned();
                std::fs::File::from(stdin.context("open standard input")?)
            } else {
                crate::named::open_input(path)?
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
        let engine = loaded.engine(config, &log)?;
        let mut session = Session::new(engine, &self.tenant).with_vectors(self.vector);
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
            told: Told::with_advice(match self.dead_letters {
                None => "; --dead-letters FILE keeps every event of them",
                Some(_) => "",
            }),
            lacks_fields: false,
            unread: 0,
        };
        for input in inputs {
            let name = self.source.clone().unwrap_or_else(|| input.name.clone());
            session.take(input, &name, &mut report)?;
            report.check()?;
        }
        let done = session.finish(&mut report)?;
        report.check()?;
        if let Some(mut events) = report.events.take() {
            events.flush().context("write the events")?;
        }
        let letters = report.letters.counts();
        if report.lacks_fields && !self.vector {
            crate::output::warn(
                "events that leave out mandatory fields are read, with neutral values in their \
                 place, with --vector; vectors of plugins are read so",
            );
        }
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
        let mut is_error = false;
        for shortfall in shortfalls(&done, &judges, self.strict) {
            crate::output::warn(&shortfall.what);
            is_error |= shortfall.is_error;
        }
        if is_error {
            return Ok(Exit::Error);
        }
        Ok(Exit::found(done.findings + done.denied > 0))
    }
}

impl Run {
    /// The files that are written, by their options.
    fn outputs(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let outputs = [
            ("--dead-letters", &self.dead_letters),
            ("--events", &self.events),
            ("--summary", &self.summary),
        ];
        let named = outputs.into_iter();
        named.filter_map(|(option, path)| Some((option, path.as_deref()?)))
    }

    /// Refuses an output that is an input, or another output: what is read is evidence.
    fn keep_apart(&self) -> Result<()> {
        let place = |path: &Path| path.metadata().ok().map(|file| (file.dev(), file.ino()));
        let is_file = |path: &Path| path.metadata().is_ok_and(|file| file.is_file());
        let mut others: Vec<(&str, &Path)> = self
            .inputs
            .iter()
            .map(|path| ("input", path.as_path()))
            .collect();
        for (option, path) in self.outputs() {
            let same = others.iter().find(|(_, other)| {
                *other == path && !path.starts_with("/dev")
                    || is_file(path) && place(other) == place(path)
            });
            if let Some((what, other)) = same {
                bail!(
                    "`{option} {}` is the {what} {} too, and would write over it; name another file",
                    path.display(),
                    other.display()
                );
            }
            others.push((option, path));
        }
        Ok(())
    }
}

/// An event that a plugin faulted on, behind the fault: where it stands, and how it begins.
fn shown(batch: &Batch, row: usize) -> String {
    let number = batch.event_ref(row).map_or(0, |event| event & MAX_SEQ) + 1;
    let mut bytes = Vec::new();
    if let Some(event) = batch.event(row) {
        // Writing to memory does not fail.
        let _ = write_event(&mut bytes, &event);
    }
    let text = String::from_utf8_lossy(&bytes);
    let mut short: String = text.trim_end().chars().take(SHOWN).collect();
    if short.len() < text.trim_end().len() {
        short.push('…');
    }
    format!("; on event {number} of {}: {short}", batch.source().name)
}

/// Reads the option `--now`.
pub(super) fn clock(text: &str) -> Result<Clock, String> {
    match text {
        "system" => Ok(Clock::System),
        "events" => Ok(Clock::Events),
        time => match time.parse::<Timestamp>() {
            Ok(time) => Ok(Clock::At(time.0)),
            Err(error) => Err(format!(
                "it is neither `system`, `events` nor a time: {error}"
            )),
        },
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
    let stop = stop.clone();
    std::thread::Builder::new()
        .name("palisade-stop".into())
        .spawn(move || end_in_time(&stop))
        .context("start the thread that ends a run in time")?;
    Ok(())
}

/// Ends the program when a run that was asked to end does not: when nobody reads its output, say.
fn end_in_time(stop: &Stop) {
    while !stop.is_asked() {
        std::thread::sleep(LOOK);
    }
    std::thread::sleep(LAST);
    // Whoever reads no output may read no messages either.
    let _ = std::thread::Builder::new().spawn(|| {
        crate::output::warn(
            "ended by a signal while its output was still being written: it is not complete",
        );
    });
    std::thread::sleep(LOOK);
    signal_hook::low_level::exit(2);
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
    /// What was told one by one.
    pub(crate) told: Told,
    /// Whether an event lacked a mandatory field.
    pub(crate) lacks_fields: bool,
    /// Records that were told to be bad, and inputs that broke off.
    pub(crate) unread: u64,
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
        let number = batch.event_ref(row).map_or(0, |event| event & MAX_SEQ) + 1;
        self.letters.add(&Letter {
            source: &batch.source().name,
            place: Place::Event(number),
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
        self.told
            .rest()
            .iter()
            .for_each(|line| crate::output::warn(line));
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

    fn poison(&mut self, plugin: &str, poison: &Poison) {
        let reason = poison.fault.to_string();
        let frames = crate::output::frames(&poison.fault.backtrace);
        let with_frames: Vec<String> = [reason.clone()].into_iter().chain(frames).collect();
        self.keep(&poison.batch, poison.row, &with_frames.join("; "));
        if self.told.tells_fault(plugin, &reason) {
            let event = match &poison.fault.cause {
                // Wrong whatever event comes.
                FaultCause::Settings { .. } => String::new(),
                _ => shown(&poison.batch, poison.row),
            };
            self.progress
                .above(|| crate::output::warn(&format!("{reason}{event}")));
        }
    }

    fn left_out(&mut self, plugin: &str, left: &Left) {
        let reason = format!("plugin `{plugin}` was not shown this: {}", left.fault);
        for row in 0..left.view.len() as u32 {
            self.keep(left.view.batch(), left.view.batch_row(row), &reason);
        }
    }

    fn notice(&mut self, notice: Notice) {
        if matches!(notice, Notice::Record { .. } | Notice::Input { .. }) {
            self.unread += 1;
        }
        let tells = match &notice {
            Notice::Fault {
                plugin, problem, ..
            } => self.told.tells_fault(plugin, problem),
            Notice::Record { problem, .. } => {
                self.lacks_fields |= problem.contains(MISSING);
                true
            }
            Notice::Unparsed { parser, .. } => {
                self.told.tells("flows that are not parsed on", parser)
            }
            _ => true,
        };
        if !tells {
            return;
        }
        let text = summary::notice(notice);
        self.progress.above(|| {
            text.lines().for_each(crate::output::warn);
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
        let events = counted(events, "event");
        self.progress.doing(&format!("{events}, {bytes}"));
    }
}
