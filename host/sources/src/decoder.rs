//! Which decoder a log needs, and how a record reaches it.

use std::sync::Arc;

use palisade_events::Kind;
use palisade_events::json::{JsonError, Mode, parse_event_of, parse_kind};

use super::counts::{Counts, Types};
use super::eve::Eve;
use super::fault::{Fault, Stop};
use super::policy::host_only;
use super::recognise::{Dialect, skip_prefix};
use super::records::Record;
use super::recover::names::Sensor;
use super::recover::{Candidate, Found, recover};
use super::sink::{EventSink, SinkError};
use super::zeek::{Header, Zeek};
use crate::enrich::Networks;

/// Turns records of one dialect into events.
#[derive(Debug)]
pub(super) enum Decoder {
    Eve(Box<Eve>),
    Zeek(Box<Zeek>),
    Palisade(Types),
}

impl Decoder {
    /// A decoder for the input called `name`.
    pub(super) fn new(dialect: &Dialect, name: &str, networks: Option<Arc<Networks>>) -> Self {
        match dialect {
            Dialect::Eve => Self::Eve(Box::new(Eve::new(networks))),
            Dialect::Zeek(path) => Self::Zeek(Box::new(Zeek::new(name, path.clone(), networks))),
            Dialect::Palisade => Self::Palisade(Types::default()),
        }
    }

    /// Consults other networks from here on.
    pub(super) fn set_networks(&mut self, networks: Option<Arc<Networks>>) {
        match self {
            Self::Eve(eve) => eve.set_networks(networks),
            Self::Zeek(zeek) => zeek.set_networks(networks),
            Self::Palisade(_) => {}
        }
    }

    /// What it was told by the input: whose records it reads, and the header of their columns.
    pub(super) fn told(&self) -> (Dialect, Option<Header>) {
        match self {
            Self::Eve(_) => (Dialect::Eve, None),
            Self::Zeek(zeek) => {
                let guessed = zeek.guessed().map(str::to_owned);
                (Dialect::Zeek(guessed), zeek.columns().cloned())
            }
            Self::Palisade(_) => (Dialect::Palisade, None),
        }
    }

    /// Goes on below a header of columns; whether it can.
    pub(super) fn go_on(&mut self, header: Option<Header>) -> bool {
        match self {
            Self::Zeek(zeek) => zeek.go_on(header),
            Self::Eve(_) | Self::Palisade(_) => header.is_none(),
        }
    }

    /// Whose names the fields may have.
    fn sensors(&self) -> &'static [Sensor] {
        match self {
            Self::Eve(_) => &[Sensor::Eve],
            Self::Zeek(_) => &[Sensor::Zeek],
            Self::Palisade(_) => &[],
        }
    }

    /// Puts the event of a record as it stands into `to`; false if it is no record but a line
    /// of a header.
    pub(super) fn record(
        &mut self,
        record: &Record,
        bytes: &[u8],
        to: &mut EventSink,
    ) -> Result<bool, Stop> {
        if let Some(fault) = record.fault {
            return Err(Stop::Bad(fault.into()));
        }
        if let Self::Zeek(zeek) = self {
            if bytes.first() == Some(&b'#') {
                zeek.header(text(bytes)?)?;
                return Ok(false);
            }
            if zeek.has_header() && !is_object(bytes) {
                return zeek.row(text(bytes)?, to).map(|()| true);
            }
        }
        let bytes = skip_prefix(bytes).trim_ascii_end();
        match self {
            Self::Palisade(types) => event(types, bytes, to)?,
            Self::Eve(_) | Self::Zeek(_) => {
                let text = text(bytes)?;
                self.object(Candidate { text, path: None }, to)?;
            }
        }
        Ok(true)
    }

    /// Tries again with a record that could not be read as it stands; see [`recover`].
    ///
    /// # Errors
    /// When nothing can be taken any more.
    pub(super) fn again(&mut self, bytes: &[u8], to: &mut EventSink) -> Result<Found, SinkError> {
        if let Self::Zeek(zeek) = self
            && zeek.has_header()
            && !is_object(bytes)
        {
            // Objects that a row holds come from the traffic, and are no records.
            return match zeek.row(&String::from_utf8_lossy(bytes), to) {
                Ok(()) => Ok(Found {
                    taken: 1,
                    mended: true,
                    ..Found::default()
                }),
                Err(Stop::Bad(_)) => Ok(Found::default()),
                Err(Stop::Fatal(error)) => Err(error),
            };
        }
        let sensors = self.sensors();
        recover(bytes, sensors, &mut |candidate| self.object(candidate, to))
    }

    /// Puts the event of an object into `to`.
    fn object(&mut self, candidate: Candidate<'_>, to: &mut EventSink) -> Result<(), Stop> {
        match self {
            Self::Eve(eve) => eve.read(candidate.text, to),
            Self::Zeek(zeek) => zeek.read(candidate, to),
            Self::Palisade(types) => event(types, candidate.text.as_bytes(), to),
        }
    }

    /// What was counted by those who know types and fields.
    pub(super) fn counts(&self) -> Counts {
        let (types, left_out, (endless, absent)) = match self {
            Self::Eve(eve) => (&eve.types, eve.left_out(), eve.endless()),
            Self::Zeek(zeek) => (&zeek.types, zeek.left_out(), zeek.endless()),
            Self::Palisade(types) => (types, 0, (0, None)),
        };
        let (types, other_types) = types.get();
        Counts {
            left_out,
            endless,
            absent,
            types,
            other_types,
            ..Counts::default()
        }
    }
}

/// Whether a line of a log of Zeek is an object and no row.
fn is_object(line: &[u8]) -> bool {
    line.first() == Some(&b'{')
}

/// An event as Palisade writes it.
fn event(types: &mut Types, bytes: &[u8], to: &mut EventSink) -> Result<(), Stop> {
    let mode = if to.policy().vectors {
        Mode::Vector
    } else {
        Mode::Strict
    };
    let kind = parse_kind(bytes).map_err(Fault::Event)?;
    if host_only(kind) && !to.policy().sends_of_host() {
        return Err(Stop::Bad(Fault::HostOnly(kind)));
    }
    let event = parse_event_of(kind, bytes, mode).map_err(|error| {
        Fault::Event(match mode {
            Mode::Strict => request(kind, error),
            Mode::Vector => error,
        })
    })?;
    Fault::check_labels("labels", &event.envelope.labels)?;
    Fault::check_labels("refs", &event.envelope.refs)?;
    to.push(&event, bytes.len())?;
    types.count(kind.name(), true);
    Ok(())
}

/// What is wrong with a request that leaves out what it may where requests are asked about.
fn request(kind: Kind, mut error: JsonError) -> JsonError {
    let is_request = matches!(kind, Kind::ReportDisclosure | Kind::ReportPiRequest);
    if is_request && error.problem.contains("is missing") {
        error.problem.push_str(
            "; requests that leave out fields are for `palisade policy check --request FILE`, \
             which takes what is absent for neutral",
        );
    }
    error
}

fn text(bytes: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(bytes).map_err(|error| Fault::NotUtf8(error.valid_up_to()))
}
