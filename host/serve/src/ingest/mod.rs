//! Sources that come over a network: a listener to which logs are posted, and a subscription at a
//! broker.
//!
//! ```text
//! tokio, one thread    reads bodies and messages, as long as there is room for them
//! a thread a source    makes epochs of them, each body and message whole within one   intake.rs
//! engine, commit       as for files; then the answer, and the acknowledgement
//! ```
//!
//! What is read waits in a bounded room until it is kept: the journal is synced, and the database has
//! what came of it. A body is a stream of its own in one epoch, so a record of the journal has all of
//! it or nothing: whatever kills the server, a body was committed whole or not at all, and the keys
//! of requests and the packets of messages are in the same record. Redo and snapshots have them
//! from there (`delivered.rs`).

mod config;
mod delivered;
mod http;
mod intake;
mod mqtt;
mod network;
mod prepare;
mod secret;
mod tls;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;

pub use config::{
    HttpConfig, MAX_BODY, MAX_KEY_BYTES, MAX_KEYS, MAX_NETWORK, MAX_TOKENS, MAX_TOPICS, MqttConfig,
    TokenConfig,
};
pub(crate) use delivered::{BadLine, Delivered, Seen};
pub(crate) use intake::{Intake, Of, Waiting, told};
pub(crate) use network::{Link, Network};
pub(crate) use prepare::Prepared;
pub use prepare::{IngestError, check};

use crate::config::Config;
use crate::often::Often;
use crate::server::{ServeError, Tell, Told};

/// How often it is looked whether the server is to stop.
const LOOK: Duration = Duration::from_millis(20);
/// How long answers and acknowledgements may take after everything is kept.
const FAREWELL: Duration = Duration::from_secs(2);
/// The least and the longest time until what failed is tried again.
const FIRST_RETRY: Duration = Duration::from_millis(250);
const LAST_RETRY: Duration = Duration::from_secs(30);

/// Listeners and connections, until it is dropped: whoever waits for an answer gets it first.
pub(crate) struct Ingest {
    over: watch::Sender<bool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// Opens listeners and connections, in a thread of their own.
///
/// # Errors
/// When there can be no such thread.
pub(crate) fn start(
    sources: Vec<Prepared>,
    stop: &Arc<AtomicBool>,
    tell: &Tell,
) -> Result<Option<Ingest>, ServeError> {
    if sources.is_empty() {
        return Ok(None);
    }
    let thread = |error: std::io::Error| ServeError::Thread(format!("cannot be started: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(thread)?;
    let (over, is_over) = watch::channel(false);
    let (stop, tell) = (Arc::clone(stop), Arc::clone(tell));
    let started = std::thread::Builder::new()
        .name("palisade-network".to_owned())
        .spawn(move || {
            runtime.block_on(run(sources, &stop, &tell, is_over));
            runtime.shutdown_background();
        })
        .map_err(thread)?;
    Ok(Some(Ingest {
        over,
        thread: Some(started),
    }))
}

/// Runs all sources until everything is over.
async fn run(
    sources: Vec<Prepared>,
    stop: &AtomicBool,
    tell: &Tell,
    mut over: watch::Receiver<bool>,
) {
    let (ending, is_ending) = watch::channel(false);
    let mut tasks = tokio::task::JoinSet::new();
    for source in sources {
        let teller = Teller::new(source.name(), tell);
        let network = Arc::clone(source.network());
        let ending = is_ending.clone();
        let (name, tell) = (source.name().to_owned(), Arc::clone(tell));
        tasks.spawn(async move {
            let run = tokio::spawn(source.run(teller, ending)).await;
            if let Err(error) = run {
                let problem = format!("nothing more comes in: {error}");
                network.set(Link::Down, Some(problem.clone()));
                tell(Told::Source {
                    source: name,
                    problem,
                });
            }
        });
    }
    while !stop.load(Ordering::Relaxed) && !*over.borrow() {
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = over.changed() => break,
        }
    }
    let _ = ending.send(true);
    // What was read is evaluated and kept meanwhile; then the answers go out.
    let _ = over.wait_for(|over| *over).await;
    let all = async { while tasks.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(FAREWELL, all).await;
}

impl Drop for Ingest {
    fn drop(&mut self) {
        let _ = self.over.send(true);
        if let Some(thread) = self.thread.take() {
            // One that panicked answers nobody any more.
            let _ = thread.join();
        }
    }
}

/// Tells the operator of a source, what is alike the less often the more there is of it.
#[derive(Clone)]
pub(crate) struct Teller {
    source: String,
    tell: Tell,
    often: Arc<std::sync::Mutex<Often>>,
}

impl Teller {
    fn new(source: &str, tell: &Tell) -> Teller {
        Teller {
            source: source.to_owned(),
            tell: Arc::clone(tell),
            often: Arc::default(),
        }
    }

    /// Tells of something of a kind.
    pub(crate) fn told(&self, kind: &str, text: impl FnOnce() -> String) {
        let mut often = self
            .often
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(problem) = often.told(kind, text) {
            let source = self.source.clone();
            (self.tell)(Told::Source { source, problem });
        }
    }
}

/// Waits twice as long each time, up to a limit.
pub(crate) struct Retry(Duration);

impl Default for Retry {
    fn default() -> Retry {
        Retry(FIRST_RETRY)
    }
}

impl Retry {
    /// How long to wait this time.
    pub(crate) fn next(&mut self) -> Duration {
        let now = self.0;
        self.0 = (now * 2).min(LAST_RETRY);
        now
    }
}

/// Waits so long, or until it is to end (`false`).
pub(crate) async fn pause(time: Duration, ending: &mut watch::Receiver<bool>) -> bool {
    tokio::select! {
        () = tokio::time::sleep(time) => true,
        _ = ending.wait_for(|ending| *ending) => false,
    }
}

/// The network sources of a configuration, with their secrets.
///
/// # Errors
/// When a secret or certificate cannot be read.
pub(crate) fn prepare(config: &Config) -> Result<Vec<Prepared>, IngestError> {
    prepare::all(config)
}
