//! Finds a finding or a decision with its evidence, whether or not a server runs.

use std::path::Path;
use std::str::FromStr;

use palisade_journal::JournalError;
use palisade_pipeline::replay::KeptCall;
use palisade_sinks::{EvidenceRow, Reader, SaidRow, SqliteError};

use super::log::{EpochEvidence, folder};
use crate::server::DATABASE;

/// What a finding or decision is known by: the epoch, and its number in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id {
    /// The epoch.
    pub epoch: u64,
    /// The number.
    pub number: u32,
}

impl FromStr for Id {
    type Err = String;

    fn from_str(text: &str) -> Result<Id, String> {
        let parts = text.split_once(['/', '-', ':']);
        let id = parts.and_then(|(epoch, number)| {
            Some(Id {
                epoch: epoch.parse().ok()?,
                number: number.parse().ok()?,
            })
        });
        id.ok_or_else(|| {
            "write EPOCH/NUMBER, such as 41/0: two columns of the tables `findings` and \
             `decisions`"
                .to_owned()
        })
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.epoch, self.number)
    }
}

/// Why something cannot be looked up.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// The database cannot be read.
    #[error(transparent)]
    Sqlite(#[from] SqliteError),
    /// The evidence cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// There is no such thing.
    #[error(
        "there is no finding and no decision {0} in {1}; `select epoch || '/' || number, summary from findings` lists them"
    )]
    Unknown(Id, String),
    /// There is no evidence of it.
    #[error("there is no evidence of {0}: {1}")]
    Gone(Id, String),
}

/// A finding or decision, with the calls that it came from.
#[derive(Clone, Debug)]
pub struct Looked {
    /// What is known by the id.
    pub id: Id,
    /// It.
    pub said: SaidRow,
    /// Its calls: one of a finding, one for each policy that judged of a decision. Each as it is
    /// indexed, and its bytes.
    pub calls: Vec<(EvidenceRow, Vec<u8>)>,
    /// The receipt of the swap that brought the generation, as JSON.
    pub receipt: Option<String>,
}

/// Looks something up in a data directory, which a server may be using.
///
/// # Errors
/// When it is not there, or there is no evidence of it (any more), or that is not what was
/// indexed.
pub fn look(data: &Path, id: Id) -> Result<Looked, LookError> {
    let database = data.join(DATABASE);
    let reader = Reader::open(&database)?;
    let unknown = || LookError::Unknown(id, database.display().to_string());
    let said = reader.said(id.epoch, id.number)?.ok_or_else(unknown)?;
    let gone = |why: &str| LookError::Gone(id, why.to_owned());
    let rows = reader.evidence(id.epoch, id.number)?;
    let Some(record) = rows.first().map(|row| row.record) else {
        return Err(gone(
            "it was let go to make room for newer, was too much to be kept, or `[evidence]` was not enabled",
        ));
    };
    let bytes = palisade_journal::look(&folder(data), record)?;
    let bytes = bytes.ok_or_else(|| gone("its record was let go, or the folder was moved away"))?;
    let other = || gone("its record is of something else; the folder `evidence` was replaced");
    let epoch: EpochEvidence = postcard::from_bytes(&bytes).map_err(|_| other())?;
    let mut calls = Vec::new();
    for row in rows {
        let call = epoch.calls.get(row.call as usize);
        let call = call.filter(|_| epoch.epoch == id.epoch).ok_or_else(other)?;
        if KeptCall::digest_of(&call.bytes).to_string() != row.digest {
            return Err(gone(
                "its record is not what was kept: the digest is another",
            ));
        }
        calls.push((row, call.bytes.to_vec()));
    }
    let generation = KeptCall::decode(&calls[0].1).map(|call| call.generation);
    let receipt = match generation {
        Ok(generation) => reader.receipt(generation)?,
        Err(_) => None,
    };
    Ok(Looked {
        id,
        said,
        calls,
        receipt,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_an_epoch_and_a_number() {
        for text in ["41/0", "41-0", "41:0"] {
            let id: Id = text.parse().unwrap();
            assert_eq!(id.to_string(), "41/0");
        }
        for text in ["41", "", "a/0", "1/-1", "1/2/3", "/"] {
            assert!(
                text.parse::<Id>().unwrap_err().contains("EPOCH/NUMBER"),
                "{text}"
            );
        }
    }
}
