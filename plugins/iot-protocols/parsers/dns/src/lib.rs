//! Parser of DNS over UDP and TCP (RFC 1035) and of multicast DNS (RFC 6762).
//!
//! One `network.dns` for each transaction: a query with its response. A query that gets
//! no response is reported without `rcode` when its session ends; a response whose
//! query was not seen is reported as it is. NOTIFY (RFC 1996) and UPDATE (RFC 2136)
//! are transactions like others, about a zone and type SOA. In multicast DNS nothing
//! is matched: each question and each response is reported when it is seen.

pub mod message;
pub mod session;
