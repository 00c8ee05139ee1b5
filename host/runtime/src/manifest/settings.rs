//! Settings: what a manifest declares, and the values that a plugin gets.

use std::collections::BTreeMap;

use super::ManifestError;
use super::raw::RawSetting;

/// The type of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingType {
    /// UTF-8 text.
    Text,
    /// A signed 64-bit number.
    Integer,
    /// A double.
    Number,
    /// True or false.
    Boolean,
    /// A list of texts.
    Texts,
}

impl SettingType {
    /// All of them.
    pub const ALL: [SettingType; 5] = [
        SettingType::Text,
        SettingType::Integer,
        SettingType::Number,
        SettingType::Boolean,
        SettingType::Texts,
    ];

    /// The name in manifests.
    pub fn name(self) -> &'static str {
        match self {
            SettingType::Text => "text",
            SettingType::Integer => "integer",
            SettingType::Number => "number",
            SettingType::Boolean => "boolean",
            SettingType::Texts => "texts",
        }
    }
}

/// The value of a setting.
#[derive(Clone, Debug, PartialEq)]
pub enum SettingValue {
    /// UTF-8 text.
    Text(String),
    /// A signed 64-bit number.
    Integer(i64),
    /// A double.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// A list of texts.
    Texts(Vec<String>),
}

/// As it is written in TOML.
impl From<SettingValue> for toml::Value {
    fn from(value: SettingValue) -> Self {
        match value {
            SettingValue::Text(text) => Self::String(text),
            SettingValue::Integer(number) => Self::Integer(number),
            SettingValue::Number(number) => Self::Float(number),
            SettingValue::Boolean(truth) => Self::Boolean(truth),
            SettingValue::Texts(texts) => texts.into(),
        }
    }
}

/// One setting as the manifest declares it.
#[derive(Clone, Debug)]
pub struct SettingSpec {
    /// Kebab-case name.
    pub name: String,
    /// Its type.
    pub ty: SettingType,
    /// The working figure; `None`: the operator must set it.
    pub default: Option<SettingValue>,
    /// For the operator.
    pub description: String,
    /// The least number.
    pub min: Option<f64>,
    /// The largest number.
    pub max: Option<f64>,
}

/// Why the operator's settings are refused.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error("setting `{name}` of plugin `{plugin}`: {problem}")]
pub struct SettingsError {
    /// Whose setting.
    pub plugin: String,
    /// Which setting.
    pub name: String,
    /// What is wrong and what to write.
    pub problem: String,
}

/// The operator's values, by name; what is not there takes the default.
pub type Settings = BTreeMap<String, toml::Value>;

impl SettingSpec {
    pub(super) fn from_raw(place: &str, raw: RawSetting) -> Result<SettingSpec, ManifestError> {
        let types = SettingType::ALL.map(|ty| (ty.name(), ty));
        let ty = super::validate::case(&format!("{place}.type"), &raw.ty, &types)?;
        let mut spec = SettingSpec {
            name: raw.name,
            ty,
            default: None,
            description: raw.description,
            min: raw.min,
            max: raw.max,
        };
        if let Some(default) = &raw.default {
            let value = spec
                .accept(default)
                .map_err(|problem| ManifestError::value(format!("{place}.default"), problem))?;
            spec.default = Some(value);
        }
        Ok(spec)
    }

    /// Its type and bounds, such as `integer, from 1 to 65535`.
    pub fn kind(&self) -> String {
        let ty = self.ty.name();
        match (self.min, self.max) {
            (Some(min), Some(max)) => format!("{ty}, from {min} to {max}"),
            (Some(min), None) => format!("{ty}, at least {min}"),
            (None, Some(max)) => format!("{ty}, at most {max}"),
            (None, None) => ty.to_owned(),
        }
    }

    /// The value in the setting's type, within its bounds.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence.
    pub fn accept(&self, value: &toml::Value) -> Result<SettingValue, String> {
        let wrong = || format!("must be {}, not `{value}`", self.ty.name());
        let accepted = match (self.ty, value) {
            (SettingType::Text, toml::Value::String(s)) => SettingValue::Text(s.clone()),
            (SettingType::Integer, toml::Value::Integer(i)) => SettingValue::Integer(*i),
            (SettingType::Number, toml::Value::Integer(i)) => SettingValue::Number(*i as f64),
            (SettingType::Number, toml::Value::Float(f)) if f.is_finite() => {
                SettingValue::Number(*f)
            }
            (SettingType::Boolean, toml::Value::Boolean(b)) => SettingValue::Boolean(*b),
            (SettingType::Texts, toml::Value::Array(items)) => SettingValue::Texts(
                items
                    .iter()
                    .map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong))
                    .collect::<Result<_, _>>()?,
            ),
            _ => return Err(wrong()),
        };
        let number = match accepted {
            SettingValue::Integer(i) => Some(i as f64),
            SettingValue::Number(f) => Some(f),
            _ => None,
        };
        if let (Some(n), Some(min)) = (number, self.min)
            && n < min
        {
            return Err(format!("{n} is below the least value {min}"));
        }
        if let (Some(n), Some(max)) = (number, self.max)
            && n > max
        {
            return Err(format!("{n} is above the largest value {max}"));
        }
        Ok(accepted)
    }
}

impl super::Manifest {
    /// The values for `configure`: in the manifest's order, the operator's where there is one.
    ///
    /// # Errors
    /// An unknown name, a value of the wrong type or out of bounds, or a setting without
    /// default that the operator did not set.
    pub fn resolve(
        &self,
        settings: &Settings,
    ) -> Result<Vec<(String, SettingValue)>, SettingsError> {
        let error = |name: &str, problem: String| SettingsError {
            plugin: self.name.clone(),
            name: name.to_owned(),
            problem,
        };
        for name in settings.keys() {
            if !self.settings.iter().any(|spec| &spec.name == name) {
                let known = self.settings.iter().map(|spec| spec.name.as_str());
                return Err(error(
                    name,
                    format!(
                        "there is no such setting{}",
                        super::validate::hint(name, known)
                    ),
                ));
            }
        }
        self.settings
            .iter()
            .map(|spec| {
                let value = match settings.get(&spec.name) {
                    Some(value) => spec.accept(value).map_err(|p| error(&spec.name, p))?,
                    None => spec.default.clone().ok_or_else(|| {
                        error(
                            &spec.name,
                            "has no default and must be set by the operator".into(),
                        )
                    })?,
                };
                Ok((spec.name.clone(), value))
            })
            .collect()
    }
}
