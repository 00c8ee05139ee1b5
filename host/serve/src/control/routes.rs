//! What the control interface answers.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, Query, Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Extension, Json, Router};
use palisade_sinks::Swaps;
use palisade_store::Digest;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::{Refused, Why};
use super::connection::Peer;
use super::{letters, metrics, trials};
use crate::active::Shared;
use crate::audit::{Act, Books};
use crate::composition::Change;
use crate::ingest::Link;
use crate::swap::{Asked, SwapError, Swapper};

/// The largest blob.
const MAX_BLOB: usize = 64 << 20;
/// The largest request that is not a blob.
const MAX_REQUEST: usize = 1 << 20;
/// The most receipts, or letters, of an answer.
pub(super) const MAX_PAGE: u32 = 100;
/// How long what is sent may take.
const BODY: Duration = Duration::from_secs(60);
/// The longest key of a request.
const MAX_KEY: usize = 128;
/// Records that may be evaluated and not kept before it is not ready.
const MAX_LAG: u64 = 2 * crate::commit::MAX_AHEAD as u64;

type Shown = State<Arc<Swapper>>;

/// The routes.
pub(crate) fn router(swapper: Arc<Swapper>) -> Router {
    let blobs = put(blob).layer(DefaultBodyLimit::max(MAX_BLOB));
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/swaps", get(swaps).post(swap))
        .route("/v1/rollback", post(roll_back))
        .route("/v1/dead-letters", get(letters::list))
        .route("/v1/dead-letters/{id}", get(letters::show))
        .route("/v1/dead-letters/{id}/redrive", post(letters::redrive))
        .route("/v1/quarantine/release", post(letters::release))
        .route("/v1/what-if", post(trials::what_if))
        .route("/v1/shadow", get(trials::status).post(trials::shadow))
        .route("/v1/shadow/stop", post(trials::stop))
        .route("/v1/shadow/promote", post(trials::promote))
        .route("/metrics", get(figures))
        .route("/healthz", get(|| async { "lives\n" }))
        .route("/readyz", get(ready))
        .layer(DefaultBodyLimit::max(MAX_REQUEST))
        .route("/v1/blobs", blobs)
        .layer(axum::middleware::from_fn_with_state(
            Arc::clone(&swapper.audit),
            guard,
        ))
        .method_not_allowed_fallback(|| async {
            Refused::new(StatusCode::METHOD_NOT_ALLOWED, "it takes another method")
        })
        .fallback(|| async { Refused::new(StatusCode::NOT_FOUND, "there is no such thing here") })
        .with_state(swapper)
}

/// Lets nobody change anything who may not, before a byte of what is sent is read, and takes what
/// is sent within a time.
///
/// What is asked for is in the audit log before it is done, and what came of it before it is
/// answered: where that cannot be written, nothing is done.
async fn guard(
    State(audit): State<Arc<Books>>,
    request: Request,
    next: Next,
) -> Result<Response, Refused> {
    if request.method() == Method::GET {
        return Ok(next.run(request).await);
    }
    let peer = request.extensions().get::<Peer>().copied();
    let by = peer.map_or_else(|| "unknown".to_owned(), Peer::name);
    let object = request.uri().path().to_owned();
    let act = move |request: String, outcome: &'static str, detail: String| {
        let (audit, by, object) = (Arc::clone(&audit), by.clone(), object.clone());
        let enter = move || {
            let act = Act {
                by: &by,
                act: object.rsplit('/').next().unwrap_or_default(),
                object: &object,
                request: &request,
                outcome,
                detail: &detail,
            };
            match peer.is_some_and(Peer::may_change) {
                true => audit.enter(&act),
                false => audit.enter_refused(&act),
            }
        };
        async {
            let entered = tokio::task::spawn_blocking(enter).await;
            entered.map_err(Refused::inside)?.map_err(Refused::inside)
        }
    };
    if !peer.is_some_and(Peer::may_change) {
        act(String::new(), "refused", String::new()).await?;
        return Err(Refused::not_yours());
    }
    let (parts, body) = request.into_parts();
    let most = match parts.uri.path() {
        "/v1/blobs" => MAX_BLOB,
        _ => MAX_REQUEST,
    };
    let too_large = || {
        Refused::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("it has more than {most} bytes"),
        )
    };
    let length = parts.headers.get("content-length");
    let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > most) {
        return Err(too_large());
    }
    match tokio::time::timeout(BODY, axum::body::to_bytes(body, most)).await {
        Ok(Ok(body)) => {
            let request = Digest::of(&body).to_string();
            act(request.clone(), "asked", String::new()).await?;
            let answer = next.run(Request::from_parts(parts, body.into())).await;
            let (outcome, detail) = outcome(&answer);
            act(request, outcome, detail).await?;
            Ok(answer)
        }
        Ok(Err(_)) => Err(too_large()),
        Err(_) => Err(Refused::new(
            StatusCode::REQUEST_TIMEOUT,
            "what is sent takes more than 60 s",
        )),
    }
}

/// What an answer says of what was asked for.
fn outcome(answer: &Response) -> (&'static str, String) {
    match answer.extensions().get::<Why>() {
        Some(Why(why)) => ("refused", why.clone()),
        None if answer.status().is_success() => ("done", String::new()),
        None => ("refused", answer.status().to_string()),
    }
}

async fn figures(State(swapper): Shown) -> Response {
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    let text = metrics::text(&swapper.shared);
    ([("content-type", kind)], text).into_response()
}

async fn ready(State(swapper): Shown) -> Response {
    let shared = &swapper.shared;
    let evaluated = shared.evaluated.load(Ordering::Acquire);
    let lag = evaluated.saturating_sub(shared.committed.load(Ordering::Acquire));
    let why = match (
        shared.ready.load(Ordering::Acquire),
        shared.full.load(Ordering::Relaxed),
    ) {
        (false, _) => "it does not follow its sources yet",
        (_, true) => "there is no room on the disk, or the database is held by somebody",
        _ if lag > MAX_LAG => "what is evaluated waits to be kept",
        _ => match network_down(shared).or_else(|| {
            let source = shared.captures.down()?;
            Some(format!("source `{source}` cannot be read"))
        }) {
            Some(why) => return Refused::new(StatusCode::SERVICE_UNAVAILABLE, why).into_response(),
            None => return "ready\n".into_response(),
        },
    };
    Refused::new(StatusCode::SERVICE_UNAVAILABLE, why).into_response()
}

/// A network source that is down, and why.
fn network_down(shared: &Shared) -> Option<String> {
    shared.networks.iter().find_map(|network| {
        let (link, problem) = network.link();
        let problem = problem.unwrap_or_default();
        (link == Link::Down).then(|| format!("source `{}` is down: {problem}", network.name))
    })
}

async fn status(State(swapper): Shown) -> Json<Value> {
    let shared = &swapper.shared;
    let (active, figures) = (shared.active(), shared.figures());
    let plugins = active.composition.plugins.iter().map(|plugin| {
        let known = figures
            .summary
            .plugins
            .iter()
            .find(|known| (&known.name, &known.pack) == (&plugin.name, &plugin.pack));
        json!({
            "pack": plugin.pack,
            "name": plugin.name,
            "digest": plugin.digest,
            "origin": plugin.origin,
            "settings": serde_json::from_str::<Value>(&plugin.settings).unwrap_or_default(),
            "quarantined": known.is_some_and(|known| known.quarantined),
            "faults": known.map_or(0, |known| known.cost.faults),
            "events": known.map_or(0, |known| known.cost.events),
            "yielded": known.map_or(0, |known| known.yielded),
        })
    });
    let sources = figures
        .positions
        .iter()
        .map(|at| json!({ "name": at.source.name, "tenant": at.source.tenant, "events": at.next }));
    let before = active.before.iter().rev();
    let (audited, head) = swapper.audit.head();
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "ready": shared.ready.load(Ordering::Acquire),
        "full": shared.full.load(Ordering::Relaxed),
        "up_seconds": shared.began.elapsed().as_secs(),
        "generation": active.generation,
        "composition": active.composition.digest(),
        "plugins": plugins.collect::<Vec<_>>(),
        "datasets": active.composition.datasets,
        "networks": active.composition.networks,
        "rollback": before.map(|before| json!({
            "composition": before.digest(),
            "changes": active.composition.changes(before),
        })).collect::<Vec<_>>(),
        "sources": sources.collect::<Vec<_>>(),
        "links": shared.networks.iter().map(|n| n.shown()).collect::<Vec<_>>(),
        "captures": shared.captures.json(),
        "events": figures.summary.total_events(),
        "findings": figures.summary.findings,
        "decisions": figures.summary.decisions,
        "faults": figures.summary.faults,
        "audit": { "entries": audited, "head": head },
        "dead_letters": {
            "kept": shared.letters.load(Ordering::Relaxed),
            "dropped": shared.letters_dropped.load(Ordering::Relaxed),
        },
        "evidence": shared.evidence.rows().map(|(name, _, _, count)| (name, count)).into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        "evaluated": shared.evaluated.load(Ordering::Acquire),
        "committed": shared.committed.load(Ordering::Acquire),
    }))
}

async fn blob(State(swapper): Shown, body: Bytes) -> Result<Json<Value>, Refused> {
    let put = tokio::task::spawn_blocking(move || swapper.store.put(&body[..], MAX_BLOB as u64));
    let blob = put.await.map_err(Refused::inside)?;
    let blob = blob.map_err(Refused::inside)?;
    Ok(Json(
        json!({ "digest": blob.digest.to_string(), "bytes": blob.size }),
    ))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Page {
    after: u64,
    limit: u32,
}

impl Default for Page {
    fn default() -> Page {
        Page {
            after: 0,
            limit: MAX_PAGE,
        }
    }
}

async fn swaps(
    State(swapper): Shown,
    page: Result<Query<Page>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Value>, Refused> {
    let Query(page) = page.map_err(|e| Refused::new(StatusCode::BAD_REQUEST, e.body_text()))?;
    let limit = page.limit.min(MAX_PAGE);
    let read = tokio::task::spawn_blocking(move || {
        Swaps::open(&swapper.database)?.list(page.after, limit)
    });
    let receipts = read.await.map_err(Refused::inside)?;
    let receipts = receipts.map_err(Refused::inside)?;
    let receipts: Vec<Value> = receipts
        .iter()
        .map(|json| serde_json::from_str(json).unwrap_or_default())
        .collect();
    let last = receipts.last().and_then(|last| last["generation"].as_u64());
    let more = receipts.len() == limit as usize;
    Ok(Json(
        json!({ "swaps": receipts, "next": last.filter(|_| more) }),
    ))
}

/// The key of a request, if it has one.
fn key(headers: &HeaderMap) -> Result<Option<String>, Refused> {
    let Some(key) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let visible = |key: &&str| {
        (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
    };
    match key.to_str().ok().filter(visible) {
        Some(key) => Ok(Some(key.to_owned())),
        None => Err(Refused::new(
            StatusCode::BAD_REQUEST,
            "an Idempotency-Key has 1 to 128 visible ASCII characters",
        )),
    }
}

/// Changes what runs, unless the same request was done before.
pub(super) async fn changed<R: Serialize>(
    swapper: Arc<Swapper>,
    peer: Peer,
    headers: &HeaderMap,
    change: impl FnOnce(&Swapper, &Asked) -> Result<R, SwapError> + Send + 'static,
) -> Result<Json<Value>, Refused> {
    let asked = Asked {
        by: peer.name(),
        key: key(headers)?,
    };
    let done = tokio::task::spawn_blocking(move || -> Result<Value, Refused> {
        let receipt = change(&swapper, &asked)?;
        serde_json::to_value(receipt).map_err(Refused::inside)
    });
    Ok(Json(done.await.map_err(Refused::inside)??))
}

pub(super) type Body = Result<Json<Change>, JsonRejection>;

pub(super) fn read(body: Body) -> Result<Change, Refused> {
    match body {
        Ok(Json(change)) => Ok(change),
        Err(error) => Err(Refused::new(error.status(), error.body_text())),
    }
}

async fn swap(
    State(swapper): Shown,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Refused> {
    let change = read(body)?;
    let swap = move |swapper: &Swapper, asked: &Asked| swapper.swap(&change, asked);
    changed(swapper, peer, &headers, swap).await
}

async fn roll_back(
    State(swapper): Shown,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Refused> {
    let change = read(body)?;
    let back = move |swapper: &Swapper, asked: &Asked| swapper.roll_back(&change, asked);
    changed(swapper, peer, &headers, back).await
}
