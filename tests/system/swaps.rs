//! What a server runs is changed while its log grows, goes back, and is as it was after a kill.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::order::event;
use crate::site::{Chance, PATIENCE, Site, last, lines, stderr, stop};

impl Site {
    /// A copy of the puppet that is another version of it: a section more, which nobody reads.
    fn version(&self, number: u8) -> PathBuf {
        let (_, plugins) = crate::order::built().expect("the program was there a moment ago");
        let puppet = find(plugins, "puppet.wasm").expect("the puppet is built");
        let mut bytes = std::fs::read(puppet).expect("the puppet can be read");
        // A custom section: its size, the length of its name, its name, and a byte.
        bytes.extend([0, 9, 7]);
        bytes.extend(b"version");
        bytes.push(number);
        let path = self.path(&format!("puppet-{number}.wasm"));
        std::fs::write(&path, bytes).expect("a component can be written");
        path
    }

    fn digest_of_puppet(&self) -> String {
        let status = self.asked(&["status"]);
        let plugins = status["plugins"].as_array().expect("plugins");
        let puppet = plugins.iter().find(|plugin| plugin["name"] == "puppet");
        let digest = puppet.and_then(|puppet| puppet["digest"].as_str());
        digest.expect("a digest").to_owned()
    }
}

pub(crate) fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    if folder.is_file() {
        return folder.ends_with(name).then(|| folder.to_owned());
    }
    let entries = std::fs::read_dir(folder).ok()?;
    entries
        .flatten()
        .find_map(|entry| find(&entry.path(), name))
}

/// A finding without what says which version filed it.
fn bare(mut finding: Value) -> Value {
    if let Some(finding) = finding.as_object_mut() {
        finding.remove("digest");
    }
    finding
}

#[test]
fn nothing_is_lost_or_repeated_over_swaps() {
    let Some(site) = Site::new(&["app.log"]) else {
        return;
    };
    let versions = [site.version(1), site.version(2)];
    let server = site.start();
    site.wait_until_ready();
    let mut chance = Chance(5);
    let mut whole = String::new();
    let (mut number, mut swaps) = (0, 0);
    let wanted: u64 = std::env::var("PALISADE_SWAPS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(12);
    std::thread::scope(|scope| {
        let swapping = scope.spawn(|| {
            let mut receipts = Vec::new();
            for at in 0..wanted {
                let version = versions[at as usize % 2].display().to_string();
                receipts.push(site.asked(&["swap", "--plugin", &version]));
            }
            receipts
        });
        while !swapping.is_finished() {
            let count = 1 + chance.below(60);
            let text = lines(&mut chance, number % 20_000, count);
            number += count;
            whole.push_str(&text);
            site.append("app.log", &text);
            std::thread::sleep(Duration::from_millis(8));
        }
        let receipts = swapping.join().expect("every swap comes about");
        // Each goes on where the one before was, and no source goes back.
        let mut next = 0;
        for (receipt, generation) in receipts.iter().zip(2..) {
            assert_eq!(receipt["generation"], generation);
            let at = receipt["sources"][0]["next"].as_u64().unwrap_or(0);
            assert!(at >= next, "{receipt}");
            next = at;
        }
        swaps = receipts.len() as u64;
    });
    assert_eq!(swaps, wanted);
    whole.push_str(&last());
    site.append("app.log", &last());
    let expected = site.expected("app.log", &whole);
    site.wait_for(expected.len());
    let listed = site.asked(&["swaps", "--limit", "5", "--after", "3"]);
    let listed = listed["swaps"].as_array().expect("receipts");
    let listed: Vec<u64> = listed
        .iter()
        .filter_map(|r| r["generation"].as_u64())
        .collect();
    assert_eq!(listed, [4, 5, 6, 7, 8]);
    let output = stop(server, "-TERM");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let found = site.findings();
    let by: BTreeSet<&str> = found
        .iter()
        .filter(|finding| finding["plugin"] == "puppet")
        .filter_map(|finding| finding["digest"].as_str())
        .collect();
    assert!(by.len() >= 2, "only one version has found anything: {by:?}");
    let (found, expected): (Vec<Value>, Vec<Value>) = (
        found.into_iter().map(bare).collect(),
        expected.into_iter().map(bare).collect(),
    );
    for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
        assert_eq!(found, expected, "finding {at}");
    }
    assert_eq!(found.len(), expected.len());
}

#[test]
fn a_kill_in_the_middle_of_swaps_loses_none_that_was_told() {
    let Some(site) = Site::new(&["app.log"]) else {
        return;
    };
    let versions = [site.version(1), site.version(2)];
    let mut chance = Chance(23);
    // A snapshot every second, so that starts begin from some, and swaps come in the middle of others.
    let config = site.path("palisade.toml");
    let text = std::fs::read_to_string(&config).expect("the configuration");
    let text = text + "[snapshot]\nevery_seconds = 1\n";
    std::fs::write(&config, text).expect("a configuration");
    let mut whole = String::new();
    let mut number = 0;
    let mut told = 1;
    for kill in 0..8 {
        let server = site.start();
        site.wait_until_ready();
        let status = site.asked(&["status"]);
        let generation = status["generation"].as_u64().unwrap_or(0);
        assert!(generation >= told, "{generation} runs, and {told} was told");
        told = generation;
        let swapping = std::thread::scope(|scope| {
            let site = &site;
            let versions = &versions;
            let swapping = scope.spawn(move || {
                let mut told = 0;
                for at in 0.. {
                    let version = versions[(kill + at) % 2].display().to_string();
                    let output = site.ctl(&["swap", "--plugin", &version, "--format", "json"]);
                    if !output.status.success() {
                        break;
                    }
                    let receipt: Value = serde_json::from_slice(&output.stdout).expect("JSON");
                    told = receipt["generation"].as_u64().expect("a number");
                }
                told
            });
            let began = Instant::now();
            let lives = Duration::from_millis(100 + chance.below(2000));
            while began.elapsed() < lives {
                let count = 1 + chance.below(40);
                let text = lines(&mut chance, number % 20_000, count);
                number += count;
                whole.push_str(&text);
                site.append("app.log", &text);
                std::thread::sleep(Duration::from_millis(8));
            }
            let output = stop(server, "-KILL");
            assert!(!stderr(&output).contains("panicked"), "{}", stderr(&output));
            swapping.join().expect("whoever swaps is told")
        });
        told = told.max(swapping);
    }
    let server = site.start();
    site.wait_until_ready();
    whole.push_str(&last());
    site.append("app.log", &last());
    let expected = site.expected("app.log", &whole);
    site.wait_for(expected.len());
    let output = stop(server, "-TERM");
    let stderr = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(!stderr.contains("made something else be said"), "{stderr}");
    let found: Vec<Value> = site.findings().into_iter().map(bare).collect();
    let expected: Vec<Value> = expected.into_iter().map(bare).collect();
    assert_eq!(found, expected);
}

#[test]
fn what_was_swapped_is_what_runs_after_a_start_and_can_be_gone_back_from() {
    let Some(site) = Site::new(&["app.log"]) else {
        return;
    };
    let server = site.start();
    site.wait_until_ready();
    let first = site.digest_of_puppet();
    let version = site.version(7).display().to_string();
    let dry = site.asked(&["swap", "--plugin", &version, "--dry-run"]);
    assert_eq!(dry["generation"], 0);
    assert_eq!(site.digest_of_puppet(), first);
    let receipt = site.asked(&["swap", "--plugin", &version, "--key", "once"]);
    assert_eq!(
        (&receipt["generation"], &receipt["kind"]),
        (&2.into(), &"swap".into())
    );
    assert!(
        receipt["changes"][0]
            .as_str()
            .is_some_and(|c| c.contains("tests/puppet: "))
    );
    // The same request once more is not done once more.
    let again = site.asked(&["swap", "--plugin", &version, "--key", "once"]);
    assert_eq!(again, receipt);
    let second = site.digest_of_puppet();
    assert_ne!(first, second);
    // Its key is of no use for another.
    let other = site.refused(&["rollback", "--key", "once"]);
    assert!(other.contains("was used for another request"), "{other}");
    // The configuration is heeded again only when it says something else.
    stop(server, "-KILL");
    let server = site.start();
    site.wait_until_ready();
    assert_eq!(site.digest_of_puppet(), second);
    let back = site.asked(&["rollback"]);
    assert_eq!(
        (&back["generation"], &back["to"]),
        (&3.into(), &receipt["from"])
    );
    assert_eq!(site.digest_of_puppet(), first);
    assert!(site.refused(&["rollback"]).contains("nothing ran before"));
    stop(server, "-TERM");
    // Another configuration is a swap, and loses no state that nobody said may be lost.
    let config = site.path("palisade.toml");
    let text = std::fs::read_to_string(&config).expect("the configuration");
    let divided = format!(", \"{}\"", crate::order::divided().display());
    let less = text.replace(&divided, "");
    std::fs::write(&config, format!("discard_state = [\"divided\"]\n{less}")).expect("written");
    let server = site.start();
    site.wait_until_ready();
    let status = site.asked(&["status"]);
    assert_eq!(status["generation"], 4);
    let plugins = status["plugins"].as_array().into_iter().flatten();
    let names: Vec<&str> = plugins
        .filter_map(|plugin| plugin["name"].as_str())
        .collect();
    assert!(
        names.contains(&"puppet") && !names.contains(&"divided"),
        "{names:?}"
    );
    let swaps = site.asked(&["swaps"]);
    let kinds: Vec<&str> = swaps["swaps"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|receipt| receipt["kind"].as_str())
        .collect();
    assert_eq!(kinds, ["swap", "rollback", "configuration"]);
    stop(server, "-TERM");
}

#[test]
fn what_fails_at_any_stage_leaves_what_runs() {
    let Some(site) = Site::new(&["app.log"]) else {
        return;
    };
    let server = site.start();
    site.wait_until_ready();
    let text = site.path("no.wasm");
    std::fs::write(&text, "this is no component").expect("a file");
    let broken = site.path("broken.wasm");
    let mut bytes = std::fs::read(site.version(3)).expect("the component");
    let middle = bytes.len() / 2;
    bytes[middle..middle + 64].fill(0xff);
    std::fs::write(&broken, bytes).expect("a file");
    let settings = site.path("settings.toml");
    std::fs::write(&settings, "[puppet]\nstrings = 3\n").expect("a file");
    let data = site.path("data.ndjson");
    std::fs::write(&data, "this is no entry\n").expect("a file");
    let puppet = site.version(3).display().to_string();
    let (text, broken) = (text.display().to_string(), broken.display().to_string());
    let settings = settings.display().to_string();
    let data = format!("names={}", data.display());
    for (arguments, says) in [
        (&["swap"][..], "say what is to change"),
        (&["swap", "--plugin", &text], "verify: read"),
        (&["swap", "--plugin", &broken], "load: load"),
        (&["swap", "--plugin", "absent.wasm"], "absent.wasm"),
        (&["swap", "--settings", &settings], "strings"),
        (&["swap", "--dataset", &data], "line 1"),
        (&["swap", "--remove", "nobody"], "no plugin `nobody` runs"),
        (&["swap", "--remove", "puppet"], "its state would be lost"),
        (&["swap", "--pack", "vendor/absent@1.0.0"], "vendor/absent"),
        (
            &[
                "swap",
                "--plugin",
                &puppet,
                "--discard-state",
                "puppet/none",
            ],
            "no state `puppet/none`",
        ),
        (&["rollback"], "nothing ran before"),
    ] {
        let said = site.refused(arguments);
        assert!(said.contains(says), "{arguments:?}: {said}");
        assert_eq!(site.asked(&["status"])["generation"], 1, "{arguments:?}");
    }
    // It goes on all the while.
    site.append("app.log", &(event(0, 1, "find") + &last()));
    site.wait_for(4);
    // What may be lost is lost when it is said.
    site.asked(&["swap", "--remove", "divided", "--discard-state", "divided"]);
    stop(server, "-TERM");
}

#[test]
fn the_control_interface_takes_nothing_but_requests() {
    let Some(site) = Site::new(&["app.log"]) else {
        return;
    };
    let server = site.start();
    site.wait_until_ready();
    let socket = site.path("data/control/palisade.sock");
    let mode = |path: &Path| {
        let found = std::fs::metadata(path).expect("it is there");
        found.permissions().mode() & 0o777
    };
    assert_eq!(mode(&socket), 0o660);
    assert_eq!(mode(socket.parent().expect("a folder")), 0o750);
    let ask = |bytes: &[u8]| -> String {
        let mut stream = std::os::unix::net::UnixStream::connect(&socket).expect("it listens");
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .expect("a limit");
        // Whoever answers early may have closed already.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = std::io::Read::read_to_end(&mut stream, &mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    };
    let post = |path: &str, body: &str, more: &str| {
        ask(format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{more}content-length: {}\r\n\
             connection: close\r\n\r\n{body}",
            body.len()
        )
        .as_bytes())
    };
    for (answer, says) in [
        (
            ask(b"GET /nothing HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"),
            "404",
        ),
        (
            ask(b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"),
            "200",
        ),
        (post("/v1/swaps", "{", ""), "400"),
        (post("/v1/swaps", "{\"plugin\": []}", ""), "unknown field"),
        (post("/v1/swaps", "{}", ""), "nothing would change"),
        (
            post("/v1/swaps", "{}", "idempotency-key: \u{7f}\r\n"),
            "400",
        ),
        (
            post("/v1/rollback", "{\"packs\": [\"a/b@1\"]}", ""),
            "takes nothing but",
        ),
        (post("/v1/swaps", &" ".repeat(2 << 20), ""), "413"),
        (
            ask(&b"GET / HTTP/1.1\r\nx: "[..]
                .iter()
                .chain(&vec![b'a'; 1 << 20])
                .copied()
                .collect::<Vec<_>>()),
            "431",
        ),
        (ask(b"no request at all\r\n\r\n"), "400"),
    ] {
        assert!(answer.contains(says), "{says}: {answer}");
    }
    // Heads that do not end hold up nobody.
    let held: Vec<_> = (0..8)
        .map(|_| {
            let mut stream = std::os::unix::net::UnixStream::connect(&socket).expect("it listens");
            stream.write_all(b"GET / HT").expect("it is read");
            stream
        })
        .collect();
    let metrics = site.ctl(&["metrics"]);
    let metrics = String::from_utf8_lossy(&metrics.stdout).into_owned();
    assert!(metrics.contains("palisade_generation 1\n"), "{metrics}");
    assert!(
        metrics.contains("palisade_plugin_active{plugin=\"puppet\""),
        "{metrics}"
    );
    drop(held);
    stop(server, "-TERM");
}

#[test]
fn who_may_only_look_changes_nothing() {
    let Some(site) = Site::new(&["app.log"]) else {
        return;
    };
    let user = std::os::unix::fs::MetadataExt::uid(
        &std::fs::metadata("/proc/self").expect("there is /proc"),
    );
    if user != 0 {
        return palisade_tests::skip("only root can become somebody else");
    }
    // Where the group of root may go, and nobody else.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mode = std::fs::Permissions::from_mode(0o750);
    std::fs::set_permissions(folder.path(), mode).expect("a mode");
    let socket = folder.path().join("sock");
    let config = site.path("palisade.toml");
    let text = std::fs::read_to_string(&config).expect("the configuration");
    let text = format!("control_socket = \"{}\"\n{text}", socket.display());
    std::fs::write(&config, text).expect("a configuration");
    // The program may lie where nobody else may go.
    let program = folder.path().join("palisade");
    std::fs::copy(&site.program, &program).expect("a copy");
    let version = folder.path().join("puppet.wasm");
    std::fs::copy(site.version(1), &version).expect("a copy");
    let server = site.start();
    let other = |arguments: &[&str]| -> Output {
        Command::new("setpriv")
            .args(["--reuid", "65534", "--regid", "0", "--clear-groups"])
            .arg(&program)
            .args(["--quiet", "ctl", "--socket"])
            .arg(&socket)
            .args(arguments)
            .output()
            .expect("setpriv runs")
    };
    let began = Instant::now();
    while !other(&["status"]).status.success() {
        assert!(
            began.elapsed() < PATIENCE,
            "{}",
            stderr(&other(&["status"]))
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    let version = version.display().to_string();
    for arguments in [
        &["swap", "--plugin", &version][..],
        &["rollback"],
        &["swap", "--remove", "puppet"],
    ] {
        let output = other(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            stderr(&output).contains("you may look"),
            "{}",
            stderr(&output)
        );
    }
    let output = stop(server, "-TERM");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(!socket.exists());
}
