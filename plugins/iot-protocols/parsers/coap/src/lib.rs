//! Parser of CoAP over UDP (RFC 7252) and TCP (RFC 8323): one `device.message` for each
//! message; OSCORE (RFC 8613) and LwM2M registration are noticed.

pub mod code;
pub mod message;
pub mod session;
