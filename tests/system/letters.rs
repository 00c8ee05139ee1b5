//! What a server leaves out: kept with event and fault, shown once more, and plugins that fault
//! too often out of the way until they are released; all of it as it was after a kill.

use std::time::Instant;

use serde_json::Value;

use crate::order::event;
use crate::site::{PATIENCE, Site, stderr, stop};
use crate::watcher::watcher;

impl Site {
    /// Letters that are kept, oldest first.
    fn letters(&self) -> Vec<Value> {
        let page = self.asked(&["dead-letters", "list"]);
        page["letters"].as_array().expect("letters").clone()
    }

    fn wait_for_letters(&self, count: usize) -> Vec<Value> {
        let began = Instant::now();
        loop {
            let letters = self.letters();
            if letters.len() >= count {
                assert_eq!(letters.len(), count, "{letters:#?}");
                return letters;
            }
            assert!(began.elapsed() < PATIENCE, "{letters:#?}");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// Adds to the part of the configuration that is about plugins.
    fn with_option(&self, line: &str) {
        let path = self.path("palisade.toml");
        let text = std::fs::read_to_string(&path).expect("the configuration");
        let text = text.replace("workers = 2\n", &format!("workers = 2\n{line}\n"));
        std::fs::write(path, text).expect("a configuration");
    }

    /// The names of the plugins in quarantine.
    fn quarantined(&self) -> Vec<String> {
        let listed = self.asked(&["quarantine", "list"]);
        let plugins = listed["quarantined"].as_array().expect("plugins").iter();
        let name = |plugin: &Value| plugin["name"].as_str().expect("a name").to_owned();
        plugins.map(name).collect()
    }

    fn found(&self, rule: &str) -> Vec<Value> {
        let mut findings = self.findings();
        findings.retain(|finding| finding["rule"] == rule);
        findings
    }
}

fn id(letter: &Value) -> String {
    letter["id"].as_str().expect("an id").to_owned()
}

fn finds(from: u64, count: u64) -> String {
    (from..from + count)
        .map(|at| event(at * 1000, 1, "find"))
        .collect()
}

#[test]
fn what_is_left_out_is_kept_and_shown_once_more() {
    let Some(site) = Site::new(&["app.log"]) else {
        return;
    };
    let mut server = site.start();
    site.wait_until_ready();
    let text = format!(
        "{}{}{{\"kind\": nonsense}}\n{}",
        finds(0, 2),
        event(2000, 1, "trap"),
        finds(3, 2)
    );
    site.append("app.log", &text);
    let letters = site.wait_for_letters(2);
    let [event, record] = [true, false].map(|of_event| {
        let mut letters = letters.iter();
        let letter = letters.find(|letter| letter["plugin"].is_null() != of_event);
        letter.expect("one of each").clone()
    });
    assert_eq!(event["plugin"]["name"], "puppet");
    assert_eq!(event["source"], "app.log");
    let shown = site.asked(&["dead-letters", "show", &id(&event)]);
    assert_eq!(shown["event"]["operation"], "trap", "{shown}");
    let reason = shown["reason"].as_str().expect("a reason");
    assert!(reason.contains("an event says so"), "{reason}");
    assert!(!shown["backtrace"].as_array().expect("frames").is_empty());
    let shown = site.asked(&["dead-letters", "show", &id(&record)]);
    assert_eq!(shown["event"]["line"], 4, "{shown}");
    assert_eq!(shown["event"]["text"], "{\"kind\": nonsense}", "{shown}");
    // A record has no event, and what is not there cannot be shown.
    let refused = site.refused(&["dead-letters", "redrive", &id(&record)]);
    assert!(refused.contains("could not be read"), "{refused}");
    let refused = site.refused(&["dead-letters", "redrive", "999999-0"]);
    assert!(refused.contains("there is no letter 999999-0"), "{refused}");
    let refused = site.refused(&["dead-letters", "show", "one"]);
    assert!(refused.contains("no id of a letter"), "{refused}");
    // As it is, the plugin faults again: that is another letter.
    let redriven = site.asked(&["dead-letters", "redrive", &id(&event)]);
    let receipt = &redriven["redriven"][0];
    assert_eq!(
        (&receipt["faults"], &receipt["findings"]),
        (&1.into(), &0.into())
    );
    let again = site.wait_for_letters(3).pop().expect("a letter");
    assert_eq!(again["event_ref"], event["event_ref"]);
    // Once it is mended, it finds what it would have found at first.
    let settings = site.path("settings.toml");
    std::fs::write(&settings, "[puppet]\ntraps = false\n").expect("a file");
    let settings = settings.display().to_string();
    site.asked(&["swap", "--settings", &settings]);
    let before = site.found("told").len();
    assert_eq!(before, 4);
    let ask = ["dead-letters", "redrive", &id(&again), "--key", "once"];
    let receipt = site.asked(&ask);
    assert_eq!(receipt["redriven"][0]["findings"], 1, "{receipt}");
    let told = site.found("told");
    assert_eq!(told.len(), before + 1);
    let cited = &told[before]["cited"][0]["event_ref"];
    assert_eq!(cited, &event["event_ref"], "{}", told[before]);
    // Neither the same request nor another does it twice.
    assert_eq!(site.asked(&ask), receipt);
    let refused = site.refused(&["dead-letters", "redrive", &id(&again)]);
    assert!(refused.contains("shown once more already"), "{refused}");
    let open = site.asked(&["dead-letters", "list", "--open", "--plugin", "puppet"]);
    assert_eq!(open["letters"].as_array().map(Vec::len), Some(0), "{open}");
    assert_eq!(site.found("told").len(), before + 1);
    let (letters, findings) = (site.letters(), site.findings());

    // After a kill it is all there, and nothing else.
    server.kill().expect("it can be killed");
    server.wait().expect("it ends");
    let server = site.start();
    site.wait_until_ready();
    assert_eq!(
        (site.letters(), site.findings()),
        (letters.clone(), findings.clone())
    );
    let output = stop(server, "-TERM");
    let said = stderr(&output);
    assert!(!said.contains("something else be said"), "{said}");

    // The journal has all of it.
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(site.path(&format!("data/findings.sqlite{end}")));
    }
    let server = site.start();
    site.wait_until_ready();
    let bare = |letters: Vec<Value>| -> Vec<Value> {
        let without = |mut letter: Value| {
            letter["kept"] = Value::Null;
            letter
        };
        letters.into_iter().map(without).collect()
    };
    assert_eq!(bare(site.letters()), bare(letters));
    assert_eq!(site.findings(), findings);
    assert_eq!(site.asked(&ask), receipt);
    stop(server, "-TERM");
}

#[test]
fn who_faults_too_often_is_out_of_the_way_until_released() {
    let Some(site) = Site::new(&["app.log"]) else {
        return;
    };
    site.with_option("on_fault = \"quarantine:3/1h\"");
    let mut server = site.start();
    site.wait_until_ready();
    let refused = site.refused(&["quarantine", "release", "tests/puppet"]);
    assert!(refused.contains("is not in quarantine"), "{refused}");
    let refused = site.refused(&["quarantine", "release", "puppet"]);
    assert!(refused.contains("write PACK/NAME"), "{refused}");
    let watcher = watcher(&site);
    site.asked(&["swap", "--plugin", &watcher]);
    let traps: String = (0..3).map(|at| event(at * 1000, 1, "trap")).collect();
    site.append("app.log", &(finds(10, 1) + &traps));
    site.wait_for_letters(3);
    let began = Instant::now();
    while site.quarantined() != ["puppet"] {
        assert!(began.elapsed() < PATIENCE, "it is not quarantined");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let metrics = site.ctl(&["metrics"]);
    let metrics = String::from_utf8_lossy(&metrics.stdout).into_owned();
    let quarantined = "palisade_plugin_quarantined{plugin=\"puppet\",pack=\"tests\"} 1\n";
    assert!(metrics.contains(quarantined), "{metrics}");
    assert!(metrics.contains("palisade_dead_letters_total{what=\"kept\"} 3\n"));
    // The other plugin sees what this one does not.
    let counted = || site.found("counted").len();
    let before = counted();
    site.append("app.log", &finds(20, 5));
    let wait = |count: usize| {
        let began = Instant::now();
        while counted() < count {
            assert!(began.elapsed() < PATIENCE, "{} of {count}", counted());
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    };
    wait(before + 5);
    assert_eq!(site.found("told").len(), 1);

    // A start decides nothing of that again.
    server.kill().expect("it can be killed");
    server.wait().expect("it ends");
    let mut server = site.start();
    site.wait_until_ready();
    assert_eq!(site.quarantined(), ["puppet"]);
    let letter = id(&site.letters()[0]);
    let refused = site.refused(&["dead-letters", "redrive", &letter]);
    assert!(refused.contains("release it first"), "{refused}");
    let receipt = site.asked(&["quarantine", "release", "tests/puppet", "--key", "k"]);
    assert_eq!(receipt["object"], "tests/puppet");
    // With its key it is the same request; with it, another is refused.
    let again = site.asked(&["quarantine", "release", "tests/puppet", "--key", "k"]);
    assert_eq!(again, receipt);
    let refused = site.refused(&["quarantine", "release", "tests/divided", "--key", "k"]);
    assert!(refused.contains("used for another request"), "{refused}");
    assert_eq!(site.quarantined(), [] as [&str; 0]);
    site.append("app.log", &finds(30, 2));
    wait(before + 7);
    assert_eq!(site.found("told").len(), 3);
    server.kill().expect("it can be killed");
    server.wait().expect("it ends");
    let server = site.start();
    site.wait_until_ready();
    assert_eq!(site.quarantined(), [] as [&str; 0]);
    site.append("app.log", &finds(40, 1));
    wait(before + 8);
    assert_eq!(site.found("told").len(), 4);
    // Plugins were told of all that, once.
    let acts: Vec<String> = site
        .found("seen")
        .iter()
        .map(|finding| finding["summary"].as_str().expect("a text").to_owned())
        .collect();
    let expected = ["generation 2", "plugin tests/puppet", "tests/puppet"];
    assert_eq!(acts, expected);
    let output = stop(server, "-TERM");
    let said = stderr(&output);
    assert!(!said.contains("something else be said"), "{said}");
}
