//! Bringing artifacts to a registry.

use std::fs::File;
use std::io::{Cursor, Read, Seek as _};

use oci_client::manifest::{
    ImageIndexEntry, OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE, OciDescriptor,
    OciImageIndex, OciImageManifest, OciManifest,
};
use sha2::{Digest as _, Sha256};

use crate::artifact::{Artifact, Content, Layer, Manifest};
use crate::registry::{Progress, Registry, TITLE, hash_rest, sha256, written};
use crate::{Reference, RegistryError};

/// How often the list of referrers is written again when somebody else writes it as well.
const LIST_ATTEMPTS: usize = 5;

impl Registry {
    /// Pushes an artifact and returns its manifest. Blobs that the registry has are not sent
    /// again, so a push that was interrupted goes on with the blob where it stopped. Where
    /// `to` has a tag, that tag points to the artifact afterwards.
    ///
    /// # Errors
    /// When a file cannot be read, and when the registry refuses. The manifest is sent last,
    /// so a push that fails leaves no artifact behind.
    pub async fn push(
        &self,
        to: &Reference,
        artifact: Artifact,
        progress: &(dyn Fn(Progress<'_>) + Sync),
    ) -> Result<Manifest, RegistryError> {
        self.push_to(to, artifact, None, progress).await
    }

    /// Attaches an artifact to another, which must be in the same repository, and makes sure
    /// that the registry lists it among the referrers of that one.
    ///
    /// # Errors
    /// As [`push`](Registry::push), and when the list of referrers cannot be written.
    pub async fn attach(
        &self,
        subject: (&Reference, &Manifest),
        artifact: Artifact,
        progress: &(dyn Fn(Progress<'_>) + Sync),
    ) -> Result<Manifest, RegistryError> {
        let (to, subject) = subject;
        let described = OciDescriptor {
            media_type: OCI_IMAGE_MEDIA_TYPE.to_owned(),
            digest: subject.digest.clone(),
            size: subject.size as i64,
            ..OciDescriptor::default()
        };
        let to = to.at(&subject.digest);
        let pushed = self
            .push_to(&to, artifact, Some(described), progress)
            .await?;
        self.list(&to, &pushed).await?;
        Ok(pushed)
    }

    async fn push_to(
        &self,
        to: &Reference,
        artifact: Artifact,
        subject: Option<OciDescriptor>,
        progress: &(dyn Fn(Progress<'_>) + Sync),
    ) -> Result<Manifest, RegistryError> {
        let mut layers = Vec::with_capacity(artifact.layers.len());
        for layer in artifact.layers {
            layers.push(self.blob(to, layer, progress).await?);
        }
        let annotations = artifact.annotations;
        let manifest = OciManifest::Image(OciImageManifest {
            media_type: Some(OCI_IMAGE_MEDIA_TYPE.to_owned()),
            config: self.blob(to, artifact.config, progress).await?,
            layers,
            artifact_type: Some(artifact.artifact_type),
            annotations: (!annotations.is_empty()).then_some(annotations),
            // A subject is attached to by digest; a tag would be the artifact's own.
            subject: subject.clone(),
            ..OciImageManifest::default()
        });
        let bytes = serde_json::to_vec(&manifest)
            .map_err(|error| self.failed("describe the artifact")(error.into()))?;
        let digest = sha256(&bytes);
        let to = match to.tag() {
            Some(tag) if subject.is_none() => to.tagged(tag),
            _ => to.at(&digest),
        };
        self.put_manifest(&to, bytes.clone(), OCI_IMAGE_MEDIA_TYPE)
            .await?;
        self.manifest(digest, &bytes)
    }

    async fn put_manifest(
        &self,
        to: &Reference,
        bytes: Vec<u8>,
        media_type: &'static str,
    ) -> Result<(), RegistryError> {
        let name = match (to.digest(), to.tag()) {
            (Some(digest), _) => digest,
            (None, tag) => tag.unwrap_or_default(),
        };
        let what = format!("push the manifest of {to}");
        let sent = self.fetch.send_manifest(to, name, bytes, media_type, &what);
        sent.await
    }

    async fn blob(
        &self,
        to: &Reference,
        layer: Layer,
        progress: &(dyn Fn(Progress<'_>) + Sync),
    ) -> Result<OciDescriptor, RegistryError> {
        let (digest, total) = measured(&layer.content)?;
        let what = format!("push {digest} to {}", to.repository());
        let sent = |done| {
            progress(Progress {
                digest: &digest,
                done,
                total,
            });
        };
        if !self.fetch.has_blob(to, &digest, &what).await? {
            let blob: Box<dyn Read + Send> = match layer.content {
                Content::Bytes(bytes) => Box::new(Cursor::new(bytes)),
                Content::File(file) => Box::new(file),
            };
            let upload = self.fetch.send_blob(to, &digest, blob, &what, sent);
            upload.await?;
        }
        sent(total);
        Ok(OciDescriptor {
            media_type: layer.media_type,
            digest,
            size: total as i64,
            annotations: layer.title.map(|title| [(TITLE.to_owned(), title)].into()),
            ..OciDescriptor::default()
        })
    }

    /// Makes sure that the artifact is among the referrers of its subject: a registry that
    /// knows of referrers lists it by itself, and for others the list is kept under a tag
    /// (OCI Distribution 1.1, "referrers tag schema"). Two who write that tag at once would
    /// undo each other, so it is read again and written again.
    async fn list(&self, subject: &Reference, pushed: &Manifest) -> Result<(), RegistryError> {
        for _ in 0..LIST_ATTEMPTS {
            let what = || format!("list the referrers of {subject}");
            let digest = subject.digest().unwrap_or_default();
            let mut index = self.index_of_referrers(subject, digest).await?;
            if index
                .manifests
                .iter()
                .any(|entry| entry.digest == pushed.digest)
            {
                return Ok(());
            }
            if index.manifests.len() >= self.limits.referrers {
                return Err(RegistryError::TooMany {
                    what: format!("the list of referrers of {subject}"),
                    registry: self.host().to_owned(),
                    count: index.manifests.len() + 1,
                    limit: self.limits.referrers,
                });
            }
            index.manifests.push(ImageIndexEntry {
                media_type: OCI_IMAGE_MEDIA_TYPE.to_owned(),
                digest: pushed.digest.clone(),
                size: pushed.size as i64,
                platform: None,
                annotations: (!pushed.annotations.is_empty()).then(|| pushed.annotations.clone()),
                artifact_type: Some(pushed.artifact_type.clone()),
            });
            let index = OciImageIndex {
                media_type: Some(OCI_IMAGE_INDEX_MEDIA_TYPE.to_owned()),
                ..index
            };
            let bytes =
                serde_json::to_vec(&index).map_err(|error| self.failed(what())(error.into()))?;
            let tag = subject.digest().unwrap_or_default().replace(':', "-");
            self.put_manifest(&subject.tagged(&tag), bytes, OCI_IMAGE_INDEX_MEDIA_TYPE)
                .await?;
        }
        Err(RegistryError::Manifest {
            what: format!("the list of referrers of {subject}"),
            registry: self.host().to_owned(),
            problem: format!(
                "{} does not stay in it; somebody else keeps writing it, try again",
                pushed.digest
            ),
        })
    }
}

/// Digest and size of what is to be pushed.
fn measured(content: &Content) -> Result<(String, u64), RegistryError> {
    match content {
        Content::Bytes(bytes) => Ok((sha256(bytes), bytes.len() as u64)),
        Content::File(file) => {
            let read = |mut file: &File| -> std::io::Result<(String, u64)> {
                file.rewind()?;
                let mut hash = Sha256::new();
                let size = hash_rest(&mut file, &mut hash)?;
                file.rewind()?;
                Ok((written(&hash.finalize()), size))
            };
            read(file).map_err(|source| RegistryError::File {
                what: "read what is to be pushed",
                source,
            })
        }
    }
}
