//! `palisade pack sign`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use palisade_pack::Time;
use palisade_pack::statement::{SIGNATURE_PREDICATE, Signed, Statement};

use super::open::{attest, open};
use crate::commands::store::Which;
use crate::context::Context;
use crate::exit::Exit;
use crate::signer::{SignerOptions, now, time};

/// Sign a pack: its signer answers for it
#[derive(Debug, Args)]
pub(crate) struct Sign {
    /// An archive or folder; the signature is added to it
    #[arg(value_name = "PACK")]
    pack: PathBuf,
    #[command(flatten)]
    signer: SignerOptions,
    /// Until when the signature counts: a time, or days from now [default: as long as the key]
    #[arg(long, value_name = "TIME", value_parser = time)]
    expires: Option<Time>,
    #[command(flatten)]
    which: Which,
}

impl Sign {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        if !self.pack.exists() {
            bail!(
                "there is no file or folder {}; name a pack that `palisade pack build` wrote",
                self.pack.display()
            );
        }
        let pack = open(context, &self.which, &self.pack.display().to_string())?;
        let signer = self.signer.open()?;
        let predicate = Signed {
            signed: now(),
            expires: self.expires,
        };
        let mut envelope = Statement::about(&pack, SIGNATURE_PREDICATE, predicate).envelope();
        if let Err(problem) = envelope.sign(signer.as_ref()) {
            bail!("sign {}: {problem}", self.pack.display());
        }
        let id = signer.public().id().clone();
        let name = format!("{}.signature.dsse.json", id.short());
        let digest = pack.digest();
        attest(&self.pack, pack, &name, &envelope.write())?;
        let mut out = context.output();
        out.line(&format!("{digest} signed by {id}"))?;
        out.finish()?;
        Ok(Exit::Done)
    }
}
