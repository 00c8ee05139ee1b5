//! The event model of Palisade: kinds and fields as the WIT package declares them,
//! batches of events in columns (Arrow), events as JSON, findings and decisions.
//!
//! A [`Batch`] holds up to 1,024 events of one [`Kind`] from one [`Source`]. It is built
//! by a [`BatchBuilder`], read by [`FieldId`] as a [`Column`], and by row as an
//! [`Event`].

#[macro_use]
mod macros;
mod mark;

mod arrow;
mod attributes;
mod batch;
mod builder;
mod codes;
mod column;
pub mod columnar;
mod contain;
mod counted;
mod decision;
mod digest;
mod escape;
mod event;
mod field;
mod finding;
pub mod json;
mod kept;
mod mask;
mod plain;
mod scalar;
mod segment;
mod sha256;
pub mod table;
mod text_size;
mod toml_words;
mod types;

pub use attributes::{
    AttributeError, AttributeValue, Attributes, AttributesBuilder, MAX_ATTRIBUTE_NAME,
    MAX_ATTRIBUTES, MAX_BATCH_ATTRIBUTES, check_name as check_attribute_name,
};
pub use batch::{Batch, BatchError, FromColumnsError, MAX_BATCH_TEXT, MAX_ROWS};
pub use builder::{BatchBuilder, PushError, Stamp};
pub use codes::CodeBuilder;
pub use column::{Column, ColumnError, Values};
pub use columnar::ColumnBuilder;
pub use contain::{Panicked, contain, note_panic};
pub use counted::counted;
pub use decision::{Decision, Judgement, Verdict, compose};
pub use digest::{Digest, DigestParseError};
pub use escape::{Escaped, EscapedLines, Hiding, has_hidden, is_hidden};
pub use event::{Envelope, Event, MAX_SEQ, MAX_SLOT, Source, event_id};
pub use field::{ColumnType, FieldId, FieldInfo, FieldType};
pub use finding::{Action, Attribution, Citation, Finding};
pub use kept::{KeptError, KeptRows};
pub use mark::{MARK, without_mark};
pub use mask::{Mask, UnknownField, field};
pub use plain::{plain, plain_lines};
pub use scalar::{Bytes, IpAddress, Timestamp, TimestampError};
pub use segment::{Pick, Segment, batches};
pub use sha256::{NoDigest, normalise_sha256};
pub use toml_words::toml_words;
pub use types::*;
