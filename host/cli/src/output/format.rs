//! The formats of results.

use std::fmt;

use clap::ValueEnum;

/// How results are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For a person.
    #[default]
    Table,
    /// One JSON object a line.
    Ndjson,
    /// One JSON document.
    Json,
    /// OCSF Detection Finding, one a line.
    Ocsf,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Table => "table",
            Self::Ndjson => "ndjson",
            Self::Json => "json",
            Self::Ocsf => "ocsf",
        })
    }
}
