//! Modbus/TCP as a stream: the MBAP header (Modbus Messaging on TCP/IP V1.0b, section
//! 3.1.3), who asks and who answers, and which answer belongs to which request.

use std::collections::VecDeque;

use iot_wire::{Fault, Run, Side, Step, Verdict};

use crate::{
    functions,
    pdu::{self, Fields, Role, Values},
};

/// Requests that a session remembers until they are answered; the oldest goes first.
pub const MAX_OUTSTANDING: usize = 64;

/// The header up to and including the unit identifier.
const HEADER: usize = 7;

/// One message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// Request or response.
    pub role: Role,
    /// Transaction identifier.
    pub transaction: u16,
    /// Unit identifier.
    pub unit: u8,
    /// Function code without the exception bit.
    pub function: u8,
    /// What it says. A response that was asked for has the request's address and
    /// quantity where it does not repeat them.
    pub fields: Fields<'a>,
    /// Why its data does not fit its function, with the offset in the run.
    pub fault: Option<Fault>,
}

#[derive(Debug, Clone, Copy)]
struct Pending {
    transaction: u16,
    unit: u8,
    function: u8,
    address: Option<u16>,
    quantity: Option<u16>,
}

/// The state of one connection, about 1 KiB at most.
#[derive(Debug, Default)]
pub struct Session {
    outstanding: VecDeque<Pending>,
    /// The opener answers and the other side asks: the capture began in mid-stream and
    /// took the server for the opener.
    swapped: bool,
    /// A message that fits one role only has told who asks.
    settled: bool,
    /// Per direction: bytes were lost, so a header is believed only if all of it fits.
    lost: [bool; 2],
}

struct Header {
    transaction: u16,
    length: usize,
    unit: u8,
    function: u8,
}

fn header(bytes: &[u8]) -> Result<Option<Header>, Fault> {
    let Some((&[t0, t1, p0, p1, l0, l1, unit, function], _)) = bytes.split_first_chunk::<8>()
    else {
        return Ok(None);
    };
    if (p0, p1) != (0, 0) {
        return Err(Fault {
            offset: 2,
            expected: "protocol identifier 0",
        });
    }
    let length = u16::from_be_bytes([l0, l1]);
    if !(2..=254).contains(&length) {
        return Err(Fault {
            offset: 4,
            expected: "a length from 2 to 254",
        });
    }
    Ok(Some(Header {
        transaction: u16::from_be_bytes([t0, t1]),
        length: usize::from(length),
        unit,
        function,
    }))
}

/// Judges the first bytes of a direction. A function that is not public is believed
/// only on port 502, where messages end with the run.
#[must_use]
pub fn probe(run: &Run<'_>) -> Verdict {
    let bytes = run.bytes;
    let header = match header(bytes) {
        Err(_) => return Verdict::No,
        Ok(Some(header)) => header,
        Ok(None) => {
            // Protocol identifier and high byte of the length, as far as they are there.
            let zero = bytes.iter().skip(2).take(3).all(|&byte| byte == 0);
            let length = bytes
                .get(5)
                .is_none_or(|&length| (2..=254).contains(&length));
            return if zero && length && !run.end {
                Verdict::More
            } else {
                Verdict::No
            };
        }
    };
    let role = if run.side == Side::ToServer {
        Role::Request
    } else {
        Role::Response
    };
    let public = functions::is_public(header.function & 0x7f);
    match bytes.get(HEADER + 1..HEADER - 1 + header.length) {
        Some(data) => {
            let fits = |role| pdu::decode(role, header.function, data).is_ok();
            let whole = bytes.len() == HEADER - 1 + header.length && run.port == 502;
            if (fits(role) || fits(role.other())) && (public || whole) {
                Verdict::Yes
            } else {
                Verdict::No
            }
        }
        None if run.end || !(public || run.port == 502) => Verdict::No,
        None => Verdict::More,
    }
}

impl Session {
    /// Reads the messages of a run and hands each to `emit`, with the offset at which
    /// it ends. A message whose data does not fit its function is handed over with its
    /// fault, since the next header is still where it should be.
    pub fn feed(&mut self, run: &Run<'_>, mut emit: impl FnMut(&Message<'_>)) -> Step {
        let lost = &mut self.lost[run.side.index()];
        *lost |= run.gap > 0;
        let mut lost = *lost;
        let mut at = 0;
        while let Some(rest) = run.bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let header = match header(rest) {
                Ok(Some(header)) => header,
                // What is cut off by the end of the stream says nothing.
                Ok(None) if run.end => break,
                Ok(None) => {
                    return Step::Incomplete {
                        consumed: at,
                        needed: 8 - rest.len(),
                    };
                }
                // A message may begin with the next run.
                Err(_) if lost => return Step::Done,
                Err(fault) => return Step::Error(fault.shifted(at)),
            };
            let size = HEADER - 1 + header.length;
            let Some(data) = rest.get(HEADER + 1..size) else {
                if run.end || !run.stream {
                    break;
                }
                return Step::Incomplete {
                    consumed: at,
                    needed: size - rest.len(),
                };
            };
            let (role, decoded) = self.decode(run.side, header.function, data);
            if lost && (decoded.is_err() || !functions::is_public(header.function & 0x7f)) {
                return Step::Done;
            }
            if lost {
                lost = false;
                self.lost[run.side.index()] = false;
            }
            let (mut fields, fault) = match decoded {
                Ok(fields) => (fields, None),
                Err(fault) => (Fields::default(), Some(fault.shifted(at + HEADER + 1))),
            };
            self.relate(role, &header, &mut fields);
            emit(&Message {
                role,
                transaction: header.transaction,
                unit: header.unit,
                function: header.function & 0x7f,
                fields,
                fault,
            });
            at += size;
        }
        Step::Done
    }

    /// Decodes in the role that the direction tells, unless nothing has proved that
    /// role yet and the data fits the other one only.
    fn decode<'a>(
        &mut self,
        side: Side,
        function: u8,
        data: &'a [u8],
    ) -> (Role, Result<Fields<'a>, Fault>) {
        let asks = (side == Side::ToServer) != self.swapped;
        let role = if asks { Role::Request } else { Role::Response };
        let decoded = pdu::decode(role, function, data);
        if self.settled || !functions::is_public(function & 0x7f) {
            return (role, decoded);
        }
        let other = pdu::decode(role.other(), function, data);
        match (&decoded, &other) {
            (Ok(_), Err(_)) => self.settled = true,
            (Err(_), Ok(_)) => {
                self.settled = true;
                self.swapped = !self.swapped;
                return (role.other(), other);
            }
            _ => {}
        }
        (role, decoded)
    }

    fn relate(&mut self, role: Role, header: &Header, fields: &mut Fields<'_>) {
        let function = header.function & 0x7f;
        if role == Role::Request {
            if self.outstanding.len() >= MAX_OUTSTANDING {
                self.outstanding.pop_front();
            }
            self.outstanding.push_back(Pending {
                transaction: header.transaction,
                unit: header.unit,
                function,
                address: fields.address,
                quantity: fields.quantity,
            });
            return;
        }
        let Some(place) = self.outstanding.iter().position(|pending| {
            pending.transaction == header.transaction
                && pending.unit == header.unit
                && pending.function == function
        }) else {
            return;
        };
        let Some(request) = self.outstanding.remove(place) else {
            return;
        };
        fields.address = fields.address.or(request.address);
        fields.quantity = fields.quantity.or(request.quantity);
        if let Values::Bits(_, count) = &mut fields.values {
            *count = request.quantity;
        }
    }
}
