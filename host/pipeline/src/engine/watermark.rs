//! Event time: how far the input has come.

use std::collections::BTreeMap;
use std::time::Duration;

use palisade_events::Batch;
use serde::{Deserialize, Serialize};

use super::route::Tick;

const SECOND: u64 = 1_000_000_000;

/// The most nanoseconds by the clock for which a source that says nothing holds back the others.
const PATIENCE: u64 = 300 * SECOND;

/// For how many nanoseconds by the clock nobody speaks before the watermark follows the clock.
const SILENCE: u64 = 2 * SECOND;

/// The watermark: the time up to which events are taken to have come.
///
/// Each source has come as far as its latest event, less the lateness; the watermark is where the
/// least of those that have something to say is. It only moves forward, and plugins hear of it at
/// whole seconds, so that neither the size of batches nor that of epochs decides when a timer
/// fires. A time that lies further ahead of the clock than the allowed skew never moves it: one
/// event dated 2099 must not fire every timer.
#[derive(Clone, Debug)]
pub(crate) struct Watermark {
    lateness: u64,
    max_skew: u64,
    /// The sources that are open, by slot.
    sources: BTreeMap<u16, Reach>,
    /// The latest time of all.
    latest: u64,
    tick: u64,
    clamped: u64,
}

/// A watermark as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WatermarkImage {
    /// Slot, latest time and when it was heard of each source that is open.
    pub(crate) sources: Vec<(u16, u64, u64)>,
    pub(crate) latest: u64,
    /// In whole seconds.
    pub(crate) tick: u64,
    pub(crate) clamped: u64,
}

impl WatermarkImage {
    /// Whether a watermark can be there.
    pub(crate) fn is_sound(&self) -> bool {
        self.tick <= u64::MAX / SECOND
    }
}

/// How far a source has come.
#[derive(Clone, Copy, Debug, Default)]
struct Reach {
    /// Its latest time that is believed.
    latest: u64,
    /// When it last said something, by the clock; 0: there is none.
    heard: u64,
}

impl Watermark {
    /// A watermark with this lateness, where events may be dated so far ahead of the clock.
    pub(crate) fn new(lateness: Duration, max_skew: Duration) -> Watermark {
        let nanos = |d: Duration| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX);
        Watermark {
            lateness: nanos(lateness),
            max_skew: nanos(max_skew),
            sources: BTreeMap::new(),
            latest: 0,
            tick: 0,
            clamped: 0,
        }
    }

    /// What is kept of it.
    pub(crate) fn image(&self) -> WatermarkImage {
        let sources = self.sources.iter();
        WatermarkImage {
            sources: sources
                .map(|(slot, reach)| (*slot, reach.latest, reach.heard))
                .collect(),
            latest: self.latest,
            tick: self.tick,
            clamped: self.clamped,
        }
    }

    /// Goes on where one was kept.
    pub(crate) fn restore(&mut self, image: &WatermarkImage) {
        let reach = |(slot, latest, heard): &(u16, u64, u64)| {
            let (latest, heard) = (*latest, *heard);
            (*slot, Reach { latest, heard })
        };
        self.sources = image.sources.iter().map(reach).collect();
        (self.latest, self.tick, self.clamped) = (image.latest, image.tick, image.clamped);
    }

    /// The latest time of any event that is believed.
    pub(crate) fn latest(&self) -> u64 {
        self.latest
    }

    /// How many events were too far ahead of the clock.
    pub(crate) fn clamped(&self) -> u64 {
        self.clamped
    }

    /// Takes an epoch's batches of a source, read at `now` (`None`: every time is believed), and
    /// returns the ticks on the way.
    pub(crate) fn advance(&mut self, slot: u16, now: Option<u64>, batches: &[Batch]) -> Vec<Tick> {
        let ceiling = now.map_or(u64::MAX, |now| now.saturating_add(self.max_skew));
        let heard = now.unwrap_or(0);
        let mut times: Vec<(u64, u64)> = batches
            .iter()
            .flat_map(|b| b.seqs().iter().copied().zip(b.times().iter().copied()))
            .collect();
        times.sort_unstable();
        let others = self.others(slot, heard);
        let mut reach = self.sources.get(&slot).copied().unwrap_or_default();
        reach.heard = heard;
        let mut ticks = Vec::new();
        for (seq, time) in times {
            if time > ceiling {
                self.clamped += 1;
                continue;
            }
            reach.latest = reach.latest.max(time);
            // The event itself comes after the tick that it causes.
            let least = reach.latest.min(others);
            ticks.extend(self.tick(seq, least.saturating_sub(self.lateness)));
        }
        self.latest = self.latest.max(reach.latest);
        self.sources.insert(slot, reach);
        ticks
    }

    /// How far the least of the other sources has come. One that has said nothing for a while,
    /// or nothing yet, holds nobody back.
    fn others(&self, slot: u16, now: u64) -> u64 {
        let waits = |reach: &&Reach| now.saturating_sub(reach.heard) <= PATIENCE;
        let others = self.sources.iter().filter(|(other, _)| **other != slot);
        let others = others.map(|(_, reach)| reach).filter(waits);
        let reached = others
            .map(|reach| reach.latest)
            .filter(|latest| *latest > 0);
        reached.min().unwrap_or(u64::MAX)
    }

    /// The clock says that it is `now`: where every open source that is current has said nothing
    /// for a while, the watermark goes on without them. One that told of times long past is not
    /// current: what it says next is not late because nobody spoke.
    pub(crate) fn follow(&mut self, now: u64) -> Option<Tick> {
        let mut open = self.sources.values().peekable();
        open.peek()?;
        let waits = |reach: &Reach| {
            let current = reach.latest.saturating_add(PATIENCE) >= reach.heard;
            current && now.saturating_sub(reach.heard) >= SILENCE
        };
        if !open.all(waits) {
            return None;
        }
        self.tick(u64::MAX, now.saturating_sub(self.lateness))
    }

    /// A source has ended and holds nobody back.
    pub(crate) fn close(&mut self, slot: u16) {
        self.sources.remove(&slot);
    }

    /// The end of the input: the watermark comes to the last event plus the lateness, or to
    /// `until` if that is later.
    pub(crate) fn finish(&mut self, until: Option<u64>) -> Option<Tick> {
        let end = self.latest.saturating_add(self.lateness);
        self.tick(
            u64::MAX,
            end.max(until.unwrap_or(0)).saturating_add(SECOND - 1),
        )
    }

    /// The end of a phase: the watermark comes to just past the last event so far, so that a
    /// timer that is due with it fires; `None` when it is further already. The next tick is a
    /// whole second again.
    pub(crate) fn settle(&mut self) -> Option<Tick> {
        let watermark = self.latest.saturating_add(1);
        if self.latest == 0 || watermark <= self.tick * SECOND {
            return None;
        }
        let before = std::mem::replace(&mut self.tick, watermark / SECOND);
        Some(Tick {
            seq: u64::MAX,
            before: before * SECOND,
            watermark,
        })
    }

    fn tick(&mut self, seq: u64, watermark: u64) -> Option<Tick> {
        let second = watermark / SECOND;
        if second <= self.tick {
            return None;
        }
        let before = std::mem::replace(&mut self.tick, second);
        Some(Tick {
            seq,
            before: before * SECOND,
            watermark: second * SECOND,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use palisade_events::{BatchBuilder, Body, Kind, NetworkFlow, Source, Stamp, Timestamp};

    use super::*;

    /// Flows at these times.
    fn batch(times: &[u64]) -> Batch {
        let source = Arc::new(Source {
            slot: 1,
            name: "tap".into(),
            tenant: "acme".into(),
        });
        let mut builder = BatchBuilder::new(Kind::NetworkFlow, source);
        for (seq, time) in (0..).zip(times) {
            let stamp = Stamp {
                time: Timestamp(*time),
                ingest_time: Timestamp(*time),
                seq,
            };
            let flow = Body::NetworkFlow(NetworkFlow::default());
            builder.push(stamp, &flow).unwrap();
        }
        builder.finish().unwrap()
    }

    #[test]
    fn events_up_to_300_s_ahead_of_the_clock_move_it_and_none_beyond() {
        let skew = crate::engine::EngineConfig::default().max_skew;
        let mut watermark = Watermark::new(Duration::ZERO, skew);
        let now = Some(1_000 * SECOND);
        let most = 1_300 * SECOND;
        watermark.advance(1, now, &[batch(&[most, most + 1, u64::MAX])]);
        assert_eq!((watermark.latest(), watermark.clamped()), (most, 2));
        // The clock goes on, and what is current then is believed.
        let later = Some(2_000 * SECOND);
        watermark.advance(1, later, &[batch(&[2_000 * SECOND])]);
        assert_eq!(
            (watermark.latest(), watermark.clamped()),
            (2_000 * SECOND, 2)
        );
        // Without a clock every time is believed.
        let mut watermark = Watermark::new(Duration::ZERO, skew);
        watermark.advance(1, None, &[batch(&[u64::MAX])]);
        assert_eq!((watermark.latest(), watermark.clamped()), (u64::MAX, 0));
    }

    #[test]
    fn it_is_where_the_least_of_the_sources_is_that_have_something_to_say() {
        let seconds = |ticks: Vec<Tick>| -> Vec<u64> {
            let seconds = ticks.iter().map(|tick| tick.watermark / SECOND);
            seconds.collect()
        };
        let mut watermark = Watermark::new(Duration::ZERO, Duration::MAX);
        let mut say = |slot, now: u64, time: u64| {
            let said = watermark.advance(slot, Some(now * SECOND), &[batch(&[time * SECOND])]);
            seconds(said)
        };
        assert_eq!(say(1, 100, 50), [50]);
        // The second source is behind: nothing moves back, and nothing on.
        assert!(say(2, 100, 20).is_empty());
        assert!(say(1, 101, 70).is_empty());
        assert_eq!(say(2, 102, 60), [60]);
        assert_eq!(say(2, 103, 90), [70]);
        // One that is silent for more than five minutes holds nobody back.
        assert!(say(2, 401, 91).is_empty());
        assert_eq!(say(2, 402, 92), [92]);
        // Nor does one that has ended.
        assert_eq!(say(1, 402, 93), [92u64; 0]);
        watermark.close(2);
        let said = watermark.advance(1, Some(403 * SECOND), &[batch(&[95 * SECOND])]);
        assert_eq!(seconds(said), [95]);
    }

    fn at(latest: u64, tick: u64) -> Watermark {
        let mut watermark = Watermark::new(Duration::from_secs(10), Duration::MAX);
        (watermark.latest, watermark.tick) = (latest, tick);
        watermark
    }

    #[test]
    fn settling_passes_the_latest_event_and_never_goes_back() {
        let mut watermark = at(20 * SECOND + 5, 10);
        let tick = watermark.settle().expect("the watermark moves");
        assert_eq!(tick.watermark, 20 * SECOND + 6);
        assert_eq!(watermark.tick, 20);
        // Ticks go on at the next whole second, which is later.
        assert_eq!(watermark.tick(0, 20 * SECOND + 9), None);
        let next = watermark.tick(0, 21 * SECOND).expect("a later second");
        assert!(next.watermark > tick.watermark);
        assert_eq!(at(0, 0).settle(), None);
        assert_eq!(at(5 * SECOND, 6).settle(), None);
    }
}
