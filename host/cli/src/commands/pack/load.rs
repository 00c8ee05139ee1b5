//! `palisade pack load`.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;
use palisade_events::counted;
use palisade_pack::stored;

use super::open::open;
use crate::commands::store::Which;
use crate::context::Context;
use crate::exit::Exit;

/// Take a pack that was saved into the store, with its signatures and certificates
///
/// It is delivered, and no more: `palisade pack verify NAME` judges it and `palisade pack install
/// NAME` lets it run. What is installed stays as it is.
#[derive(Debug, Args)]
pub(crate) struct Load {
    /// The file, as `palisade pack save` or `palisade pack pull` wrote it
    file: PathBuf,
    #[command(flatten)]
    which: Which,
}

impl Load {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        ensure!(
            self.file.exists(),
            "there is no file or folder {}; name a pack that `palisade pack build` wrote",
            self.file.display()
        );
        let pack = open(context, &self.which, &self.file.display().to_string())?;
        stored::deliver(&self.which.open(context)?, &pack)?;
        let title = pack.manifest().full_title();
        let mut out = context.output();
        out.line(&format!(
            "{}  {title} with {} is delivered; `palisade pack install {title}` lets it run",
            pack.digest(),
            counted(pack.content().attestations().len(), "attestation")
        ))?;
        out.finish()?;
        Ok(Exit::Done)
    }
}
