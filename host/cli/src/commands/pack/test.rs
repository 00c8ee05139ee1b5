//! `palisade pack test`: the vectors that come with a pack.

use anyhow::Result;
use clap::Args;

use super::examine::Examination;
use super::open::open;
use crate::commands::store::Which;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::warn;

/// Run the vectors that come with a pack
///
/// The same that `palisade pack certify` runs, at all sizes of batches and epochs. A plugin
/// without vectors is a failure. Exit code 1: something failed.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// An archive, a folder, or a pack of the store as vendor/name[@version]
    #[arg(value_name = "PACK")]
    pack: String,
    #[command(flatten)]
    which: Which,
}

impl Test {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let pack = open(context, &self.which, &self.pack)?;
        let check = Examination::new(&pack)?.vectors()?;
        if !check.passed {
            warn(&check.details);
            return Ok(Exit::Found);
        }
        let mut out = context.output();
        out.line(&format!("{} vectors pass", check.cases))?;
        out.finish()?;
        Ok(Exit::Done)
    }
}
