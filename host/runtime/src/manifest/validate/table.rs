//! Tables of state.

use std::time::Duration;

use palisade_events::FieldId;

use super::check::case;
use crate::manifest::duration::duration;
use crate::manifest::raw::RawTable;
use crate::manifest::{ManifestError, Subscription, Table, TableKind};

const DEFAULT_TTL: Duration = Duration::from_secs(24 * 3600);
pub(in crate::manifest) const DEFAULT_MAX_KEYS: u32 = 100_000;
pub(in crate::manifest) const MAX_KEYS: u32 = 16_000_000;

pub(super) fn table(
    place: &str,
    subscriptions: &[Subscription],
    raw: RawTable,
) -> Result<Table, ManifestError> {
    let kinds = TableKind::ALL.map(|kind| (kind.name(), kind));
    let kind = case(&format!("{place}.kind"), &raw.kind, &kinds)?;
    let windowed = kind.windowed();
    let window = match (windowed, raw.window) {
        (true, Some(text)) => {
            duration(&text).map_err(|p| ManifestError::value(format!("{place}.window"), p))?
        }
        (true, None) => {
            return Err(ManifestError::value(
                place,
                format!("a `{}` table needs a `window`", kind.name()),
            ));
        }
        (false, None) => Duration::ZERO,
        (false, Some(_)) => {
            return Err(ManifestError::value(
                place,
                format!("a `{}` table has a `ttl`, not a `window`", kind.name()),
            ));
        }
    };
    let ttl = match raw.ttl {
        Some(text) => {
            duration(&text).map_err(|p| ManifestError::value(format!("{place}.ttl"), p))?
        }
        None if windowed => window,
        None => DEFAULT_TTL,
    };
    if (kind == TableKind::Value) != raw.key.is_empty() {
        return Err(ManifestError::value(
            format!("{place}.key"),
            "every table but a `value` table needs key fields, and a `value` table has none",
        ));
    }
    for name in &raw.key {
        if !subscriptions
            .iter()
            .any(|s| s.fields.iter().any(|(field, _)| field == name))
        {
            return Err(ManifestError::value(
                format!("{place}.key"),
                format!("`{name}` is a field of no subscription; list it under `fields`"),
            ));
        }
    }
    let max_keys = raw.max_keys.unwrap_or(DEFAULT_MAX_KEYS);
    if !(1..=MAX_KEYS).contains(&max_keys) {
        return Err(ManifestError::value(
            format!("{place}.max-keys"),
            format!("must be 1 to {MAX_KEYS}"),
        ));
    }
    let key = raw.key.into_iter().map(|name| {
        let id = FieldId::of(&name);
        (name, id)
    });
    Ok(Table {
        name: raw.name,
        kind,
        key: key.collect(),
        window,
        ttl,
        max_keys,
    })
}
