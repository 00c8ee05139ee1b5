//! Runs a plugin on the author's machine against a host in memory.
//!
//! The host reads the plugin's own `plugin.toml`, so a test also finds a field that is
//! not listed, a rule that is not declared, or a capability that is not asked for: it
//! panics where the real host traps. Predicates (`where`) are not evaluated; give a call
//! the events that pass them. State is exact at any size.
//!
//! Events are JSON as in vectors: fields with `_` for `-`, times in RFC 3339, bytes in
//! hex; what a test leaves out is zero, empty or absent.
//!
//! ```
//! use palisade_sdk::testing::Harness;
//! # use palisade_sdk::{Batch, Detector, Finding, Settings, SettingsError, field};
//! # struct Telnet;
//! # impl Detector for Telnet {
//! #     fn configure(_: &Settings) -> Result<Self, SettingsError> { Ok(Telnet) }
//! #     fn evaluate(&mut self, batch: &Batch) {
//! #         for (row, port) in batch.u16s(field!("dst.port")).iter().enumerate() {
//! #             if *port == 23 { Finding::new("telnet-1").row(row).emit(); }
//! #         }
//! #     }
//! # }
//! let manifest = r#"
//!     [plugin]
//!     name = "telnet"
//!     [[subscription]]
//!     kind = "network.flow"
//!     fields = ["dst.port"]
//!     [[rule]]
//!     id = "telnet-1"
//! "#;
//! let mut plugin = Harness::<Telnet>::detector(manifest, &[]).unwrap();
//! let found = plugin.evaluate(0, &[
//!     serde_json::json!({ "dst": { "ip": "192.0.2.1", "port": 23 } }),
//!     serde_json::json!({ "dst": { "ip": "192.0.2.1", "port": 22 } }),
//! ]);
//! assert_eq!(found.findings.len(), 1);
//! assert_eq!(found.findings[0].rows, [0]);
//! ```

mod datasets;
pub(crate) mod host;
pub(crate) mod imports;
mod manifest;
mod parse;
mod schema;
mod tables;
mod value;

mod generated {
    include!(concat!(env!("OUT_DIR"), "/schema.rs"));
}

use serde_json::Value;

use crate::bindings::parse::exports::palisade::plugin::parse as wit;
use crate::{
    Batch, Chunk, Detector, Direction, Fired, Judgement, Observe, OnTimer, Outcome, Parser, Policy,
    Recognition, Settings, SettingsError, Tables,
};

pub use crate::bindings::host::palisade::plugin::findings::Finding;
pub use parse::ParsedEvent;
pub use serde_json::json;

/// What a call did.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Output {
    /// Findings in the order of emission.
    pub findings: Vec<Finding>,
    /// Rules and subjects that were withdrawn.
    pub retracted: Vec<(String, String)>,
    /// Log lines, led by their level: `warn: …`.
    pub log: Vec<String>,
}

/// What a call of a parser answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// One for each chunk, as the parser said it. Offsets count from the first byte that
    /// it saw: what an earlier chunk of the call left over comes first.
    pub outcomes: Vec<Outcome>,
    /// The events, by the chunk that completed them.
    pub events: Vec<ParsedEvent>,
}

/// A plugin in a host in memory. One a thread: a new one starts afresh.
pub struct Harness<T> {
    plugin: T,
}

impl<T> std::fmt::Debug for Harness<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Harness").finish_non_exhaustive()
    }
}

impl<T> Harness<T> {
    #[track_caller]
    fn new(
        manifest: &str,
        settings: &[(&str, Value)],
        make: fn(&Settings) -> Result<T, SettingsError>,
    ) -> Result<Self, SettingsError> {
        let manifest = manifest::Manifest::parse(manifest);
        let settings = Settings::from_wit(manifest.settings(settings));
        host::with!(|host| {
            *host = host::Host {
                manifest,
                ..host::Host::default()
            }
        });
        Ok(Harness {
            plugin: make(&settings)?,
        })
    }

    /// Loads entries of a dataset, as JSON in the form of a dataset file's lines.
    #[track_caller]
    pub fn dataset(&mut self, name: &str, entries: &[Value]) {
        host::with!(|host| {
            assert!(
                host.manifest.dataset.iter().any(|set| set.name == name),
                "plugin.toml declares no dataset `{name}`"
            );
            let entries = entries.iter().map(datasets::Stored::parse).collect();
            host.datasets.insert(name.to_owned(), entries);
        });
    }

    /// Timers that are set: name, key, and due time in nanoseconds.
    pub fn timers(&self) -> Vec<(String, String, u64)> {
        host::with!(|host| {
            let timers = host.timers.iter();
            timers
                .map(|((name, key), due)| (name.clone(), key.clone(), *due))
                .collect()
        })
    }

    /// The plugin itself.
    pub fn plugin(&mut self) -> &mut T {
        &mut self.plugin
    }

    #[track_caller]
    fn call<R>(
        &mut self,
        subscription: u32,
        events: &[Value],
        call: impl FnOnce(&mut T, &Batch) -> R,
    ) -> (R, Output) {
        host::with!(|host| {
            let Some(declared) = host.manifest.subscription.get(subscription as usize) else {
                panic!("plugin.toml has no subscription {subscription}")
            };
            let kind = declared.kind.clone();
            assert!(schema::body(&kind).is_some(), "there is no kind `{kind}`");
            let mut stamped = Vec::new();
            for event in events {
                let mut event = event.clone();
                if event.get("seq").is_none() {
                    event["seq"] = host.next_seq.into();
                }
                host.next_seq += 1;
                stamped.push(event);
            }
            host.batch = Some(host::Current {
                subscription: subscription as usize,
                kind,
                events: stamped,
            });
        });
        let batch = Batch::current(
            subscription,
            u32::try_from(events.len()).unwrap_or(u32::MAX),
        );
        let answer = call(&mut self.plugin, &batch);
        (answer, self.take())
    }

    fn take(&mut self) -> Output {
        host::with!(|host| {
            host.batch = None;
            Output {
                findings: std::mem::take(&mut host.findings),
                retracted: std::mem::take(&mut host.retracted),
                log: std::mem::take(&mut host.log),
            }
        })
    }
}

impl<T: Detector> Harness<T> {
    /// Configures a detector; settings that are not given have the manifest's defaults.
    ///
    /// # Errors
    /// What `configure` answers.
    #[track_caller]
    pub fn detector(manifest: &str, settings: &[(&str, Value)]) -> Result<Self, SettingsError> {
        Self::new(manifest, settings, T::configure)
    }

    /// One batch for the subscription with this position.
    #[track_caller]
    pub fn evaluate(&mut self, subscription: u32, events: &[Value]) -> Output {
        self.call(subscription, events, |plugin, batch| plugin.evaluate(batch))
            .1
    }
}

impl<T: OnTimer> Harness<T> {
    /// Moves the watermark to an RFC 3339 time: timers that are due by then fire.
    #[track_caller]
    pub fn advance(&mut self, to: &str) -> Output {
        let to = match value::time(to) {
            Ok(to) => to,
            Err(error) => panic!("{error}"),
        };
        let fired = host::with!(|host| {
            let due: Vec<_> = host
                .timers
                .iter()
                .filter(|(_, due)| **due <= to)
                .map(|(of, due)| (of.clone(), *due))
                .collect();
            for (of, _) in &due {
                host.timers.remove(of);
            }
            let fired = due
                .into_iter()
                .map(|((name, key), due)| Fired { name, key, due });
            let mut fired: Vec<Fired> = fired.collect();
            fired.sort_by_key(|timer| timer.due);
            fired
        });
        if !fired.is_empty() {
            self.plugin.on_timer(&fired);
        }
        self.take()
    }
}

impl<T: Policy> Harness<T> {
    /// Configures a policy; settings that are not given have the manifest's defaults.
    ///
    /// # Errors
    /// What `configure` answers.
    #[track_caller]
    pub fn policy(manifest: &str, settings: &[(&str, Value)]) -> Result<Self, SettingsError> {
        Self::new(manifest, settings, T::configure)
    }

    /// Judges one request of the subscription with this position.
    #[track_caller]
    pub fn decide(&mut self, subscription: u32, request: &Value) -> Vec<Judgement> {
        let judgements = self
            .call(
                subscription,
                std::slice::from_ref(request),
                |plugin, batch| plugin.decide(batch),
            )
            .0;
        host::with!(|host| {
            for judgement in &judgements {
                let rule = judgement.rule();
                assert!(
                    host.manifest.rule.iter().any(|other| other.id == rule),
                    "plugin.toml declares no rule `{rule}`"
                );
            }
        });
        judgements
    }
}

impl<T: Observe> Harness<T> {
    /// Shows the policy a batch of what happened before.
    #[track_caller]
    pub fn observe(&mut self, subscription: u32, events: &[Value]) -> Output {
        self.call(subscription, events, |plugin, batch| plugin.observe(batch))
            .1
    }
}

impl<T: Parser> Harness<T> {
    /// Configures a parser; settings that are not given have the manifest's defaults.
    ///
    /// # Errors
    /// What `configure` answers.
    #[track_caller]
    pub fn parser(manifest: &str, settings: &[(&str, Value)]) -> Result<Self, SettingsError> {
        Self::new(manifest, settings, T::configure)
    }

    /// Shows the parser the first bytes of a session.
    pub fn probe(&mut self, chunk: &Chunk<'_>) -> Recognition {
        self.plugin.probe(chunk)
    }

    /// Parses chunks in one call.
    #[track_caller]
    pub fn parse(&mut self, chunks: &[Chunk<'_>]) -> Parsed {
        let mut tables = Tables::default();
        let answers = crate::sessions::parse(&mut self.plugin, chunks, &mut tables);
        let outcomes = answers.into_iter().map(|answer| answer.outcome).collect();
        let tables: Vec<wit::Table> = tables.into_wit();
        Parsed {
            outcomes,
            events: parse::events(&tables),
        }
    }

    /// Ends a session.
    pub fn close(&mut self, session: u32) {
        self.plugin.close(session);
    }
}

/// A chunk over TCP at the start of session 1, to be changed where a test needs it.
pub fn chunk(direction: Direction, bytes: &[u8]) -> Chunk<'_> {
    Chunk {
        session: 1,
        direction,
        transport: crate::Transport::Tcp,
        port: 0,
        offset: 0,
        gap: 0,
        end: false,
        bytes,
    }
}
