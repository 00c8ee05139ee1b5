//! What a parser sees and answers.

use crate::bindings::parse::exports::palisade::plugin::parse as wit;
use crate::sessions::Answer;
use crate::{Settings, SettingsError, Tables};

pub use crate::bindings::host::palisade::plugin::types::Transport;
pub use wit::{ChunkDirection as Direction, Recognition};

/// Turns the bytes of sessions into events. Export it with
/// [`export_parser!`](crate::export_parser).
pub trait Parser: Sized {
    /// Makes the plugin; called once in every new instance.
    ///
    /// # Errors
    /// When a setting's value makes no sense.
    fn configure(settings: &Settings) -> Result<Self, SettingsError>;

    /// Looks at the first bytes of a session, up to 4 KiB of one direction, always from
    /// its start. The port is a hint, never a proof.
    fn probe(&self, chunk: &Chunk<'_>) -> Recognition;

    /// Takes the next bytes of a session and adds the events that they complete to `out`.
    /// Sessions and their two directions come interleaved; at most 64 sessions live in an
    /// instance at a time. What it keeps of a session is lost when the instance is
    /// replaced, which the next chunk's `gap` then says.
    fn parse(&mut self, chunk: &Chunk<'_>, out: &mut Tables) -> Outcome;

    /// The session is over; forget it.
    fn close(&mut self, session: u32);
}

/// A run of bytes of one direction of one session: of a stream where it came by TCP, otherwise
/// one datagram, as much of it as the capture holds.
#[derive(Debug, Clone, Copy)]
pub struct Chunk<'a> {
    /// The session; unique for the life of the instance.
    pub session: u32,
    /// Which way it went, seen from the side that opened the flow.
    pub direction: Direction,
    /// What it came by.
    pub transport: Transport,
    /// The server's port.
    pub port: u16,
    /// Position of the first byte in this direction's stream; 0 for datagrams.
    pub offset: u64,
    /// How many bytes are missing right before this chunk; `u32::MAX`: that many or more.
    pub gap: u32,
    /// No more bytes will come in this direction.
    pub end: bool,
    /// The bytes, led by those that the last answer left over.
    pub bytes: &'a [u8],
}

impl Chunk<'_> {
    /// Whether this is a datagram and no part of a stream. Datagrams stand alone: nothing of
    /// one comes again with the next, and a bad one ends nothing.
    #[must_use]
    pub fn is_datagram(&self) -> bool {
        self.transport != Transport::Tcp
    }
}

/// Why parsing of a direction pauses or ends, and what becomes of its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Every byte of the chunk is done with.
    Done,
    /// The bytes from `consumed` on come again, with at least `needed` more (0: unknown),
    /// if the session goes on. At most 64 KiB are kept. No more comes of a datagram: one that
    /// is incomplete is a bad one, as with `Error`.
    Incomplete {
        /// Bytes of the chunk that are done with.
        consumed: usize,
        /// How many more are needed at least.
        needed: usize,
    },
    /// The chunk makes no sense from this offset on. A stream is parsed no further. A bad
    /// datagram is counted and passed over: forget nothing because of it, since anybody can
    /// forge one.
    Error {
        /// Offset in the chunk.
        offset: usize,
        /// What was expected there; at most 256 bytes.
        message: String,
    },
    /// From this offset on the session speaks something else and is recognised afresh.
    Handover {
        /// Offset in the chunk.
        offset: usize,
    },
}

impl Outcome {
    /// The chunk makes no sense from `offset` on.
    pub fn error(offset: usize, message: impl Into<String>) -> Self {
        Outcome::Error {
            offset,
            message: message.into(),
        }
    }
}

impl Answer {
    pub(crate) fn into_wit(self) -> wit::Outcome {
        // No call is longer than 1 MiB.
        let narrow = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        match self.outcome {
            Outcome::Done => wit::Outcome::Done,
            Outcome::Incomplete { consumed, needed } => wit::Outcome::Incomplete(wit::Incomplete {
                kept: narrow(self.shown.saturating_sub(consumed)),
                needed: narrow(needed),
            }),
            Outcome::Error { offset, message } => wit::Outcome::Error(wit::ParseError {
                offset: narrow(offset),
                message,
            }),
            Outcome::Handover { offset } => wit::Outcome::Handover(narrow(offset)),
        }
    }
}
