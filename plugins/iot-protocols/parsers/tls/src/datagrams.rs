//! DTLS records in datagrams, and handshake messages that are cut over several.
//!
//! Anybody can forge a datagram, so a record that makes no sense is passed over and the
//! association goes on (RFC 6347, section 4.1.2.7).

use iot_wire::{Fault, Reader, Side, Step, Verdict};

use crate::handshake::{Handshake, LONGER_THAN_ALERT};
use crate::records::MAX_MESSAGE;

/// Messages that are put together at a time, per direction.
const MAX_PARTS: usize = 4;
/// Pieces of a message that do not touch.
const MAX_PIECES: usize = 16;

const CHANGE_CIPHER: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION: u8 = 23;
/// A record with a connection id, which hides what else it is (RFC 9146).
const CONNECTION_ID: u8 = 25;
/// The last that is registered (RFC 9147).
const ACK: u8 = 26;

/// The shortest content of an encrypted record is longer than this: the shortest tags.
const TAG: usize = 8;
/// DTLS 1.3 encrypts sequence numbers with so much of the content (RFC 9147, section 4.2.3).
const SAMPLE: usize = 16;

/// A record (RFC 6347, section 4.1; with a connection id RFC 9146, section 4).
struct Record<'a> {
    kind: u8,
    epoch: u16,
    content: &'a [u8],
    /// Where the content begins in the datagram.
    at: usize,
}

/// Reads a record; `id` is how long its connection id should be, where that is known.
fn record<'a>(reader: &mut Reader<'a>, id: Option<usize>) -> Result<Record<'a>, Fault> {
    let at = reader.position();
    let kind = reader.u8("a DTLS record")?;
    if !is_kind(kind) {
        return Err(Fault {
            offset: at,
            expected: KIND,
        });
    }
    let version = reader.u16("a record version")?;
    if !is_version(version) {
        return Err(Fault {
            offset: at + 1,
            expected: "record version DTLS 1.0 or 1.2",
        });
    }
    let epoch = reader.u16("an epoch")?;
    reader.take(6, "a sequence number")?;
    if kind == CONNECTION_ID {
        let length = id_length(reader.rest(), id).filter(|_| epoch > 0);
        let length = length.ok_or_else(|| {
            reader.fault("a connection id and as long an encrypted record as it says")
        })?;
        reader.take(length, "a connection id")?;
    }
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

const KIND: &str = "a record type from 20 to 26";

fn is_kind(kind: u8) -> bool {
    (CHANGE_CIPHER..=ACK).contains(&kind)
}

fn is_version(version: u16) -> bool {
    matches!(version, 0xfeff | 0xfefd | 0x0100)
}

/// How long the connection id is with which `rest` begins. No record says so: it is what was
/// agreed on or, where that was not seen or leaves no room, the shortest with which the record
/// ends where the datagram does, or where the next record begins.
fn id_length(rest: &[u8], agreed: Option<usize>) -> Option<usize> {
    // What follows the record, if it fits.
    let next = |id: usize| {
        let &[high, low] = rest.get(id..)?.first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        rest.get(id + 2 + length..).filter(|_| length > TAG)
    };
    let ends = |id: &usize| match next(*id) {
        Some([]) => true,
        Some([kind, high, low, ..]) => {
            is_kind(*kind) && is_version(u16::from_be_bytes([*high, *low]))
        }
        _ => false,
    };
    agreed
        .filter(|id| next(*id).is_some())
        .or_else(|| (0..=255).find(ends))
}

/// Whether a record is in the form of DTLS 1.3, by its first byte.
fn is_unified(rest: &[u8]) -> bool {
    rest.first().is_some_and(|first| first >> 5 == 1)
}

/// Reads a record in the form of DTLS 1.3 (RFC 9147, section 4) and returns its content; the
/// rest of the datagram, where an unknown connection id hides how long it is.
fn unified<'a>(reader: &mut Reader<'a>, id: Option<usize>) -> Result<&'a [u8], Fault> {
    let fault = reader.fault("as long an encrypted record as it says");
    let rest = reader.rest();
    let first = rest.first().copied().unwrap_or_default();
    let number = if first & 0x08 == 0 { 1 } else { 2 };
    let content = |id: usize| {
        let start = 1 + id + number;
        if first & 0x04 == 0 {
            return rest.get(start..).map(|content| (content, rest.len()));
        }
        let &[high, low] = rest.get(start..)?.first_chunk::<2>()?;
        let end = start + 2 + usize::from(u16::from_be_bytes([high, low]));
        rest.get(start + 2..end).map(|content| (content, end))
    };
    let whole = Some((rest, rest.len()));
    let found = match first & 0x10 {
        0 => content(0),
        _ => id.and_then(content).or(whole),
    };
    let (content, length) = found.filter(|(c, _)| c.len() >= SAMPLE).ok_or(fault)?;
    reader.take(length, fault.expected)?;
    Ok(content)
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
    let Ok(first) = record(&mut reader, None) else {
        return Verdict::No;
    };
    while !reader.is_empty() {
        // DTLS 1.3 writes later records in another form.
        if is_unified(reader.rest()) {
            break;
        }
        if record(&mut reader, None).is_err() {
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
        _ => first.epoch > 0 && first.content.len() > TAG,
    };
    if fits { Verdict::Yes } else { Verdict::No }
}

/// Takes a record in the form of DTLS 1.3. Before the server has chosen a version nothing can be
/// said of it, and of earlier versions it is none.
fn encrypted(
    reader: &mut Reader<'_>,
    side: Side,
    id: Option<usize>,
    handshake: &mut Handshake,
) -> Result<(), Fault> {
    if handshake.is_answered() && !handshake.is_13() {
        return Err(reader.fault(KIND));
    }
    let content = unified(reader, id)?;
    if handshake.is_13() {
        handshake.encrypted(side, false, content.len());
    }
    Ok(())
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
    /// Reads a datagram into `handshake`, until that is established. Datagrams of protocols
    /// that share a port with DTLS (RFC 7983) are none of its business. What is wrong within a
    /// record does not hide the next, whose place is known.
    pub fn feed(&mut self, side: Side, bytes: &[u8], handshake: &mut Handshake) -> Step {
        let mut reader = Reader::new(bytes);
        if !bytes.first().is_some_and(|first| (20..64).contains(first)) {
            return Step::Done;
        }
        let mut first = None;
        while !reader.is_empty() && !handshake.is_established() {
            let id = handshake.connection_id(side);
            let read = if is_unified(reader.rest()) {
                encrypted(&mut reader, side, id, handshake)
            } else {
                record(&mut reader, id).map(|record| {
                    if let Err(fault) = self.record(side, &record, handshake) {
                        first.get_or_insert(fault);
                    }
                })
            };
            if let Err(fault) = read {
                return Step::Error(first.unwrap_or(fault));
            }
        }
        first.map_or(Step::Done, Step::Error)
    }

    fn record(
        &mut self,
        side: Side,
        record: &Record<'_>,
        handshake: &mut Handshake,
    ) -> Result<(), Fault> {
        let fault = |expected| Fault {
            offset: record.at,
            expected,
        };
        match (record.kind, record.epoch) {
            (CHANGE_CIPHER, _) if record.content != [1] => {
                return Err(fault("a change of cipher"));
            }
            (CHANGE_CIPHER, _) => handshake.change_cipher(side),
            (ALERT, 0) => match *record.content {
                [level, description] => handshake.alert(level, description),
                _ => return Err(fault("an alert of two bytes")),
            },
            (_, 1..) if record.content.len() <= TAG => return Err(fault("an encrypted record")),
            // A Finished or data: an alert is shorter, and an alert is no end.
            (CONNECTION_ID, _) => {
                if record.content.len() >= LONGER_THAN_ALERT {
                    handshake.encrypted(side, true, record.content.len());
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
        // Only hellos and certificates are read.
        if part.length > MAX_MESSAGE || !matches!(part.kind, 1 | 2 | 11) {
            return Ok(());
        }
        let known = self.parts.iter().position(|known| {
            (known.sequence, known.kind, known.bytes.len())
                == (part.sequence, part.kind, part.length)
        });
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
