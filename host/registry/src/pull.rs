//! Bringing artifacts from a registry.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::time::{Duration, Instant};

use oci_client::manifest::{OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE, OciImageIndex};
use reqwest::StatusCode;
use sha2::{Digest as _, Sha256};

use crate::artifact::{Descriptor, Manifest, Referrer};
use crate::reference::is_sha256;
use crate::registry::{Progress, Registry, hash_rest, sha256, written};
use crate::{Reference, RegistryError};

const MINUTE: Duration = Duration::from_secs(60);

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
        let bytes = self.manifest_of(&from, OCI_IMAGE_MEDIA_TYPE).await?;
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
        let index = self.index_of_referrers(repository, digest).await?;
        let subject = repository.at(digest);
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
        let what = format!("pull {}", blob.digest);
        let path = format!("blobs/{}", blob.digest);
        let bytes = self
            .fetch
            .small(repository, &path, "*/*", blob.size, &what)
            .await?;
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
            let part = self
                .part(repository, blob, file, &mut hash, &mut done, progress)
                .await
                .and_then(|()| match done < blob.size {
                    true => Err(self.fetch.cut_off(&format!("pull {}", blob.digest))),
                    false => Ok(()),
                });
            match part {
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
        let what = format!("pull {}", blob.digest);
        let mut response = self
            .fetch
            .blob(repository, &blob.digest, *done, &what)
            .await?;
        // A registry that cannot send a part sends the whole.
        if response.status() != StatusCode::PARTIAL_CONTENT {
            clear(file)?;
            (*hash, *done) = (Sha256::new(), 0);
        }
        let mut since = (Instant::now(), *done);
        while let Some(part) = response
            .chunk()
            .await
            .map_err(|error| self.failed(what.clone())(error.into()))?
        {
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
            if since.0.elapsed() >= MINUTE {
                if *done - since.1 < self.limits.pace {
                    return Err(self.fetch.slow(&what, MINUTE));
                }
                since = (Instant::now(), *done);
            }
        }
        Ok(())
    }

    /// The bytes of a manifest or an index, whatever they are.
    async fn manifest_of(
        &self,
        from: &Reference,
        accept: &'static str,
    ) -> Result<Vec<u8>, RegistryError> {
        let name = from.digest().or(from.tag()).unwrap_or("latest");
        let (path, what) = (format!("manifests/{name}"), format!("pull {from}"));
        self.fetch
            .small(from, &path, accept, self.limits.manifest, &what)
            .await
    }

    /// What the registry lists as attached to the artifact with this digest; where it knows
    /// nothing of referrers, the list under the tag that stands for it (OCI Distribution 1.1,
    /// "referrers tag schema"), or nothing.
    pub(crate) async fn index_of_referrers(
        &self,
        repository: &Reference,
        digest: &str,
    ) -> Result<OciImageIndex, RegistryError> {
        let what = format!("list the referrers of {}", repository.at(digest));
        let path = format!("referrers/{digest}");
        let limit = self.limits.manifest;
        let accept = OCI_IMAGE_INDEX_MEDIA_TYPE;
        let listed = self
            .fetch
            .small(repository, &path, accept, limit, &what)
            .await;
        let bytes = match listed {
            Err(error) if error.is_absent() => {
                let tag = repository.tagged(&digest.replace(':', "-"));
                match self.manifest_of(&tag, accept).await {
                    Err(error) if error.is_absent() => {
                        return Ok(OciImageIndex {
                            schema_version: 2,
                            media_type: Some(accept.to_owned()),
                            manifests: Vec::new(),
                            artifact_type: None,
                            annotations: None,
                        });
                    }
                    other => other?,
                }
            }
            other => other?,
        };
        serde_json::from_slice(&bytes).map_err(|error| RegistryError::Manifest {
            what: format!("the answer to `{what}`"),
            registry: self.host().to_owned(),
            problem: error.to_string(),
        })
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
