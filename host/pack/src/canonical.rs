//! One form for every document that is signed or whose digest counts.
//!
//! A document is read into its type, written again, and must be the same bytes. That leaves
//! no room for two readings: repeated keys, other orders, spaces, escapes, forms of numbers
//! and unknown fields all differ from what is written again.

use std::fmt;

use jiff::Timestamp;
use palisade_events::toml_words;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Refusal;

/// The largest document of TOML that comes with a pack or with trust, in bytes: `pack.toml`,
/// `trust.toml`, and any that is read for labels.
pub const MAX_TOML_BYTES: usize = 1 << 20;

/// Reads canonical JSON; `what` names the document.
pub(crate) fn json<T: Serialize + DeserializeOwned>(
    what: &str,
    bytes: &[u8],
) -> Result<T, Refusal> {
    let value: T = serde_json::from_slice(bytes).map_err(|e| malformed(what, e))?;
    if write_json(&value) != bytes {
        return Err(Refusal::NotCanonical {
            what: what.to_owned(),
        });
    }
    Ok(value)
}

/// Writes canonical JSON.
pub(crate) fn write_json(value: &impl Serialize) -> Vec<u8> {
    // The types written have text keys and no floats, for which alone this fails; empty bytes
    // are read by nobody.
    serde_json::to_vec(value).unwrap_or_default()
}

/// Reads canonical TOML; `what` names the document.
pub(crate) fn toml<T: Serialize + DeserializeOwned>(
    what: &str,
    bytes: &[u8],
) -> Result<T, Refusal> {
    let text = std::str::from_utf8(bytes).map_err(|e| malformed(what, e))?;
    let value: T = read_toml(what, text)?;
    match write_toml(&value) {
        Ok(again) if again == text => Ok(value),
        Ok(_) => Err(Refusal::NotCanonical {
            what: what.to_owned(),
        }),
        Err(e) => Err(malformed(what, e)),
    }
}

/// Reads TOML in any form; `what` names the document.
///
/// Nothing of one that is larger than [`MAX_TOML_BYTES`] is read: it takes fifty times its size.
pub(crate) fn read_toml<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, Refusal> {
    if text.len() > MAX_TOML_BYTES {
        let problem = format!(
            "it has {} bytes, and at most {MAX_TOML_BYTES} are read; such a document holds a few \
             lines for each thing, and no data",
            text.len()
        );
        return Err(malformed(what, problem));
    }
    toml::from_str(text).map_err(|e| malformed(what, toml_words(&e.to_string(), e.message())))
}

/// Writes canonical TOML.
pub(crate) fn write_toml(value: &impl Serialize) -> Result<String, toml::ser::Error> {
    toml::to_string(value)
}

pub(crate) fn malformed(what: &str, problem: impl fmt::Display) -> Refusal {
    Refusal::Malformed {
        what: what.to_owned(),
        problem: problem.to_string(),
    }
}

/// An instant in whole seconds, as text `2025-06-01T10:00:00Z` and in no other form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Time(i64);

impl Time {
    /// Seconds since the epoch, within what a date of four digits can say.
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds.clamp(0, 253_402_300_799))
    }

    /// Seconds since the epoch.
    pub fn seconds(self) -> i64 {
        self.0
    }

    /// This many days later.
    pub fn plus_days(self, days: u32) -> Self {
        Self::from_seconds(self.0.saturating_add(i64::from(days) * 86_400))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(
            &Timestamp::from_second(self.0)
                .unwrap_or_default()
                .to_string(),
        )
    }
}

impl From<Time> for String {
    fn from(time: Time) -> Self {
        time.to_string()
    }
}

/// A text that is not a [`Time`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a time is written like 2025-06-01T10:00:00Z")]
pub struct TimeError;

impl TryFrom<String> for Time {
    type Error = TimeError;

    fn try_from(text: String) -> Result<Self, TimeError> {
        text.parse()
    }
}

impl std::str::FromStr for Time {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let time: Timestamp = text.parse().map_err(|_| TimeError)?;
        let time = Time::from_seconds(time.as_second());
        if time.to_string() == text {
            Ok(time)
        } else {
            Err(TimeError)
        }
    }
}
