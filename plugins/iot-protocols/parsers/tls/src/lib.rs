//! Parser of TLS (RFC 5246, RFC 8446) and DTLS (RFC 6347, RFC 9147) records: one
//! `network.tls` for each handshake.
//!
//! Only what is said in clear is read. In TLS 1.3 that is the two hellos; up to 1.2 it
//! includes certificates. After the handshake a session costs nothing more.

pub mod certificate;
pub mod datagrams;
pub mod handshake;
pub mod hello;
pub mod ja4;
pub mod records;
pub mod session;
