//! What decides: an immutable set of plugins with what they are given.
//!
//! Positions of plugins mean something within one generation only; what lives longer is keyed by
//! [`PluginKey`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use palisade_events::Kind;
use palisade_runtime::Plugin;
use palisade_runtime::manifest::{Role, Subscription, World};
use palisade_sources::Kinds;
use palisade_sources::enrich::Networks;
use palisade_state::datasets::Dataset;

use super::config::EngineError;
use super::graph;
use super::merge::Protocol;
use super::route::Placement;
use crate::capabilities::Listed;
use crate::predicates::{Filter, Filters, Membership};

/// What a plugin is known by from one generation to the next.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PluginKey {
    /// The pack that it belongs to.
    pub pack: Arc<str>,
    /// Its name, of which there is one in a pack.
    pub name: Arc<str>,
}

impl PluginKey {
    /// The key of a plugin.
    pub fn of(plugin: &Plugin) -> PluginKey {
        let manifest = plugin.manifest();
        PluginKey {
            pack: manifest.pack.as_str().into(),
            name: manifest.name.as_str().into(),
        }
    }

    /// A number that two keys rarely share, the same on every machine.
    fn number(&self) -> u64 {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&(self.pack.len() as u64).to_le_bytes());
        hasher.update(self.pack.as_bytes());
        hasher.update(self.name.as_bytes());
        let hash = hasher.finalize();
        let mut number = [0; 8];
        number.copy_from_slice(&hash.as_bytes()[..8]);
        u64::from_le_bytes(number)
    }
}

/// A plugin of a generation.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) key: PluginKey,
    /// What it is called wherever it is spoken of: its name, or `pack/name` where another has
    /// the same.
    pub(crate) title: Arc<str>,
}

/// Plugins, their predicates and levels, and the datasets and networks that they are given.
///
/// One is never changed. An epoch is filled and evaluated in its terms.
pub struct Generation {
    /// By position.
    pub(crate) parsers: Vec<Member>,
    /// What each of `parsers` recognises.
    pub(crate) protocols: Arc<[Protocol]>,
    /// Ports that they name.
    pub(crate) ports: Vec<u16>,
    /// Detectors and policies, by position.
    pub(crate) plugins: Vec<Member>,
    /// Where each of `plugins` evaluates.
    pub(crate) placements: Vec<Placement>,
    /// What each of `plugins` is shown.
    pub(crate) subscriptions: Subscriptions,
    /// The predicates of each of `plugins`.
    pub(crate) filters: Filters,
    /// Of each of `plugins`: 1, or above those whose findings it is shown.
    pub(crate) levels: Arc<[u8]>,
    /// The kinds of event that policies decide about.
    pub(crate) requests: Kinds,
    pub(crate) datasets: Vec<Arc<Dataset>>,
    pub(crate) networks: Option<Arc<Networks>>,
}

impl Generation {
    /// What its plugins are known by, parsers first.
    pub fn keys(&self) -> impl Iterator<Item = PluginKey> {
        self.members().map(|member| member.key.clone())
    }

    /// For how long a plugin remembers: the longest of its tables' windows and times to live.
    pub fn memory_of(&self, key: &PluginKey) -> Duration {
        let member = self.members().find(|member| member.key == *key);
        let tables = member.iter().flat_map(|m| &m.plugin.manifest().tables);
        tables
            .map(|table| table.ttl.max(table.window))
            .max()
            .unwrap_or_default()
    }

    /// Whether a detector or policy is shown events of a kind.
    pub fn is_shown(&self, kind: Kind) -> bool {
        let manifests = self.plugins.iter().map(|member| member.plugin.manifest());
        let mut subscriptions = manifests.flat_map(|manifest| &manifest.subscriptions);
        subscriptions.any(|subscription| subscription.kind == kind)
    }

    /// A generation of these plugins, parsers among them, which find datasets by name.
    ///
    /// # Errors
    /// When a filter cannot be made, or plugins build on each other's findings in a circle or
    /// more than 16 high.
    pub fn new(
        plugins: Vec<Arc<Plugin>>,
        datasets: Vec<Arc<Dataset>>,
        networks: Option<Arc<Networks>>,
    ) -> Result<Generation, EngineError> {
        let mut names = BTreeMap::<String, usize>::new();
        for plugin in &plugins {
            *names.entry(plugin.manifest().name.clone()).or_default() += 1;
        }
        let member = |plugin: Arc<Plugin>| {
            let manifest = plugin.manifest();
            let title = match names.get(&manifest.name) {
                Some(2..) => format!("{}/{}", manifest.pack, manifest.name),
                _ => manifest.name.clone(),
            };
            Member {
                key: PluginKey::of(&plugin),
                title: title.into(),
                plugin,
            }
        };
        let (parsers, plugins): (Vec<_>, Vec<_>) = plugins
            .into_iter()
            .map(member)
            .partition(|m| m.plugin.manifest().world == World::Parser);
        let specs = || {
            let manifests = parsers.iter().map(|parser| parser.plugin.manifest());
            manifests.filter_map(|manifest| manifest.parser.as_ref())
        };
        let protocols = specs().map(|spec| Protocol {
            name: spec.protocol.as_str().into(),
            encrypted: spec.encrypted,
        });
        let manifests: Vec<_> = plugins.iter().map(|m| &**m.plugin.manifest()).collect();
        let levels = graph::levels(&manifests)?;
        let filters = plugins
            .iter()
            .map(|member| filters(&member.plugin, &datasets))
            .collect::<Result<_, _>>()?;
        Ok(Generation {
            protocols: protocols.collect(),
            ports: specs()
                .flat_map(|spec| spec.ports.iter().copied())
                .collect(),
            placements: plugins
                .iter()
                .map(|m| Placement::of(m.plugin.manifest(), m.key.number()))
                .collect(),
            subscriptions: Subscriptions::of(&plugins),
            filters: Filters::new(filters),
            levels: levels.into(),
            requests: requests(&plugins),
            parsers,
            plugins,
            datasets,
            networks,
        })
    }

    /// Parsers, then detectors and policies: the order of a summary.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Member> {
        self.parsers.iter().chain(&self.plugins)
    }
}

/// Which plugins subscribe to which kinds.
pub(crate) struct Subscriptions {
    /// Of each kind, by its code, how many subscriptions there are.
    counts: Vec<usize>,
    /// Of each plugin and subscription, its place among those to the same kind.
    places: Vec<Vec<usize>>,
    /// Of each plugin, the kinds that it subscribes to.
    kinds: Vec<Kinds>,
}

impl Subscriptions {
    fn of(plugins: &[Member]) -> Subscriptions {
        let mut counts = vec![0; Kind::ALL.len()];
        let mut places = Vec::with_capacity(plugins.len());
        for member in plugins {
            let subscriptions = member.plugin.manifest().subscriptions.iter();
            let place = |subscription: &Subscription| {
                let count = &mut counts[usize::from(subscription.kind.code())];
                *count += 1;
                *count - 1
            };
            places.push(subscriptions.map(place).collect());
        }
        let kinds = |member: &Member| {
            let subscriptions = member.plugin.manifest().subscriptions.iter();
            subscriptions
                .map(|subscription| subscription.kind)
                .collect()
        };
        Subscriptions {
            counts,
            places,
            kinds: plugins.iter().map(kinds).collect(),
        }
    }

    /// How many there are to a kind.
    pub(crate) fn of_kind(&self, kind: Kind) -> usize {
        self.counts[usize::from(kind.code())]
    }

    /// The place of a plugin's subscription among those to the same kind.
    pub(crate) fn place(&self, plugin: usize, subscription: usize) -> usize {
        self.places[plugin][subscription]
    }

    /// Whether a plugin subscribes to any of these kinds.
    pub(crate) fn meets(&self, plugin: usize, kinds: Kinds) -> bool {
        self.kinds[plugin].meets(kinds)
    }
}

/// The kinds of event that these plugins decide about.
fn requests(plugins: &[Member]) -> Kinds {
    let all = plugins
        .iter()
        .flat_map(|member| &member.plugin.manifest().subscriptions);
    let decided = all.filter(|subscription| subscription.role == Role::Decide);
    decided.map(|subscription| subscription.kind).collect()
}

/// The filters of a plugin's subscriptions. A dataset that is not loaded has nobody in it.
fn filters(plugin: &Plugin, datasets: &[Arc<Dataset>]) -> Result<Vec<Filter>, EngineError> {
    let manifest = plugin.manifest();
    let listed = |position: usize| {
        let name = manifest.datasets.get(position)?;
        let dataset = datasets.iter().find(|d| d.name() == name)?;
        Some(Arc::new(Listed(Arc::clone(dataset))) as Arc<dyn Membership>)
    };
    let filter = |subscription| Filter::new(subscription, &listed);
    let filters = manifest.subscriptions.iter().map(filter);
    filters
        .collect::<Result<_, _>>()
        .map_err(|problem| EngineError::Predicates {
            plugin: manifest.name.clone(),
            problem,
        })
}
