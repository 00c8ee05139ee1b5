//! Reads inputs again and again, for `plugin bench`.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use palisade_events::{Decision, Event, Finding};
use palisade_pipeline::engine::{Engine, Notice, Output, Poison, Stop, Summary};
use palisade_runtime::Trace;

use super::trial;
use crate::host::Session;
use crate::vector::{Input, Vector};

/// Events, and packets of a capture, that are made of a vector at a time: few at first, as
/// nobody knows yet how long they take, then twice as many each time.
const FIRST: usize = 256;
const EVENTS: usize = 16_384;
const PACKETS: usize = 65_536;
/// Inputs that are read at most, however small they are.
const MAX_READS: usize = 4000;

/// When reading ends: at an end of a block or epoch after so many events, or when time is up.
pub(super) struct Until {
    /// After so many events.
    pub(super) events: u64,
    /// After so long from the first event on.
    pub(super) time: Duration,
    /// Of the engine that reads.
    pub(super) stop: Stop,
}

/// What was read.
pub(super) struct Read {
    /// The run.
    pub(super) done: Summary,
    /// How often the input was read from its beginning.
    pub(super) rounds: u64,
    /// Whether the time was up first.
    pub(super) time_up: bool,
    /// The first fault of a plugin, with its frames.
    pub(super) fault: Option<String>,
}

/// Reads files one after another, and again.
///
/// # Errors
/// When one cannot be read, or holds what is no event.
pub(super) fn files(engine: Engine, paths: &[PathBuf], until: &Until) -> Result<Read> {
    let mut seen = Seen::new(until);
    let mut session = Session::new(engine, "bench").with_vectors(true);
    for _ in 0..(MAX_READS / paths.len().max(1)).max(1) {
        let before = seen.events;
        for path in paths {
            session.file(path, &mut seen)?;
        }
        seen.rounds += 1;
        if seen.is_enough() || seen.events == before {
            break;
        }
    }
    seen.finish(session)
}

/// Reads a vector again and again; events move on in time.
///
/// # Errors
/// When it cannot be read, or holds what is no event.
pub(super) fn vector(mut session: Session, vector: &Vector, until: &Until) -> Result<Read> {
    let mut seen = Seen::new(until);
    trial::read(
        &mut session,
        "given.ndjson",
        trial::ndjson(&vector.given)?,
        &mut seen,
    )?;
    let mut block = FIRST;
    match &vector.input {
        Input::Capture(bytes) => {
            for _ in 0..MAX_READS {
                let before = seen.events;
                let (many, passes) = repeated(bytes, block).unwrap_or_else(|| (bytes.clone(), 1));
                trial::read(&mut session, "input.pcap", many, &mut seen)?;
                seen.rounds += passes;
                if seen.is_enough() || seen.events == before {
                    break;
                }
                block = (block * 2).min(PACKETS);
            }
        }
        Input::Events(once) | Input::Requests(once) if !once.is_empty() => {
            let times = || once.iter().map(|event| event.envelope.time.0);
            let span = times().max().unwrap_or(0) - times().min().unwrap_or(0);
            let step = span.saturating_add(1_000_000_000);
            let mut shift = 0_u64;
            let mut left = until.events;
            for _ in 0..MAX_READS {
                let mut events = Vec::with_capacity(block + once.len());
                while events.len() < block && (events.len() as u64) < left {
                    events.extend(once.iter().map(|event| later(event, shift)));
                    shift = shift.saturating_add(step);
                    seen.rounds += 1;
                }
                left = left.saturating_sub(events.len() as u64);
                let bytes = trial::ndjson(&events)?;
                trial::read(&mut session, "events.ndjson", bytes, &mut seen)?;
                if left == 0 || seen.is_over() {
                    break;
                }
                block = (block * 2).min(EVENTS);
            }
        }
        Input::Events(_) | Input::Requests(_) => {}
    }
    seen.finish(session)
}

/// A capture with its packets again and again, about so many, each time a minute later, and how
/// often; nothing if it is no pcap file that is whole and written on a machine like this one.
fn repeated(pcap: &[u8], packets_wanted: usize) -> Option<(Vec<u8>, u64)> {
    const HEADER: usize = 24;
    const RECORD: usize = 16;
    const MAGIC: [[u8; 4]; 2] = [[0xd4, 0xc3, 0xb2, 0xa1], [0x4d, 0x3c, 0xb2, 0xa1]];
    const STEP: u32 = 60;
    let (header, packets) = pcap.split_at_checked(HEADER)?;
    if !MAGIC.iter().any(|magic| header.starts_with(magic)) {
        return None;
    }
    let number = |at: usize| {
        let bytes = packets.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_le_bytes(bytes))
    };
    let mut starts = Vec::new();
    let mut at = 0;
    while at < packets.len() {
        starts.push((at, number(at)?));
        at += RECORD + number(at + 8)? as usize;
    }
    let span = starts.last()?.1.checked_sub(starts.first()?.1)?;
    if at != packets.len() {
        return None;
    }
    let mut out = header.to_vec();
    let passes = (packets_wanted / starts.len()).max(1) as u32;
    for pass in 0..passes {
        let from = out.len();
        out.extend_from_slice(packets);
        for (at, seconds) in &starts {
            let seconds = seconds.saturating_add(pass.saturating_mul(span.saturating_add(STEP)));
            out[from + at..from + at + 4].copy_from_slice(&seconds.to_le_bytes());
        }
    }
    Some((out, passes.into()))
}

fn later(event: &Event, shift: u64) -> Event {
    let mut event = event.clone();
    event.envelope.time.0 = event.envelope.time.0.saturating_add(shift);
    event
}

/// Counts, keeps the first problem, and ends the run when its time is up.
struct Seen<'a> {
    until: &'a Until,
    began: Instant,
    events: u64,
    rounds: u64,
    problem: Option<String>,
    fault: Option<String>,
}

impl<'a> Seen<'a> {
    fn new(until: &'a Until) -> Seen<'a> {
        Seen {
            until,
            began: Instant::now(),
            events: 0,
            rounds: 0,
            problem: None,
            fault: None,
        }
    }

    fn is_over(&self) -> bool {
        self.began.elapsed() >= self.until.time
    }

    fn is_enough(&self) -> bool {
        self.events >= self.until.events || self.is_over()
    }

    fn finish(mut self, session: Session) -> Result<Read> {
        if let Some(problem) = &self.problem {
            bail!("{problem}");
        }
        let time_up = self.events < self.until.events && self.is_over();
        Ok(Read {
            done: session.finish(&mut self)?,
            rounds: self.rounds,
            time_up,
            fault: self.fault,
        })
    }

    fn fault(&mut self, problem: &str, backtrace: &Trace) {
        self.fault.get_or_insert_with(|| {
            let frames = crate::output::frames(backtrace).map(|frame| format!("\n    {frame}"));
            problem.to_owned() + &frames.collect::<String>()
        });
    }
}

impl Output for Seen<'_> {
    fn finding(&mut self, _: Finding) {}

    fn decision(&mut self, _: &Event, _: Decision) {}

    fn poison(&mut self, _: &str, poison: &Poison) {
        self.fault(&poison.fault.to_string(), &poison.fault.backtrace);
    }

    fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Input { name, problem } | Notice::Record { name, problem } => {
                self.problem.get_or_insert(format!("{name}: {problem}"));
            }
            Notice::Fault {
                problem, backtrace, ..
            } => self.fault(&problem, &backtrace),
            _ => {}
        }
    }

    fn progress(&mut self, events: u64, _: u64) {
        self.events = events;
        if self.is_over() {
            self.until.stop.flag().store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use palisade_pipeline::engine::{EngineConfig, Generation};

    use super::*;

    #[test]
    fn an_input_is_read_4000_times_however_small_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let event = "{\"kind\":\"network.flow\",\"time\":\"2026-01-01T00:00:00Z\"}\n";
        let paths = ["a", "b", "c"].map(|name| dir.path().join(name));
        for path in &paths {
            std::fs::write(path, event).unwrap();
        }
        for (paths, rounds) in [(&paths[..1], 4_000), (&paths[..], 1_333)] {
            let generation = Generation::new(Vec::new(), Vec::new(), None).unwrap();
            let log: palisade_pipeline::capabilities::LogSink = Arc::new(|_, _, _| ());
            let engine = Engine::new(EngineConfig::default(), generation, &log).unwrap();
            let until = Until {
                events: u64::MAX,
                time: Duration::from_secs(3_600),
                stop: Stop::default(),
            };
            let read = files(engine, paths, &until).unwrap();
            assert_eq!((read.rounds, read.time_up), (rounds, false));
            assert_eq!(read.done.total_events(), rounds * paths.len() as u64);
        }
    }

    #[test]
    fn a_capture_is_repeated_with_later_times() {
        let mut pcap = vec![0xd4, 0xc3, 0xb2, 0xa1];
        pcap.resize(24, 7);
        for (seconds, byte) in [(100_u32, 1_u8), (103, 2)] {
            pcap.extend(seconds.to_le_bytes());
            pcap.extend([0; 4]);
            pcap.extend(2_u32.to_le_bytes());
            pcap.extend(2_u32.to_le_bytes());
            pcap.extend([byte, byte]);
        }
        let (many, passes) = repeated(&pcap, PACKETS).unwrap();
        assert_eq!(passes, PACKETS as u64 / 2);
        assert_eq!(many.len(), 24 + PACKETS / 2 * 36);
        assert!(many.starts_with(&pcap));
        let second = &many[pcap.len()..];
        assert_eq!(second[..4], 163_u32.to_le_bytes());
        assert_eq!(second[18..22], 166_u32.to_le_bytes());
        assert_eq!(second[16..18], [1, 1]);
        assert_eq!(repeated(&pcap, 1), Some((pcap.clone(), 1)));
        pcap.pop();
        assert_eq!(repeated(&pcap, 1), None);
        assert_eq!(repeated(b"\n\r\r\n", 1), None);
    }
}
