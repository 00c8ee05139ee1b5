//! The connection to registries.

use std::collections::BTreeMap;
use std::time::Duration;

use oci_client::errors::OciDistributionError;
use oci_client::manifest::{OciDescriptor, OciImageManifest};
use sha2::{Digest as _, Sha256};

use crate::artifact::{Descriptor, Manifest};
use crate::fetch::Fetch;
use crate::reference::is_sha256;
use crate::{Reference, RegistryError};

/// How long a registry may take to let itself be connected to, and to send the next bytes.
pub(crate) const CONNECT: Duration = Duration::from_secs(10);
pub(crate) const READ: Duration = Duration::from_secs(60);

/// What a registry is told about who asks.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Credentials {
    /// Nothing.
    #[default]
    Anonymous,
    /// A name and its password.
    Password {
        /// Name.
        user: String,
        /// Password.
        password: String,
    },
    /// A token that the registry itself takes.
    Token(String),
    /// A token that is given for others where the registry says that tokens are (OAuth 2.0
    /// refresh token).
    Identity(String),
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Credentials::Anonymous => "Anonymous",
            Credentials::Password { .. } => "Password(…)",
            Credentials::Token(_) => "Token(…)",
            Credentials::Identity(_) => "Identity(…)",
        })
    }
}

/// How much is accepted from a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a manifest or of a list of referrers (OCI Distribution demands 4 MiB of
    /// registries).
    pub manifest: u64,
    /// Layers of an artifact.
    pub layers: usize,
    /// Referrers of an artifact.
    pub referrers: usize,
    /// How often an interrupted transfer is taken up again.
    pub retries: u32,
    /// How long a whole small answer may take, and how long a blob may take to begin.
    pub answer: Duration,
    /// Bytes of a blob that must come in every minute.
    pub pace: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            manifest: 4 << 20,
            layers: 64,
            referrers: 256,
            retries: 4,
            answer: Duration::from_secs(60),
            pace: 256 << 10,
        }
    }
}

/// How far a transfer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// Digest of the blob.
    pub digest: &'a str,
    /// Bytes so far; those of an earlier, interrupted transfer count.
    pub done: u64,
    /// Bytes in all.
    pub total: u64,
}

/// One registry, as one user of it. Calls need a tokio runtime with I/O and time.
pub struct Registry {
    pub(crate) fetch: Fetch,
    pub(crate) limits: Limits,
    host: String,
}

impl Registry {
    /// Prepares the connection to the registry of `reference`; nothing is sent yet. HTTP
    /// without TLS is used with this machine, and with others only if `plain_http` says so.
    /// `roots` are certificates (PEM) that are trusted besides the system's.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(
        reference: &Reference,
        credentials: Credentials,
        plain_http: bool,
        roots: Vec<Vec<u8>>,
        limits: Limits,
    ) -> Result<Registry, RegistryError> {
        // The second of two calls is refused because the first one was taken: just as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let host = reference.registry().to_owned();
        let plain = plain_http || reference.is_loopback();
        let fetch = Fetch::new(
            reference.inner().resolve_registry(),
            plain,
            credentials,
            &roots,
            limits,
        )?;
        Ok(Registry {
            fetch,
            limits,
            host,
        })
    }

    /// Host and port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Wraps an answer of the registry.
    pub(crate) fn failed(
        &self,
        what: impl Into<String>,
    ) -> impl FnOnce(OciDistributionError) -> RegistryError {
        let (what, registry) = (what.into(), self.host.clone());
        move |source| RegistryError::Registry {
            what,
            registry,
            source: Box::new(source),
        }
    }

    /// The manifest in these bytes, which have been compared with `digest`.
    pub(crate) fn manifest(&self, digest: String, bytes: &[u8]) -> Result<Manifest, RegistryError> {
        let what = format!("manifest {digest}");
        let wrong = |problem: String| RegistryError::Manifest {
            what: what.clone(),
            registry: self.host.clone(),
            problem,
        };
        let manifest: OciImageManifest =
            serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))?;
        if manifest.layers.len() > self.limits.layers {
            return Err(RegistryError::TooMany {
                what,
                registry: self.host.clone(),
                count: manifest.layers.len(),
                limit: self.limits.layers,
            });
        }
        let descriptor = |d: &OciDescriptor| descriptor(d).map_err(&wrong);
        Ok(Manifest {
            size: bytes.len() as u64,
            artifact_type: manifest
                .artifact_type
                .unwrap_or_else(|| manifest.config.media_type.clone()),
            config: descriptor(&manifest.config)?,
            layers: manifest
                .layers
                .iter()
                .map(descriptor)
                .collect::<Result<_, _>>()?,
            subject: manifest
                .subject
                .as_ref()
                .map(descriptor)
                .transpose()?
                .map(|d| d.digest),
            annotations: manifest.annotations.unwrap_or_default(),
            digest,
        })
    }
}

/// The name under which a manifest gives the title of a layer.
pub(crate) const TITLE: &str = "org.opencontainers.image.title";

fn descriptor(found: &OciDescriptor) -> Result<Descriptor, String> {
    if !is_sha256(&found.digest) {
        return Err(format!(
            "`{}` is no sha256 digest",
            found.digest.escape_debug()
        ));
    }
    let size = u64::try_from(found.size)
        .map_err(|_| format!("{} is described with {} bytes", found.digest, found.size))?;
    let annotations: Option<&BTreeMap<String, String>> = found.annotations.as_ref();
    Ok(Descriptor {
        media_type: found.media_type.clone(),
        digest: found.digest.clone(),
        size,
        title: annotations.and_then(|a| a.get(TITLE).cloned()),
    })
}

/// The digest of bytes as registries write it.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    written(&Sha256::digest(bytes))
}

/// A digest as registries write it.
pub(crate) fn written(digest: &[u8]) -> String {
    format!("sha256:{}", hex::encode(digest))
}

/// Adds what is left of `from` to `hash`; how many bytes that was.
pub(crate) fn hash_rest(from: &mut impl std::io::Read, hash: &mut Sha256) -> std::io::Result<u64> {
    let mut part = vec![0; 64 << 10];
    let mut total = 0;
    loop {
        match from.read(&mut part) {
            Ok(0) => return Ok(total),
            Ok(read) => {
                hash.update(&part[..read]);
                total += read as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
