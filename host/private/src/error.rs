//! Why a place is not used.

use std::io;
use std::path::PathBuf;

/// Why a directory or file is not used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrivateError {
    /// Somebody else owns it.
    #[error(
        "{} belongs to user {owner}, not to you (user {caller}) or root, so that somebody else decides \
         what is in it; use another place, or take it over with `chown` once you have looked at \
         its content",
        path.display()
    )]
    Owner {
        /// Where it is.
        path: PathBuf,
        /// The user id of its owner.
        owner: u32,
        /// The effective user id of this process.
        caller: u32,
    },
    /// Others may write to it.
    #[error(
        "{} can be written by others (mode {mode:04o}); look at its content, then take that away \
         with `chmod go-w`, or use another place",
        path.display()
    )]
    Writable {
        /// Where it is.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It is not what it should be.
    #[error("{} is {found}, where {expected} is expected; it is not followed or opened", path.display())]
    Kind {
        /// Where it is.
        path: PathBuf,
        /// What it is, in words.
        found: &'static str,
        /// What it should be, in words.
        expected: &'static str,
    },
    /// It holds something else than a secret.
    #[error("{} is no key of {digits} hexadecimal digits on one line; remove it, and the next run makes another", path.display())]
    Secret {
        /// Where it is.
        path: PathBuf,
        /// How many digits it should have.
        digits: usize,
    },
    /// It cannot be opened, read or written.
    #[error("cannot {what} {}: {source}{}", path.display(), advice(what, source))]
    Io {
        /// What was tried.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

/// What to do about an answer of the system, beginning with `; `, or nothing.
fn advice(what: &str, source: &io::Error) -> &'static str {
    match (source.kind(), what) {
        (io::ErrorKind::NotFound, CREATE) => "; make its folder first, or write to another",
        (io::ErrorKind::NotFound, _) => "; check how it is written, and from which folder",
        _ => "",
    }
}

/// What is tried with a file that is written.
pub(crate) const CREATE: &str = "create";

impl PrivateError {
    pub(crate) fn io<E: Into<io::Error>>(
        what: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(E) -> Self {
        let path = path.into();
        move |error| Self::Io {
            what,
            path,
            source: error.into(),
        }
    }

    /// Whether there is nothing at this place.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}
