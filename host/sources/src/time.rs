//! Times as sensors write them, exact to the nanosecond.

use palisade_events::Timestamp;

const SECOND: u64 = 1_000_000_000;

/// A time as the value of a JSON field: text, or a number of seconds since the epoch.
///
/// Text is ISO 8601 with `T` or a space between date and time, up to nine digits of a
/// fraction that count, and `Z`, `+hh:mm`, `+hhmm` or nothing, which means UTC (what
/// Suricata wrote before version 2 of its timestamps). Numbers are seconds, or, when so
/// large that as seconds they would lie beyond the year 2554, milli- or microseconds, as
/// Zeek's `json_timestamps` can be set to. They are read digit by digit, for a double
/// holds present times only to some 200 ns.
pub(super) fn timestamp(raw: &str) -> Option<Timestamp> {
    match raw
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
    {
        Some(text) => iso(text.as_bytes()).or_else(|| epoch(text)),
        None => epoch(raw),
    }
}

/// A time as text of ISO 8601; see [`timestamp`].
pub(super) fn iso(text: &[u8]) -> Option<Timestamp> {
    let (date, rest) = text.split_at_checked(19)?;
    let separators = [date[4], date[7], date[10], date[13], date[16]];
    if !matches!(separators, [b'-', b'-', b'T' | b't' | b' ', b':', b':']) {
        return None;
    }
    let year = digits(&date[..4])?;
    let (month, day) = (digits(&date[5..7])?, digits(&date[8..10])?);
    let (hour, minute) = (digits(&date[11..13])?, digits(&date[14..16])?);
    let second = digits(&date[17..])?;
    if year < 1 || hour > 23 || minute > 59 || second > 60 || day < 1 || day > days_of(year, month)?
    {
        return None;
    }
    let (fraction, zone) = fraction(rest)?;
    let offset = zone_offset(zone)?;
    // A leap second is the last one before it, as `jiff` has it.
    let of_day = hour * 3_600 + minute * 60 + second.min(59);
    let local = days_since_epoch(year, month, day) * 86_400 + of_day;
    let seconds = u64::try_from(local - offset).ok()?;
    seconds
        .checked_mul(SECOND)?
        .checked_add(fraction)
        .map(Timestamp)
}

/// Digits only.
fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |value, digit| {
        digit
            .is_ascii_digit()
            .then(|| value * 10 + i64::from(digit - b'0'))
    })
}

fn days_of(year: i64, month: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    Some(match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    })
}

/// Days from 1970-01-01 in the Gregorian calendar. The year is counted from March, so
/// that the leap day is its last.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let of_year = (153 * month + 2) / 5 + day - 1;
    365 * year + year / 4 - year / 100 + year / 400 + of_year - 719_468
}

/// Nanoseconds of a fraction, and what follows it.
fn fraction(text: &[u8]) -> Option<(u64, &[u8])> {
    let Some(text) = text.strip_prefix(b".").or_else(|| text.strip_prefix(b",")) else {
        return Some((0, text));
    };
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(count);
    (count > 0).then(|| (nanoseconds(digits, 9), rest))
}

/// `digits` after the point, in units of 10^-`places`; further digits are cut off.
fn nanoseconds(digits: &[u8], places: usize) -> u64 {
    (0..places).fold(0, |value, at| {
        value * 10 + digits.get(at).map_or(0, |digit| u64::from(digit - b'0'))
    })
}

/// Seconds east of UTC.
fn zone_offset(text: &[u8]) -> Option<i64> {
    let (sign, text) = match text {
        [] | [b'Z' | b'z'] => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match text.len() {
        2 => (digits(text)?, 0),
        4 => (digits(&text[..2])?, digits(&text[2..])?),
        5 if text[2] == b':' => (digits(&text[..2])?, digits(&text[3..])?),
        _ => return None,
    };
    (hours <= 25 && minutes <= 59).then_some(sign * (hours * 3_600 + minutes * 60))
}

/// A number since the epoch; see [`timestamp`].
fn epoch(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.bytes().any(|byte| !byte.is_ascii_digit()) || whole.starts_with('+') {
        return scientific(text);
    }
    let Ok(whole) = whole.parse::<u64>() else {
        return scientific(text);
    };
    // 10^11 s is the year 5138, beyond any timestamp; 10^14 ms likewise.
    let places = match whole {
        0..100_000_000_000 => 9,
        100_000_000_000..100_000_000_000_000 => 6,
        _ => 3,
    };
    let unit = 10u64.pow(u32::try_from(places).ok()?);
    let fraction = nanoseconds(fraction.as_bytes(), places);
    whole
        .checked_mul(unit)?
        .checked_add(fraction)
        .map(Timestamp)
}

/// Seconds with an exponent, which some writers of JSON use; exact to what a double holds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked, and microseconds are all that is claimed"
)]
fn scientific(text: &str) -> Option<Timestamp> {
    if !text.contains(['e', 'E']) {
        return None;
    }
    let seconds: f64 = text.parse().ok()?;
    let micros = (seconds * 1e6).round();
    (0.0..1.8e16)
        .contains(&micros)
        .then(|| Timestamp(micros as u64 * 1_000))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn forms_of_suricata_and_zeek() {
        let expect = |raw: &str, rfc: &str| {
            assert_eq!(timestamp(raw), Some(rfc.parse().unwrap()), "{raw}");
        };
        expect(
            r#""2018-03-24T14:37:19.037299-0600""#,
            "2018-03-24T20:37:19.037299Z",
        );
        expect(
            r#""2019-01-02T03:50:11.315110""#,
            "2019-01-02T03:50:11.31511Z",
        );
        expect(
            r#""2018-03-24T17:15:20.865716Z""#,
            "2018-03-24T17:15:20.865716Z",
        );
        expect("1521911720.865716", "2018-03-24T17:15:20.865716Z");
        expect("1521911720.865716123", "2018-03-24T17:15:20.865716123Z");
        expect("1521911720.8657161239", "2018-03-24T17:15:20.865716123Z");
        expect("1521911720", "2018-03-24T17:15:20Z");
        expect("1521911720865.716", "2018-03-24T17:15:20.865716Z");
        expect("1521911720865716", "2018-03-24T17:15:20.865716Z");
        expect(r#""1521911720.5""#, "2018-03-24T17:15:20.5Z");
        expect("1.521911720865716e9", "2018-03-24T17:15:20.865716Z");
        expect(r#""2016-12-31 23:59:60.5+00:00""#, "2016-12-31T23:59:59.5Z");
        expect(r#""2024-02-29T00:00:00+08""#, "2024-02-28T16:00:00Z");
    }

    #[test]
    fn what_is_no_time() {
        for raw in [
            "",
            "\"\"",
            "\"",
            "null",
            "-1",
            "1.2.3",
            "1e400",
            "1e-",
            "nan",
            "\"2018-03-24\"",
            "\"2018-02-29T00:00:00Z\"",
            "\"2018-13-01T00:00:00Z\"",
            "\"2018-03-24T24:00:00Z\"",
            "\"2018-03-24T17:15:20.Z\"",
            "\"2018-03-24T17:15:20+1\"",
            "\"2018-03-24T17:15:2０Z\"",
            "\"1969-12-31T23:59:59Z\"",
            "\"2555-01-01T00:00:00Z\"",
            "99999999999999999999",
            "\"2018-03-24T17:15:20Zjunk\"",
            "+15",
            "\"0000-01-01T00:00:00Z\"",
        ] {
            assert_eq!(timestamp(raw), None, "{raw}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_jiff(nanos in 0u64..18_000_000_000_000_000_000, offset in -93_599i32..93_599) {
            let instant = jiff::Timestamp::from_nanosecond(i128::from(nanos)).unwrap();
            let zone = jiff::tz::Offset::from_seconds(offset / 60 * 60).unwrap();
            let text = instant.display_with_offset(zone).to_string();
            prop_assert_eq!(iso(text.as_bytes()), Some(Timestamp(nanos)), "{}", text);
        }

        #[test]
        fn never_panics(text in ".{0,40}") {
            timestamp(&text);
            iso(text.as_bytes());
        }
    }
}
