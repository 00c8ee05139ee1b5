//! How a run is asked to end before its inputs do.

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// For how long what was read is still evaluated.
const GRACE: Duration = Duration::from_millis(600);

/// Asks a run to end: inputs end where they are, and what was read is evaluated as far as
/// 0.6 s go; what remains is counted. Clones ask the same run.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<Asked>);

#[derive(Debug, Default)]
struct Asked {
    flag: Arc<AtomicBool>,
    /// When it was noticed first.
    since: OnceLock<Instant>,
}

impl Stop {
    /// The flag itself, for a signal handler, which may do no more than set one.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0.flag)
    }

    /// Whether the run is to end.
    pub fn is_asked(&self) -> bool {
        self.since().is_some()
    }

    /// Whether no further call may be made.
    pub(crate) fn is_over(&self) -> bool {
        self.since().is_some_and(|since| since.elapsed() >= GRACE)
    }

    fn since(&self) -> Option<&Instant> {
        let asked = self.0.flag.load(Ordering::Relaxed);
        asked.then(|| self.0.since.get_or_init(Instant::now))
    }
}

/// An input that ends when the run is to: however much of it says nothing (blank lines, blocks
/// that are passed over), a signal is noticed.
pub(crate) struct Stoppable {
    from: Box<dyn Read + Send>,
    stop: Stop,
    paused: bool,
}

impl Stoppable {
    pub(crate) fn new(from: Box<dyn Read + Send>, stop: Stop) -> Stoppable {
        Stoppable {
            from,
            stop,
            paused: false,
        }
    }
}

impl Read for Stoppable {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if !self.stop.is_asked() {
            return self.from.read(to);
        }
        // First as a pause, so that a record that has begun is not taken for one that is cut
        // off; the reader hears of the end before it asks again.
        if std::mem::replace(&mut self.paused, true) {
            return Ok(0);
        }
        Err(io::ErrorKind::WouldBlock.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_pauses_once_and_ends_when_the_run_is_to() {
        let stop = Stop::default();
        let mut input = Stoppable::new(Box::new(io::repeat(b'\n')), stop.clone());
        assert_eq!(input.read(&mut [0; 4]).unwrap(), 4);
        stop.flag().store(true, Ordering::Relaxed);
        let paused = input.read(&mut [0; 4]).unwrap_err();
        assert_eq!(paused.kind(), io::ErrorKind::WouldBlock);
        assert_eq!(input.read(&mut [0; 4]).unwrap(), 0);
    }

    #[test]
    fn it_is_over_after_a_while() {
        let stop = Stop::default();
        assert!(!stop.is_asked() && !stop.is_over());
        stop.flag().store(true, Ordering::Relaxed);
        assert!(stop.is_asked());
        while !stop.is_over() {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(stop.0.since.get().is_some_and(|t| t.elapsed() >= GRACE));
    }
}
