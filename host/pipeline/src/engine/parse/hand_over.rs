//! Where a flow changes its protocol: STARTTLS, Upgrade, CONNECT.

use palisade_runtime::Outcome;

use super::feed::{Call, bytes_of, is_datagram, left_over};
use super::session::{State, index};
use super::worker::ParseWorker;
use crate::engine::piece::{Piece, Pieces};

impl ParseWorker {
    /// Begins recognition of a flow afresh, from `offset` in chunk `i` of a call; where that is
    /// negative, in what its parser had left over of the chunks before. What its parser
    /// kept of the other direction of a stream belongs to what comes now: a client may speak
    /// the new protocol before the answer that changes to it has come.
    pub(super) fn hand_over(&mut self, i: usize, offset: i64, call: &Call<'_>, pieces: &Pieces) {
        let (chunks, origins) = (call.chunks, call.origins);
        let flow = origins[i].flow;
        let Some(session) = self.sessions.get_mut(&flow) else {
            return;
        };
        if let State::Parsing { seat, .. } = session.state {
            let left = self.instances[seat.parser][seat.instance].leave(seat.place);
            self.close_numbers(seat, left.into_iter().collect());
        }
        let datagram = is_datagram(&chunks[i]);
        let kept = (!datagram).then(|| self.kept_of_other(i, call)).flatten();
        let Some(session) = self.sessions.get_mut(&flow) else {
            return;
        };
        if !session.restart() {
            return;
        }
        if let Some((piece, bytes)) = kept {
            self.route(&piece, Some(bytes), pieces);
        }
        // What comes after the handover in this call was parsed in vain: it comes again.
        for j in i..chunks.len() {
            if origins[j].flow != flow {
                continue;
            }
            let (from, bytes) = match j == i {
                true => from_offset(i, offset, call),
                false => (0, bytes_of(&chunks[j], call.arena).to_vec()),
            };
            if bytes.is_empty() && !chunks[j].end {
                continue;
            }
            let piece = Piece {
                offset: if datagram {
                    0
                } else {
                    chunks[j].offset.saturating_add_signed(from)
                },
                end: chunks[j].end,
                ..piece_at(j, call)
            };
            self.route(&piece, Some(bytes), pieces);
        }
    }

    /// What the parser kept of the direction that chunk `i` does not belong to.
    fn kept_of_other(&mut self, i: usize, call: &Call<'_>) -> Option<(Piece, Vec<u8>)> {
        let origin = &call.origins[i];
        let last = (0..i).rev().find(|j| {
            let other = &call.origins[*j];
            other.flow == origin.flow && other.direction != origin.direction
        });
        let Some(last) = last else {
            // Nothing came of it in this call.
            let session = self.sessions.get_mut(&origin.flow)?;
            let other = 1 - index(origin.direction);
            let side = &mut session.sides[other];
            let bytes = std::mem::take(&mut side.tail);
            let piece = Piece {
                direction: super::session::DIRECTIONS[other],
                offset: side.tail_end.saturating_sub(bytes.len() as u64),
                ..piece_at(i, call)
            };
            return (!bytes.is_empty()).then_some((piece, bytes));
        };
        let Outcome::Incomplete { kept, .. } = call.outcomes[last] else {
            return None;
        };
        let (parts, _) = left_over(last, kept as usize, call.chunks, call.arena, call.origins);
        let bytes = parts.concat();
        let chunk = &call.chunks[last];
        let piece = Piece {
            offset: (chunk.offset + u64::from(chunk.length)).saturating_sub(bytes.len() as u64),
            end: chunk.end,
            ..piece_at(last, call)
        };
        (!bytes.is_empty() || chunk.end).then_some((piece, bytes))
    }
}

/// The bytes of chunk `i` from an offset on, with those of its direction that came before it where
/// that is negative, and the offset of the first of them.
fn from_offset(i: usize, offset: i64, call: &Call<'_>) -> (i64, Vec<u8>) {
    let own = bytes_of(&call.chunks[i], call.arena);
    if let Ok(skip) = usize::try_from(offset) {
        return (offset, own.get(skip..).unwrap_or_default().to_vec());
    }
    let back = usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX);
    let whole = back.saturating_add(own.len());
    let (parts, missing) = left_over(i, whole, call.chunks, call.arena, call.origins);
    let missing = i64::try_from(missing).unwrap_or(i64::MAX);
    (offset.saturating_add(missing), parts.concat())
}

/// A piece where a chunk of the call was, without bytes.
fn piece_at(j: usize, call: &Call<'_>) -> Piece {
    let origin = &call.origins[j];
    Piece {
        flow: origin.flow,
        order: origin.order,
        time: origin.time,
        direction: origin.direction,
        context: None,
        offset: call.chunks[j].offset,
        gap: 0,
        end: false,
        close: false,
        start: 0,
        length: 0,
    }
}
