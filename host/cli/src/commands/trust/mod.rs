//! `palisade trust`: whom this site trusts, and for what.

mod edit;
mod show;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use palisade_pack::dsse::Envelope;
use palisade_pack::trust::{Trust, TrustDir};
use palisade_store::Digest;

use crate::context::Context;
use crate::exit::Exit;
use crate::places;
use crate::signer::{SignerOptions, now};

/// Which directory of trust documents.
#[derive(Debug, Clone, Args)]
pub(crate) struct WhichTrust {
    /// Directory of trust documents [default: in the user's data directory]
    #[arg(long, value_name = "DIR", env = "PALISADE_TRUST")]
    trust: Option<PathBuf>,
}

impl WhichTrust {
    /// Opens it, making it if need be.
    ///
    /// # Errors
    /// When it cannot be made or opened.
    pub(crate) fn open(&self, _: &Context) -> Result<TrustDir> {
        self.open_here()
    }

    /// The same where there is no context.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub(crate) fn open_here(&self) -> Result<TrustDir> {
        Ok(TrustDir::new(places::open_private(&self.path()?)?))
    }

    /// What is trusted, if trust was ever set up here; nothing is made.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub(crate) fn if_set_up(&self) -> Result<Option<Trust>> {
        let Ok(path) = self.path() else {
            return Ok(None);
        };
        let dir = match palisade_private::open_dir(&path) {
            Err(error) if error.is_absent() => return Ok(None),
            opened => opened.with_context(|| format!("use {}", path.display()))?,
        };
        let dir = TrustDir::new(dir);
        Ok(if dir.is_set_up()? {
            Some(load(&dir)?)
        } else {
            None
        })
    }

    fn path(&self) -> Result<PathBuf> {
        match &self.trust {
            Some(path) => Ok(path.clone()),
            None => Ok(places::Places::find()?.trust()),
        }
    }
}

/// What is trusted now, with a word to the operator when the clock cannot be right.
///
/// # Errors
/// When the directory cannot be read or written.
pub(crate) fn load(dir: &TrustDir) -> Result<Trust> {
    let trust = dir.load(now())?;
    if let Some(limit) = trust.clock_ahead_of {
        crate::output::warn(&format!(
            "the clock says {}, and the trust documents here hold until {limit} at the latest, \
             with the margin for late ones; this time is not remembered. Set the clock right, or \
             install the next documents",
            now()
        ));
    }
    Ok(trust)
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a root document, or its next version: which keys there are, and what each may do
    Root(edit::RootOptions),
    /// Write a revocation list, or its next version
    Revocations(edit::RevocationsOptions),
    /// Check a trust policy (trust.toml) and make a document of it
    Policy(edit::PolicyOptions),
    /// Write a document that takes back the latest time this site remembers
    ///
    /// For a site that ran with a clock that was ahead, so that its documents count as expired.
    /// The root keys sign it; it holds for this site and once.
    ResetTime(edit::ResetOptions),
    /// Sign a root document, revocation list, policy or time reset
    Sign {
        /// The document; the signature is added to it
        file: PathBuf,
        #[command(flatten)]
        signer: SignerOptions,
    },
    /// Verify a signed document and trust it from now on
    Install {
        /// The document
        file: PathBuf,
        /// Digest of the first root document, as its owner told it by another way
        #[arg(long, value_name = "DIGEST")]
        pin: Option<Digest>,
        #[command(flatten)]
        which: WhichTrust,
    },
    /// Show what is trusted here
    Show {
        #[command(flatten)]
        which: WhichTrust,
    },
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        match self {
            Self::Root(options) => options.run(context),
            Self::Revocations(options) => options.run(context),
            Self::Policy(options) => options.run(context),
            Self::ResetTime(options) => options.run(context),
            Self::Sign { file, signer } => {
                let mut envelope = read(&file)?;
                let signer = signer.open()?;
                envelope
                    .sign(signer.as_ref())
                    .map_err(|problem| anyhow::anyhow!("sign {}: {problem}", file.display()))?;
                write(&file, &envelope)?;
                say(context, &format!("signed by {}", signer.public().id()))
            }
            Self::Install { file, pin, which } => {
                let bytes = bytes(&file)?;
                let done = which
                    .open(context)?
                    .install(&bytes, now(), pin)
                    .with_context(|| format!("install {}", file.display()))?;
                say(
                    context,
                    &format!("{} version {}  {}", done.what, done.version, done.digest),
                )
            }
            Self::Show { which } => show::show(context, &which.open(context)?),
        }
    }
}

fn say(context: &Context, text: &str) -> Result<Exit> {
    let mut out = context.output();
    out.line(text)?;
    out.finish()?;
    Ok(Exit::Done)
}

fn bytes(path: &Path) -> Result<Vec<u8>> {
    let limit = palisade_pack::content::MAX_ATTESTATION_BYTES as u64;
    Ok(palisade_private::read(path, limit)?)
}

fn read(path: &Path) -> Result<Envelope> {
    let name = path.display().to_string();
    Ok(Envelope::read(&name, &bytes(path)?)?)
}

fn write(path: &Path, envelope: &Envelope) -> Result<()> {
    Ok(palisade_private::output::write(
        path,
        0o644,
        &envelope.write(),
    )?)
}
