//! Reads pcap and pcapng from a stream.
//!
//! The formats are read here and not with a crate: `pcap-parser` 0.17 cannot tell a block
//! that contradicts itself from one that needs more input, reads `if_tsoffset` as little
//! endian in big-endian sections and refuses resolutions of 2^-n; `pcap-file` 2.0 gives
//! no offsets. Both formats are a handful of fixed layouts.

use std::io::{self, Read};

use palisade_events::counted;
use thiserror::Error;

use super::buffer::{Span, Window};
use super::link::LinkType;
use super::pcap::PcapFormat;
use super::pcapng::{self, PcapNgFormat};

/// One captured packet, lent until the next one is read.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Position in the capture; the first packet is 1.
    pub number: u64,
    /// Nanoseconds since the Unix epoch, as captured: it may be before the packet that
    /// came earlier.
    pub time: u64,
    /// What `data` begins with.
    pub link: LinkType,
    /// Bytes that the packet had on the wire; more than `data` holds when the capture
    /// was made with a snap length.
    pub original_length: u32,
    /// The captured bytes.
    pub data: &'a [u8],
}

/// Bounds on what one record of a capture may claim.
#[derive(Clone, Copy, Debug)]
pub struct ReadLimits {
    /// Largest packet, in bytes; 262,144 by default, as in libpcap and Wireshark. A
    /// record that claims more ends the reading, because it is not a packet.
    pub packet_bytes: usize,
    /// Largest pcapng block that has to be in memory as a whole (sections, interfaces,
    /// packets), in bytes; 1 MiB by default. Other blocks are passed over at any length.
    pub block_bytes: usize,
    /// Most interfaces of one pcapng section; 65,536 by default.
    pub interfaces: usize,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self {
            packet_bytes: 256 * 1024,
            block_bytes: 1024 * 1024,
            interfaces: 65_536,
        }
    }
}

/// Why a capture could not be read, or not to its end. What came before was delivered.
#[derive(Debug, Error)]
pub enum CaptureError {
    /// The first four bytes are of no capture format.
    #[error(
        "not a capture: it begins with {}; pcap (microseconds or nanoseconds, either byte \
         order) and pcapng are accepted",
        hex(.begins_with)
    )]
    NotACapture {
        /// The first bytes, at most four.
        begins_with: Vec<u8>,
    },
    /// The input ends inside a header, record or block.
    #[error(
        "capture is cut off in the {what} at byte {offset}: {} needed, {have} there; read before \
         it: {}",
        counted(*needed, "byte"),
        counted(*packets, "packet")
    )]
    Truncated {
        /// Where the record begins, in bytes from the start of the (decompressed) input.
        offset: u64,
        /// Which structure.
        what: &'static str,
        /// Its length in bytes, as far as it is known.
        needed: u64,
        /// How many bytes of it are there.
        have: u64,
        /// Packets read before.
        packets: u64,
    },
    /// A structure contradicts the format or itself.
    #[error(
        "capture is damaged: {what} at byte {offset}; read before it: {}; the rest is not readable",
        counted(*packets, "packet")
    )]
    Malformed {
        /// Where the structure begins.
        offset: u64,
        /// What is wrong.
        what: &'static str,
        /// Packets read before.
        packets: u64,
    },
    /// A structure is longer than the limits allow.
    #[error(
        "capture is damaged or exceeds a limit: {what} at byte {offset} claims {length} \
         bytes, at most {limit} are accepted; read before it: {}",
        counted(*packets, "packet")
    )]
    TooLarge {
        /// Where the structure begins.
        offset: u64,
        /// Which structure.
        what: &'static str,
        /// The length it claims.
        length: u64,
        /// The limit.
        limit: u64,
        /// Packets read before.
        packets: u64,
    },
    /// The input itself failed.
    #[error("reading the capture failed at byte {offset}: {source}")]
    Read {
        /// How far the input was read.
        offset: u64,
        /// What the input said.
        source: io::Error,
    },
}

impl CaptureError {
    /// Whether it is no error but the pause of a live input, after which reading goes on.
    pub fn is_pause(&self) -> bool {
        matches!(self, CaptureError::Read { source, .. }
            if source.kind() == io::ErrorKind::WouldBlock)
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    if text.is_empty() {
        text.push_str("nothing (it is empty)");
    }
    text
}

/// Reads one capture, packet by packet, from any input; gzip and zstd are for the caller
/// to undo. Holds one record, at most `limits` large.
pub struct CaptureReader<R> {
    window: Window<R>,
    format: Format,
    limits: ReadLimits,
    packets: u64,
    finished: bool,
}

enum Format {
    Pcap(PcapFormat),
    PcapNg(PcapNgFormat),
}

/// What the formats find: where a packet's bytes lie and what the record says of it.
pub(super) struct Record {
    pub(super) time: u64,
    pub(super) link: LinkType,
    pub(super) original_length: u32,
    pub(super) data: Span,
}

impl<R: Read> CaptureReader<R> {
    /// Recognises the format by its first bytes.
    ///
    /// # Errors
    ///
    /// [`CaptureError::NotACapture`], or any other when the file header is unreadable.
    pub fn new(input: R, limits: ReadLimits) -> Result<Self, CaptureError> {
        let mut window = Window::new(input);
        let have = window.wait(4)?;
        let magic = window.available().first_chunk::<4>().copied();
        let format = match magic {
            Some(magic) if magic == pcapng::SECTION_HEADER.to_be_bytes() => {
                Format::PcapNg(PcapNgFormat::default())
            }
            Some(magic) => match PcapFormat::from_magic(magic) {
                Some(mut format) => {
                    format.read_header(&mut window)?;
                    Format::Pcap(format)
                }
                None => {
                    let begins_with = magic.to_vec();
                    return Err(CaptureError::NotACapture { begins_with });
                }
            },
            None => {
                let begins_with = window.available().get(..have.min(4)).unwrap_or_default();
                return Err(CaptureError::NotACapture {
                    begins_with: begins_with.to_vec(),
                });
            }
        };
        Ok(Self {
            window,
            format,
            limits,
            packets: 0,
            finished: false,
        })
    }

    /// The next packet, or `None` at the end of the capture.
    ///
    /// # Errors
    ///
    /// One error, at the first record that cannot be read, which says where; after it
    /// `Ok(None)`. Besides, one for each pause of a live input, which ends nothing; see
    /// [`CaptureError::is_pause`].
    pub fn next_packet(&mut self) -> Result<Option<Packet<'_>>, CaptureError> {
        if self.finished {
            return Ok(None);
        }
        let found = match &mut self.format {
            Format::Pcap(pcap) => pcap.next(&mut self.window, &self.limits, self.packets),
            Format::PcapNg(ng) => ng.next(&mut self.window, &self.limits, self.packets),
        };
        match found {
            Ok(Some(record)) => {
                self.packets += 1;
                Ok(Some(Packet {
                    number: self.packets,
                    time: record.time,
                    link: record.link,
                    original_length: record.original_length,
                    data: self.window.span(record.data),
                }))
            }
            Ok(None) => {
                self.finished = true;
                Ok(None)
            }
            Err(e) => {
                self.finished = !e.is_pause();
                Err(e)
            }
        }
    }

    /// Packets lent so far.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Bytes of the input that were used so far.
    pub fn bytes(&self) -> u64 {
        self.window.offset()
    }
}

/// Whether `prefix`, the first four bytes of a file or more, begins a capture.
pub fn is_capture(prefix: &[u8]) -> bool {
    prefix.first_chunk::<4>().is_some_and(|magic| {
        *magic == pcapng::SECTION_HEADER.to_be_bytes() || PcapFormat::from_magic(*magic).is_some()
    })
}
