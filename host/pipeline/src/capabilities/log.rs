//! Messages of guests, each told once though the call that it is from may be tried again.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use palisade_events::Escaped;
use palisade_runtime::LogLevel;

/// Takes the messages of plugins: name, level, and text that is safe to show.
pub type LogSink = Arc<dyn Fn(&str, LogLevel, &str) + Send + Sync>;

/// The most different messages that are remembered; beyond that one may be told twice.
const REMEMBERED: usize = 1024;

/// What one plugin writes on one shard.
///
/// A call that faults, or does too much at once, is undone and made again with fewer rows. What
/// it wrote is told at once, since it may be its last word, and what the calls that stand in its
/// place write again is not.
pub(super) struct Log {
    plugin: String,
    sink: LogSink,
    hasher: RandomState,
    in_call: bool,
    /// How often each message was told, and how often it was written by calls that stand and by
    /// the one that runs. Empty as soon as nothing was told that no call that stands wrote.
    told: HashMap<u64, u32>,
    standing: HashMap<u64, u32>,
    current: HashMap<u64, u32>,
    /// What was told when instances were made.
    outside: HashSet<u64>,
}

impl Log {
    pub(super) fn new(plugin: String, sink: LogSink) -> Log {
        Log {
            plugin,
            sink,
            hasher: RandomState::new(),
            in_call: false,
            told: HashMap::new(),
            standing: HashMap::new(),
            current: HashMap::new(),
            outside: HashSet::new(),
        }
    }

    pub(super) fn begin(&mut self) {
        self.in_call = true;
        self.current.clear();
    }

    /// The call that begins makes an instance ready, as one did before: what it says again is not
    /// told again.
    pub(super) fn configure(&mut self) {
        self.in_call = false;
    }

    /// The call is undone.
    pub(super) fn rollback(&mut self) {
        self.in_call = false;
    }

    /// The call stands: it returned, or was undone and is not tried again.
    pub(super) fn keep(&mut self) {
        self.in_call = false;
        for (message, times) in self.current.drain() {
            *self.standing.entry(message).or_default() += times;
        }
        let open = |(message, told): (&u64, &u32)| self.standing.get(message) < Some(told);
        if self.told.len() > REMEMBERED || !self.told.iter().any(open) {
            self.told.clear();
            self.standing.clear();
        }
    }

    pub(super) fn write(&mut self, level: LogLevel, message: &str) {
        let key = self.hasher.hash_one((level as u8, message));
        let tell = || (self.sink)(&self.plugin, level, &Escaped(message).to_string());
        if !self.in_call {
            if !self.outside.contains(&key) {
                tell();
            }
            if self.outside.len() < REMEMBERED {
                self.outside.insert(key);
            }
            return;
        }
        let current = self.current.entry(key).or_default();
        *current += 1;
        let written = *current + self.standing.get(&key).copied().unwrap_or_default();
        if written > self.told.get(&key).copied().unwrap_or_default() {
            // Whoever takes it may panic, and it is not told then.
            tell();
            *self.told.entry(key).or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn what_a_call_wrote_that_is_tried_again_is_told_once() {
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let to = Arc::clone(&seen);
        let sink: LogSink = Arc::new(move |_, _, text| to.lock().unwrap().push(text.to_owned()));
        let mut log = Log::new("p".into(), sink);
        let mut call = |writes: &[&str], end: fn(&mut Log)| {
            log.begin();
            for text in writes {
                log.write(LogLevel::Info, text);
            }
            end(&mut log);
            std::mem::take(&mut *seen.lock().unwrap())
        };
        // Rows a, a and b, of which the third faults; then the first two, and the third alone.
        assert_eq!(call(&["a", "a", "b"], Log::rollback), ["a", "a", "b"]);
        assert!(call(&["a", "a"], Log::keep).is_empty());
        // It is to blame, and not tried again.
        let given_up = |log: &mut Log| {
            log.rollback();
            log.keep();
        };
        assert!(call(&["b"], given_up).is_empty());
        // The next call says the same of other rows.
        assert_eq!(call(&["a", "b", "a"], Log::keep), ["a", "b", "a"]);
        assert_eq!(call(&["a"], Log::keep), ["a"]);
        log.write(LogLevel::Info, "made");
        log.write(LogLevel::Info, "made");
        assert_eq!(*seen.lock().unwrap(), ["made"]);
        assert!(log.told.is_empty() && log.standing.is_empty());
    }
}
