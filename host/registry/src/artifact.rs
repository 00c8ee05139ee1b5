//! What lies in a registry.

use std::collections::BTreeMap;
use std::fs::File;

use bytes::Bytes;

/// An artifact that is to be pushed.
#[derive(Debug)]
pub struct Artifact {
    /// What it is: a media type, such as `application/vnd.palisade.pack.v1`.
    pub artifact_type: String,
    /// A small document about it, which those who pull can read first.
    pub config: Layer,
    /// Its content.
    pub layers: Vec<Layer>,
    /// Texts about it, by name (`org.opencontainers.image.version`).
    pub annotations: BTreeMap<String, String>,
}

/// A blob that is to be pushed.
#[derive(Debug)]
pub struct Layer {
    /// Its media type.
    pub media_type: String,
    /// The name of the file that it is, for those who unpack it with other tools.
    pub title: Option<String>,
    /// Its bytes.
    pub content: Content,
}

/// Where the bytes of a blob are.
#[derive(Debug)]
pub enum Content {
    /// In memory.
    Bytes(Bytes),
    /// In a file, read from its beginning to its end.
    File(File),
}

/// What a manifest says of a blob or of another manifest. Nothing in it is believed before the
/// bytes were compared with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// Media type.
    pub media_type: String,
    /// `sha256:` and 64 digits.
    pub digest: String,
    /// Bytes.
    pub size: u64,
    /// The name of the file that it is, as its pusher wrote it: to be escaped before it is
    /// shown, and no path.
    pub title: Option<String>,
}

/// The manifest of an artifact, compared with its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Digest of the manifest itself, by which the artifact is known.
    pub digest: String,
    /// Bytes of the manifest itself.
    pub size: u64,
    /// What the artifact says it is.
    pub artifact_type: String,
    /// Its configuration.
    pub config: Descriptor,
    /// Its content.
    pub layers: Vec<Descriptor>,
    /// What it is attached to.
    pub subject: Option<String>,
    /// Texts about it.
    pub annotations: BTreeMap<String, String>,
}

/// An artifact that a registry lists as attached to another. The list is the registry's word
/// and covered by no digest: entries can be missing, and what they lead to must speak for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referrer {
    /// Digest of its manifest.
    pub digest: String,
    /// What it is said to be.
    pub artifact_type: String,
}
