//! What a parser declares.

use super::check::{bounded, kind, name, named};
use crate::manifest::raw::RawParser;
use crate::manifest::{ManifestError, ParserSpec, Signature, TRANSPORTS, host_only};

/// The largest offset of a signature in the first chunk.
pub(in crate::manifest) const MAX_OFFSET: usize = 1024;

pub(super) fn parser(raw: RawParser) -> Result<ParserSpec, ManifestError> {
    let emits = raw
        .emits
        .iter()
        .map(|name| match kind("parser.emits", name)? {
            kind if host_only(kind) => Err(ManifestError::value(
                "parser.emits",
                format!("`{name}` comes from the host alone"),
            )),
            kind => Ok(kind),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let transports = named("parser.transports", &raw.transports, &TRANSPORTS)?;
    if emits.is_empty() || transports.is_empty() {
        return Err(ManifestError::value(
            "parser",
            "`emits` and `transports` need an entry each",
        ));
    }
    bounded("parser.signatures", raw.signatures.len())?;
    let signatures = raw
        .signatures
        .into_iter()
        .map(|s| match hex::decode(s.hex.replace(' ', "")) {
            Ok(bytes) if (1..=64).contains(&bytes.len()) && s.offset <= MAX_OFFSET => Ok(Signature {
                offset: s.offset,
                bytes,
            }),
            _ => Err(ManifestError::value(
                "parser.signatures",
                format!(
                    "`{}` at {}: write 1 to 64 bytes as hexadecimal, at an offset of at most {MAX_OFFSET}",
                    s.hex, s.offset
                ),
            )),
        })
        .collect::<Result<_, _>>()?;
    name("parser.protocol", &raw.protocol)?;
    Ok(ParserSpec {
        protocol: raw.protocol,
        encrypted: raw.encrypted,
        emits,
        transports,
        ports: raw.ports,
        signatures,
    })
}
