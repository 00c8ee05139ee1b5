//! Changes are tried on what a server has read, and beside what runs, before they are made.

use std::time::Instant;

use serde_json::Value;

use crate::order::event;
use crate::site::{Chance, PATIENCE, Site, last, lines, stderr, stop};

/// Events of which some make the puppet trap.
fn trapping(chance: &mut Chance, from: u64, count: u64, traps: u64) -> String {
    let traps = (0..traps).map(|at| event((from + count) * 150 + at, 1, "trap"));
    lines(chance, from, count) + &traps.collect::<String>()
}

fn counts(report: &Value) -> [u64; 3] {
    let all = &report["difference"]["all"];
    ["gained", "lost", "changed"].map(|key| all[key].as_u64().expect("a number"))
}

fn settings(site: &Site) -> String {
    let settings = site.path("settings.toml");
    std::fs::write(&settings, "[puppet]\ntraps = false\n").expect("a file");
    settings.display().to_string()
}

impl Site {
    /// What is answered by a command that ends with this code.
    fn answered(&self, code: i32, arguments: &[&str]) -> Value {
        let output = self.ctl(&[arguments, &["--format", "json"]].concat());
        assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// Waits until so many events were evaluated, and what came of them is kept.
    fn wait_for_events(&self, events: u64) {
        let began = Instant::now();
        loop {
            let status = self.asked(&["status"]);
            if status["events"] == events && status["committed"] == status["evaluated"] {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{status}");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// Waits until what is tried beside what runs has compared findings of so many traps.
    fn wait_for_gained(&self, gained: u64) -> Value {
        let began = Instant::now();
        loop {
            let status = self.asked(&["shadow", "status"]);
            let report = status["shadow"]["report"].clone();
            if !report.is_null() && counts(&report)[0] >= gained {
                return report;
            }
            assert!(began.elapsed() < PATIENCE, "{status}");
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }
}

#[test]
fn a_change_is_tried_on_the_past() {
    let Some(site) = Site::new(&["app.log"]) else {
        return;
    };
    let server = site.start();
    site.wait_until_ready();
    let mut chance = Chance(11);
    // An hour later than all of it, so that every timer has fired.
    let text = trapping(&mut chance, 0, 2000, 5) + &last();
    let expected = site.expected("app.log", &text);
    site.append("app.log", &text);
    site.wait_for(expected.len());
    let settings = settings(&site);
    let report = site.answered(1, &["what-if", "--past", "1h", "--settings", &settings]);
    // What it trapped on is found; nothing else differs, save what builds on that.
    let rules = &report["difference"]["rules"];
    assert_eq!(rules["tests/puppet/told"]["gained"], 5, "{report}");
    assert_eq!(rules["tests/puppet/told"]["lost"], 0, "{report}");
    assert_eq!(rules["tests/divided/counted"]["gained"], 0, "{report}");
    let same = report["difference"]["all"]["same"]
        .as_u64()
        .expect("a number");
    assert!(same + 20 >= expected.len() as u64, "{report}");
    // Without a plugin all that it found is lost.
    let without = [
        "what-if",
        "--past",
        "1h",
        "--remove",
        "divided",
        "--discard-state",
        "divided",
    ];
    let report = site.answered(1, &without);
    let found = |rule: &str| {
        let mut findings = expected.iter();
        let of_rule = findings.by_ref().filter(|finding| finding["rule"] == rule);
        of_rule.count() as u64
    };
    assert_eq!(
        rules_of(&report, "lost", "tests/divided/counted"),
        found("counted")
    );
    assert_eq!(rules_of(&report, "lost", "tests/puppet/told"), 0);
    // Nothing was changed, and what cannot be is refused.
    assert_eq!(site.count(), expected.len());
    assert_eq!(site.asked(&["status"])["generation"], 1);
    let same = site.path("same.toml");
    std::fs::write(&same, "[puppet]\ntraps = true\n").expect("a file");
    let same = same.display().to_string();
    let report = site.answered(0, &["what-if", "--settings", &same]);
    assert_eq!(counts(&report), [0, 0, 0]);
    let refused = site.refused(&["what-if", "--past", "6", "--settings", &settings]);
    assert!(refused.contains("such as 6h"), "{refused}");
    let refused = site.refused(&["what-if", "--remove", "divided"]);
    assert!(refused.contains("would be lost"), "{refused}");
    let refused = site.refused(&["what-if"]);
    assert!(refused.contains("say what is to change"), "{refused}");
    stop(server, "-TERM");
}

fn rules_of(report: &Value, what: &str, rule: &str) -> u64 {
    let count = &report["difference"]["rules"][rule][what];
    count.as_u64().unwrap_or_default()
}

#[test]
fn a_change_is_tried_beside_what_runs_and_promoted() {
    let Some(site) = Site::new(&["app.log"]) else {
        return;
    };
    let server = site.start();
    site.wait_until_ready();
    for arguments in [["shadow", "stop"], ["promote", "--quiet"]] {
        let refused = site.refused(&arguments);
        assert!(refused.contains("nothing is being tried"), "{refused}");
    }
    let mut chance = Chance(12);
    let first = trapping(&mut chance, 0, 1000, 3);
    site.append("app.log", &first);
    site.wait_for_events(1003);
    let settings = settings(&site);
    site.asked(&["shadow", "start", "--settings", &settings]);
    let refused = site.refused(&["shadow", "start", "--settings", &settings]);
    assert!(refused.contains("stop or promote it first"), "{refused}");
    let began = Instant::now();
    loop {
        let status = site.asked(&["shadow", "status"]);
        if status["shadow"]["report"]["state"] == "comparing" {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "{status}");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let second = trapping(&mut chance, 1100, 1000, 4);
    site.append("app.log", &second);
    let report = site.wait_for_gained(4);
    // It has the state of what runs: of those found before and after nothing is lost or other.
    assert_eq!(
        rules_of(&report, "gained", "tests/puppet/told"),
        4,
        "{report}"
    );
    assert_eq!(
        rules_of(&report, "lost", "tests/puppet/told"),
        0,
        "{report}"
    );
    assert_eq!(
        rules_of(&report, "changed", "tests/puppet/told"),
        0,
        "{report}"
    );
    assert_eq!(
        rules_of(&report, "lost", "tests/divided/counted"),
        0,
        "{report}"
    );
    // What is tried finds nothing for the database.
    let trapped = || {
        let found = site.findings();
        let traps = found.iter().filter(|finding| finding["summary"] == "trap");
        traps.count()
    };
    assert_eq!(trapped(), 0);
    let receipt = site.asked(&["promote"]);
    assert_eq!(receipt["generation"], 2, "{receipt}");
    assert!(site.asked(&["shadow", "status"])["shadow"].is_null());
    let before = site.count();
    let third = trapping(&mut chance, 2200, 0, 2);
    site.append("app.log", &third);
    site.wait_for(before + 4);
    assert_eq!(trapped(), 2);
    let output = stop(server, "-TERM");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}
