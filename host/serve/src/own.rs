//! Events that a server makes itself: `control.ops`, for plugins that are shown those.

use palisade_events::Kind;
use palisade_pipeline::engine::{Clock, Epoch, Generation, PluginKey};
use serde_json::json;

use crate::receipt::Receipt;
use crate::record::Rows;
use crate::snapshot::SourceImage;
use crate::stream::{Stream, StreamImage};

/// The name of the source of such events; no other has it.
pub(crate) const OWN: &str = "palisade";
/// Whose they are.
pub(crate) const OWN_TENANT: &str = "default";

/// What was done, to be told to plugins.
pub(crate) struct Op {
    op: &'static str,
    actor: String,
    role: &'static str,
    object: String,
    digest: Option<String>,
    reason: String,
}

impl Op {
    /// Something else runs.
    pub(crate) fn swapped(receipt: &Receipt) -> Op {
        Op {
            op: "pack-swap",
            actor: receipt.by.clone(),
            role: "staff",
            object: format!("generation {}", receipt.generation),
            digest: Some(receipt.to.clone()),
            reason: receipt.changes.join(", "),
        }
    }

    /// A plugin is shown nothing any more.
    pub(crate) fn quarantined(key: &PluginKey) -> Op {
        Op {
            op: "key-operation",
            actor: OWN.to_owned(),
            role: "platform",
            object: format!("plugin {}/{}", key.pack, key.name),
            digest: None,
            reason: "quarantined, since it faulted too often".to_owned(),
        }
    }

    /// An operator had something done.
    pub(crate) fn act(act: &str, by: &str, object: &str) -> Op {
        Op {
            op: "key-operation",
            actor: by.to_owned(),
            role: "staff",
            object: object.to_owned(),
            digest: None,
            reason: act.to_owned(),
        }
    }

    /// The event, as a line of JSON.
    fn line(&self, time: u64) -> Vec<u8> {
        let event = json!({
            "kind": Kind::ControlOps.name(),
            "time": time,
            "op": self.op,
            "actor": self.actor,
            "actor_role": self.role,
            "object": self.object,
            "object_digest": self.digest,
            "outcome": "success",
            "reason": self.reason,
            "grounds": [],
        });
        format!("{event}\n").into_bytes()
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
    pub(crate) stream: StreamImage,
}

impl Own {
    /// As a snapshot has it before anything was said.
    pub(crate) fn image(&self) -> SourceImage {
        SourceImage {
            name: OWN.to_owned(),
            tenant: OWN_TENANT.to_owned(),
            resume: None,
            read: Vec::new(),
            stream: self.stream.image(),
        }
    }

    /// An epoch with this event; `None`: no plugin is shown such.
    pub(crate) fn epoch(&mut self, op: &Op, generation: &Generation) -> Option<OwnEpoch> {
        if !generation.is_shown(Kind::ControlOps) {
            return None;
        }
        let now = Clock::System.now().unwrap_or_default();
        let bytes = op.line(now);
        let tape = &self.stream.tape;
        tape.begin();
        tape.give(&bytes);
        tape.end();
        // It was written above, and is what can be read.
        self.stream.begin(OWN).ok()?;
        let mut epoch = self.stream.epoch(now).whole();
        self.stream.fill(&mut epoch, now);
        let rows = Rows {
            source: self.number,
            begins: Some(OWN.to_owned()),
            bytes,
            ended: true,
            place: None,
        };
        Some(OwnEpoch {
            epoch,
            now,
            rows,
            stream: self.stream.image(),
        })
    }
}
