//! What a finding may hold and cite, and how the batch may be read.

use palisade_runtime::FaultCause;

use crate::stage::{EVENTS, Pair, assert_harmless};

fn too_long(what: &str, found: u64, limit: u64) -> FaultCause {
    FaultCause::Finding {
        rule: "hostile-1".into(),
        problem: format!("its {what} has a length of {found}; at most {limit} is allowed"),
    }
}

#[test]
fn findings_of_a_call_are_counted() {
    // Every row has a finding besides.
    let rows = EVENTS as u64;
    for act in ["findings", "retractions"] {
        Pair::of(act, 4_096 - rows, 10_000).holds(&FaultCause::Findings(4_096));
    }
    let ten_million = Pair::of("findings", 0, 10_000_000);
    ten_million.is_stopped("evaluate", &FaultCause::Findings(4_096));
}

#[test]
fn findings_of_a_call_have_a_size() {
    // 16 KiB each.
    Pair::of("bulky-findings", 200, 300).holds(&FaultCause::FindingBytes(4 << 20));
}

#[test]
fn a_giant_finding_is_refused() {
    for (act, what, limit) in [
        ("subject", "subject", 256),
        ("summary", "summary", 1 << 10),
        ("details", "list of details", 32),
        ("actions", "list of actions", 16),
        ("action-text", "action", 1 << 10),
        ("cited-rows", "list of rows", 64),
    ] {
        Pair::of(act, limit, limit + 1).holds(&too_long(what, limit + 1, limit));
    }
    // With the byte of the detail's name.
    let bytes = 4 << 10;
    Pair::of("detail-bytes", bytes - 1, bytes).holds(&too_long("details", bytes + 1, bytes));
    Pair::of("summary", 0, 8 << 20).holds(&FaultCause::Lifted(4 << 20));
}

#[test]
fn numbers_that_are_none_are_refused() {
    let bits = f64::INFINITY.to_bits();
    Pair::of("detail-number", 1.5_f64.to_bits(), bits).holds(&FaultCause::Finding {
        rule: "hostile-1".into(),
        problem: "detail `d` is not a finite number".into(),
    });
}

#[test]
fn a_finding_names_a_rule_of_the_manifest() {
    let pair = Pair::of("rule", 0, 0);
    let cause = FaultCause::UndeclaredRule {
        rule: "hostile-\\u{1b}[31m2".into(),
        meant: "; there are `hostile-1`".into(),
    };
    assert_harmless(&cause.to_string());
    pair.is_stopped("evaluate", &cause);
}

#[test]
fn what_was_not_shown_is_not_cited() {
    let rows = EVENTS as u32;
    // The row is not in the batch of the first call; in the isolating calls it is neither.
    let Some(seen) = Pair::of("cite-row", 0, 0).is_let() else {
        return;
    };
    assert_eq!(seen.findings_of("hostile").len(), EVENTS + 1);
    for over in [rows, u32::MAX] {
        let seen = Pair::of("cite-row", 0, u64::from(over));
        let seen = seen.run_over().unwrap();
        assert_eq!(seen.poison.len(), EVENTS);
        for (_, fault) in &seen.poison {
            let FaultCause::Row {
                function,
                row,
                rows: of,
            } = fault.cause
            else {
                panic!("{fault}");
            };
            assert!(row == over && of <= rows, "{fault}");
            assert_eq!(function, "findings.emit");
            let told = format!("named row {row} in `findings.emit`, of a batch of ");
            assert!(fault.to_string().contains(&told), "{fault}");
        }
    }
    for forged in [0, 7, i64::MAX as u64] {
        let pair = Pair::of("cite-event", 0, forged);
        pair.is_stopped("evaluate", &FaultCause::ForgedReference(forged));
    }
    Pair::of("citations", 0, 0).is_let();
    Pair::of("cite-nothing", 0, 0).is_stopped(
        "evaluate",
        &FaultCause::Finding {
            rule: "hostile-1".into(),
            problem: "it cites neither a row nor an event".into(),
        },
    );
}

#[test]
fn rows_that_are_not_there_are_not_fetched() {
    if Pair::of("fetch-row", 0, 0).is_let().is_none() {
        return;
    }
    let seen = Pair::of("fetch-row", 0, 1 << 20).run_over().unwrap();
    for (_, fault) in &seen.poison {
        assert!(
            matches!(fault.cause, FaultCause::Row { row: 1_048_576, .. }),
            "{fault}"
        );
    }
    Pair::of("fetch-rows", 1_024, 1_025).holds(&FaultCause::Capability {
        function: "rows",
        problem: "1025 rows in one call; at most 1024 are allowed".into(),
    });
}

#[test]
fn fields_that_the_manifest_does_not_list_are_not_read() {
    let pair = Pair::of("other-field", 0, 0);
    pair.is_stopped(
        "evaluate",
        &FaultCause::UndeclaredField("`src.port`".into()),
    );
    let Some(seen) = Pair::of("wrong-type", 0, 0).run_over() else {
        return;
    };
    for (_, fault) in &seen.poison {
        let FaultCause::ColumnType {
            field,
            asked,
            problem,
        } = &fault.cause
        else {
            panic!("{fault}");
        };
        assert_eq!((field.as_str(), *asked), ("`dst.port`", "u8s"));
        assert!(problem.contains("u16"), "{problem}");
    }
}

#[test]
fn text_that_is_not_utf8_is_refused() {
    if Pair::of("not-text", 0, 1).is_let().is_none() {
        return;
    }
    let seen = Pair::of("not-text", 0, 1).run_over().unwrap();
    assert_eq!(seen.findings_of("hostile").len(), 0);
    for (_, fault) in &seen.poison {
        let FaultCause::Trap(text) = &fault.cause else {
            panic!("{fault}");
        };
        assert!(text.contains("utf-8"), "{text}");
        assert_harmless(text);
    }
}
