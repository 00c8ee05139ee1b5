//! Puts the chunks of a call before a parser, with what earlier ones left over.
//!
//! A call may hold several chunks of one direction of a session. What the parser leaves
//! of one comes again ahead of the next, so that a parser never sees where the call was
//! cut, and a message that grows chunk by chunk is looked at once it can be whole. Only
//! streams go on like that: a datagram is seen alone, and none ends its session by an error.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Chunk, Direction, Outcome, Parser, Tables};

/// What a parser said to a chunk.
#[derive(Debug)]
pub(crate) struct Answer {
    /// As the parser said it: offsets are in `shown` bytes.
    pub(crate) outcome: Outcome,
    /// How many bytes the parser saw, or would have: the chunk's own, and before them those that
    /// were left over of earlier chunks of the call.
    pub(crate) shown: usize,
}

/// Bytes of one direction that come again.
#[derive(Debug)]
struct Leftover {
    bytes: Vec<u8>,
    /// Position of their first byte in the stream.
    offset: u64,
    /// How many bytes there must be before it makes sense to look again.
    wanted: usize,
}

type Key = (u32, bool);

fn key(chunk: &Chunk<'_>) -> Key {
    (chunk.session, chunk.direction == Direction::ToClient)
}

/// Parses the chunks of a call in order.
pub(crate) fn parse<P: Parser>(
    plugin: &mut P,
    chunks: &[Chunk<'_>],
    out: &mut Tables,
) -> Vec<Answer> {
    let last: BTreeMap<Key, usize> = chunks
        .iter()
        .enumerate()
        .map(|(at, chunk)| (key(chunk), at))
        .collect();
    let mut leftovers: BTreeMap<Key, Leftover> = BTreeMap::new();
    let mut over: BTreeSet<u32> = BTreeSet::new();
    let mut answers = Vec::with_capacity(chunks.len());
    for (at, chunk) in chunks.iter().enumerate() {
        let key = key(chunk);
        if over.contains(&chunk.session) {
            answers.push(Answer {
                outcome: Outcome::Done,
                shown: chunk.bytes.len(),
            });
            continue;
        }
        out.begin_chunk(at);
        // Across a gap nothing continues.
        let leftover = leftovers.remove(&key).filter(|_| chunk.gap == 0);
        let more = !chunk.is_datagram() && last.get(&key).is_some_and(|last| *last > at);
        let answer = match leftover {
            None => {
                let outcome = within(plugin.parse(chunk, out), chunk.bytes.len());
                if let (Outcome::Incomplete { consumed, needed }, true) = (&outcome, more) {
                    let rest = &chunk.bytes[*consumed..];
                    leftovers.insert(
                        key,
                        Leftover {
                            bytes: rest.to_vec(),
                            offset: chunk.offset.saturating_add(*consumed as u64),
                            wanted: rest.len().saturating_add(*needed),
                        },
                    );
                }
                Answer {
                    outcome,
                    shown: chunk.bytes.len(),
                }
            }
            Some(leftover) => {
                continued(plugin, chunk, leftover, more.then_some(&mut leftovers), out)
            }
        };
        let ends = match answer.outcome {
            Outcome::Error { .. } => !chunk.is_datagram(),
            Outcome::Handover { .. } => true,
            Outcome::Done | Outcome::Incomplete { .. } => false,
        };
        if ends {
            over.insert(chunk.session);
        }
        answers.push(answer);
    }
    answers
}

fn continued<P: Parser>(
    plugin: &mut P,
    chunk: &Chunk<'_>,
    mut leftover: Leftover,
    leftovers: Option<&mut BTreeMap<Key, Leftover>>,
    out: &mut Tables,
) -> Answer {
    leftover.bytes.extend_from_slice(chunk.bytes);
    let shown = leftover.bytes.len();
    let outcome = if shown < leftover.wanted && !chunk.end {
        Outcome::Incomplete {
            consumed: 0,
            needed: leftover.wanted - shown,
        }
    } else {
        let joined = Chunk {
            bytes: &leftover.bytes,
            offset: leftover.offset,
            ..*chunk
        };
        within(plugin.parse(&joined, out), shown)
    };
    if let (Outcome::Incomplete { consumed, needed }, Some(leftovers)) = (&outcome, leftovers) {
        let consumed = *consumed;
        leftover.bytes.drain(..consumed);
        leftover.offset = leftover.offset.saturating_add(consumed as u64);
        leftover.wanted = leftover.bytes.len().saturating_add(*needed);
        leftovers.insert(key(chunk), leftover);
    }
    Answer { outcome, shown }
}

/// What a parser said, which ends the call where it speaks of bytes that it was not shown: some of
/// the session's would be lost, or come twice.
fn within(outcome: Outcome, shown: usize) -> Outcome {
    let (name, at) = match &outcome {
        Outcome::Done => return outcome,
        Outcome::Incomplete { consumed, .. } => ("Outcome::Incomplete { consumed", *consumed),
        Outcome::Error { offset, .. } => ("Outcome::Error { offset", *offset),
        Outcome::Handover { offset } => ("Outcome::Handover { offset", *offset),
    };
    assert!(
        at <= shown,
        "`{name}: {at}, … }}`: the parser was shown {shown} bytes; it counts from the first of \
         `chunk.bytes`"
    );
    outcome
}
