//! Whose the settings of a vector are.
//!
//! `settings.toml` has a table for each plugin that runs, as `--settings` has it; a setting that
//! stands outside of the tables is for the plugin that is tested.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use palisade_runtime::manifest::Settings;

use super::Vector;

/// The file.
pub(crate) const SETTINGS: &str = "settings.toml";

impl Vector {
    /// The settings by plugin, of the one that is tested and of those beside it.
    ///
    /// # Errors
    /// Names the file, and a table that is for no plugin that runs, or a setting that is there
    /// both in its plugin's table and outside of it.
    pub(crate) fn settings_of(
        &self,
        tested: &str,
        beside: &[&str],
    ) -> Result<BTreeMap<String, Settings>> {
        let file = self.file(SETTINGS);
        let file = file.display();
        let mut all: BTreeMap<String, Settings> = BTreeMap::new();
        for (name, value) in &self.settings {
            let Some(table) = value.as_table() else {
                let own = all.entry(tested.to_owned()).or_default();
                if own.insert(name.clone(), value.clone()).is_some() {
                    bail!(
                        "{file}: the setting `{name}` is there twice, in the table `{tested}` and outside of it"
                    );
                }
                continue;
            };
            if name != tested && !beside.contains(&name.as_str()) {
                let there = || [tested].into_iter().chain(beside.iter().copied());
                let near = there()
                    .map(|known| (strsim::damerau_levenshtein(name, known), known))
                    .filter(|(distance, known)| {
                        name.len() <= 64 && *distance <= 1 + known.len() / 4
                    })
                    .min();
                let meant = match near {
                    Some((_, known)) => format!("did you mean `{known}`?"),
                    None => format!("there are `{}`", there().collect::<Vec<_>>().join("`, `")),
                };
                bail!(
                    "{file}: the table `{name}` is for no plugin that runs in this vector; {meant}"
                );
            }
            let own = all.entry(name.clone()).or_default();
            for (setting, value) in table {
                if own.insert(setting.clone(), value.clone()).is_some() {
                    bail!(
                        "{file}: the setting `{setting}` is there twice, in the table `{name}` and outside of it"
                    );
                }
            }
        }
        Ok(all)
    }
}
