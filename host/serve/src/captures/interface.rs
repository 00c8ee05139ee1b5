//! A thread that captures what an interface sees.
//!
//! With libpcap, by the crate `pcap`: it knows the link layers of all interfaces, puts VLAN tags
//! back where the kernel took them off, compiles filters, and counts what the kernel drops.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use palisade_capture::{LinkType, Packet};
use palisade_events::contain;
use palisade_pipeline::engine::{Clock, Seen};
use pcap::{Active, Capture, Error, Precision};

use super::file::{MOST, PACKET};
use super::rows;
use super::state::{CaptureState, Doing};
use super::stream::CaptureStream;
use crate::active::Shared;
use crate::config::SourceConfig;
use crate::follow::Filled;
use crate::often::Often;
use crate::queue::Queue;
use crate::record::Rows;
use crate::server::{Tell, Told};
use crate::stream::StreamImage;
use crate::taking::Work;

/// How long nothing is asked of an interface that has nothing.
const PAUSE: Duration = Duration::from_millis(5);
/// For how long packets are gathered for an epoch.
const GATHER: Duration = Duration::from_millis(10);
/// How often what was dropped is asked for.
const ASK: Duration = Duration::from_secs(1);
/// How long nothing comes before flows are told that time has passed.
const SILENCE: Duration = Duration::from_secs(1);
/// How long an interface that cannot be captured from is left alone, at first and at last.
const RETRY: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(10)];

/// What is captured.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    interface: String,
    snaplen: u32,
    promiscuous: bool,
    buffer: u32,
    filter: Option<String>,
}

impl Options {
    /// Those of a source of kind `interface`.
    pub(crate) fn of(source: &SourceConfig) -> Options {
        Options {
            interface: source.interface.clone().unwrap_or_default(),
            snaplen: source.snaplen.unwrap_or(262_144),
            promiscuous: source.promiscuous.unwrap_or(true),
            buffer: source.buffer_bytes.unwrap_or(16 << 20),
            filter: source.filter.clone(),
        }
    }

    fn open(&self) -> Result<Capture<Active>, String> {
        let problem = |error: Error| {
            let name = &self.interface;
            let text = error.to_string();
            match text.contains("permi") || text.contains("Permi") {
                true => format!(
                    "cannot capture on `{name}`: {}; that needs root or CAP_NET_RAW (AmbientCapabilities \
                     of its unit, or `setcap cap_net_raw+ep` on the program)",
                    text.trim_start_matches("libpcap error: ")
                ),
                false => format!("cannot capture on `{name}`: {text}"),
            }
        };
        // Both fit: they are bounded where they are read.
        let (snaplen, buffer) = (self.snaplen as i32, self.buffer as i32);
        let capture = Capture::from_device(self.interface.as_str()).map_err(problem)?;
        let capture = capture
            .promisc(self.promiscuous)
            .snaplen(snaplen)
            .buffer_size(buffer)
            .immediate_mode(true)
            .timeout(5)
            .precision(Precision::Nano);
        let mut capture = capture.open().map_err(problem)?;
        if let Some(filter) = &self.filter {
            let problem = |error| format!("the filter `{filter}` is none: {error}");
            capture.filter(filter, true).map_err(problem)?;
        }
        // A read that waits is ended by nothing but a packet.
        capture.setnonblock().map_err(problem)
    }
}

/// An interface that is captured from.
pub(crate) struct Interface {
    pub(crate) name: String,
    /// Position among the sources of the journal.
    pub(crate) number: u32,
    pub(crate) options: Options,
    pub(crate) stream: CaptureStream,
    pub(crate) state: Arc<CaptureState>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) tell: Tell,
}

/// What the kernel dropped, by its own counters, of all captures since the start.
#[derive(Default)]
struct Drops {
    /// Of the captures before this one.
    before: [u64; 2],
    /// Of this one, as it counts in 32 bits.
    last: [u32; 2],
    asked: Option<Instant>,
    told: u64,
}

impl Interface {
    /// Captures until it is to stop, or nobody wants any more; a panic ends this source and no
    /// other.
    pub(crate) fn run_contained(self, work: &Queue) {
        let (source, tell) = (self.name.clone(), Arc::clone(&self.tell));
        let state = Arc::clone(&self.state);
        if let Err(panicked) = contain(|| self.run(work)) {
            let problem = format!("it is followed no further: {panicked}");
            state.does(Doing::Down);
            tell(Told::Source { source, problem });
        }
        // Where nobody wants to know, everything has ended.
        let _ = work.send(Work::Ended);
    }

    fn run(mut self, work: &Queue) {
        let (mut often, mut drops) = (Often::default(), Drops::default());
        let mut retry = RETRY[0];
        let mut was_up = false;
        while !self.is_to_stop() {
            let problem = match self.options.open() {
                Ok(capture) => {
                    self.state.reads(&self.options.interface, 0);
                    if std::mem::replace(&mut was_up, true) {
                        let problem = format!(
                            "`{}` is captured from again; what passed meanwhile is missing",
                            self.options.interface
                        );
                        self.problem(&mut often, "up", problem);
                    }
                    retry = RETRY[0];
                    match self.capture(capture, work, &mut drops, &mut often) {
                        None => return,
                        Some(problem) => {
                            self.state.drops("interruption", 1);
                            problem
                        }
                    }
                }
                Err(problem) => problem,
            };
            self.state.does(Doing::Down);
            self.problem(&mut often, "down", problem);
            let until = Instant::now() + retry;
            while Instant::now() < until && !self.is_to_stop() {
                std::thread::sleep(Duration::from_millis(50));
            }
            retry = (2 * retry).min(RETRY[1]);
        }
    }

    fn is_to_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Tells of a problem of a kind, the less often the more there are.
    fn problem(&self, often: &mut Often, kind: &str, problem: String) {
        if let Some(problem) = often.told(kind, || problem) {
            let source = self.name.clone();
            (self.tell)(Told::Source { source, problem });
        }
    }

    /// Captures until that is not possible any more: why. `None`: nobody wants any more.
    fn capture(
        &mut self,
        mut capture: Capture<Active>,
        work: &Queue,
        drops: &mut Drops,
        often: &mut Often,
    ) -> Option<String> {
        // Link types of libpcap are those of files but for a few old ones.
        let link = LinkType(u16::try_from(capture.get_datalink().0).unwrap_or(u16::MAX));
        let link = match link {
            LinkType::RAW_12 | LinkType::RAW_14 => LinkType::RAW,
            link => link,
        };
        drops.begin();
        let mut silent = Instant::now();
        loop {
            if self.is_to_stop() {
                return None;
            }
            let mut bytes = Vec::new();
            let read = self.gather(&mut capture, link, &mut bytes);
            let (counts, failed) = match read {
                Ok(counts) => (counts, None),
                Err((counts, error)) => (counts, Some(error)),
            };
            if bytes.is_empty() && failed.is_none() && silent.elapsed() >= SILENCE {
                let now = Clock::System.now().unwrap_or_default();
                rows::push(&mut bytes, &Seen::Time(now));
            }
            if !bytes.is_empty() {
                silent = Instant::now();
                self.send(bytes, counts, work)?;
            }
            if let Some(problem) = drops.ask(&mut capture, &self.state, failed.is_some()) {
                self.problem(often, "drops", problem);
            }
            if let Some(error) = failed {
                return Some(format!("`{}`: {error}", self.options.interface));
            }
        }
    }

    /// Gathers packets until there are enough for an epoch, or none come any more; how many, with
    /// their bytes.
    fn gather(
        &self,
        capture: &mut Capture<Active>,
        link: LinkType,
        bytes: &mut Vec<u8>,
    ) -> Result<(u64, u64), ((u64, u64), Error)> {
        let (records, most) = self.stream.terms().room();
        let most = most.min(MOST);
        let mut counts = (0, 0);
        let mut since = None;
        while counts.0 < records as u64 && bytes.len() + counts.0 as usize * PACKET < most {
            let packet = match capture.next_packet() {
                Ok(packet) => packet,
                Err(Error::TimeoutExpired) => {
                    if counts.0 == 0 {
                        std::thread::sleep(PAUSE);
                    }
                    return Ok(counts);
                }
                Err(error) => return Err((counts, error)),
            };
            let time = packet.header.ts;
            // With this precision microseconds are nanoseconds.
            let time = (time.tv_sec as u64)
                .wrapping_mul(1_000_000_000)
                .wrapping_add(time.tv_usec as u64);
            counts.0 += 1;
            counts.1 += packet.data.len() as u64;
            let packet = Packet {
                number: 0,
                time,
                link,
                original_length: packet.header.len,
                data: packet.data,
            };
            rows::push(bytes, &Seen::Packet(packet));
            if since.get_or_insert_with(Instant::now).elapsed() >= GATHER {
                break;
            }
        }
        Ok(counts)
    }

    /// Sends rows on their way; `None`: nobody wants any more.
    fn send(&mut self, bytes: Vec<u8>, counts: (u64, u64), work: &Queue) -> Option<()> {
        let stream = &mut self.stream;
        if stream.generation != self.shared.generation() {
            stream.follow(self.shared.terms());
        }
        let generation = stream.generation;
        let now = Clock::System.now().unwrap_or_default();
        let mut epoch = stream.epoch(now);
        // They were made a moment ago.
        let _ = stream.fill(&mut epoch, &bytes);
        self.state.has_read(counts, stream.feed());
        let filled = Filled {
            epoch,
            now,
            generation,
            rows: Rows {
                source: self.number,
                begins: None,
                bytes,
                ended: false,
                place: None,
                delivered: None,
            },
            letters: (Vec::new(), 0),
            waiting: None,
            stream: StreamImage::default(),
        };
        work.send(Work::Filled(Box::new(filled))).ok()
    }
}

impl Drops {
    /// Another capture begins, which counts from nothing.
    fn begin(&mut self) {
        for (before, last) in self.before.iter_mut().zip(self.last) {
            *before += u64::from(last);
        }
        self.last = [0; 2];
    }

    /// Asks the kernel, if it is time or the last time; what is to be told.
    fn ask(
        &mut self,
        capture: &mut Capture<Active>,
        state: &CaptureState,
        last: bool,
    ) -> Option<String> {
        let waits = self.asked.is_some_and(|asked| asked.elapsed() < ASK);
        if waits && !last {
            return None;
        }
        self.asked = Some(Instant::now());
        let stat = capture.stats().ok()?;
        for (at, now) in [stat.dropped, stat.if_dropped].into_iter().enumerate() {
            if now < self.last[at] {
                // It has gone round.
                self.before[at] += 1 << 32;
            }
            self.last[at] = now;
        }
        let all: Vec<u64> = (0..2)
            .map(|at| self.before[at] + u64::from(self.last[at]))
            .collect();
        state.dropped("kernel", all[0]);
        state.dropped("interface", all[1]);
        let sum = all[0] + all[1];
        let more = sum - std::mem::replace(&mut self.told, sum);
        (more > 0).then(|| {
            format!(
                "{more} packets were dropped since it was told last: {} by the kernel and {} by the \
                 interface since the start; flows have gaps (a larger buffer_bytes, a filter or a \
                 snaplen help)",
                all[0], all[1]
            )
        })
    }
}
