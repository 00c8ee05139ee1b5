//! What becomes of plugins that fault: skipped, put in quarantine, or the end of the run.

use std::sync::Arc;
use std::time::Duration;

use palisade_events::Verdict;
use palisade_pipeline::engine::{EngineConfig, EngineError, Notice, OnFault};
use palisade_runtime::{Limits, Mode, Plugin};

use crate::stage::{
    EVENTS, Events, Seen, act_settings, component, friendly, hostile, innocent, load, run,
    run_with, settings,
};

/// The hostile detector, which traps on the event with this port, or on all.
fn trapping(port: i64) -> Option<Arc<Plugin>> {
    let settings = settings("trap", 0, "evaluate", port);
    let loaded = load(&hostile()?, Mode::Live, Limits::default(), &settings);
    Some(loaded.expect("the hostile guest loads"))
}

fn config(on_fault: OnFault) -> EngineConfig {
    EngineConfig {
        epoch: 8,
        on_fault,
        ..EngineConfig::default()
    }
}

fn quarantine(faults: u32) -> EngineConfig {
    config(OnFault::Quarantine {
        faults,
        within: Duration::from_secs(60),
    })
}

fn quarantined(seen: &Seen) -> Vec<&str> {
    let mut plugins = Vec::new();
    for notice in &seen.notices {
        if let Notice::Quarantined { plugin } = notice {
            plugins.push(plugin.as_str());
        }
    }
    plugins
}

#[test]
fn a_detector_that_faults_too_often_is_shown_nothing_more() {
    let (Some(trapping), Some(innocent)) = (trapping(-1), innocent()) else {
        return;
    };
    let plugins = [&trapping, &innocent];
    let (seen, ended) = run_with(&plugins, Events::Flows(EVENTS), quarantine(5));
    ended.expect("the run goes on");
    assert_eq!(quarantined(&seen), ["hostile"]);
    assert!(seen.cost("hostile").quarantined && !seen.cost("innocent").quarantined);
    // The epoch of the fifth fault, and the one that was begun before it was known.
    let poisoned = seen.poison.len();
    assert!((5..=16).contains(&poisoned), "{poisoned} events");
    let alone = run(&[&innocent], Events::Flows(EVENTS));
    assert_eq!(seen.essence("innocent"), alone.essence("innocent"));

    let (seen, _) = run_with(
        &plugins,
        Events::Flows(EVENTS),
        quarantine(EVENTS as u32 + 1),
    );
    assert_eq!(seen.poison.len(), EVENTS);
    assert!(quarantined(&seen).is_empty());
}

#[test]
fn a_parser_that_faults_too_often_is_asked_nothing_more() {
    let (Some(bytes), Some(modbus), Some(innocent)) = (
        component("hostile/hostile/hostile-parser.wasm"),
        friendly("plugins/iot-protocols/modbus.wasm"),
        innocent(),
    ) else {
        return;
    };
    let act = act_settings("trap", 0);
    let parser = load(&bytes, Mode::Live, Limits::default(), &act).expect("it loads");
    let capture = Events::Capture("plant.pcap");
    let calls = |config| {
        let (seen, ended) = run_with(&[&parser, &modbus, &innocent], capture, config);
        ended.expect("the run goes on");
        let about_modbus = |line: &String| line.contains("a message");
        let mut said = seen.essence("innocent");
        said.retain(about_modbus);
        (
            seen.cost("hostile-parser").parse.calls,
            quarantined(&seen).len(),
            said,
        )
    };
    let (all, none, said) = calls(config(OnFault::Skip));
    let (few, one, still_said) = calls(quarantine(1));
    assert!(few < all, "{few} calls in quarantine, {all} without");
    assert_eq!((none, one), (0, 1));
    assert_eq!(said, still_said, "what the other parser yields");
    assert!(said.len() > 10);
}

#[test]
fn a_policy_goes_on_to_deny() {
    let Some(bytes) = component("hostile/hostile/hostile-policy.wasm") else {
        return;
    };
    let act = act_settings("trap", 0);
    let policy = load(&bytes, Mode::Live, Limits::default(), &act).expect("it loads");
    let (seen, ended) = run_with(&[&policy], Events::Request, quarantine(1));
    ended.expect("the run goes on");
    assert_eq!(seen.poison.len(), 1);
    assert!(quarantined(&seen).is_empty());
    assert_eq!(seen.decisions[0].verdict, Verdict::Deny);
}

#[test]
fn a_run_that_stops_has_put_out_what_comes_before_the_fault() {
    let (Some(trapping), Some(innocent)) = (trapping(25), innocent()) else {
        return;
    };
    let plugins = [&trapping, &innocent];
    let (seen, ended) = run_with(&plugins, Events::Flows(EVENTS), config(OnFault::Stop));
    let Err(EngineError::Fault(problem)) = ended else {
        panic!("{ended:?}");
    };
    assert!(
        problem.starts_with("plugin `hostile`, export `evaluate`: "),
        "{problem}"
    );
    assert_eq!(seen.poison.len(), 1);
    // One finding of the hostile guest for each event before the one that it traps on.
    assert_eq!(seen.findings_of("hostile").len(), 24);

    let (seen, ended) = run_with(&[&innocent], Events::Flows(EVENTS), config(OnFault::Stop));
    ended.expect("nobody faults");
    assert_eq!(seen.findings_of("innocent").len(), EVENTS / 10);
}
