//! Spans of time in nanoseconds, the unit of every [`Timestamp`](crate::Timestamp).

/// A microsecond.
pub const MICROSECOND: u64 = 1_000;
/// A millisecond.
pub const MILLISECOND: u64 = 1_000 * MICROSECOND;
/// A second.
pub const SECOND: u64 = 1_000 * MILLISECOND;
/// A minute.
pub const MINUTE: u64 = 60 * SECOND;
/// An hour.
pub const HOUR: u64 = 60 * MINUTE;
/// A day of 24 hours.
pub const DAY: u64 = 24 * HOUR;
