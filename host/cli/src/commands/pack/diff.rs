//! `palisade pack diff`.

use anyhow::Result;
use clap::Args;
use palisade_pack::Difference;

use serde::Serialize;

use super::behaviour::{Behaviour, BehaviourOptions};
use super::open::open;
use crate::commands::store::Which;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::Format;

/// Show what a new version of a pack changes
///
/// With --capture both versions also run over the same input, without being trusted for it, and
/// what they say is compared. A finding is the same if rule, subject and cited events are.
/// Exit code 1 when something differs.
#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The old version: an archive, a folder, or vendor/name[@version] of the store
    old: String,
    /// The new version, named the same way
    new: String,
    #[command(flatten)]
    behaviour: BehaviourOptions,
    #[command(flatten)]
    which: Which,
}

/// What differs, for a program.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    difference: &'a Difference,
    #[serde(skip_serializing_if = "Option::is_none")]
    behaviour: Option<&'a Behaviour>,
}

impl Diff {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let format = context.format;
        let old = open(context, &self.which, &self.old)?;
        let new = open(context, &self.which, &self.new)?;
        let difference = Difference::between(&old, &new);
        let progress = context.progress();
        progress.doing("running both versions");
        let behaviour = self.behaviour.compare(&old, &new)?;
        drop(progress);
        let mut out = context.output();
        if format == Format::Json {
            out.json(&Document {
                difference: &difference,
                behaviour: behaviour.as_ref(),
            })?;
        } else {
            out.line(&format!(
                "{} -> {}",
                old.manifest().full_title(),
                new.manifest().full_title()
            ))?;
            for change in &difference.changes {
                out.line(&change.to_string())?;
            }
            if difference.changes.is_empty() {
                out.line("nothing differs in what they are")?;
            }
            if let Some(behaviour) = &behaviour {
                behaviour.tell(&mut out)?;
            }
        }
        out.finish()?;
        let same = behaviour.is_none_or(|behaviour| behaviour.is_same());
        Ok(Exit::found(!difference.changes.is_empty() || !same))
    }
}
