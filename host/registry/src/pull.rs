//! Bringing artifacts from a registry.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};

use futures_util::StreamExt as _;
use oci_client::client::BlobResponse;
use oci_client::manifest::{OCI_IMAGE_MEDIA_TYPE, OciDescriptor};
use sha2::{Digest as _, Sha256};

use crate::artifact::{Descriptor, Manifest, Referrer};
use crate::reference::is_sha256;
use crate::registry::{Progress, Registry, hash_rest, sha256, written};
use crate::{Reference, RegistryError};

impl Registry {
    /// Pulls the manifest of an artifact. A reference with a digest gets exactly that; one
    /// with a tag alone gets what the tag points to now, whose digest the manifest has.
    ///
    /// # Errors
    /// When the registry does not have it, or sends something else or too much.
    pub async fn pull_manifest(&self, from: &Reference) -> Result<Manifest, RegistryError> {
        // Where both are given, the digest decides and the tag is not even asked for.
        let from = from
            .digest()
            .map_or_else(|| from.clone(), |digest| from.at(digest));
        let pulled = self
            .client
            .pull_manifest_raw(from.inner(), &self.auth, &[OCI_IMAGE_MEDIA_TYPE])
            .await;
        let (bytes, _) = pulled.map_err(self.failed(format!("pull {from}")))?;
        let size = bytes.len() as u64;
        if size > self.limits.manifest {
            return Err(RegistryError::TooLarge {
                what: format!("the manifest of {from}"),
                registry: self.host().to_owned(),
                size,
                limit: self.limits.manifest,
            });
        }
        let digest = sha256(&bytes);
        if let Some(expected) = from.digest().filter(|expected| *expected != digest) {
            return Err(self.other("manifest", expected, digest));
        }
        self.manifest(digest, &bytes)
    }

    /// The artifacts that the registry lists as attached to the one with this digest, of one
    /// type or of all.
    ///
    /// # Errors
    /// When the registry does not answer or lists too many.
    pub async fn referrers(
        &self,
        repository: &Reference,
        digest: &str,
        artifact_type: Option<&str>,
    ) -> Result<Vec<Referrer>, RegistryError> {
        let subject = repository.at(digest);
        self.client
            .store_auth_if_needed(subject.inner().resolve_registry(), &self.auth)
            .await;
        let listed = self
            .client
            .pull_referrers(subject.inner(), artifact_type)
            .await;
        let what = format!("list the referrers of {subject}");
        let index = listed.map_err(self.failed(what))?;
        if index.manifests.len() > self.limits.referrers {
            return Err(RegistryError::TooMany {
                what: format!("the list of referrers of {subject}"),
                registry: self.host().to_owned(),
                count: index.manifests.len(),
                limit: self.limits.referrers,
            });
        }
        Ok(index
            .manifests
            .into_iter()
            // Registries may ignore the filter, and a name that is no digest leads nowhere.
            .filter(|entry| is_sha256(&entry.digest))
            .map(|entry| Referrer {
                digest: entry.digest,
                artifact_type: entry.artifact_type.unwrap_or_default(),
            })
            .filter(|entry| artifact_type.is_none_or(|wanted| entry.artifact_type == wanted))
            .collect())
    }

    /// Pulls a small blob into memory.
    ///
    /// # Errors
    /// As [`pull_blob`](Registry::pull_blob).
    pub async fn pull_small(
        &self,
        repository: &Reference,
        blob: &Descriptor,
        limit: u64,
    ) -> Result<Vec<u8>, RegistryError> {
        self.within(blob, limit)?;
        let stream = self
            .client
            .pull_blob_stream(repository.inner(), &described(blob))
            .await;
        let mut stream = stream.map_err(self.failed(format!("pull {}", blob.digest)))?;
        let mut bytes = Vec::new();
        while let Some(part) = stream.next().await {
            let part = part.map_err(|e| self.failed(format!("pull {}", blob.digest))(e.into()))?;
            self.fits(blob, (bytes.len() + part.len()) as u64)?;
            bytes.extend_from_slice(&part);
        }
        let found = sha256(&bytes);
        if found != blob.digest {
            return Err(self.other("blob", &blob.digest, found));
        }
        Ok(bytes)
    }

    /// Pulls a blob into a file, which is open for reading and writing. What the file holds
    /// already is the beginning of the blob, left by a transfer that was interrupted. When this
    /// returns, the file holds the blob and nothing else.
    ///
    /// # Errors
    /// When the blob is larger than `limit`, when the connection breaks more often than the
    /// limits allow (the file keeps what came, so that another call goes on from there), and
    /// when something else came than what the descriptor says (the file is empty then).
    pub async fn pull_blob(
        &self,
        repository: &Reference,
        blob: &Descriptor,
        file: &mut File,
        limit: u64,
        progress: &(dyn Fn(Progress<'_>) + Sync),
    ) -> Result<(), RegistryError> {
        self.within(blob, limit)?;
        let (mut hash, mut done) = resumed(file, blob.size)?;
        let mut tries = 0;
        while done < blob.size {
            let before = done;
            let part = self
                .part(repository, blob, file, &mut hash, &mut done, progress)
                .await;
            match part {
                Ok(()) if done < blob.size && done > before => {}
                Ok(()) if done < blob.size => {
                    clear(file)?;
                    return Err(self.other(
                        "blob",
                        &format!("{} bytes of {}", blob.size, blob.digest),
                        format!("{done} bytes"),
                    ));
                }
                Ok(()) => {}
                Err(error) if error.may_pass() && tries < self.limits.retries => {
                    tries += 1;
                    let wait = std::time::Duration::from_millis(200 << tries);
                    tokio::time::sleep(wait).await;
                }
                Err(error) => return Err(error),
            }
        }
        let found = written(&hash.finalize());
        if found != blob.digest {
            clear(file)?;
            return Err(self.other("blob", &blob.digest, found));
        }
        file.sync_all().map_err(writing)
    }

    /// One request for what is missing of a blob.
    async fn part(
        &self,
        repository: &Reference,
        blob: &Descriptor,
        file: &mut File,
        hash: &mut Sha256,
        done: &mut u64,
        progress: &(dyn Fn(Progress<'_>) + Sync),
    ) -> Result<(), RegistryError> {
        let what = || format!("pull {}", blob.digest);
        self.client
            .store_auth_if_needed(repository.inner().resolve_registry(), &self.auth)
            .await;
        let response = self
            .client
            .pull_blob_stream_partial(repository.inner(), &described(blob), *done, None)
            .await
            .map_err(self.failed(what()))?;
        let mut stream = match response {
            BlobResponse::Partial(stream) => stream,
            // A registry that cannot send a part sends the whole.
            BlobResponse::Full(stream) => {
                clear(file)?;
                (*hash, *done) = (Sha256::new(), 0);
                stream
            }
        };
        while let Some(part) = stream.next().await {
            let part = match part {
                Ok(part) => part,
                // The stream's own check of the digest speaks as an error of reading, too.
                Err(_) if *done == blob.size => return Ok(()),
                Err(error) => return Err(self.failed(what())(error.into())),
            };
            if let Err(error) = self.fits(blob, *done + part.len() as u64) {
                clear(file)?;
                return Err(error);
            }
            file.write_all(&part).map_err(writing)?;
            hash.update(&part);
            *done += part.len() as u64;
            progress(Progress {
                digest: &blob.digest,
                done: *done,
                total: blob.size,
            });
        }
        Ok(())
    }

    fn within(&self, blob: &Descriptor, limit: u64) -> Result<(), RegistryError> {
        if blob.size <= limit {
            return Ok(());
        }
        Err(RegistryError::TooLarge {
            what: format!("blob {}", blob.digest),
            registry: self.host().to_owned(),
            size: blob.size,
            limit,
        })
    }

    /// Refuses bytes beyond the size that the manifest gives.
    fn fits(&self, blob: &Descriptor, size: u64) -> Result<(), RegistryError> {
        if size <= blob.size {
            return Ok(());
        }
        Err(self.other(
            "blob",
            &format!("{} bytes of {}", blob.size, blob.digest),
            "more".to_owned(),
        ))
    }

    fn other(&self, what: &str, expected: &str, found: String) -> RegistryError {
        RegistryError::Digest {
            what: format!("the {what}"),
            registry: self.host().to_owned(),
            expected: expected.to_owned(),
            found,
        }
    }
}

fn described(blob: &Descriptor) -> OciDescriptor {
    OciDescriptor {
        media_type: blob.media_type.clone(),
        digest: blob.digest.clone(),
        size: blob.size as i64,
        ..OciDescriptor::default()
    }
}

/// The state of hashing what a file holds already, and how much that is.
fn resumed(file: &mut File, size: u64) -> Result<(Sha256, u64), RegistryError> {
    let held = file.metadata().map_err(writing)?.len();
    if held > size {
        clear(file)?;
        return Ok((Sha256::new(), 0));
    }
    file.rewind().map_err(writing)?;
    let mut hash = Sha256::new();
    let done = hash_rest(&mut (&*file).take(held), &mut hash).map_err(writing)?;
    file.seek(SeekFrom::Start(done)).map_err(writing)?;
    Ok((hash, done))
}

fn clear(file: &mut File) -> Result<(), RegistryError> {
    file.set_len(0)
        .and_then(|()| file.rewind())
        .map_err(writing)
}

fn writing(source: std::io::Error) -> RegistryError {
    RegistryError::File {
        what: "write what is pulled",
        source,
    }
}
