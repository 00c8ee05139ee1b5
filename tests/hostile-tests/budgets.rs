//! What a plugin may use of an epoch: bytes, and time or fuel, over all its calls.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use palisade_events::Verdict;
use palisade_pipeline::engine::{EngineConfig, OnFault};
use palisade_runtime::{FaultCause, Limits, Mode, Plugin};

use crate::stage::{
    EVENTS, Events, Seen, act_settings, component, hostile, innocent, limits, load, none, run,
    run_with, settings,
};

fn detector(
    act: &str,
    amount: u64,
    when: &str,
    change: impl FnOnce(&mut Limits),
) -> Option<Arc<Plugin>> {
    plugin(act, amount, when, Mode::Live, change)
}

fn plugin(
    act: &str,
    amount: u64,
    when: &str,
    mode: Mode,
    change: impl FnOnce(&mut Limits),
) -> Option<Arc<Plugin>> {
    let settings = settings(act, amount, when, -1);
    let loaded = load(&hostile()?, mode, limits(change), &settings);
    Some(loaded.expect("the hostile guest loads"))
}

fn one_by_one() -> EngineConfig {
    EngineConfig {
        batch_rows: 1,
        ..EngineConfig::default()
    }
}

/// Runs the plugin one event a call beside the innocent one, which must not notice.
fn shown(plugin: &Arc<Plugin>, config: EngineConfig) -> Option<Seen> {
    let innocent = innocent()?;
    let alone = run(&[&innocent], Events::Flows(EVENTS));
    let (seen, ended) = run_with(&[plugin, &innocent], Events::Flows(EVENTS), config);
    ended.expect("the run goes on to its end");
    assert_eq!(seen.essence("innocent"), alone.essence("innocent"));
    Some(seen)
}

/// That the plugin faulted once, for this reason, and that each event either counts or was left
/// out, in this order.
#[track_caller]
fn assert_cut_off(seen: &Seen, export: &str, cause: &FaultCause) {
    let faults = seen.faults();
    let told = format!("plugin `hostile`, export `{export}`: {cause}");
    assert_eq!(faults, [("hostile", told.as_str())]);
    none(&seen.poison);
    let left: Vec<u64> = seen.left.iter().map(|(_, seq)| *seq).collect();
    let first = EVENTS - left.len();
    assert!(first > 0 && first < EVENTS, "{first} events were shown");
    assert_eq!(left, (first as u64..EVENTS as u64).collect::<Vec<_>>());
    assert!(seen.left.iter().all(|(reason, _)| *reason == told));
    let cost = &seen.cost("hostile").cost;
    assert_eq!(
        (cost.events, cost.unevaluated),
        (first as u64, left.len() as u64)
    );
    assert_eq!(
        (seen.summary.unevaluated, seen.summary.faults),
        (left.len() as u64, 1)
    );
}

#[test]
fn findings_of_an_epoch_have_a_size() {
    // Findings of 20 KiB and one small one a call.
    let bytes = 1 << 20;
    let Some(within) = detector("bulky-findings", 1, "evaluate", |l| l.epoch_bytes = bytes) else {
        return;
    };
    let Some(seen) = shown(&within, one_by_one()) else {
        return;
    };
    none(&seen.faults());
    assert_eq!(seen.findings_of("hostile").len(), 2 * EVENTS);
    let over = detector("bulky-findings", 10, "evaluate", |l| l.epoch_bytes = bytes).unwrap();
    let seen = shown(&over, one_by_one()).unwrap();
    assert_cut_off(&seen, "evaluate", &FaultCause::EpochBytes(bytes));
    // What came before counts.
    let shown_events = EVENTS - seen.left.len();
    assert_eq!(seen.findings_of("hostile").len(), 11 * shown_events);
    // The next epoch has a budget of its own.
    let epochs = EngineConfig {
        epoch: 4,
        ..one_by_one()
    };
    let seen = shown(&over, epochs).unwrap();
    none(&seen.faults());
    assert_eq!(seen.findings_of("hostile").len(), 11 * EVENTS);
}

#[test]
fn an_epoch_that_is_cut_says_the_same() {
    let (Some(bulky), Some(innocent)) = (
        detector("bulky-findings", 20, "evaluate", |_| ()),
        innocent(),
    ) else {
        return;
    };
    let run = |mebibytes: u64| {
        let config = EngineConfig {
            memory: NonZeroU64::new(mebibytes << 20),
            ..one_by_one()
        };
        let (seen, ended) = run_with(&[&bulky, &innocent], Events::Flows(EVENTS), config);
        ended.expect("the run goes on");
        none(&seen.faults());
        seen
    };
    let (whole, cut) = (run(8 << 10), run(256));
    assert_eq!(whole.summary.cuts, 0);
    assert!(cut.summary.cuts > 0);
    for plugin in ["hostile", "innocent"] {
        assert_eq!(cut.essence(plugin), whole.essence(plugin));
    }
    assert_eq!(cut.findings_of("hostile").len(), 21 * EVENTS);
}

#[test]
fn log_messages_of_an_epoch_have_a_size() {
    let Some(over) = detector("log-bytes", 4_000, "evaluate", |l| l.epoch_bytes = 100_000) else {
        return;
    };
    let Some(seen) = shown(&over, one_by_one()) else {
        return;
    };
    assert_cut_off(&seen, "evaluate", &FaultCause::EpochBytes(100_000));
    let said = seen
        .log
        .iter()
        .filter(|line| line.starts_with("hostile"))
        .count();
    assert!(said < EVENTS, "{said} messages");
}

#[test]
fn calls_of_an_epoch_have_a_time() {
    let time = Duration::from_millis(40);
    let Some(within) = detector("spin", 1_000, "evaluate", |_| ()) else {
        return;
    };
    let Some(seen) = shown(&within, one_by_one()) else {
        return;
    };
    none(&seen.faults());
    assert_eq!(seen.findings_of("hostile").len(), EVENTS);
    let over = detector("spin", 30_000_000, "evaluate", |l| l.epoch_time = time).unwrap();
    let seen = shown(&over, one_by_one()).unwrap();
    assert_cut_off(&seen, "evaluate", &FaultCause::EpochTime(time));
}

#[test]
fn calls_of_an_epoch_have_fuel_in_deterministic_mode() {
    let run = |amount| {
        let change = |l: &mut Limits| {
            l.epoch_fuel = 20_000_000;
            // Time plays no part.
            l.epoch_time = Duration::ZERO;
        };
        let plugin = plugin("spin", amount, "evaluate", Mode::Deterministic, change)?;
        shown(&plugin, one_by_one())
    };
    let Some(seen) = run(1_000) else { return };
    none(&seen.faults());
    let seen = run(1_000_000).unwrap();
    assert_cut_off(&seen, "evaluate", &FaultCause::EpochFuel(20_000_000));
    assert_eq!(run(1_000_000).unwrap().left, seen.left, "it repeats");
}

#[test]
fn slow_starts_count() {
    let time = Duration::from_millis(40);
    let Some(slow) = detector("spin", 30_000_000, "configure", |l| l.epoch_time = time) else {
        return;
    };
    let fresh = EngineConfig {
        fresh: true,
        ..one_by_one()
    };
    let Some(seen) = shown(&slow, fresh) else {
        return;
    };
    assert_cut_off(&seen, "evaluate", &FaultCause::EpochTime(time));
}

#[test]
fn a_retraction_does_not_show_rows_again_without_end() {
    let time = Duration::from_millis(100);
    let Some(slow) = detector("slow-retraction", 30_000_000, "evaluate", |l| {
        l.epoch_time = time
    }) else {
        return;
    };
    let (seen, _) = run_with(&[&slow], Events::Flows(1_000), EngineConfig::default());
    let calls = seen.cost("hostile").cost.calls;
    assert!(calls < 200, "{calls} calls");
    assert_eq!(seen.faults().len(), 1);
    let counted = seen.cost("hostile").cost.events + seen.summary.unevaluated;
    assert_eq!(counted, 1_000);
    // Without a limit in its way, every row comes alone, after few calls with many.
    let quick = detector("slow-retraction", 1, "evaluate", |_| ()).unwrap();
    let (seen, _) = run_with(&[&quick], Events::Flows(1_000), EngineConfig::default());
    none(&seen.faults());
    let cost = &seen.cost("hostile").cost;
    assert_eq!(cost.events, 1_000);
    assert!(cost.calls <= 1_000 + 32, "{} calls", cost.calls);
}

#[test]
fn timers_that_file_are_counted() {
    let act = |amount| {
        detector("bulky-findings", amount, "on-timers", |l| {
            l.epoch_bytes = 4 << 20
        })
    };
    let Some(over) = act(16) else { return };
    let (seen, ended) = run_with(&[&over], Events::Flows(EVENTS), EngineConfig::default());
    ended.expect("the run goes on");
    let bulky = |seen: &Seen| {
        let found = seen.findings_of("hostile");
        found.iter().filter(|f| f.actions.len() == 16).count() as u64
    };
    let fault = FaultCause::EpochBytes(4 << 20);
    let told = format!("plugin `hostile`, export `on-timer`: {fault}");
    assert_eq!(seen.faults(), [("hostile", told.as_str())]);
    // Sixteen findings a timer; those that were not told of their due time are counted.
    let fired = bulky(&seen) / 16;
    assert!(fired > 0 && fired < 512, "{fired} timers");
    assert_eq!(fired + seen.summary.unevaluated, 512);
    let within = detector("bulky-findings", 1, "on-timers", |_| ()).unwrap();
    let (seen, _) = run_with(&[&within], Events::Flows(EVENTS), EngineConfig::default());
    none(&seen.faults());
    assert_eq!(bulky(&seen), 512);
}

#[test]
fn a_policy_that_used_up_its_budget_denies() {
    let Some(bytes) = component("hostile/hostile/hostile-policy.wasm") else {
        return;
    };
    let policy = |change: fn(&mut Limits)| {
        let act = act_settings("bulky-judgements", 100);
        load(&bytes, Mode::Live, limits(change), &act).expect("the policy loads")
    };
    let seen = run(&[&policy(|_| ())], Events::Request);
    assert_eq!(seen.decisions[0].verdict, Verdict::Permit);
    let seen = run(&[&policy(|l| l.epoch_bytes = 100_000)], Events::Request);
    assert_eq!(seen.decisions[0].verdict, Verdict::Deny);
    let judgements = &seen.decisions[0].judgements;
    assert_eq!(judgements.len(), 1, "nothing of the call remains");
    let reason = &judgements[0].reason;
    let cause = FaultCause::EpochBytes(100_000).to_string();
    assert!(reason.contains(&cause), "{reason}");
    assert_eq!(seen.summary.unevaluated, 1);
}

#[test]
fn a_parser_has_bytes_and_time_for_an_epoch() {
    let Some(bytes) = component("hostile/hostile/hostile-parser.wasm") else {
        return;
    };
    let parse = |act: &str, amount, change: &dyn Fn(&mut Limits)| {
        let act = act_settings(act, amount);
        let parser = load(&bytes, Mode::Live, limits(change), &act).expect("the parser loads");
        // Every packet in a call of its own.
        let config = EngineConfig {
            epoch: 200,
            ..EngineConfig::default()
        };
        let (seen, ended) = run_with(&[&parser], Events::Capture("plant.pcap"), config);
        ended.expect("the run goes on");
        seen
    };
    let seen = parse("bytes", 100_000, &|_| ());
    none(&seen.faults());
    assert!(seen.cost("hostile-parser").parse.events > 0);
    let time = Duration::from_millis(20);
    for (act, amount, cause) in [
        ("bytes", 100_000, FaultCause::EpochBytes(50_000)),
        ("spin", 1_000_000_000, FaultCause::EpochTime(time)),
        ("probe-spin", 1_000_000_000, FaultCause::EpochTime(time)),
    ] {
        let seen = parse(act, amount, &|l| match act {
            "bytes" => l.epoch_bytes = 50_000,
            _ => l.epoch_time = time,
        });
        assert!(!seen.faults().is_empty(), "{act}");
        for (_, problem) in seen.faults() {
            assert!(problem.ends_with(&cause.to_string()), "{act}: {problem}");
        }
        // What is left of an epoch when its time is up depends on the machine.
        assert!(seen.summary.unevaluated > 0 || act != "bytes", "{act}");
    }
}

#[test]
fn a_budget_that_is_used_up_counts_for_quarantine_and_stop() {
    let time = Duration::from_millis(5);
    let Some(slow) = detector("spin", 30_000_000, "evaluate", |l| l.epoch_time = time) else {
        return;
    };
    let config = |on_fault| EngineConfig {
        epoch: 8,
        on_fault,
        ..one_by_one()
    };
    let quarantine = OnFault::Quarantine {
        faults: 2,
        within: Duration::from_secs(60),
    };
    let (seen, _) = run_with(&[&slow], Events::Flows(EVENTS), config(quarantine));
    assert!(seen.cost("hostile").quarantined);
    let (seen, ended) = run_with(&[&slow], Events::Flows(EVENTS), config(OnFault::Stop));
    assert!(ended.is_err());
    assert!(!seen.faults().is_empty());
}

#[test]
fn a_call_writes_so_much_and_no_more() {
    let mebibyte = |n: u64| n * 1024 / 60;
    crate::stage::Pair::of("put-again", mebibyte(15), mebibyte(17)).holds(
        &FaultCause::Capability {
            function: "state.put",
            problem: format!(
                "the call puts more than {} bytes of keys and values",
                16 << 20
            ),
        },
    );
}
