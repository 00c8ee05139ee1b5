//! Tables of the settings file that belong to no plugin: a misspelt name must not leave a rule
//! with its defaults.

use std::path::Path;

use anyhow::{Result, bail};

use super::Loaded;

/// Checks that every table of the settings belongs to a plugin that is loaded.
///
/// # Errors
/// Names the file, the first table that does not, and what may be meant.
pub(super) fn check(loaded: &Loaded, file: Option<&Path>) -> Result<()> {
    let names = || loaded.plugins.iter().map(|p| p.manifest().name.as_str());
    for name in loaded.given.settings.keys() {
        if names().any(|known| known == name) {
            continue;
        }
        let place = file.map_or_else(String::new, |file| format!("{}: ", file.display()));
        // It begins with whose it is.
        let begins = format!("plugin `{name}` ");
        if let Some(why) = loaded.left_out.iter().find(|why| why.starts_with(&begins)) {
            bail!("{place}the table `{name}` is for a plugin that is not loaded: {why}");
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
