//! DTLS records in datagrams, and handshake messages that are cut over several.

use iot_wire::{Fault, Reader, Side, Step, Verdict};

use crate::handshake::Handshake;
use crate::records::MAX_MESSAGE;

/// Messages that are put together at a time, per direction.
const MAX_PARTS: usize = 4;
/// Pieces of a message that do not touch.
const MAX_PIECES: usize = 16;

const CHANGE_CIPHER: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION: u8 = 23;

/// A record (RFC 6347, section 4.1).
struct Record<'a> {
    kind: u8,
    epoch: u16,
    content: &'a [u8],
    /// Where the content begins in the datagram.
    at: usize,
}

fn record<'a>(reader: &mut Reader<'a>) -> Result<Record<'a>, Fault> {
    let at = reader.position();
    let kind = reader.u8("a DTLS record")?;
    if !(CHANGE_CIPHER..=24).contains(&kind) {
        return Err(Fault {
            offset: at,
            expected: "a record type from 20 to 24",
        });
    }
    let version = reader.u16("a record version")?;
    if !matches!(version, 0xfeff | 0xfefd | 0x0100) {
        return Err(Fault {
            offset: at + 1,
            expected: "record version DTLS 1.0 or 1.2",
        });
    }
    let epoch = reader.u16("an epoch")?;
    reader.take(6, "a sequence number")?;
    let length = reader.u16("a record length")?;
    let start = reader.position();
    let content = reader.take(usize::from(length), "as long a record as it says")?;
    Ok(Record {
        kind,
        epoch,
        content,
        at: start,
    })
}

/// A fragment of a handshake message (RFC 6347, section 4.2.2).
struct Fragment<'a> {
    kind: u8,
    length: usize,
    sequence: u16,
    offset: usize,
    bytes: &'a [u8],
}

fn fragment<'a>(reader: &mut Reader<'a>) -> Result<Fragment<'a>, Fault> {
    let at = reader.position();
    let kind = reader.u8("a handshake type")?;
    let length = reader.u24("a message length")? as usize;
    let sequence = reader.u16("a message sequence")?;
    let offset = reader.u24("a fragment offset")? as usize;
    let size = reader.u24("a fragment length")? as usize;
    if offset + size > length {
        return Err(Fault {
            offset: at,
            expected: "a fragment within its message",
        });
    }
    let bytes = reader.take(size, "as long a fragment as it says")?;
    Ok(Fragment {
        kind,
        length,
        sequence,
        offset,
        bytes,
    })
}

/// Judges a datagram: records that add up to its end, the first of them a hello or, in
/// mid-stream, one of a later epoch.
#[must_use]
pub fn probe(bytes: &[u8]) -> Verdict {
    let mut reader = Reader::new(bytes);
    let Ok(first) = record(&mut reader) else {
        return Verdict::No;
    };
    while !reader.is_empty() {
        // DTLS 1.3 writes later records in another form.
        if reader.rest().first().is_some_and(|byte| byte >> 5 == 1) {
            break;
        }
        if record(&mut reader).is_err() {
            return Verdict::No;
        }
    }
    let fits = match first.kind {
        HANDSHAKE if first.epoch == 0 => {
            let mut content = Reader::new(first.content);
            fragment(&mut content).is_ok_and(|part| {
                let version = part.bytes.first_chunk::<2>();
                let hello = part.offset == 0 && matches!(part.kind, 1..=3);
                matches!(part.kind, 1..=4 | 11..=16 | 20)
                    && (!hello
                        || version.is_some_and(|v| matches!(v, [0xfe, 0xff | 0xfd] | [1, 0])))
            })
        }
        ALERT if first.epoch == 0 => matches!(first.content, [1 | 2, 0..=120]),
        CHANGE_CIPHER => first.content == [1],
        _ => first.epoch > 0 && first.content.len() > 8,
    };
    if fits { Verdict::Yes } else { Verdict::No }
}

/// A message in the making.
#[derive(Debug)]
struct Part {
    sequence: u16,
    kind: u8,
    bytes: Vec<u8>,
    /// What is there, as sorted pairs of start and end that do not touch.
    pieces: Vec<(usize, usize)>,
}

/// One direction of datagrams.
#[derive(Debug, Default)]
pub struct Half {
    parts: Vec<Part>,
}

impl Half {
    /// Reads a datagram into `handshake`. Datagrams of protocols that share a port with
    /// DTLS (RFC 7983) are none of its business.
    pub fn feed(&mut self, side: Side, bytes: &[u8], handshake: &mut Handshake) -> Step {
        let mut reader = Reader::new(bytes);
        if !bytes.first().is_some_and(|first| (20..64).contains(first)) {
            return Step::Done;
        }
        while !reader.is_empty() && !handshake.is_over() {
            if reader.rest().first().is_some_and(|byte| byte >> 5 == 1) {
                handshake.encrypted(side, false, reader.remaining());
                return Step::Done;
            }
            let step = record(&mut reader).and_then(|record| self.record(side, &record, handshake));
            if let Err(fault) = step {
                return Step::Error(fault);
            }
        }
        Step::Done
    }

    fn record(
        &mut self,
        side: Side,
        record: &Record<'_>,
        handshake: &mut Handshake,
    ) -> Result<(), Fault> {
        match (record.kind, record.epoch) {
            (CHANGE_CIPHER, _) => handshake.change_cipher(side),
            (ALERT, 0) => {
                if let [level, description] = *record.content {
                    handshake.alert(level, description);
                }
            }
            (HANDSHAKE, 0) => {
                let mut content = Reader::new(record.content);
                while !content.is_empty() {
                    let at = record.at + content.position();
                    let part = fragment(&mut content).map_err(|fault| fault.shifted(record.at))?;
                    // Pieces may have come long ago: what is known is which one was last.
                    self.fragment(side, &part, handshake)
                        .map_err(|fault| Fault {
                            offset: at,
                            ..fault
                        })?;
                }
            }
            (HANDSHAKE, _) => handshake.encrypted(side, true, record.content.len()),
            (APPLICATION, 1..) => handshake.encrypted(side, false, record.content.len()),
            _ => {}
        }
        Ok(())
    }

    fn fragment(
        &mut self,
        side: Side,
        part: &Fragment<'_>,
        handshake: &mut Handshake,
    ) -> Result<(), Fault> {
        if part.bytes.len() == part.length {
            return handshake.message(side, part.kind, part.bytes, true);
        }
        if part.length > MAX_MESSAGE {
            return Ok(());
        }
        let known = self
            .parts
            .iter()
            .position(|known| known.sequence == part.sequence && known.bytes.len() == part.length);
        let place = known.unwrap_or_else(|| {
            if self.parts.len() >= MAX_PARTS {
                self.parts.remove(0);
            }
            self.parts.push(Part {
                sequence: part.sequence,
                kind: part.kind,
                bytes: vec![0; part.length],
                pieces: Vec::new(),
            });
            self.parts.len() - 1
        });
        let Some(whole) = self.parts.get_mut(place) else {
            return Ok(());
        };
        let end = part.offset + part.bytes.len();
        if let Some(room) = whole.bytes.get_mut(part.offset..end) {
            room.copy_from_slice(part.bytes);
        }
        whole.note(part.offset, end);
        if whole.pieces == [(0, part.length)] {
            let whole = self.parts.remove(place);
            return handshake.message(side, whole.kind, &whole.bytes, true);
        }
        Ok(())
    }
}

impl Part {
    /// Notes that the bytes from `start` to `end` are there.
    fn note(&mut self, start: usize, end: usize) {
        let (mut start, mut end) = (start, end);
        self.pieces.retain(|&(from, to)| {
            let touches = from <= end && start <= to;
            if touches {
                start = start.min(from);
                end = end.max(to);
            }
            !touches
        });
        if self.pieces.len() < MAX_PIECES {
            self.pieces.push((start, end));
            self.pieces.sort_unstable();
        }
    }
}
