//! Whether a component is of the sources as they are now, for who packs it and does not build it.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use palisade_runtime::manifest::Manifest;
use palisade_store::Digest;

use super::stamp::{Inputs, Place, Stamp};
use super::{Checkout, SCRATCH, target};

/// What is known of a component beside its sources.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Its sources are what it was built from.
    Fresh,
    /// It is not known what it was built from.
    Unknown,
    /// It was built from something else: what differs.
    Stale(String),
}

/// Compares the sources of a plugin in the folder `project` with those that its last build
/// remembered. The compiler does not count, and nothing is built or written.
///
/// A stamp of another user counts here: all that it can do is refuse.
///
/// # Errors
/// When a source cannot be read.
pub(crate) fn freshness(
    project: &Path,
    manifest: &Manifest,
    component: Digest,
) -> Result<Freshness> {
    let dir = project.canonicalize()?;
    let own = target::target(&dir)
        .join(SCRATCH)
        .join(&manifest.pack)
        .join(&manifest.name);
    let Some(stamp) = Stamp::read_any(&own.join("stamp.json")) else {
        return Ok(Freshness::Unknown);
    };
    if stamp.component != component || stamp.dir.as_ref().is_some_and(|of| *of != dir) {
        return Ok(Freshness::Unknown);
    }
    // Without one, what lies in it cannot be looked at.
    let root = Checkout::find(None).ok().map(|checkout| checkout.root);
    let mut sources = Inputs::default();
    sources.tree(&dir)?;
    let place = |path: &Path| Place::of(path, &dir, root.as_deref().unwrap_or(&dir));
    let now: BTreeMap<Place, Digest> = sources
        .files()
        .iter()
        .map(|(path, digest)| (place(path), *digest))
        .collect();
    let shown = |place: &Place| match place {
        Place::Project(below) => project.join(below).display().to_string(),
        Place::Checkout(below) => below.display().to_string(),
        Place::Elsewhere(path) => path.display().to_string(),
    };
    for (place, then) in &stamp.content {
        let found = match (place, &root) {
            (Place::Checkout(_), None) => continue,
            _ => now.get(place).copied(),
        };
        let found = match found {
            Some(found) => found,
            None => {
                let path = place.path(&dir, root.as_deref().unwrap_or(&dir));
                if !path.exists() {
                    return Ok(Freshness::Stale(format!("{} is gone", shown(place))));
                }
                let mut one = Inputs::default();
                one.tree(&path)?;
                match one.files() {
                    [(_, digest)] => *digest,
                    _ => return Ok(Freshness::Stale(format!("{} is a folder", shown(place)))),
                }
            }
        };
        if found != *then {
            return Ok(Freshness::Stale(format!("{} was changed", shown(place))));
        }
    }
    let known: BTreeMap<&Place, Digest> = stamp
        .content
        .iter()
        .map(|(place, digest)| (place, *digest))
        .collect();
    match now.keys().find(|place| !known.contains_key(place)) {
        Some(new) => Ok(Freshness::Stale(format!("{} is new", shown(new)))),
        None => Ok(Freshness::Fresh),
    }
}
