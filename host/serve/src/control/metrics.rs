//! Figures for Prometheus, in its text format (version 0.0.4).
//!
//! Series have the labels `plugin`, `pack`, `source`, `tenant`, `kind`, `cause` or `result`, of which an operator sets up a bounded number,
//! and nothing that comes from events.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use crate::active::Shared;
use crate::composition::short;
use crate::histogram::Histogram;
use crate::ingest::{Link, Network};

/// A label's value, escaped.
fn label(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// Everything that is counted.
pub(crate) fn text(shared: &Shared) -> String {
    let figures = shared.figures();
    let done = &figures.summary;
    let active = shared.active();
    let mut out = String::new();
    let mut family = |name: &str, kind: &str, help: &str, rows: Vec<(String, f64)>| {
        // Writing to a text does not fail.
        let _ = writeln!(
            out,
            "# HELP palisade_{name} {help}\n# TYPE palisade_{name} {kind}"
        );
        for (labels, value) in rows {
            let _ = writeln!(out, "palisade_{name}{labels} {value}");
        }
    };
    let one = |value: f64| vec![(String::new(), value)];
    let committed = shared.committed.load(Ordering::Acquire);
    let evaluated = shared.evaluated.load(Ordering::Acquire);
    let ready = shared.ready.load(Ordering::Acquire) && !shared.full.load(Ordering::Relaxed);
    family(
        "up_seconds",
        "gauge",
        "Time since the start.",
        one(shared.began.elapsed().as_secs_f64()),
    );
    family(
        "ready",
        "gauge",
        "Whether sources are followed and there is room.",
        one(f64::from(u8::from(ready))),
    );
    family(
        "generation",
        "gauge",
        "Number of the generation that runs.",
        one(active.generation as f64),
    );
    family(
        "epochs_evaluated_total",
        "counter",
        "Records of the journal that were evaluated.",
        one(evaluated as f64),
    );
    family(
        "epochs_committed_total",
        "counter",
        "Records of the journal that are kept.",
        one(committed as f64),
    );
    family(
        "commit_lag_epochs",
        "gauge",
        "Records that are evaluated and not kept yet.",
        one(evaluated.saturating_sub(committed) as f64),
    );
    let waiting = shared.waiting.load(Ordering::Relaxed);
    let queues = [
        ("evaluation", waiting as u64),
        ("commit", evaluated.saturating_sub(committed)),
    ];
    let queues = queues.map(|(queue, depth)| (format!("{{queue=\"{queue}\"}}"), depth as f64));
    family(
        "queue_depth",
        "gauge",
        "Epochs that were read and wait to be evaluated, and that were evaluated and wait to be kept.",
        queues.into(),
    );
    let kinds = done.events.iter();
    let kinds = kinds.map(|(kind, count)| {
        (
            format!("{{kind=\"{}\"}}", label(kind.name())),
            *count as f64,
        )
    });
    family(
        "events_total",
        "counter",
        "Events that were evaluated, since the journal began.",
        kinds.collect(),
    );
    family(
        "findings_total",
        "counter",
        "Findings and retractions.",
        one(done.findings as f64),
    );
    family(
        "decisions_total",
        "counter",
        "Decisions.",
        one(done.decisions as f64),
    );
    family(
        "denied_total",
        "counter",
        "Decisions that do not permit.",
        one(done.denied as f64),
    );
    family(
        "faults_total",
        "counter",
        "Faults of plugins.",
        one(done.faults as f64),
    );
    let drops = [
        ("poison", done.poison),
        ("unevaluated", done.unevaluated),
        ("interrupted", done.interrupted),
        ("too-deep", done.too_deep),
        ("unparsed", done.unparsed),
        ("bad-datagram", done.bad_datagrams),
        ("crowded", done.crowded),
    ];
    let drops = drops.map(|(cause, count)| (format!("{{cause=\"{cause}\"}}"), count as f64));
    family(
        "drops_total",
        "counter",
        "What was not evaluated, by cause.",
        drops.into(),
    );
    let letters = [
        ("kept", shared.letters.load(Ordering::Relaxed)),
        ("dropped", shared.letters_dropped.load(Ordering::Relaxed)),
        ("let-go", shared.letters_let_go.load(Ordering::Relaxed)),
    ];
    let letters = letters.map(|(what, count)| (format!("{{what=\"{what}\"}}"), count as f64));
    family(
        "dead_letters_total",
        "counter",
        "Dead letters since the start: kept, dropped for want of room in their epoch, and let go later.",
        letters.into(),
    );
    family(
        "clamped_total",
        "counter",
        "Events dated too far ahead of the clock.",
        one(done.clamped as f64),
    );
    let sources = figures.positions.iter().map(|at| {
        let labels = format!(
            "{{source=\"{}\",tenant=\"{}\"}}",
            label(&at.source.name),
            label(&at.source.tenant)
        );
        (labels, at.next as f64)
    });
    family(
        "source_events_total",
        "counter",
        "Events of a source.",
        sources.collect(),
    );
    let networks = |value: &dyn Fn(&Network) -> f64| {
        let rows = shared.networks.iter().map(|network| {
            let labels = format!(
                "{{source=\"{}\",kind=\"{}\"}}",
                label(&network.name),
                network.kind
            );
            (labels, value(network))
        });
        rows.collect::<Vec<_>>()
    };
    family(
        "link_up",
        "gauge",
        "Whether a network source listens, or is connected and subscribed.",
        networks(&|network| f64::from(u8::from(network.link().0 != Link::Down))),
    );
    family(
        "link_connections",
        "gauge",
        "Connections to a listener.",
        networks(&|network| network.connections.load(Ordering::Relaxed) as f64),
    );
    family(
        "link_waiting",
        "gauge",
        "Bodies or messages that are not kept yet.",
        networks(&|network| network.waiting().0 as f64),
    );
    family(
        "link_waiting_bytes",
        "gauge",
        "Bytes of those.",
        networks(&|network| network.waiting().1 as f64),
    );
    family(
        "link_bad_records_total",
        "counter",
        "Records of a network source that became no event, since the start.",
        networks(&|network| network.bad() as f64),
    );
    let results = shared.networks.iter().flat_map(|network| {
        network.counts().map(|(cause, count)| {
            let labels = format!(
                "{{source=\"{}\",kind=\"{}\",result=\"{}\"}}",
                label(&network.name),
                network.kind,
                cause.name()
            );
            (labels, count as f64)
        })
    });
    family(
        "link_results_total",
        "counter",
        "What became of bodies, messages and connections, since the start.",
        results.collect(),
    );
    for (name, kind, help, rows) in shared.captures.metrics(label) {
        family(name, kind, help, rows);
    }
    let plugin = |value: &dyn Fn(&palisade_pipeline::engine::PluginSummary) -> f64| {
        let rows = done.plugins.iter().map(|plugin| {
            let labels = format!(
                "{{plugin=\"{}\",pack=\"{}\"}}",
                label(&plugin.name),
                label(&plugin.pack)
            );
            (labels, value(plugin))
        });
        rows.collect::<Vec<_>>()
    };
    family(
        "plugin_seconds_total",
        "counter",
        "Time in a plugin's guest.",
        plugin(&|p| (p.cost.time + p.parse.time).as_secs_f64()),
    );
    family(
        "plugin_calls_total",
        "counter",
        "Calls of a plugin.",
        plugin(&|p| (p.cost.calls + p.parse.calls) as f64),
    );
    family(
        "plugin_events_total",
        "counter",
        "Events that a plugin was shown.",
        plugin(&|p| p.cost.events as f64),
    );
    family(
        "plugin_yielded_total",
        "counter",
        "Findings, or events that a parser made.",
        plugin(&|p| p.yielded as f64),
    );
    family(
        "plugin_faults_total",
        "counter",
        "Faults of a plugin.",
        plugin(&|p| p.cost.faults as f64),
    );
    family(
        "plugin_state_bytes",
        "gauge",
        "Bytes of a plugin's tables, on all workers.",
        plugin(&|p| p.cost.state.max(0) as f64),
    );
    family(
        "plugin_quarantined",
        "gauge",
        "Whether a plugin is shown nothing any more.",
        plugin(&|p| f64::from(u8::from(p.quarantined))),
    );
    let times = |histogram: &Histogram, name: &str| {
        let (rows, sum, count) = histogram.rows();
        let mut text = format!("# TYPE palisade_{name} histogram\n");
        for (end, below) in rows {
            let _ = writeln!(text, "palisade_{name}_bucket{{le=\"{end}\"}} {below}");
        }
        let _ = writeln!(text, "palisade_{name}_bucket{{le=\"+Inf\"}} {count}");
        let _ = writeln!(
            text,
            "palisade_{name}_sum {sum}\npalisade_{name}_count {count}"
        );
        text
    };
    let digests = active.composition.plugins.iter().map(|plugin| {
        let labels = format!(
            "{{plugin=\"{}\",pack=\"{}\",digest=\"{}\"}}",
            label(&plugin.name),
            label(&plugin.pack),
            short(&plugin.digest)
        );
        (labels, 1.0)
    });
    let evidence = shared.evidence.rows();
    for (name, kind, help, value) in evidence {
        family(&format!("evidence_{name}"), kind, help, one(value as f64));
    }
    family(
        "plugin_active",
        "gauge",
        "What runs, by digest.",
        digests.collect(),
    );
    out.push_str("# HELP palisade_kept_seconds From when an epoch was read until it was kept.\n");
    out.push_str(&times(&shared.kept_after, "kept_seconds"));
    out.push_str("# HELP palisade_sync_seconds How long a sync of the journal took.\n");
    out.push_str(&times(&shared.synced_in, "sync_seconds"));
    out
}
