//! What a new version of a pack changes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use palisade_events::Digest;
use serde::Serialize;

use crate::Pack;

/// Everything that differs between two packs, the weightiest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The old pack's digest.
    pub old: Digest,
    /// The new pack's digest.
    pub new: Digest,
    /// What differs.
    pub changes: Vec<Change>,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What kind of thing: `capability`, `requirement`, `label`, `plugin`, `import`, `rule`,
    /// `setting`, `dataset`, `vector`, `doc`, or a field of the manifest.
    pub what: &'static str,
    /// Which one.
    pub name: String,
    /// What it was; absent if it is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<String>,
    /// What it is; absent if it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<String>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, name) = (self.what, &self.name);
        match (&self.old, &self.new) {
            (None, Some(new)) if new.is_empty() => write!(f, "+ {what} {name}"),
            (Some(old), None) if old.is_empty() => write!(f, "- {what} {name}"),
            (None, Some(new)) => write!(f, "+ {what} {name}: {new}"),
            (Some(old), None) => write!(f, "- {what} {name}: {old}"),
            (old, new) => write!(
                f,
                "~ {what} {name}: {} -> {}",
                old.as_deref().unwrap_or_default(),
                new.as_deref().unwrap_or_default()
            ),
        }
    }
}

impl Difference {
    /// Compares two packs.
    pub fn between(old: &Pack, new: &Pack) -> Self {
        let mut changes = Vec::new();
        let (a, b) = (facts(old), facts(new));
        for what in KINDS {
            let empty = BTreeMap::new();
            let (a, b) = (a.get(what).unwrap_or(&empty), b.get(what).unwrap_or(&empty));
            let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for name in names {
                let (old, new) = (a.get(name).cloned(), b.get(name).cloned());
                if old != new {
                    changes.push(Change {
                        what,
                        name: name.clone(),
                        old,
                        new,
                    });
                }
            }
        }
        Self {
            old: old.digest(),
            new: new.digest(),
            changes,
        }
    }

    /// The capabilities that the new pack has and the old one has not.
    pub fn gained(&self) -> impl Iterator<Item = &str> {
        let gained = |c: &&Change| c.what == "capability" && c.old.is_none();
        self.changes.iter().filter(gained).map(|c| c.name.as_str())
    }
}

/// What is compared, in the order in which it is shown.
const KINDS: [&str; 12] = [
    "capability",
    "import",
    "label",
    "requirement",
    "plugin",
    "rule",
    "setting",
    "dataset",
    "field",
    "vector",
    "doc",
    "other",
];

type Facts = BTreeMap<&'static str, BTreeMap<String, String>>;

fn facts(pack: &Pack) -> Facts {
    let manifest = pack.manifest();
    let mut facts = Facts::new();
    let mut add = |what: &'static str, name: String, value: String| {
        facts.entry(what).or_default().insert(name, value);
    };
    for capability in &manifest.capabilities {
        add("capability", capability.clone(), String::new());
    }
    for requirement in &manifest.requirements {
        add("requirement", requirement.clone(), String::new());
    }
    for (name, value) in [
        ("vendor", &manifest.vendor),
        ("name", &manifest.name),
        ("version", &manifest.version),
        ("lineage", &manifest.lineage),
        ("licence", &manifest.licence),
        ("description", &manifest.description),
    ] {
        add("field", name.into(), value.clone());
    }
    add(
        "field",
        "abi".into(),
        format!("{} to {}", manifest.abi.from, manifest.abi.to),
    );
    let labels = &manifest.labels;
    if let Some(tlp) = labels.tlp {
        add("label", "tlp".into(), tlp.to_string());
    }
    if let Some(until) = labels.embargo {
        add("label", "embargo".into(), until.to_string());
    }
    if labels.unmarked {
        add("label", "unmarked".into(), String::new());
    }
    for unread in pack.unread() {
        add("label", unread.to_string(), String::new());
    }
    for mark in labels.marks.iter().chain(&labels.derived_from) {
        add("label", mark.clone(), String::new());
    }
    for plugin in pack.plugins() {
        let (m, name) = (&plugin.manifest, &plugin.manifest.name);
        let value = format!("{} {} {}", m.world.name(), m.version, plugin.digest);
        add("plugin", name.clone(), value);
        for import in &plugin.imports {
            add(
                "import",
                format!("{import} of plugin {name}"),
                String::new(),
            );
        }
        for rule in &m.rules {
            let value = format!(
                "{} ({}) {}",
                rule.title,
                rule.severity.name(),
                rule.requirements.join(", ")
            );
            add("rule", format!("{name}/{}", rule.id), value);
        }
        for setting in &m.settings {
            let packed = manifest
                .settings
                .get(name)
                .and_then(|s| s.get(&setting.name));
            // In the one form of its type: 23 and 23.0 of a number are the same.
            let value = packed
                .and_then(|value| setting.accept(value).ok())
                .or_else(|| setting.default.clone());
            let value = value.map_or_else(
                || "none, which the operator must set".to_owned(),
                |value| toml::Value::from(value).to_string(),
            );
            add(
                "setting",
                format!("{} of plugin {name}", setting.name),
                value,
            );
        }
    }
    for entry in pack.listing().entries() {
        let path = entry.path.as_str();
        let what = match path.split_once('/') {
            Some(("datasets", _)) => "dataset",
            Some(("vectors", _)) => "vector",
            Some(("docs", _)) => "doc",
            // Said already, by what it means.
            Some(("plugins", _)) => continue,
            _ if path == crate::PACK_TOML || path == crate::SBOM => continue,
            _ => "other",
        };
        add(what, path.to_owned(), entry.digest.to_string());
    }
    facts
}
