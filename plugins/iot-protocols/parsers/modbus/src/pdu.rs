//! The protocol data unit: what follows the function code, for every public function
//! of the Modbus Application Protocol V1.1b3, section 6.

use iot_wire::{Fault, Reader};

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The client (master) asks.
    Request,
    /// The server (slave) answers.
    Response,
}

impl Role {
    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Request => Self::Response,
            Self::Response => Self::Request,
        }
    }
}

/// The data that a message carries, still as it came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Values<'a> {
    /// None.
    #[default]
    None,
    /// Coils or inputs, the first in the lowest bit; how many are meant, if known.
    Bits(&'a [u8], Option<u16>),
    /// Registers, two bytes each.
    Registers(&'a [u8]),
    /// One coil or register.
    One(u16),
}

impl Values<'_> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match *self {
            Self::None => 0,
            Self::Bits(bytes, count) => count.map_or(bytes.len() * 8, |count| {
                usize::from(count).min(bytes.len() * 8)
            }),
            Self::Registers(bytes) => bytes.len() / 2,
            Self::One(_) => 1,
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends the first `limit` as decimal numbers with commas.
    pub fn write(&self, limit: usize, out: &mut String) {
        match *self {
            Self::None => {}
            Self::Bits(bytes, _) => {
                for index in 0..self.len().min(limit) {
                    if index > 0 {
                        out.push(',');
                    }
                    let byte = bytes.get(index / 8).copied().unwrap_or(0);
                    out.push(if byte >> (index % 8) & 1 == 1 {
                        '1'
                    } else {
                        '0'
                    });
                }
            }
            Self::Registers(bytes) => {
                for (index, pair) in bytes.chunks_exact(2).take(limit).enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    if let Ok(pair) = pair.try_into() {
                        decimal(u16::from_be_bytes(pair), out);
                    }
                }
            }
            Self::One(value) if limit > 0 => decimal(value, out),
            Self::One(_) => {}
        }
    }
}

/// `write!` costs several times as much, and a poll of 100 registers comes often.
fn decimal(value: u16, out: &mut String) {
    let mut started = false;
    for unit in [10_000, 1_000, 100, 10, 1] {
        let digit = (value / unit % 10) as u8;
        started |= digit > 0 || unit == 1;
        if started {
            out.push(char::from(b'0' + digit));
        }
    }
}

/// What a message says, field by field; what its function does not have is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fields<'a> {
    /// First coil, input or register; for function 23 the first one read.
    pub address: Option<u16>,
    /// How many; for function 23 how many are read.
    pub quantity: Option<u16>,
    /// First register written by function 23.
    pub write_address: Option<u16>,
    /// How many registers function 23 writes.
    pub write_quantity: Option<u16>,
    /// The values read or written.
    pub values: Values<'a>,
    /// Sub-function of diagnostics.
    pub subfunction: Option<u16>,
    /// AND mask of function 22.
    pub and_mask: Option<u16>,
    /// OR mask of function 22.
    pub or_mask: Option<u16>,
    /// Type of the encapsulated interface: 13 CANopen, 14 device identification.
    pub mei: Option<u8>,
    /// File number of the first record of functions 20 and 21.
    pub file: Option<u16>,
    /// How many records functions 20 and 21 name.
    pub records: Option<u16>,
    /// Exception code of a response.
    pub exception: Option<u8>,
}

/// Reads the data of function `code` (exception bit included). A function that is not
/// public has no fields and any data.
///
/// # Errors
/// When the data is shorter or longer than the function demands; offsets count from
/// the start of `data`.
pub fn decode(role: Role, code: u8, data: &[u8]) -> Result<Fields<'_>, Fault> {
    let mut reader = Reader::new(data);
    let mut fields = Fields::default();
    if code & 0x80 != 0 {
        if role == Role::Request {
            return Err(Fault {
                offset: 0,
                expected: "a function code below 128 in a request",
            });
        }
        fields.exception = Some(reader.u8("an exception code")?);
    } else {
        match role {
            Role::Request => request(code, &mut reader, &mut fields)?,
            Role::Response => response(code, &mut reader, &mut fields)?,
        }
    }
    if reader.is_empty() {
        Ok(fields)
    } else {
        Err(reader.fault("the end of the message"))
    }
}

fn request<'a>(code: u8, reader: &mut Reader<'a>, fields: &mut Fields<'a>) -> Result<(), Fault> {
    match code {
        1..=4 => {
            fields.address = Some(reader.u16("a starting address")?);
            fields.quantity = Some(reader.u16("a quantity")?);
        }
        5 | 6 => single_write(code, reader, fields)?,
        15 | 16 => {
            fields.address = Some(reader.u16("a starting address")?);
            let quantity = reader.u16("a quantity")?;
            fields.quantity = Some(quantity);
            fields.values = written(code, quantity, reader)?;
        }
        20 => {
            let groups = reader.u8("a byte count")?;
            if groups % 7 != 0 {
                return Err(Fault {
                    offset: 0,
                    expected: "a byte count that 7 divides",
                });
            }
            let groups = reader.take(usize::from(groups), "sub-requests of 7 bytes")?;
            for (index, group) in groups.chunks_exact(7).enumerate() {
                let mut group = Reader::new(group);
                let at = 1 + index * 7;
                record(&mut group, fields, index).map_err(|fault| fault.shifted(at))?;
            }
            fields.records = Some(groups.len() as u16 / 7);
        }
        21 => file_write(reader, fields)?,
        22 => mask(reader, fields)?,
        23 => {
            fields.address = Some(reader.u16("a starting address to read")?);
            fields.quantity = Some(reader.u16("a quantity to read")?);
            fields.write_address = Some(reader.u16("a starting address to write")?);
            let quantity = reader.u16("a quantity to write")?;
            fields.write_quantity = Some(quantity);
            fields.values = written(code, quantity, reader)?;
        }
        24 => fields.address = Some(reader.u16("a FIFO pointer address")?),
        _ => either(code, reader, fields)?,
    }
    Ok(())
}

fn response<'a>(code: u8, reader: &mut Reader<'a>, fields: &mut Fields<'a>) -> Result<(), Fault> {
    match code {
        1 | 2 => fields.values = Values::Bits(counted(reader)?, None),
        3 | 4 | 23 => {
            let registers = counted(reader)?;
            if registers.len() % 2 != 0 {
                return Err(Fault {
                    offset: 0,
                    expected: "an even byte count",
                });
            }
            fields.values = Values::Registers(registers);
        }
        5 | 6 => single_write(code, reader, fields)?,
        7 => fields.values = Values::Bits(reader.take(1, "an exception status")?, None),
        11 => {
            reader.u16("a status word")?;
            reader.u16("an event count")?;
        }
        12 | 17 => drop(counted(reader)?),
        15 | 16 => {
            fields.address = Some(reader.u16("a starting address")?);
            fields.quantity = Some(reader.u16("a quantity")?);
        }
        20 => {
            let mut groups = Reader::new(counted(reader)?);
            let mut records = 0;
            while !groups.is_empty() {
                let length = groups
                    .u8("a file response length")
                    .map_err(|f| f.shifted(1))?;
                groups
                    .take(usize::from(length), "a file response of that length")
                    .map_err(|fault| fault.shifted(1))?;
                records += 1;
            }
            fields.records = Some(records);
        }
        21 => file_write(reader, fields)?,
        22 => mask(reader, fields)?,
        24 => {
            let length = reader.u16("a byte count")?;
            let mut queue = Reader::new(reader.take(usize::from(length), "a FIFO queue")?);
            fields.quantity = Some(
                queue
                    .u16("a FIFO count")
                    .map_err(|fault| fault.shifted(2))?,
            );
            fields.values = Values::Registers(queue.rest());
        }
        _ => either(code, reader, fields)?,
    }
    Ok(())
}

/// Functions whose requests and responses look alike, and those without a shape.
fn either<'a>(code: u8, reader: &mut Reader<'a>, fields: &mut Fields<'a>) -> Result<(), Fault> {
    match code {
        7 | 11 | 12 | 17 => {}
        8 => {
            fields.subfunction = Some(reader.u16("a sub-function")?);
            reader.take(reader.remaining(), "diagnostic data")?;
        }
        43 => {
            fields.mei = Some(reader.u8("an interface type")?);
            reader.take(reader.remaining(), "interface data")?;
        }
        _ => drop(reader.take(reader.remaining(), "data")?),
    }
    Ok(())
}

fn single_write(code: u8, reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Result<(), Fault> {
    fields.address = Some(reader.u16("an address")?);
    let value = reader.u16("a value")?;
    fields.values = Values::One(if code == 5 && value == 0xff00 {
        1
    } else {
        value
    });
    fields.quantity = Some(1);
    Ok(())
}

fn mask(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Result<(), Fault> {
    fields.address = Some(reader.u16("a reference address")?);
    fields.quantity = Some(1);
    fields.and_mask = Some(reader.u16("an AND mask")?);
    fields.or_mask = Some(reader.u16("an OR mask")?);
    Ok(())
}

fn counted<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Fault> {
    let count = reader.u8("a byte count")?;
    reader.take(usize::from(count), "as many bytes as the byte count says")
}

fn written<'a>(code: u8, quantity: u16, reader: &mut Reader<'a>) -> Result<Values<'a>, Fault> {
    let at = reader.position();
    let bytes = counted(reader)?;
    let expected = if code == 15 {
        usize::from(quantity).div_ceil(8)
    } else {
        usize::from(quantity) * 2
    };
    if bytes.len() != expected {
        return Err(Fault {
            offset: at,
            expected: "a byte count that agrees with the quantity",
        });
    }
    Ok(if code == 15 {
        Values::Bits(bytes, Some(quantity))
    } else {
        Values::Registers(bytes)
    })
}

/// One file sub-request; returns how many registers it names.
fn record(group: &mut Reader<'_>, fields: &mut Fields<'_>, index: usize) -> Result<u16, Fault> {
    let at = group.position();
    if group.u8("a reference type")? != 6 {
        return Err(Fault {
            offset: at,
            expected: "reference type 6",
        });
    }
    let file = group.u16("a file number")?;
    let number = group.u16("a record number")?;
    let length = group.u16("a record length")?;
    if index == 0 {
        fields.file = Some(file);
        fields.address = Some(number);
        fields.quantity = Some(length);
    }
    Ok(length)
}

fn file_write(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Result<(), Fault> {
    let mut groups = Reader::new(counted(reader)?);
    let mut records = 0;
    while !groups.is_empty() {
        let length = record(&mut groups, fields, usize::from(records)).map_err(|f| f.shifted(1))?;
        groups
            .take(usize::from(length) * 2, "record data of that length")
            .map_err(|fault| fault.shifted(1))?;
        records += 1;
    }
    fields.records = Some(records);
    Ok(())
}
