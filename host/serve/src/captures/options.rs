//! What an operator says of captures.

use serde::{Deserialize, Serialize};

use crate::config::{SourceConfig, SourceKind};

/// What becomes of a capture once it was read, and what came of it is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhenDone {
    /// It stays.
    #[default]
    Keep,
    /// It is deleted.
    Delete,
}

/// The longest name of an interface.
const INTERFACE: usize = 15;

/// What is wrong with the fields of a source that are about captures: field, and what is wrong.
pub(crate) fn wrong(source: &SourceConfig) -> Option<(&'static str, &'static str)> {
    let SourceConfig {
        kind,
        path,
        separate,
        when_done,
        interface,
        snaplen,
        promiscuous,
        buffer_bytes,
        filter,
        ..
    } = source;
    let directory = [
        ("separate", separate.is_some()),
        ("when_done", when_done.is_some()),
    ];
    let live = [
        ("interface", interface.is_some()),
        ("snaplen", snaplen.is_some()),
        ("promiscuous", promiscuous.is_some()),
        ("buffer_bytes", buffer_bytes.is_some()),
        ("filter", filter.is_some()),
    ];
    let given = |fields: &[(&'static str, bool)]| {
        let given = fields.iter().find(|(_, given)| *given);
        given.map(|(field, _)| *field)
    };
    if *kind != SourceKind::Captures
        && let Some(field) = given(&directory)
    {
        return Some((field, "is for sources of kind `captures` only"));
    }
    if *kind != SourceKind::Interface
        && let Some(field) = given(&live)
    {
        return Some((field, "is for sources of kind `interface` only"));
    }
    match kind {
        SourceKind::Captures if path.is_none() => Some((
            "path",
            "is missing; a source of kind `captures` needs the directory where they arrive",
        )),
        SourceKind::Interface if path.is_some() => {
            Some(("path", "is not for a source of kind `interface`"))
        }
        SourceKind::Interface => match interface.as_deref() {
            None => Some((
                "interface",
                "is missing; a source of kind `interface` needs the name of one, such as `eth0`",
            )),
            Some(name)
                if name.is_empty() || name.len() > INTERFACE || name.contains(['/', '\0']) =>
            {
                Some(("interface", "must have 1 to 15 bytes, and no `/`"))
            }
            Some(_) if snaplen.is_some_and(|bytes| !(64..=262_144).contains(&bytes)) => {
                Some(("snaplen", "must be 64 to 262144"))
            }
            Some(_) if buffer_bytes.is_some_and(|bytes| !(4096..=1 << 30).contains(&bytes)) => {
                Some(("buffer_bytes", "must be 4096 to 1073741824"))
            }
            Some(_)
                if filter
                    .as_deref()
                    .is_some_and(|text| text.len() > 4096 || text.contains('\0')) =>
            {
                Some(("filter", "has more than 4096 bytes, or a zero"))
            }
            Some(_) => None,
        },
        _ => None,
    }
}
