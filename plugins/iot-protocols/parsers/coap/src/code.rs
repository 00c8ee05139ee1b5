//! Request methods, response codes and signals.

/// Name of a method (RFC 7252, RFC 8132); `None` for what is not registered.
#[must_use]
pub fn method(code: u8) -> Option<&'static str> {
    Some(match code {
        1 => "get",
        2 => "post",
        3 => "put",
        4 => "delete",
        5 => "fetch",
        6 => "patch",
        7 => "ipatch",
        _ => return None,
    })
}

/// Name of a signalling code (RFC 8323, section 5).
#[must_use]
pub fn signal(code: u8) -> Option<&'static str> {
    Some(match code {
        0xe1 => "csm",
        0xe2 => "ping",
        0xe3 => "pong",
        0xe4 => "release",
        0xe5 => "abort",
        _ => return None,
    })
}

/// Whether the registry of CoAP codes lists the code as a response.
#[must_use]
pub fn is_response(code: u8) -> bool {
    let (class, detail) = (code >> 5, code & 31);
    match class {
        2 => matches!(detail, 1..=5 | 31),
        4 => matches!(detail, 0..=6 | 8 | 9 | 12 | 13 | 15 | 22 | 29),
        5 => matches!(detail, 0..=5 | 8),
        _ => false,
    }
}

/// The code as people write it, such as `2.05`.
#[must_use]
pub fn dotted(code: u8) -> [u8; 4] {
    let (class, detail) = (code >> 5, code & 31);
    [b'0' + class, b'.', b'0' + detail / 10, b'0' + detail % 10]
}
