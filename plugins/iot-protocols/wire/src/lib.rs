//! What the protocol parsers of this pack share.
//!
//! A parser here is a state machine over [`Run`]s, the bytes of one direction of one
//! session, and answers each with a [`Step`]. It never keeps bytes: what it cannot use
//! yet it leaves with [`Step::Incomplete`], and the host shows it again with more.
//! That keeps the state of a session small and bounded.

mod plugin;
mod reader;
mod sessions;

#[cfg(feature = "harness")]
pub mod harness;

pub use plugin::direction;
pub use reader::{Fault, Reader};
pub use sessions::{MAX_SESSIONS, Sessions};

/// Which way bytes travelled, seen from the side that opened the flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// From the opener.
    ToServer,
    /// To the opener.
    ToClient,
}

impl Side {
    /// 0 for to-server and 1 for to-client: indexes state that is kept per direction.
    #[must_use]
    pub fn index(self) -> usize {
        match self {
            Self::ToServer => 0,
            Self::ToClient => 1,
        }
    }

    /// The other direction.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::ToServer => Self::ToClient,
            Self::ToClient => Self::ToServer,
        }
    }
}

/// A run of bytes of one direction of one session, or one datagram.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// Which way the bytes travelled.
    pub side: Side,
    /// Whether these are bytes of a stream (TCP) rather than one datagram (UDP).
    pub stream: bool,
    /// The server's port: a hint, never a proof.
    pub port: u16,
    /// Position of the first byte in this direction's stream.
    pub offset: u64,
    /// Bytes missing right before this run; `u32::MAX` means that many or more.
    pub gap: u32,
    /// No more bytes will come in this direction.
    pub end: bool,
    /// The bytes.
    pub bytes: &'a [u8],
}

/// What a parser says to the first bytes of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Not this protocol.
    No,
    /// This protocol.
    Yes,
    /// It could be; more bytes will tell.
    More,
}

/// What becomes of the bytes of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// All of them are done with.
    Done,
    /// Those from `consumed` on are wanted again, with at least `needed` more (0: unknown).
    Incomplete {
        /// Bytes that are done with.
        consumed: usize,
        /// How many more are needed at least.
        needed: usize,
    },
    /// They make no sense.
    Error(Fault),
    /// From this offset on the session speaks another protocol.
    Handover(usize),
}

/// `text` cut to at most `limit` bytes, on a character boundary.
#[must_use]
pub fn clip(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let mut end = limit;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// `bytes` as text of at most `limit` bytes: bytes that are not UTF-8 become U+FFFD.
#[must_use]
pub fn text(bytes: &[u8], limit: usize) -> std::borrow::Cow<'_, str> {
    let bytes = bytes.get(..limit).unwrap_or(bytes);
    match String::from_utf8_lossy(bytes) {
        std::borrow::Cow::Borrowed(valid) => std::borrow::Cow::Borrowed(valid),
        std::borrow::Cow::Owned(replaced) => {
            std::borrow::Cow::Owned(clip(&replaced, limit).to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clip_keeps_characters_whole() {
        assert_eq!(clip("abc", 8), "abc");
        assert_eq!(clip("aé", 2), "a");
        assert_eq!(clip("é", 0), "");
    }

    #[test]
    fn text_replaces_what_is_not_utf8_and_stays_within_its_limit() {
        assert_eq!(text(b"abc", 2), "ab");
        assert_eq!(text(b"a\xffb", 9), "a\u{fffd}b");
        assert!(text(&[0xff; 64], 10).len() <= 10);
    }
}
