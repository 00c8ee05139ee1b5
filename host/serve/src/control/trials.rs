//! Trials, as the control interface has them.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::HeaderMap;
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::Value;

use super::answer::Refused;
use super::connection::Peer;
use super::routes::{Body, changed, read};
use crate::composition::Change;
use crate::swap::Swapper;

/// What is asked of the past.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Past {
    change: Change,
    seconds: u64,
}

/// `POST /v1/what-if`.
pub(super) async fn what_if(
    State(swapper): State<Arc<Swapper>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Result<Json<Past>, JsonRejection>,
) -> Result<Json<Value>, Refused> {
    let Json(past) = body.map_err(|error| Refused::new(error.status(), error.body_text()))?;
    changed(swapper, peer, &headers, move |swapper, _| {
        swapper.what_if(&past.change, past.seconds)
    })
    .await
}

/// `GET /v1/shadow`.
pub(super) async fn status(State(swapper): State<Arc<Swapper>>) -> Json<Value> {
    Json(swapper.trials.status())
}

/// `POST /v1/shadow`.
pub(super) async fn shadow(
    State(swapper): State<Arc<Swapper>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Refused> {
    let change = read(body)?;
    changed(swapper, peer, &headers, move |swapper, asked| {
        swapper.shadow(&change, asked)
    })
    .await
}

/// `POST /v1/shadow/stop`.
pub(super) async fn stop(
    State(swapper): State<Arc<Swapper>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refused> {
    changed(swapper, peer, &headers, |swapper, _| swapper.stop_shadow()).await
}

/// `POST /v1/shadow/promote`.
pub(super) async fn promote(
    State(swapper): State<Arc<Swapper>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refused> {
    changed(swapper, peer, &headers, |swapper, asked| {
        swapper.promote(asked)
    })
    .await
}
