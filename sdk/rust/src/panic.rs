//! What becomes of a panic in a guest: a fault that says what, and where in the source.

use crate::host;

/// Tells the host of every panic from now on, which ends the call. A second time changes
/// nothing.
pub(crate) fn report() {
    std::panic::set_hook(Box::new(|panic| {
        let message = panic
            .payload_as_str()
            .unwrap_or("a panic whose payload is no text");
        match panic.location() {
            // The place of the standard library's gap is none of the author's.
            Some(at) if at.file().ends_with("/time/unsupported.rs") => host::fault::abort(
                "`SystemTime::now()` or `Instant::now()`: a plugin has no clock; take the time of the \
                 events, the column `time`",
                "",
                0,
                0,
            ),
            Some(at) => host::fault::abort(message, at.file(), at.line(), at.column()),
            None => host::fault::abort(message, "", 0, 0),
        }
    }));
}
