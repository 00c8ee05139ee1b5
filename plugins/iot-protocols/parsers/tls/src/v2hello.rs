//! The hello of SSL 2.0 by which old clients offer SSL 3.0 and TLS (RFC 5246, appendix E.2).

use iot_wire::{Fault, Reader, Verdict};

use crate::hello::{ClientHello, Offer};

/// What a hello needs at least: its header, one suite and a challenge of 16 bytes.
const LEAST: usize = 9 + 3 + 16;

/// Whether bytes begin with such a hello.
#[must_use]
pub fn probe(bytes: &[u8]) -> Verdict {
    let at = |index: usize, fits: fn(u8) -> bool| bytes.get(index).is_none_or(|&byte| fits(byte));
    let begins = at(0, |high| high & 0x80 != 0)
        && at(2, |kind| kind == 1)
        && at(3, |major| major == 3)
        && at(4, |minor| minor <= 4);
    let lengths = [5, 7, 9].map(|index| {
        let pair = bytes.get(index..index + 2)?;
        Some(usize::from(u16::from_be_bytes(pair.try_into().ok()?)))
    });
    match (begins, length(bytes), lengths) {
        (false, ..) => Verdict::No,
        (true, Some(length), [Some(ciphers), Some(session), Some(challenge)]) => {
            let adds_up = 9 + ciphers + session + challenge == length;
            let fits = ciphers > 0 && ciphers % 3 == 0 && matches!(session, 0 | 16 | 32);
            if adds_up && fits && (16..=32).contains(&challenge) {
                Verdict::Yes
            } else {
                Verdict::No
            }
        }
        (true, Some(length), _) if length < LEAST => Verdict::No,
        (true, ..) => Verdict::More,
    }
}

/// How many bytes follow the two of the length, if those are there.
#[must_use]
pub fn length(bytes: &[u8]) -> Option<usize> {
    let (&[high, low], _) = bytes.split_first_chunk::<2>()?;
    Some(usize::from(u16::from_be_bytes([high & 0x7f, low])))
}

/// Reads a whole hello, with its length.
///
/// # Errors
/// When its parts do not add up.
pub fn read(bytes: &[u8]) -> Result<ClientHello, Fault> {
    let mut reader = Reader::new(bytes);
    reader.take(3, "a length and a type")?;
    let version = reader.u16("a client version")?;
    let ciphers = reader.u16("the length of the suites")?;
    reader.take(4, "the lengths of session and challenge")?;
    let suites = reader.take(usize::from(ciphers), "cipher suites")?;
    // Those of SSL 2.0 itself do not begin with 0.
    let known = |suite: &[u8]| match *suite {
        [0, high, low] => Some(u16::from_be_bytes([high, low])),
        _ => None,
    };
    Ok(ClientHello {
        version,
        offer: Offer {
            ciphers: suites.chunks_exact(3).filter_map(known).collect(),
            ..Offer::default()
        },
        ..ClientHello::default()
    })
}
