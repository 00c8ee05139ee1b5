//! One message: header, token, options, payload.

use iot_wire::{Fault, Reader};

/// The message layer's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Confirmable.
    Confirmable,
    /// Non-confirmable.
    NonConfirmable,
    /// Acknowledgement.
    Acknowledgement,
    /// Reset.
    Reset,
}

impl Type {
    /// As the attribute `coap.type` has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Confirmable => "con",
            Self::NonConfirmable => "non",
            Self::Acknowledgement => "ack",
            Self::Reset => "rst",
        }
    }
}

/// One message, its parts still as they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// Its type; over TCP there is none.
    pub kind: Option<Type>,
    /// Message identifier; over TCP there is none.
    pub id: Option<u16>,
    /// Method, response code or signal.
    pub code: u8,
    /// Token, at most 8 bytes.
    pub token: &'a [u8],
    /// Options as they came; see [`options`].
    pub options: &'a [u8],
    /// What follows the payload marker.
    pub payload: &'a [u8],
}

/// Option numbers that the parser knows (registry of CoAP option numbers).
pub mod option {
    /// Uri-Host.
    pub const URI_HOST: u32 = 3;
    /// Observe.
    pub const OBSERVE: u32 = 6;
    /// OSCORE.
    pub const OSCORE: u32 = 9;
    /// Uri-Path.
    pub const URI_PATH: u32 = 11;
    /// Content-Format.
    pub const CONTENT_FORMAT: u32 = 12;
    /// Uri-Query.
    pub const URI_QUERY: u32 = 15;

    /// Shortest and longest value of a registered option; `None` for others.
    #[must_use]
    pub fn lengths(number: u32) -> Option<(usize, usize)> {
        Some(match number {
            1 => (0, 8),
            URI_HOST => (1, 255),
            4 => (1, 8),
            5 => (0, 0),
            OBSERVE => (0, 3),
            7 => (0, 2),
            8 => (0, 255),
            OSCORE => (0, 255),
            URI_PATH => (0, 255),
            CONTENT_FORMAT => (0, 2),
            13 => (0, 1),
            14 => (0, 4),
            URI_QUERY => (0, 255),
            16 => (1, 1),
            17 => (0, 2),
            19 | 31 => (0, 3),
            20 => (0, 255),
            21 => (0, 20),
            23 | 27 => (0, 3),
            28 | 60 => (0, 4),
            35 => (1, 1034),
            39 => (1, 255),
            252 => (1, 40),
            258 => (0, 1),
            292 => (0, 8),
            // OCF's versions of content formats.
            2_049 | 2_053 => (0, 2),
            _ => return None,
        })
    }
}

/// One option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opt<'a> {
    /// Its number.
    pub number: u32,
    /// Its value.
    pub value: &'a [u8],
}

/// The options of a message in order; ends at the first that is malformed, which
/// [`Message::datagram`] and [`Message::framed`] have ruled out.
pub fn options(bytes: &[u8]) -> impl Iterator<Item = Opt<'_>> {
    let mut reader = Reader::new(bytes);
    let mut number = 0;
    std::iter::from_fn(move || {
        if reader.is_empty() {
            return None;
        }
        let next = one(&mut reader, number).ok()?;
        number = next.number;
        Some(next)
    })
}

/// The value of an option that holds a number of at most four bytes.
#[must_use]
pub fn number(value: &[u8]) -> u32 {
    value
        .iter()
        .take(4)
        .fold(0, |number, &byte| number << 8 | u32::from(byte))
}

fn one<'a>(reader: &mut Reader<'a>, previous: u32) -> Result<Opt<'a>, Fault> {
    let at = reader.position();
    let first = reader.u8("an option")?;
    let delta = extended(reader, first >> 4)?;
    let length = extended(reader, first & 15)?;
    let number = previous + delta;
    if number > 65_535 {
        return Err(Fault {
            offset: at,
            expected: "an option number of at most 65535",
        });
    }
    Ok(Opt {
        number,
        value: reader.take(length as usize, "as long an option as it says")?,
    })
}

fn extended(reader: &mut Reader<'_>, nibble: u8) -> Result<u32, Fault> {
    match nibble {
        13 => Ok(13 + u32::from(reader.u8("an extended delta or length")?)),
        14 => Ok(269 + u32::from(reader.u16("an extended delta or length")?)),
        15 => Err(reader.fault("no delta or length of 15 outside the payload marker")),
        nibble => Ok(u32::from(nibble)),
    }
}

/// Splits what follows the token into options and payload.
fn parts<'a>(reader: &mut Reader<'a>) -> Result<(&'a [u8], &'a [u8]), Fault> {
    let start = reader.rest();
    let from = reader.position();
    let mut number = 0;
    loop {
        let length = reader.position() - from;
        let options = start.get(..length).unwrap_or_default();
        match reader.rest() {
            [] => return Ok((options, &[])),
            [0xff] => return Err(reader.fault("a payload after its marker")),
            [0xff, payload @ ..] => return Ok((options, payload)),
            _ => number = one(reader, number)?.number,
        }
    }
}

impl<'a> Message<'a> {
    /// Reads a datagram (RFC 7252, section 3).
    ///
    /// # Errors
    /// When it is not one whole message of version 1.
    pub fn datagram(bytes: &'a [u8]) -> Result<Self, Fault> {
        let mut reader = Reader::new(bytes);
        let first = reader.u8("a header of 4 bytes")?;
        if first >> 6 != 1 {
            return Err(Fault {
                offset: 0,
                expected: "version 1",
            });
        }
        let length = usize::from(first & 15);
        if length > 8 {
            return Err(Fault {
                offset: 0,
                expected: "a token of at most 8 bytes",
            });
        }
        let code = reader.u8("a header of 4 bytes")?;
        if !matches!(code >> 5, 0 | 2 | 4 | 5) {
            return Err(Fault {
                offset: 1,
                expected: "a code of class 0, 2, 4 or 5",
            });
        }
        let id = reader.u16("a header of 4 bytes")?;
        if code == 0 && (length > 0 || !reader.is_empty()) {
            return Err(reader.fault("nothing after the header of an empty message"));
        }
        let kind = match first >> 4 & 3 {
            0 => Type::Confirmable,
            1 => Type::NonConfirmable,
            2 => Type::Acknowledgement,
            _ => Type::Reset,
        };
        let token = reader.take(length, "a token")?;
        let (options, payload) = parts(&mut reader)?;
        Ok(Self {
            kind: Some(kind),
            id: Some(id),
            code,
            token,
            options,
            payload,
        })
    }

    /// Reads the message of a frame over TCP whose header was read by [`frame`].
    ///
    /// # Errors
    /// When its options do not add up.
    pub fn framed(frame: &Frame, bytes: &'a [u8]) -> Result<Self, Fault> {
        let mut reader = Reader::new(bytes);
        reader.take(frame.header, "a header")?;
        let token = reader.take(frame.token, "a token")?;
        let (options, payload) = parts(&mut reader)?;
        Ok(Self {
            kind: None,
            id: None,
            code: frame.code,
            token,
            options,
            payload,
        })
    }

    /// What the header of a frame over TCP and its token say, without the rest.
    #[must_use]
    pub fn bare(frame: &Frame, bytes: &'a [u8]) -> Self {
        let token = bytes.get(frame.header..frame.header + frame.token);
        Self {
            kind: None,
            id: None,
            code: frame.code,
            token: token.unwrap_or_default(),
            options: &[],
            payload: &[],
        }
    }

    /// Whether the code is registered and so are all options, with values as long as they
    /// may be: what tells CoAP from bytes that only begin like it. Beside a registered one,
    /// an option that is not counts if a receiver has to ignore it (RFC 7252, section
    /// 5.4.1), or else a device could hide by adding one.
    #[must_use]
    pub fn is_plausible(&self) -> bool {
        let known = self.code == 0
            || crate::code::method(self.code).is_some()
            || crate::code::is_response(self.code);
        let (mut registered, mut strange) = (0, 0);
        let sound = options(self.options).all(|opt| {
            let text = matches!(
                opt.number,
                option::URI_HOST | 8 | option::URI_PATH | option::URI_QUERY | 20 | 35 | 39
            );
            let Some((least, most)) = option::lengths(opt.number) else {
                strange += 1;
                return opt.number.is_multiple_of(2);
            };
            registered += 1;
            (least..=most).contains(&opt.value.len())
                && (!text || std::str::from_utf8(opt.value).is_ok())
        });
        known && sound && strange <= registered
    }
}

/// The header of a frame over TCP (RFC 8323, section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Code.
    pub code: u8,
    /// Bytes before the token.
    pub header: usize,
    /// Bytes of the token.
    pub token: usize,
    /// Bytes of the whole frame.
    pub length: u64,
}

/// Reads the header of a frame; `None` when bytes are missing.
///
/// # Errors
/// For a token of more than 8 bytes.
pub fn frame(bytes: &[u8]) -> Result<Option<Frame>, Fault> {
    let Some((&first, rest)) = bytes.split_first() else {
        return Ok(None);
    };
    let token = usize::from(first & 15);
    if token > 8 {
        return Err(Fault {
            offset: 0,
            expected: "a token of at most 8 bytes",
        });
    }
    let (extra, base) = match first >> 4 {
        13 => (1, 13),
        14 => (2, 269),
        15 => (4, 65_805),
        nibble => (0, u64::from(nibble)),
    };
    let (Some(length), Some(&code)) = (rest.get(..extra), rest.get(extra)) else {
        return Ok(None);
    };
    let body = base
        + length
            .iter()
            .fold(0, |sum, &byte| sum << 8 | u64::from(byte));
    let header = 2 + extra;
    Ok(Some(Frame {
        code,
        header,
        token,
        length: (header + token) as u64 + body,
    }))
}
