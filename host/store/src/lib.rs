//! Content-addressed blobs and the names that point to them.
//!
//! Whatever decides (components, manifests, settings, datasets, packs) is a blob, known by
//! its BLAKE3 [`Digest`]; a [`Name`] is a changeable pointer to one. A [`Store`] lives in a
//! directory that the caller opened: the crate has no other access to the file system.
//!
//! ```text
//! format               what wrote the store
//! lock                 shared by writers, exclusive for the collector and for taking leftovers away
//! blobs/ab/ab03…       one file a blob, by the first two digits of its digest
//! names/<name>         one file a name, holding a digest
//! temporary/           files being written, and what crashes left
//! ```
//!
//! - A blob is checked against its digest **on every read**; a file that was changed is an
//!   error that names digest and path, never data.
//! - Files appear under their final names complete and durable (written aside, `fsync`,
//!   rename, `fsync` of the directory), with mode 0600 in directories of mode 0700.
//! - Symbolic links in the store are never followed.
//! - [`Store::gc`] removes what no name reaches. It cannot run while something is written
//!   or while a [`Hold`] lives, and it removes nothing at all when it cannot tell what a
//!   reachable blob refers to.
//!
//! ```
//! use palisade_store::{Digest, Store};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path();
//! let dir = cap_std::fs::Dir::open_ambient_dir(path, cap_std::ambient_authority())?;
//! let store = Store::open(dir)?;
//! let blob = store.put(&b"a component"[..], 1 << 20)?;
//! store.set_name(&"plugin.cleartext".parse()?, &blob.digest)?;
//!
//! assert_eq!(blob.digest, Digest::of(b"a component"));
//! assert_eq!(store.get(&blob.digest, 1 << 20)?, b"a component");
//! # Ok(())
//! # }
//! ```

mod blob;
mod error;
mod file;
mod gc;
mod name;
mod names;
mod store;
mod verify;

pub use blob::Blob;
pub use error::{FileError, GcError, GetError, NameError, OpenError, PutError};
pub use gc::{GcOptions, GcReport, References};
pub use name::{Name, NameParseError};
pub use palisade_events::{Digest, DigestParseError};
pub use store::{Hold, Store};
pub use verify::{Problem, VerifyReport};
