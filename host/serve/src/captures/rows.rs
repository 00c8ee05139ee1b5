//! What was seen on a wire, as the journal keeps it.
//!
//! A row begins with its kind (one byte) and its time (eight bytes, nanoseconds since 1970); that
//! of a packet goes on with link type (two bytes), length on the wire and captured length (four
//! each) and the captured bytes. Numbers are little endian.

use palisade_capture::{LinkType, Packet};
use palisade_pipeline::engine::Seen;

const PACKET: u8 = 0;
const TIME: u8 = 1;
const END: u8 = 2;

/// Appends a row.
pub(super) fn push(rows: &mut Vec<u8>, seen: &Seen<'_>) {
    let (kind, time) = match seen {
        Seen::Packet(packet) => (PACKET, packet.time),
        Seen::Time(time) => (TIME, *time),
        Seen::End => (END, 0),
    };
    rows.push(kind);
    rows.extend(time.to_le_bytes());
    if let Seen::Packet(packet) = seen {
        rows.extend(packet.link.0.to_le_bytes());
        rows.extend(packet.original_length.to_le_bytes());
        // A packet has 256 KiB at most.
        rows.extend((packet.data.len() as u32).to_le_bytes());
        rows.extend(packet.data);
    }
}

/// Rows, one by one. It ends before what is none; see [`is_whole`].
pub(super) struct Rows<'a>(pub(super) &'a [u8]);

impl<'a> Rows<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn row(&mut self) -> Option<Seen<'a>> {
        let [kind] = self.take()?;
        let time = u64::from_le_bytes(self.take()?);
        match kind {
            PACKET => {
                let link = LinkType(u16::from_le_bytes(self.take()?));
                let original_length = u32::from_le_bytes(self.take()?);
                let length = u32::from_le_bytes(self.take()?) as usize;
                let (data, rest) = self.0.split_at_checked(length)?;
                self.0 = rest;
                Some(Seen::Packet(Packet {
                    number: 0,
                    time,
                    link,
                    original_length,
                    data,
                }))
            }
            TIME => Some(Seen::Time(time)),
            END => Some(Seen::End),
            _ => None,
        }
    }
}

impl<'a> Iterator for Rows<'a> {
    type Item = Seen<'a>;

    fn next(&mut self) -> Option<Seen<'a>> {
        let before = self.0;
        let row = self.row();
        if row.is_none() {
            self.0 = before;
        }
        row
    }
}

/// Whether these bytes are rows to their end.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    let mut rows = Rows(bytes);
    while rows.next().is_some() {}
    rows.0.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_and_what_is_none_is_told() {
        let packet = |data: &'static [u8]| {
            Seen::Packet(Packet {
                number: 0,
                time: 7,
                link: LinkType::ETHERNET,
                original_length: 1500,
                data,
            })
        };
        let all = [packet(b"abc"), Seen::Time(9), packet(b""), Seen::End];
        let mut bytes = Vec::new();
        all.iter().for_each(|seen| push(&mut bytes, seen));
        assert!(is_whole(&bytes));
        let text = |seen: Seen<'_>| format!("{seen:?}");
        let read: Vec<String> = Rows(&bytes).map(text).collect();
        assert_eq!(read, all.map(text));
        let ends: Vec<usize> = (0..=bytes.len())
            .filter(|end| is_whole(&bytes[..*end]))
            .collect();
        assert_eq!(ends, [0, 22, 31, 50, 59]);
        bytes[0] = 9;
        assert!(!is_whole(&bytes));
    }
}
