//! Directories and files that nobody but the caller and root may change.
//!
//! What decides about trust or is as good as code (store, trust documents, keys, compiled
//! code) may only come from places that no other user could have written. This crate opens
//! such places, and files in them, on open handles: nothing is looked at by its path first
//! and opened afterwards.
//!
//! - [`open_dir`], [`make_dir`] and [`make_dir_below`] walk to a directory from `/`. Every directory on the way
//!   belongs to the caller or root, and others may write to none that is not sticky, as
//!   `/tmp` is; the last one may not be writable by others at all. Links on the way are
//!   followed if they belong to the caller or root.
//! - [`open`], [`lock`], [`create`], [`create_new`] and [`replace`] open files of a directory that was opened
//!   so: no link, pipe or device, of the caller or root, and writable by nobody else.
//! - [`Below`] is a place in a tree that somebody else filled, to write, lock or remove without
//!   following any link of it.
//! - [`secret`] makes a secret of this installation once and keeps it.
//! - [`read`], [`read_own`], [`open_file`], [`read_within`] and the functions of [`output`] are for files that somebody
//!   named or that were found in a folder of unknown origin.
//!
//! *Writable by others* means group and world. A group is no exception: who is in it cannot be
//! told reliably, and the group's bits are also the mask of an access control list.

mod below;
mod error;
mod file;
pub mod output;
mod secret;
mod walk;

pub use below::Below;
pub use error::PrivateError;
pub use file::{
    create, create_new, lock, open, open_file, read, read_own, read_private, read_within, replace,
};
pub use secret::{from_text, secret};
pub use walk::{dir_in, make_dir, make_dir_below, open_dir};
