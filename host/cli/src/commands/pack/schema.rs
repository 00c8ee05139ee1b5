//! `palisade pack schema`.

use anyhow::Result;
use clap::Args;
use palisade_pack::PackSource;

use crate::context::Context;
use crate::exit::Exit;

/// Print the JSON Schema of an author's pack.toml, by which an editor completes and checks it
///
/// Write it beside pack.toml with `palisade pack schema > pack.schema.json`, and name it in the first
/// line there: `#:schema ./pack.schema.json`.
#[derive(Debug, Args)]
pub(crate) struct Schema {}

impl Schema {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let mut out = context.output();
        out.json(&PackSource::schema())?;
        out.finish()?;
        Ok(Exit::Done)
    }
}
