//! How long a call ran, and how much of that it had a processor.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, Timespec, clock_gettime};

/// When a call began, on the wall clock and on that of its thread, which stands still while others
/// have the processor.
pub(crate) struct Began {
    wall: Instant,
    worked: Duration,
}

impl Began {
    /// Now, on this thread.
    pub(crate) fn now() -> Began {
        Began {
            wall: Instant::now(),
            worked: worked(),
        }
    }

    /// For how long the call has run, for who reads why it was ended. To be asked on the same thread.
    pub(crate) fn told(&self) -> String {
        told(self.wall.elapsed(), worked().saturating_sub(self.worked))
    }
}

fn worked() -> Duration {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::ThreadCPUTime);
    // Neither is negative.
    Duration::new(
        u64::try_from(tv_sec).unwrap_or_default(),
        u32::try_from(tv_nsec).unwrap_or_default(),
    )
}

fn told(ran: Duration, worked: Duration) -> String {
    let (ran, worked) = (ran.as_millis(), worked.as_millis());
    match worked * 2 < ran {
        true => format!(
            "it ran for {ran} ms and had a processor for {worked} ms of them: the machine is busy \
             with something else, so it need not be the plugin; run less beside it, or bound calls \
             by what they do and not by time with --deterministic"
        ),
        false => format!("it ran for {ran} ms and had a processor for {worked} ms of them"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_waits_for_a_processor_is_told_from_one_that_works() {
        let ms = Duration::from_millis;
        assert!(told(ms(300), ms(149)).contains("busy"));
        assert_eq!(
            told(ms(300), ms(150)),
            "it ran for 300 ms and had a processor for 150 ms of them"
        );
        let began = Began::now();
        std::thread::sleep(ms(20));
        // However busy the machine is, a sleeping thread has no processor.
        assert!(began.told().contains("busy"), "{}", began.told());
    }
}
