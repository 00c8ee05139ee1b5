//! Requests to the control interface of a server.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;

/// The largest answer that is read.
const MAX_ANSWER: usize = 64 << 20;

/// The control interface of a server.
pub(super) struct Client {
    socket: PathBuf,
    runtime: tokio::runtime::Runtime,
}

impl Client {
    /// That at a socket.
    ///
    /// # Errors
    /// When nothing can be waited for here.
    pub(super) fn new(socket: &Path) -> Result<Client> {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        Ok(Client {
            socket: socket.to_owned(),
            runtime: runtime.enable_all().build().context("wait for a server")?,
        })
    }

    /// What it has at a path.
    ///
    /// # Errors
    /// When it cannot be reached, or refuses.
    pub(super) fn get(&self, path: &str) -> Result<Value> {
        self.ask(Method::GET, path, Bytes::new(), None)
    }

    /// Keeps a blob; its digest.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(super) fn put(&self, blob: Vec<u8>) -> Result<String> {
        let answer = self.ask(Method::PUT, "/v1/blobs", blob.into(), None)?;
        let digest = answer["digest"].as_str();
        Ok(digest.context("the server names no digest")?.to_owned())
    }

    /// Has something done.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(super) fn post(
        &self,
        path: &str,
        body: &impl serde::Serialize,
        key: Option<&str>,
    ) -> Result<Value> {
        let body = serde_json::to_vec(body).context("write the request")?;
        self.ask(Method::POST, path, body.into(), key)
    }

    fn ask(&self, method: Method, path: &str, body: Bytes, key: Option<&str>) -> Result<Value> {
        let (status, answer) = self.text(method, path, body, key)?;
        let value: Value = serde_json::from_slice(&answer).unwrap_or_default();
        if status.is_success() {
            return Ok(value);
        }
        let error = &value["error"];
        match (error["stage"].as_str(), error["problem"].as_str()) {
            (Some("request" | "act" | "trial" | "unknown") | None, Some(problem)) => {
                bail!("{problem}")
            }
            (Some(stage), Some(problem)) => {
                bail!("nothing was swapped, and what ran goes on; {stage}: {problem}")
            }
            _ => bail!(
                "the server answers {status}: {}",
                String::from_utf8_lossy(&answer)
            ),
        }
    }

    /// What it answers, as it is.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub(super) fn text(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        key: Option<&str>,
    ) -> Result<(StatusCode, Bytes)> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "palisade")
            .header("content-type", "application/json");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let request = request.body(Full::new(body)).context("write the request")?;
        self.runtime.block_on(async {
            let stream = UnixStream::connect(&self.socket).await.with_context(|| {
                format!(
                    "reach the server at {}; is it running, has it done its journal again, and may you \
                     connect?",
                    self.socket.display()
                )
            })?;
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
            let connection = tokio::spawn(connection);
            let answer = sender.send_request(request).await.context(
                "the server has ended, or takes no more; `ctl swaps` lists what was swapped, and a \
                 request with --key can be repeated",
            )?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
            let body = body.map_err(|error| anyhow!("read the answer: {error}"))?;
            connection.abort();
            Ok((status, body.to_bytes()))
        })
    }
}
