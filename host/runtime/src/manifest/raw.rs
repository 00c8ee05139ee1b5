//! The manifest as TOML has it, before anything is checked against the event model.
//!
//! What is said of a key here is what the schema and `sdk/MANIFEST.md` say of it.

use schemars::JsonSchema;
use serde::Deserialize;

use super::validate::{DEFAULT_MAX_KEYS, MAX_FIELDS, MAX_ITEMS, MAX_KEYS, MAX_OFFSET, MAX_VALUES};
use super::{ManifestError, Ordering, World, schema};

pub(super) fn parse(text: &str) -> Result<RawManifest, ManifestError> {
    toml::from_str(text).map_err(|error| {
        let table = text.parse::<toml::Table>().unwrap_or_default();
        let kind = table.get("plugin").and_then(|plugin| plugin.get("kind"));
        match kind.and_then(toml::Value::as_str) {
            // What is wrong in a table that should not be there is not what to mend.
            Some(kind) if kind != World::Parser.name() && table.contains_key("parser") => {
                ManifestError::value("parser", ONLY_PARSERS)
            }
            _ => ManifestError::Syntax(Box::new(error)),
        }
    })
}

/// What is said of a `[parser]` table of anything else.
pub(super) const ONLY_PARSERS: &str = "only a parser has a `[parser]` table; take it away, or \
    write `kind = \"parser\"` where this is one";

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "plugin.toml", transform = schema::by_world)]
pub(super) struct RawManifest {
    /// What the plugin is.
    pub plugin: RawPlugin,
    /// Events that it is shown; position is the `subscription` argument of the call. Detectors and
    /// policies need one, parsers have none.
    #[serde(default)]
    #[schemars(extend("maxItems" = MAX_ITEMS))]
    pub subscription: Vec<RawSubscription>,
    /// What it may report or answer under. Detectors and policies need one.
    #[serde(default)]
    #[schemars(extend("maxItems" = MAX_ITEMS))]
    pub rule: Vec<RawRule>,
    /// State that the host keeps; position is the `table` argument of the call. Needs the
    /// capability `state`.
    #[serde(default)]
    #[schemars(extend("maxItems" = MAX_ITEMS))]
    pub table: Vec<RawTable>,
    /// Reference sets of the operator; position is the `dataset` argument of the call. Needs the
    /// capability `datasets`.
    #[serde(default)]
    #[schemars(extend("maxItems" = MAX_ITEMS))]
    pub dataset: Vec<RawDataset>,
    /// What the operator can set, in the order in which `configure` gets it.
    #[serde(default)]
    #[schemars(extend("maxItems" = MAX_ITEMS))]
    pub setting: Vec<RawSetting>,
    /// Limits below the operator's; what is higher than those changes nothing.
    #[serde(default)]
    pub limits: RawLimits,
    /// What a parser parses: parsers need it, others have none.
    pub parser: Option<RawParser>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawPlugin {
    /// Unique in its pack: 1 to 64 of a-z, 0-9 and `-`, beginning with a letter.
    #[schemars(regex(pattern = schema::NAME))]
    pub name: String,
    /// Semantic version of the plugin, such as `0.1.0`.
    #[schemars(regex(pattern = schema::VERSION))]
    pub version: String,
    /// What it does: findings, judgements, or bytes into events.
    #[schemars(schema_with = "schema::worlds")]
    pub kind: String,
    /// Version of the plugin interface.
    #[schemars(schema_with = "schema::wit")]
    pub wit: String,
    /// The pack that it belongs to, in the form of `name`; tables are the pack's.
    #[schemars(regex(pattern = schema::NAME))]
    pub pack: String,
    /// One line for the operator.
    #[serde(default)]
    pub description: String,
    /// What it may import beyond its world; what is not here is not linked.
    #[serde(default)]
    #[schemars(schema_with = "schema::capabilities")]
    pub capabilities: Vec<String>,
    /// What it exports beyond its world: `on-timer` needs the capability `timers`; `observe` is
    /// there exactly when a subscription of a policy has that role.
    #[serde(default)]
    #[schemars(schema_with = "schema::exports")]
    pub exports: Vec<String>,
    /// How events of several subscriptions come. `exact`: in the order of the input, batches are cut
    /// at every change of kind. `per-kind`: all of one kind in an epoch together.
    #[serde(default)]
    #[schemars(schema_with = "schema::orderings", extend("default" = Ordering::Exact.name()))]
    pub ordering: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawSubscription {
    /// The kind of event.
    #[schemars(schema_with = "schema::kinds")]
    pub kind: String,
    /// Of a policy alone: `decide` asks it, which is so without the key; `observe` only shows the
    /// event.
    #[serde(default)]
    #[schemars(schema_with = "schema::roles")]
    pub role: Option<String>,
    /// Fields that the plugin may read, by dotted name; `time` is always readable.
    #[serde(default)]
    #[schemars(schema_with = "schema::fields", extend("maxItems" = MAX_FIELDS))]
    pub fields: Vec<String>,
    /// Fields whose values choose the worker. A plugin with `state` runs on one worker unless every
    /// subscription has some and every table's key holds them; one with `timers` always does.
    #[serde(default)]
    #[schemars(schema_with = "schema::fields")]
    pub partition_by: Vec<String>,
    /// All of these must hold, or the plugin is not shown the event. The host tests them over
    /// columns, before any plugin is called.
    #[serde(default, rename = "where")]
    pub predicates: Vec<RawPredicate>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(transform = schema::one_test)]
pub(super) struct RawPredicate {
    /// The field that is tested, by dotted name; it need not be in `fields`. A field that the event
    /// lacks fails every test; of one that repeats, one value must pass.
    #[schemars(schema_with = "schema::field")]
    pub field: String,
    /// Turns the outcome around, so that an event without the field passes.
    #[serde(default)]
    pub not: bool,
    /// It is this: text, a number, `true` or `false`, the name of an enum's case, or an address or
    /// network as text.
    #[serde(default)]
    #[schemars(schema_with = "schema::scalar")]
    pub equals: Option<toml::Value>,
    /// It is one of these.
    #[serde(rename = "in", default)]
    #[schemars(schema_with = "schema::scalars", extend("maxItems" = MAX_VALUES))]
    pub one_of: Option<Vec<toml::Value>>,
    /// An address in one of these networks, such as `10.0.0.0/8` or `2001:db8::/32`.
    #[schemars(extend("maxItems" = MAX_VALUES))]
    pub cidr: Option<Vec<String>>,
    /// Text that begins with one of these.
    #[schemars(extend("maxItems" = MAX_VALUES))]
    pub prefix: Option<Vec<String>>,
    /// Text that ends with one of these.
    #[schemars(extend("maxItems" = MAX_VALUES))]
    pub suffix: Option<Vec<String>>,
    /// Text that contains one of these.
    #[schemars(extend("maxItems" = MAX_VALUES))]
    pub contains_any: Option<Vec<String>>,
    /// It matches an entry of this dataset, which a `[[dataset]]` declares.
    pub in_dataset: Option<String>,
    /// Whether the event has the field.
    pub exists: Option<bool>,
    /// A number of at least this. With `max` it is one test.
    #[serde(default)]
    #[schemars(schema_with = "schema::number")]
    pub min: Option<toml::Value>,
    /// A number of at most this.
    #[serde(default)]
    #[schemars(schema_with = "schema::number")]
    pub max: Option<toml::Value>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawRule {
    /// Unique in the plugin, such as `IOT-2.3b`.
    pub id: String,
    /// One line.
    pub title: String,
    /// The severity of a finding that names none.
    #[schemars(schema_with = "schema::severities")]
    pub severity: String,
    /// The duties that it serves, such as `RMSV-9.1`.
    #[serde(default)]
    pub requirements: Vec<String>,
    /// What these ask, with their own words where they are quoted; `palisade explain` shows it.
    #[serde(default)]
    pub duty: Option<String>,
    /// MITRE ATT&CK technique ids.
    #[serde(default)]
    pub attack: Vec<String>,
    /// Links for a person.
    #[serde(default)]
    pub references: Vec<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(transform = schema::by_table)]
pub(super) struct RawTable {
    /// Unique in the plugin.
    pub name: String,
    /// `count`, `sum` and `distinct`: events, the sum or the distinct values of a field in a window.
    /// `first`: whether a key was seen. `value`: bytes under keys of the plugin's own.
    #[schemars(schema_with = "schema::tables")]
    pub kind: String,
    /// Fields that make the key, each listed by a subscription. Every table but a `value` table needs
    /// some, and a `value` table has none.
    #[serde(default)]
    #[schemars(schema_with = "schema::fields")]
    pub key: Vec<String>,
    /// How far back it counts, such as `10m`: `count`, `sum` and `distinct` need it, others have none.
    pub window: Option<String>,
    /// How long an untouched key stays, in event time. Without it the window, or `24h`.
    pub ttl: Option<String>,
    /// How many keys it may hold, all tenants together. Fewer than 4,096 keep the plugin on one
    /// worker.
    #[schemars(range(min = 1, max = MAX_KEYS), extend("default" = DEFAULT_MAX_KEYS))]
    pub max_keys: Option<u32>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawDataset {
    /// Unique in the plugin; the operator gives it by this name.
    pub name: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawSetting {
    /// Unique in the plugin.
    pub name: String,
    /// `text`; `integer` (64 bits, signed); `number` (a double); `boolean`; `texts` (a list of texts).
    #[serde(rename = "type")]
    #[schemars(schema_with = "schema::settings")]
    pub ty: String,
    /// The working figure, of that type and within `min` and `max`. Without it the operator must set
    /// one.
    #[serde(default)]
    #[schemars(schema_with = "schema::setting")]
    pub default: Option<toml::Value>,
    /// For the operator.
    #[serde(default)]
    pub description: String,
    /// The least value of an `integer` or `number`.
    pub min: Option<f64>,
    /// The largest value of an `integer` or `number`.
    pub max: Option<f64>,
}

#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawLimits {
    /// All linear memories of an instance together, such as `16MiB`. Units are `B`, `KiB`, `MiB` and
    /// `GiB` of 1,024, and `kB`, `MB` and `GB` of 1,000; without one it is bytes. At least `64KiB`:
    /// a memory grows by pages of so many. What is above the operator's 64 MiB changes nothing.
    pub memory: Option<String>,
    /// Time of one call, such as `50ms`.
    pub call_time: Option<String>,
    /// Findings and retractions of one call.
    pub findings: Option<u32>,
    /// Host calls of one call.
    pub host_calls: Option<u64>,
    /// Fuel of one call, in deterministic mode.
    pub fuel: Option<u64>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawParser {
    /// Becomes `app-proto` of the flow; in the form of `plugin.name`.
    #[schemars(regex(pattern = schema::NAME))]
    pub protocol: String,
    /// Becomes `encrypted` of the flow.
    pub encrypted: Option<bool>,
    /// The kinds of event that it may make, at least one; none of `control.*`.
    #[schemars(schema_with = "schema::emitted")]
    pub emits: Vec<String>,
    /// What it reads, at least one.
    #[schemars(schema_with = "schema::transports")]
    pub transports: Vec<String>,
    /// Server ports on which it is tried first. Recognition is by bytes, on every port.
    #[serde(default)]
    pub ports: Vec<u16>,
    /// One of these must match before `probe` is called; without any it always is.
    #[serde(default)]
    #[schemars(extend("maxItems" = MAX_VALUES))]
    pub signatures: Vec<RawSignature>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSignature {
    /// Where the bytes must stand in the first chunk, from 0.
    #[schemars(range(max = MAX_OFFSET))]
    pub offset: usize,
    /// 1 to 64 bytes as hexadecimal; spaces do not count.
    #[schemars(regex(pattern = r"^ *([0-9a-fA-F] *[0-9a-fA-F] *){1,64}$"))]
    pub hex: String,
}
