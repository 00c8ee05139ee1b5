//! Connections to the control interface, each bounded in number, size and time.

use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

/// The most connections at a time; more wait until they are accepted.
pub(crate) const MAX_CONNECTIONS: usize = 32;
/// Of those, the most of users who may only look.
const MAX_OTHERS: usize = 16;
/// How long the head of a request may take.
const HEAD: Duration = Duration::from_secs(5);
/// How long a connection may last.
const LONGEST: Duration = Duration::from_secs(300);

/// Who is connected.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    /// The user, by number; `None`: the system does not say.
    pub(crate) user: Option<u32>,
}

impl Peer {
    /// Whether it may change what runs: root, and the user whose server it is.
    pub(crate) fn may_change(self) -> bool {
        let own = rustix::process::geteuid().as_raw();
        self.user.is_some_and(|user| user == 0 || user == own)
    }

    /// As receipts name it.
    pub(crate) fn name(self) -> String {
        match self.user {
            Some(user) => format!("user {user}"),
            None => "unknown".to_owned(),
        }
    }
}

/// Accepts connections until it is dropped. Those beyond the most are closed at once, and nobody who may
/// only look keeps out who may change what runs.
pub(crate) async fn accept(listener: UnixListener, routes: Router) {
    let all = Arc::new(Semaphore::new(MAX_CONNECTIONS - MAX_OTHERS));
    let others = Arc::new(Semaphore::new(MAX_OTHERS));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // No more files may be open, say: others close some.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let user = stream.peer_cred().ok().map(|credentials| credentials.uid());
        let peer = Peer { user };
        let free = if peer.may_change() { &all } else { &others };
        let Ok(permit) = Arc::clone(free).try_acquire_owned() else {
            continue;
        };
        let routes = routes.clone().layer(Extension(peer));
        tokio::spawn(async move {
            // A connection that breaks off concerns nobody else.
            let _ = tokio::time::timeout(LONGEST, answer(stream, routes)).await;
            drop(permit);
        });
    }
}

async fn answer(stream: UnixStream, routes: Router) -> Result<(), hyper::Error> {
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_headers(64)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes))
        .await
}
