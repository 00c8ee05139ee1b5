//! Panics of the host over what parsers return and over what plugins are to be shown: each is
//! the fault of one plugin, and the others find what they find without it.

use std::io::Cursor;
use std::sync::Arc;

use palisade_runtime::{LogLevel, Plugin};

use crate::capabilities::LogSink;
use crate::engine::defect::{Spot, Wanted};
use crate::engine::{Engine, EngineConfig, EngineError, Generation, Summary};
use palisade_sources::{Limits, SourcePolicy, open};

use super::{CAPTURE, Seen, plugins, root};

fn run(
    plugins: &[Arc<Plugin>],
    bytes: Vec<u8>,
    workers: usize,
) -> (Seen, Result<Summary, EngineError>) {
    let config = EngineConfig {
        workers,
        ..EngineConfig::default()
    };
    let log: LogSink = Arc::new(|_: &str, _: LogLevel, _: &str| ());
    let generation = Generation::new(plugins.to_vec(), Vec::new(), None).unwrap();
    let mut engine = Engine::new(config, generation, &log).unwrap();
    let mut seen = Seen::default();
    let input = open("input", Cursor::new(bytes), &Limits::default()).unwrap();
    let source = engine.source("input", "tenant").unwrap();
    let read = engine.read(input, SourcePolicy::vectors(source), &mut seen);
    let ended = read.and_then(|()| engine.finish(&mut seen));
    seen.findings.sort();
    seen.parsed.sort();
    (seen, ended)
}

/// A run over the capture in which the host panics at this place, over Modbus; what came of it,
/// and what comes without a panic of the other parsers alone.
fn over_modbus(spot: Spot, workers: usize) -> Option<(Seen, Summary, Seen)> {
    let capture = std::fs::read(root().join(CAPTURE)).unwrap();
    let [modbus, http] =
        ["modbus", "http"].map(|name| format!("plugins/iot-protocols/{name}.wasm"));
    let both = plugins(&[&modbus, &http])?;
    let alone = run(&both[1..], capture.clone(), workers).0;
    assert!(!alone.parsed.is_empty() && alone.faults.is_empty());
    let _wanted = Wanted::at(spot, "modbus");
    let (seen, ended) = run(&both, capture, workers);
    Some((seen, ended.unwrap(), alone))
}

#[track_caller]
fn all_are_panics(faults: &[(String, String)], plugin: &str) {
    assert!(!faults.is_empty());
    for (of, problem) in faults {
        assert_eq!(of, plugin, "{problem}");
        assert!(problem.contains("as the test wants"), "{problem}");
        assert!(problem.contains("please report it"), "{problem}");
    }
}

#[test]
fn a_panic_over_what_a_parser_returned_is_its_fault_and_gives_up_the_flows_of_the_call() {
    for workers in [1, 3] {
        let Some((seen, summary, alone)) = over_modbus(Spot::Accept, workers) else {
            return;
        };
        all_are_panics(&seen.faults, "modbus");
        assert!(summary.faults > 0 && !seen.unparsed.is_empty());
        assert!(seen.unparsed.iter().all(|(parser, _)| parser == "modbus"));
        assert_eq!(seen.parsed, alone.parsed, "the other parser loses nothing");
    }
}

#[test]
fn a_panic_of_a_parsers_worker_is_the_fault_of_the_parser_that_it_called() {
    let Some((seen, summary, _)) = over_modbus(Spot::Parse, 1) else {
        return;
    };
    all_are_panics(&seen.faults, "modbus");
    assert!(summary.faults > 0);
    // What the worker knew of flows is gone, and that is said of those that were parsed.
    assert!(!seen.unparsed.is_empty());
    for (_, problem) in &seen.unparsed {
        assert!(problem.contains("its worker begins anew"), "{problem}");
    }
}

/// Flows to the ports from 1 on.
fn flows() -> Vec<u8> {
    let flow = |port: u16| {
        format!(
            "{{\"kind\":\"network.flow\",\"time\":\"2025-06-01T10:00:00Z\",\"src\":{{\"ip\":\"10.0.0.1\"}},\
             \"dst\":{{\"ip\":\"192.0.2.1\",\"port\":{port}}}}}\n"
        )
    };
    (1..=40).map(flow).collect::<String>().into_bytes()
}

#[test]
fn a_panic_while_events_are_routed_or_shown_is_the_fault_of_the_plugin_that_they_were_for() {
    let Some(both) = plugins(&[
        "hostile/hostile/innocent.wasm",
        "plugins/cdn-abuse/flooding.wasm",
    ]) else {
        return;
    };
    let name = both[1].manifest().name.clone();
    let alone = run(&both[..1], flows(), 1).0;
    assert!(!alone.findings.is_empty());
    for spot in [Spot::Turns, Spot::Turn] {
        for workers in [1, 3] {
            let _wanted = Wanted::at(spot, &name);
            let (seen, ended) = run(&both, flows(), workers);
            ended.unwrap();
            all_are_panics(&seen.faults, &name);
            assert_eq!(seen.findings, alone.findings, "{spot:?}, {workers} workers");
        }
    }
}

#[test]
fn where_it_cannot_be_told_what_a_policy_is_asked_the_run_ends_rather_than_permit() {
    let Some(policy) = plugins(&["hostile/hostile/hostile-policy.wasm"]) else {
        return;
    };
    let request = b"{\"kind\":\"report.disclosure\",\"time\":\"2025-06-01T10:00:00Z\",\"request\":\"D-1\",\
        \"action\":\"share\",\"subject_kind\":\"vulnerability\",\"subjects\":[\"V-1\"],\"audience\":\"named\"}\n";
    let (seen, ended) = run(&policy, request.to_vec(), 1);
    ended.unwrap();
    assert_eq!(seen.decisions.len(), 1, "it decides");
    let _wanted = Wanted::at(Spot::Turns, &policy[0].manifest().name);
    let (seen, ended) = run(&policy, request.to_vec(), 1);
    let error = ended.unwrap_err().to_string();
    assert!(error.contains("as the test wants"), "{error}");
    assert!(seen.decisions.is_empty());
}
