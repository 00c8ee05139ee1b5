//! What the host keeps for plugins: tables, [`timers`] and [`datasets`], and how keys are divided
//! among workers ([`partition`]).
//!
//! A table, keyed by tenant and fields of events, counts, adds up, counts distinct values,
//! remembers that it saw a key, or holds bytes; see `state.wit` for what each answers. [`Tables`]
//! are those of one plugin on one shard. What a call writes is kept on [`Tables::commit`] and
//! undone exactly, order of touches included, on [`Tables::rollback`].
//!
//! Answers depend on the rows and their order alone: not on how they are cut into calls, nor
//! on addresses, seeds or the order of a hash table.

mod any;
mod cell;
mod chain;
mod citation;
pub mod datasets;
mod distinct;
mod error;
mod ids;
pub mod image;
mod key;
mod ledger;
pub mod partition;
mod rows;
mod save;
mod series;
mod sketch;
mod spec;
mod succession;
mod table;
mod tables;
pub mod timers;
mod values;
mod visit;

pub use citation::MAX_CITATIONS;
pub use distinct::SKETCH_PARTS;
pub use error::StateError;
pub use rows::Rows;
pub use series::{BUCKETS, EXACT_ENTRIES};
pub use spec::{Holds, PartitionedBy, Span, TableSpec};
pub use tables::{DEFAULT_BYTES, LEAST_BYTES, TableStats, Tables};

#[cfg(test)]
mod tests;
