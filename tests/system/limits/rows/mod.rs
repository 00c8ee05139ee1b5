//! Every limit: a line each. What has a default in a structure is taken from there, and a field
//! that is missing here does not compile; what is a constant is read from the source.

mod disk;
mod flow;
mod host;
mod ingest;
mod instance;
mod live;
mod load;
mod no_limits;
mod operators;
mod pack;
mod plugin;
mod record;

pub(super) use no_limits::{NO_LIMIT_STRUCTURES, NO_LIMITS};

use super::Table;

/// What happens beyond most limits of what is loaded.
const REFUSED: &str = "refused";

/// Whom limits hold against.
pub(super) const SCOPES: [(&str, &str); 12] = [
    ("host", "The host, in one run"),
    ("flow", "A flow, and the packets of it"),
    (
        "record",
        "A record of an input, and the event that it becomes",
    ),
    ("epoch", "An epoch"),
    ("plugin", "A plugin, all of its instances together"),
    ("instance", "An instance, and one call into it"),
    (
        "load",
        "What is loaded: components, manifests, datasets, settings",
    ),
    ("pack", "Packs, documents of trust, registries"),
    ("disk", "Caches and files"),
    ("live", "Live operation"),
    (
        "operators",
        "What operators do with a server, and what it leaves out",
    ),
    ("ingest", "What comes over a network"),
];

pub(super) fn fill(t: &mut Table) {
    host::fill(t);
    flow::fill(t);
    record::fill(t);
    plugin::fill(t);
    instance::fill(t);
    load::fill(t);
    pack::fill(t);
    live::fill(t);
    operators::fill(t);
    ingest::fill(t);
    disk::fill(t);
}
