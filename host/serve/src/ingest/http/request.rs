//! What a request says, and its body, within bounds.

use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use tokio::time::{Instant, timeout, timeout_at};

/// The longest key of a request.
const MAX_KEY: usize = 128;
/// The longest name of a log.
const MAX_LOG: usize = 64;
/// What is still read of a body that is refused, so that whoever sends it reads the answer.
const MAX_DRAINED: usize = 4 << 20;
/// How long that may take.
const DRAINED: Duration = Duration::from_secs(2);

/// Why a body cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoBody {
    TooLarge,
    Slow,
    Broken,
}

/// The bearer token of a request.
pub(super) fn token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether a body is said to be JSON, and bare.
///
/// # Errors
/// What is wrong.
pub(super) fn media_type(headers: &HeaderMap) -> Result<(), String> {
    let text = |value: Option<&hyper::header::HeaderValue>| {
        let value = value.and_then(|value| value.to_str().ok());
        value.unwrap_or_default().trim().to_ascii_lowercase()
    };
    let encoding = text(headers.get(CONTENT_ENCODING));
    if !matches!(encoding.as_str(), "" | "identity") {
        return Err(format!(
            "`Content-Encoding: {}`: send it as it is",
            encoding.escape_debug()
        ));
    }
    let said = text(headers.get(CONTENT_TYPE));
    let name = said.split(';').next().unwrap_or_default().trim();
    let known = [
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonl",
        "application/json",
    ];
    match known.contains(&name) {
        true => Ok(()),
        false => Err(format!(
            "`Content-Type: {}`: send application/x-ndjson",
            name.escape_debug()
        )),
    }
}

/// The key of a request, if it has one.
///
/// # Errors
/// When it is none.
pub(super) fn key(headers: &HeaderMap) -> Result<Option<String>, String> {
    let Some(key) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let visible = |key: &&str| {
        (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
    };
    match key.to_str().ok().filter(visible) {
        Some(key) => Ok(Some(key.to_owned())),
        None => Err("an Idempotency-Key has 1 to 128 visible ASCII characters".to_owned()),
    }
}

/// The name of a log that the query says.
///
/// # Errors
/// When it is none.
pub(super) fn log(query: Option<&str>) -> Result<Option<&str>, String> {
    let Some(query) = query.filter(|query| !query.is_empty()) else {
        return Ok(None);
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    match query.strip_prefix("log=") {
        Some(name) if (1..=MAX_LOG).contains(&name.len()) && name.chars().all(plain) => {
            Ok(Some(name))
        }
        _ => Err(
            "the query may say `log=NAME`, of 1 to 64 letters, digits, dots, hyphens and underscores"
                .to_owned(),
        ),
    }
}

/// How long the body is said to be; `None`: it is not said.
pub(super) fn length(body: &Incoming) -> Option<u64> {
    body.size_hint().exact()
}

/// Reads a body of so many bytes at most, within a time, without longer pauses.
///
/// # Errors
/// When it is larger, slower, or breaks off.
pub(super) async fn read(
    body: &mut Incoming,
    most: usize,
    (whole, pause): (Duration, Duration),
) -> Result<Vec<u8>, NoBody> {
    let until = Instant::now() + whole;
    let mut bytes = Vec::new();
    loop {
        let end = until.min(Instant::now() + pause);
        match timeout_at(end, body.frame()).await {
            Err(_) => return Err(NoBody::Slow),
            Ok(None) => return Ok(bytes),
            Ok(Some(Err(_))) => return Err(NoBody::Broken),
            Ok(Some(Ok(frame))) => {
                // Trailers say nothing here.
                if let Some(data) = frame.data_ref() {
                    if bytes.len() + data.len() > most {
                        return Err(NoBody::TooLarge);
                    }
                    bytes.extend_from_slice(data);
                }
            }
        }
    }
}

/// Reads some more of a body that is refused: whoever is still sending may not read an answer
/// otherwise.
pub(super) async fn drain(mut body: Incoming) {
    let rest = async {
        let mut read = 0;
        while let Some(Ok(frame)) = body.frame().await {
            read += frame.data_ref().map_or(0, |data| data.len());
            if read > MAX_DRAINED {
                break;
            }
        }
    };
    let _ = timeout(DRAINED, rest).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_request_says_is_bounded() {
        let with = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            headers
        };
        assert_eq!(token(&with("authorization", "bearer  abc")), Some("abc"));
        assert_eq!(token(&with("authorization", "Basic abc")), None);
        assert_eq!(token(&HeaderMap::new()), None);
        assert!(media_type(&with("content-type", "Application/X-NDJSON; charset=utf-8")).is_ok());
        for wrong in ["application/x-www-form-urlencoded", "text/html", "json", ""] {
            assert!(media_type(&with("content-type", wrong)).is_err(), "{wrong}");
        }
        let mut packed = with("content-type", "application/json");
        packed.insert("content-encoding", "gzip".parse().unwrap());
        assert!(media_type(&packed).is_err());
        let long = "k".repeat(MAX_KEY);
        assert_eq!(key(&with("idempotency-key", &long)), Ok(Some(long.clone())));
        assert!(key(&with("idempotency-key", &(long + "k"))).is_err());
        assert!(key(&with("idempotency-key", "a b")).is_err());
        assert_eq!(log(Some("log=dns.log")), Ok(Some("dns.log")));
        assert_eq!((log(None), log(Some(""))), (Ok(None), Ok(None)));
        let long = format!("log={}", "l".repeat(MAX_LOG + 1));
        for wrong in ["log=", "log=a/b", "log=a%20", "dns=log", &long] {
            assert!(log(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
