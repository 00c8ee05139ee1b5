//! Packet input: capture files and the decoding of packets down to the transport.
//!
//! [`CaptureReader`] reads pcap and pcapng from any [`std::io::Read`] and lends one
//! [`Packet`] at a time; [`decode_network`] and [`decode_transport`] slice a packet
//! without copying. Neither knows of flows: the flow table in [`crate::flow`] puts the
//! pieces together.
//!
//! ```
//! use palisade_capture::{CaptureReader, ReadLimits, decode_network};
//!
//! # fn main() -> Result<(), palisade_capture::CaptureError> {
//! # let file: &[u8] = &[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0];
//! let mut capture = CaptureReader::new(file, ReadLimits::default())?;
//! while let Some(packet) = capture.next_packet()? {
//!     if let Ok(network) = decode_network(packet.link, packet.data) {
//!         assert!(network.payload.len() <= packet.data.len());
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod buffer;
mod counts;
pub mod flow;
mod link;
mod network;
mod pcap;
mod pcapng;
mod reader;
mod time;
mod transport;

pub use counts::{PacketCounts, Reject};
pub use link::{LinkType, Vlans};
pub(crate) use network::skip_extensions;
pub use network::{Address, Fragment, Network, decode_network};
pub use reader::{CaptureError, CaptureReader, Packet, ReadLimits, is_capture};
pub(crate) use transport::checksum_fits;
pub use transport::{TcpFlags, TcpSegment, Transport, decode_transport, protocol};
