//! What came over a network, as the journal and snapshots have it.

use std::collections::VecDeque;

use palisade_sources::BadRecord;
use serde::{Deserialize, Serialize};

use super::config::{MAX_KEY_BYTES, MAX_KEYS};

/// The most messages that are known to have been committed. Fewer than there are ids of packets,
/// so that a broker which gives them out in turn never means another message by one of these.
pub(crate) const MAX_PACKETS: usize = 16_384;
/// The most bad records that an answer tells one by one.
pub(crate) const MAX_TOLD: usize = 8;
/// The longest text of one.
const MAX_REASON: usize = 160;

/// A body or a message. The bytes of an epoch's rows are those of all, one after another, and each
/// is a stream of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Delivered {
    /// What the stream is called.
    pub(crate) name: String,
    /// How many bytes it has.
    pub(crate) bytes: u64,
    /// Whether events were made of it; what cannot be read is kept, and not tried again.
    pub(crate) read: bool,
    /// By what it is known when it comes again.
    pub(crate) mark: Option<Mark>,
}

/// By what something is known that was committed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Mark {
    /// The key of a request.
    Key(Keyed),
    /// A message of a broker.
    Packet(Packet),
}

/// The key of a request, and what was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Keyed {
    pub(crate) key: String,
    /// Of what was posted under it.
    pub(crate) digest: [u8; 32],
    /// When it was read, in nanoseconds since 1970.
    pub(crate) at: u64,
    pub(crate) answer: Answer,
}

impl Keyed {
    /// Bytes that it takes, about.
    pub(crate) fn size(&self) -> usize {
        let errors = self.answer.errors.iter();
        let errors: usize = errors.map(|error| 24 + error.reason.len()).sum();
        96 + self.key.len() + errors
    }
}

/// A message that a broker has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Packet {
    pub(crate) id: u16,
    /// Of topic and payload.
    pub(crate) digest: [u8; 16],
}

/// What is answered to a body that was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// Events that it became.
    pub(crate) events: u64,
    /// Records that could not be read.
    pub(crate) bad: u64,
    /// The first of those.
    pub(crate) errors: Vec<BadLine>,
}

/// A record that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BadLine {
    /// The line, from 1.
    pub(crate) line: u64,
    /// What is wrong with it.
    pub(crate) reason: String,
}

impl From<&BadRecord> for BadLine {
    fn from(bad: &BadRecord) -> BadLine {
        BadLine {
            line: bad.line,
            reason: bad.reason.chars().take(MAX_REASON).collect(),
        }
    }
}

/// What was committed of late, the latest last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Seen {
    keys: VecDeque<Keyed>,
    packets: VecDeque<Packet>,
    /// What the keys take.
    bytes: usize,
}

impl Seen {
    /// Follows an epoch.
    pub(crate) fn follow(&mut self, delivered: &[Delivered]) {
        for mark in delivered.iter().filter_map(|one| one.mark.as_ref()) {
            match mark {
                Mark::Key(keyed) => {
                    self.bytes += keyed.size();
                    self.keys.push_back(keyed.clone());
                }
                Mark::Packet(packet) => self.packets.push_back(*packet),
            }
        }
        while self.keys.len() > MAX_KEYS || self.bytes > MAX_KEY_BYTES {
            let Some(first) = self.keys.pop_front() else {
                break;
            };
            self.bytes = self.bytes.saturating_sub(first.size());
        }
        let more = self.packets.len().saturating_sub(MAX_PACKETS);
        self.packets.drain(..more);
    }

    /// The keys, the latest last.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Keyed> {
        self.keys.iter()
    }

    /// The messages, the latest last.
    pub(crate) fn packets(&self) -> impl Iterator<Item = &Packet> {
        self.packets.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(mark: Mark) -> Delivered {
        Delivered {
            name: "n".to_owned(),
            bytes: 1,
            read: true,
            mark: Some(mark),
        }
    }

    #[test]
    fn what_was_committed_is_known_within_bounds_and_the_oldest_goes() {
        let mut seen = Seen::default();
        let key = |number: usize, errors: usize| {
            let error = BadLine {
                line: 1,
                reason: "r".repeat(MAX_REASON),
            };
            one(Mark::Key(Keyed {
                key: number.to_string(),
                digest: [0; 32],
                at: 0,
                answer: Answer {
                    errors: vec![error; errors],
                    ..Answer::default()
                },
            }))
        };
        (0..MAX_KEYS + 5).for_each(|number| seen.follow(&[key(number, 0)]));
        assert_eq!(
            (seen.keys.len(), seen.keys[0].key.as_str()),
            (MAX_KEYS, "5")
        );
        (0..2000).for_each(|number| seen.follow(&[key(number, MAX_TOLD)]));
        assert!(seen.bytes <= MAX_KEY_BYTES && seen.keys.len() < 2000);
        let bytes: usize = seen.keys().map(Keyed::size).sum();
        assert_eq!(seen.bytes, bytes);
        for id in 0..=u16::MAX {
            seen.follow(&[one(Mark::Packet(Packet {
                id,
                digest: [0; 16],
            }))]);
        }
        assert_eq!(seen.packets.len(), MAX_PACKETS);
        assert_eq!(
            seen.packets().last().map(|packet| packet.id),
            Some(u16::MAX)
        );
        let image = postcard::to_stdvec(&seen).unwrap();
        assert!(image.len() < MAX_KEY_BYTES + 20 * MAX_PACKETS);
        assert_eq!(postcard::from_bytes::<Seen>(&image).unwrap(), seen);
    }
}
