//! One direction: where in a head or a body it is.

use iot_wire::{Fault, Run};

use crate::head::Body;

/// Bytes of a head, or of the trailers of a body.
pub(crate) const MAX_HEAD: usize = 32 * 1024;
/// Bytes of the line that begins a chunk.
const MAX_CHUNK_LINE: usize = 4 * 1024;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum State {
    /// Before or in a head.
    #[default]
    Head,
    /// In a body, with so many bytes to come.
    Body(u64),
    /// Before the line that begins a chunk.
    Chunk,
    /// In a chunk, with so many bytes to come.
    ChunkData(u64),
    /// Before the line end that ends a chunk.
    ChunkEnd,
    /// After the last chunk, with so many bytes of trailers seen.
    Trailers(usize),
    /// In a body that ends with the connection.
    UntilClose,
    /// Where the next head begins is not known (bytes were lost where they mattered, or the
    /// capture began in the middle of a body): waits for a run that begins with one.
    Lost,
}

/// One direction.
#[derive(Debug, Default)]
pub(crate) struct Half {
    pub(crate) state: State,
    /// Bytes of an incomplete head that hold no end of a head.
    pub(crate) scanned: usize,
    /// Where the next byte is expected in the stream.
    pub(crate) next: u64,
    /// Whether a head was read, so that the place of the next one is known.
    pub(crate) begun: bool,
}

impl State {
    pub(crate) fn of(body: Body) -> Self {
        match body {
            Body::Length(0) => Self::Head,
            Body::Length(length) => Self::Body(length),
            Body::Chunked => Self::Chunk,
            Body::UntilClose => Self::UntilClose,
        }
    }
}

impl Half {
    /// Takes what follows a head.
    pub(crate) fn begin(&mut self, state: State) {
        self.state = state;
        self.begun = true;
    }

    pub(crate) fn after_body(&self) -> State {
        if matches!(self.state, State::ChunkData(_)) {
            State::ChunkEnd
        } else {
            State::Head
        }
    }

    pub(crate) fn take(&mut self, count: u64) {
        match &mut self.state {
            State::Body(left) | State::ChunkData(left) => {
                *left -= count;
                if *left == 0 {
                    self.state = self.after_body();
                }
            }
            _ => {}
        }
    }

    /// Steps over lost bytes if they lie within a body.
    pub(crate) fn skip(&mut self, run: &Run<'_>) {
        self.scanned = 0;
        let lost = run
            .offset
            .checked_sub(self.next)
            .filter(|_| run.gap < u32::MAX);
        match (self.state, lost) {
            (State::Body(left) | State::ChunkData(left), Some(lost)) if lost <= left => {
                self.take(lost);
            }
            (State::UntilClose, _) => {}
            _ => self.state = State::Lost,
        }
    }

    /// Reads what stands between chunks; returns how many bytes, or `None` for too few.
    pub(crate) fn between(&mut self, rest: &[u8]) -> Result<Option<usize>, Fault> {
        match self.state {
            State::ChunkEnd => {
                let length = match rest {
                    [b'\n', ..] => 1,
                    [b'\r', b'\n', ..] => 2,
                    [b'\r'] => return Ok(None),
                    _ => {
                        return Err(Fault {
                            offset: 0,
                            expected: "the end of a chunk",
                        });
                    }
                };
                self.state = State::Chunk;
                Ok(Some(length))
            }
            State::Chunk => match httparse::parse_chunk_size(rest) {
                Ok(httparse::Status::Complete((length, size))) => {
                    self.state = if size == 0 {
                        State::Trailers(0)
                    } else {
                        State::ChunkData(size)
                    };
                    Ok(Some(length))
                }
                Ok(httparse::Status::Partial) if rest.len() <= MAX_CHUNK_LINE => Ok(None),
                _ => Err(Fault {
                    offset: 0,
                    expected: "the size of a chunk",
                }),
            },
            State::Trailers(seen) => {
                let Some(newline) = memchr::memchr(b'\n', rest) else {
                    if rest.len() + seen > MAX_HEAD {
                        return Err(Fault {
                            offset: 0,
                            expected: "at most 32 KiB of trailers",
                        });
                    }
                    return Ok(None);
                };
                let line = rest.get(..newline).unwrap_or_default();
                if seen.saturating_add(newline) > MAX_HEAD {
                    return Err(Fault {
                        offset: 0,
                        expected: "at most 32 KiB of trailers",
                    });
                }
                self.state = if line.trim_ascii().is_empty() {
                    State::Head
                } else {
                    State::Trailers(seen + newline + 1)
                };
                Ok(Some(newline + 1))
            }
            _ => Ok(Some(0)),
        }
    }
}
