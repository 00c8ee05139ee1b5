//! Keys that stay elsewhere: behind a program, or in a PKCS#11 token.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use palisade_pack::{PublicKey, Sign};
use zeroize::Zeroizing;

/// A key behind a program.
pub(super) struct Program {
    pub(super) command: String,
    pub(super) public: PublicKey,
}

impl Sign for Program {
    fn public(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], String> {
        let run = || -> std::io::Result<std::process::Output> {
            let mut child = Command::new("/bin/sh")
                .args(["-c", &self.command])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()?;
            if let Some(mut stdin) = child.stdin.take() {
                // A program that does not read to the end says so by its exit code.
                let _ = stdin.write_all(message);
            }
            child.wait_with_output()
        };
        let output = run().map_err(|e| format!("cannot run `{}`: {e}", self.command))?;
        if !output.status.success() {
            return Err(format!("`{}` failed: {}", self.command, output.status));
        }
        signature(output.stdout, &format!("`{}`", self.command))
    }
}

/// What must be a signature.
fn signature(bytes: Vec<u8>, from: &str) -> Result<[u8; 64], String> {
    let found = bytes.len();
    bytes
        .try_into()
        .map_err(|_| format!("{from} wrote {found} bytes; a signature has exactly 64"))
}

/// A key in a token, opened and logged in.
pub(super) struct Token {
    session: Session,
    private: ObjectHandle,
    public: PublicKey,
}

impl Token {
    /// Finds the token that holds this public key, logs in there, and finds the private key
    /// that belongs to it. Only that one token sees the PIN.
    ///
    /// # Errors
    /// When the module cannot be loaded, no token holds the key, or the PIN is wrong.
    pub(super) fn open(
        module: &Path,
        public: PublicKey,
        pin: impl FnOnce(&Path) -> Result<Zeroizing<String>>,
    ) -> Result<Token> {
        let place = || format!("use the PKCS#11 module {}", module.display());
        let pkcs11 = Pkcs11::new(module).with_context(place)?;
        pkcs11
            .initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))
            .with_context(place)?;
        let Some((session, id)) = find(&pkcs11, &public).with_context(place)? else {
            bail!(
                "no token of {} has the public key {}; see `pkcs11-tool --list-objects`",
                module.display(),
                public.id().short()
            );
        };
        let pin = AuthPin::from(pin(module)?.as_str());
        session
            .login(UserType::User, Some(&pin))
            .context("log in to the token; too many wrong PINs lock it")?;
        let private = session
            .find_objects(&[
                Attribute::Class(ObjectClass::PRIVATE_KEY),
                Attribute::Id(id),
            ])
            .with_context(place)?;
        let [private] = private.as_slice() else {
            bail!(
                "the token has {} private keys with the id of public key {}, not one",
                private.len(),
                public.id().short()
            );
        };
        Ok(Token {
            private: *private,
            session,
            public,
        })
    }
}

/// A session with the token that holds this public key, and the key's id there.
fn find(
    pkcs11: &Pkcs11,
    public: &PublicKey,
) -> cryptoki::error::Result<Option<(Session, Vec<u8>)>> {
    // Tokens give the point bare, or as DER: an octet string of 32 bytes.
    let bare = public.as_bytes().to_vec();
    let der = [&[0x04, 0x20][..], &bare].concat();
    for slot in pkcs11.get_slots_with_initialized_token()? {
        let session = pkcs11.open_ro_session(slot)?;
        let keys = session.find_objects(&[Attribute::Class(ObjectClass::PUBLIC_KEY)])?;
        for key in keys {
            let wanted = [AttributeType::EcPoint, AttributeType::Id];
            let (mut point, mut id) = (None, None);
            for attribute in session.get_attributes(key, &wanted)? {
                match attribute {
                    Attribute::EcPoint(bytes) => point = Some(bytes),
                    Attribute::Id(bytes) => id = Some(bytes),
                    _ => {}
                }
            }
            if let Some(id) = id
                && point.is_some_and(|point| point == bare || point == der)
            {
                return Ok(Some((session, id)));
            }
        }
    }
    Ok(None)
}

impl Sign for Token {
    fn public(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], String> {
        let mechanism = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure));
        let made = self.session.sign(&mechanism, self.private, message);
        let made = made.map_err(|e| format!("the token does not sign: {e}"))?;
        signature(made, "the token")
    }
}
