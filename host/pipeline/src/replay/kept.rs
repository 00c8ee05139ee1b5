//! A call as it is kept.

use std::collections::BTreeSet;
use std::fmt::Formatter;
use std::io::{Read as _, Write as _};
use std::marker::PhantomData;

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use palisade_events::{Batch, Citation, Digest, Event, KeptRows, Mask, contain};
use palisade_runtime::Asked;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::{Fired, ReplayError, View};
use crate::engine::{Called, Evidence};

/// What a kept call begins with.
const MAGIC: [u8; 8] = *b"PALEVD01";
/// Bytes of a call, before it is compressed.
pub const MAX_CALL: u64 = 96 << 20;
/// The most entries of each list of a call: a few bytes of one may be many in memory.
pub const MAX_LIST: usize = 1 << 18;

/// Reads a list of at most [`MAX_LIST`] entries.
fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    struct Listed<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Listed<T> {
        type Value = Vec<T>;

        fn expecting(&self, to: &mut Formatter<'_>) -> std::fmt::Result {
            write!(to, "a list of at most {MAX_LIST} entries")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut of: A) -> Result<Vec<T>, A::Error> {
            let mut all = Vec::new();
            while let Some(entry) = of.next_element()? {
                if all.len() == MAX_LIST {
                    return Err(A::Error::invalid_length(MAX_LIST + 1, &self));
                }
                all.push(entry);
            }
            Ok(all)
        }
    }

    from.deserialize_seq(Listed(PhantomData))
}

/// A call, with everything that it depended on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptCall {
    /// The version of Palisade that made it.
    pub host: String,
    /// The epoch.
    pub epoch: u64,
    /// The number of the generation that evaluated it, and the digest of its composition.
    pub generation: u64,
    /// See `generation`.
    pub composition: String,
    /// Whose call it was.
    pub plugin: KeptPlugin,
    /// The datasets that the plugin names, in that order, each with its digest if it was there.
    #[serde(deserialize_with = "list")]
    pub datasets: Vec<(String, Option<String>)>,
    /// The function that was called.
    pub export: String,
    /// With what.
    pub occasion: KeptOccasion,
    /// What it asked and was told.
    #[serde(deserialize_with = "list")]
    pub asked: Vec<Asked>,
    /// How many findings, retractions and judgements it filed.
    pub filed: u32,
    /// Those of them that came out.
    #[serde(deserialize_with = "list")]
    pub said: Vec<KeptSaid>,
    /// Events that these cite among its rows, whole.
    pub cited: Option<KeptEvents>,
}

/// A plugin as it was loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptPlugin {
    /// Its pack.
    pub pack: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// BLAKE3 of the component, as 64 hexadecimal digits.
    pub digest: String,
    /// What the operator set, as a JSON object; it goes before what the pack set.
    pub settings: String,
    /// What its pack set, as a JSON object.
    pub pack_settings: String,
    /// The pack that it came in, as `vendor/name@version`.
    pub packed: Option<String>,
    /// The capabilities that it was granted.
    #[serde(deserialize_with = "list")]
    pub capabilities: Vec<String>,
}

/// What a plugin was called with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum KeptOccasion {
    /// Rows of a subscription.
    Rows {
        /// Its position.
        subscription: u32,
        /// The rows, with the columns that were lent.
        rows: Box<KeptRows>,
    },
    /// Timers.
    Timers {
        /// Whose they are.
        tenant: String,
        /// Name, key, and when they were due, in nanoseconds since 1970.
        #[serde(deserialize_with = "list")]
        fired: Vec<(String, String, u64)>,
    },
}

/// Something that a call filed and that came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptSaid {
    /// Which of what the call filed, from 0.
    pub nth: u32,
    /// Its number, or that of the decision that it is a part of, in the epoch.
    pub number: u32,
    /// The finding, or the judgement, as JSON.
    pub json: String,
}

/// Events as they came in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptEvents {
    /// Which rows of the call they are.
    pub at: Vec<u32>,
    /// The events, with all of their columns.
    pub rows: KeptRows,
}

impl KeptEvents {
    /// The events, each with the row of the call that it is.
    ///
    /// # Errors
    /// When the rows are none.
    pub fn events(&self) -> Result<Vec<(u32, Event)>, ReplayError> {
        let batch = batch(&self.rows)?;
        let event = |(at, row): (&u32, usize)| Some((*at, batch.event(row)?));
        let events: Option<Vec<_>> = self.at.iter().zip(0..).map(event).collect();
        events
            .filter(|events| events.len() == batch.len())
            .ok_or_else(|| {
                ReplayError::Evidence("its events are not as many as it says".to_owned())
            })
    }
}

/// Rows as a batch, whoever wrote them.
fn batch(rows: &KeptRows) -> Result<Batch, ReplayError> {
    let batch = contain(|| rows.batch().map_err(|error| error.to_string()));
    let batch = batch.unwrap_or_else(|panicked| Err(panicked.to_string()));
    batch.map_err(ReplayError::Evidence)
}

impl KeptCall {
    /// A call by its evidence; what is not in that is left empty, and what came out of it is `said`.
    ///
    /// # Errors
    /// When its rows cannot be kept.
    pub fn of(evidence: &Evidence, said: Vec<KeptSaid>) -> Result<KeptCall, ReplayError> {
        let manifest = evidence.plugin.manifest();
        let mut cited = None;
        let occasion = match &evidence.occasion {
            Called::Rows { subscription, view } => {
                let declared = manifest.subscriptions.get(*subscription as usize);
                let declared = declared
                    .ok_or_else(|| ReplayError::Component("no such subscription".to_owned()))?;
                let rows: Vec<u32> = (0..view.len() as u32)
                    .map(|row| view.batch_row(row) as u32)
                    .collect();
                let rows = view.batch().kept(&rows, &declared.mask());
                cited = self::cited(view, &said)?;
                KeptOccasion::Rows {
                    subscription: *subscription,
                    rows: Box::new(rows.map_err(|error| ReplayError::Evidence(error.to_string()))?),
                }
            }
            Called::Timers { tenant, fired } => KeptOccasion::Timers {
                tenant: tenant.clone(),
                fired: fired
                    .iter()
                    .map(|timer| (timer.name.clone(), timer.key.clone(), timer.due))
                    .collect(),
            },
        };
        Ok(KeptCall {
            host: String::new(),
            epoch: 0,
            generation: 0,
            composition: String::new(),
            plugin: KeptPlugin {
                pack: manifest.pack.clone(),
                name: manifest.name.clone(),
                version: manifest.version.clone(),
                digest: evidence.plugin.digest().to_string(),
                ..KeptPlugin::default()
            },
            datasets: manifest
                .datasets
                .iter()
                .map(|name| (name.clone(), None))
                .collect(),
            export: evidence.export.to_owned(),
            occasion,
            asked: evidence.asked.clone(),
            filed: evidence.filed,
            said,
            cited,
        })
    }

    /// Entries of its lists, together.
    pub fn entries(&self) -> usize {
        let fired = match &self.occasion {
            KeptOccasion::Rows { .. } => 0,
            KeptOccasion::Timers { fired, .. } => fired.len(),
        };
        self.datasets.len() + self.asked.len() + self.said.len() + fired
    }

    /// The call as bytes.
    ///
    /// # Errors
    /// When it has more than [`MAX_CALL`] bytes, or a list of it more than [`MAX_LIST`] entries.
    pub fn encode(&self) -> Result<Vec<u8>, ReplayError> {
        let error = |error: &dyn std::fmt::Display| ReplayError::Evidence(error.to_string());
        if self.entries() > MAX_LIST {
            return Err(too_large());
        }
        let bytes = postcard::to_stdvec(self).map_err(|e| error(&e))?;
        if bytes.len() as u64 > MAX_CALL {
            return Err(too_large());
        }
        let mut to = MAGIC.to_vec();
        let mut encoder = ZlibEncoder::new(&mut to, Compression::fast());
        encoder.write_all(&bytes).map_err(|e| error(&e))?;
        encoder.finish().map_err(|e| error(&e))?;
        Ok(to)
    }

    /// Reads a call, whoever wrote it.
    ///
    /// # Errors
    /// When the bytes are none, or stand for more than [`MAX_CALL`] or longer lists than
    /// [`MAX_LIST`].
    pub fn decode(bytes: &[u8]) -> Result<KeptCall, ReplayError> {
        Self::decode_within(bytes, &mut { MAX_CALL })
    }

    /// The same, of which several together stand for so many bytes at most; it takes off of those.
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    pub fn decode_within(bytes: &[u8], left: &mut u64) -> Result<KeptCall, ReplayError> {
        let error = |error: &dyn std::fmt::Display| ReplayError::Evidence(error.to_string());
        let rest = bytes
            .strip_prefix(&MAGIC)
            .ok_or_else(|| error(&"it is none of this version of Palisade"))?;
        let mut plain = Vec::new();
        let mut decoder = ZlibDecoder::new(rest).take(*left + 1);
        decoder.read_to_end(&mut plain).map_err(|e| error(&e))?;
        *left = left.checked_sub(plain.len() as u64).ok_or_else(too_large)?;
        let read = contain(|| postcard::take_from_bytes(&plain).map_err(|e| error(&e)));
        let (call, rest): (KeptCall, &[u8]) =
            read.unwrap_or_else(|panicked| Err(error(&panicked)))?;
        match rest {
            [] => Ok(call),
            _ => Err(error(&"something follows its end")),
        }
    }

    /// What a call is known by: BLAKE3 of its bytes.
    pub fn digest_of(bytes: &[u8]) -> Digest {
        Digest::of(bytes)
    }

    /// What the plugin was called with.
    ///
    /// # Errors
    /// When the rows are none.
    pub fn called(&self) -> Result<Called, ReplayError> {
        match &self.occasion {
            KeptOccasion::Rows { subscription, rows } => Ok(Called::Rows {
                subscription: *subscription,
                view: View::all(batch(rows)?),
            }),
            KeptOccasion::Timers { tenant, fired } => Ok(Called::Timers {
                tenant: tenant.clone(),
                fired: fired
                    .iter()
                    .map(|(name, key, due)| Fired {
                        name: name.clone(),
                        key: key.clone(),
                        due: *due,
                    })
                    .collect(),
            }),
        }
    }
}

fn too_large() -> ReplayError {
    ReplayError::Evidence(format!("it has more than {MAX_CALL} bytes"))
}

/// The events that what was said cites among the rows of a view, whole; where there is one row, that.
fn cited(view: &View, said: &[KeptSaid]) -> Result<Option<KeptEvents>, ReplayError> {
    #[derive(Deserialize)]
    struct Citing {
        #[serde(default)]
        cited: Vec<Citation>,
    }
    let mut refs = BTreeSet::new();
    for said in said {
        if let Ok(citing) = serde_json::from_str::<Citing>(&said.json) {
            refs.extend(citing.cited.iter().map(|citation| citation.event_ref));
        }
    }
    let is_cited = |row: &u32| {
        let event_ref = view.batch().event_ref(view.batch_row(*row));
        view.len() == 1 || event_ref.is_some_and(|event_ref| refs.contains(&event_ref))
    };
    let at: Vec<u32> = (0..view.len() as u32).filter(is_cited).collect();
    if at.is_empty() {
        return Ok(None);
    }
    let rows: Vec<u32> = at.iter().map(|row| view.batch_row(*row) as u32).collect();
    let rows = view.batch().kept(&rows, &Mask::ALL);
    let rows = rows.map_err(|error| ReplayError::Evidence(error.to_string()))?;
    Ok(Some(KeptEvents { at, rows }))
}
