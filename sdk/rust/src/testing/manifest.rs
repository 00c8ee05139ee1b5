//! What the in-memory host reads of `plugin.toml`.

use serde::Deserialize;

use crate::bindings::plugin::exports::palisade::plugin::plugin::{Setting, SettingValue};

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) plugin: Plugin,
    #[serde(default)]
    pub(crate) subscription: Vec<Subscription>,
    #[serde(default)]
    pub(crate) rule: Vec<Rule>,
    #[serde(default)]
    pub(crate) table: Vec<Table>,
    #[serde(default)]
    pub(crate) dataset: Vec<Named>,
    #[serde(default)]
    setting: Vec<SettingDeclaration>,
    #[serde(default)]
    pub(crate) parser: Option<ParserTable>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Plugin {
    #[serde(default)]
    pub(crate) capabilities: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Subscription {
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) fields: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Rule {
    pub(crate) id: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Named {
    pub(crate) name: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) key: Vec<String>,
    pub(crate) window: Option<String>,
    pub(crate) ttl: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ParserTable {
    #[serde(default)]
    pub(crate) emits: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct SettingDeclaration {
    name: String,
    r#type: String,
    default: Option<toml::Value>,
}

impl Manifest {
    pub(crate) fn parse(text: &str) -> Self {
        match toml::from_str(text) {
            Ok(manifest) => manifest,
            Err(error) => panic!("plugin.toml: {error}"),
        }
    }

    /// The settings as the host hands them over: `given`, else the default.
    pub(crate) fn settings(&self, given: &[(&str, serde_json::Value)]) -> Vec<Setting> {
        for (name, _) in given {
            assert!(
                self.setting.iter().any(|setting| setting.name == *name),
                "plugin.toml declares no setting `{name}`"
            );
        }
        self.setting
            .iter()
            .map(|setting| {
                let value = given
                    .iter()
                    .find(|(name, _)| *name == setting.name)
                    .map(|(_, value)| value.clone());
                let value = value
                    .or_else(|| {
                        setting
                            .default
                            .as_ref()
                            .and_then(|value| serde_json::to_value(value).ok())
                    })
                    .unwrap_or_else(|| {
                        panic!("setting `{}` has no default: give it a value", setting.name)
                    });
                Setting {
                    name: setting.name.clone(),
                    value: convert(setting, &value),
                }
            })
            .collect()
    }
}

fn convert(setting: &SettingDeclaration, value: &serde_json::Value) -> SettingValue {
    let converted = match setting.r#type.as_str() {
        "text" => value
            .as_str()
            .map(|text| SettingValue::Text(text.to_owned())),
        "integer" => value.as_i64().map(SettingValue::Integer),
        "number" => value.as_f64().map(SettingValue::Number),
        "boolean" => value.as_bool().map(SettingValue::Boolean),
        "texts" => value.as_array().and_then(|texts| {
            let texts = texts.iter().map(|text| text.as_str().map(str::to_owned));
            texts.collect::<Option<_>>().map(SettingValue::Texts)
        }),
        _ => None,
    };
    converted.unwrap_or_else(|| {
        panic!(
            "setting `{}`: {value} is not of type {}",
            setting.name, setting.r#type
        )
    })
}

/// Nanoseconds of a span such as `10s`, `5m`, `1h` or `7d`.
pub(crate) fn span(text: &str) -> u64 {
    let split = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit = match unit {
        "ms" => crate::time::MILLISECOND,
        "s" => crate::time::SECOND,
        "m" => crate::time::MINUTE,
        "h" => crate::time::HOUR,
        "d" => crate::time::DAY,
        _ => panic!("`{text}` is not a span; write 500ms, 10s, 5m, 1h or 7d"),
    };
    match number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(unit))
    {
        Some(span) => span,
        None => panic!("`{text}` is not a span; write 500ms, 10s, 5m, 1h or 7d"),
    }
}
