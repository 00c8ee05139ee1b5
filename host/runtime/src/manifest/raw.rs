//! The manifest as TOML has it, before anything is checked against the event model.

use serde::Deserialize;

use super::ManifestError;

pub(super) fn parse(text: &str) -> Result<RawManifest, ManifestError> {
    Ok(toml::from_str(text)?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawManifest {
    pub plugin: RawPlugin,
    #[serde(default)]
    pub subscription: Vec<RawSubscription>,
    #[serde(default)]
    pub rule: Vec<RawRule>,
    #[serde(default)]
    pub table: Vec<RawTable>,
    #[serde(default)]
    pub dataset: Vec<RawDataset>,
    #[serde(default)]
    pub setting: Vec<RawSetting>,
    #[serde(default)]
    pub limits: RawLimits,
    pub parser: Option<RawParser>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawPlugin {
    pub name: String,
    pub version: String,
    pub kind: String,
    pub wit: String,
    pub pack: String,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub capabilities: Vec<String>,
    #[serde(default)]
    pub exports: Vec<String>,
    pub ordering: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawSubscription {
    pub kind: String,
    pub role: Option<String>,
    #[serde(default)]
    pub fields: Vec<String>,
    #[serde(default)]
    pub partition_by: Vec<String>,
    #[serde(default, rename = "where")]
    pub predicates: Vec<RawPredicate>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawPredicate {
    pub field: String,
    #[serde(default)]
    pub not: bool,
    pub equals: Option<toml::Value>,
    #[serde(rename = "in")]
    pub one_of: Option<Vec<toml::Value>>,
    pub cidr: Option<Vec<String>>,
    pub prefix: Option<Vec<String>>,
    pub suffix: Option<Vec<String>>,
    pub contains_any: Option<Vec<String>>,
    pub in_dataset: Option<String>,
    pub exists: Option<bool>,
    pub min: Option<toml::Value>,
    pub max: Option<toml::Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawRule {
    pub id: String,
    pub title: String,
    pub severity: String,
    #[serde(default)]
    pub requirements: Vec<String>,
    #[serde(default)]
    pub attack: Vec<String>,
    #[serde(default)]
    pub references: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawTable {
    pub name: String,
    pub kind: String,
    #[serde(default)]
    pub key: Vec<String>,
    pub window: Option<String>,
    pub ttl: Option<String>,
    pub max_keys: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawDataset {
    pub name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawSetting {
    pub name: String,
    #[serde(rename = "type")]
    pub ty: String,
    pub default: Option<toml::Value>,
    #[serde(default)]
    pub description: String,
    pub min: Option<f64>,
    pub max: Option<f64>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawLimits {
    pub memory: Option<String>,
    pub call_time: Option<String>,
    pub findings: Option<u32>,
    pub host_calls: Option<u64>,
    pub fuel: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawParser {
    pub protocol: String,
    pub encrypted: Option<bool>,
    pub emits: Vec<String>,
    pub transports: Vec<String>,
    #[serde(default)]
    pub ports: Vec<u16>,
    #[serde(default)]
    pub signatures: Vec<RawSignature>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSignature {
    pub offset: usize,
    pub hex: String,
}
