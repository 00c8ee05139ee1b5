//! Parser of MQTT 3.1, 3.1.1 and 5.0: one `device.message` for each control packet.

pub mod names;
pub mod packet;
pub mod session;
