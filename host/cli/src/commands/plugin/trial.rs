//! A vector on its way through an engine, for `plugin test` and `plugin bench`.

use std::io::Cursor;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use palisade_events::Event;
use palisade_events::json::write_event;
use palisade_pipeline::capabilities::LogSink;
use palisade_pipeline::engine::{EngineConfig, Output};
use palisade_pipeline::memory::Memory;
use palisade_runtime::Runtime;
use palisade_sources::enrich::Networks;

use crate::host::{Given, Loaded, MAX_COMPONENT, Session, told};
use crate::vector::{Input, Vector};

/// A component, and how to name it in messages.
#[derive(Clone)]
pub(crate) struct Component {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

impl Component {
    /// Reads the component that a build wrote.
    ///
    /// # Errors
    /// When the file cannot be read, or is no component with a manifest.
    pub(super) fn read(path: &std::path::Path) -> Result<Component> {
        let name = path.display().to_string();
        let bytes = crate::named::read(path, MAX_COMPONENT)?;
        palisade_runtime::manifest::extract(&bytes).with_context(|| format!("load {name}"))?;
        Ok(Component { name, bytes })
    }
}

/// A session of the plugin, with those that run beside it, and with what the vector says
/// that they are given.
///
/// # Errors
/// When a plugin cannot be loaded, or a dataset of the vector is missing or wrong.
pub(super) fn session(
    runtime: &Runtime,
    plugin: &Component,
    beside: &[Component],
    vector: &Vector,
    config: EngineConfig,
    log: &LogSink,
) -> Result<Session> {
    let mut given = Given::within(&Memory::of(config.memory, config.workers));
    for (name, bytes) in &vector.datasets {
        given.add_dataset(name, &bytes[..])?;
    }
    if let Some(networks) = &vector.networks {
        given.networks = Some(Arc::new(Networks::parse(networks)?));
    }
    let settings = vector.settings.clone().into_iter().collect();
    let mut loaded = Loaded::new(given);
    loaded.add(runtime, &plugin.bytes, &plugin.name, Some(settings))?;
    for other in beside {
        loaded.add(runtime, &other.bytes, &other.name, None)?;
    }
    ensure!(
        loaded.left_out.is_empty(),
        "{}; put it into `datasets/` of the vector",
        told(&loaded.left_out)
    );
    let engine = loaded.engine(config, log)?;
    Ok(Session::new(engine, "vector").with_vectors(true))
}

/// Puts what a vector gives into the session, as the source with this name.
///
/// # Errors
/// When the engine cannot go on.
pub(super) fn read(
    session: &mut Session,
    name: &str,
    bytes: Vec<u8>,
    out: &mut dyn Output,
) -> Result<()> {
    // What is given is the first source, whether or not there is any.
    session.source(name)?;
    match bytes.is_empty() {
        true => Ok(()),
        false => session.read(name, Cursor::new(bytes), out),
    }
}

/// The input of a vector with its name and as bytes.
///
/// # Errors
/// When an event cannot be written, which does not happen to one that was read.
pub(super) fn input(vector: &Vector) -> Result<(&'static str, Vec<u8>)> {
    Ok(match &vector.input {
        Input::Events(events) => ("events.ndjson", ndjson(events)?),
        Input::Requests(events) => ("request.ndjson", ndjson(events)?),
        Input::Capture(bytes) => ("input.pcap", bytes.clone()),
    })
}

/// Events, one a line.
///
/// # Errors
/// As [`input`].
pub(super) fn ndjson(events: &[Event]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for event in events {
        write_event(&mut bytes, event)?;
        if bytes.last() != Some(&b'\n') {
            bytes.push(b'\n');
        }
    }
    Ok(bytes)
}
