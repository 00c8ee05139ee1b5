//! Inputs: recognised by what they hold, decompressed, cut into records, and turned into
//! batches of events.
//!
//! [`open`] looks at the first bytes and says what an input is. For logs, [`LogReader`]
//! puts its events into an [`EventSink`], which closes batches and numbers the events;
//! captures go to `capture`. What every record of Suricata and Zeek becomes is stated in
//! the `README.md` beside this file.

mod absent;
mod checkpoint;
mod columns;
mod compact;
mod counts;
mod dead_letters;
mod decoder;
mod device;
pub mod enrich;
mod eve;
mod fault;
mod flow_key;
mod input;
mod keys;
mod leaves;
mod names;
mod policy;
mod reader;
mod recognise;
mod records;
mod recover;
mod reports;
mod sink;
mod text;
mod time;
mod zeek;

pub use checkpoint::{Checkpoint, CheckpointError};
pub(crate) use columns::mac as parse_mac;
pub use counts::{Counts, TypeCount};
pub use dead_letters::{DeadLetters, Letter, LetterCounts, MAX_LETTER, Place};
pub use input::{Consumed, Input, Limits, OpenError, Remarks, open, open_live};
pub use policy::{Kinds, SourcePolicy, host_only};
pub use reader::{EventReader, LogReader, Progress, ReadError};
pub use recognise::{Compression, Dialect, Format};
pub use records::Framing;
pub use reports::BadRecord;
pub use sink::{EventSink, SinkError};
