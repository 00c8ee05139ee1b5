//! One connection, over either transport.

use iot_wire::{Run, Step, Verdict};

use crate::{
    datagrams,
    handshake::{Handshake, Report},
    records,
};

/// The state of one connection; nothing but a flag once its handshake is over.
#[derive(Debug, Default)]
pub struct Session {
    open: Option<Box<Open>>,
    reported: bool,
}

#[derive(Debug, Default)]
struct Open {
    handshake: Handshake,
    records: [records::Half; 2],
    datagrams: [datagrams::Half; 2],
    ended: [bool; 2],
    /// It went to `emit` as refused.
    told: bool,
}

/// Judges the first bytes of a stream, or the first datagram.
#[must_use]
pub fn probe(run: &Run<'_>) -> Verdict {
    if run.stream {
        records::probe(run.bytes)
    } else {
        datagrams::probe(run.bytes)
    }
}

impl Session {
    /// Reads a run. The handshake goes to `emit` once, when both sides have finished,
    /// when one refuses, or when both directions end.
    ///
    /// What comes in clear in a datagram may be forged. One that makes no sense ends nothing,
    /// and a handshake that is refused there but comes to its end goes to `emit` again.
    pub fn feed(&mut self, run: &Run<'_>, emit: impl FnOnce(&Report<'_>)) -> Step {
        if self.reported {
            return Step::Done;
        }
        let open = self.open.get_or_insert_default();
        let side = run.side.index();
        let handshake = &mut open.handshake;
        let step = if run.stream {
            open.records[side].feed(run, handshake)
        } else {
            open.datagrams[side].feed(run.side, run.bytes, handshake)
        };
        open.ended[side] |= run.end;
        let broken = run.stream && matches!(step, Step::Error(_));
        let ended = broken || open.ended == [true; 2];
        let established = handshake.is_established();
        let refused = handshake.is_refused();
        if established || (!open.told && (refused || (ended && handshake.is_seen()))) {
            emit(&handshake.report(!run.stream));
            open.told = true;
        }
        if established || ended || (refused && run.stream) {
            self.reported = true;
            self.open = None;
        }
        step
    }
}
