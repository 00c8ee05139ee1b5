//! Checks that several parts of a manifest share, and what they say.

use std::collections::HashMap;

use palisade_events::{Kind, Severity};

use crate::manifest::ManifestError;

pub(in crate::manifest) const MAX_VALUES: usize = 65_536;
/// The most known names that are listed, and the most beside one that may be meant.
const KNOWN: usize = 80;
const BESIDE: usize = 16;

pub(super) fn kind(place: &str, name: &str) -> Result<Kind, ManifestError> {
    Kind::from_name(name).ok_or_else(|| {
        let known = Kind::ALL.iter().map(|k| k.name());
        ManifestError::value(
            place,
            format!("there is no kind `{name}`{}", hint(name, known)),
        )
    })
}

pub(super) fn severity(place: &str, name: &str) -> Result<Severity, ManifestError> {
    let known: Vec<_> = Severity::ALL.iter().map(|s| (s.name(), *s)).collect();
    case(place, name, &known)
}

/// Names in manifests are kebab-case, so that they can be file names and keys anywhere.
pub(super) fn name(place: &str, name: &str) -> Result<(), ManifestError> {
    let good = (1..=64).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if good {
        return Ok(());
    }
    Err(ManifestError::value(
        place,
        format!("`{name}` must be 1 to 64 of a-z, 0-9 and `-`, beginning with a letter"),
    ))
}

/// Refuses two tables of an array `place` whose `key` says the same.
pub(super) fn unique<'a>(
    place: &str,
    key: &str,
    names: impl Iterator<Item = &'a str>,
) -> Result<(), ManifestError> {
    let mut seen = HashMap::new();
    for (at, name) in names.enumerate() {
        if let Some(first) = seen.insert(name, at) {
            return Err(ManifestError::Twice {
                lines: None,
                name: name.to_owned(),
                place: format!("{place}[{at}].{key}"),
                first: format!("{place}[{first}].{key}"),
            });
        }
    }
    Ok(())
}

pub(super) fn named<T: Copy + PartialEq>(
    place: &str,
    names: &[String],
    known: &[(&str, T)],
) -> Result<Vec<T>, ManifestError> {
    let mut out = Vec::new();
    for name in names {
        let found = known.iter().find(|(n, _)| n == name).ok_or_else(|| {
            ManifestError::value(
                place,
                format!(
                    "there is no `{name}`{}",
                    hint(name, known.iter().map(|(n, _)| *n))
                ),
            )
        })?;
        if !out.contains(&found.1) {
            out.push(found.1);
        }
    }
    Ok(out)
}

/// The case that a name stands for.
pub(in crate::manifest) fn case<T: Copy>(
    place: &str,
    found: &str,
    known: &[(&str, T)],
) -> Result<T, ManifestError> {
    let case = known.iter().find(|(name, _)| *name == found);
    case.map(|(_, case)| *case).ok_or_else(|| {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        ManifestError::value(
            place,
            format!("`{found}` is none of `{}`", names.join("`, `")),
        )
    })
}

pub(super) fn bounded(place: &str, count: usize) -> Result<(), ManifestError> {
    if count <= MAX_VALUES {
        return Ok(());
    }
    Err(ManifestError::value(
        place,
        format!("has {count} values; at most {MAX_VALUES} are allowed, use a dataset"),
    ))
}

/// `; did you mean …?`, when something known is near, and what else there is, as far as it is
/// not too much to read.
pub fn hint<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.collect();
    let near = known
        .iter()
        // Comparing takes as long as one is long times the other.
        .filter(|candidate| name.len() <= 2 * candidate.len())
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min()
        .map(|(_, candidate)| format!("; did you mean `{candidate}`?"));
    let more = known.len().saturating_sub(KNOWN);
    let listed = known[..known.len() - more].join("`, `");
    let all = match more {
        0 => format!("`{listed}`"),
        _ => format!("`{listed}` and {more} more"),
    };
    match near {
        _ if known.is_empty() => "; there is none".to_owned(),
        Some(near) if known.len() > BESIDE => near,
        Some(near) => format!("{near} There are {all}"),
        None => format!("; there are {all}"),
    }
}
