//! What was built of a project while it had another name. It would be loaded beside what is built
//! now, as a plugin of its own.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use palisade_store::Digest;

use super::stamp::Stamp;
use super::{Places, Project, debug_file, unlinked};
use crate::host::MAX_COMPONENT;

/// The most plugins of one target folder that are looked at.
const LOOKED_AT: usize = 4096;

/// Removes the components of the project under its other names from where this one was put, if
/// they are what the user built there, and says which.
///
/// # Errors
/// When one cannot be removed, or a link that the project brought along leads elsewhere.
pub(super) fn remove(project: &Project, places: &Places) -> Result<Vec<PathBuf>> {
    let mut removed = Vec::new();
    let Some(key) = &places.key else {
        return Ok(removed);
    };
    let packs = folders(&places.scratch);
    let built = packs.iter().flat_map(|pack| folders(pack));
    for own in built.take(LOOKED_AT) {
        let file = own.join("stamp.json");
        let (Some(name), Some(pack)) = (own.file_name(), own.parent().and_then(Path::file_name))
        else {
            continue;
        };
        unlinked(&places.root, &file)?;
        let Some(stamp) = Stamp::read(&file, key) else {
            continue;
        };
        let manifest = &project.manifest;
        let same = name == manifest.name.as_str() && pack == manifest.pack.as_str();
        if same || stamp.project.as_ref() != Some(&project.dir) {
            continue;
        }
        let mut file_name = name.to_owned();
        file_name.push(".wasm");
        let component = places.out.join(pack).join(file_name);
        unlinked(&places.base, &component)?;
        // What else somebody put there stays.
        let bytes = palisade_private::read(&component, MAX_COMPONENT).unwrap_or_default();
        if Digest::of(&bytes) != stamp.component {
            continue;
        }
        let remove = || format!("remove {}", component.display());
        std::fs::remove_file(&component).with_context(remove)?;
        let debug = debug_file(&component);
        unlinked(&places.base, &debug)?;
        let _ = std::fs::remove_file(debug);
        let _ = std::fs::remove_file(file);
        removed.push(component);
    }
    Ok(removed)
}

/// The folders in a folder, no links among them.
fn folders(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let mut folders: Vec<PathBuf> = folders.map(|entry| entry.path()).collect();
    folders.sort();
    folders
}
