//! `palisade plugin schema`.

use anyhow::Result;
use clap::Args;

use crate::context::Context;
use crate::exit::Exit;

/// Print the JSON Schema of plugin.toml, by which an editor completes and checks it
///
/// `palisade plugin new` puts it beside plugin.toml, whose first line names it. Write it anew with
/// `palisade plugin schema > plugin.schema.json` after an upgrade.
#[derive(Debug, Args)]
pub(crate) struct Schema {}

impl Schema {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let mut out = context.output();
        out.json(&palisade_runtime::manifest::schema())?;
        out.finish()?;
        Ok(Exit::Done)
    }
}
