//! Panics of the host, kept to the call or the file in which they happen.
//!
//! A panic is a defect of Palisade. What provoked it is one plugin's call or one file, so that
//! call faults or that file is refused, and everything else goes on. What the body had begun to
//! write is for the caller of [`contain`] to undo or to throw away.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};

use crate::plain;

/// The most characters of what a panic says; it may quote what is hostile.
const MAX_MESSAGE: usize = 512;

thread_local! {
    /// How many bodies of [`contain`] are running on this thread, one within another.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    /// Where the latest panic of this thread happened, if the program's hook has noted it.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// What a panic said. Shown it is a sentence that asks for a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panicked {
    message: String,
    place: Option<String>,
}

impl Panicked {
    /// What was thrown, of this thread's latest panic. For a thread that was joined.
    pub fn of(thrown: &(dyn Any + Send)) -> Panicked {
        let text = thrown
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| thrown.downcast_ref::<String>().map(String::as_str));
        Panicked {
            message: plain(text.unwrap_or("no message"), MAX_MESSAGE),
            place: PLACE.take(),
        }
    }
}

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)?;
        if let Some(place) = &self.place {
            write!(f, " at {place}")?;
        }
        f.write_str("; this is a defect of Palisade, please report it")
    }
}

impl std::error::Error for Panicked {}

/// Runs a body whose panic must cost nothing but what the body was about.
///
/// # Errors
/// What the panic said. What the body can reach is as it was at the panic: the caller undoes it,
/// throws it away, or knows that the body only reads.
pub fn contain<R>(body: impl FnOnce() -> R) -> Result<R, Panicked> {
    struct Running;
    impl Drop for Running {
        fn drop(&mut self) {
            DEPTH.set(DEPTH.get() - 1);
        }
    }
    DEPTH.set(DEPTH.get() + 1);
    let _running = Running;
    catch_unwind(AssertUnwindSafe(body)).map_err(|thrown| Panicked::of(&*thrown))
}

/// For the program's panic hook: notes where a panic happens, for [`Panicked`] to tell. Whether
/// it is contained, so that it is told of where it is dealt with and need not be printed.
pub fn note_panic(info: &PanicHookInfo<'_>) -> bool {
    let contained = DEPTH.get() > 0;
    if contained {
        let place = info.location().map(ToString::to_string);
        PLACE.with_borrow_mut(|noted| *noted = place);
    }
    contained
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_that_says_what_it_said_without_control_characters() {
        assert_eq!(contain(|| 1), Ok(1));
        let text = contain(|| panic!("{}\u{1b}[2J", "x".repeat(3)));
        let text = text.map(|(): ()| ()).unwrap_err().to_string();
        assert!(text.starts_with("xxx\u{fffd}[2J"), "{text}");
        assert!(text.ends_with("please report it"), "{text}");
        assert_eq!(DEPTH.get(), 0);
        let within = contain(|| contain(|| panic!("inner")).map_err(|_: Panicked| DEPTH.get()));
        assert_eq!(within, Ok::<Result<(), u32>, _>(Err(1)));
    }
}
