//! Timers by event time; needs the capability `timers` and the export `on-timer`. They
//! survive the instance and fire once, when the host's watermark passes their due time.

use crate::{Timestamp, host};

pub use crate::bindings::on_timer::exports::palisade::plugin::on_timer::Fired;

/// Sets the timer `name` for `key`, or moves it. One that is due in the past fires at
/// the next advance of the watermark. Traps beyond 65,536 pending timers a plugin.
#[track_caller]
pub fn set(name: &str, key: &str, due: Timestamp) {
    host::timers::set(name, key, due);
}

/// Cancels it; nothing happens when it is not set.
#[track_caller]
pub fn cancel(name: &str, key: &str) {
    host::timers::cancel(name, key);
}
