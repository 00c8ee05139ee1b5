//! Durations and sizes as manifests write them.

use std::time::Duration;

/// Reads `90s`, `10m`, `1h 30m`, `7d`: jiff's friendly format, where a day is 24 hours.
///
/// # Errors
/// When it is no such text, zero, or more than 292 years.
pub fn duration(text: &str) -> Result<Duration, String> {
    let span: jiff::Span = text
        .parse()
        .map_err(|_| format!("`{text}` is not a duration; write `10s`, `5m`, `1h` or `7d`"))?;
    span.to_duration(jiff::SpanRelativeTo::days_are_24_hours())
        .ok()
        .and_then(|d| Duration::try_from(d).ok())
        .filter(|d| !d.is_zero() && d.as_nanos() <= u128::from(u64::MAX / 2))
        .ok_or_else(|| format!("`{text}` is not a positive duration of at most 292 years"))
}

/// Reads `16MiB`, `4 KiB` and other units of 1,024, `16MB` and other units of 1,000, and `1000`, which
/// is bytes.
///
/// # Errors
/// When it is no such text.
pub fn size(text: &str) -> Result<u64, String> {
    text.parse::<bytesize::ByteSize>()
        .map(|size| size.as_u64())
        .map_err(|_| format!("`{text}` is not a size; write `64MiB`, `4KiB`, or a number of bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_positive_and_friendly() {
        assert_eq!(duration("10s").unwrap(), Duration::from_secs(10));
        assert_eq!(duration("7d").unwrap(), Duration::from_secs(604_800));
        assert_eq!(duration("50ms").unwrap(), Duration::from_millis(50));
        for bad in ["", "10", "-5s", "0s", "soon"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_are_binary_or_plain() {
        assert_eq!(size("16MiB").unwrap(), 16 << 20);
        assert_eq!(size("1000").unwrap(), 1000);
        assert!(size("lots").is_err());
    }
}
