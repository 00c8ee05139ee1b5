//! The pcapng format (draft-ietf-opsawg-pcapng).

use std::io::Read;

use super::buffer::Window;
use super::link::LinkType;
use super::reader::{CaptureError, ReadLimits, Record};
use super::time::TimeUnit;

/// Block type of a section header; reads the same in both byte orders.
pub(super) const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
/// The packet block of early drafts.
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
const OPTION_END: u16 = 0;
const OPTION_TSRESOL: u16 = 9;
const OPTION_TSOFFSET: u16 = 14;

/// Type and length before a block's body, length after it.
const FRAME: usize = 12;

/// The section that is being read.
#[derive(Debug, Default)]
pub(super) struct PcapNgFormat {
    order: Order,
    interfaces: Vec<Interface>,
    /// Simple packet blocks carry no time and take that of the packet before.
    last_time: u64,
    /// The file begins with a section header; nothing may come before it.
    in_section: bool,
}

#[derive(Clone, Copy, Debug)]
struct Interface {
    link: LinkType,
    snap_length: u32,
    unit: TimeUnit,
}

#[derive(Clone, Copy, Debug, Default)]
enum Order {
    #[default]
    Little,
    Big,
}

impl Order {
    fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let field = bytes.get(at..)?.first_chunk::<2>()?;
        Some(match self {
            Order::Little => u16::from_le_bytes(*field),
            Order::Big => u16::from_be_bytes(*field),
        })
    }

    fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let field = bytes.get(at..)?.first_chunk::<4>()?;
        Some(match self {
            Order::Little => u32::from_le_bytes(*field),
            Order::Big => u32::from_be_bytes(*field),
        })
    }

    fn u64(self, bytes: &[u8], at: usize) -> Option<u64> {
        let field = bytes.get(at..)?.first_chunk::<8>()?;
        Some(match self {
            Order::Little => u64::from_le_bytes(*field),
            Order::Big => u64::from_be_bytes(*field),
        })
    }
}

/// Where a packet lies in the body of its block.
struct Found {
    time: u64,
    link: LinkType,
    original_length: u32,
    at: usize,
    length: usize,
}

impl PcapNgFormat {
    pub(super) fn next<R: Read>(
        &mut self,
        window: &mut Window<R>,
        limits: &ReadLimits,
        packets: u64,
    ) -> Result<Option<Record>, CaptureError> {
        loop {
            let offset = window.offset();
            let malformed = |what| CaptureError::Malformed {
                offset,
                what,
                packets,
            };
            let truncated = |needed: u64, have: usize| CaptureError::Truncated {
                offset,
                what: "block",
                needed,
                have: have as u64,
                packets,
            };
            let have = window.fill(FRAME)?;
            if have == 0 {
                return Ok(None);
            }
            let Some(head) = window.available().first_chunk::<FRAME>().copied() else {
                return Err(truncated(FRAME as u64, have));
            };
            let kind = self.block_kind(&head, &malformed)?;
            let length = self.order.u32(&head, 4).unwrap_or(0);
            if !length.is_multiple_of(4) || length < FRAME as u32 {
                return Err(malformed(
                    "block length that is no multiple of 4 or under 12",
                ));
            }
            if !matches!(
                kind,
                SECTION_HEADER | INTERFACE | OBSOLETE_PACKET | SIMPLE_PACKET | ENHANCED_PACKET
            ) {
                self.pass_over(window, length, &malformed, &truncated)?;
                continue;
            }
            let total = length as usize;
            if total > limits.block_bytes {
                return Err(CaptureError::TooLarge {
                    offset,
                    what: "block",
                    length: u64::from(length),
                    limit: limits.block_bytes as u64,
                    packets,
                });
            }
            let have = window.fill(total)?;
            if have < total {
                return Err(truncated(u64::from(length), have));
            }
            let bytes = window.available();
            if self.order.u32(bytes, total - 4) != Some(length) {
                return Err(malformed("block whose two lengths differ"));
            }
            let body = bytes.get(8..total - 4).unwrap_or_default();
            let found = match kind {
                SECTION_HEADER => {
                    self.section(body).map_err(malformed)?;
                    None
                }
                INTERFACE => {
                    self.interface(body, limits).map_err(malformed)?;
                    None
                }
                ENHANCED_PACKET => Some(self.enhanced(body, false).map_err(malformed)?),
                OBSOLETE_PACKET => Some(self.enhanced(body, true).map_err(malformed)?),
                _ => Some(self.simple(body).map_err(malformed)?),
            };
            let Some(found) = found else {
                window.consume(total);
                continue;
            };
            if found.length > limits.packet_bytes {
                return Err(CaptureError::TooLarge {
                    offset,
                    what: "packet",
                    length: found.length as u64,
                    limit: limits.packet_bytes as u64,
                    packets,
                });
            }
            self.last_time = found.time;
            return Ok(Some(Record {
                time: found.time,
                link: found.link,
                original_length: found.original_length,
                data: window.take(8 + found.at, found.length, total),
            }));
        }
    }

    /// Reads the type, and for a section header the byte order of what follows.
    fn block_kind(
        &mut self,
        head: &[u8; FRAME],
        malformed: &dyn Fn(&'static str) -> CaptureError,
    ) -> Result<u32, CaptureError> {
        let kind = self.order.u32(head, 0).unwrap_or(0);
        if kind == SECTION_HEADER {
            self.order = if Order::Little.u32(head, 8) == Some(BYTE_ORDER_MAGIC) {
                Order::Little
            } else if Order::Big.u32(head, 8) == Some(BYTE_ORDER_MAGIC) {
                Order::Big
            } else {
                return Err(malformed("section header without a byte-order magic"));
            };
        } else if !self.in_section {
            return Err(malformed("block before the first section header"));
        }
        Ok(kind)
    }

    fn pass_over<R: Read>(
        &self,
        window: &mut Window<R>,
        length: u32,
        malformed: &dyn Fn(&'static str) -> CaptureError,
        truncated: &dyn Fn(u64, usize) -> CaptureError,
    ) -> Result<(), CaptureError> {
        let begin = window.offset();
        let whole = window.skip(u64::from(length) - 4)? && window.wait(4)? >= 4;
        if !whole {
            let have = window.offset() - begin + window.available().len() as u64;
            return Err(truncated(
                u64::from(length),
                usize::try_from(have).unwrap_or(usize::MAX),
            ));
        }
        if self.order.u32(window.available(), 0) != Some(length) {
            return Err(malformed("block whose two lengths differ"));
        }
        window.consume(4);
        Ok(())
    }

    fn section(&mut self, body: &[u8]) -> Result<(), &'static str> {
        match self.order.u16(body, 4) {
            Some(1) => {}
            Some(_) => return Err("unknown version of pcapng (1 is known)"),
            None => return Err("section header that is too short"),
        }
        self.in_section = true;
        self.interfaces.clear();
        Ok(())
    }

    fn interface(&mut self, body: &[u8], limits: &ReadLimits) -> Result<(), &'static str> {
        const SHORT: &str = "interface description that is too short";
        if self.interfaces.len() >= limits.interfaces {
            return Err("more interfaces than the limit allows");
        }
        let mut unit = TimeUnit::default();
        let mut at = 8;
        while let (Some(code), Some(length)) =
            (self.order.u16(body, at), self.order.u16(body, at + 2))
        {
            let length = usize::from(length);
            let value = body.get(at + 4..at + 4 + length).unwrap_or_default();
            match code {
                OPTION_END => break,
                OPTION_TSRESOL => {
                    if let [resolution, ..] = value {
                        unit = unit.with_resolution(*resolution);
                    }
                }
                OPTION_TSOFFSET => {
                    if let Some(offset) = self.order.u64(value, 0) {
                        unit = unit.with_offset(offset.cast_signed());
                    }
                }
                _ => {}
            }
            at += 4 + length.next_multiple_of(4);
        }
        self.interfaces.push(Interface {
            link: LinkType(self.order.u16(body, 0).ok_or(SHORT)?),
            snap_length: self.order.u32(body, 4).ok_or(SHORT)?,
            unit,
        });
        Ok(())
    }

    /// An enhanced packet block, or the obsolete packet block: they differ in that the
    /// latter keeps a drop count in the upper half of the interface number.
    fn enhanced(&self, body: &[u8], obsolete: bool) -> Result<Found, &'static str> {
        const SHORT: &str = "packet block that is too short";
        let field = |at| self.order.u32(body, at).ok_or(SHORT);
        let interface = if obsolete {
            u32::from(self.order.u16(body, 0).ok_or(SHORT)?)
        } else {
            field(0)?
        };
        let interface = self
            .interfaces
            .get(interface as usize)
            .ok_or("packet of an interface that was not described")?;
        let ticks = u64::from(field(4)?) << 32 | u64::from(field(8)?);
        let length = field(12)? as usize;
        let original_length = field(16)?;
        if length > body.len() - 20 {
            return Err("packet that is longer than its block");
        }
        Ok(Found {
            time: interface.unit.nanoseconds(ticks),
            link: interface.link,
            original_length,
            at: 20,
            length,
        })
    }

    fn simple(&self, body: &[u8]) -> Result<Found, &'static str> {
        let interface = self
            .interfaces
            .first()
            .ok_or("packet of an interface that was not described")?;
        let original_length = self
            .order
            .u32(body, 0)
            .ok_or("packet block that is too short")?;
        let snap = match interface.snap_length {
            0 => u32::MAX,
            length => length,
        };
        let length = original_length.min(snap) as usize;
        if length > body.len() - 4 {
            return Err("packet that is longer than its block");
        }
        Ok(Found {
            time: self.last_time,
            link: interface.link,
            original_length,
            at: 4,
            length,
        })
    }
}
