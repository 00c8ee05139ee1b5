//! `palisade key`: keys for signing packs and trust documents.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Subcommand;
use palisade_pack::{PrivateKey, PublicKey};
use palisade_private::output::write_new;
use serde_json::json;
use zeroize::Zeroizing;

use crate::context::Context;
use crate::exit::Exit;
use crate::output::Format;
use crate::signer::{PassphraseOptions, public};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a key: FILE, encrypted and readable by you only, and its public half FILE.pub
    ///
    /// Both are standard: PKCS#8 encrypted with scrypt and AES-256, and a public key as PEM.
    New {
        /// Where the key goes; it must not be there yet
        file: PathBuf,
        #[command(flatten)]
        passphrase: PassphraseOptions,
    },
    /// Show the id of a public key
    Show {
        /// FILE.pub
        file: PathBuf,
    },
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        match self {
            Self::New { file, passphrase } => {
                let mut name = file.clone().into_os_string();
                name.push(".pub");
                let name = PathBuf::from(name);
                // Both or none, and nobody is asked for a passphrase in vain.
                for path in [&file, &name] {
                    ensure!(
                        path.symlink_metadata().is_err(),
                        "{} is there already, and a key is never overwritten; choose another name",
                        path.display()
                    );
                }
                let passphrase = passphrase.get(&file, true)?;
                let mut seed = Zeroizing::new([0; 32]);
                getrandom::fill(seed.as_mut_slice())
                    .map_err(|e| anyhow::anyhow!("the system gives no random numbers: {e}"))?;
                let key = PrivateKey::from_seed(&seed)?;
                write_new(&file, 0o600, key.to_file(&passphrase)?.as_bytes())?;
                let public = palisade_pack::Sign::public(&key);
                write_new(&name, 0o644, public.to_pem().as_bytes())?;
                show(context, public)
            }
            Self::Show { file } => show(context, &public(&file)?),
        }
    }
}

fn show(context: &Context, key: &PublicKey) -> Result<Exit> {
    let format = context.format;
    let mut out = context.output();
    if format == Format::Json {
        out.json(&json!({ "id": key.id(), "public": hex(key.as_bytes()) }))?;
    } else {
        out.line(&key.id().to_string())?;
    }
    out.finish()?;
    Ok(Exit::Done)
}

pub(crate) fn hex(bytes: &[u8; 32]) -> String {
    palisade_store::Digest(*bytes).to_string()
}
