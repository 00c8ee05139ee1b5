//! Where signatures come from: a key file with its passphrase, a program, or a token.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use palisade_pack::{PrivateKey, PublicKey, Sign, Time};
use zeroize::Zeroizing;

use crate::token::{Program, Token};

/// The largest file of a key or passphrase.
const MAX_KEY_BYTES: u64 = 64 << 10;

/// Options of every command that signs.
#[derive(Debug, Clone, Args)]
pub(crate) struct SignerOptions {
    /// The key file to sign with
    #[arg(long, value_name = "FILE", required_unless_present_any = ["key_command", "pkcs11"])]
    key: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseOptions,
    /// A shell command that signs: the message on stdin, 64 bytes of Ed25519 signature on stdout
    #[arg(
        long,
        value_name = "COMMAND",
        conflicts_with = "key",
        requires = "public"
    )]
    key_command: Option<String>,
    /// A PKCS#11 module, whose token has the private key of --public; the passphrase is its PIN
    #[arg(
        long,
        value_name = "MODULE",
        conflicts_with_all = ["key", "key_command"],
        requires = "public"
    )]
    pkcs11: Option<PathBuf>,
    /// The public key of --key-command or --pkcs11, as PEM
    #[arg(long, value_name = "FILE")]
    public: Option<PathBuf>,
}

/// Where the passphrase of a key file comes from.
#[derive(Debug, Clone, Args)]
pub(crate) struct PassphraseOptions {
    /// A file whose first line is the passphrase [default: PALISADE_PASSPHRASE, or ask]
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl PassphraseOptions {
    /// The passphrase; `twice` asks a person for it twice.
    ///
    /// # Errors
    /// When there is none and nobody to ask.
    pub(crate) fn get(&self, key: &Path, twice: bool) -> Result<Zeroizing<String>> {
        if let Some(path) = &self.passphrase_file {
            let text = Zeroizing::new(text(path)?);
            let first = text.lines().next().unwrap_or_default();
            return Ok(Zeroizing::new(first.to_owned()));
        }
        if let Ok(text) = std::env::var("PALISADE_PASSPHRASE") {
            return Ok(Zeroizing::new(text));
        }
        ensure!(
            std::io::stdin().is_terminal(),
            "there is no passphrase for {}: give --passphrase-file, or set PALISADE_PASSPHRASE",
            key.display()
        );
        let ask = |prompt: &str| -> Result<_> {
            Ok(Zeroizing::new(
                rpassword::prompt_password(prompt).context("read the passphrase")?,
            ))
        };
        let first = ask(&format!("Passphrase for {}: ", key.display()))?;
        if twice {
            ensure!(
                *ask("The same again: ")? == *first,
                "the two passphrases differ"
            );
        }
        Ok(first)
    }
}

impl SignerOptions {
    /// What signs.
    ///
    /// # Errors
    /// When the key file or the token cannot be opened.
    pub(crate) fn open(&self) -> Result<Box<dyn Sign>> {
        match (&self.key, &self.key_command, &self.pkcs11, &self.public) {
            (Some(path), _, _, _) => {
                let text = Zeroizing::new(text(path)?);
                let passphrase = self.passphrase.get(path, false)?;
                let key = PrivateKey::from_file(&text, &passphrase).with_context(|| {
                    let hint = match text.contains("BEGIN PUBLIC KEY") {
                        true => " (only the private key signs; its file has no .pub at the end)",
                        false => "",
                    };
                    format!("open {}{hint}", path.display())
                })?;
                Ok(Box::new(key))
            }
            (None, Some(command), _, Some(path)) => Ok(Box::new(Program {
                command: command.clone(),
                public: public(path)?,
            })),
            (None, None, Some(module), Some(path)) => {
                let pin = |module: &Path| self.passphrase.get(module, false);
                Ok(Box::new(Token::open(module, public(path)?, pin)?))
            }
            _ => bail!("give --key, or --key-command or --pkcs11 with --public"),
        }
    }
}

/// Reads a public key as PEM.
///
/// # Errors
/// When the file cannot be read or is none.
pub(crate) fn public(path: &Path) -> Result<PublicKey> {
    let text = Zeroizing::new(text(path)?);
    PublicKey::from_pem(&text).with_context(|| {
        let hint = match text.contains("PRIVATE KEY") {
            true => " (it is a private key; its public half is in a file with .pub at the end)",
            false => "",
        };
        format!("read {}{hint}", path.display())
    })
}

fn text(path: &Path) -> Result<String> {
    let bytes = crate::named::read(path, MAX_KEY_BYTES)?;
    let text = String::from_utf8(bytes)
        .ok()
        .with_context(|| format!("read {}: it is not text in UTF-8", path.display()))?;
    // Of an editor of Windows.
    Ok(match text.strip_prefix('\u{feff}') {
        Some(text) => text.to_owned(),
        None => text,
    })
}

/// What the clock says.
pub(crate) fn now() -> Time {
    Time::from_seconds(jiff::Timestamp::now().as_second())
}

/// A time to come as an option has it: `2027-01-01T00:00:00Z`, or `365d` from now.
pub(crate) fn time(text: &str) -> Result<Time, String> {
    let days = text
        .strip_suffix('d')
        .and_then(|days| days.parse::<u32>().ok());
    let time: Time = match days {
        Some(days) => now().plus_days(days),
        None => text.parse().map_err(|_| {
            format!(
                "`{text}` is no time; write 2027-01-01T00:00:00Z, or 365d for as many days from now"
            )
        })?,
    };
    if time <= now() {
        return Err(format!("{time} is over; write a time to come"));
    }
    Ok(time)
}
