//! Limits on one call: time, fuel, stack, memory, host calls, what is lifted, log.

use std::time::Duration;

use palisade_runtime::{FaultCause, InstantiateError, Mode};

use crate::stage::{
    EVENTS, Events, Pair, assert_harmless, beside_innocent, hostile, limits, load, refused,
    settings,
};

const FOREVER: u64 = i64::MAX as u64;
const SHORT: Duration = Duration::from_millis(50);

#[test]
fn an_endless_loop_ends_with_the_time_of_a_call() {
    let pair = Pair::of("spin", 1_000, FOREVER);
    if pair.is_let().is_none() {
        return;
    }
    let pair = pair.limits(|l| l.call_time = SHORT);
    let seen = pair
        .is_stopped("evaluate", &FaultCause::Time(SHORT))
        .unwrap();
    let text = seen.poison[0].1.to_string();
    assert!(
        text.contains("50ms") && text.contains("limits.call-time"),
        "{text}"
    );
    assert!(
        !seen.poison[0].1.backtrace.frames.is_empty(),
        "frames of the guest"
    );
}

#[test]
fn short_host_calls_do_not_evade_the_time_of_a_call() {
    let pair = Pair::of("calls", 1_000, FOREVER).limits(|l| l.host_calls = u64::MAX);
    if pair.is_let().is_none() {
        return;
    }
    let pair = pair.limits(|l| l.call_time = SHORT);
    pair.is_stopped("evaluate", &FaultCause::Time(SHORT));
}

#[test]
fn host_calls_are_counted() {
    // Two more are made for every call: the column, and the finding of every row.
    let rows = EVENTS as u64 + 1;
    Pair::of("calls", 1_000 - rows, 1_001)
        .limits(|l| l.host_calls = 1_000)
        .holds(&FaultCause::HostCalls(1_000));
}

#[test]
fn fuel_ends_a_call_in_deterministic_mode() {
    let mut pair = Pair::of("spin", 1_000, FOREVER).limits(|l| l.fuel = 2_000_000);
    pair.mode = Mode::Deterministic;
    pair.holds(&FaultCause::Fuel(2_000_000));
}

#[test]
fn deep_recursion_ends_at_the_stack() {
    Pair::of("recurse", 50, 1_000_000)
        .limits(|l| l.stack = 256 << 10)
        .holds(&FaultCause::Stack(256 << 10));
}

#[test]
fn a_timer_is_bounded_like_any_call() {
    for (act, amount, cause) in [
        ("recurse", 1_000_000, FaultCause::Stack(512 << 10)),
        ("unreachable", 0, FaultCause::Trap(String::new())),
        ("batch", 0, FaultCause::NoBatch("batch.current-kind")),
    ] {
        let Some(bytes) = hostile() else { return };
        let settings = settings(act, amount, "on-timer", -1);
        let plugin = load(&bytes, Mode::Live, limits(|_| ()), &settings).unwrap();
        let Some(seen) = beside_innocent(&plugin, Events::Flows(EVENTS)) else {
            return;
        };
        // What the calls before it found stays.
        assert_eq!(seen.findings_of("hostile").len(), EVENTS, "{act}");
        let faults = seen.faults();
        assert_eq!(faults.len(), 1, "{faults:?}");
        let (plugin, problem) = faults[0];
        assert_eq!(plugin, "hostile");
        let named = "plugin `hostile`, export `on-timer`: ";
        assert!(problem.starts_with(named), "{problem}");
        match cause {
            FaultCause::Trap(_) => assert!(problem.contains("unreachable"), "{problem}"),
            cause => assert_eq!(problem, format!("{named}{cause}")),
        }
    }
    let Some(seen) = Pair::of("nothing", 0, 0).when("on-timer").is_let() else {
        return;
    };
    let timers = seen
        .findings_of("hostile")
        .iter()
        .filter(|f| f.subject == "timer")
        .count();
    assert_eq!(timers, 1);
}

#[test]
fn a_memory_bomb_ends_at_the_memory_of_all_its_memories() {
    let Some(bytes) = hostile() else { return };
    let mebibytes = |n: u64| n * 16;
    let pair = Pair::of("grow", mebibytes(4), mebibytes(16)).limits(|l| l.memory = 8 << 20);
    if pair.is_let().is_none() {
        return;
    }
    let plugin = load(
        &bytes,
        Mode::Live,
        pair.limits.clone(),
        &settings("grow", pair.over, "evaluate", -1),
    )
    .unwrap();
    let seen = beside_innocent(&plugin, Events::Flows(EVENTS)).unwrap();
    assert_eq!(seen.poison.len(), EVENTS);
    for (_, fault) in &seen.poison {
        match fault.cause {
            FaultCause::Memory { wanted, limit } => {
                assert_eq!(limit, 8 << 20);
                assert!(wanted > 16 << 20, "{wanted}");
            }
            ref other => panic!("{other:?}"),
        }
        assert!(fault.to_string().contains("limits.memory"), "{fault}");
    }
}

#[test]
fn what_is_lifted_is_bounded() {
    Pair::of("put", 60_000, 8 << 20).holds(&FaultCause::Lifted(4 << 20));
}

#[test]
fn a_log_flood_is_counted_and_dropped() {
    let pair = Pair::of("log", 64, 100_000 - 100).limits(|l| l.host_calls = 200_000);
    let Some(seen) = pair.is_let() else { return };
    assert_eq!(seen.log.len(), 64);
    assert_eq!(seen.cost("hostile").cost.log_dropped, 0);
    // Not a fault: the guest goes on.
    let flood = Pair {
        within: pair.over,
        ..pair
    };
    let seen = flood.is_let().unwrap();
    assert_eq!(seen.log.len(), 64);
    assert_eq!(seen.cost("hostile").cost.log_dropped, flood.within - 64);
    // One message of 4 KiB, and one of a byte more.
    let long = Pair::of("log-bytes", 4 << 10, 0);
    assert_eq!(long.is_let().unwrap().log.len(), 1);
    let long = Pair::of("log-bytes", (4 << 10) + 1, 0);
    let seen = long.is_let().unwrap();
    assert_eq!(
        (seen.log.len(), seen.cost("hostile").cost.log_dropped),
        (0, 1)
    );
    let seen = Pair::of("log-escapes", 0, 0).is_let().unwrap();
    assert_eq!(seen.log, ["hostile: \\u{1b}[2J\\u{202e}log"]);
}

#[test]
fn a_trap_is_isolated_to_its_event() {
    let Some(bytes) = hostile() else { return };
    let plugin = load(
        &bytes,
        Mode::Live,
        limits(|_| ()),
        &settings("trap", 0, "evaluate", 700),
    )
    .unwrap();
    let Some(seen) = beside_innocent(&plugin, Events::Flows(1_000)) else {
        return;
    };
    assert_eq!(seen.poison.len(), 1);
    let fault = &seen.poison[0].1;
    assert!(
        matches!(&fault.cause, FaultCause::Abort { message, .. } if message == "as told"),
        "{fault}"
    );
    // The panic says where; the file is the guest's own.
    let text = fault.to_string();
    assert!(text.contains("aborted at detector/src/lib.rs:"), "{text}");
    assert_eq!(
        seen.findings_of("hostile").len(),
        999,
        "all the others are evaluated"
    );
    assert_eq!(seen.summary.poison, 1);
}

#[test]
fn isolation_is_bounded_where_every_event_faults() {
    let Some(bytes) = hostile() else { return };
    let plugin = load(
        &bytes,
        Mode::Live,
        limits(|_| ()),
        &settings("trap", 0, "evaluate", -1),
    )
    .unwrap();
    let Some(seen) = beside_innocent(&plugin, Events::Flows(1_000)) else {
        return;
    };
    assert_eq!(seen.poison.len(), 1_000, "every event is accounted for");
    let cost = &seen.cost("hostile").cost;
    assert_eq!(cost.faults, seen.summary.faults, "the same everywhere");
    let faults = cost.faulted_calls;
    // 24 calls for each of at most 16 events of an epoch and worker, on two workers.
    assert!(faults <= 2 * 16 * 25, "{faults} calls that fault");
}

#[test]
fn configure_is_bounded_like_any_call() {
    let pair = |act, over| Pair::of(act, 0, over).when("configure");
    if pair("nothing", 0).is_let().is_none() {
        return;
    }
    let spin = pair("spin", FOREVER).limits(|l| l.call_time = SHORT);
    spin.is_stopped("configure", &FaultCause::Time(SHORT));
    pair("recurse", 1_000_000).is_stopped("configure", &FaultCause::Stack(512 << 10));
    // There is no batch yet, and nothing that could be cited, kept or found.
    pair("batch", 0).is_stopped("configure", &FaultCause::NoBatch("batch.current-kind"));
    pair("emit", 0).is_stopped("configure", &FaultCause::NoBatch("findings"));
    pair("put", 1).is_stopped("configure", &FaultCause::NoBatch("state.put"));
    pair("timers", 1).is_stopped("configure", &FaultCause::NoBatch("timers.set"));
}

#[test]
fn a_refusal_of_settings_is_told_in_harmless_words() {
    let Some(bytes) = hostile() else { return };
    let settings = settings("refuse", 10_000, "configure", -1);
    let plugin = load(&bytes, Mode::Live, limits(|_| ()), &settings).unwrap();
    let error = refused(&plugin);
    let InstantiateError::Refused {
        plugin: name,
        name: setting,
        message,
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!(name, "hostile");
    assert_harmless(setting);
    assert_harmless(message);
    assert!(message.chars().count() <= 1_024, "{}", message.len());
    assert_harmless(&error.to_string());
    beside_innocent(&plugin, Events::Flows(EVENTS));
}

#[test]
fn not_a_number_has_one_form() {
    let canonical = ["7ff8000000000000"; 4].join(" ");
    let Some(seen) = Pair::of("nan", 0, 0).is_let() else {
        return;
    };
    let found = seen.findings_of("hostile");
    assert!(
        found.iter().any(|f| f.summary == canonical),
        "{:?}",
        found[0].summary
    );
}

#[test]
fn what_a_guest_says_of_its_abort_is_bounded_and_harmless() {
    for when in ["configure", "evaluate"] {
        let pair = Pair::of("abort", 0, 3 << 20).when(when);
        let Some(seen) = pair.run_over() else { return };
        assert_eq!(seen.poison.len(), EVENTS, "{when}");
        assert_eq!(seen.findings_of("hostile").len(), 0);
        for (_, fault) in &seen.poison {
            assert_eq!(fault.export, when);
            let FaultCause::Abort {
                message,
                file,
                line: u32::MAX,
                column: 0,
            } = &fault.cause
            else {
                panic!("{fault}");
            };
            assert!(message.len() <= 5 << 10, "{}", message.len());
            assert!(message.starts_with("why\u{fffd}[2J; xxx"), "{message:.40}");
            assert_eq!(file, "src/\u{fffd}[31mforged\u{fffd}\u{fffd}.rs");
            assert_harmless(&fault.to_string());
            assert_eq!(fault.backtrace.frames, ["\u{fffd}frame"]);
        }
        // More than the host lifts from any call is a fault of its own.
        let pair = Pair::of("abort", 0, 8 << 20).when(when);
        pair.is_stopped(when, &FaultCause::Lifted(4 << 20));
    }
    let Some(bytes) = hostile() else { return };
    let settings = settings("abort", 1, "on-timer", -1);
    let plugin = load(&bytes, Mode::Live, limits(|_| ()), &settings).unwrap();
    let Some(seen) = beside_innocent(&plugin, Events::Flows(EVENTS)) else {
        return;
    };
    let faults = seen.faults();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].1.contains("export `on-timer`: aborted at src/"));
    assert_harmless(faults[0].1);
}
