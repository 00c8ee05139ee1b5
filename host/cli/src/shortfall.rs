//! What makes a run that came to its end an error all the same: it evaluated less than its
//! findings, or that there are none, may seem to rest on.

use std::collections::BTreeSet;
use std::sync::Arc;

use palisade_events::{Kind, counted};
use palisade_pipeline::engine::Summary;
use palisade_runtime::Plugin;

/// Something that was not evaluated.
pub(crate) struct Shortfall {
    /// What, and why.
    pub(crate) what: String,
    /// Whether the run ends with exit code 2 for it.
    pub(crate) is_error: bool,
}

/// What the plugins of a run look at.
pub(crate) struct Judges {
    /// The kinds of event that detectors and policies subscribe to.
    kinds: BTreeSet<Kind>,
    /// The kinds of event that parsers make of flows.
    emitted: BTreeSet<Kind>,
    /// The names of parsers, which judge nothing.
    pub(crate) parsers: Vec<String>,
}

impl Judges {
    /// Those among these plugins.
    pub(crate) fn of(plugins: &[Arc<Plugin>]) -> Judges {
        let manifests = || plugins.iter().map(|plugin| plugin.manifest());
        let subscribed = manifests().flat_map(|manifest| &manifest.subscriptions);
        let parsers =
            || manifests().filter_map(|manifest| Some((manifest, manifest.parser.as_ref()?)));
        Judges {
            kinds: subscribed.map(|subscription| subscription.kind).collect(),
            emitted: parsers()
                .flat_map(|(_, spec)| spec.emits.iter().copied())
                .collect(),
            parsers: parsers()
                .map(|(manifest, _)| manifest.name.clone())
                .collect(),
        }
    }

    /// Whether there is a detector or policy.
    pub(crate) fn are_there(&self) -> bool {
        !self.kinds.is_empty()
    }

    /// What there is to say where nothing that was read was for a detector or policy.
    fn unseen(&self, done: &Summary, strict: bool) -> Option<Shortfall> {
        let read = done.total_events();
        if !self.are_there() || done.events.keys().any(|kind| self.kinds.contains(kind)) {
            return None;
        }
        if read == 0 {
            return (done.packets > 0).then(|| Shortfall {
                what: format!(
                    "nothing was evaluated: none of the {} packets belongs to a flow",
                    done.packets
                ),
                is_error: strict,
            });
        }
        let what = format!(
            "nothing was evaluated: no event that was read is of a kind that a detector or policy \
             subscribes to ({}); the inputs hold {}",
            listed(&self.kinds),
            listed(done.events.keys()),
        );
        // Parsers have looked for it in every flow, and there was none.
        let looked = done.packets > 0 && !self.kinds.is_disjoint(&self.emitted);
        Some(Shortfall {
            what,
            is_error: strict || !looked,
        })
    }
}

fn listed<'k>(kinds: impl IntoIterator<Item = &'k Kind>) -> String {
    let names: Vec<&str> = kinds.into_iter().map(|kind| kind.name()).collect();
    names.join(", ")
}

/// What a run has not evaluated although it has written all that it has to say; nothing where it
/// has evaluated all. With `strict` one record that could not be read is enough, and so is an
/// input that holds nothing.
pub(crate) fn shortfalls(done: &Summary, judges: &Judges, strict: bool) -> Vec<Shortfall> {
    let mut shortfalls = Vec::new();
    let mut add = |is_error, what| shortfalls.push(Shortfall { what, is_error });
    if done.interrupted > 0 {
        add(
            true,
            format!(
                "the run was ended before everything that was read was evaluated; events, requests, \
                 timers and pieces of flows that were not shown to a plugin that they are for: {}",
                done.interrupted
            ),
        );
    }
    if done.broken_inputs > 0 {
        add(
            true,
            format!(
                "{} of the inputs broke off; what is said above was found before that",
                done.broken_inputs
            ),
        );
    }
    let nothing = done.total_events() == 0 && done.packets == 0;
    if done.bad_records > 0 && (nothing || strict) {
        let why = if nothing {
            "and nothing else was there to evaluate"
        } else {
            "which --strict does not allow"
        };
        add(
            true,
            format!(
                "{} could not be read, {why}",
                counted(done.bad_records, "record")
            ),
        );
    }
    if done.empty_inputs > 0 && (nothing || strict) {
        let why = if strict {
            ", which --strict does not allow"
        } else {
            ""
        };
        add(
            strict,
            format!(
                "{} of the inputs hold nothing to evaluate{why}",
                done.empty_inputs
            ),
        );
    }
    for plugin in &done.plugins {
        let lost = plugin.cost.undeclared_rules;
        if lost > 0 {
            add(
                true,
                format!(
                    "plugin `{}` filed findings of rules that its plugin.toml does not declare, and \
                     they are lost, {lost} times with all else that the call found: mend the id, or \
                     declare the rule",
                    plugin.title
                ),
            );
        }
    }
    // Events count where a call went well.
    for plugin in &done.plugins {
        if plugin.cost.faults > 0 && plugin.cost.events == 0 && plugin.parse.events == 0 {
            add(
                true,
                format!(
                    "plugin `{}` faulted on everything that it was shown ({}): mend it, or \
                     leave it out",
                    plugin.title,
                    counted(plugin.cost.faults, "fault")
                ),
            );
        }
    }
    shortfalls.extend(judges.unseen(done, strict));
    shortfalls
}
