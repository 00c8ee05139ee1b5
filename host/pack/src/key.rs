//! Keys: Ed25519, known by the digest of their public half.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePublicKey as _, EncodePublicKey as _};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The shortest passphrase, in characters.
pub const MIN_PASSPHRASE: usize = 12;

/// Whatever makes signatures of one key: a key file, or a program that talks to a token.
pub trait Sign {
    /// The public half.
    fn public(&self) -> &PublicKey;

    /// Signs a message with Ed25519 (RFC 8032, not pre-hashed).
    ///
    /// # Errors
    /// When there is no signature, in words.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], String>;
}

/// The identity of a key: BLAKE3 of the public key under a context of its own, so that it is
/// the digest of nothing else. Text: 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId(String);

impl KeyId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Enough of it to tell keys apart in a message.
    pub fn short(&self) -> &str {
        self.0.get(..16).unwrap_or(&self.0)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        id.0
    }
}

impl TryFrom<String> for KeyId {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, KeyError> {
        text.parse()
    }
}

impl FromStr for KeyId {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let digits = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if text.len() == 64 && digits {
            Ok(Self(text.to_owned()))
        } else {
            Err(KeyError::Id)
        }
    }
}

/// Why a key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not a key id.
    #[error("a key id has 64 lower-case hexadecimal digits; copy the whole id")]
    Id,
    /// Not a public key, or one of those for which anything is a signature.
    #[error("this is no Ed25519 public key: {0}")]
    Public(String),
    /// Not a key file.
    #[error("this is no encrypted key file (PKCS#8 as PEM, `ENCRYPTED PRIVATE KEY`): {0}")]
    File(String),
    /// Another passphrase.
    #[error(
        "the passphrase does not open the key file, or the file was changed; write the right one into \
         the file of --passphrase-file or into PALISADE_PASSPHRASE; where nobody knows it any more, \
         make another key with `palisade key new`, and let the root document name that"
    )]
    Passphrase,
    /// A passphrase that is soon guessed.
    #[error("the passphrase has fewer than {MIN_PASSPHRASE} characters; choose a longer one")]
    ShortPassphrase,
    /// No randomness.
    #[error("the system gives no random numbers: {0}")]
    Random(String),
}

/// A public key with its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    id: KeyId,
    key: VerifyingKey,
}

impl PublicKey {
    /// From 32 bytes (RFC 8032).
    ///
    /// # Errors
    /// When they are no point of the curve, or one of small order.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|e| KeyError::Public(e.to_string()))?;
        Self::new(key)
    }

    /// From PEM (`PUBLIC KEY`, RFC 8410).
    ///
    /// # Errors
    /// When it is no such key.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_public_key_pem(text);
        Self::new(key.map_err(|e| KeyError::Public(e.to_string()))?)
    }

    fn new(key: VerifyingKey) -> Result<Self, KeyError> {
        if key.is_weak() {
            return Err(KeyError::Public(
                "it has small order, so anything is signed by it".into(),
            ));
        }
        let id = blake3::derive_key("Palisade Ed25519 key id v1", key.as_bytes());
        Ok(Self {
            id: KeyId(hex::encode(id)),
            key,
        })
    }

    /// Its id.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// Its 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// As PEM, which `openssl` reads.
    pub fn to_pem(&self) -> String {
        self.key
            .to_public_key_pem(LineEnding::LF)
            .unwrap_or_default()
    }

    /// Whether a signature fits, by the strict rules: one message and key have no second
    /// form of a signature.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.key
            .verify_strict(message, &Signature::from_bytes(signature))
            .is_ok()
    }
}

/// A private key in memory; wiped when dropped.
pub struct PrivateKey {
    key: SigningKey,
    public: PublicKey,
}

impl PrivateKey {
    /// A new key from the system's randomness, given as 32 bytes.
    ///
    /// # Errors
    /// With a negligible chance, when the seed gives a key that is refused.
    pub fn from_seed(seed: &Zeroizing<[u8; 32]>) -> Result<Self, KeyError> {
        let key = SigningKey::from_bytes(seed);
        let public = PublicKey::new(key.verifying_key())?;
        Ok(Self { key, public })
    }

    /// The key file: PKCS#8, encrypted with scrypt and AES-256 in CBC mode (PBES2, RFC 8018),
    /// as PEM.
    ///
    /// # Errors
    /// When the passphrase is too short or there is no randomness.
    pub fn to_file(&self, passphrase: &str) -> Result<Zeroizing<String>, KeyError> {
        if passphrase.chars().count() < MIN_PASSPHRASE {
            return Err(KeyError::ShortPassphrase);
        }
        let seed = Zeroizing::new(self.key.to_bytes());
        // RFC 8410: the private key is an OCTET STRING in the OCTET STRING.
        let mut inner = Zeroizing::new(vec![0x04, 0x20]);
        inner.extend_from_slice(seed.as_slice());
        let failed = |e: &dyn fmt::Display| KeyError::Random(e.to_string());
        let octets = pkcs8::der::asn1::OctetStringRef::new(&inner).map_err(|e| failed(&e))?;
        let info = PrivateKeyInfoRef::new(ed25519_dalek::pkcs8::ALGORITHM_ID, octets);
        let document = info
            .encrypt(passphrase.as_bytes())
            .map_err(|e| failed(&e))?;
        document
            .to_pem("ENCRYPTED PRIVATE KEY", LineEnding::LF)
            .map_err(|e| failed(&e))
    }

    /// Opens a key file.
    ///
    /// # Errors
    /// When it is none, holds another kind of key, or the passphrase is another.
    pub fn from_file(text: &str, passphrase: &str) -> Result<Self, KeyError> {
        let file = |e: &dyn fmt::Display| KeyError::File(e.to_string());
        let (label, document) = pkcs8::SecretDocument::from_pem(text).map_err(|e| file(&e))?;
        if label != "ENCRYPTED PRIVATE KEY" {
            return Err(KeyError::File(format!("it is a `{label}`")));
        }
        let encrypted = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes());
        let encrypted = encrypted.map_err(|e| file(&e))?;
        let opened = encrypted
            .decrypt(passphrase.as_bytes())
            .map_err(|_| KeyError::Passphrase)?;
        let key = SigningKey::try_from(
            PrivateKeyInfoRef::try_from(opened.as_bytes()).map_err(|_| KeyError::Passphrase)?,
        )
        .map_err(|e| file(&e))?;
        let public = PublicKey::new(key.verifying_key())?;
        Ok(Self { key, public })
    }
}

impl Sign for PrivateKey {
    fn public(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], String> {
        Ok(self.key.sign(message).to_bytes())
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PrivateKey").field(&self.public.id).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8) -> PrivateKey {
        PrivateKey::from_seed(&Zeroizing::new([n; 32])).unwrap()
    }

    #[test]
    fn a_key_file_opens_with_its_passphrase_only() {
        let key = key(1);
        let file = key.to_file("correct horse battery").unwrap();
        assert!(file.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
        let again = PrivateKey::from_file(&file, "correct horse battery").unwrap();
        assert_eq!(again.public(), key.public());
        assert_eq!(
            PrivateKey::from_file(&file, "incorrect horse").unwrap_err(),
            KeyError::Passphrase
        );
        assert!(matches!(
            PrivateKey::from_file("x", "y"),
            Err(KeyError::File(_))
        ));
        assert_eq!(key.to_file("short").unwrap_err(), KeyError::ShortPassphrase);
    }

    #[test]
    fn ids_are_of_the_key_and_weak_keys_are_refused() {
        assert_ne!(key(1).public().id(), key(2).public().id());
        let again = PublicKey::from_pem(&key(1).public().to_pem()).unwrap();
        assert_eq!(again.id(), key(1).public().id());
        let mut identity = [0; 32];
        identity[0] = 1;
        assert!(matches!(
            PublicKey::from_bytes(&identity),
            Err(KeyError::Public(_))
        ));
    }

    #[test]
    fn rfc_8032_test_1_comes_out() {
        let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_to_slice(seed, bytes.as_mut_slice()).unwrap();
        let key = PrivateKey::from_seed(&bytes).unwrap();
        assert_eq!(
            hex::encode(key.sign(b"").unwrap()),
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        );
    }
}
