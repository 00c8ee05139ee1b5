//! Live operation: sources that are followed, a journal of what they said, and what comes of it.
//!
//! Each source is read in a thread of its own, which fills epochs. One thread takes them through
//! the engine, in the order in which they come; a third writes each epoch to the journal, with the
//! bytes that it was made of and what it made be said, syncs, and only then puts what was said
//! into the database. Evaluation never waits for a sync: it is ahead of the journal by
//! [`MAX_AHEAD`] epochs at most.
//!
//! On start everything in the journal is done again, from the beginning, with the output off:
//! the same bytes in the same epochs give the same state. What the database lacks comes from
//! the journal. Then sources go on where the journal ends: a file is found again by its inode and
//! its first bytes, also after it was renamed.

mod active;
mod collect;
mod commit;
mod composition;
mod config;
mod control;
mod follow;
mod found;
mod histogram;
mod loader;
mod often;
mod receipt;
mod record;
mod redo;
mod server;
mod stream;
mod swap;
mod taking;
mod tape;

pub use active::MAX_BEFORE;
pub use commit::MAX_AHEAD;
pub use composition::{Change, Composition, NewPlugin, PluginRecord};
pub use config::{Config, ConfigError, JournalConfig, SourceConfig, SourceKind};
pub use control::SOCKET;
pub use loader::{Configured, LoadError, Loader};
pub use receipt::{Receipt, SourceAt, SwapKind};
pub use record::Identity;
pub use server::{ServeError, Served, Tell, Told, serve};
