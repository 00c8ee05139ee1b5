//! Answers to what is posted.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Method, Request, Response, StatusCode};
use palisade_pipeline::engine::Clock;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::request::{self, NoBody};
use super::strangers::Stranger;
use super::{PATH, Site};
use crate::ingest::delivered::Answer;
use crate::ingest::intake::{Delivery, Refusal, Reply, Wanted};
use crate::ingest::network::Cause;
use crate::ingest::secret::{self, NoToken};

/// How long a body may wait until it is kept before nobody can say whether it was.
const ANSWER: Duration = Duration::from_secs(60);
/// When what was refused for want of room should be tried again, in seconds.
const LATER: &str = "1";

type Answered = Response<Full<Bytes>>;

/// Why a request is not done.
struct Refused {
    status: StatusCode,
    problem: String,
    told: Answer,
    cause: Cause,
}

impl Refused {
    fn new(status: StatusCode, cause: Cause, problem: impl Into<String>) -> Refused {
        Refused {
            status,
            problem: problem.into(),
            told: Answer::default(),
            cause,
        }
    }
}

fn errors(answer: &Answer) -> Value {
    let errors = answer.errors.iter();
    errors
        .map(|error| json!({ "line": error.line, "reason": error.reason }))
        .collect()
}

fn response(status: StatusCode, body: &Value) -> Answered {
    let mut response = Response::new(Full::new(Bytes::from(format!("{body}\n"))));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

/// Answers a request.
pub(super) async fn answer(
    site: &Arc<Site>,
    stranger: &Stranger,
    request: Request<Incoming>,
) -> Result<Answered, Infallible> {
    let (parts, mut body) = request.into_parts();
    let refused = match post(site, stranger, &parts, &mut body).await {
        Ok(answered) => return Ok(answered),
        Err(refused) => refused,
    };
    request::drain(body).await;
    // What became of a body is counted where that is decided.
    if refused.cause != Cause::Accepted {
        site.network.count(refused.cause);
    }
    let error = json!({
        "problem": refused.problem,
        "bad": refused.told.bad,
        "errors": errors(&refused.told),
    });
    let mut response = response(refused.status, &json!({ "error": error }));
    let headers = response.headers_mut();
    match refused.status {
        // Whoever has no token has no business here for long.
        StatusCode::UNAUTHORIZED => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(LATER));
        }
        _ => {}
    }
    Ok(response)
}

/// Whose token it is.
fn tenant(site: &Site, parts: &hyper::http::request::Parts) -> Result<usize, Refused> {
    let refused = |cause, problem: &str| Refused::new(StatusCode::UNAUTHORIZED, cause, problem);
    let Some(token) = request::token(&parts.headers) else {
        let problem = "say `Authorization: Bearer TOKEN`";
        return Err(refused(Cause::Unauthorized, problem));
    };
    let now = Clock::System.now().unwrap_or_default();
    secret::tenant(&site.tokens, token, now).map_err(|why| {
        site.teller.told("token", || {
            format!("a request with a token that is not good ({why:?}) is refused")
        });
        match why {
            NoToken::Unknown => refused(Cause::Unauthorized, "the token is not known here"),
            NoToken::Expired => refused(Cause::Expired, "the token has expired"),
        }
    })
}

async fn post(
    site: &Site,
    stranger: &Stranger,
    parts: &hyper::http::request::Parts,
    body: &mut Incoming,
) -> Result<Answered, Refused> {
    let wrong = |status, problem: String| Refused::new(status, Cause::Request, problem);
    if parts.uri.path() != PATH {
        let problem = format!("there is nothing here; POST to {PATH}");
        return Err(wrong(StatusCode::NOT_FOUND, problem));
    }
    if parts.method != Method::POST {
        return Err(wrong(
            StatusCode::METHOD_NOT_ALLOWED,
            "it takes POST".to_owned(),
        ));
    }
    // Before anything else is looked at, and a byte of the body is read.
    let tenant = tenant(site, parts)?;
    stranger.is_known();
    let Some(door) = site.doors.get(tenant).filter(|_| !site.is_ending()) else {
        return Err(ends());
    };
    let headers = &parts.headers;
    let no_type = |problem| {
        Refused::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Cause::MediaType,
            problem,
        )
    };
    request::media_type(headers).map_err(no_type)?;
    let bad = |problem| wrong(StatusCode::BAD_REQUEST, problem);
    let key = request::key(headers).map_err(bad)?;
    let log = request::log(parts.uri.query()).map_err(bad)?;
    let most = site.config.max_body_bytes;
    let too_large = || {
        let problem = format!("a body has {most} bytes at most; send it in parts");
        Refused::new(StatusCode::PAYLOAD_TOO_LARGE, Cause::TooLarge, problem)
    };
    let length = request::length(body);
    let length = length.map_or(Ok(most), usize::try_from);
    let length = length.ok().filter(|length| *length <= most);
    let length = length.ok_or_else(too_large)?;
    let Some(mut held) = door.room.hold(length) else {
        let problem = "as much as may wait does; try again later";
        let status = StatusCode::TOO_MANY_REQUESTS;
        return Err(Refused::new(status, Cause::Busy, problem));
    };
    let seconds = Duration::from_secs;
    let times = (
        seconds(site.config.body_seconds),
        seconds(site.config.idle_seconds),
    );
    let bytes = request::read(body, most, times).await;
    let bytes = bytes.map_err(|why| match why {
        NoBody::TooLarge => too_large(),
        NoBody::Slow => Refused::new(
            StatusCode::REQUEST_TIMEOUT,
            Cause::Slow,
            "the body, or a pause in it, takes too long",
        ),
        NoBody::Broken => Refused::new(StatusCode::BAD_REQUEST, Cause::Slow, "it broke off"),
    })?;
    if bytes.trim_ascii().is_empty() {
        return Err(bad("it holds no record".to_owned()));
    }
    held.shrink(bytes.len());
    let name = log.map_or_else(|| site.name.clone(), |log| format!("{}/{log}", site.name));
    let mark = match key {
        None => Wanted::Nothing,
        Some(key) => {
            let mut hasher = blake3::Hasher::new();
            hasher.update(&(name.len() as u64).to_le_bytes());
            hasher.update(name.as_bytes()).update(&bytes);
            Wanted::Key(key, *hasher.finalize().as_bytes())
        }
    };
    let (reply, replied) = oneshot::channel();
    let delivery = Delivery {
        name,
        bytes,
        mark,
        held,
        reply,
    };
    if door.deliveries.send(delivery).is_err() {
        return Err(ends());
    }
    match tokio::time::timeout(ANSWER, replied).await {
        Ok(Ok(reply)) => replied_with(reply),
        Ok(Err(_)) => Err(ends()),
        Err(_) => Err(Refused::new(
            StatusCode::SERVICE_UNAVAILABLE,
            Cause::Unavailable,
            "it is not kept yet, and may be later; send it again with the same Idempotency-Key",
        )),
    }
}

fn ends() -> Refused {
    Refused::new(
        StatusCode::SERVICE_UNAVAILABLE,
        Cause::Unavailable,
        "the server ends; send it again, with the same Idempotency-Key if it had one",
    )
}

/// What became of a body.
fn replied_with(reply: Reply) -> Result<Answered, Refused> {
    let refusal = match reply {
        Ok(taken) => {
            let body = json!({
                "events": taken.answer.events,
                "bad": taken.answer.bad,
                "errors": errors(&taken.answer),
            });
            let mut response = response(StatusCode::ACCEPTED, &body);
            if taken.again {
                let again = HeaderValue::from_static("true");
                response.headers_mut().insert("idempotent-replayed", again);
            }
            return Ok(response);
        }
        Err(refusal) => refusal,
    };
    let status = match refusal {
        Refusal::OtherBody => StatusCode::UNPROCESSABLE_ENTITY,
        Refusal::Kind(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Refusal::Unreadable(..) => StatusCode::BAD_REQUEST,
        Refusal::TooMany => StatusCode::PAYLOAD_TOO_LARGE,
    };
    let problem = refusal.to_string();
    let refused = Refused::new(status, Cause::Accepted, problem);
    Err(match refusal {
        Refusal::Unreadable(_, told) => Refused { told, ..refused },
        _ => refused,
    })
}
