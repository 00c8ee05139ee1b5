//! What says what time it is.

use std::time::{SystemTime, UNIX_EPOCH};

/// What an event's time is held against: one that lies too far ahead of it never moves the
/// watermark, so that one event dated 2099 does not fire every timer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clock {
    /// The events themselves: every time is believed.
    #[default]
    Events,
    /// It is this time throughout, in nanoseconds since 1970.
    At(u64),
    /// The clock of the system, looked at for every epoch.
    System,
}

impl Clock {
    /// The time in nanoseconds since 1970; `None`: nothing is known of it.
    pub fn now(self) -> Option<u64> {
        match self {
            Clock::Events => None,
            Clock::At(time) => Some(time),
            Clock::System => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
                u64::try_from(now.as_nanos()).ok()
            }
        }
    }
}
