//! Control packets of MQTT 3.1, 3.1.1 and 5.0.

use iot_wire::{Fault, Reader};

/// A fixed header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Packet type, 1 to 15.
    pub kind: u8,
    /// The four flags beside it.
    pub flags: u8,
    /// Bytes that follow the header.
    pub remaining: u32,
    /// Bytes of the header.
    pub length: usize,
}

/// Reads a fixed header; `None` when bytes are missing.
///
/// # Errors
/// For type 0 and for a length of more than four bytes.
pub fn header(bytes: &[u8]) -> Result<Option<Header>, Fault> {
    let Some((&first, rest)) = bytes.split_first() else {
        return Ok(None);
    };
    let kind = first >> 4;
    if kind == 0 {
        return Err(Fault {
            offset: 0,
            expected: "a packet type from 1 to 15",
        });
    }
    let mut remaining = 0_u32;
    for index in 0..4 {
        let Some(&byte) = rest.get(index) else {
            return Ok(None);
        };
        remaining |= u32::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some(Header {
                kind,
                flags: first & 15,
                remaining,
                length: index + 2,
            }));
        }
    }
    Err(Fault {
        offset: 1,
        expected: "a remaining length of at most four bytes",
    })
}

/// What a CONNECT says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Connect<'a> {
    /// Protocol level without the bit by which bridges mark themselves.
    pub level: u8,
    /// Whether a bridge between brokers connects.
    pub bridge: bool,
    /// Clean session, or clean start.
    pub clean: bool,
    /// Whether a user name follows.
    pub user: bool,
    /// Whether a password follows.
    pub password: bool,
    /// Seconds.
    pub keep_alive: u16,
    /// Client identifier; may be empty.
    pub client: &'a [u8],
    /// Topic of the will, if there is one.
    pub will: Option<&'a [u8]>,
}

/// What a control packet says; what its type does not have is `None` or zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Packet<'a> {
    /// For a CONNECT, all of it.
    pub connect: Option<Connect<'a>>,
    /// Packet identifier.
    pub id: Option<u16>,
    /// Topic of a PUBLISH, or the first filter of a SUBSCRIBE or UNSUBSCRIBE.
    pub topic: Option<&'a [u8]>,
    /// Topic alias (5.0).
    pub alias: Option<u16>,
    /// How many filters.
    pub filters: u32,
    /// Bytes of application message.
    pub payload: u32,
    /// Return or reason code: the worst of those that are there.
    pub code: Option<u8>,
    /// Session present, of a CONNACK.
    pub session_present: bool,
}

/// Reads the body of a packet. `level` is that of the connection (4 when unknown), and
/// `bytes` the body or, if it is longer than a window, its beginning (`whole` false):
/// then nothing is said to be missing.
///
/// # Errors
/// When the body contradicts its type; offsets count from the start of `bytes`.
pub fn read<'a>(
    header: &Header,
    level: u8,
    bytes: &'a [u8],
    whole: bool,
) -> Result<Packet<'a>, Fault> {
    let mut reader = Reader::new(bytes);
    let mut packet = Packet::default();
    flags(header, level)?;
    match body(header, level, &mut reader, &mut packet) {
        Err(_) if !whole && header.kind != 1 => {}
        Err(fault) => return Err(fault),
        Ok(()) => {}
    }
    if header.kind == 3 {
        packet.payload = header.remaining - reader.position() as u32;
    } else if whole && !reader.is_empty() {
        return Err(reader.fault("the end of the packet"));
    }
    Ok(packet)
}

fn flags(header: &Header, level: u8) -> Result<(), Fault> {
    let fits = match header.kind {
        3 => header.flags & 6 != 6,
        // 3.1 lets these be sent again with the DUP flag.
        6 | 8 | 10 => header.flags == 2 || (level == 3 && header.flags & 6 == 2),
        _ => header.flags == 0,
    };
    if fits {
        Ok(())
    } else {
        Err(Fault {
            offset: 0,
            expected: "the flags of the packet type",
        })
    }
}

fn body<'a>(
    header: &Header,
    level: u8,
    reader: &mut Reader<'a>,
    packet: &mut Packet<'a>,
) -> Result<(), Fault> {
    let five = level == 5;
    match header.kind {
        1 => packet.connect = Some(connect(reader)?),
        2 => {
            packet.session_present = reader.u8("acknowledge flags")? & 1 == 1;
            packet.code = Some(reader.u8("a return code")?);
            // A CONNACK may come without the CONNECT that told the level.
            if five || header.remaining > 2 {
                properties(reader)?;
            }
        }
        3 => {
            packet.topic = Some(string(reader, "a topic name")?);
            if header.flags & 6 != 0 {
                packet.id = Some(reader.u16("a packet identifier")?);
            }
            if five {
                packet.alias = properties(reader)?;
            }
        }
        4..=7 => {
            packet.id = Some(reader.u16("a packet identifier")?);
            reason(five, reader, packet)?;
        }
        8 | 10 => {
            packet.id = Some(reader.u16("a packet identifier")?);
            if five {
                properties(reader)?;
            }
            while !reader.is_empty() {
                let filter = string(reader, "a topic filter")?;
                if header.kind == 8 {
                    reader.u8("subscription options")?;
                }
                packet.topic.get_or_insert(filter);
                packet.filters += 1;
            }
            if packet.filters == 0 {
                return Err(reader.fault("a topic filter"));
            }
        }
        9 | 11 => {
            packet.id = Some(reader.u16("a packet identifier")?);
            if five {
                properties(reader)?;
            }
            packet.code = reader.rest().iter().max().copied();
            reader.take(reader.remaining(), "codes")?;
        }
        12 | 13 => {}
        14 | 15 => reason(five, reader, packet)?,
        _ => return Err(reader.fault("a packet type from 1 to 15")),
    }
    Ok(())
}

/// The reason code and properties that 5.0 allows at the end of short packets.
fn reason(five: bool, reader: &mut Reader<'_>, packet: &mut Packet<'_>) -> Result<(), Fault> {
    if five && !reader.is_empty() {
        packet.code = Some(reader.u8("a reason code")?);
        if !reader.is_empty() {
            properties(reader)?;
        }
    }
    Ok(())
}

fn connect<'a>(reader: &mut Reader<'a>) -> Result<Connect<'a>, Fault> {
    let name = string(reader, "a protocol name")?;
    let at = reader.position();
    let marked = reader.u8("a protocol level")?;
    let level = marked & 0x7f;
    if !matches!((name, level), (b"MQIsdp", 3) | (b"MQTT", 4 | 5)) {
        return Err(Fault {
            offset: at,
            expected: "MQIsdp level 3 or MQTT level 4 or 5",
        });
    }
    let flags = reader.u8("connect flags")?;
    let mut connect = Connect {
        level,
        bridge: marked & 0x80 != 0,
        clean: flags & 2 != 0,
        user: flags & 0x80 != 0,
        password: flags & 0x40 != 0,
        keep_alive: reader.u16("a keep alive")?,
        ..Connect::default()
    };
    if level == 5 {
        properties(reader)?;
    }
    connect.client = string(reader, "a client identifier")?;
    if flags & 4 != 0 {
        if level == 5 {
            properties(reader)?;
        }
        connect.will = Some(string(reader, "a will topic")?);
        string(reader, "a will message")?;
    }
    if connect.user {
        string(reader, "a user name")?;
    }
    if connect.password {
        string(reader, "a password")?;
    }
    Ok(connect)
}

fn string<'a>(reader: &mut Reader<'a>, what: &'static str) -> Result<&'a [u8], Fault> {
    let length = reader.u16(what)?;
    reader.take(usize::from(length), what)
}

fn variable(reader: &mut Reader<'_>) -> Result<u32, Fault> {
    let mut value = 0;
    for shift in [0, 7, 14, 21] {
        let byte = reader.u8("a variable byte integer")?;
        value |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(reader.fault("a variable byte integer of at most four bytes"))
}

/// Steps over properties (MQTT 5.0, section 2.2.2) and returns the topic alias.
fn properties(reader: &mut Reader<'_>) -> Result<Option<u16>, Fault> {
    let length = variable(reader)?;
    let at = reader.position();
    let mut inner = Reader::new(reader.take(length as usize, "properties")?);
    let mut alias = None;
    while !inner.is_empty() {
        property(&mut inner, &mut alias).map_err(|fault| fault.shifted(at))?;
    }
    Ok(alias)
}

fn property(reader: &mut Reader<'_>, alias: &mut Option<u16>) -> Result<(), Fault> {
    let unknown = reader.fault("a property of MQTT 5.0");
    match reader.u8("a property identifier")? {
        0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28..=0x2a => drop(reader.u8("a byte")?),
        0x13 | 0x21 | 0x22 => drop(reader.u16("two bytes")?),
        0x23 => *alias = Some(reader.u16("a topic alias")?),
        0x02 | 0x11 | 0x18 | 0x27 => drop(reader.u32("four bytes")?),
        0x0b => drop(variable(reader)?),
        0x03 | 0x08 | 0x09 | 0x12 | 0x15 | 0x16 | 0x1a | 0x1c | 0x1f => {
            string(reader, "text or bytes")?;
        }
        0x26 => {
            string(reader, "a name")?;
            string(reader, "a value")?;
        }
        _ => return Err(unknown),
    }
    Ok(())
}
