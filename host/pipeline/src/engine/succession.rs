//! Which state goes on from one generation to the next, and when it cannot.

use std::collections::BTreeSet;
use std::sync::Arc;

use palisade_runtime::manifest::{Capability, Manifest};

use super::generation::{Generation, Member};
use super::route::Placement;
use crate::capabilities::{partition, specs};

/// State that the next generation could not go on with, although nobody said that it may be lost.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "plugin `{plugin}`: {reason}; its state would be lost: say `{discard}` may be discarded, \
         or leave this as it is"
)]
pub struct StateLoss {
    /// The plugin, as `name` or, where another has the same, `pack/name`.
    pub plugin: String,
    /// Why.
    pub reason: String,
    /// What to name among what may be discarded.
    pub discard: String,
}

/// What of a plugin's state may be lost: `PLUGIN` for all of it, `PLUGIN/TABLE` for a table.
pub(crate) struct Discard<'a>(pub(crate) &'a BTreeSet<String>);

impl Discard<'_> {
    /// Whether all of a plugin's may.
    pub(crate) fn all_of(&self, member: &Member) -> bool {
        self.0.contains(&*member.title)
    }

    /// The tables of a plugin that may.
    pub(crate) fn tables_of(&self, member: &Member) -> Vec<String> {
        let tables = member.plugin.manifest().tables.iter();
        let named = tables.map(|table| table.name.clone());
        named
            .filter(|name| self.0.contains(&format!("{}/{name}", member.title)))
            .collect()
    }

    /// Names that are of nothing in a generation.
    pub(crate) fn unknown(&self, generation: &Generation) -> Vec<String> {
        let known = |name: &&String| {
            generation.plugins.iter().any(|member| {
                let table = name.strip_prefix(&format!("{}/", member.title));
                let tables = &member.plugin.manifest().tables;
                ***name == *member.title
                    || table.is_some_and(|name| tables.iter().any(|t| t.name == name))
            })
        };
        let unknown = self.0.iter().filter(|name| !known(name));
        unknown.cloned().collect()
    }
}

fn has_state(manifest: &Manifest) -> bool {
    !manifest.tables.is_empty() || manifest.asks_for(Capability::Timers)
}

/// The state of `before` that `after` could not go on with.
pub(crate) fn losses(
    before: &Generation,
    after: &Generation,
    discard: &Discard<'_>,
) -> Vec<StateLoss> {
    let mut losses = Vec::new();
    for member in &before.plugins {
        if discard.all_of(member) || !has_state(member.plugin.manifest()) {
            continue;
        }
        let lost = |reason: String, of: Option<&str>| StateLoss {
            plugin: member.title.to_string(),
            reason,
            discard: match of {
                None => member.title.to_string(),
                Some(table) => format!("{}/{table}", member.title),
            },
        };
        let next = after.plugins.iter().find(|next| next.key == member.key);
        let Some(next) = next else {
            losses.push(lost("it is removed".to_owned(), None));
            continue;
        };
        let (old, new) = (member.plugin.manifest(), next.plugin.manifest());
        if Arc::ptr_eq(old, new) {
            continue;
        }
        if Placement::of(old, 0) != Placement::of(new, 0) || partition(old) != partition(new) {
            let reason =
                "its rows are divided among workers by other fields, or no longer as before";
            losses.push(lost(reason.to_owned(), None));
            continue;
        }
        if old.asks_for(Capability::Timers) && !new.asks_for(Capability::Timers) {
            losses.push(lost("it sets no timers any more".to_owned(), None));
        }
        let (then, now) = (specs(old), specs(new));
        let discarded = discard.tables_of(member);
        for table in then.iter().filter(|table| !discarded.contains(&table.name)) {
            let reason = match now.iter().find(|other| other.name == table.name) {
                None => "is not there any more, or has another name".to_owned(),
                Some(other) if !other.goes_on_from(table) => {
                    "has another kind, key, window or ttl".to_owned()
                }
                Some(other) if other.max_keys < table.max_keys => format!(
                    "may have {} keys and could have {} before",
                    other.max_keys, table.max_keys
                ),
                Some(_) => continue,
            };
            losses.push(lost(
                format!("its table `{}` {reason}", table.name),
                Some(&table.name),
            ));
        }
    }
    losses
}
