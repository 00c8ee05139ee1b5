//! Parser of HTTP/1.x: one `network.http` for each request with its response.

pub mod head;
pub mod session;
pub mod target;
