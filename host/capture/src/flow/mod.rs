//! Flows: who speaks with whom, and the bytes of each direction in order.
//!
//! [`FlowTable::packet`] takes captured packets one by one and drives a [`FlowSink`]:
//! flow events (start, recognised, update, end) and chunks of payload. Time is event
//! time: the clock of the table is the latest packet time seen, and only packets move it.
//!
//! # What is counted
//!
//! Packets are captured frames (each fragment is one), bytes are those of the IP packet
//! (header, extensions, payload) without link header and padding, as IPFIX
//! `octetDeltaCount` has it; so packet counts equal Wireshark's conversation statistics
//! and byte counts are lower by the link headers. Counts in a [`FlowUpdate`] are what
//! came since the last one of that flow; over all phases they add up to the totals.
//!
//! # Choices that an attacker may care about
//!
//! - **Overlapping TCP segments: the first data wins**, whether it was delivered or still
//!   waits. What a retransmission says differently is dropped and counted.
//! - **Overlapping IP fragments discard the datagram** (RFC 5722, and what Linux does for
//!   IPv4 as well); a fragment wholly inside one that came before is a repetition and is
//!   ignored.
//! - **Checksums are not verified** unless [`FlowConfig::verify_checksums`] says so:
//!   captures made on an end point hold checksums that the network card fills in later,
//!   and would lose every outgoing packet.
//! - A side that closed its direction and yet sends new data shows that the FIN or RST
//!   was forged; what follows is a new flow, picked up midstream.
//! - Segments beyond the receiver's window, and resets outside of it, are ignored and
//!   counted, as the receiver ignores them.
//! - A gap in a stream is given up, and reported, when the receiver acknowledges bytes
//!   behind it, when the waiting data reaches a limit, or when the flow ends.
//! - Hash keys are random per table, so nobody can aim for collisions; nothing that is
//!   put out depends on them.
//!
//! # Limits
//!
//! Everything is bounded by [`FlowConfig`]: flows (the least recent of the class that
//! holds most is ended early), bytes and segments that wait for order, fragments.

mod config;
mod counts;
mod defrag;
mod entry;
mod expiry;
mod info;
mod list;
mod pending;
mod sink;
mod stream;
mod table;
mod tcp;

pub use config::{FlowConfig, FragmentConfig, ReassemblyConfig};
pub use counts::{FlowCounts, StreamCounts};
pub use info::{Endpoint, FlowHandle, FlowInfo, TransportKind};
pub use sink::{
    Chunk, Direction, DirectionCounts, EndReason, FlowSink, FlowUpdate, Phase, Recognition,
};
pub use table::FlowTable;
