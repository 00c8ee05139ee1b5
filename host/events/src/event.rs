//! An event on its own: envelope and body.

use std::sync::Arc;

use crate::digest::Digest;
use crate::scalar::Timestamp;
use crate::types::{Body, Kind, Tlp};

/// Where events come from. The host authenticates it; a batch has one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Source {
    /// Position among the sources of the run, at most [`MAX_SLOT`], so that event
    /// references stay below 2^52. No batch is made of a source with a higher one.
    pub slot: u16,
    /// The identity.
    pub name: String,
    /// Whose events they are.
    pub tenant: String,
}

/// Highest [`Source::slot`].
pub const MAX_SLOT: u16 = (1 << 12) - 1;
/// Highest sequence number.
pub const MAX_SEQ: u64 = (1 << 40) - 1;

impl Source {
    /// The reference of the event `seq` of this source: `slot << 40 | seq`.
    pub fn event_ref(&self, seq: u64) -> u64 {
        (u64::from(self.slot) << 40) | (seq & MAX_SEQ)
    }
}

/// What the host stamps on every event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Envelope {
    /// When it happened.
    pub time: Timestamp,
    /// When the host took it in.
    pub ingest_time: Timestamp,
    /// Source and tenant. After parsing what the producer claims, with slot 0.
    pub source: Arc<Source>,
    /// Number among the events of its source, without gaps.
    pub seq: u64,
    /// How far it may travel; absent: nobody said.
    pub tlp: Option<Tlp>,
    /// Handling marks that everything derived inherits, such as `embargo:V-24`.
    pub labels: Vec<String>,
    /// Ids of events that this one follows from.
    pub refs: Vec<String>,
}

/// An event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// What the host stamps.
    pub envelope: Envelope,
    /// What it says.
    pub body: Body,
}

impl Event {
    /// What a request is called: its id, if its kind has one, else its kind and time.
    pub fn request_name(&self) -> String {
        match &self.body {
            Body::ReportDisclosure(body) => body.request.clone(),
            Body::ReportPiRequest(body) => body.request.clone(),
            Body::ReportIntel(body) => body.notice.clone(),
            body => format!("{} at {}", body.kind().name(), self.envelope.time),
        }
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        self.body.kind()
    }
}

/// The id of an event: BLAKE3 over length-prefixed kind, source, time and body.
///
/// The input is `palisade event id 1` and a zero byte; then, each led by its length as
/// 8 bytes little-endian, the dotted name of the kind, the name of the source, the time
/// as 8 bytes little-endian, and the body as JSON with sorted names and no space.
/// Tenant, sequence number, time of intake, labels and references are not part of it.
pub fn event_id(source: &str, time: Timestamp, body: &Body) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"palisade event id 1\0");
    let json = crate::json::canonical_body(body);
    let time = time.0.to_le_bytes();
    for part in [
        body.kind().name().as_bytes(),
        source.as_bytes(),
        &time,
        &json,
    ] {
        hasher.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}
