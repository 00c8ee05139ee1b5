//! What operators do to a server is written down before it is done, and what was changed there
//! is found; the log of a server as text and as JSON.

use std::process::{Command, Output};

use serde_json::Value;

use crate::site::{Site, stderr, stop};

fn verify(site: &Site, more: &[&str]) -> Output {
    Command::new(&site.program)
        .args(["--quiet", "audit", "verify", "--data"])
        .arg(site.path("data"))
        .args(more)
        .output()
        .expect("palisade runs")
}

fn entries(site: &Site) -> Vec<Value> {
    let text = std::fs::read_to_string(site.path("data/audit.ndjson")).expect("an audit log");
    let entry = |line: &str| serde_json::from_str(line).expect("JSON");
    text.lines().map(entry).collect()
}

#[test]
fn what_operators_do_is_written_down_before_it_is_done() {
    let Some(site) = Site::new(&["app.log"]) else {
        return;
    };
    let config = site.path("palisade.toml");
    let text = std::fs::read_to_string(&config).expect("the configuration");
    std::fs::write(&config, text + "[log]\nformat = \"json\"\n").expect("a configuration");
    let mut server = site.start();
    site.wait_until_ready();
    let settings = site.path("settings.toml");
    std::fs::write(&settings, "[puppet]\ntraps = false\n").expect("a file");
    let settings = settings.display().to_string();
    site.asked(&["swap", "--settings", &settings]);
    site.refused(&["quarantine", "release", "tests/puppet"]);
    // To look is no act.
    site.asked(&["dead-letters", "list"]);
    let head = site.asked(&["status"])["audit"]["head"].clone();
    let head = head.as_str().expect("a head").to_owned();
    server.kill().expect("it can be killed");
    let killed = server.wait_with_output().expect("it ends");
    let server = site.start();
    site.wait_until_ready();
    stop(server, "-TERM");

    let entries = entries(&site);
    let told: Vec<String> = entries
        .iter()
        .map(|entry| {
            let text = |key: &str| entry[key].as_str().expect("a text").to_owned();
            format!("{} {} {}", text("by"), text("act"), text("outcome"))
        })
        .collect();
    let user = this_user();
    let expected = [
        "server start done".to_owned(),
        format!("{user} swaps asked"),
        format!("{user} swaps done"),
        format!("{user} release asked"),
        format!("{user} release refused"),
        "server start done".to_owned(),
        "server stop done".to_owned(),
    ];
    assert_eq!(told, expected);
    let why = entries[4]["detail"].as_str().expect("a text");
    assert!(why.contains("not in quarantine"), "{why}");
    // Each head was told, in lines that programs read.
    let log = stderr(&killed);
    let heads: Vec<String> = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect(line))
        .filter(|line| line["event"] == "audited")
        .map(|line| line["head"].as_str().expect("a hash").to_owned())
        .collect();
    assert_eq!(heads.last(), Some(&head), "{log}");
    assert_eq!(heads.len(), 5, "{log}");

    // As it is, it is sound, and has the head of before.
    let sound = verify(&site, &["--head", &head]);
    assert_eq!(sound.status.code(), Some(0), "{}", stderr(&sound));
    let said = String::from_utf8_lossy(&sound.stdout).into_owned();
    assert!(
        said.contains("entry 5 has the hash that was given, and 2 came after it"),
        "{said}"
    );
    let path = site.path("data/audit.ndjson");
    let text = std::fs::read_to_string(&path).expect("an audit log");
    let says = |text: String, more: &[&str]| {
        std::fs::write(&path, text).expect("a file");
        let output = verify(&site, more);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        said
    };
    let changed = says(text.replace("release", "status"), &[]);
    assert!(changed.contains("line 4: was changed"), "{changed}");
    let cut: String = text.split_inclusive('\n').take(3).collect();
    let gone = says(cut, &["--head", &head]);
    assert!(gone.contains("none of its 3 entries"), "{gone}");
    // With what was changed nothing goes on.
    std::fs::write(&path, text.replace("swaps", "nothing")).expect("a file");
    let refused = site.command().output().expect("palisade runs");
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        stderr(&refused).contains("was changed"),
        "{}",
        stderr(&refused)
    );
    let absent = verify(&site, &["--head", "12"]);
    assert_eq!(absent.status.code(), Some(2));
    assert!(stderr(&absent).contains("64 hexadecimal digits"));
}

/// How this user is named.
fn this_user() -> String {
    use std::os::unix::fs::MetadataExt as _;
    let own = std::fs::metadata("/proc/self").expect("there is /proc");
    format!("user {}", own.uid())
}
