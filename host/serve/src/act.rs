//! What operators have done between two epochs besides swaps: a plugin is released from
//! quarantine, an event is shown to a plugin once more.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use palisade_events::json::{Mode, parse_event};
use palisade_events::{MAX_SEQ, Source};
use palisade_pipeline::engine::{Engine, EngineError, PluginKey, RedriveError};
use palisade_sinks::{ActRow, KeptLetter, Outcome};
use palisade_store::Digest;
use serde::{Deserialize, Serialize};

use crate::collect::Collect;
use crate::record::SaidRecord;
use crate::swap::{Asked, Claim};

/// What is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum What {
    /// A plugin is shown events again.
    Release { pack: String, name: String },
    /// A plugin is shown an event once more.
    Redrive {
        /// The letter that has it.
        letter: (u64, u32),
        pack: String,
        name: String,
        event_ref: u64,
        source: String,
        tenant: String,
        json: String,
    },
}

impl What {
    /// That a letter is shown to its plugin once more.
    ///
    /// # Errors
    /// When it cannot be.
    pub(crate) fn redrive(kept: &KeptLetter) -> Result<What, String> {
        let letter = &kept.letter;
        let Some((plugin, event_ref)) = letter.plugin.as_ref().zip(letter.event_ref) else {
            return Err(
                "it is a record that could not be read, and no event that a plugin could be \
                        shown; send it again, mended"
                    .to_owned(),
            );
        };
        if !letter.whole {
            let problem = "the event was too large to be kept, so it cannot be shown once more";
            return Err(problem.to_owned());
        }
        if let Some(epoch) = kept.redriven {
            return Err(format!("it was shown once more already, in record {epoch}"));
        }
        Ok(What::Redrive {
            letter: kept.id,
            pack: plugin.pack.clone(),
            name: plugin.name.clone(),
            event_ref,
            source: letter.source.clone(),
            tenant: letter.tenant.clone(),
            json: letter.json.clone(),
        })
    }

    /// What it is called, and to what it is done.
    fn named(&self) -> (&'static str, String) {
        match self {
            What::Release { pack, name } => ("release", format!("{pack}/{name}")),
            What::Redrive {
                letter: (epoch, number),
                ..
            } => ("redrive", format!("{epoch}-{number}")),
        }
    }

    pub(crate) fn plugin(&self) -> PluginKey {
        let (What::Release { pack, name } | What::Redrive { pack, name, .. }) = self;
        PluginKey {
            pack: pack.as_str().into(),
            name: name.as_str().into(),
        }
    }

    /// The digest of what is asked for, by which a request that comes again is known.
    pub(crate) fn request(&self) -> String {
        let text = serde_json::to_vec(self).unwrap_or_default();
        Digest::of(&text).to_string()
    }
}

/// Something to be done.
pub(crate) struct Order {
    pub(crate) what: What,
    pub(crate) asked: Asked,
    /// Whether somebody still waits for it.
    pub(crate) claim: Claim,
    /// Told once it is in the journal and synced, or why it was not done.
    pub(crate) reply: Sender<Result<ActReceipt, String>>,
}

/// An act as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ActRecord {
    pub(crate) what: What,
    pub(crate) receipt: ActReceipt,
    /// What it made be said.
    pub(crate) said: Vec<SaidRecord>,
    /// The plugins that came into quarantine by it, by pack and name.
    pub(crate) quarantined: Vec<(String, String)>,
}

impl ActRecord {
    /// What the database is told besides what was said.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub(crate) fn done(&self) -> Result<Vec<Outcome>, serde_json::Error> {
        let mut done = vec![Outcome::Act(self.receipt.row()?)];
        if let What::Redrive { letter, .. } = self.what {
            done.push(Outcome::Redriven(letter.0, letter.1));
        }
        Ok(done)
    }
}

/// What an act was, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActReceipt {
    /// `release` or `redrive`.
    pub act: String,
    /// The plugin (`pack/name`), or the id of the letter.
    pub object: String,
    /// The plugin, as `pack/name`.
    pub plugin: String,
    /// The record of the journal that it is.
    pub record: u64,
    /// When, in nanoseconds since 1970.
    pub time: u64,
    /// Who asked for it.
    pub by: String,
    /// The key that whoever asked gave the request.
    pub key: Option<String>,
    /// The digest of what was asked for.
    pub request: String,
    /// Of an event, whether the plugin was shown it: its filter may not let it pass any more.
    pub shown: bool,
    /// What the plugin, and those that build on it, found.
    pub findings: u64,
    /// How often it faulted again.
    pub faults: u64,
}

impl ActReceipt {
    /// As the database keeps it.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub(crate) fn row(&self) -> Result<ActRow, serde_json::Error> {
        Ok(ActRow {
            time: self.time,
            act: self.act.clone(),
            by: self.by.clone(),
            key: self.key.clone(),
            object: self.object.clone(),
            json: serde_json::to_string(self)?,
        })
    }
}

/// Why an act is not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ActError {
    /// It cannot be done, and everything is as it was.
    #[error("{0}")]
    Refused(String),
    /// The engine cannot go on.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<RedriveError> for ActError {
    fn from(error: RedriveError) -> ActError {
        match error {
            RedriveError::Engine(error) => ActError::Engine(error),
            error => ActError::Refused(error.to_string()),
        }
    }
}

/// Does it; the receipt, without the record.
///
/// # Errors
/// When it cannot be done.
pub(crate) fn apply(
    engine: &mut Engine,
    what: &What,
    (asked, time): (&Asked, u64),
    collect: &mut Collect,
) -> Result<ActReceipt, ActError> {
    let key = what.plugin();
    let shown = match what {
        What::Release { .. } => match engine.release(&key) {
            true => true,
            false => {
                return Err(ActError::Refused(format!(
                    "plugin `{}/{}` is not in quarantine",
                    key.pack, key.name
                )));
            }
        },
        What::Redrive {
            event_ref,
            source,
            tenant,
            json,
            ..
        } => {
            // It was read by this program, and need not have what sources must say.
            let event = parse_event(json.as_bytes(), Mode::Vector);
            let mut event = event.map_err(|error| ActError::Refused(error.to_string()))?;
            event.envelope.source = Arc::new(Source {
                slot: u16::try_from(event_ref >> 40).unwrap_or(u16::MAX),
                name: source.clone(),
                tenant: tenant.clone(),
            });
            event.envelope.seq = event_ref & MAX_SEQ;
            engine.redrive(&key, &event, collect)?
        }
    };
    let said = &collect.said;
    let findings = said.iter().filter(|o| matches!(o, Outcome::Finding(_)));
    let (act, object) = what.named();
    Ok(ActReceipt {
        act: act.to_owned(),
        object,
        plugin: format!("{}/{}", key.pack, key.name),
        record: 0,
        time,
        by: asked.by.clone(),
        key: asked.key.clone(),
        request: what.request(),
        shown,
        findings: findings.count() as u64,
        faults: collect.letters.letters.len() as u64 + collect.letters.dropped,
    })
}
