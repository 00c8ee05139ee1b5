//! Between the types here and those of the SDK.

use palisade_sdk::{Chunk, Direction, Outcome, Recognition};

use crate::{Run, Side, Step, Verdict};

impl<'a> From<&Chunk<'a>> for Run<'a> {
    fn from(chunk: &Chunk<'a>) -> Self {
        Self {
            side: match chunk.direction {
                Direction::ToServer => Side::ToServer,
                Direction::ToClient => Side::ToClient,
            },
            stream: !chunk.is_datagram(),
            port: chunk.port,
            offset: chunk.offset,
            gap: chunk.gap,
            end: chunk.end,
            bytes: chunk.bytes,
        }
    }
}

impl From<Verdict> for Recognition {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::No => Self::No,
            Verdict::Yes => Self::Yes,
            Verdict::More => Self::More,
        }
    }
}

impl From<Step> for Outcome {
    fn from(step: Step) -> Self {
        match step {
            Step::Done => Self::Done,
            Step::Incomplete { consumed, needed } => Self::Incomplete { consumed, needed },
            Step::Error(fault) => Self::error(fault.offset, format!("expected {}", fault.expected)),
            Step::Handover(offset) => Self::Handover { offset },
        }
    }
}

/// Which side of a flow sent a message: the positions of `types.message-direction`.
pub mod direction {
    /// The side that asks.
    pub const REQUEST: u8 = 0;
    /// The side that answers.
    pub const RESPONSE: u8 = 1;
    /// Not known.
    pub const UNKNOWN: u8 = 2;
}
