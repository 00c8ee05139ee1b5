//! Labels of a pack: how secret it is, until when it is held back, what it comes from.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Time;

/// Traffic Light Protocol 2.0 (FIRST), from the most open to the most secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tlp {
    /// TLP:CLEAR.
    Clear,
    /// TLP:GREEN.
    Green,
    /// TLP:AMBER.
    Amber,
    /// TLP:AMBER+STRICT.
    AmberStrict,
    /// TLP:RED.
    Red,
}

impl Tlp {
    /// From its name in any of the usual spellings: `amber-strict`, `TLP:AMBER+STRICT`.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase().replace(['+', '_'], "-");
        Some(match name.strip_prefix("tlp:").unwrap_or(&name) {
            "clear" | "white" => Self::Clear,
            "green" => Self::Green,
            "amber" => Self::Amber,
            "amber-strict" => Self::AmberStrict,
            "red" => Self::Red,
            _ => return None,
        })
    }
}

impl fmt::Display for Tlp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Clear => "TLP:CLEAR",
            Self::Green => "TLP:GREEN",
            Self::Amber => "TLP:AMBER",
            Self::AmberStrict => "TLP:AMBER+STRICT",
            Self::Red => "TLP:RED",
        })
    }
}

/// What restricts the passing on of a pack or dataset (H-10, TI-7.2, RMSV-9.7).
///
/// Labels only ever add up: a pack carries at least what each of its datasets carries. An
/// absent `tlp` is not CLEAR; it says that nobody has said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    /// The most secret of what it was made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tlp: Option<Tlp>,
    /// Not to be passed on before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embargo: Option<Time>,
    /// Free labels, such as `intel-derived-data`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub marks: BTreeSet<String>,
    /// What it was derived from: notices, agreements, vulnerabilities, by id.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub derived_from: BTreeSet<String>,
}

impl Labels {
    /// Adds the labels of something that goes into the same pack.
    pub fn add(&mut self, other: &Labels) {
        self.tlp = self.tlp.max(other.tlp);
        self.embargo = self.embargo.max(other.embargo);
        self.marks.extend(other.marks.iter().cloned());
        self.derived_from.extend(other.derived_from.iter().cloned());
    }

    /// The first label of `other` that these lack.
    pub fn lacks(&self, other: &Labels) -> Option<String> {
        if other.tlp > self.tlp {
            return other.tlp.map(|tlp| tlp.to_string());
        }
        if other.embargo > self.embargo {
            return other
                .embargo
                .map(|until| format!("the embargo until {until}"));
        }
        let missing = other.marks.difference(&self.marks).next();
        let missing = missing.or_else(|| other.derived_from.difference(&self.derived_from).next());
        missing.map(|label| format!("`{label}`"))
    }

    /// Whether nothing restricts it.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What the entries of a dataset carry: `tlp`, `labels` (separated by spaces), `embargo` and
/// `derived_from` of every line. Lines that cannot be read carry nothing; the dataset is
/// refused by whoever loads it.
pub(crate) fn of_dataset(bytes: &[u8]) -> Result<Labels, String> {
    #[derive(Deserialize)]
    struct Line {
        tlp: Option<String>,
        labels: Option<String>,
        embargo: Option<Time>,
        derived_from: Option<String>,
    }
    let mut all = Labels::default();
    for (number, line) in (1..).zip(bytes.split(|b| *b == b'\n')) {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let line: Line = serde_json::from_slice(line).map_err(|e| format!("line {number}: {e}"))?;
        let tlp = line.tlp.map(|name| {
            Tlp::from_name(&name)
                .ok_or_else(|| format!("line {number}: `tlp` is no colour of TLP 2.0"))
        });
        let words = |text: Option<String>| -> BTreeSet<String> {
            text.unwrap_or_default()
                .split_whitespace()
                .map(str::to_owned)
                .collect()
        };
        all.add(&Labels {
            tlp: tlp.transpose()?,
            embargo: line.embargo,
            marks: words(line.labels),
            derived_from: words(line.derived_from),
        });
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_add_up_and_never_less() {
        let lines = br#"{"kind":"ipv4","value":"192.0.2.1","tlp":"TLP:GREEN"}
{"kind":"ipv4","value":"192.0.2.2","tlp":"amber+strict","labels":"intel-derived-data x","derived_from":"N-12"}
"#;
        let labels = of_dataset(lines).unwrap();
        assert_eq!(labels.tlp, Some(Tlp::AmberStrict));
        assert!(labels.marks.contains("intel-derived-data") && labels.marks.contains("x"));
        assert!(labels.derived_from.contains("N-12"));
        assert_eq!(labels.lacks(&labels), None);
        assert_eq!(
            Labels::default().lacks(&labels).unwrap(),
            "TLP:AMBER+STRICT"
        );
        let without = Labels {
            derived_from: BTreeSet::new(),
            ..labels.clone()
        };
        assert_eq!(without.lacks(&labels).unwrap(), "`N-12`");
        assert!(
            of_dataset(br#"{"tlp":"PURPLE"}"#)
                .unwrap_err()
                .contains("line 1")
        );
    }
}
