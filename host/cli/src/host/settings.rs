//! Tables of the settings file that belong to no plugin: a misspelt name must not leave a rule
//! with its defaults.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::Loaded;

/// Checks that every table of the settings belongs to a plugin that is loaded; `passed_over` are
/// components that are not unless they are named.
///
/// # Errors
/// Names the file, the first table that does not, and what may be meant.
pub(super) fn check(loaded: &Loaded, passed_over: &[PathBuf], file: Option<&Path>) -> Result<()> {
    let names = || loaded.plugins.iter().map(|p| p.manifest().name.as_str());
    for name in loaded.given.settings.keys() {
        if names().any(|known| known == name) {
            continue;
        }
        let place = file.map_or_else(String::new, |file| format!("{}: ", file.display()));
        if let Some(left_out) = loaded.left_out.iter().find(|left| left.plugin == *name) {
            bail!("{place}the table `{name}` is for a plugin that is not loaded: {left_out}");
        }
        let of_file = |path: &&PathBuf| path.file_stem().is_some_and(|stem| stem == name.as_str());
        if let Some(example) = passed_over.iter().find(of_file) {
            bail!(
                "{place}the table `{name}` is for a plugin that is not loaded: examples are not, \
                 unless --plugins names them, as in --plugins {}",
                example.display()
            );
        }
        let near = names()
            .map(|known| (strsim::damerau_levenshtein(name, known), known))
            .filter(|(distance, known)| name.len() <= 64 && *distance <= 1 + known.len() / 4)
            .min();
        let what = match near {
            Some((_, known)) => format!("did you mean `{known}`?"),
            None => format!("those that are: {}", names().collect::<Vec<_>>().join(", ")),
        };
        bail!("{place}the table `{name}` is for no plugin that is loaded; {what}");
    }
    Ok(())
}
