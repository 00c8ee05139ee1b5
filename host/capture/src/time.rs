//! Time stamps of captures as nanoseconds since the Unix epoch.

/// Nanoseconds in a second.
pub(super) const SECOND: u64 = 1_000_000_000;

/// The unit of an interface's time stamps (`if_tsresol` and `if_tsoffset` of pcapng).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimeUnit {
    scale: Scale,
    /// Seconds to add.
    offset: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    /// Nanoseconds a tick.
    Multiply(u64),
    /// Ticks a nanosecond.
    Divide(u128),
    /// Ticks of 2^-n seconds.
    Binary(u32),
}

impl Default for TimeUnit {
    /// Microseconds, which pcapng assumes when an interface says nothing.
    fn default() -> Self {
        Self {
            scale: Scale::Multiply(1_000),
            offset: 0,
        }
    }
}

impl TimeUnit {
    /// From the octet of `if_tsresol`: a power of ten, or of two with the top bit set.
    pub(super) fn with_resolution(mut self, resolution: u8) -> Self {
        let exponent = u32::from(resolution & 0x7f);
        self.scale = if resolution & 0x80 != 0 {
            Scale::Binary(exponent)
        } else if exponent <= 9 {
            Scale::Multiply(10_u64.pow(9 - exponent))
        } else {
            // Finer than 10^-47 s, every stamp is 0.
            Scale::Divide(10_u128.checked_pow(exponent - 9).unwrap_or(u128::MAX))
        };
        self
    }

    /// From `if_tsoffset`, in seconds.
    pub(super) fn with_offset(mut self, seconds: i64) -> Self {
        self.offset = seconds;
        self
    }

    /// Nanoseconds since the epoch, held within what a u64 can say.
    pub(super) fn nanoseconds(self, ticks: u64) -> u64 {
        let nanoseconds = match self.scale {
            Scale::Multiply(by) => ticks.saturating_mul(by),
            Scale::Divide(by) => clamp(u128::from(ticks) / by),
            // 64 and 30 bits: the product fits.
            Scale::Binary(bits) => clamp((u128::from(ticks) * u128::from(SECOND)) >> bits),
        };
        let offset = self.offset.unsigned_abs().saturating_mul(SECOND);
        if self.offset >= 0 {
            nanoseconds.saturating_add(offset)
        } else {
            nanoseconds.saturating_sub(offset)
        }
    }
}

fn clamp(nanoseconds: u128) -> u64 {
    u64::try_from(nanoseconds).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolutions_and_offsets() {
        let unit = TimeUnit::default();
        assert_eq!(unit.nanoseconds(1_500_000), 1_500_000_000);
        assert_eq!(unit.with_resolution(9).nanoseconds(7), 7);
        assert_eq!(unit.with_resolution(0).nanoseconds(7), 7 * SECOND);
        assert_eq!(unit.with_resolution(12).nanoseconds(7_999), 7);
        assert_eq!(unit.with_resolution(0x7f).nanoseconds(u64::MAX), 0);
        assert_eq!(
            unit.with_resolution(0x80 | 10).nanoseconds(1536),
            1_500_000_000
        );
        assert_eq!(unit.with_resolution(0xff).nanoseconds(u64::MAX), 0);
        assert_eq!(unit.with_offset(-1).nanoseconds(3_000_000), 2 * SECOND);
        assert_eq!(unit.with_offset(5).nanoseconds(0), 5 * SECOND);
        assert_eq!(unit.with_offset(i64::MIN).nanoseconds(1), 0);
        assert_eq!(unit.with_offset(i64::MAX).nanoseconds(1), u64::MAX);
        assert_eq!(unit.nanoseconds(u64::MAX), u64::MAX);
    }
}
