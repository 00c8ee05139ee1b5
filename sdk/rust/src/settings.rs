//! The operator's settings.

use crate::bindings::plugin::exports::palisade::plugin::plugin::{Setting, SettingValue};

pub use crate::bindings::plugin::exports::palisade::plugin::plugin::SettingsError;

/// All settings that the manifest declares, with the operator's values or its defaults.
#[derive(Debug, Clone, Default)]
pub struct Settings(Vec<Setting>);

macro_rules! getter {
    ($(#[$doc:meta])* $name:ident, $case:ident, $type:ty, $wanted:literal, $value:ident => $convert:expr) => {
        $(#[$doc])*
        ///
        /// # Errors
        /// When the manifest declares no such setting or gives it another type.
        #[track_caller]
        pub fn $name(&self, name: &str) -> Result<$type, SettingsError> {
            match self.find(name)? {
                SettingValue::$case($value) => Ok($convert),
                _ => Err(SettingsError::new(name, concat!("is not ", $wanted, "; see its type in plugin.toml"))),
            }
        }
    };
}

impl Settings {
    pub(crate) fn from_wit(settings: Vec<Setting>) -> Self {
        Settings(settings)
    }

    #[track_caller]
    fn find(&self, name: &str) -> Result<&SettingValue, SettingsError> {
        // In a closure the caller would be this function.
        match self.0.iter().find(|setting| setting.name == name) {
            Some(setting) => Ok(&setting.value),
            None => Err(SettingsError::new(name, "is asked for by the code")),
        }
    }

    getter!(
        /// A text.
        text, Text, &str, "a text", value => value
    );
    getter!(
        /// A whole number.
        integer, Integer, i64, "a whole number", value => *value
    );
    getter!(
        /// A number.
        number, Number, f64, "a number", value => *value
    );
    getter!(
        /// A truth value.
        boolean, Boolean, bool, "true or false", value => *value
    );
    getter!(
        /// A list of texts.
        texts, Texts, &[String], "a list of texts", value => value
    );

    /// A whole number of at least 0.
    ///
    /// # Errors
    /// As [`integer`](Self::integer), and when it is negative.
    #[track_caller]
    pub fn count(&self, name: &str) -> Result<u64, SettingsError> {
        // In a closure the caller would be this function.
        match u64::try_from(self.integer(name)?) {
            Ok(count) => Ok(count),
            Err(_) => Err(SettingsError::new(name, "is negative; give 0 or more")),
        }
    }
}

impl SettingsError {
    /// Refuses the setting `name`; `message` says what is wrong and what to give instead. The file and
    /// line of the caller are added to it.
    #[track_caller]
    pub fn new(name: impl Into<String>, message: impl Into<String>) -> Self {
        let (message, at) = (message.into(), std::panic::Location::caller());
        SettingsError {
            name: name.into(),
            message: format!("{message} ({}:{})", at.file(), at.line()),
        }
    }
}
