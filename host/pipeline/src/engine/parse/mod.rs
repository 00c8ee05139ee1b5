//! Parsing: which parser a flow belongs to, and what that makes of its bytes.
//!
//! A [`ParseWorker`] has the flows of one shard. `recognise` asks parsers about the first bytes
//! of flows, `feed` shows recognised flows to their parsers and keeps what these leave over,
//! `places` ends the oldest datagram sessions where new flows find none free, `hand_over`
//! begins anew where a flow changes its protocol, and `isolate` finds the flow that makes a
//! parser fault.

mod adopt;
mod feed;
mod hand_over;
mod instance;
mod isolate;
mod output;
mod places;
mod recognise;
mod session;
mod tables;
mod worker;

pub(crate) use adopt::NewParser;
pub use output::ParseCost;
pub(crate) use output::{ParseFault, ParseOutput, ParsedRows, Recognised};
pub(crate) use worker::{ParseTerms, ParseWorker};
