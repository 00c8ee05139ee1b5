//! Guests that make the host panic. Whatever the defect that they find, it is their own fault:
//! what they did in the call is undone, and everybody else goes on. The defect is made up: the
//! sink of log messages panics over theirs.

use std::sync::Arc;

use palisade_events::Verdict;
use palisade_pipeline::capabilities::LogSink;
use palisade_pipeline::engine::EngineConfig;
use palisade_runtime::manifest::Settings;
use palisade_runtime::{Fault, FaultCause, LogLevel, Mode, Plugin};

use crate::stage::{
    EVENTS, Events, Seen, act_settings, assert_harmless, component, hostile, innocent, limits,
    load, none, run, run_logging, settings,
};

/// A log that panics over what hostile guests say.
fn sink() -> LogSink {
    Arc::new(|plugin: &str, _: LogLevel, text: &str| {
        assert!(
            !plugin.starts_with("hostile"),
            "as the test wants \u{1b}[2J: {text}"
        );
    })
}

fn plugin(bytes: &[u8], settings: &Settings) -> Arc<Plugin> {
    load(bytes, Mode::Live, limits(|_| ()), settings).expect("the hostile guest loads")
}

/// Runs the guest beside the innocent one, whose findings are those that it has alone.
fn run_beside(hostile: &Arc<Plugin>, events: Events, workers: usize) -> Option<Seen> {
    let innocent = innocent()?;
    let alone = run(&[&innocent], events);
    let config = EngineConfig {
        workers,
        ..EngineConfig::default()
    };
    let (seen, ended) = run_logging(&[hostile, &innocent], events, config, &sink());
    ended.expect("no worker dies of it");
    assert_eq!(seen.essence("innocent"), alone.essence("innocent"));
    Some(seen)
}

fn is_panic(fault: &Fault, export: &str) {
    assert_eq!(fault.export, export);
    let FaultCause::Panic { function, lost, .. } = &fault.cause else {
        panic!("{fault}");
    };
    assert_eq!((*function, *lost), ("write", false), "{fault}");
    let text = fault.to_string();
    assert!(text.contains("as the test wants"), "{text}");
    assert!(text.contains("please report it"), "{text}");
    assert_harmless(&text);
}

#[test]
fn one_event_that_makes_the_host_panic_is_left_out_alone() {
    let Some(bytes) = hostile() else { return };
    let plugin = plugin(&bytes, &settings("log", 1, "evaluate", 17));
    for workers in [1, 3] {
        let Some(seen) = run_beside(&plugin, Events::Flows(EVENTS), workers) else {
            return;
        };
        assert_eq!(seen.poison.len(), 1, "the event to blame");
        is_panic(&seen.poison[0].1, "evaluate");
        assert_eq!(seen.findings_of("hostile").len(), EVENTS - 1);
    }
}

#[test]
fn a_panic_while_a_guest_is_configured_or_told_of_a_timer_is_its_fault() {
    let Some(bytes) = hostile() else { return };
    let configured = plugin(&bytes, &settings("log", 1, "configure", -1));
    let Some(seen) = run_beside(&configured, Events::Flows(EVENTS), 2) else {
        return;
    };
    assert_eq!(seen.poison.len(), EVENTS);
    seen.poison
        .iter()
        .for_each(|(_, fault)| is_panic(fault, "configure"));
    let told = plugin(&bytes, &settings("log", 1, "on-timer", -1));
    let Some(seen) = run_beside(&told, Events::Flows(EVENTS), 2) else {
        return;
    };
    none(&seen.poison);
    let faults = seen.faults();
    assert!(!faults.is_empty(), "the timer fired");
    for (plugin, problem) in faults {
        assert_eq!(plugin, "hostile");
        assert!(
            problem.contains("export `on-timer`") && problem.contains("panic"),
            "{problem}"
        );
    }
    assert_eq!(
        seen.findings_of("hostile").len(),
        EVENTS,
        "but for those of the timer"
    );
}

#[test]
fn a_policy_over_which_the_host_panics_denies() {
    let Some(bytes) = component("hostile/hostile/hostile-policy.wasm") else {
        return;
    };
    let policy = plugin(&bytes, &act_settings("log", 0));
    let Some(seen) = run_beside(&policy, Events::Request, 2) else {
        return;
    };
    assert_eq!(seen.decisions.len(), 1);
    assert_eq!(seen.decisions[0].verdict, Verdict::Deny);
    assert_eq!(seen.poison.len(), 1);
    is_panic(&seen.poison[0].1, "decide");
}
