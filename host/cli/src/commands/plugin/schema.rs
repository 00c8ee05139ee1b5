//! `palisade plugin schema`.

use anyhow::Result;
use clap::Args;

use crate::context::Context;
use crate::exit::Exit;
use crate::output::Format;

/// Print the JSON Schema of plugin.toml, by which an editor completes and checks it
///
/// `palisade plugin new` puts it beside plugin.toml, whose first line names it. Write it anew with
/// `palisade plugin schema > plugin.schema.json` after an upgrade.
#[derive(Debug, Args)]
pub(crate) struct Schema {}

impl Schema {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        context.format("plugin schema", &[Format::Table, Format::Json])?;
        let mut out = context.output();
        out.json(&palisade_runtime::manifest::schema())?;
        out.finish()?;
        Ok(Exit::Done)
    }
}
