//! A vector on its way through an engine, for `plugin test` and `plugin bench`.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use palisade_events::json::write_event;
use palisade_events::{Event, Kind};
use palisade_pipeline::capabilities::LogSink;
use palisade_pipeline::engine::{EngineConfig, Output, Summary};
use palisade_pipeline::memory::Memory;
use palisade_runtime::manifest::{Manifest, World};
use palisade_runtime::{LoadError, Runtime};
use palisade_sources::enrich::Networks;

use crate::host::{Given, Loaded, MAX_COMPONENT, Session, told};
use crate::vector::{self, Input, Vector};

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
        let component = Component { name, bytes };
        component.manifest()?;
        Ok(component)
    }

    /// The manifest inside.
    ///
    /// # Errors
    /// When there is none, or it is wrong.
    pub(super) fn manifest(&self) -> Result<Manifest> {
        palisade_runtime::manifest::extract(&self.bytes)
            .and_then(Manifest::parse)
            .with_context(|| format!("load {}", self.name))
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
    let of_file = |name: &str| format!("read {}", vector.file(name).display());
    let mut given = Given::within(&Memory::of(config.memory, config.workers));
    for (name, bytes) in &vector.datasets {
        let file = || of_file(&format!("{}/{name}.ndjson", vector::DATASETS));
        given.add_dataset(name, &bytes[..]).with_context(file)?;
    }
    if let Some(networks) = &vector.networks {
        let networks = Networks::parse(networks).with_context(|| of_file(vector::NETWORKS))?;
        given.networks = Some(Arc::new(networks));
    }
    let all: Vec<&Component> = [plugin].into_iter().chain(beside).collect();
    let manifests = all.iter().map(|component| component.manifest());
    let manifests: Vec<Manifest> = manifests.collect::<Result<_>>()?;
    check_datasets(vector, &manifests)?;
    let names: Vec<&str> = manifests.iter().map(|it| it.name.as_str()).collect();
    given.settings = match names.as_slice() {
        [tested, others @ ..] => vector.settings_of(tested, others)?,
        [] => Default::default(),
    };
    let mut loaded = Loaded::new(given);
    for component in all {
        let added = loaded.add(runtime, &component.bytes, &component.name, None);
        // What is set there is what is wrong, and not the component.
        added.map_err(|error| match error.downcast::<LoadError>() {
            Ok(LoadError::Settings(wrong)) => {
                let file = vector.file(vector::SETTINGS);
                match file.exists() {
                    true => anyhow::anyhow!("{}: {wrong}", file.display()),
                    false => anyhow::anyhow!(
                        "{wrong}; the vector sets nothing: write what it needs into {}",
                        file.display()
                    ),
                }
            }
            Ok(other) => anyhow::Error::new(other).context(format!("load {}", component.name)),
            Err(other) => other,
        })?;
    }
    ensure!(
        loaded.left_out.is_empty(),
        "{}; put it into {} of the vector",
        told(&loaded.left_out),
        vector.file(vector::DATASETS).display()
    );
    let engine = loaded.engine(config, log)?;
    Ok(Session::new(engine, "vector").with_vectors(true))
}

/// Refuses a dataset that nobody reads: a misspelt name would look like one that finds nothing.
fn check_datasets(vector: &Vector, manifests: &[Manifest]) -> Result<()> {
    let declared = manifests.iter().flat_map(|manifest| &manifest.datasets);
    let declared: Vec<&str> = declared.map(String::as_str).collect();
    let mut given = vector.datasets.keys();
    if let Some(name) = given.find(|name| !declared.contains(&name.as_str())) {
        let there = match declared.as_slice() {
            [] => "they declare none".to_owned(),
            names => format!("they declare `{}`", names.join("`, `")),
        };
        bail!(
            "{}: no plugin that runs in this vector declares the dataset `{name}` in plugin.toml; \
             {there}",
            vector
                .file(vector::DATASETS)
                .join(format!("{name}.ndjson"))
                .display()
        );
    }
    Ok(())
}

/// Why a vector proves nothing of the plugin, if no event of it is of a kind that the plugin is
/// shown. What predicates hold back counts: that they do so may be what is tested.
///
/// # Errors
/// When the manifest cannot be read.
pub(super) fn unshown(
    plugin: &Component,
    vector: &Vector,
    done: &Summary,
) -> Result<Option<String>> {
    let manifest = plugin.manifest()?;
    if manifest.world == World::Parser {
        return Ok((!matches!(vector.input, Input::Capture(_))).then(|| {
            format!(
                "{}: a parser is shown packets, so this vector shows `{}` nothing; give it \
                 input.pcap",
                vector.file("").display(),
                manifest.name
            )
        }));
    }
    let kinds: BTreeSet<&str> = manifest
        .subscriptions
        .iter()
        .map(|subscription| subscription.kind.name())
        .collect();
    let own = done.plugins.iter().filter(|it| it.name == manifest.name);
    let was_called = own
        .map(|it| it.cost.calls + it.cost.faulted_calls)
        .sum::<u64>()
        > 0;
    // Findings of others are events too, and not counted among those of the input.
    let of_others = done.findings > 0 && kinds.contains(Kind::Finding.name());
    let of_input = done.events.keys().any(|kind| kinds.contains(kind.name()));
    if was_called || of_others || of_input {
        return Ok(None);
    }
    let there: Vec<String> = done
        .events
        .iter()
        .map(|(kind, count)| format!("{count} {}", kind.name()))
        .collect();
    let there = match there.as_slice() {
        [] => String::new(),
        there => format!(", but {}", there.join(", ")),
    };
    let advice = match vector.input {
        Input::Capture(_) => {
            "; who makes them of packets is a parser: name one as `with` in vector.toml"
        }
        Input::Events(_) | Input::Requests(_) => "",
    };
    Ok(Some(format!(
        "none of the {} events is of a kind that `{}` subscribes to ({}){there}: this vector proves \
         nothing of it{advice}",
        done.total_events(),
        manifest.name,
        kinds.into_iter().collect::<Vec<_>>().join(", "),
    )))
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
