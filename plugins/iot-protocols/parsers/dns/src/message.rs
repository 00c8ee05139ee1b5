//! One message, read with the `domain` crate.

use std::{
    fmt::{self, Write as _},
    net::IpAddr,
};

use domain::{
    base::{ParsedName, ParsedRecord, Rtype, iana::OptRcode},
    dep::octseq::Parser,
    rdata::AllRecordData,
};
use iot_wire::Fault;

/// Questions of a message that are read; only multicast DNS has more than one.
pub const MAX_QUESTIONS: usize = 32;
/// Answers of a message that are read.
pub const MAX_ANSWERS: usize = 64;
/// Bytes of a record's data in presentation form that are kept.
pub const MAX_RDATA: usize = 1_024;
/// Bytes of text that one message may give.
const MAX_TEXT: usize = 16 * 1_024;

/// The header of a message (RFC 1035, section 4.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Identifier.
    pub id: u16,
    /// Whether it is a response.
    pub response: bool,
    /// Kind of query: 0 QUERY, 4 NOTIFY, 5 UPDATE.
    pub opcode: u8,
    /// The bit that must be zero.
    pub z: bool,
    /// The low four bits of the response code.
    pub rcode: u8,
    /// Questions, answers, authorities, additional records.
    pub counts: [u16; 4],
}

impl Header {
    /// Reads the first 12 bytes of a message; `None` if there are fewer.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; 12] = bytes.first_chunk()?;
        let [i0, i1, f0, f1, counts @ ..] = *bytes;
        let [q0, q1, a0, a1, n0, n1, d0, d1] = counts;
        Some(Self {
            id: u16::from_be_bytes([i0, i1]),
            response: f0 & 0x80 != 0,
            opcode: f0 >> 3 & 15,
            z: f1 & 0x40 != 0,
            rcode: f1 & 15,
            counts: [[q0, q1], [a0, a1], [n0, n1], [d0, d1]].map(u16::from_be_bytes),
        })
    }
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Name in lower case without the last dot; `.` for the root.
    pub name: String,
    /// Type.
    pub rtype: Rtype,
    /// Class, with the bit that multicast DNS puts to another use.
    pub class: u16,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Owner, as a question's name.
    pub name: String,
    /// Type.
    pub rtype: Rtype,
    /// Seconds.
    pub ttl: u32,
    /// Data in presentation form; unknown and malformed data as RFC 3597 writes it. The
    /// name of a CNAME, DNAME, NS or PTR is written as a question's.
    pub rdata: String,
}

/// What could be read of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// Its questions, at most [`MAX_QUESTIONS`].
    pub questions: Vec<Question>,
    /// Its answers, at most [`MAX_ANSWERS`].
    pub answers: Vec<Answer>,
    /// The response code with the bits of an OPT record, if there is one.
    pub rcode: OptRcode,
    /// Bytes after the last record.
    pub trailing: usize,
    /// Where it stopped making sense, if it did.
    pub fault: Option<Fault>,
}

/// Reads a message behind its header as far as it makes sense. `answers` says whether
/// answers are wanted or stepped over.
#[must_use]
pub fn read(header: &Header, bytes: &[u8], answers: bool) -> Contents {
    let mut contents = Contents {
        questions: Vec::new(),
        answers: Vec::new(),
        rcode: OptRcode::masked_from_int(header.rcode.into()),
        trailing: 0,
        fault: None,
    };
    let mut parser = Parser::from_ref(bytes);
    let result = parser
        .advance(12)
        .map_err(|_| Fault {
            offset: 0,
            expected: "a header of 12 bytes",
        })
        .and_then(|()| sections(header, &mut parser, answers, &mut contents));
    contents.trailing = parser.remaining();
    contents.fault = contents.fault.or(result.err());
    contents
}

fn sections(
    header: &Header,
    parser: &mut Parser<'_, [u8]>,
    wanted: bool,
    contents: &mut Contents,
) -> Result<(), Fault> {
    let [questions, answers, authorities, additional] = header.counts;
    for index in 0..usize::from(questions) {
        let at = parser.pos();
        let question = question(parser).ok_or(Fault {
            offset: at,
            expected: "a question",
        })?;
        if index < MAX_QUESTIONS {
            contents.questions.push(question);
        }
    }
    let mut text = 0;
    // In an UPDATE these are prerequisites.
    let wanted = wanted && header.opcode != 5;
    for index in 0..usize::from(answers) {
        let at = parser.pos();
        let expected = Fault {
            offset: at,
            expected: "an answer",
        };
        if !wanted || index >= MAX_ANSWERS || text >= MAX_TEXT {
            ParsedRecord::skip(parser).map_err(|_| expected)?;
            continue;
        }
        let record = ParsedRecord::parse(parser).map_err(|_| expected)?;
        let start = parser.pos() - usize::from(record.rdlen());
        let data = parser
            .as_slice()
            .get(start..parser.pos())
            .unwrap_or_default();
        let (answer, sound) = answer(&record, data);
        text += answer.name.len() + answer.rdata.len();
        if !sound && contents.fault.is_none() {
            contents.fault = Some(Fault {
                offset: start,
                expected: "data of the record's type",
            });
        }
        contents.answers.push(answer);
    }
    for index in 0..u32::from(authorities) + u32::from(additional) {
        let at = parser.pos();
        let expected = if index < u32::from(authorities) {
            "an authority record"
        } else {
            "an additional record"
        };
        let fault = Fault {
            offset: at,
            expected,
        };
        let (rtype, ttl) = passed(parser).ok_or(fault)?;
        if rtype == Rtype::OPT && index >= u32::from(authorities) {
            // The upper eight bits of the TTL are those of the response code.
            let high = (ttl >> 24) as u16;
            contents.rcode = OptRcode::masked_from_int(high << 4 | u16::from(header.rcode));
        }
    }
    Ok(())
}

/// Steps over a record; returns its type and TTL.
fn passed(parser: &mut Parser<'_, [u8]>) -> Option<(Rtype, u32)> {
    ParsedName::skip(parser).ok()?;
    let rtype = Rtype::from_int(parser.parse_u16_be().ok()?);
    parser.advance(2).ok()?;
    let ttl = parser.parse_u32_be().ok()?;
    let length = parser.parse_u16_be().ok()?;
    parser.advance(usize::from(length)).ok()?;
    Some((rtype, ttl))
}

fn question(parser: &mut Parser<'_, [u8]>) -> Option<Question> {
    let name = ParsedName::parse(parser).ok()?;
    let rtype = Rtype::from_int(parser.parse_u16_be().ok()?);
    let class = parser.parse_u16_be().ok()?;
    Some(Question {
        name: presented(&name),
        rtype,
        class,
    })
}

/// A name in lower case, label by label: names are most of what is written, and the
/// crate's formatter goes byte by byte through the formatting machinery.
fn presented(name: &ParsedName<&[u8]>) -> String {
    let mut out = String::with_capacity(32);
    for label in name.iter().filter(|label| !label.is_root()) {
        if !out.is_empty() {
            out.push('.');
        }
        for &byte in label.as_slice() {
            match byte {
                b' ' | b'.' | b'\\' => out.extend(['\\', char::from(byte)]),
                0x21..=0x7e => out.push(char::from(byte.to_ascii_lowercase())),
                // Writing to a string does not fail.
                _ => drop(write!(out, "\\{byte:03}")),
            }
        }
    }
    if out.is_empty() {
        out.push('.');
    }
    out
}

/// The answer whose data is `data`, and whether that is what its type demands.
fn answer(record: &ParsedRecord<'_, [u8]>, data: &[u8]) -> (Answer, bool) {
    let mut rdata = Clipped(String::with_capacity(16));
    let (name, ttl) = (presented(&record.owner()), record.ttl().as_secs());
    let rtype = record.rtype();
    // Most answers are addresses.
    let address = match rtype {
        Rtype::A => data
            .try_into()
            .map(|octets: [u8; 4]| IpAddr::from(octets))
            .ok(),
        Rtype::AAAA => data
            .try_into()
            .map(|octets: [u8; 16]| IpAddr::from(octets))
            .ok(),
        _ => None,
    };
    if let Some(address) = address {
        let _ = write!(rdata, "{address}");
        return (
            Answer {
                name,
                rtype,
                ttl,
                rdata: rdata.0,
            },
            true,
        );
    }
    let known = record.to_record::<AllRecordData<_, ParsedName<_>>>();
    let sound = known.is_ok();
    // A value that is too long is cut off by an error of the writer.
    let _ = match known {
        Ok(Some(known)) if lone_name(known.data()).is_some() => {
            let name = lone_name(known.data()).map(presented);
            rdata.write_str(&name.unwrap_or_default())
        }
        Ok(Some(known)) if !matches!(known.data(), AllRecordData::Unknown(_)) => {
            write!(rdata, "{}", known.data())
        }
        _ => generic(data, &mut rdata),
    };
    (
        Answer {
            name,
            rtype,
            ttl,
            rdata: rdata.0,
        },
        sound,
    )
}

/// The name that is all the data there is: written like the names of questions, so that
/// the two compare.
fn lone_name<'a, O>(
    data: &'a AllRecordData<O, ParsedName<&'a [u8]>>,
) -> Option<&'a ParsedName<&'a [u8]>> {
    match data {
        AllRecordData::Cname(data) => Some(data.cname()),
        AllRecordData::Dname(data) => Some(data.dname()),
        AllRecordData::Ns(data) => Some(data.nsdname()),
        AllRecordData::Ptr(data) => Some(data.ptrdname()),
        _ => None,
    }
}

/// Data as RFC 3597, section 5, writes what it does not know.
fn generic(data: &[u8], out: &mut Clipped) -> fmt::Result {
    write!(out, "\\# {}", data.len())?;
    if !data.is_empty() {
        out.write_char(' ')?;
    }
    for byte in data {
        write!(out, "{byte:02x}")?;
    }
    Ok(())
}

/// Text that takes no more than [`MAX_RDATA`] bytes.
struct Clipped(String);

impl fmt::Write for Clipped {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = MAX_RDATA - self.0.len();
        let taken = iot_wire::clip(text, room);
        self.0.push_str(taken);
        if taken.len() < text.len() {
            Err(fmt::Error)
        } else {
            Ok(())
        }
    }
}
