//! Labels of a pack: how secret it is, until when it is held back, what it comes from.
//!
//! They are read from all data of a pack, in whatever spelling it has them (`file.rs` says which
//! files, `field.rs` which fields, `views.rs` in which ways a text
//! is read, of which `coded.rs` has what stands for letters, `terminal.rs`, `html.rs`, `links.rs` and
//! `bare.rs` what is shown, `packed.rs` what is packed in it, `picture.rs` and `capture.rs` what is no
//! text, `ground.rs` where it stands, `tlp.rs` and `colours.rs` which colours). Each way to read a
//! text is looked at by one rule (`near.rs`). What speaks of passing it on and is not understood is
//! [`Unread`], and keeps the pack where it is.

mod bare;
mod capture;
mod coded;
mod colours;
mod field;
mod file;
mod ground;
mod handling;
mod html;
mod letters;
mod links;
mod near;
mod node;
mod packed;
mod picture;
mod read;
mod terminal;
mod tlp;
mod views;

use std::collections::BTreeSet;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use file::{dataset, other, stated, text};
pub use ground::{Ground, Restriction};
pub use tlp::{Tlp, TlpError};

use crate::Time;

/// The mark of what came with a notice or under an agreement (TI-7.2).
pub(crate) const INTEL: &str = "intel-derived-data";
/// The most of a pack that is read for markings, in bytes, each as often as it is read in another
/// way: as it is written, without tags, with what stands for letters replaced, and so on.
pub(crate) const MAX_READ: usize = 64 << 20;
/// The longest mark and id, in bytes: as long as policies can look up.
const MAX_ID: usize = 256;
/// Most that is told of one file that is not understood.
const MAX_UNREAD: usize = 8;

/// What restricts the passing on of a pack or dataset (H-10, TI-7.2, RMSV-9.7).
///
/// Labels only ever add up: a pack carries at least what each of its datasets carries. An
/// absent `tlp` is not CLEAR; it says that nobody has said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    /// The most secret of what it was made of: a colour of TLP such as `green` or `amber-strict`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub tlp: Option<Tlp>,
    /// Whether it holds data that names no colour, and for which nobody named one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unmarked: bool,
    /// Not to be passed on before this time, such as `2025-06-01T10:00:00Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        with = "Option<String>",
        regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$")
    )]
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
        self.unmarked |= other.unmarked;
        self.embargo = self.embargo.max(other.embargo);
        self.marks.extend(other.marks.iter().cloned());
        self.derived_from.extend(other.derived_from.iter().cloned());
    }

    /// Adds what its author states of it: a colour holds for all of it that names none.
    pub(crate) fn state(&mut self, stated: &Labels) {
        self.add(stated);
        if stated.tlp.is_some() {
            self.unmarked = false;
        }
    }

    /// The first label of `other` that these lack.
    pub fn lacks(&self, other: &Labels) -> Option<String> {
        if other.tlp > self.tlp {
            return other.tlp.map(|tlp| tlp.to_string());
        }
        // A colour may have been stated for what names none.
        if other.unmarked && !self.unmarked && self.tlp.is_none() {
            return Some("no colour of TLP (`unmarked`)".to_owned());
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

/// Something that speaks of passing data on and is not understood, or that may. As long as it is
/// there, the pack stays where it is: it may be more secret than any colour that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unread {
    /// The file of the pack.
    pub file: String,
    /// The line or record, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The field; empty: the file as a whole.
    pub field: String,
    /// What is not understood, and what to write.
    pub problem: String,
    /// The colour that it may be, for which somebody may answer with a request; none: as long as it
    /// is there nobody may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub perhaps: Option<Tlp>,
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ground::place(f, &self.file, self.line, &self.field)?;
        write!(f, ": {}", self.problem)
    }
}

/// What a file says of passing it on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Carried {
    pub(crate) labels: Labels,
    pub(crate) unread: Vec<Unread>,
    /// Where the labels stand.
    pub(crate) grounds: Vec<Ground>,
}

impl From<Labels> for Carried {
    fn from(labels: Labels) -> Self {
        Carried {
            labels,
            ..Carried::default()
        }
    }
}

impl Carried {
    pub(crate) fn add(&mut self, other: Carried) {
        self.labels.add(&other.labels);
        let room = MAX_UNREAD.saturating_sub(self.unread.len());
        self.unread.extend(other.unread.into_iter().take(room));
        self.grounds.extend(other.grounds);
    }
}
