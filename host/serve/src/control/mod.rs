//! The control interface: HTTP on a socket in the data directory.
//!
//! | request | what it does |
//! | --- | --- |
//! | `GET /v1/status` | what runs, by digest, and how far everything has come |
//! | `PUT /v1/blobs` | keeps a component, dataset or networks file, at most 64 MiB; its digest |
//! | `POST /v1/swaps` | changes what runs, a [`Change`](crate::Change) as JSON; the receipt |
//! | `POST /v1/rollback` | goes back to what ran before; the receipt |
//! | `GET /v1/swaps?after=N&limit=N` | receipts by generation, those after `after` first, at most 100 |
//! | `GET /v1/dead-letters?after=ID&limit=N&plugin=NAME&open=true` | dead letters by id, those after `after` first, at most 100, without their events; `open`: those that were not shown once more |
//! | `GET /v1/dead-letters/ID` | one of them, with its event and where the guest was |
//! | `POST /v1/dead-letters/ID/redrive` | shows the event to its plugin once more; the receipt |
//! | `POST /v1/quarantine/release` | shows a plugin, `{"pack": …, "name": …}`, events again; the receipt |
//! | `POST /v1/what-if` | what a change would have found: `{"change": …, "seconds": N}`; a [`TrialReport`](crate::TrialReport) |
//! | `GET /v1/shadow`, `POST /v1/shadow` | how a change stands that is tried beside what runs; tries one |
//! | `POST /v1/shadow/stop`, `/v1/shadow/promote` | ends that; swaps it in, and gives the receipt |
//! | `GET /metrics` | figures for Prometheus |
//! | `GET /healthz`, `GET /readyz` | whether it lives, and whether it follows its sources, all of a network are up, and it keeps up |
//!
//! What is posted is JSON with `content-type: application/json`. A swap names blobs by their digests
//! and packs by title: `{"plugins": [{"digest": "…", "origin": "new.wasm"}], "packs":
//! ["vendor/name@1.0.0"], "dry_run": true}`; every field of a [`Change`](crate::Change) may be left
//! out. A rollback takes `discard_state` and `dry_run` of it, or `{}`. `next` of a list of receipts
//! is what to give as `after` for those that follow, if there may be more.
//!
//! The folder of the socket has mode 0750 and the socket 0660, unless the configuration names
//! another place. Who connects is known by the credentials of the process: root, and the user whose
//! server it is, may change what runs; everybody else may look, and what they send is not read. A
//! request that changes something may have an `Idempotency-Key` (1 to 128 visible characters): the
//! same request with the same key gets the receipt of the first, another is refused.
//!
//! What is wrong comes as `{"error": {"stage": …, "problem": …}}`, with status 400, 415 or 422 (the
//! request is none), 403 (not yours), 404, 405, 408 (what is sent takes more than 60 s), 409
//! (another swap is under way, or there is no room), 413 (too large), 422 (a stage failed, and what
//! ran goes on), 503 (it was not switched) or 504 (it was, and is not in the journal yet).

mod answer;
mod connection;
mod letters;
mod metrics;
mod routes;
mod trials;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use tokio::net::UnixListener;
use tokio::sync::oneshot;

use crate::config::Config;
use crate::server::ServeError;
use crate::swap::Swapper;

/// The socket, in the data directory.
pub const SOCKET: &str = "control/palisade.sock";

/// The interface, until it is dropped.
pub(crate) struct Control {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
    socket: std::path::PathBuf,
    swapper: Arc<Swapper>,
}

/// Opens the socket and answers what comes, in a thread of its own.
///
/// # Errors
/// When the socket cannot be made.
pub(crate) fn start(config: &Config, swapper: Swapper) -> Result<Control, ServeError> {
    let socket = config.socket();
    let error = |problem: String| ServeError::Control {
        path: socket.display().to_string(),
        problem,
    };
    let folder = socket.parent().unwrap_or(Path::new("."));
    match config.control_socket {
        Some(_) => drop(palisade_private::open_dir(folder).map_err(|e| error(e.to_string()))?),
        None => drop(palisade_private::make_dir(folder).map_err(|e| error(e.to_string()))?),
    }
    let mode = |path: &Path, mode| {
        let set = std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode));
        set.map_err(|e| error(e.to_string()))
    };
    if config.control_socket.is_none() {
        mode(folder, 0o750)?;
    }
    // That of a server before, which is gone: the data directory is locked.
    match std::fs::remove_file(&socket) {
        Ok(()) => {}
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) => return Err(error(e.to_string())),
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .thread_name("palisade-control")
        .max_blocking_threads(connection::MAX_CONNECTIONS)
        .build()
        .map_err(|e| error(e.to_string()))?;
    let listener = {
        let _inside = runtime.enter();
        UnixListener::bind(&socket).map_err(|e| error(e.to_string()))?
    };
    mode(&socket, 0o660)?;
    let swapper = Arc::new(swapper);
    let routes = routes::router(Arc::clone(&swapper));
    let (stop, stopped) = oneshot::channel();
    let thread = std::thread::Builder::new()
        .name("palisade-control".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = connection::accept(listener, routes) => {}
                    _ = stopped => {}
                }
            });
            // A swap that is under way finds nobody to switch any more.
            runtime.shutdown_background();
        })
        .map_err(|e| error(e.to_string()))?;
    Ok(Control {
        stop: Some(stop),
        thread: Some(thread),
        socket,
        swapper,
    })
}

impl Drop for Control {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.swapper.end_trials();
        if let Some(thread) = self.thread.take() {
            // One that panicked answers nobody any more, which is what is wanted.
            let _ = thread.join();
        }
        let _ = std::fs::remove_file(&self.socket);
    }
}
