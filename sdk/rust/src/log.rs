//! Messages to the operator; needs the capability `log`. Control characters are escaped
//! by the host; at most 4 KiB a message and 64 a call arrive.

use crate::bindings::host::palisade::plugin::log::Level;
use crate::host;

/// For the plugin's author.
#[track_caller]
pub fn debug(message: &str) {
    host::log::write(Level::Debug, message);
}

/// For the record.
#[track_caller]
pub fn info(message: &str) {
    host::log::write(Level::Info, message);
}

/// Something to look at.
#[track_caller]
pub fn warn(message: &str) {
    host::log::write(Level::Warn, message);
}

/// The plugin could not do its work.
#[track_caller]
pub fn error(message: &str) {
    host::log::write(Level::Error, message);
}
