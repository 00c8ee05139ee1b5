//! What is tried with a record that cannot be read as it stands: its sound objects are sought
//! among what stands around them, text that is no text is mended, wrappers of shippers are
//! taken away, and other names of fields are given their own.
//!
//! Only records that were not understood come here. All of it is bounded by the size of the
//! record: each step looks at each byte a fixed number of times.

mod header;
pub(super) mod names;
mod pieces;
mod repair;
#[cfg(test)]
mod tests;
mod wrappers;

use std::borrow::Cow;
use std::ops::Range;

use names::Sensor;
use pieces::{Piece, Pieces};
use serde::de::IgnoredAny;

use super::fault::{Fault, Stop};
use super::keys::Keys;
use super::recognise::path_of_name;
use super::records;
use super::sink::SinkError;

/// How deep wrappers may lie in one another.
const MAX_WRAPPERS: u8 = 4;

/// An object that may be a record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate<'t> {
    pub(super) text: &'t str,
    /// The log that its wrapper says it is of.
    pub(super) path: Option<&'t str>,
}

/// What takes candidates; a fault of the record says that it is none, or a bad one.
pub(super) type Take<'t> = dyn FnMut(Candidate<'_>) -> Result<(), Stop> + 't;

/// What became of the parts of a record.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Objects that were taken.
    pub(super) taken: usize,
    /// Where parts lie that are records and cannot be read, and why.
    pub(super) bad: Vec<(Range<usize>, Fault)>,
    /// Whether something had to be replaced or left out to read those that were taken.
    pub(super) mended: bool,
    /// Why what lies in a wrapper, or has its own names again, was not taken: it says more
    /// than what was found to be wrong with the record as it stands.
    pub(super) telling: Option<Fault>,
}

/// Offers the objects in `record` to `take`, each in the forms that it might have.
///
/// # Errors
/// When nothing can be taken any more.
pub(super) fn recover(
    record: &[u8],
    sensors: &[Sensor],
    take: &mut Take<'_>,
) -> Result<Found, SinkError> {
    let mut search = Search {
        sensors,
        take,
        depth: 0,
    };
    search.bytes(record, None)
}

/// Whether an object is no JSON.
fn is_broken(fault: &Fault, object: &[u8]) -> bool {
    let unsaid = matches!(fault, Fault::Event(_));
    fault.is_syntax() || unsaid && serde_json::from_slice::<IgnoredAny>(object).is_err()
}

struct Search<'s, 't> {
    sensors: &'s [Sensor],
    take: &'s mut Take<'t>,
    depth: u8,
}

impl Search<'_, '_> {
    /// Objects among anything.
    fn bytes(&mut self, record: &[u8], path: Option<&str>) -> Result<Found, SinkError> {
        let mut found = Found::default();
        let begin = match header::read(record) {
            Some(header::Message::Object(begin)) => begin,
            // Somebody else's message. What it quotes is no record.
            Some(header::Message::Other) => return Ok(found),
            None => 0,
        };
        let mut pieces = Pieces::new(record, begin);
        while let Some(piece) = pieces.next() {
            let at = match piece {
                Piece::Object(at) => at,
                Piece::Torn(at) => {
                    found.bad.push((at, Fault::Record(records::Fault::Torn)));
                    continue;
                }
                Piece::Junk => {
                    found.mended = true;
                    continue;
                }
            };
            let object = record.get(at.clone()).unwrap_or_default();
            match self.object(object, path, &mut found)? {
                Ok(taken) => found.taken += taken,
                Err(fault) if is_broken(&fault, object) && pieces.tear(at.start) => {}
                Err(fault) => found.bad.push((at, fault)),
            }
        }
        Ok(found)
    }

    /// One object, in all its forms. How many were taken of it, or why none was.
    fn object(
        &mut self,
        object: &[u8],
        path: Option<&str>,
        found: &mut Found,
    ) -> Result<Result<usize, Fault>, SinkError> {
        let text = String::from_utf8_lossy(object);
        let mut mended = matches!(text, Cow::Owned(_));
        let fault = match self.offer(&text, path)? {
            Ok(()) => {
                found.mended |= mended;
                return Ok(Ok(1));
            }
            Err(fault) => fault,
        };
        let text = match repair::surrogates(&text) {
            Some(repaired) => {
                mended = true;
                if self.offer(&repaired, path)?.is_ok() {
                    found.mended = true;
                    return Ok(Ok(1));
                }
                Cow::Owned(repaired)
            }
            None => text,
        };
        if serde_json::from_str::<IgnoredAny>(&text).is_err() {
            return Ok(Err(fault));
        }
        let mut telling = None;
        // Where the object is a record itself, texts in it come from the traffic, and whoever
        // made the traffic must not write records with them.
        if !Keys::of(text.as_bytes()).is_record() && self.depth < MAX_WRAPPERS {
            let wrapped = wrappers::open(&text);
            let named = wrapped.path.as_deref().and_then(path_of_name);
            for inner in &wrapped.inner {
                self.depth += 1;
                let within = self.bytes(inner, named.as_deref().or(path));
                self.depth -= 1;
                let within = within?;
                if within.taken > 0 {
                    found.mended |= mended | within.mended;
                    // They lie in a text, and so at no place of the record.
                    let bad = within.bad.into_iter();
                    found.bad.extend(bad.map(|(_, fault)| (0..0, fault)));
                    return Ok(Ok(within.taken));
                }
                let inner = within.bad.into_iter().map(|(_, fault)| fault).next();
                telling = within.telling.or(inner).or(telling);
            }
        }
        for sensor in self.sensors {
            let Some(renamed) = names::rename(*sensor, &text) else {
                continue;
            };
            match self.offer(&renamed.text, renamed.path.as_deref().or(path))? {
                Ok(()) => {
                    found.mended |= mended;
                    return Ok(Ok(1));
                }
                Err(other) => telling = Some(other),
            }
        }
        found.telling.clone_from(&telling);
        Ok(Err(telling.unwrap_or(fault)))
    }

    /// Offers a candidate. A fault is that of the record; all else ends the search.
    fn offer(&mut self, text: &str, path: Option<&str>) -> Result<Result<(), Fault>, SinkError> {
        match (self.take)(Candidate { text, path }) {
            Ok(()) => Ok(Ok(())),
            Err(Stop::Bad(fault)) => Ok(Err(fault)),
            Err(Stop::Fatal(error)) => Err(error),
        }
    }
}
