//! `palisade pack save`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use palisade_events::counted;

use super::open::{Taken, open, write_archive};
use crate::commands::store::Which;
use crate::context::Context;
use crate::exit::Exit;

/// Write a pack with its attestations into one file, for a site without network
///
/// There, `palisade pack load FILE` takes it over, or `palisade pack install FILE` at once.
#[derive(Debug, Args)]
pub(crate) struct Save {
    /// vendor/name[@version] of the store, or a folder
    pack: String,
    /// The file
    file: PathBuf,
    #[command(flatten)]
    which: Which,
}

impl Save {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let pack = open(context, &self.which, &self.pack)?;
        write_archive(&self.file, &pack, Taken::Replace)?;
        let mut out = context.output();
        out.line(&format!(
            "{}  {} with {}",
            pack.digest(),
            self.file.display(),
            counted(pack.content().attestations().len(), "attestation")
        ))?;
        out.finish()?;
        Ok(Exit::Done)
    }
}
