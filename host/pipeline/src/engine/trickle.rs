//! A live input, which may say nothing for a long time.
//!
//! A thread reads it, so that a read that waits holds nothing back: when the input pauses, the
//! engine is told so by an error of kind `WouldBlock`, evaluates what it has, and reads on.

use std::io::{self, ErrorKind, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use super::stop::Stop;

/// How long what was read may wait for more.
const LATENCY: Duration = Duration::from_millis(20);
/// For how long an input has nothing to say when it pauses.
const IDLE: Duration = Duration::from_millis(5);
/// How soon it is noticed that the run is to stop.
const NOTICE: Duration = Duration::from_millis(50);
/// Bytes of a piece, and pieces that may wait.
const PIECE: usize = 64 << 10;
const PIECES: usize = 16;

/// Reads what a thread reads. After a pause the next read waits, however long it takes.
pub(crate) struct Trickle {
    pieces: Receiver<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    at: usize,
    /// When a pause is due; none while nothing was read since the last.
    deadline: Option<Instant>,
    ended: bool,
    stop: Stop,
}

impl Trickle {
    /// Starts a thread that reads the input. It ends with the input, or when nobody wants
    /// any more of it.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(crate) fn start(mut from: Box<dyn Read + Send>, stop: Stop) -> io::Result<Trickle> {
        let (send, pieces) = sync_channel(PIECES);
        let body = move || {
            let mut buffer = vec![0; PIECE];
            loop {
                let piece = match from.read(&mut buffer) {
                    Ok(0) => return,
                    Ok(len) => Ok(buffer[..len].to_vec()),
                    Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                    Err(error) => Err(error),
                };
                let last = piece.is_err();
                if send.send(piece).is_err() || last {
                    return;
                }
            }
        };
        // Not joined: it may wait for an input that never ends.
        std::thread::Builder::new()
            .name("palisade-input".to_owned())
            .spawn(body)?;
        Ok(Trickle {
            pieces,
            piece: Vec::new(),
            at: 0,
            deadline: None,
            ended: false,
            stop,
        })
    }

    /// Waits for the next piece; `false` at the end.
    fn next(&mut self) -> io::Result<bool> {
        loop {
            let wait = match self.deadline {
                None => NOTICE,
                Some(deadline) => IDLE.min(deadline.saturating_duration_since(Instant::now())),
            };
            match self.pieces.recv_timeout(wait) {
                Ok(piece) => {
                    (self.piece, self.at) = (piece?, 0);
                    return Ok(true);
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(false),
                Err(RecvTimeoutError::Timeout) if self.deadline.is_some() => {
                    self.deadline = None;
                    return Err(ErrorKind::WouldBlock.into());
                }
                Err(RecvTimeoutError::Timeout) if self.stop.is_asked() => return Ok(false),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

impl Read for Trickle {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.at == self.piece.len() {
            let due = self.deadline.is_some_and(|due| Instant::now() >= due);
            if due {
                self.deadline = None;
                return Err(ErrorKind::WouldBlock.into());
            }
            if self.ended || !self.next()? {
                self.ended = true;
                return Ok(0);
            }
        }
        self.deadline
            .get_or_insert_with(|| Instant::now() + LATENCY);
        let len = to.len().min(self.piece.len() - self.at);
        to[..len].copy_from_slice(&self.piece[self.at..self.at + len]);
        self.at += len;
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// Reads until the input pauses or ends.
    fn burst(trickle: &mut Trickle) -> (String, Option<ErrorKind>) {
        let mut text = String::new();
        let mut buffer = [0; 7];
        loop {
            match trickle.read(&mut buffer) {
                Ok(0) => return (text, None),
                Ok(len) => text.push_str(std::str::from_utf8(&buffer[..len]).unwrap()),
                Err(error) => return (text, Some(error.kind())),
            }
        }
    }

    #[test]
    fn what_was_read_does_not_wait_for_more() {
        let (from, mut to) = io::pipe().unwrap();
        let mut trickle = Trickle::start(Box::new(from), Stop::default()).unwrap();
        for text in ["one line\n", "another\n"] {
            to.write_all(text.as_bytes()).unwrap();
            // The pipe stays open, and still the text comes.
            let (read, why) = burst(&mut trickle);
            assert_eq!((read.as_str(), why), (text, Some(ErrorKind::WouldBlock)));
        }
        to.write_all(b"last").unwrap();
        drop(to);
        let mut rest = String::new();
        loop {
            let (text, why) = burst(&mut trickle);
            rest.push_str(&text);
            if why.is_none() {
                break;
            }
        }
        assert_eq!(rest, "last");
    }

    #[test]
    fn a_stop_ends_an_input_that_says_nothing() {
        let (from, _to) = io::pipe().unwrap();
        let stop = Stop::default();
        let mut trickle = Trickle::start(Box::new(from), stop.clone()).unwrap();
        let flag = stop.flag();
        flag.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(burst(&mut trickle), (String::new(), None));
    }

    #[test]
    fn an_error_ends_the_input() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("broken"))
            }
        }
        let mut trickle = Trickle::start(Box::new(Broken), Stop::default()).unwrap();
        let error = trickle.read(&mut [0; 4]).unwrap_err();
        assert_eq!(error.to_string(), "broken");
        assert_eq!(burst(&mut trickle), (String::new(), None));
    }
}
