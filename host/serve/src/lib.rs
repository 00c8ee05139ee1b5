//! Live operation: sources that are followed, a journal of what they said, and what comes of it.
//!
//! Each source is read in a thread of its own, which fills epochs. One thread takes them through
//! the engine, in the order in which they come; a third writes each epoch to the journal, with the
//! bytes that it was made of and what it made be said, syncs, and only then puts what was said
//! into the database. Evaluation never waits for a sync: it is ahead of the journal by
//! [`MAX_AHEAD`] epochs at most.
//!
//! Between epochs the state is saved a little at a time, as it was after one of them. On start the
//! newest snapshot is taken, and what is in the journal after it done again with the output off: the
//! same bytes in the same epochs give the same state. What the database lacks comes from the
//! journal. Then sources go on where the journal ends: a file is found again by its inode and
//! its first bytes, also after it was renamed.

mod act;
mod active;
mod asking;
mod audit;
mod captures;
mod collect;
mod commit;
mod composition;
mod config;
mod control;
mod evidence;
mod follow;
mod found;
mod histogram;
mod ingest;
mod letters;
mod loader;
mod often;
mod own;
mod queue;
mod reader;
mod receipt;
mod record;
mod recover;
mod redo;
mod server;
mod snapshot;
mod stream;
mod swap;
mod taking;
mod tape;
mod trial;

pub use act::ActReceipt;
pub use active::MAX_BEFORE;
pub use audit::{AUDIT, AuditError, Chain, Entry, MAX_LINE, verify};
pub use captures::WhenDone;
pub use commit::MAX_AHEAD;
pub use composition::{Change, Composition, NewPlugin, PluginRecord};
pub use config::{
    Config, ConfigError, DeadLetterConfig, EvidenceConfig, JournalConfig, LogConfig, LogFormat,
    SnapshotConfig, SourceConfig, SourceKind,
};
pub use control::SOCKET;
pub use evidence::{BundleError, Case, CaseCall, CaseError, Id, LookError, Looked, Outcome, look};
pub use ingest::{
    HttpConfig, IngestError, MAX_BODY, MAX_KEY_BYTES, MAX_KEYS, MAX_NETWORK, MAX_TOKENS,
    MAX_TOPICS, MqttConfig, TokenConfig, check,
};
pub use letters::{MAX_EVENT, MAX_LETTERS, MAX_LETTERS_BYTES};
pub use loader::{Configured, LoadError, Loader};
pub use palisade_sinks::SaidRow;
pub use receipt::{Receipt, SourceAt, SwapKind};
pub use record::Identity;
pub use recover::export;
pub use server::{ServeError, Served, Tell, Told, serve};
pub use trial::{
    Counts, Difference, MAX_REPORT, MAX_RULES, MAX_SAMPLES, Sample, TrialPlugin, TrialReport,
    TrialRequest, trial,
};
