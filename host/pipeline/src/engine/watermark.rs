//! Event time: how far the input has come.

use std::time::Duration;

use palisade_events::Batch;

use super::route::Tick;

const SECOND: u64 = 1_000_000_000;

/// The watermark of a run: the latest event time so far, less the lateness.
///
/// It only moves forward, and plugins hear of it at whole seconds, so that neither the size of
/// batches nor that of epochs decides when a timer fires. A time that lies further ahead of the
/// clock than the allowed skew never moves it: one event dated 2099 must not fire every timer.
#[derive(Clone, Debug)]
pub(crate) struct Watermark {
    lateness: u64,
    /// The latest time that is believed.
    ceiling: u64,
    latest: u64,
    tick: u64,
    clamped: u64,
}

impl Watermark {
    /// A watermark with this lateness; `now` is the wall clock in nanoseconds, when known.
    pub(crate) fn new(lateness: Duration, max_skew: Duration, now: Option<u64>) -> Watermark {
        let nanos = |d: Duration| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX);
        Watermark {
            lateness: nanos(lateness),
            ceiling: now.map_or(u64::MAX, |now| now.saturating_add(nanos(max_skew))),
            latest: 0,
            tick: 0,
            clamped: 0,
        }
    }

    /// How many events were too far ahead of the clock.
    pub(crate) fn latest(&self) -> u64 {
        self.latest
    }

    pub(crate) fn clamped(&self) -> u64 {
        self.clamped
    }

    /// Takes an epoch's batches and returns the ticks on the way.
    pub(crate) fn advance(&mut self, batches: &[Batch]) -> Vec<Tick> {
        let mut times: Vec<(u64, u64)> = batches
            .iter()
            .flat_map(|b| b.seqs().iter().copied().zip(b.times().iter().copied()))
            .collect();
        times.sort_unstable();
        let mut ticks = Vec::new();
        for (seq, time) in times {
            if time > self.ceiling {
                self.clamped += 1;
                continue;
            }
            self.latest = self.latest.max(time);
            // The event itself comes after the tick that it causes.
            ticks.extend(self.tick(seq, self.latest.saturating_sub(self.lateness)));
        }
        ticks
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
        let mut watermark = Watermark::new(Duration::ZERO, skew, Some(1_000 * SECOND));
        let most = 1_300 * SECOND;
        watermark.advance(&[batch(&[most, most + 1, u64::MAX])]);
        assert_eq!((watermark.latest(), watermark.clamped()), (most, 2));
        // Without a clock every time is believed.
        let mut watermark = Watermark::new(Duration::ZERO, skew, None);
        watermark.advance(&[batch(&[u64::MAX])]);
        assert_eq!((watermark.latest(), watermark.clamped()), (u64::MAX, 0));
    }

    fn at(latest: u64, tick: u64) -> Watermark {
        let mut watermark = Watermark::new(Duration::from_secs(10), Duration::MAX, None);
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
