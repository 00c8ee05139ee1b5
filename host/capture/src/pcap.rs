//! The pcap format (draft-ietf-opsawg-pcap).

use std::io::Read;

use super::buffer::Window;
use super::link::LinkType;
use super::reader::{CaptureError, ReadLimits, Record};
use super::time::SECOND;

const FILE_HEADER: usize = 24;

/// What the file header says.
#[derive(Clone, Copy, Debug)]
pub(super) struct PcapFormat {
    big_endian: bool,
    /// Nanoseconds in a unit of the sub-second part.
    fraction: u64,
    /// 16 bytes, or 24 in the variant that some old Linux kernels wrote.
    record_header: usize,
    link: LinkType,
}

impl PcapFormat {
    pub(super) fn from_magic(magic: [u8; 4]) -> Option<Self> {
        let (big_endian, fraction, record_header) = match magic {
            [0xd4, 0xc3, 0xb2, 0xa1] => (false, 1_000, 16),
            [0xa1, 0xb2, 0xc3, 0xd4] => (true, 1_000, 16),
            [0x4d, 0x3c, 0xb2, 0xa1] => (false, 1, 16),
            [0xa1, 0xb2, 0x3c, 0x4d] => (true, 1, 16),
            [0x34, 0xcd, 0xb2, 0xa1] => (false, 1_000, 24),
            [0xa1, 0xb2, 0xcd, 0x34] => (true, 1_000, 24),
            _ => return None,
        };
        Some(Self {
            big_endian,
            fraction,
            record_header,
            link: LinkType(0),
        })
    }

    fn u32(&self, bytes: &[u8], at: usize) -> u32 {
        let Some(field) = bytes.get(at..).and_then(|b| b.first_chunk::<4>()) else {
            return 0;
        };
        if self.big_endian {
            u32::from_be_bytes(*field)
        } else {
            u32::from_le_bytes(*field)
        }
    }

    pub(super) fn read_header<R: Read>(
        &mut self,
        window: &mut Window<R>,
    ) -> Result<(), CaptureError> {
        let have = window.wait(FILE_HEADER)?;
        if have < FILE_HEADER {
            return Err(CaptureError::Truncated {
                offset: 0,
                what: "file header",
                needed: FILE_HEADER as u64,
                have: have as u64,
                packets: 0,
            });
        }
        let header = window.available();
        let versions = self.u32(header, 4);
        let major = if self.big_endian {
            versions >> 16
        } else {
            versions & 0xffff
        };
        if major != 2 {
            return Err(CaptureError::Malformed {
                offset: 4,
                what: "unknown version of pcap (2 is known)",
                packets: 0,
            });
        }
        // The upper half holds the length of a frame check sequence, which the lengths
        // in IP headers cut off anyway.
        self.link = LinkType((self.u32(header, 20) & 0xffff) as u16);
        window.consume(FILE_HEADER);
        Ok(())
    }

    pub(super) fn next<R: Read>(
        &self,
        window: &mut Window<R>,
        limits: &ReadLimits,
        packets: u64,
    ) -> Result<Option<Record>, CaptureError> {
        let offset = window.offset();
        let header = self.record_header;
        let have = window.fill(header)?;
        let truncated = |needed: usize, have: usize| CaptureError::Truncated {
            offset,
            what: "packet record",
            needed: needed as u64,
            have: have as u64,
            packets,
        };
        if have == 0 {
            return Ok(None);
        }
        if have < header {
            return Err(truncated(header, have));
        }
        let bytes = window.available();
        let seconds = u64::from(self.u32(bytes, 0));
        let fraction = u64::from(self.u32(bytes, 4));
        let length = self.u32(bytes, 8) as usize;
        let original_length = self.u32(bytes, 12);
        if length > limits.packet_bytes {
            return Err(CaptureError::TooLarge {
                offset,
                what: "packet record",
                length: length as u64,
                limit: limits.packet_bytes as u64,
                packets,
            });
        }
        let have = window.fill(header + length)?;
        if have < header + length {
            return Err(truncated(header + length, have));
        }
        Ok(Some(Record {
            // At most 2^32 seconds and as many microseconds: no overflow.
            time: seconds * SECOND + fraction * self.fraction,
            link: self.link,
            original_length,
            data: window.take(header, length, header + length),
        }))
    }
}
