//! What parsers are given and what they return, checked against the interface.

use palisade_events::table::{TableColumn, TableValues};
use palisade_events::{FieldId, Kind, Transport};

use crate::FaultCause;
use crate::bindings::types;
use crate::manifest::Manifest;

/// WIT's limits on what `parse` returns in one call.
const MAX_TABLES: usize = 16;
const MAX_PARSED_EVENTS: usize = 16_384;

/// Which way a chunk travelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChunkDirection {
    /// From the side that opened the flow.
    ToServer,
    /// To it.
    ToClient,
}

/// A run of bytes of one direction of one session; see the WIT record `chunk`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Unique for the life of the instance.
    pub session: u32,
    /// Which way it travelled.
    pub direction: ChunkDirection,
    /// What it came by.
    pub transport: Transport,
    /// The server's port.
    pub port: u16,
    /// Position of its first byte in the stream.
    pub offset: u64,
    /// Bytes missing right before it.
    pub gap: u32,
    /// Nothing more comes in this direction.
    pub end: bool,
    /// Where its bytes begin in the arena.
    pub start: u32,
    /// How many there are.
    pub length: u32,
}

/// What a parser says to the first bytes of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recognition {
    /// Not its protocol.
    No,
    /// Its protocol.
    Yes,
    /// It needs more bytes to tell.
    More,
}

/// What a parser made of a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every byte is done with.
    Done,
    /// The last `kept` bytes of the direction must come again, with `needed` more.
    Incomplete {
        /// Bytes that come again; not yet compared with what the direction has had.
        kept: u32,
        /// How many more are needed at least; 0: unknown.
        needed: u32,
    },
    /// The stream makes no sense from here on.
    Error {
        /// Offset in the chunk; negative in what was left over before it of earlier chunks of the
        /// call, of which there are as many bytes.
        offset: i64,
        /// What was expected, escaped.
        message: String,
    },
    /// Another protocol begins here.
    Handover {
        /// As that of an error.
        offset: i64,
    },
}

/// Events of one kind as a parser returned them.
#[derive(Clone, Debug)]
pub struct ParsedTable {
    /// The kind; one that the manifest declares.
    pub kind: Kind,
    /// For each event the position of its chunk in the call; ascending and in range.
    pub chunks: Vec<u32>,
    /// Its columns, unchecked; see [`palisade_events::segment`].
    pub columns: Vec<TableColumn>,
}

/// What `parse` returned.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    /// One for each chunk.
    pub outcomes: Vec<Outcome>,
    /// The events.
    pub tables: Vec<ParsedTable>,
    /// Bytes that the events take as the host holds them, about.
    pub bytes: usize,
}

pub(crate) fn same_length(found: usize, expected: usize) -> Result<(), FaultCause> {
    if found == expected {
        return Ok(());
    }
    Err(FaultCause::Result(format!(
        "{found} answers for {expected} chunks"
    )))
}

/// How many bytes a guest put before chunk `at` of a call: those that it left over of the chunk
/// before that in the same direction of the same session, given what it said to earlier chunks.
fn carried(at: usize, chunks: &[types::Chunk], said: &[Outcome]) -> u64 {
    let chunk = &chunks[at];
    if chunk.transport != types::Transport::Tcp || chunk.gap > 0 {
        return 0;
    }
    let same =
        |i: &usize| chunks[*i].session == chunk.session && chunks[*i].direction == chunk.direction;
    let mut before = (0..at).rev().filter(same);
    let Some(last) = before.next() else {
        return 0;
    };
    let Outcome::Incomplete { kept, .. } = said[last] else {
        return 0;
    };
    // It cannot have kept more than came.
    let mut came = u64::from(chunks[last].length);
    let mut begun = chunks[last].gap > 0;
    for i in before {
        if begun {
            break;
        }
        came += u64::from(chunks[i].length);
        begun = chunks[i].gap > 0;
    }
    u64::from(kept).min(came)
}

pub(crate) fn check(
    parsed: types::Parsed,
    chunks: &[types::Chunk],
    manifest: &Manifest,
) -> Result<Parsed, FaultCause> {
    same_length(parsed.outcomes.len(), chunks.len())?;
    let wrong = |problem: String| Err(FaultCause::Result(problem));
    let mut outcomes = Vec::with_capacity(chunks.len());
    for (at, outcome) in parsed.outcomes.into_iter().enumerate() {
        let (offset, carried) = match &outcome {
            types::Outcome::Error(error) => (error.offset, carried(at, chunks, &outcomes)),
            types::Outcome::Handover(offset) => (*offset, carried(at, chunks, &outcomes)),
            types::Outcome::Done | types::Outcome::Incomplete(_) => (0, 0),
        };
        let shown = carried + u64::from(chunks[at].length);
        if u64::from(offset) > shown {
            return wrong(format!("offset {offset} in a chunk of {shown}"));
        }
        // No call has more bytes than that.
        let offset = i64::from(offset) - i64::try_from(carried).unwrap_or(i64::MAX);
        outcomes.push(match outcome {
            types::Outcome::Done => Outcome::Done,
            types::Outcome::Incomplete(i) => Outcome::Incomplete {
                kept: i.kept,
                needed: i.needed,
            },
            types::Outcome::Error(e) => Outcome::Error {
                offset,
                message: palisade_events::plain(&e.message, 256),
            },
            types::Outcome::Handover(_) => Outcome::Handover { offset },
        });
    }
    if parsed.tables.len() > MAX_TABLES {
        return wrong(format!(
            "{} tables; at most {MAX_TABLES}",
            parsed.tables.len()
        ));
    }
    let events: usize = parsed.tables.iter().map(|table| table.chunks.len()).sum();
    if events > MAX_PARSED_EVENTS {
        return wrong(format!("{events} events; at most {MAX_PARSED_EVENTS}"));
    }
    let emits = manifest.parser.as_ref().map_or(&[][..], |p| &p.emits[..]);
    let mut bytes = events * HELD_EVENT;
    let mut tables = Vec::with_capacity(parsed.tables.len());
    for table in parsed.tables {
        bytes += table.columns.iter().map(held).sum::<usize>();
        let kind = Kind::from(table.kind);
        if !emits.contains(&kind) {
            return wrong(format!(
                "events of kind `{}`, which `parser.emits` does not list",
                kind.name()
            ));
        }
        let in_order = table.chunks.windows(2).all(|w| w[0] <= w[1]);
        let in_range = table
            .chunks
            .last()
            .is_none_or(|c| (*c as usize) < chunks.len());
        if !in_order || !in_range {
            return wrong(format!(
                "events of `{}` whose chunks decrease or are not there",
                kind.name()
            ));
        }
        tables.push(ParsedTable {
            kind,
            chunks: table.chunks,
            columns: table.columns.into_iter().map(Into::into).collect(),
        });
    }
    Ok(Parsed {
        outcomes,
        tables,
        bytes,
    })
}

/// Bytes that an event takes beside its parser's columns: what it is stamped with, and its
/// place in the input.
const HELD_EVENT: usize = 256;
/// Bytes that a column takes beside its values.
const HELD_COLUMN: usize = 512;

fn held(column: &types::Column) -> usize {
    let values = match &column.values {
        types::Values::U8s(v) => v.len(),
        types::Values::U16s(v) => v.len() * 2,
        types::Values::U32s(v) => v.len() * 4,
        types::Values::U64s(v) => v.len() * 8,
        types::Values::F64s(v) => v.len() * 8,
        types::Values::Text(text) => text.bytes.len() + text.offsets.len() * 4,
    };
    HELD_COLUMN + values + column.valid.len() + column.offsets.len() * 4
}

impl From<types::Column> for TableColumn {
    fn from(column: types::Column) -> TableColumn {
        TableColumn {
            field: FieldId(column.field),
            attribute: column.attribute,
            valid: column.valid,
            offsets: column.offsets,
            values: match column.values {
                types::Values::U8s(v) => TableValues::U8(v),
                types::Values::U16s(v) => TableValues::U16(v),
                types::Values::U32s(v) => TableValues::U32(v),
                types::Values::U64s(v) => TableValues::U64(v),
                types::Values::F64s(v) => TableValues::F64(v),
                types::Values::Text(text) => TableValues::Text {
                    offsets: text.offsets,
                    bytes: text.bytes,
                },
            },
        }
    }
}

impl From<&Chunk> for types::Chunk {
    fn from(chunk: &Chunk) -> types::Chunk {
        types::Chunk {
            session: chunk.session,
            direction: match chunk.direction {
                ChunkDirection::ToServer => types::ChunkDirection::ToServer,
                ChunkDirection::ToClient => types::ChunkDirection::ToClient,
            },
            transport: match chunk.transport {
                Transport::Tcp => types::Transport::Tcp,
                Transport::Udp => types::Transport::Udp,
                Transport::Icmp => types::Transport::Icmp,
                Transport::Other => types::Transport::Other,
            },
            port: chunk.port,
            offset: chunk.offset,
            gap: chunk.gap,
            end: chunk.end,
            start: chunk.start,
            length: chunk.length,
        }
    }
}

impl From<types::Recognition> for Recognition {
    fn from(recognition: types::Recognition) -> Recognition {
        match recognition {
            types::Recognition::No => Recognition::No,
            types::Recognition::Yes => Recognition::Yes,
            types::Recognition::More => Recognition::More,
        }
    }
}
