//! State and timers: keys, values, rows, names and counts.

use palisade_runtime::FaultCause;

use crate::stage::Pair;

fn refused(function: &'static str, problem: String) -> FaultCause {
    FaultCause::Capability { function, problem }
}

fn too_long(function: &'static str, what: &str, found: u64, limit: u64) -> FaultCause {
    let problem = format!("its {what} has a length of {found}; at most {limit} is allowed");
    refused(function, problem)
}

#[test]
fn keys_and_values_have_a_largest_size() {
    let pairs = [("put-key", "key", 256), ("put", "value", 64 << 10)];
    for (act, what, limit) in pairs {
        Pair::of(act, limit, limit + 1).holds(&too_long("state.put", what, limit + 1, limit));
    }
}

#[test]
fn a_flood_of_keys_drops_the_oldest_and_faults_nobody() {
    Pair::of("put-keys", 10_000, 0).is_let();
}

#[test]
fn tables_that_are_not_declared_are_not_there() {
    Pair::of("get-table", 1, 2).holds(&refused(
        "state.get",
        "there is no table 2: counted from 0, as plugin.toml declares them, 0 is `counts`, 1 is `values`"
            .into(),
    ));
    Pair::of("get-table", 1, 0).is_stopped(
        "evaluate",
        &refused(
            "state.get",
            "table `counts` is a `count` table, not a `value` table".into(),
        ),
    );
}

#[test]
fn changes_of_one_call_are_counted() {
    let pair = Pair::of("count-rows", 10_000, (1 << 20) + 1);
    if pair.is_let().is_none() {
        return;
    }
    // The list of rows alone is more than is lifted, with the default limits.
    pair.is_stopped("evaluate", &FaultCause::Lifted(4 << 20));
    let seen = pair
        .limits(|l| l.lifted_bytes = 64 << 20)
        .run_over()
        .unwrap();
    for (_, fault) in &seen.poison {
        assert!(
            matches!(
                fault.cause,
                FaultCause::Capability {
                    function: "state.count",
                    ..
                }
            ),
            "{fault}"
        );
        assert!(fault.to_string().contains("1048576"), "{fault}");
    }
}

#[test]
fn timers_are_counted_and_their_names_bounded() {
    let pair = Pair::of("timers", 65_536, 65_537);
    if pair.is_let().is_none() {
        return;
    }
    let seen = pair.run_over().unwrap();
    assert_eq!(seen.findings_of("hostile").len(), 0);
    for (_, fault) in &seen.poison {
        assert!(
            matches!(
                fault.cause,
                FaultCause::Capability {
                    function: "timers.set",
                    ..
                }
            ),
            "{fault}"
        );
        assert!(fault.to_string().contains("65536"), "{fault}");
    }
    Pair::of("timer-name", 512, 513).holds(&too_long("timers.set", "name and key", 513, 512));
}
