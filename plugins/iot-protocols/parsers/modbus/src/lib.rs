//! Parser of Modbus/TCP: one `device.message` for each message of either side.

pub mod functions;
pub mod pdu;
pub mod session;
