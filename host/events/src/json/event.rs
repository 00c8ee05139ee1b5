//! Whole events in JSON.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::{
    Cx, Key, KeySeed, MISSING, Mode, Order, Record, TOLD_MISSING, Trail, absent, fill_value, twice,
    unknown, write_record, write_value,
};
use crate::digest::Digest;
use crate::event::{Envelope, Event, Source};
use crate::macros::{BodyVisitor, NewBodyVisitor};
use crate::mask::closest;
use crate::types::{Body, Kind};

/// Why a text is no event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// The line of the input, from 1, when the caller says so with [`at_line`](Self::at_line).
    pub line: Option<u64>,
    /// The byte of the line, from 1; 0 when unknown.
    pub column: usize,
    /// The field as a dotted path, such as `answers[2].ttl`; empty: the whole event.
    pub field: String,
    /// What is wrong with it, and what was expected.
    pub problem: String,
}

impl JsonError {
    /// Says which line of the input it was.
    #[must_use]
    pub fn at_line(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}, ")?;
        }
        if self.column > 0 {
            write!(f, "column {}: ", self.column)?;
        }
        if !self.field.is_empty() {
            write!(f, "field `{}`: ", self.field)?;
        }
        f.write_str(&self.problem)
    }
}

impl std::error::Error for JsonError {}

const ENVELOPE: [&str; 10] = [
    "kind",
    "time",
    "ingest_time",
    "tenant",
    "source",
    "seq",
    "tlp",
    "labels",
    "refs",
    "id",
];
const SCHEMA: &str = "schema";
/// Positions of envelope fields follow those that any body can have.
const BASE: usize = 64;
const TIME: u64 = 1 << 1;

/// Reads one event from one line.
///
/// Mandatory of the envelope are `kind` and `time`; `id` and `schema` are accepted and
/// ignored, the rest is what the producer claims: the host stamps anew. Where
/// `ingest_time` is absent it is the time of the event. The line is UTF-8 (RFC 8259, 8.1).
///
/// # Errors
/// With the field and what was expected there.
pub fn parse_event(line: &[u8], mode: Mode) -> Result<Event, JsonError> {
    parse_event_of(parse_kind(line)?, line, mode)
}

/// As [`parse_event`], of a line whose kind is known from [`parse_kind`].
///
/// # Errors
/// As [`parse_event`].
pub fn parse_event_of(kind: Kind, line: &[u8], mode: Mode) -> Result<Event, JsonError> {
    let trail = Trail::default();
    let cx = Cx {
        mode,
        trail: &trail,
    };
    let read = Body::visit_new(kind, ReadBody { line, cx });
    let (body, envelope) = read.map_err(|error| {
        let error = explain(&error, trail.path());
        if error.problem == MISSING {
            all_missing(kind, line, mode, error)
        } else {
            error
        }
    })?;
    Ok(Event { envelope, body })
}

/// What is told where a mandatory field is missing: the others that are missing as well.
fn all_missing(kind: Kind, line: &[u8], mode: Mode, mut error: JsonError) -> JsonError {
    let trail = Trail::listing();
    let cx = Cx {
        mode,
        trail: &trail,
    };
    // What comes to light before another error, if there is one, is missing all the same.
    let _ = Body::visit_new(kind, ReadBody { line, cx });
    let mut missing = trail.into_missing();
    let more = missing.len() > TOLD_MISSING;
    missing.truncate(TOLD_MISSING);
    missing.retain(|name| *name != error.field);
    if !missing.is_empty() {
        let end = if more { ", and more" } else { "" };
        error.problem = format!("{MISSING}; so are `{}`{end}", missing.join("`, `"));
    }
    error
}

/// Reads one event, or a list of events in brackets.
///
/// # Errors
/// As [`parse_event`]; in a list the field is led by the position, `[3].src.ip`.
pub fn parse_events(text: &[u8], mode: Mode) -> Result<Vec<Event>, JsonError> {
    if text.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'[') {
        return Ok(vec![parse_event(text, mode)?]);
    }
    let items: Vec<&serde_json::value::RawValue> =
        serde_json::from_slice(text).map_err(|error| explain(&error, String::new()))?;
    let read = items.iter().enumerate().map(|(at, item)| {
        parse_event(item.get().as_bytes(), mode).map_err(|mut error| {
            let dot = if error.field.is_empty() { "" } else { "." };
            error.field = format!("[{at}]{dot}{}", error.field);
            error
        })
    });
    read.collect()
}

fn explain(error: &serde_json::Error, field: String) -> JsonError {
    JsonError {
        line: None,
        column: error.column(),
        field,
        problem: json_problem(error),
    }
}

/// What the parser says, without the position, which has a place of its own. It quotes
/// values of the document, which may be long: of a long message the middle is left out.
pub fn json_problem(error: &serde_json::Error) -> String {
    const BEGIN: usize = 300;
    const END: usize = 100;
    let text = error.to_string();
    let problem = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |(problem, _)| problem);
    if problem.len() <= BEGIN + END {
        return problem.to_owned();
    }
    let begin = problem.floor_char_boundary(BEGIN);
    let end = problem.ceil_char_boundary(problem.len() - END);
    let part = |part: Option<&str>| part.unwrap_or_default().to_owned();
    part(problem.get(..begin)) + " … " + &part(problem.get(end..))
}

/// The kind of the event on a line: usually the first field, else the whole line is looked
/// through.
///
/// # Errors
/// When there is none, or it is no kind.
pub fn parse_kind(line: &[u8]) -> Result<Kind, JsonError> {
    struct First;

    impl<'de> Visitor<'de> for First {
        type Value = Option<Cow<'de, str>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an event, which is an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let find = |name: &str| (name == "kind").then_some(0);
            let mut kind = None;
            while let Some(key) = map.next_key_seed(KeySeed(find))? {
                match key {
                    Key::At(_) => kind = Some(map.next_value()?),
                    Key::Unknown(_) => {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
            }
            Ok(kind)
        }
    }

    let name = match first_kind(line) {
        Some(name) => Cow::Borrowed(name),
        None => {
            let mut json = serde_json::Deserializer::from_slice(line);
            let found = json
                .deserialize_map(First)
                .map_err(|e| explain(&e, String::new()))?;
            found.ok_or_else(|| JsonError {
                line: None,
                column: 0,
                field: "kind".to_owned(),
                problem: MISSING.to_owned(),
            })?
        }
    };
    Kind::from_name(&name).ok_or_else(|| {
        let hint = closest(&name, Kind::NAMES.iter().copied()).map_or_else(
            || format!("; there are `{}`", Kind::NAMES.join("`, `")),
            |known| format!("; did you mean `{known}`?"),
        );
        let shown = super::shorten(&name);
        JsonError {
            line: None,
            column: 0,
            field: "kind".to_owned(),
            problem: format!("`{shown}` is no kind of event{hint}"),
        }
    })
}

/// The kind when the line begins with it.
fn first_kind(line: &[u8]) -> Option<&str> {
    let rest = line.trim_ascii_start().strip_prefix(b"{")?;
    let rest = rest.trim_ascii_start().strip_prefix(b"\"kind\"")?;
    let rest = rest.trim_ascii_start().strip_prefix(b":")?;
    let rest = rest.trim_ascii_start().strip_prefix(b"\"")?;
    // No kind's name is longer.
    let end = rest.iter().take(64).position(|byte| *byte == b'"')?;
    let name = rest.get(..end)?;
    (!name.contains(&b'\\')).then(|| std::str::from_utf8(name).ok())?
}

struct ReadBody<'a, 'c> {
    line: &'a [u8],
    cx: Cx<'c>,
}

impl NewBodyVisitor for ReadBody<'_, '_> {
    type Output = Envelope;
    type Error = serde_json::Error;

    fn visit<R: Record>(self, body: &mut R) -> Result<Envelope, serde_json::Error> {
        // The line is checked at once, since to check its texts one by one takes longer.
        let checked = std::str::from_utf8(self.line);
        let valid = checked.map_or_else(|error| error.valid_up_to(), str::len);
        let text = checked.or_else(|_| std::str::from_utf8(&self.line[..valid]));
        let mut json = serde_json::Deserializer::from_str(text.unwrap_or_default());
        let read = ReadEvent { body, cx: self.cx }.deserialize(&mut json);
        let read = read.and_then(|envelope| json.end().map(|()| envelope));
        match read {
            // What comes before is sound, and leads to the field in which it is.
            Err(error) if valid < self.line.len() && !error.is_eof() => Err(error),
            _ if valid < self.line.len() => Err(serde_json::Error::custom(format_args!(
                "the text is not UTF-8 at line 1 column {}",
                valid + 1
            ))),
            read => read,
        }
    }
}

struct ReadEvent<'a, 'c, R> {
    body: &'a mut R,
    cx: Cx<'c>,
}

impl<'de, R: Record> DeserializeSeed<'de> for ReadEvent<'_, '_, R> {
    type Value = Envelope;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Envelope, D::Error> {
        from.deserialize_map(self)
    }
}

fn index<R: Record>(name: &str) -> Option<usize> {
    if let Some(at) = R::index(name) {
        return Some(at);
    }
    match name {
        SCHEMA => Some(BASE + ENVELOPE.len()),
        _ => ENVELOPE
            .iter()
            .position(|known| *known == name)
            .map(|at| at + BASE),
    }
}

impl<'de, R: Record> Visitor<'de> for ReadEvent<'_, '_, R> {
    type Value = Envelope;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event, which is an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Envelope, A::Error> {
        let Self { body, cx } = self;
        let mut envelope = Envelope::default();
        let mut claimed = Source::default();
        let (mut seen, mut seen_envelope) = (0u64, 0u64);
        while let Some(key) = map.next_key_seed(KeySeed(index::<R>))? {
            let at = match key {
                Key::At(at) => at,
                Key::Unknown(name) => {
                    let known = R::NAMES.iter().chain(&ENVELOPE).copied();
                    return Err(unknown(name, known, cx));
                }
            };
            let Some(of_envelope) = at.checked_sub(BASE) else {
                if seen & (1 << at) != 0 {
                    return Err(twice(R::NAMES[at], cx));
                }
                seen |= 1 << at;
                body.fill_field(at, &mut map, cx)?;
                continue;
            };
            let name = ENVELOPE.get(of_envelope).copied().unwrap_or(SCHEMA);
            if seen_envelope & (1 << of_envelope) != 0 {
                return Err(twice(name, cx));
            }
            seen_envelope |= 1 << of_envelope;
            match name {
                "time" => fill_value(&mut envelope.time, name, &mut map, cx)?,
                "ingest_time" => fill_value(&mut envelope.ingest_time, name, &mut map, cx)?,
                "tenant" => fill_value(&mut claimed.tenant, name, &mut map, cx)?,
                "source" => fill_value(&mut claimed.name, name, &mut map, cx)?,
                "seq" => fill_value(&mut envelope.seq, name, &mut map, cx)?,
                "tlp" => fill_value(&mut envelope.tlp, name, &mut map, cx)?,
                "labels" => fill_value(&mut envelope.labels, name, &mut map, cx)?,
                "refs" => fill_value(&mut envelope.refs, name, &mut map, cx)?,
                // The kind is known, and the id and the schema are the host's to say.
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if seen_envelope & TIME == 0 {
            absent("time", cx)?;
        }
        R::check_seen(seen, cx)?;
        if seen_envelope & (TIME << 1) == 0 {
            envelope.ingest_time = envelope.time;
        }
        if claimed != Source::default() {
            envelope.source = Arc::new(claimed);
        }
        Ok(envelope)
    }
}

/// An event as JSON has it, for any `serde` format.
#[derive(Clone, Copy, Debug)]
pub struct EventJson<'a> {
    /// The event.
    pub event: &'a Event,
    /// Its id, where the reader wants it.
    pub id: Option<Digest>,
}

impl Serialize for EventJson<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        struct WriteEvent<'a, S>(EventJson<'a>, S);

        impl<S: Serializer> BodyVisitor for WriteEvent<'_, S> {
            type Output = Result<S::Ok, S::Error>;

            fn visit<R: Record>(self, body: &R) -> Self::Output {
                let Self(EventJson { event, id }, to) = self;
                let Event { envelope, .. } = event;
                let order = Order::Declared;
                let mut map = to.serialize_map(None)?;
                map.serialize_entry("kind", event.kind().name())?;
                if let Some(id) = id {
                    map.serialize_entry("id", &id)?;
                }
                write_value(&envelope.time, "time", &mut map, order)?;
                write_value(&envelope.ingest_time, "ingest_time", &mut map, order)?;
                write_value(&envelope.source.tenant, "tenant", &mut map, order)?;
                write_value(&envelope.source.name, "source", &mut map, order)?;
                write_value(&envelope.seq, "seq", &mut map, order)?;
                write_value(&envelope.tlp, "tlp", &mut map, order)?;
                write_value(&envelope.labels, "labels", &mut map, order)?;
                write_value(&envelope.refs, "refs", &mut map, order)?;
                body.write_fields(&mut map, order)?;
                map.end()
            }
        }

        self.event.body.visit(WriteEvent(*self, to))
    }
}

/// Writes an event as one line of JSON, without the end of the line. What is hidden in its texts,
/// such as what turns their direction, is escaped ([`write_visible`](super::write_visible)).
///
/// # Errors
/// Those of `to`.
pub fn write_event(to: &mut impl std::io::Write, event: &Event) -> std::io::Result<()> {
    super::write_visible(to, &EventJson { event, id: None })
}

/// Writes events as one array, an event a line; [`parse_events`] reads it back.
///
/// # Errors
/// Those of `to`.
pub fn write_events<'e>(
    to: &mut impl std::io::Write,
    events: impl IntoIterator<Item = &'e Event>,
) -> std::io::Result<()> {
    to.write_all(b"[")?;
    for (at, event) in events.into_iter().enumerate() {
        to.write_all(if at == 0 { b"\n" } else { b",\n" })?;
        write_event(to, event)?;
    }
    to.write_all(b"\n]\n")
}

/// The body as canonical JSON: names sorted, no space, numbers in their shortest form
/// that reads back, text escaped only where JSON demands it.
pub fn canonical_body(body: &Body) -> Vec<u8> {
    struct Write<'a>(&'a mut Vec<u8>);

    impl BodyVisitor for Write<'_> {
        type Output = Result<(), serde_json::Error>;

        fn visit<R: Record>(self, body: &R) -> Self::Output {
            write_record(
                body,
                &mut serde_json::Serializer::new(self.0),
                Order::Sorted,
            )
        }
    }

    let mut json = Vec::with_capacity(512);
    // Writing to memory does not fail, and all names are text.
    let written = body.visit(Write(&mut json));
    debug_assert!(written.is_ok(), "{written:?}");
    json
}
