//! What the operator approves, read from the settings.

use palisade_sdk::{Settings, SettingsError, Timestamp, time};

/// Major and minor number of `TLS1.2` and the like, and the protocol before it.
fn split(version: &str) -> Option<(&str, u32)> {
    let at = version.find(|letter: char| letter.is_ascii_digit())?;
    let (protocol, number) = version.split_at(at);
    let (major, minor) = number.split_once('.')?;
    Some((
        protocol,
        major.parse::<u32>().ok()? << 8 | minor.parse::<u32>().ok()?,
    ))
}

/// The settings, checked.
#[derive(Debug, Default)]
pub(crate) struct Approval {
    oldest: Vec<String>,
    forbidden: Vec<String>,
    sunset: Vec<(String, String, Timestamp)>,
}

impl Approval {
    /// Reads and checks the settings.
    ///
    /// # Errors
    /// When a version or a day is not one.
    pub(crate) fn read(settings: &Settings) -> Result<Self, SettingsError> {
        let mut approval = Self {
            oldest: settings.texts("min-version")?.to_vec(),
            forbidden: settings.texts("forbidden-ciphers")?.to_vec(),
            sunset: Vec::new(),
        };
        if approval
            .oldest
            .iter()
            .any(|version| split(version).is_none())
        {
            return Err(SettingsError::new(
                "min-version",
                "is not a version such as TLS1.2",
            ));
        }
        for entry in settings.texts("sunset")? {
            let parsed = entry.split_once('=').and_then(|(version, day)| {
                split(version)?;
                Some((version.to_owned(), day.to_owned(), midnight(day)?))
            });
            let wrong = || SettingsError::new("sunset", "is not like TLS1.2=2030-01-01");
            approval.sunset.push(parsed.ok_or_else(wrong)?);
        }
        Ok(approval)
    }

    /// Whether the version is none of those approved.
    pub(crate) fn is_old(&self, version: &str) -> bool {
        !self
            .oldest
            .iter()
            .any(|oldest| match (split(version), split(oldest)) {
                (Some((protocol, number)), Some((other, least))) => {
                    protocol == other && number >= least
                }
                _ => false,
            })
    }

    /// The first forbidden word in the name of a cipher suite.
    pub(crate) fn forbidden(&self, cipher: &str) -> Option<&str> {
        let cipher = format!("_{cipher}_");
        let found = self
            .forbidden
            .iter()
            .find(|word| cipher.contains(&format!("_{word}_")));
        found.map(String::as_str)
    }

    /// The day, as text and as an instant, on which the version is retired.
    pub(crate) fn sunset(&self, version: &str) -> Option<(&str, Timestamp)> {
        let found = self.sunset.iter().find(|(of, _, _)| of == version);
        found.map(|(_, day, at)| (day.as_str(), *at))
    }
}

/// The first instant, in UTC, of a day from 1970 on written as `2030-01-01`.
fn midnight(day: &str) -> Option<Timestamp> {
    let bytes = day.as_bytes();
    let shaped = bytes.len() == 10
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if !shaped {
        return None;
    }
    let number = |from: usize, to: usize| day.get(from..to)?.parse::<u64>().ok();
    let (year, month, date) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    if !(1970..2500).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&date) {
        return None;
    }
    // Counted in years that begin in March, so that the leap day comes last.
    let years = if month > 2 { year } else { year - 1 };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + date - 1;
    let days = 365 * years + years / 4 - years / 100 + years / 400 + of_year;
    (days - 719_468).checked_mul(time::DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_instants() {
        assert_eq!(midnight("1970-01-01"), Some(0));
        assert_eq!(midnight("2000-02-29"), Some(951_782_400 * time::SECOND));
        assert_eq!(midnight("2030-01-01"), Some(1_893_456_000 * time::SECOND));
        for wrong in [
            "",
            "2030-1-1",
            "2030-13-01",
            "1969-12-31",
            "2030-01-32",
            "2030/01/01",
        ] {
            assert_eq!(midnight(wrong), None, "{wrong}");
        }
    }
}
