//! Heads: request or status line and header fields, read by `httparse`.

use httparse::{Error, Header, ParserConfig, Status};
use iot_wire::{Fault, clip, text};

use crate::target::{self, Target};

/// Header fields that are read at first; a head with more is read again with
/// [`MANY_FIELDS`].
const FIELDS: usize = 64;
/// Header fields that are read at most.
const MANY_FIELDS: usize = 2_048;
/// Bytes of a user agent or a media type that are kept.
const MAX_TEXT: usize = 512;

/// How long a body is (RFC 9112, section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// That many bytes.
    Length(u64),
    /// Chunks, the last one empty.
    Chunked,
    /// All until the connection ends.
    UntilClose,
}

/// Header fields that carry a credential, as the event's data items name them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Credentials(u8);

impl Credentials {
    const NAMES: [&'static str; 4] = [
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
    ];

    fn note(&mut self, name: &str) {
        if let Some(bit) = Self::NAMES
            .iter()
            .position(|known| name.eq_ignore_ascii_case(known))
        {
            self.0 |= 1 << bit;
        }
    }

    /// The names of the fields that were there.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES
            .into_iter()
            .enumerate()
            .filter(move |(bit, _)| self.0 >> bit & 1 == 1)
            .map(|(_, name)| name)
    }
}

/// What is kept of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Method as sent.
    pub method: String,
    /// Host, path and query.
    pub target: Target,
    /// User agent.
    pub user_agent: Option<String>,
    /// Credentials in the header.
    pub credentials: Credentials,
    /// Whether it asks to leave HTTP: CONNECT, or an `Upgrade` field.
    pub leaves: bool,
}

impl Request {
    /// Bytes of text that it holds.
    #[must_use]
    pub fn size(&self) -> usize {
        self.method.len()
            + self.target.host.len()
            + self.target.path.len()
            + self.target.query.as_ref().map_or(0, String::len)
            + self.user_agent.as_ref().map_or(0, String::len)
    }
}

/// What is kept of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Media type without parameters, in lower case.
    pub mime: Option<String>,
    /// Credentials in the header.
    pub credentials: Credentials,
}

fn config() -> ParserConfig {
    // What servers and clients in the field forgive is forgiven here too: a stricter
    // parser than theirs would be a way past it.
    let mut config = ParserConfig::default();
    config
        .allow_multiple_spaces_in_request_line_delimiters(true)
        .allow_multiple_spaces_in_response_status_delimiters(true)
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .ignore_invalid_headers_in_requests(true)
        .ignore_invalid_headers_in_responses(true);
    config
}

/// Finds the empty line that ends a head; returns the length of the head with it.
/// Bytes before `scanned` are known not to end one.
#[must_use]
pub fn end_of_head(bytes: &[u8], scanned: usize) -> Option<usize> {
    let start = scanned.saturating_sub(3);
    let window = bytes.get(start..)?;
    for newline in memchr::memchr_iter(b'\n', window) {
        match window.get(newline + 1..) {
            Some([b'\n', ..]) => return Some(start + newline + 2),
            Some([b'\r', b'\n', ..]) => return Some(start + newline + 3),
            _ => {}
        }
    }
    None
}

/// Reads a whole request head.
///
/// # Errors
/// When the request line is none, or the length of the body is contradictory.
pub fn request(head: &[u8]) -> Result<(Request, Body), Fault> {
    match with_fields(head, |bytes, fields| read_request(bytes, fields)) {
        Err(Error::Token) if first_line(head).iter().any(|&byte| byte >= 0x80) => {
            let encoded = percent_encoded(head);
            with_fields(&encoded, |bytes, fields| read_request(bytes, fields))
                .unwrap_or_else(|error| Err(located_request(&encoded, error)))
                .map_err(|fault| Fault {
                    offset: fault.offset.min(head.len()),
                    ..fault
                })
        }
        result => result.unwrap_or_else(|error| Err(located_request(head, error))),
    }
}

/// Reads a whole response head; the body's length is as the header fields say, whatever
/// the status.
///
/// # Errors
/// When the status line is none, or the length of the body is contradictory.
pub fn response(head: &[u8]) -> Result<(Response, Body), Fault> {
    with_fields(head, |bytes, fields| read_response(bytes, fields)).unwrap_or_else(|error| {
        let parse = |prefix: &[u8]| {
            let mut fields = [httparse::EMPTY_HEADER; FIELDS];
            let mut response = httparse::Response::new(&mut fields);
            config().parse_response(&mut response, prefix).is_err()
        };
        Err(Fault {
            offset: locate(head, parse),
            expected: expected(error),
        })
    })
}

/// Reads with room for few fields, and again with room for many.
fn with_fields<'a, T>(
    head: &'a [u8],
    read: impl Fn(&'a [u8], &mut [Header<'a>]) -> Result<T, Error>,
) -> Result<T, Error> {
    match read(head, &mut [httparse::EMPTY_HEADER; FIELDS]) {
        Err(Error::TooManyHeaders) => read(head, &mut vec![httparse::EMPTY_HEADER; MANY_FIELDS]),
        result => result,
    }
}

type Read<T> = Result<Result<(T, Body), Fault>, Error>;

fn read_request<'a>(head: &'a [u8], fields: &mut [Header<'a>]) -> Read<Request> {
    let mut request = httparse::Request::new(fields);
    let Status::Complete(_) = config().parse_request(&mut request, head)? else {
        return Err(Error::NewLine);
    };
    let (method, path) = (
        request.method.unwrap_or_default(),
        request.path.unwrap_or_default(),
    );
    let mut host = None;
    let mut user_agent = None;
    let mut credentials = Credentials::default();
    let mut leaves = method == "CONNECT";
    for field in request.headers.iter() {
        if field.name.eq_ignore_ascii_case("host") {
            host.get_or_insert(text(field.value, target::MAX_HOST + 8));
        } else if field.name.eq_ignore_ascii_case("user-agent") {
            user_agent.get_or_insert_with(|| text(field.value, MAX_TEXT).into_owned());
        } else if field.name.eq_ignore_ascii_case("upgrade") {
            leaves = true;
        } else {
            credentials.note(field.name);
        }
    }
    let body = body(request.headers, Body::Length(0));
    Ok(body.map(|body| {
        let kept = Request {
            method: clip(method, 32).to_owned(),
            target: target::split(method, path, host.as_deref()),
            user_agent,
            credentials,
            leaves,
        };
        (kept, body)
    }))
}

fn read_response<'a>(head: &'a [u8], fields: &mut [Header<'a>]) -> Read<Response> {
    let mut response = httparse::Response::new(fields);
    let Status::Complete(_) = config().parse_response(&mut response, head)? else {
        return Err(Error::NewLine);
    };
    let mut mime = None;
    let mut credentials = Credentials::default();
    for field in response.headers.iter() {
        if field.name.eq_ignore_ascii_case("content-type") {
            let value = text(field.value, MAX_TEXT);
            let bare = value
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .to_ascii_lowercase();
            mime = Some(bare).filter(|bare| !bare.is_empty());
        } else {
            credentials.note(field.name);
        }
    }
    let kept = Response {
        status: response.code.unwrap_or_default(),
        mime,
        credentials,
    };
    Ok(body(response.headers, Body::UntilClose).map(|body| (kept, body)))
}

/// The length of the body by the header fields; `none` when they say nothing.
fn body(fields: &[Header<'_>], none: Body) -> Result<Body, Fault> {
    let mut length = None;
    let mut coded = None;
    for field in fields {
        if field.name.eq_ignore_ascii_case("transfer-encoding") {
            // The last coding of the last field decides.
            let last = field
                .value
                .rsplit(|&byte| byte == b',')
                .next()
                .unwrap_or_default();
            coded = Some(last.trim_ascii().eq_ignore_ascii_case(b"chunked"));
        } else if field.name.eq_ignore_ascii_case("content-length") {
            for part in field.value.split(|&byte| byte == b',') {
                let part = std::str::from_utf8(part.trim_ascii()).unwrap_or_default();
                let valid = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
                let value = part.parse::<u64>().ok().filter(|_| valid);
                if value.is_none() || length.is_some_and(|length| Some(length) != value) {
                    return Err(Fault {
                        offset: 0,
                        expected: "one Content-Length, in digits",
                    });
                }
                length = value;
            }
        }
    }
    Ok(match (coded, length) {
        (Some(true), _) => Body::Chunked,
        (Some(false), _) => none,
        (None, Some(length)) => Body::Length(length),
        (None, None) => none,
    })
}

fn first_line(head: &[u8]) -> &[u8] {
    head.split(|&byte| byte == b'\n').next().unwrap_or_default()
}

/// The head with bytes of its first line that a target may not hold percent-encoded,
/// as browsers do it.
fn percent_encoded(head: &[u8]) -> Vec<u8> {
    let line = first_line(head).len();
    let mut out = Vec::with_capacity(head.len() + 32);
    for (index, &byte) in head.iter().enumerate() {
        if index < line && byte >= 0x80 {
            out.extend(format!("%{byte:02X}").bytes());
        } else {
            out.push(byte);
        }
    }
    out
}

fn located_request(head: &[u8], error: Error) -> Fault {
    let parse = |prefix: &[u8]| {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS];
        let mut request = httparse::Request::new(&mut fields);
        config().parse_request(&mut request, prefix).is_err()
    };
    Fault {
        offset: locate(head, parse),
        expected: expected(error),
    }
}

/// `httparse` does not say where: the shortest prefix that fails does.
fn locate(head: &[u8], fails: impl Fn(&[u8]) -> bool) -> usize {
    let (mut good, mut bad) = (0, head.len());
    while good + 1 < bad {
        let middle = good + (bad - good) / 2;
        if fails(head.get(..middle).unwrap_or_default()) {
            bad = middle;
        } else {
            good = middle;
        }
    }
    good
}

fn expected(error: Error) -> &'static str {
    match error {
        Error::Token => "a method and a request target",
        Error::Version => "HTTP/1.0 or HTTP/1.1",
        Error::Status => "a status code of three digits",
        Error::NewLine => "the end of a line",
        Error::HeaderName => "the name of a header field",
        Error::HeaderValue => "the value of a header field",
        Error::TooManyHeaders => "at most 2,048 header fields",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_end_of_a_head_wherever_the_scan_begins() {
        for bytes in [
            &b"GET / HTTP/1.1\r\nA: b\r\n\r\nrest"[..],
            b"GET / HTTP/1.1\nA: b\n\nrest",
        ] {
            let end = bytes.len() - 4;
            for scanned in 0..end {
                assert_eq!(end_of_head(bytes, scanned), Some(end), "{scanned}");
                assert_eq!(end_of_head(&bytes[..scanned], 0), None);
            }
        }
    }

    #[test]
    fn reads_what_servers_forgive() {
        let (kept, body) =
            request(b"GET  /caf\xe9?a  HTTP/1.1\r\nHost: a\r\nBad\x01Name: 1\r\nX: \x01\r\n\r\n")
                .unwrap();
        assert_eq!(
            (kept.target.path.as_str(), body),
            ("/caf%E9", Body::Length(0))
        );
        let mut many = b"GET / HTTP/1.1\r\n".to_vec();
        for index in 0..500 {
            many.extend(format!("X-{index}: y\r\n").bytes());
        }
        many.extend(b"Host: late.test\r\n\r\n");
        assert_eq!(request(&many).unwrap().0.target.host, "late.test");
    }

    #[test]
    fn bodies_are_as_long_as_the_fields_say() {
        let cases: &[(&str, Result<Body, &str>)] = &[
            ("Content-Length: 12\r\n", Ok(Body::Length(12))),
            ("Content-Length: 12, 12\r\n", Ok(Body::Length(12))),
            (
                "Content-Length: 1\r\nContent-Length: 2\r\n",
                Err("one Content-Length, in digits"),
            ),
            (
                "Content-Length: +1\r\n",
                Err("one Content-Length, in digits"),
            ),
            (
                "Transfer-Encoding: gzip, Chunked\r\nContent-Length: 3\r\n",
                Ok(Body::Chunked),
            ),
            ("Transfer-Encoding: gzip\r\n", Ok(Body::UntilClose)),
            ("", Ok(Body::UntilClose)),
        ];
        for (fields, expected) in cases {
            let head = format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
            let found = response(head.as_bytes())
                .map(|(_, body)| body)
                .map_err(|f| f.expected);
            assert_eq!(found, *expected, "{fields}");
        }
    }

    #[test]
    fn faults_say_where() {
        assert_eq!(
            request(b"GET / HTTP/1.1x\r\n\r\n").unwrap_err(),
            Fault {
                offset: 14,
                expected: "the end of a line"
            }
        );
        assert_eq!(
            response(b"HTTP/1.1 2x0 OK\r\n\r\n").unwrap_err(),
            Fault {
                offset: 10,
                expected: "a status code of three digits"
            }
        );
    }
}
