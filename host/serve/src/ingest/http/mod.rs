//! A listener to which logs are posted.
//!
//! `POST /v1/events`, with `?log=NAME` if a log of Zeek does not say in its records which it is.
//! Needed are `Authorization: Bearer TOKEN` and a `Content-Type` that says JSON; an
//! `Idempotency-Key` (1 to 128 visible ASCII characters) makes a request that can be repeated.
//!
//! | status | what it says |
//! | --- | --- |
//! | 202 | kept: `{"events": N, "bad": N, "errors": [{"line": N, "reason": "…"}, …]}`; of bad records the first 8 are told |
//! | 400 | no record could be read, or the request is none |
//! | 401 | no token that is good |
//! | 404, 405 | another path, another method |
//! | 408 | the body took too long, or paused too long |
//! | 413 | too large, or more records than are taken at once |
//! | 415 | another type, compressed, or a capture |
//! | 422 | the key was used for another body |
//! | 429 | as much as may wait does; `Retry-After` says when to try again |
//! | 503 | the server ends, or cannot say yet whether it was kept; send it again with the same key |
//!
//! What is wrong comes as `{"error": {"problem": "…", "bad": N, "errors": […]}}`.

mod answer;
mod request;
mod strangers;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::config::HttpConfig;
use super::network::{Cause, Link, Network};
use super::prepare::Door;
use super::secret::Token;
use super::{Retry, Teller, pause};
use strangers::{Stranger, Strangers};

/// What is posted to.
pub(crate) const PATH: &str = "/v1/events";
/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long the head of a request may take.
const HEAD: Duration = Duration::from_secs(10);
/// After how long a connection takes no further request.
const LONGEST: Duration = Duration::from_secs(3600);
/// How long whoever is sent away may take to be gone.
const GONE: Duration = Duration::from_secs(1);
/// The most bytes of the head of a request.
const MAX_HEAD: usize = 32 << 10;
/// The most headers of a request.
const MAX_HEADERS: usize = 64;

/// A listener.
pub(crate) struct Site {
    /// The name of the source.
    pub(crate) name: String,
    pub(crate) config: HttpConfig,
    pub(crate) tokens: Vec<Token>,
    /// One for each tenant.
    pub(crate) doors: Vec<Door>,
    pub(crate) network: Arc<Network>,
    pub(crate) teller: Teller,
    /// Set when the server is to stop.
    pub(crate) ending: watch::Receiver<bool>,
}

impl Site {
    /// Whether the server is to stop.
    pub(crate) fn is_ending(&self) -> bool {
        *self.ending.borrow()
    }
}

/// Listens until it is to end, and then until the last answer is given.
pub(crate) async fn listen(site: Arc<Site>, acceptor: Option<TlsAcceptor>) {
    let loopback = site.config.listen.ip().is_loopback();
    if acceptor.is_none() && !loopback {
        let text = || format!("{} speaks clear text, as is allowed", site.network.at);
        site.teller.told("clear text", text);
    }
    let mut ending = site.ending.clone();
    let Some(listener) = bind(&site, &mut ending).await else {
        return;
    };
    site.network.set(Link::Listening, None);
    let free = Arc::new(Semaphore::new(site.config.max_connections));
    let strangers = Arc::new(Strangers::default());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = ending.wait_for(|ending| *ending) => break,
        };
        let Ok((stream, _)) = accepted else {
            // No more files may be open, say: others close some.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let mut permit = Arc::clone(&free).try_acquire_owned().ok();
        if permit.is_none() {
            site.network.count(Cause::Connections);
            let most = site.config.max_connections;
            let text = || {
                format!(
                    "more than {most} connections; the oldest by which no good token came are \
                     closed, or else the new ones"
                )
            };
            site.teller.told("connections", text);
            if strangers.send_away() {
                let gone = timeout(GONE, Arc::clone(&free).acquire_owned()).await;
                permit = gone.ok().and_then(Result::ok);
            }
        }
        let Some(permit) = permit else { continue };
        let (site, acceptor) = (Arc::clone(&site), acceptor.clone());
        let (stranger, sent) = strangers.enter();
        tokio::spawn(async move {
            site.network.connections.fetch_add(1, Ordering::Relaxed);
            // A connection that breaks off concerns nobody else.
            tokio::select! {
                () = connection(stream, acceptor, &site, &stranger) => {}
                () = sent.away() => {}
            }
            site.network.connections.fetch_sub(1, Ordering::Relaxed);
            drop(permit);
        });
    }
    drop(listener);
    site.network.set(Link::Down, None);
    // Each gives its permit back with its last answer.
    let all = u32::try_from(site.config.max_connections).unwrap_or(u32::MAX);
    let _ = free.acquire_many(all).await;
}

/// Listens, as soon as that is possible; `None`: it is to end.
async fn bind(site: &Site, ending: &mut watch::Receiver<bool>) -> Option<TcpListener> {
    let mut retry = Retry::default();
    loop {
        match TcpListener::bind(site.config.listen).await {
            Ok(listener) => return Some(listener),
            Err(error) => {
                let problem = format!("cannot listen on {}: {error}", site.config.listen);
                site.network.set(Link::Down, Some(problem.clone()));
                site.teller
                    .told("listen", || problem + "; it is tried again");
            }
        }
        if !pause(retry.next(), ending).await {
            return None;
        }
    }
}

async fn connection(
    stream: TcpStream,
    acceptor: Option<TlsAcceptor>,
    site: &Arc<Site>,
    stranger: &Stranger,
) {
    let _ = stream.set_nodelay(true);
    match acceptor {
        None => serve(stream, site, stranger).await,
        Some(acceptor) => match timeout(HANDSHAKE, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => serve(stream, site, stranger).await,
            _ => site.network.count(Cause::Handshake),
        },
    }
}

/// Answers what comes by a connection.
async fn serve(
    io: impl AsyncRead + AsyncWrite + Unpin + Send,
    site: &Arc<Site>,
    stranger: &Stranger,
) {
    let service = service_fn(|request| answer::answer(site, stranger, request));
    let idle = Duration::from_secs(site.config.idle_seconds).min(HEAD);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(idle)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(io), service);
    let mut connection = std::pin::pin!(connection);
    let mut ending = site.ending.clone();
    tokio::select! {
        // It concerns nobody else how it ended.
        _ = connection.as_mut() => return,
        () = tokio::time::sleep(LONGEST) => {}
        _ = ending.wait_for(|ending| *ending) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}
