//! How a command ends.

use std::process::ExitCode;

/// What the caller learns from the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: done, and there is nothing to look at.
    Done,
    /// 1: done, and something was found, denied, or differs.
    Found,
    /// 2: not done.
    Error,
}

impl Exit {
    /// [`Exit::Found`] if something was found.
    pub(crate) fn found(something: bool) -> Self {
        if something { Self::Found } else { Self::Done }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::Found => Self::from(1),
            Exit::Error => Self::from(2),
        }
    }
}
