//! `palisade pack install`.

use anyhow::{Context as _, Result};
use clap::Args;
use palisade_pack::stored;

use super::open::open_to_install;
use super::verify::tell;
use crate::commands::store::Which;
use crate::commands::trust::{WhichTrust, load};
use crate::context::Context;
use crate::exit::Exit;
use crate::output::Format;

/// Verify a pack and put it into the store as the version that runs
///
/// An older version than was ever here, and capabilities that the installed version does not
/// have, need to be asked for.
#[derive(Debug, Args)]
pub(crate) struct Install {
    /// An archive, a folder, or vendor/name[@version] of the store, such as `pack load` left it
    pack: String,
    /// Accept capabilities that the installed version does not have
    #[arg(long)]
    accept: bool,
    /// Go back to this version, which is older than one that was here
    #[arg(long, value_name = "VERSION")]
    allow_rollback: Option<String>,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    trust: WhichTrust,
}

impl Install {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let format = context.format;
        let pack = open_to_install(context, &self.which, &self.pack)?;
        let trust = self.trust.open(context)?;
        let report = palisade_pack::verify(&pack, &load(&trust)?);
        // Whether it runs is known once it is in.
        if report.trusted {
            // A store that cannot be opened is found out before anything is remembered.
            let store = self.which.open(context)?;
            trust
                .install_pack::<anyhow::Error>(
                    &pack,
                    self.accept,
                    self.allow_rollback.as_deref(),
                    || Ok(stored::put(&store, &pack)?),
                )
                .with_context(|| format!("install {}", pack.manifest().full_title()))?;
        }
        let mut out = context.output();
        if format == Format::Json {
            out.json(&report)?;
        } else {
            tell(&mut out, &report)?;
            if report.trusted {
                out.line(&format!("installed {}", pack.digest()))?;
            }
        }
        out.finish()?;
        Ok(Exit::found(!report.trusted))
    }
}
