//! A stream of bytes of which those that are not in the journal yet are kept.

use std::io::{self, ErrorKind, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many first bytes tell one file from another.
pub(crate) const HEAD: usize = 256;

/// Hands on what it reads and keeps a copy. Clones are the same tape; whoever reads from one
/// gets what comes in by the other.
#[derive(Clone, Default)]
pub(crate) struct Tape(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Bytes to be read before anything else: those of the journal.
    given: Vec<u8>,
    at: usize,
    /// What is read then.
    live: Option<Box<dyn Read + Send>>,
    /// The stream ends when that has nothing more.
    over: bool,
    /// What was read and not cut off.
    kept: Vec<u8>,
    /// Where in the stream that begins.
    base: u64,
    head: Vec<u8>,
    /// Bytes that may still be read of what is live before it pauses; nothing is granted at first.
    granted: usize,
}

impl Tape {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins another stream.
    pub(crate) fn begin(&self) {
        *self.state() = State::default();
    }

    /// Goes on in the middle of a stream, which began with these bytes.
    pub(crate) fn go_on(&self, at: u64, mut head: Vec<u8>) {
        head.truncate(HEAD);
        *self.state() = State {
            base: at,
            head,
            ..State::default()
        };
    }

    /// The first bytes of the stream, at most [`HEAD`].
    pub(crate) fn first_bytes(&self) -> Vec<u8> {
        self.state().head.clone()
    }

    /// Adds bytes to what is read first.
    pub(crate) fn give(&self, bytes: &[u8]) {
        let mut state = self.state();
        let read = std::mem::take(&mut state.at);
        state.given.drain(..read);
        state.given.extend_from_slice(bytes);
    }

    /// What is read from here on.
    pub(crate) fn attach(&self, live: Box<dyn Read + Send>) {
        self.state().live = Some(live);
    }

    /// The stream ends where it has nothing more.
    pub(crate) fn end(&self) {
        self.state().over = true;
    }

    /// The stream ends here, whatever may still come of what is live.
    pub(crate) fn end_here(&self) {
        let mut state = self.state();
        (state.over, state.live) = (true, None);
    }

    /// Lets so many bytes be read of what is live, so that what is kept has an end where a record
    /// has none.
    pub(crate) fn grant(&self, bytes: usize) {
        self.state().granted = bytes;
    }

    /// Whether what was granted is used up: there may be more to be read at once.
    pub(crate) fn is_spent(&self) -> bool {
        self.state().granted == 0
    }

    /// Takes off what was read up to a place in the stream.
    pub(crate) fn cut(&self, to: u64) -> Vec<u8> {
        let mut state = self.state();
        let count = to.saturating_sub(state.base);
        let count = usize::try_from(count)
            .unwrap_or(usize::MAX)
            .min(state.kept.len());
        state.base += count as u64;
        let rest = state.kept.split_off(count);
        std::mem::replace(&mut state.kept, rest)
    }

    /// The first bytes of the stream: how many are known, at most [`HEAD`], and their CRC-32.
    pub(crate) fn head(&self) -> (u32, u32) {
        let state = self.state();
        (state.head.len() as u32, crc32fast::hash(&state.head))
    }
}

impl Read for Tape {
    /// `WouldBlock`: there is nothing more for now.
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let mut guard = self.state();
        let state = &mut *guard;
        let given = &state.given[state.at..];
        let read = if given.is_empty() {
            let most = to.len().min(state.granted);
            let read = match &mut state.live {
                None => Ok(0),
                Some(_) if most == 0 => return Err(ErrorKind::WouldBlock.into()),
                Some(live) => live.read(&mut to[..most]),
            };
            state.granted -= *read.as_ref().unwrap_or(&0);
            match read {
                Ok(0) if state.over => return Ok(0),
                Ok(0) => return Err(ErrorKind::WouldBlock.into()),
                Err(error) if error.kind() == ErrorKind::WouldBlock && state.over => return Ok(0),
                // What is read says that nothing more will come, where an end would say not yet.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    state.over = true;
                    return Ok(0);
                }
                other => other?,
            }
        } else {
            let read = given.len().min(to.len());
            to[..read].copy_from_slice(&given[..read]);
            state.at += read;
            read
        };
        let room = HEAD - state.head.len();
        state.head.extend_from_slice(&to[..read.min(room)]);
        state.kept.extend_from_slice(&to[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(tape: &mut Tape) -> (String, Option<ErrorKind>) {
        let (mut text, mut buffer) = (String::new(), [0; 3]);
        loop {
            match tape.read(&mut buffer) {
                Ok(0) => return (text, None),
                Ok(read) => text.push_str(std::str::from_utf8(&buffer[..read]).unwrap()),
                Err(error) => return (text, Some(error.kind())),
            }
        }
    }

    #[test]
    fn what_was_read_is_kept_until_it_is_taken() {
        let mut tape = Tape::default();
        let pauses = |text: &str| (text.to_owned(), Some(ErrorKind::WouldBlock));
        assert_eq!(all(&mut tape), pauses(""));
        tape.give(b"from the ");
        tape.give(b"journal");
        assert_eq!(all(&mut tape), pauses("from the journal"));
        assert_eq!(tape.cut(9), b"from the ");
        tape.attach(Box::new(&b", and live"[..]));
        assert_eq!(all(&mut tape), pauses(""));
        tape.grant(5);
        assert_eq!(all(&mut tape), pauses(", and"));
        assert!(tape.is_spent());
        tape.grant(100);
        assert_eq!(all(&mut tape), pauses(" live"));
        assert!(!tape.is_spent());
        assert_eq!(tape.cut(18), b"journal, ");
        tape.end();
        assert_eq!(all(&mut tape), (String::new(), None));
        assert_eq!(tape.cut(u64::MAX), b"and live");
        assert_eq!(
            tape.head(),
            (26, crc32fast::hash(b"from the journal, and live"))
        );
        tape.begin();
        assert_eq!(all(&mut tape), pauses(""));
        assert_eq!(tape.head().0, 0);
    }
}
