//! Dead letters and quarantine, as the control interface has them.

use std::sync::Arc;

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::{Extension, Json};
use palisade_sinks::{KeptLetter, LetterQuery, Letters};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::Refused;
use super::connection::Peer;
use super::routes::{MAX_PAGE, changed};
use crate::swap::Swapper;

/// Which letters are asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Page {
    after: String,
    limit: u32,
    plugin: Option<String>,
    open: bool,
}

impl Default for Page {
    fn default() -> Page {
        Page {
            after: "0-0".to_owned(),
            limit: MAX_PAGE,
            plugin: None,
            open: false,
        }
    }
}

fn id(text: &str) -> Result<(u64, u32), Refused> {
    let id = text.split_once('-');
    let id = id.and_then(|(epoch, number)| Some((epoch.parse().ok()?, number.parse().ok()?)));
    let problem = || format!("`{text}` is no id of a letter, which is such as 17-0");
    id.ok_or_else(|| Refused::new(StatusCode::BAD_REQUEST, problem()))
}

/// A letter, for whoever asks; of a list without the event.
fn shown(kept: &KeptLetter, whole: bool) -> Value {
    let letter = &kept.letter;
    let mut value = json!({
        "id": format!("{}-{}", kept.id.0, kept.id.1),
        "kept": kept.kept,
        "time": letter.time,
        "tenant": letter.tenant,
        "source": letter.source,
        "plugin": letter.plugin.as_ref().map(|plugin| json!({
            "pack": plugin.pack,
            "name": plugin.name,
            "digest": plugin.digest,
            "export": plugin.export,
        })),
        "event_ref": letter.event_ref,
        "reason": letter.reason,
        "whole": letter.whole,
        "redriven": kept.redriven,
    });
    if whole {
        let what = serde_json::from_str(&letter.json);
        value["event"] = what.unwrap_or_else(|_| Value::String(letter.json.clone()));
        value["backtrace"] = letter.backtrace.lines().collect();
    }
    value
}

/// `GET /v1/dead-letters`.
pub(super) async fn list(
    State(swapper): State<Arc<Swapper>>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<Value>, Refused> {
    let Query(page) = page.map_err(|e| Refused::new(StatusCode::BAD_REQUEST, e.body_text()))?;
    let limit = page.limit.min(MAX_PAGE);
    let query = LetterQuery {
        after: id(&page.after)?,
        plugin: page.plugin,
        open: page.open,
    };
    let read =
        tokio::task::spawn_blocking(move || Letters::open(&swapper.database)?.list(&query, limit));
    let letters = read.await.map_err(Refused::inside)?;
    let letters = letters.map_err(Refused::inside)?;
    let more = letters.len() == limit as usize && limit > 0;
    let last = letters.last().filter(|_| more);
    Ok(Json(json!({
        "letters": letters.iter().map(|letter| shown(letter, false)).collect::<Vec<_>>(),
        "next": last.map(|last| format!("{}-{}", last.id.0, last.id.1)),
    })))
}

/// `GET /v1/dead-letters/{id}`.
pub(super) async fn show(
    State(swapper): State<Arc<Swapper>>,
    Path(named): Path<String>,
) -> Result<Json<Value>, Refused> {
    let of = id(&named)?;
    let read = tokio::task::spawn_blocking(move || Letters::open(&swapper.database)?.get(of));
    let letter = read.await.map_err(Refused::inside)?;
    let letter = letter.map_err(Refused::inside)?;
    let letter = letter.ok_or_else(|| {
        let problem = format!("there is no letter {named}; it may have been too old to be kept");
        Refused::new(StatusCode::NOT_FOUND, problem)
    })?;
    Ok(Json(shown(&letter, true)))
}

/// `POST /v1/dead-letters/{id}/redrive`.
pub(super) async fn redrive(
    State(swapper): State<Arc<Swapper>>,
    Extension(peer): Extension<Peer>,
    Path(named): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refused> {
    let of = id(&named)?;
    changed(swapper, peer, &headers, move |swapper, asked| {
        swapper.redrive(of, asked)
    })
    .await
}

/// A plugin.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Named {
    pack: String,
    name: String,
}

/// `POST /v1/quarantine/release`.
pub(super) async fn release(
    State(swapper): State<Arc<Swapper>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Result<Json<Named>, JsonRejection>,
) -> Result<Json<Value>, Refused> {
    let Json(named) = body.map_err(|error| Refused::new(error.status(), error.body_text()))?;
    changed(swapper, peer, &headers, move |swapper, asked| {
        swapper.release((&named.pack, &named.name), asked)
    })
    .await
}
