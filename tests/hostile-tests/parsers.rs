//! Parsers that answer what does not fit, beside the Modbus parser and the innocent detector.

use std::sync::Arc;
use std::time::Duration;

use palisade_runtime::{FaultCause, Limits, Mode};

use crate::stage::{
    Events, Seen, act_settings, assert_harmless, component, friendly, innocent, limits, load, none,
    run,
};

/// Runs the hostile parser over a capture that holds Modbus and much else. What the innocent
/// detector says of Modbus must be what it says without it.
fn parse(act: &str, amount: i64, change: impl FnOnce(&mut Limits)) -> Option<Seen> {
    let bytes = component("hostile/hostile/hostile-parser.wasm")?;
    let hostile = load(
        &bytes,
        Mode::Live,
        limits(change),
        &act_settings(act, amount),
    )
    .expect("the hostile parser loads");
    let modbus = friendly("plugins/iot-protocols/modbus.wasm")?;
    let innocent = innocent()?;
    let capture = Events::Capture("plant.pcap");
    let messages = |seen: &Seen| -> Vec<String> {
        let all = seen.essence("innocent").into_iter();
        all.filter(|line| line.contains("a message")).collect()
    };
    let alone = messages(&run(&[&modbus, &innocent], capture));
    assert!(alone.len() > 10, "{} messages of Modbus", alone.len());
    let seen = run(&[&hostile, &modbus, &innocent], capture);
    assert_eq!(messages(&seen), alone, "{act} of {amount}");
    assert!(
        seen.unparsed()
            .iter()
            .all(|(parser, _)| *parser != "modbus")
    );
    assert!(
        seen.faults()
            .iter()
            .all(|(plugin, _)| *plugin == "hostile-parser")
    );
    Some(seen)
}

/// Within the limit events come; over it every fault is of this cause.
fn pair(act: &str, within: i64, over: i64, cause: &str) {
    let Some(seen) = parse(act, within, |_| ()) else {
        return;
    };
    none(&seen.faults());
    assert!(
        seen.cost("hostile-parser").parse.events > 0,
        "{act} of {within}"
    );
    stopped(act, over, cause, |_| ());
}

/// Every fault begins with this cause.
fn stopped(act: &str, amount: i64, cause: &str, change: impl FnOnce(&mut Limits)) -> Option<Seen> {
    let seen = parse(act, amount, change)?;
    let faults = seen.faults();
    assert!(
        !faults.is_empty(),
        "{act} of {amount}: {:?}",
        seen.unparsed()
    );
    let expected = format!("plugin `hostile-parser`, export `parse`: {cause}");
    for (_, problem) in faults {
        assert!(problem.starts_with(&expected), "{act}: {problem}");
        assert_harmless(problem);
    }
    Some(seen)
}

const UNFIT: &str = "returned something that does not fit: ";

#[test]
fn answers_are_as_many_as_chunks() {
    pair("outcomes", 0, 1, UNFIT);
    pair("outcomes", 0, 100_000, UNFIT);
    let Some(seen) = parse("probe-length", 1, |_| ()) else {
        return;
    };
    let faults = seen.faults();
    assert!(!faults.is_empty());
    for (_, problem) in faults {
        assert!(
            problem.contains("export `probe`") && problem.contains("answers for"),
            "{problem}"
        );
    }
}

#[test]
fn events_and_tables_are_counted() {
    pair(
        "events",
        1,
        16_385,
        &format!("{UNFIT}16385 events; at most 16384"),
    );
    pair("tables", 16, 17, &format!("{UNFIT}17 tables; at most 16"));
}

#[test]
fn millions_of_events_are_not_lifted() {
    let lifted = FaultCause::Lifted(4 << 20).to_string();
    stopped("events", 2_000_000, &lifted, |l| l.memory = 256 << 20);
    stopped("bytes", 8 << 20, &lifted, |_| ());
}

#[test]
fn kinds_and_chunks_are_those_of_the_call() {
    pair(
        "kind",
        0,
        1,
        &format!("{UNFIT}events of kind `device.message`"),
    );
    pair(
        "chunk",
        0,
        100_000,
        &format!("{UNFIT}events of `network.app` whose chunks"),
    );
    pair(
        "descending",
        0,
        1,
        &format!("{UNFIT}events of `network.app` whose chunks"),
    );
}

#[test]
fn columns_are_what_the_kind_has() {
    pair("short-column", 1, 0, UNFIT);
    pair("column-type", 0, 1, UNFIT);
    pair("enum", 0, 200, UNFIT);
    pair("valid", 1, 2, UNFIT);
    pair("text-offsets", 7, 8, UNFIT);
    pair("text-backwards", 0, 1, UNFIT);
    pair("not-text", 0, 1, UNFIT);
    pair("twice", 0, 1, UNFIT);
    pair("endpoint", 0, 1, UNFIT);
}

#[test]
fn bytes_that_never_came_are_not_kept() {
    let Some(seen) = parse("kept", 0, |_| ()) else {
        return;
    };
    none(&seen.faults());
    none(&seen.unparsed());
    let seen = parse("kept", 1 << 30, |_| ()).unwrap();
    let unparsed = seen.unparsed();
    assert!(!unparsed.is_empty());
    for (_, problem) in unparsed {
        assert!(problem.contains("keeps 1073741824 bytes"), "{problem}");
    }
    // Whoever asks for more for ever gets at most 64 KiB of a direction again.
    let seen = parse("forever", 0, |_| ()).unwrap();
    none(&seen.faults());
}

#[test]
fn offsets_lie_in_the_chunk() {
    for act in ["error-offset", "handover"] {
        let Some(seen) = parse(act, 0, |_| ()) else {
            return;
        };
        none(&seen.faults());
        stopped(
            act,
            1 << 30,
            &format!("{UNFIT}offset 1073741824 in a chunk of"),
            |_| (),
        );
    }
}

#[test]
fn handovers_in_a_circle_end() {
    let Some(seen) = parse("handover", 0, |_| ()) else {
        return;
    };
    // Five recognitions a flow at most, each a call or less.
    let flows = seen.summary.events.values().sum::<u64>();
    assert!(seen.cost("hostile-parser").parse.calls < 10 * flows.max(100));
}

#[test]
fn messages_of_a_parser_are_short_and_harmless() {
    for amount in [1, 1 << 16] {
        let Some(seen) = parse("message", amount, |_| ()) else {
            return;
        };
        let unparsed = seen.unparsed();
        assert!(!unparsed.is_empty());
        for (_, problem) in unparsed {
            assert_harmless(problem);
            assert!(problem.chars().count() <= 300, "{}", problem.len());
        }
    }
}

#[test]
fn a_parser_that_traps_loses_its_flows_alone() {
    let Some(seen) = stopped("trap", 0, "trapped: ", |_| ()) else {
        return;
    };
    assert!(!seen.unparsed().is_empty());
    for act in ["probe-trap", "close-trap"] {
        let seen = parse(act, 0, |_| ()).unwrap();
        assert!(!seen.faults().is_empty(), "{act}");
    }
    let seen = parse("probe-more", 0, |_| ()).unwrap();
    none(&seen.faults());
}

#[test]
fn a_parser_that_aborts_while_it_looks_says_why() {
    let Some(seen) = parse("probe-abort", 1 << 20, |_| ()) else {
        return;
    };
    let faults = seen.faults();
    assert!(!faults.is_empty());
    for (_, problem) in faults {
        let lead = "plugin `hostile-parser`, export `probe`: aborted at p\u{fffd}.c:3:4: xxx";
        assert!(problem.starts_with(lead), "{problem:.120}");
        assert!(problem.len() < 5 << 10, "{}", problem.len());
        assert_harmless(problem);
    }
}

#[test]
fn a_parser_that_loops_is_stopped() {
    let short = Duration::from_millis(20);
    let time = FaultCause::Time(short).to_string();
    let forever = i64::MAX;
    let Some(seen) = stopped("spin", forever, &time, |l| l.call_time = short) else {
        return;
    };
    assert!(!seen.unparsed().is_empty());
    let seen = parse("probe-spin", forever, |l| l.call_time = short).unwrap();
    let faults = seen.faults();
    assert!(
        faults
            .iter()
            .all(|(_, p)| p.contains("export `probe`") && p.ends_with(&time))
    );
}

#[test]
fn the_innocent_are_compared_with_themselves() {
    // The comparison above sees a difference: without the parser there are no messages.
    let (Some(modbus), Some(innocent)) =
        (friendly("plugins/iot-protocols/modbus.wasm"), innocent())
    else {
        return;
    };
    let with = run(&[&modbus, &innocent], Events::Capture("plant.pcap"));
    let without = run(&[&Arc::clone(&innocent)], Events::Capture("plant.pcap"));
    assert_ne!(with.essence("innocent"), without.essence("innocent"));
}
