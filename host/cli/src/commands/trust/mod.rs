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
    /// Directory of trust documents [default: .palisade/trust or the user's data directory]
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
        if !self.path().is_ok_and(|path| path.is_dir()) {
            return Ok(None);
        }
        let dir = self.open_here()?;
        Ok(if dir.is_set_up()? {
            Some(dir.load(now())?)
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

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a root document, or its next version: which keys there are, and what each may do
    Root(edit::RootOptions),
    /// Write a revocation list, or its next version
    Revocations(edit::RevocationsOptions),
    /// Check a trust policy (trust.toml) and make a document of it
    Policy(edit::PolicyOptions),
    /// Sign a root document, revocation list or policy
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
    use std::io::Read as _;
    let file = std::fs::File::open(path).with_context(|| format!("open {}", path.display()))?;
    let mut bytes = Vec::new();
    file.take(palisade_pack::content::MAX_ATTESTATION_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("read {}", path.display()))?;
    Ok(bytes)
}

fn read(path: &Path) -> Result<Envelope> {
    let name = path.display().to_string();
    Ok(Envelope::read(&name, &bytes(path)?)?)
}

fn write(path: &Path, envelope: &Envelope) -> Result<()> {
    std::fs::write(path, envelope.write()).with_context(|| format!("write {}", path.display()))
}
