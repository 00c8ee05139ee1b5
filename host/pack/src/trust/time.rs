//! Which times a site remembers, and how one that was wrong is taken back.

use serde::{Deserialize, Serialize};

use super::root::expect_type;
use super::{Revocations, Root};
use crate::dsse::Envelope;
use crate::{Refusal, Time, canonical};

/// Type of its payload.
pub const TIME_RESET: &str = "application/vnd.palisade.time-reset.v1+json";
/// How many days beyond the expiry of a document a clock is still believed.
///
/// Until then a time is remembered, so that a document that has expired stays so when the clock
/// is set back. Later nothing is trusted anyway, and a clock that is wrong by months or years
/// must not outlast its correction.
pub const MARGIN_DAYS: u32 = 7;

/// Takes back the latest time that a site remembers, signed by the role `root`.
///
/// It holds for one site and once: it names the very time that is remembered there, and its
/// version must be higher than that of the last one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeReset {
    /// From 1, each later one has a higher one.
    pub version: u64,
    /// The time that the site remembers, as `palisade trust show` tells.
    pub from: Time,
    /// The time that it is to remember instead, which is earlier.
    pub to: Time,
}

impl TimeReset {
    /// Reads the payload of a reset, but no signature.
    ///
    /// # Errors
    /// When it is not canonical, or does not set the time back.
    pub fn read(envelope: &Envelope) -> Result<Self, Refusal> {
        expect_type(envelope, TIME_RESET, "time reset")?;
        let reset: Self = canonical::json("time reset", envelope.payload())?;
        if reset.to >= reset.from || reset.version == 0 {
            return Err(Refusal::Document {
                what: "time reset".into(),
                problem: "it must lead to an earlier time, and versions begin at 1".into(),
            });
        }
        Ok(reset)
    }

    /// An envelope without signatures around it.
    pub fn envelope(&self) -> Envelope {
        Envelope::new(TIME_RESET, canonical::write_json(self))
    }
}

/// The latest time that is remembered where these documents are installed: some days after the
/// first of them expires.
pub(crate) fn horizon(root: &Root, revocations: Option<&Revocations>) -> Time {
    let first = revocations.map_or(root.expires, |list| list.expires.min(root.expires));
    first.plus_days(MARGIN_DAYS)
}
