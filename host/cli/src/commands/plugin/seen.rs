//! What a vector's run yields: the plugin's results, and all that tells why there are none.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use palisade_events::{Batch, Decision, Escaped, Event, Finding, Kind, counted};
use palisade_pipeline::capabilities::LogSink;
use palisade_pipeline::engine::{Notice, Output as Yield, Poison};
use palisade_runtime::manifest::World;
use palisade_runtime::{FaultCause, Trace};

use super::test::{GIVEN, INPUT, Subject};
use crate::summary::told_packets;
use crate::vector::{self, Vector};

/// The most faults, and lines of the plugins' log, that are shown of a run.
const MAX_FAULTS: usize = 8;
const MAX_LOG: usize = 100;
/// The most characters that are shown of an event.
const MAX_EVENT: usize = 1000;

/// Collects what the plugin under test makes of the input, in the golden form.
pub(super) struct Seen<'a> {
    vector: &'a Vector,
    plugin: &'a str,
    /// Events that parsers make are the result only where a parser is tested.
    parses: bool,
    /// Whether the input is being read, and no longer what was given.
    pub(super) begun: bool,
    /// The results.
    lines: Vec<String>,
    /// What the parser under test refused; behind the results, since how an input is cut shows in
    /// when it is told.
    errors: Vec<String>,
    /// The findings so far, of whichever plugin, by reference; each with its number from 1.
    findings: HashMap<u64, usize>,
    requests: usize,
    faults: Vec<Fault>,
    problems: Vec<String>,
}

/// Faults that are the same but for the event.
struct Fault {
    /// What happened, and the frames.
    text: String,
    /// The first event that it happened on, where it is known.
    event: Option<String>,
    times: usize,
}

impl<'a> Seen<'a> {
    pub(super) fn of(subject: &'a Subject, vector: &'a Vector) -> Self {
        Seen {
            vector,
            plugin: &subject.name,
            parses: subject.world == World::Parser,
            begun: false,
            lines: Vec::new(),
            errors: Vec::new(),
            findings: HashMap::new(),
            requests: 0,
            faults: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// The results in the golden form, and behind them what the parser under test refused.
    pub(super) fn into_lines(mut self) -> Vec<String> {
        self.lines.append(&mut self.errors);
        self.lines
    }

    /// Where an event stands, such as `input:2`.
    fn cite(&self, event_ref: u64) -> String {
        let (slot, seq) = split(event_ref);
        match (slot, self.findings.get(&event_ref)) {
            (_, Some(number)) => format!("finding:{number}"),
            (GIVEN, None) => format!("given:{}", seq + 1),
            (INPUT, None) => format!("input:{}", seq + 1),
            // Only of one that is still to come, which nothing can cite.
            (_, None) => "finding".to_owned(),
        }
    }

    /// Notes what the parser under test refused.
    fn refused(&mut self, parser: &str, problem: &str, stream: bool) {
        if self.parses && self.begun && parser == self.plugin {
            self.errors.push(vector::error(problem, stream));
        }
    }

    /// What was wrong, with each fault once; nothing if all was well.
    pub(super) fn trouble(&self) -> Option<String> {
        let mut text: Vec<String> = self.problems.clone();
        for fault in self.faults.iter().take(MAX_FAULTS) {
            text.push(fault.text.clone());
            text.extend(fault.event.clone());
            if fault.times > 1 {
                text.push(format!("  and {} more", counted(fault.times - 1, "time")));
            }
        }
        if let Some(more) = self.faults.len().checked_sub(MAX_FAULTS)
            && more > 0
        {
            text.push(format!("and {}", counted(more, "other fault")));
        }
        (!text.is_empty()).then(|| text.join("\n"))
    }

    fn fault(&mut self, problem: &str, backtrace: &Trace, event: Option<String>) {
        let mut text = problem.to_owned();
        for line in crate::output::frames(backtrace) {
            text.push_str("\n    ");
            text.push_str(&line);
        }
        match self.faults.iter_mut().find(|fault| fault.text == text) {
            Some(fault) => fault.times += 1,
            None => self.faults.push(Fault {
                text,
                event,
                times: 1,
            }),
        }
    }

    /// Where settings come from, if the vector has any.
    fn settings(&self) -> Option<String> {
        let file = self.vector.file(vector::SETTINGS);
        let there = !self.vector.settings.is_empty();
        there.then(|| format!("  by {}", file.display()))
    }

    /// An event as its line of the vector, or of a capture as JSON.
    fn event(&self, poison: &Poison) -> Option<String> {
        let event_ref = poison.batch.event_ref(poison.row)?;
        let (slot, seq) = split(event_ref);
        let file = match (&self.vector.input, slot) {
            (_, GIVEN) => "given.ndjson",
            (vector::Input::Events(_), INPUT) => "events.ndjson",
            (vector::Input::Requests(_), INPUT) => "request.ndjson",
            // Made from packets, or a finding.
            _ => "",
        };
        let path = self.vector.expected.path.with_file_name(file);
        let line = (!file.is_empty())
            .then(|| vector::line(&path, seq))
            .flatten();
        let (place, text) = match line {
            Some((number, text)) => (format!("{file}, line {number}"), text),
            None => {
                let event = poison.batch.event(poison.row)?;
                let place = match slot {
                    GIVEN | INPUT => self.cite(event_ref),
                    // It comes out when the epoch is over, and has no number yet.
                    _ => "a finding".to_owned(),
                };
                (place, vector::event(&event))
            }
        };
        let mut short: String = text.chars().take(MAX_EVENT).collect();
        if short.len() < text.len() {
            short.push('…');
        }
        Some(format!("  on {place}: {}", Escaped(&short)))
    }
}

impl Yield for Seen<'_> {
    fn finding(&mut self, finding: Finding) {
        self.findings
            .insert(finding.event_ref, self.findings.len() + 1);
        if self.begun && finding.by.plugin == self.plugin {
            let line = vector::finding(&finding, &|event| self.cite(event));
            self.lines.push(line);
        }
    }

    fn decision(&mut self, _: &Event, decision: Decision) {
        if self.begun {
            self.requests += 1;
            let line = vector::decision(self.requests, &decision, &|event| self.cite(event));
            self.lines.push(line);
        }
    }

    fn poison(&mut self, _: &str, poison: &Poison) {
        // Settings are wrong whatever event comes.
        let event = match &poison.fault.cause {
            FaultCause::Settings { .. } => self.settings(),
            _ => self.event(poison),
        };
        self.fault(&poison.fault.to_string(), &poison.fault.backtrace, event);
    }

    fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Input { name, problem } | Notice::Record { name, problem } => {
                self.problems.push(format!("{name}: {problem}"));
            }
            Notice::TooDeep { plugin, rule } => self.problems.push(format!(
                "plugin `{plugin}`: more than four findings would rest one on another, rule {rule}"
            )),
            Notice::Fault {
                problem,
                backtrace,
                packets,
                ..
            } => {
                let shown = packets.map(|it| format!("  on input.pcap, {}", told_packets(it)));
                self.fault(&problem, &backtrace, shown);
            }
            // What a parser cannot parse is part of what it must do.
            Notice::Unparsed {
                parser, problem, ..
            } => self.refused(&parser, &problem, true),
            Notice::Datagram {
                parser, problem, ..
            } => self.refused(&parser, &problem, false),
            Notice::Quarantined { .. } => {}
        }
    }

    fn parsed(&mut self, batch: &Batch) {
        if !self.parses || batch.kind() == Kind::NetworkFlow {
            return;
        }
        let events = (0..batch.len()).filter_map(|row| batch.event(row));
        self.lines.extend(events.map(|event| vector::event(&event)));
    }

    fn progress(&mut self, _: u64, _: u64) {}
}

/// The slot of the source of an event, and its number there, from 0.
fn split(event_ref: u64) -> (u64, u64) {
    (event_ref >> 40, event_ref & ((1 << 40) - 1))
}

/// What plugins write to their log during a run.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<(Vec<String>, usize)>>);

impl Log {
    /// Where the engine puts it.
    pub(super) fn sink(&self) -> LogSink {
        let log = Arc::clone(&self.0);
        Arc::new(move |plugin, level, message| {
            // A thread that panicked with the lock has pushed a line or has not.
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            if log.0.len() < MAX_LOG {
                let level = format!("{level:?}").to_lowercase();
                let line = format!("log of `{plugin}`: {level}: {}", Escaped(message));
                log.0.push(line);
            } else {
                log.1 += 1;
            }
        })
    }

    /// What is wrong with a run, and below it what its plugins wrote.
    pub(super) fn below(&self, trouble: &str) -> String {
        let log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = trouble.to_owned();
        for line in &log.0 {
            text.push('\n');
            text.push_str(line);
        }
        if log.1 > 0 {
            text.push_str(&format!("\nand {} more of the log", counted(log.1, "line")));
        }
        text
    }
}
