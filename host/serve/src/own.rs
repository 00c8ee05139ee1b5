//! Events that a server makes itself: `control.ops`, for plugins that are shown those.

use palisade_events::json::EventJson;
use palisade_events::{
    ActorRole, Body, ControlOps, Envelope, Event, Kind, OpKind, Outcome, Timestamp,
};
use palisade_pipeline::engine::{Clock, Epoch, Generation, PluginKey};
use palisade_sinks::LetterRow;

use crate::captures::Gap;
use crate::receipt::Receipt;
use crate::record::Rows;
use crate::server::ServeError;
use crate::snapshot::SourceImage;
use crate::stream::{Stream, StreamImage};

/// The name of the source of such events; no other has it.
pub(crate) const OWN: &str = "palisade";
/// Whose they are.
pub(crate) const OWN_TENANT: &str = "default";

/// What was done, to be told to plugins.
pub(crate) struct Op(ControlOps);

impl Op {
    fn of(op: OpKind, (actor, role): (&str, ActorRole), object: String, reason: String) -> Op {
        Op(ControlOps {
            op,
            actor: actor.to_owned(),
            actor_role: role,
            object,
            outcome: Outcome::Success,
            reason: Some(reason),
            ..ControlOps::default()
        })
    }

    /// Something else runs.
    pub(crate) fn swapped(receipt: &Receipt) -> Op {
        let by = (&*receipt.by, ActorRole::Staff);
        let object = format!("generation {}", receipt.generation);
        let mut op = Op::of(OpKind::PackSwap, by, object, receipt.changes.join(", "));
        op.0.object_digest = Some(receipt.to.clone());
        op
    }

    /// A plugin is shown nothing any more.
    pub(crate) fn quarantined(key: &PluginKey) -> Op {
        let object = format!("plugin {}/{}", key.pack, key.name);
        let reason = "quarantined, since it faulted too often".to_owned();
        let by = (OWN, ActorRole::Platform);
        Op::of(OpKind::KeyOperation, by, object, reason)
    }

    /// Something of a source is missing, which no plugin can have seen.
    pub(crate) fn gap(gap: &Gap) -> Op {
        let Gap {
            source,
            tenant,
            cause,
            count,
        } = gap;
        let object = format!("source {source}");
        let reason = format!("{cause}: {count} more of tenant {tenant}");
        let mut op = Op::of(OpKind::AuditGap, (OWN, ActorRole::Platform), object, reason);
        op.0.outcome = Outcome::Failure;
        op
    }

    /// An operator had something done.
    pub(crate) fn act(act: &str, by: &str, object: &str) -> Op {
        let by = (by, ActorRole::Staff);
        Op::of(OpKind::KeyOperation, by, object.to_owned(), act.to_owned())
    }

    /// The event, as a line of JSON.
    fn line(&self, time: u64) -> Result<Vec<u8>, serde_json::Error> {
        let event = Event {
            envelope: Envelope {
                time: Timestamp(time),
                ..Envelope::default()
            },
            body: Body::ControlOps(self.0.clone()),
        };
        let event = EventJson {
            event: &event,
            id: None,
        };
        let mut line = serde_json::to_vec(&event)?;
        line.push(b'\n');
        Ok(line)
    }
}

/// The source of a server's own events.
pub(crate) struct Own {
    /// Its number among the sources of the journal.
    pub(crate) number: u32,
    pub(crate) stream: Stream,
}

/// An epoch of it.
pub(crate) struct OwnEpoch {
    pub(crate) epoch: Epoch,
    pub(crate) now: u64,
    pub(crate) rows: Rows,
    pub(crate) letters: (Vec<LetterRow>, u64),
    pub(crate) stream: StreamImage,
}

impl Own {
    /// As a snapshot has it before anything was said.
    pub(crate) fn image(&self) -> SourceImage {
        SourceImage {
            capture: None,
            name: OWN.to_owned(),
            tenant: OWN_TENANT.to_owned(),
            resume: None,
            read: Vec::new(),
            seen: Default::default(),
            stream: self.stream.image(),
        }
    }

    /// An epoch with this event; `None`: no plugin is shown such.
    ///
    /// # Errors
    /// When the event cannot be written or read, which is a defect.
    pub(crate) fn epoch(
        &mut self,
        op: &Op,
        generation: &Generation,
    ) -> Result<Option<OwnEpoch>, ServeError> {
        if !generation.is_shown(Kind::ControlOps) {
            return Ok(None);
        }
        let now = Clock::System.now().unwrap_or_default();
        let bytes = op.line(now)?;
        let tape = &self.stream.tape;
        tape.begin();
        tape.give(&bytes);
        tape.end();
        let begun = self.stream.begin(OWN);
        begun.map_err(|error| ServeError::Stream {
            name: OWN.to_owned(),
            problem: error.to_string(),
        })?;
        let mut epoch = self.stream.epoch(now).whole();
        let filling = self.stream.fill(&mut epoch, now);
        let rows = Rows {
            source: self.number,
            begins: Some(OWN.to_owned()),
            bytes,
            ended: true,
            place: None,
            delivered: None,
        };
        Ok(Some(OwnEpoch {
            epoch,
            now,
            rows,
            letters: (filling.letters, filling.dropped),
            stream: self.stream.image(),
        }))
    }
}
