//! Why a record does not become an event.

use palisade_events::json::{JsonError, Mode, json_problem};
use palisade_events::{Kind, NoDigest, normalise_sha256};

use super::records;
use super::sink::SinkError;

/// Why a record does not become an event.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(super) enum Fault {
    #[error(transparent)]
    Record(#[from] records::Fault),
    #[error("{0}")]
    Row(String),
    #[error("`{line}` in the header of the log {problem}")]
    Header {
        line: &'static str,
        problem: &'static str,
    },
    #[error("a row comes before the header that names its fields and their types")]
    NoHeader,
    #[error("the addresses are under names that are not known")]
    OtherNames,
    #[error("the record is not UTF-8 from byte {0} on")]
    NotUtf8(usize),
    #[error("{problem} at byte {column} of the record")]
    Json { problem: String, column: usize },
    #[error("the mandatory field `{0}` is missing")]
    Missing(&'static str),
    #[error("`{field}` is {shown}, which is no {expected}")]
    Value {
        field: &'static str,
        shown: String,
        expected: &'static str,
    },
    #[error(transparent)]
    Event(JsonError),
    #[error(
        "`{field}` has {found} texts or one of {longest} bytes; at most {MAX_LABELS} of \
         {MAX_LABEL} bytes each are taken"
    )]
    Labels {
        field: &'static str,
        found: usize,
        longest: usize,
    },
    #[error("{0} events come only from the host, and no input may claim them")]
    HostOnly(Kind),
    #[error(transparent)]
    Refused(SinkError),
}

/// Most labels, and most references, of an event: what rests on it takes over all labels.
const MAX_LABELS: usize = 64;
/// The longest of them in bytes.
const MAX_LABEL: usize = 256;

/// The longest part of a bad value that is shown.
const SHOWN: usize = 64;

impl Fault {
    /// That an event has more labels, or references, than it may.
    ///
    /// # Errors
    /// When it has.
    pub(super) fn check_labels(field: &'static str, texts: &[String]) -> Result<(), Self> {
        let (found, longest) = (
            texts.len(),
            texts.iter().map(String::len).max().unwrap_or(0),
        );
        if found <= MAX_LABELS && longest <= MAX_LABEL {
            return Ok(());
        }
        Err(Self::Labels {
            field,
            found,
            longest,
        })
    }

    pub(super) fn time(field: &'static str, raw: &str) -> Self {
        Self::value(
            field,
            raw,
            "time between 1970 and 2554 (ISO 8601, or seconds since 1970)",
        )
    }

    pub(super) fn address(field: &'static str, text: &str) -> Self {
        Self::value(field, text, "IP address")
    }

    /// The SHA-256 digest in a field, in the form in which events have it.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn check_sha256(field: &'static str, text: &str) -> Result<String, Self> {
        let mut digest = text.to_owned();
        match normalise_sha256(&mut digest, Mode::Strict) {
            Ok(()) => Ok(digest),
            Err(NoDigest) => Err(Self::value(
                field,
                text,
                "SHA-256 digest (64 hexadecimal digits)",
            )),
        }
    }

    pub(super) fn value(field: &'static str, text: &str, expected: &'static str) -> Self {
        let shown = text
            .chars()
            .take(SHOWN)
            .flat_map(char::escape_debug)
            .collect();
        Self::Value {
            field,
            shown,
            expected,
        }
    }
}

impl Fault {
    pub(super) fn header(line: &'static str, problem: &'static str) -> Self {
        Self::Header { line, problem }
    }

    /// Whether it lies in how the record is written, not in what it says.
    pub(super) fn is_syntax(&self) -> bool {
        matches!(self, Self::Json { .. } | Self::NotUtf8(_))
    }

    /// Whether the record may be one in another form.
    pub(super) fn is_of_form(&self) -> bool {
        use records::Fault::{Torn, Unfinished};
        self.is_syntax()
            || matches!(
                self,
                Self::Missing(_)
                    | Self::OtherNames
                    | Self::Event(_)
                    | Self::Record(Torn | Unfinished)
            )
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Json {
            problem: json_problem(&error),
            column: error.column(),
        }
    }
}

/// What stops a reader: the record at hand is bad, or nothing can go on.
#[derive(Debug)]
pub(super) enum Stop {
    Bad(Fault),
    Fatal(SinkError),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Bad(fault)
    }
}

impl From<serde_json::Error> for Stop {
    fn from(error: serde_json::Error) -> Self {
        Self::Bad(error.into())
    }
}

impl From<SinkError> for Stop {
    fn from(error: SinkError) -> Self {
        match error {
            SinkError::Refused { kind, .. } if super::policy::host_only(kind) => {
                Self::Bad(Fault::HostOnly(kind))
            }
            SinkError::Refused { .. } => Self::Bad(Fault::Refused(error)),
            _ => Self::Fatal(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_few_and_short() {
        let most = vec!["x".repeat(MAX_LABEL); MAX_LABELS];
        assert!(Fault::check_labels("labels", &most).is_ok());
        let many = vec![String::new(); MAX_LABELS + 1];
        let long = ["x".repeat(MAX_LABEL + 1)];
        for bad in [&many[..], &long] {
            let fault = Fault::check_labels("labels", bad).unwrap_err();
            assert!(
                fault.to_string().contains("at most 64 of 256 bytes"),
                "{fault}"
            );
        }
    }
}
