//! Sending things to a registry, within limits (OCI Distribution 1.1, "Push").

use std::io::Read;

use oci_client::errors::OciDistributionError;
use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, LOCATION};
use reqwest::{Response, StatusCode, Url};

use crate::fetch::Fetch;
use crate::{Reference, RegistryError};

/// How much is read and sent at a time.
const PART: u64 = 1 << 20;
const ACTS: &str = "pull,push";
const BYTES: &str = "application/octet-stream";

impl Fetch {
    /// Whether the registry has a blob.
    ///
    /// # Errors
    /// When it does not answer in time, or refuses.
    pub(crate) async fn has_blob(
        &self,
        to: &Reference,
        digest: &str,
        what: &str,
    ) -> Result<bool, RegistryError> {
        let url = self.url(to, &format!("blobs/{digest}"));
        let accepted = [StatusCode::OK, StatusCode::NOT_FOUND];
        let asked = self.ask(to, ACTS, what, &accepted, || self.http.head(&url));
        let response = self.in_time(what, asked).await?;
        Ok(response.status() == StatusCode::OK)
    }

    /// Sends a blob, part by part; `sent` hears how many bytes are there.
    ///
    /// # Errors
    /// When it cannot be read, and when the registry refuses or takes too long for a part.
    pub(crate) async fn send_blob(
        &self,
        to: &Reference,
        digest: &str,
        mut blob: impl Read,
        what: &str,
        sent: impl Fn(u64),
    ) -> Result<(), RegistryError> {
        let begin = self.url(to, "blobs/uploads/");
        let accepted = [StatusCode::ACCEPTED];
        let asked = self.ask(to, ACTS, what, &accepted, || self.http.post(&begin));
        let mut place = self.place(&self.in_time(what, asked).await?, what)?;
        let mut at = 0;
        loop {
            let mut part = Vec::new();
            let read = blob.by_ref().take(PART).read_to_end(&mut part);
            read.map_err(|source| RegistryError::File {
                what: "read what is to be pushed",
                source,
            })?;
            if part.is_empty() {
                break;
            }
            let end = at + part.len() as u64;
            let part = bytes::Bytes::from(part);
            let request = || {
                self.http
                    .patch(place.clone())
                    .header(CONTENT_TYPE, BYTES)
                    .header(CONTENT_RANGE, format!("{at}-{}", end - 1))
                    .body(part.clone())
            };
            let asked = self.ask(to, ACTS, what, &accepted, request);
            place = self.place(&self.in_time(what, asked).await?, what)?;
            at = end;
            sent(at);
        }
        place.query_pairs_mut().append_pair("digest", digest);
        let request = || {
            self.http
                .put(place.clone())
                .header(CONTENT_TYPE, BYTES)
                .body("")
        };
        let asked = self.ask(to, ACTS, what, &[StatusCode::CREATED], request);
        self.in_time(what, asked).await.map(drop)
    }

    /// Sends a manifest, or a list of them.
    ///
    /// # Errors
    /// When the registry does not answer in time, or refuses.
    pub(crate) async fn send_manifest(
        &self,
        to: &Reference,
        name: &str,
        bytes: Vec<u8>,
        media_type: &'static str,
        what: &str,
    ) -> Result<(), RegistryError> {
        let url = self.url(to, &format!("manifests/{name}"));
        let bytes = bytes::Bytes::from(bytes);
        let request = || {
            self.http
                .put(&url)
                .header(CONTENT_TYPE, media_type)
                .body(bytes.clone())
        };
        let asked = self.ask(to, ACTS, what, &[StatusCode::CREATED], request);
        self.in_time(what, asked).await.map(drop)
    }

    /// Where an upload goes on; that may be elsewhere, but not less safe.
    fn place(&self, response: &Response, what: &str) -> Result<Url, RegistryError> {
        let here = response.url();
        let location = response.headers().get(LOCATION);
        let place = location
            .and_then(|location| location.to_str().ok())
            .and_then(|location| here.join(location).ok())
            .filter(|place| place.scheme() == "https" || place.scheme() == here.scheme());
        let lost = "no place where the upload goes on, or one without TLS";
        place.ok_or_else(|| {
            self.failed(
                what,
                OciDistributionError::SpecViolationError(lost.to_owned()),
            )
        })
    }
}
