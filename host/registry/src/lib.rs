//! Artifacts in OCI registries: pushed, found and pulled by digest.
//!
//! This crate knows nothing of what it moves. An [`Artifact`] is one manifest with a type, a
//! small configuration and layers; another artifact can be attached to it (a signature, a
//! certificate), which is called a referrer. Everything that comes from a registry is hostile:
//!
//! - content is compared with the SHA-256 that it was asked for by, and with its size, before
//!   anybody sees it; a tag is resolved once, to a digest, and nothing is asked for by tag after;
//! - manifests, lists of referrers and layers are limited ([`Limits`]), and layers go into a
//!   file rather than into memory;
//! - an interrupted download goes on where it stopped.
//!
//! Sources: OCI Image Format 1.1 (manifests, `artifactType`, `subject`) and OCI Distribution
//! 1.1 (referrers, and the tag that stands in for them where a registry does not list them).
//! Documents, references and errors are `oci-client`'s. Its client is not used: it reads whatever a
//! registry sends into memory.

mod artifact;
mod error;
mod fetch;
mod pull;
mod push;
mod reference;
mod registry;
mod send;

pub use artifact::{Artifact, Content, Descriptor, Layer, Manifest, Referrer};
pub use error::RegistryError;
pub use reference::Reference;
pub use registry::{Credentials, Limits, Progress, Registry};
