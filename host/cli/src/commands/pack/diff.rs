//! `palisade pack diff`.

use anyhow::Result;
use clap::Args;
use palisade_pack::Difference;

use super::open::open;
use crate::commands::store::Which;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::Format;

/// Show what a new version of a pack changes
///
/// Exit code 1 when something differs.
#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// An archive, a folder, or vendor/name[@version] of the store
    old: String,
    /// The same for the new version
    new: String,
    #[command(flatten)]
    which: Which,
}

impl Diff {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let format = context.format("pack diff", &[Format::Table, Format::Json])?;
        let old = open(context, &self.which, &self.old)?;
        let new = open(context, &self.which, &self.new)?;
        let difference = Difference::between(&old, &new);
        let mut out = context.output();
        if format == Format::Json {
            out.json(&difference)?;
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
                out.line("nothing differs")?;
            }
        }
        out.finish()?;
        Ok(Exit::found(!difference.changes.is_empty()))
    }
}
