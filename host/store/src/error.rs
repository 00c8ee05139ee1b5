//! What can go wrong, one enum per operation.

use std::fmt;
use std::io;

use crate::{Digest, Name};

/// A failed file operation: what was tried, where, and the system's answer.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} {path} in the store: {source}")]
pub struct FileError {
    /// What was tried, as a verb.
    pub what: &'static str,
    /// Path relative to the store's directory.
    pub path: String,
    /// The system's answer.
    pub source: io::Error,
}

impl FileError {
    /// For `map_err`: names the operation and the path.
    pub(crate) fn of(
        what: &'static str,
        path: impl fmt::Display,
    ) -> impl FnOnce(io::Error) -> Self {
        move |source| Self {
            what,
            path: path.to_string(),
            source,
        }
    }
}

/// Why a directory cannot be opened as a store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A file or directory of the store cannot be read or made.
    #[error(transparent)]
    File(#[from] FileError),
    /// The directory holds other things and has never been a store.
    #[error(
        "the directory is not a store: it has no file `format` but holds `{found}`; give an empty or new directory"
    )]
    NotAStore {
        /// One of the entries found.
        found: String,
    },
    /// Another version of Palisade wrote the store.
    #[error(
        "the store's format is {found:?}, this version reads {expected:?}; use the version of palisade that wrote it"
    )]
    Format {
        /// First line of the file `format`, shortened.
        found: String,
        /// What this version writes.
        expected: &'static str,
    },
}

/// Why a blob was not put.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PutError {
    /// The content is larger than allowed; nothing was kept.
    #[error(
        "the content is larger than the limit of {limit} bytes; nothing was stored: raise the limit or shrink it"
    )]
    TooLarge {
        /// The limit given, in bytes.
        limit: u64,
    },
    /// The content could not be read.
    #[error("cannot read the content to store: {0}")]
    Read(#[source] io::Error),
    /// The store could not be written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Why a blob cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GetError {
    /// No such blob.
    #[error("no blob {digest} in the store; put it there again")]
    NotFound {
        /// The blob asked for.
        digest: Digest,
    },
    /// The file's content is not what its name says.
    #[error(
        "blob {digest} was changed after it was stored: {path} now has digest {found} ({size} bytes); \
         do not use it: find out who changed it, then put the content again, which replaces the file"
    )]
    Mismatch {
        /// The blob asked for.
        digest: Digest,
        /// Digest of what the file holds.
        found: Digest,
        /// Size of what the file holds, in bytes.
        size: u64,
        /// Path relative to the store's directory.
        path: String,
    },
    /// A link, directory, pipe or device where a blob should be. It is not followed.
    #[error(
        "blob {digest} is not a regular file: {path} is {found}; remove it and put the content again"
    )]
    NotRegular {
        /// The blob asked for.
        digest: Digest,
        /// What is there, in words.
        found: &'static str,
        /// Path relative to the store's directory.
        path: String,
    },
    /// The blob is larger than the reader is ready to hold in memory.
    #[error("blob {digest} has {size} bytes, more than the limit of {limit}; raise the limit")]
    TooLarge {
        /// The blob asked for.
        digest: Digest,
        /// Size of the file in bytes.
        size: u64,
        /// The limit given, in bytes.
        limit: u64,
    },
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Why a name cannot be read, set or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// A name may only point to a blob that the store has.
    #[error("cannot let `{name}` point to {digest}: the store has no such blob; put it first")]
    NoBlob {
        /// The name to be set.
        name: Name,
        /// The blob that is missing.
        digest: Digest,
    },
    /// The file of a name does not hold a digest.
    #[error("the file {path} does not hold a digest; set the name again or remove it")]
    Malformed {
        /// Path relative to the store's directory.
        path: String,
    },
    /// Something else than a name's file in the directory of names.
    #[error("{path} is not the file of a name; remove it")]
    Foreign {
        /// Path relative to the store's directory, escaped.
        path: String,
    },
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Why nothing, or not everything, was collected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GcError {
    /// Someone writes to the store, or collects.
    #[error(
        "the store is in use by another process or thread; nothing was removed: try again when it is done"
    )]
    Busy,
    /// A name cannot be read, so it is unknown what it keeps.
    #[error("nothing was removed, since it is unknown what this name keeps: {0}")]
    Name(#[from] NameError),
    /// A reachable blob is missing, so it is unknown what it keeps.
    #[error(
        "nothing was removed: {digest} is reachable from `{name}` but missing; put it again, or remove the name"
    )]
    Missing {
        /// The blob that is missing.
        digest: Digest,
        /// A name from which it is reachable.
        name: Name,
    },
    /// The references of a reachable blob cannot be told.
    #[error(
        "nothing was removed, since the references of {digest} (reachable from `{name}`) are unknown: {source}"
    )]
    References {
        /// The blob whose references were asked for.
        digest: Digest,
        /// A name from which it is reachable.
        name: Name,
        /// The answer.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file cannot be listed or removed.
    #[error(transparent)]
    File(#[from] FileError),
}
