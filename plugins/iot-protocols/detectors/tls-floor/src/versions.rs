//! Versions of TLS and DTLS, and the days on which they are to be left.

use std::fmt;

use jiff::{civil, tz};

/// A version by its protection: DTLS 1.0 is TLS 1.1 over datagrams, and from 1.2 on the
/// numbers agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(u8);

impl Version {
    /// Reads `1.2`, `TLS1.2`, `TLSv1.2`, `TLSv12`, `DTLS1.2`, `SSL3.0`, `SSLv3` and the like.
    ///
    /// # Errors
    /// For anything else.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let digit = text.find(|c: char| c.is_ascii_digit());
        let (family, number) = text.split_at(digit.unwrap_or(text.len()));
        let family = family.trim().trim_end_matches(['V', 'v']).trim();
        let is = |name: &str| family.eq_ignore_ascii_case(name);
        let tls = family.is_empty() || is("TLS");
        let rank = match number {
            "2" | "2.0" | "20" if is("SSL") => 0,
            "3" | "3.0" | "30" if is("SSL") => 1,
            "1" | "1.0" | "10" if tls => 10,
            "1.1" | "11" if tls => 11,
            "1" | "1.0" | "10" if is("DTLS") => 11,
            "1.2" | "12" if tls || is("DTLS") => 12,
            "1.3" | "13" if tls || is("DTLS") => 13,
            _ => {
                return Err(format!(
                    "{text} is no version; give one such as 1.2 or TLS1.2"
                ));
            }
        };
        Ok(Self(rank))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("SSL 2.0"),
            1 => f.write_str("SSL 3.0"),
            rank => write!(f, "1.{}", rank - 10),
        }
    }
}

/// The announced end of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sunset {
    name: String,
    /// The day as it was written.
    pub day: String,
    /// When the day begins in UTC+08:00, in nanoseconds since 1970.
    pub at: u64,
}

impl Sunset {
    /// Reads an entry of the setting `sunset`: a version and a day.
    ///
    /// # Errors
    /// When either is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wanted = || format!("{text} is no sunset; give a version and a day: TLS1.2 2027-01-01");
        let (name, day) = text.trim().split_once(' ').ok_or_else(wanted)?;
        Version::parse(name)?;
        let date: civil::Date = day.trim().parse().map_err(|_| wanted())?;
        let begin = date
            .to_zoned(tz::TimeZone::fixed(tz::offset(8)))
            .map_err(|_| wanted())?
            .timestamp()
            .as_nanosecond();
        Ok(Self {
            name: canonical(name),
            day: day.trim().to_owned(),
            at: u64::try_from(begin).map_err(|_| wanted())?,
        })
    }

    /// Whether this is the end of the version with this name.
    #[must_use]
    pub fn is_of(&self, name: &str) -> bool {
        self.name == canonical(name)
    }
}

/// TLS and DTLS are left apart: `TLSv1.2` is `TLS1.2`, and not `DTLS1.2`.
fn canonical(name: &str) -> String {
    name.trim()
        .to_ascii_uppercase()
        .chars()
        .filter(|c| !matches!(c, 'V' | '.' | ' '))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_by_protection() {
        let names = [
            "SSLv2", "SSL3.0", "TLS1.0", "TLSv1.1", "DTLS1.0", "TLSv12", "DTLS1.2", "1.3",
        ];
        let versions: Vec<_> = names
            .iter()
            .map(|name| Version::parse(name).unwrap())
            .collect();
        assert!(versions.is_sorted(), "{versions:?}");
        assert_eq!(Version::parse("TLS1.1"), Version::parse("DTLS1.0"));
        for text in ["", "TLS", "TLS2.0", "QUIC1", "unknown"] {
            assert!(Version::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_sunset_begins_with_its_day_in_utc_8() {
        let sunset = Sunset::parse("TLS1.2 2027-01-01").unwrap();
        assert_eq!(sunset.at, 1_798_732_800_000_000_000);
        assert!(sunset.is_of("TLSv1.2") && !sunset.is_of("DTLS1.2") && !sunset.is_of("TLS1.1"));
        for text in ["TLS1.2", "2027-01-01", "TLS1.2 soon", "TLS9 2027-01-01"] {
            assert!(Sunset::parse(text).is_err(), "{text}");
        }
    }
}
