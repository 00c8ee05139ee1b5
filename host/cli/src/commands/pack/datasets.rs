//! What is wrong with the datasets of a pack, seen before it is signed or shipped.

use std::collections::BTreeSet;

use palisade_pack::Pack;
use palisade_state::datasets::{Dataset, DatasetLimits};

/// Loads the datasets of a pack as they are loaded where the pack runs, and says of each that cannot
/// be which line of it is wrong; `all` of them, or those that a plugin declares. Each is dropped
/// before the next is read.
pub(super) fn unloadable(pack: &Pack, all: bool) -> Vec<String> {
    let limits = DatasetLimits::default();
    let declared = declared(pack);
    let mut wrong = Vec::new();
    let names = pack.manifest().datasets.keys();
    for name in names.filter(|name| all || declared.contains(name.as_str())) {
        let file = format!("datasets/{name}.ndjson");
        let Ok(bytes) = pack.content().file(&file) else {
            continue; // Which a pack is refused for as such.
        };
        if let Err(error) = Dataset::parse(name, bytes, &limits) {
            wrong.push(format!("{error}"));
        }
    }
    wrong
}

/// The datasets that plugins of a pack declare.
fn declared(pack: &Pack) -> BTreeSet<&str> {
    let plugins = pack.plugins().iter();
    let names = plugins.flat_map(|plugin| &plugin.manifest.datasets);
    names.map(String::as_str).collect()
}

/// Says of every dataset that no plugin of the pack declares, by which it would be read: it is
/// packed for nobody, or its name is misspelt.
pub(super) fn unread(pack: &Pack) -> Vec<String> {
    let declared = declared(pack);
    let there = match declared.len() {
        0 => "they declare none".to_owned(),
        _ => {
            let names: Vec<String> = declared.iter().map(|name| format!("`{name}`")).collect();
            format!("they declare {}", names.join(", "))
        }
    };
    let given = pack.manifest().datasets.keys();
    given
        .filter(|name| !declared.contains(name.as_str()))
        .map(|name| {
            format!(
                "no plugin of the pack declares the dataset `{name}` under `datasets` of its \
                 plugin.toml, so none of them reads it; {there}"
            )
        })
        .collect()
}
