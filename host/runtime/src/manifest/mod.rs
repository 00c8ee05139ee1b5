//! The manifest of a plugin: `plugin.toml`, embedded in the component as one custom section.
//!
//! It is parsed once, by [`Manifest::parse`]; unknown keys are refused, and a field that a
//! kind does not have is refused with the nearest name that it does have. Its limits can only
//! lower the operator's, and its imports are never believed: they are read from the component.

mod duration;
mod error;
mod names;
mod place;
mod predicate;
mod raw;
mod schema;
mod section;
mod settings;
mod validate;

use std::time::Duration;

pub use duration::{duration as parse_duration, size as parse_size};
pub use error::ManifestError;
use palisade_events::{FieldId, Kind, Mask, Severity, Transport};

pub use names::{Capability, OptionalExport, Ordering, Role, TableKind, World};
use names::{TESTS, TRANSPORTS, host_only};
use palisade_events::contain;
pub use place::line as line_of;
pub use predicate::{Predicate, Test, Value};
pub use schema::schema;
pub use section::{MAX_SECTION_BYTES, SECTION, embed, extract};
pub use settings::{SettingSpec, SettingType, SettingValue, Settings, SettingsError};
pub use validate::hint;

/// The WIT package version that this host offers, as manifests write it.
pub const WIT_VERSION: &str = "0.1";

/// The least `max-keys` that is divided among workers; in 64 parts, each part has 64 keys.
pub const DIVISIBLE_KEYS: u32 = 4096;

/// Which events a plugin gets, and what it may read of them.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// The kind of event.
    pub kind: Kind,
    /// Which export they go to.
    pub role: Role,
    /// The fields that it may read, by dotted name, with their ids.
    pub fields: Vec<(String, FieldId)>,
    /// The fields whose values choose the shard; empty: no partition.
    pub partition_by: Vec<(String, FieldId)>,
    /// All of these hold for every event that the plugin is shown.
    pub predicates: Vec<Predicate>,
}

impl Subscription {
    /// Whether the plugin may read the field.
    pub fn grants(&self, field: FieldId) -> bool {
        self.fields.iter().any(|(_, id)| *id == field)
    }

    /// The same as a mask for rows.
    pub fn mask(&self) -> Mask {
        let names = self.fields.iter().map(|(name, _)| name.as_str());
        // The names were checked when the manifest was parsed.
        Mask::of(self.kind, names).unwrap_or_else(|_| Mask::none())
    }
}

/// A rule that the plugin may report under.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Unique in the plugin, such as `IOT-2.3b`.
    pub id: String,
    /// One line.
    pub title: String,
    /// The severity of a finding that names none.
    pub severity: Severity,
    /// The duties that it serves, such as `RMSV-9.1`.
    pub requirements: Vec<String>,
    /// What these ask, for a person.
    pub duty: Option<String>,
    /// MITRE ATT&CK technique ids.
    pub attack: Vec<String>,
    /// Links for a person.
    pub references: Vec<String>,
}

/// A table that the host keeps for the plugin's pack.
#[derive(Clone, Debug)]
pub struct Table {
    /// Unique in the plugin.
    pub name: String,
    /// What it holds.
    pub kind: TableKind,
    /// The fields that make the key; empty for [`TableKind::Value`].
    pub key: Vec<(String, FieldId)>,
    /// The window of the three windowed kinds; zero otherwise.
    pub window: Duration,
    /// How long an untouched key stays, in event time.
    pub ttl: Duration,
    /// How many keys it may hold, all tenants together.
    pub max_keys: u32,
}

/// What a manifest asks of the limits; only ever lower than the operator's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestedLimits {
    /// Bytes of all linear memories together.
    pub memory: Option<u64>,
    /// Time of one call.
    pub call_time: Option<Duration>,
    /// Findings and retractions of one call.
    pub findings: Option<u32>,
    /// Host calls of one call.
    pub host_calls: Option<u64>,
    /// Fuel of one call, in deterministic mode.
    pub fuel: Option<u64>,
}

/// Bytes at a fixed place by which a protocol can be told cheaply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Where they must stand in the first chunk.
    pub offset: usize,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Signature {
    /// Whether the first bytes of a session carry the signature; `None` when there are too
    /// few of them to tell.
    pub fn matches(&self, first: &[u8]) -> Option<bool> {
        let seen = first.get(self.offset.min(first.len())..).unwrap_or(&[]);
        let common = seen.len().min(self.bytes.len());
        if seen[..common] != self.bytes[..common] {
            Some(false)
        } else if common == self.bytes.len() {
            Some(true)
        } else {
            None
        }
    }
}

/// What a parser parses.
#[derive(Clone, Debug)]
pub struct ParserSpec {
    /// Becomes `app-proto` of the flow.
    pub protocol: String,
    /// Becomes `encrypted` of the flow.
    pub encrypted: Option<bool>,
    /// The kinds of event that it may emit.
    pub emits: Vec<Kind>,
    /// `tcp`, `udp` or both.
    pub transports: Vec<Transport>,
    /// Server ports on which it is tried first.
    pub ports: Vec<u16>,
    /// One of these must match before `probe` is called; empty: always called.
    pub signatures: Vec<Signature>,
}

/// A parsed and validated manifest.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// Kebab-case name, unique in its pack.
    pub name: String,
    /// The plugin's own version, for people.
    pub version: String,
    /// The world that it implements.
    pub world: World,
    /// The pack that it belongs to; state tables are the pack's.
    pub pack: String,
    /// One line.
    pub description: String,
    /// What it may import beyond its world.
    pub capabilities: Vec<Capability>,
    /// What it exports beyond its world.
    pub exports: Vec<OptionalExport>,
    /// See [`Ordering`].
    pub ordering: Ordering,
    /// Position is the `subscription` argument of the call.
    pub subscriptions: Vec<Subscription>,
    /// What it may report under.
    pub rules: Vec<Rule>,
    /// Position is the `table` argument of `state`.
    pub tables: Vec<Table>,
    /// Position is the `dataset` argument of `datasets`.
    pub datasets: Vec<String>,
    /// What the operator can set, in the order in which `configure` gets it.
    pub settings: Vec<SettingSpec>,
    /// Limits below the operator's.
    pub limits: RequestedLimits,
    /// Set for parsers, and only for them.
    pub parser: Option<ParserSpec>,
}

impl Manifest {
    /// Parses and validates a manifest.
    ///
    /// # Errors
    /// What is wrong, with line and column for syntax and with line, table, key and the known
    /// names otherwise.
    pub fn parse(text: &str) -> Result<Manifest, ManifestError> {
        contain(|| {
            let manifest = raw::parse(text).and_then(validate::manifest);
            manifest.map_err(|error| error.in_text(text))
        })
        .unwrap_or_else(|panicked| Err(ManifestError::Panicked(panicked)))
    }

    /// Whether the capability is asked for.
    pub fn asks_for(&self, capability: Capability) -> bool {
        self.capabilities.contains(&capability)
    }

    /// Whether the optional interface is exported.
    pub fn exports(&self, export: OptionalExport) -> bool {
        self.exports.contains(&export)
    }

    /// Whether all events must pass through one shard: the plugin keeps state or timers, and
    /// [something](Manifest::indivisible) stands against dividing them.
    pub fn one_shard_only(&self) -> bool {
        (self.asks_for(Capability::State) || self.asks_for(Capability::Timers))
            && self.indivisible().is_some()
    }

    /// Why events and tables cannot be divided among workers: the plugin sets timers, of which
    /// nobody knows which row set them, a subscription has no partition, or a table is in the way. Those are `value` tables, whose keys the plugin makes itself,
    /// tables whose key lacks a field of a partition, and tables of fewer than
    /// [`DIVISIBLE_KEYS`] keys.
    pub fn indivisible(&self) -> Option<String> {
        if self.asks_for(Capability::Timers) {
            return Some("timers are the plugin's as a whole".to_owned());
        }
        let undivided = self
            .subscriptions
            .iter()
            .filter(|s| s.partition_by.is_empty());
        let kinds: Vec<&str> = undivided.map(|s| s.kind.name()).collect();
        if !kinds.is_empty() {
            return Some(format!("{} has no `partition-by`", kinds.join(", ")));
        }
        self.tables.iter().find_map(|table| {
            let name = &table.name;
            if table.kind == TableKind::Value {
                return Some(format!("the keys of table `{name}` are the plugin's own"));
            }
            if table.max_keys < DIVISIBLE_KEYS {
                return Some(format!(
                    "table `{name}` has fewer than {DIVISIBLE_KEYS} keys"
                ));
            }
            let fields = self.subscriptions.iter().flat_map(|s| &s.partition_by);
            let (field, _) = fields
                .into_iter()
                .find(|field| !table.key.contains(field))?;
            Some(format!(
                "the key of table `{name}` lacks `{field}`, which is in `partition-by`"
            ))
        })
    }

    /// The rule with this id.
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == id)
    }
}
