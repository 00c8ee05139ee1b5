//! Tables that the host keeps for a plugin, keyed by tenant and fields of events.
//!
//! A table counts, adds up, counts distinct values, remembers that it saw a key, or holds
//! bytes; see `state.wit` for what each answers. [`Tables`] are those of one plugin on one
//! shard. What a call writes is kept on [`Tables::commit`] and undone exactly, order of
//! touches included, on [`Tables::rollback`].
//!
//! Answers depend on the rows and their order alone: not on how they are cut into calls, nor
//! on addresses, seeds or the order of a hash table.

mod any;
mod cell;
mod chain;
mod citation;
mod distinct;
mod error;
mod ids;
mod key;
mod ledger;
mod rows;
mod series;
mod sketch;
mod spec;
mod table;
mod tables;
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
