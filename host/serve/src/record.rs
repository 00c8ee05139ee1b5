//! What the journal holds.

use palisade_sinks::{DecisionRow, LetterRow, Outcome, Said};
use serde::{Deserialize, Serialize};

use crate::act::ActRecord;
use crate::composition::Composition;
use crate::ingest::Delivered;
use crate::receipt::Receipt;

/// What must be the same for a journal to be done again: another share of memory would make other
/// state of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The version of Palisade.
    pub host: String,
    /// What the partition key is known by.
    pub partition_key: String,
    /// Bytes of memory that state may take where there are no datasets.
    pub state_bytes: u64,
    /// Other options that show in what comes out, such as what is done after a fault.
    pub options: String,
}

impl Identity {
    /// What differs in another, for a person; nothing where they are the same.
    pub fn difference(&self, now: &Identity) -> Option<String> {
        if self.host != now.host {
            return Some(format!("Palisade {}, and this is {}", self.host, now.host));
        }
        if self.partition_key != now.partition_key {
            return Some("another partition key".to_owned());
        }
        if self.state_bytes != now.state_bytes {
            return Some("another share of memory".to_owned());
        }
        let other = || {
            format!(
                "other options ({}), and these are {}",
                self.options, now.options
            )
        };
        (self.options != now.options).then(other)
    }
}

/// A record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Record {
    /// The first of a journal: under what, and with what.
    Begin(Identity, Composition),
    /// What runs from here on.
    Swap(SwapRecord),
    /// A source that was not there before. Sources are numbered in this order.
    Source {
        /// Its name.
        name: String,
        /// Whose it is.
        tenant: String,
    },
    /// An epoch.
    Epoch(EpochRecord),
    /// Something that an operator had done.
    Act(Box<ActRecord>),
    /// A source of packets that was not there before; numbered among the other sources.
    Captures {
        /// Its name.
        name: String,
        /// Whose it is.
        tenant: String,
    },
    /// How many sources of packets share the memory for flows from here on.
    Share(u64),
}

impl Record {
    /// What the database has of it, as record `number`.
    ///
    /// # Errors
    /// When it cannot be read or written as JSON.
    pub(crate) fn outcomes(self, number: u64) -> Result<Vec<Said>, serde_json::Error> {
        let of = |outcome| Said {
            epoch: number,
            number: 0,
            outcome,
        };
        let (said, done) = match self {
            Record::Begin(..)
            | Record::Source { .. }
            | Record::Captures { .. }
            | Record::Share(_) => return Ok(Vec::new()),
            Record::Swap(swap) => return Ok(vec![of(Outcome::Swap(swap.receipt.row()?))]),
            Record::Epoch(epoch) => (epoch.said, Vec::new()),
            Record::Act(act) => {
                let done = act.done()?;
                (act.said, done)
            }
        };
        let said = said.into_iter().zip(0..);
        let said = said.map(|(said, place)| said.said(number, place));
        let done = done.into_iter().map(|outcome| Ok(of(outcome)));
        said.chain(done).collect()
    }
}

/// A swap as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SwapRecord {
    /// What runs from here on.
    pub(crate) composition: Composition,
    /// What was asked for and done.
    pub(crate) receipt: Receipt,
}

/// An epoch as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct EpochRecord {
    /// The time at which it was read, in nanoseconds since 1970.
    pub(crate) now: u64,
    /// The number of the generation in whose terms it was read; another may have evaluated it.
    pub(crate) generation: u64,
    /// What a source said; `None`: nobody spoke, and the watermark followed the clock.
    pub(crate) rows: Option<Rows>,
    /// What it made be said.
    pub(crate) said: Vec<SaidRecord>,
    /// The plugins that came into quarantine by it, by pack and name.
    pub(crate) quarantined: Vec<(String, String)>,
}

/// Bytes that a source said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rows {
    /// The source's position among those of the journal.
    pub(crate) source: u32,
    /// With the first of a stream (a file that was opened): what it is called.
    pub(crate) begins: Option<String>,
    /// Whole records, as they lay in the stream; of a source of packets, rows of these.
    #[serde(with = "serde_bytes")]
    pub(crate) bytes: Vec<u8>,
    /// The stream ended with it.
    pub(crate) ended: bool,
    /// Where it ends, of a file.
    pub(crate) place: Option<FilePlace>,
    /// Of a network source: the bodies or messages that the bytes are, each a stream of its own.
    pub(crate) delivered: Option<Vec<Delivered>>,
}

/// A place in a file that may have been renamed meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FilePlace {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    /// Bytes; of a capture that has not ended, packets.
    pub(crate) offset: u64,
    /// How many of its first bytes were looked at, and their CRC-32: an inode may be used again.
    pub(crate) head: (u32, u32),
}

/// A finding, a decision, or what was left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum SaidRecord {
    Finding(String),
    Decision {
        time: u64,
        tenant: String,
        request: String,
        kind: String,
        verdict: String,
        permitted: bool,
        json: String,
    },
    Letter(Box<LetterRow>),
}

impl SaidRecord {
    /// What plugins said, as it is kept; what they do not say is kept in records of its own.
    pub(crate) fn of(outcome: &Outcome) -> Option<Result<SaidRecord, serde_json::Error>> {
        Some(Ok(match outcome {
            Outcome::Swap(_) | Outcome::Act(_) | Outcome::Redriven(..) => return None,
            Outcome::Letter(letter) => SaidRecord::Letter(letter.clone()),
            Outcome::Finding(finding) => match serde_json::to_string(finding) {
                Ok(json) => SaidRecord::Finding(json),
                Err(error) => return Some(Err(error)),
            },
            Outcome::Decision(row) => SaidRecord::Decision {
                time: row.time,
                tenant: row.tenant.clone(),
                request: row.request.clone(),
                kind: row.kind.clone(),
                verdict: row.verdict.clone(),
                permitted: row.permitted,
                json: row.json.clone(),
            },
        }))
    }

    /// What it was, as number `number` of an epoch.
    pub(crate) fn said(self, epoch: u64, number: u32) -> Result<Said, serde_json::Error> {
        let outcome = match self {
            SaidRecord::Letter(letter) => Outcome::Letter(letter),
            SaidRecord::Finding(json) => Outcome::Finding(Box::new(serde_json::from_str(&json)?)),
            SaidRecord::Decision {
                time,
                tenant,
                request,
                kind,
                verdict,
                permitted,
                json,
            } => Outcome::Decision(DecisionRow {
                time,
                tenant,
                request,
                kind,
                verdict,
                permitted,
                json,
            }),
        };
        Ok(Said {
            epoch,
            number,
            outcome,
        })
    }
}
