//! Recorded conversations, split, cut short and changed.

use std::fmt::Debug;

use super::{Piece, Random, capture::Conversation};
use crate::{Run, Side, Step, Verdict};

/// Ways of splitting, cutting and changing that each conversation is tried with.
const ROUNDS: usize = 24;

/// What a parser makes of a conversation, and how it ended.
pub type Played<E> = (Vec<E>, Step);

/// Plays each of `conversations` that `probe` recognises, and demands that however its
/// pieces are split the same comes out, that a conversation cut off at any place is no
/// error, and that changed bytes neither panic nor break what `Replay` asserts. Returns how many were recognised.
///
/// A conversation that ends in an error as recorded is only split and changed.
///
/// # Panics
/// When one of these does not hold.
pub fn withstand<E: PartialEq + Debug>(
    conversations: &[Conversation],
    probe: impl Fn(&Run<'_>) -> Verdict,
    play: impl Fn(&Conversation, &[Piece]) -> Played<E>,
) -> usize {
    let mut random = Random(0x5eed);
    let known = conversations.iter().filter(|conversation| {
        let first = |side| conversation.pieces.iter().find(|piece| piece.side == side);
        let judge = |piece: &Piece| {
            probe(&Run {
                side: piece.side,
                stream: conversation.stream,
                port: conversation.server.1,
                offset: 0,
                gap: 0,
                end: false,
                bytes: &piece.bytes,
            })
        };
        let sides = [Side::ToServer, Side::ToClient];
        conversation.losses.is_empty()
            && sides
                .iter()
                .filter_map(|side| first(*side))
                .any(|piece| judge(piece) == Verdict::Yes)
    });
    let mut count = 0;
    for conversation in known {
        count += 1;
        let pieces = &conversation.pieces;
        let (whole, last) = play(conversation, pieces);
        let end = std::mem::discriminant(&last);
        for _ in 0..ROUNDS {
            if conversation.stream {
                let (split, last) = play(conversation, &random.split(pieces));
                assert_eq!(split, whole, "{:?}", conversation.client);
                assert_eq!(std::mem::discriminant(&last), end, "{last:?}");
            }
            if !matches!(last, Step::Error(_)) {
                let (_, cut) = play(conversation, &random.prefix(pieces, conversation.stream));
                assert!(!matches!(cut, Step::Error(_)), "{cut:?}");
            }
            let changed: Vec<Piece> = pieces
                .iter()
                .map(|piece| Piece {
                    side: piece.side,
                    bytes: match random.below(4) {
                        0 => random.mutate(&piece.bytes),
                        _ => piece.bytes.clone(),
                    },
                })
                .collect();
            play(conversation, &changed);
        }
    }
    count
}

/// Replays each way of cutting off a stream, byte by byte, and demands that none is an
/// error: what is cut short is incomplete or unknown.
///
/// # Panics
/// When one is.
pub fn no_prefix_is_an_error<E>(pieces: &[Piece], play: impl Fn(&[Piece]) -> Played<E>) {
    for (index, piece) in pieces.iter().enumerate() {
        for cut in 0..piece.bytes.len() {
            let mut short = pieces[..=index].to_vec();
            short[index].bytes.truncate(cut);
            let (_, last) = play(&short);
            assert!(
                !matches!(last, Step::Error(_)),
                "piece {index} cut off at {cut}: {last:?}"
            );
        }
    }
}

impl Random {
    /// The same bytes in other pieces: each is cut in up to four.
    pub fn split(&mut self, pieces: &[Piece]) -> Vec<Piece> {
        let mut out = Vec::new();
        for piece in pieces {
            let mut rest = piece.bytes.clone();
            for _ in 0..self.below(4) {
                let tail = rest.split_off(self.below(rest.len() + 1));
                out.push(Piece {
                    side: piece.side,
                    bytes: std::mem::replace(&mut rest, tail),
                });
            }
            out.push(Piece {
                side: piece.side,
                bytes: rest,
            });
        }
        out
    }

    /// The beginning of a conversation; a stream may end within a piece.
    fn prefix(&mut self, pieces: &[Piece], stream: bool) -> Vec<Piece> {
        let mut out = pieces[..self.below(pieces.len() + 1)].to_vec();
        if let Some(last) = out.last_mut().filter(|_| stream) {
            let cut = self.below(last.bytes.len() + 1);
            last.bytes.truncate(cut);
        }
        out
    }
}
