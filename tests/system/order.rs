//! One order for everything that comes out, findings that rest on findings, and live inputs,
//! with a plugin that does what events tell it (`tests/puppet`) and one that is divided among
//! workers (`tests/divided`).

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use palisade_tests::{root, skip};
use serde_json::Value;

/// The program, and a folder with the components of `puppet` and `escalate`.
pub(crate) fn built() -> Option<&'static (PathBuf, PathBuf)> {
    static BUILT: OnceLock<Option<(PathBuf, PathBuf)>> = OnceLock::new();
    let build = || {
        let target = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| root().join("target"), PathBuf::from);
        let program = target.join("release/palisade");
        if !program.is_file() || !root().join("target/plugins").is_dir() {
            skip("`make plugins` has not built the program and the plugins");
            return None;
        }
        let out = root().join("target/puppet");
        build_into(
            &program,
            &out,
            &["tests/puppet", "plugins/examples/escalate"],
        );
        build_into(&program, &divided(), &["tests/divided"]);
        Some((program, out))
    };
    BUILT.get_or_init(build).as_ref()
}

/// Where the component of `divided` is.
pub(crate) fn divided() -> PathBuf {
    root().join("target/divided")
}

/// Builds projects into a folder.
pub(crate) fn build_into(program: &Path, out: &Path, projects: &[&str]) {
    let mut command = Command::new(program);
    command
        .args(["--quiet", "plugin", "build", "--out"])
        .arg(out);
    command.args(projects.iter().map(|project| root().join(project)));
    let toolchain = root().join("target/wasm-toolchain.json");
    if toolchain.is_file() {
        command.env("PALISADE_WASM_TOOLCHAIN_FILE", toolchain);
    }
    let output = command.output().expect("palisade runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
}

/// `palisade run` with both.
fn palisade(more: &[&str]) -> Option<Command> {
    let (program, plugins) = built()?;
    let mut command = Command::new(program);
    command.args(["--format", "ndjson", "run", "--plugins"]);
    command.arg(plugins).args(more);
    Some(command)
}

pub(crate) fn event(at: u64, source: u64, operation: &str) -> String {
    let (minutes, seconds, millis) = (at / 60_000, at / 1000 % 60, at % 1000);
    format!(
        "{{\"kind\":\"network.app\",\"time\":\"2025-06-01T10:{minutes:02}:{seconds:02}.{millis:03}Z\",\
         \"src\":{{\"ip\":\"10.0.0.{source}\"}},\"dst\":{{\"ip\":\"10.0.1.1\"}},\"transport\":\"tcp\",\
         \"protocol\":\"p\",\"operation\":\"{operation}\",\"direction\":\"request\"}}\n"
    )
}

/// Events in an order that looks like chance and is the same every time.
fn script(events: u64, traps: bool) -> String {
    let commands = [
        "find", "retract", "earlier", "arm", "twice", "rest", "rest", "rest",
    ];
    let mut state = 7u64;
    let mut text = String::new();
    for number in 0..events {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let mut command = commands[(state >> 40) as usize % commands.len()];
        if traps && number % 501 == 500 {
            command = "trap";
        }
        text.push_str(&event(number * 150, 1 + (state >> 50) % 9, command));
    }
    text
}

fn run(input: &Path, more: &[&str]) -> Option<(Vec<Value>, String)> {
    let output = palisade(more)?.arg(input).output().expect("palisade runs");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{stderr}");
    let stdout = String::from_utf8(output.stdout).expect("findings are text");
    let lines = stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"));
    Some((lines.collect(), stderr))
}

#[test]
fn nothing_that_is_cut_or_shared_out_shows_in_the_output() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = folder.path().join("script.ndjson");
    std::fs::write(&input, script(3_000, true)).expect("a file can be written");
    let divided = divided().display().to_string();
    let Some((expected, _)) = run(&input, &["--workers", "1", "--plugins", &divided]) else {
        return;
    };
    let by_rule = |rule: &str| expected.iter().filter(|f| f["rule"] == rule).count();
    assert!(by_rule("told") > 1_000 && by_rule("late") > 100 && by_rule("repeated") > 5);
    assert!(by_rule("counted") > 2_000);
    for (workers, rows, epoch) in [
        (1, 1, 16_384),
        (1, 7, 100),
        (2, 1024, 1),
        (2, 7, 16_384),
        (5, 1, 100),
        (5, 1024, 16_384),
        (5, 1024, 333),
    ] {
        let [workers, rows, epoch] = [workers, rows, epoch].map(|n: u32| n.to_string());
        let more = [
            "--workers",
            &workers,
            "--batch-rows",
            &rows,
            "--epoch",
            &epoch,
            "--plugins",
            &divided,
        ];
        let (found, _) = run(&input, &more).expect("the program was there a moment ago");
        assert_same(&found, &expected, &more);
    }
    let more = ["--fresh-instances", "--workers", "2", "--plugins", &divided];
    let (found, _) = run(&input, &more).expect("the program was there a moment ago");
    assert_same(&found, &expected, &more);
}

#[test]
fn where_large_records_end_an_epoch_does_not_show() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = folder.path().join("large.ndjson");
    let large = format!("\"original\":\"{}\",\"operation\"", "x".repeat(40_000));
    let text = script(1_500, true).replace("\"operation\"", &large);
    std::fs::write(&input, text).expect("a file can be written");
    let Some((expected, _)) = run(&input, &["--memory", "16GiB"]) else {
        return;
    };
    assert!(expected.len() > 1_000);
    for more in [
        &["--memory", "256MiB"][..],
        &["--memory", "256MiB", "--workers", "3"],
        &["--epoch", "7"],
    ] {
        let (found, _) = run(&input, more).expect("the program was there a moment ago");
        assert_same(&found, &expected, more);
    }
}

fn assert_same(found: &[Value], expected: &[Value], how: &[&str]) {
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(found, expected, "line {}, {how:?}", at + 1);
    }
    assert_eq!(found.len(), expected.len(), "{how:?}");
}

#[test]
fn findings_rest_on_findings_that_can_be_looked_up() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = folder.path().join("script.ndjson");
    std::fs::write(&input, script(1_000, false)).expect("a file can be written");
    let Some((findings, _)) = run(&input, &[]) else {
        return;
    };
    let by_ref: HashMap<u64, usize> = findings
        .iter()
        .enumerate()
        .map(|(at, f)| (f["event_ref"].as_u64().expect("a reference"), at))
        .collect();
    assert_eq!(by_ref.len(), findings.len(), "references are unique");
    let mut escalations = 0;
    for (at, finding) in findings.iter().enumerate() {
        if finding["plugin"] != "escalate" || finding["retracted"] == true {
            continue;
        }
        escalations += 1;
        let cited = finding["cited"].as_array().expect("citations");
        assert!(cited.len() >= 3, "{finding}");
        assert!(cited[0]["id"].is_string(), "{finding}");
        for cited in cited {
            let below = by_ref[&cited["event_ref"].as_u64().expect("a reference")];
            assert!(below < at, "what is rested on comes first");
            assert_eq!(findings[below]["plugin"], "puppet");
            assert_eq!(findings[below]["subject"], finding["subject"]);
            assert!(findings[below]["time"].as_str() <= finding["time"].as_str());
        }
        assert_eq!(finding["tenant"], "default");
    }
    assert!(escalations > 5, "{escalations}");
    let withdrawn = |f: &&Value| f["plugin"] == "escalate" && f["retracted"] == true;
    assert!(findings.iter().any(|f| withdrawn(&f)));
}

#[test]
fn only_the_event_that_a_plugin_faults_on_is_left_out() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = folder.path().join("script.ndjson");
    // Two in one batch: each is found by itself.
    let lines: String = (0..1_000)
        .map(|n| {
            event(
                n * 10,
                1 + n % 9,
                if n == 300 || n == 700 { "trap" } else { "find" },
            )
        })
        .collect();
    std::fs::write(&input, lines).expect("a file can be written");
    let letters = folder.path().join("letters.ndjson");
    let more = [
        "--workers",
        "1",
        "--dead-letters",
        letters.to_str().expect("a path"),
    ];
    let Some((findings, _)) = run(&input, &more) else {
        return;
    };
    assert_eq!(findings.iter().filter(|f| f["rule"] == "told").count(), 998);
    let letters = std::fs::read_to_string(&letters).expect("dead letters");
    let letters: Vec<Value> = letters
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(letters.len(), 2);
    for letter in letters {
        let reason = letter["reason"].as_str().expect("a reason");
        assert!(
            reason.contains("aborted at src/lib.rs:") && reason.contains("puppet"),
            "{reason}"
        );
        // The guest's frames, by the debug file beside it.
        let frames = reason.split("; in ").skip(1);
        assert!(frames.clone().count() > 0, "{reason}");
        assert!(
            frames.clone().any(|f| f.contains(" at src/lib.rs:")),
            "{reason}"
        );
        assert!(
            letter["text"].as_str().is_some_and(|t| t.contains("trap")),
            "{letter}"
        );
    }
}

#[test]
fn the_operator_says_what_time_it_is() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = folder.path().join("ahead.ndjson");
    let text = event(0, 1, "arm") + &event(60_000, 2, "rest") + &event(90_000, 2, "rest");
    std::fs::write(&input, text.replace("2025-", "2099-")).expect("a file can be written");
    let late = |more: &[&str]| -> Option<usize> {
        let (findings, _) = run(&input, more)?;
        Some(findings.iter().filter(|f| f["rule"] == "late").count())
    };
    // By the clock of the system these are far ahead: they fire no timer.
    let Some(fired) = late(&[]) else { return };
    assert_eq!(fired, 0);
    assert_eq!(late(&["--now", "events"]), Some(1));
    assert_eq!(late(&["--now", "2099-06-01T10:00:00Z"]), Some(1));
    assert_eq!(late(&["--now", "2099-06-01T09:00:00Z"]), Some(0));
    let mut command = palisade(&["--now", "tomorrow"]).expect("the program was there");
    let output = command.arg(&input).output().expect("palisade runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(
        stderr.contains("neither `system`, `events` nor a time"),
        "{stderr}"
    );
}

#[test]
fn files_of_one_source_go_on_with_its_numbers() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let files: Vec<String> = (0..3)
        .map(|number| {
            let path = folder.path().join(format!("log.{number}"));
            let text = event(number * 1_000, 1, "find") + &event(number * 1_000 + 1, 2, "find");
            std::fs::write(&path, text).expect("a file can be written");
            path.display().to_string()
        })
        .collect();
    let references = |more: &[&str]| -> Option<Vec<u64>> {
        let mut command = palisade(more)?;
        let output = command.args(&files).output().expect("palisade runs");
        let text = String::from_utf8(output.stdout).expect("findings are text");
        let findings = text
            .lines()
            .map(|line| -> Value { serde_json::from_str(line).expect("JSON") })
            .filter(|finding| finding["plugin"] == "puppet");
        let cited = |finding: Value| finding["cited"][0]["event_ref"].as_u64();
        Some(findings.filter_map(cited).collect())
    };
    // Slot and number of each event that is cited.
    let of = |references: Vec<u64>| -> Vec<(u64, u64)> {
        let parts = references.iter().map(|r| (r >> 40, r & ((1 << 40) - 1)));
        parts.collect()
    };
    let Some(apart) = references(&[]) else { return };
    assert_eq!(of(apart), [(1, 0), (1, 1), (2, 0), (2, 1), (3, 0), (3, 1)]);
    let together = references(&["--source", "log"]).expect("the program was there");
    let numbers: Vec<(u64, u64)> = (0..6).map(|number| (1, number)).collect();
    assert_eq!(of(together), numbers);
}

#[test]
fn a_finding_comes_while_the_pipe_is_still_open() {
    let Some(mut command) = palisade(&["-"]) else {
        return;
    };
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("palisade runs");
    let mut input = child.stdin.take().expect("a pipe");
    let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
    for number in 0..3 {
        let text = event(number * 1000, 1 + number, "find");
        input.write_all(text.as_bytes()).expect("the pipe is open");
        let mut line = String::new();
        // Would wait for ever if the finding were held back.
        output.read_line(&mut line).expect("a finding");
        let finding: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(finding["subject"], format!("address:10.0.0.{}", 1 + number));
    }
    // A signal ends the run, and what was read counts.
    let text = event(4000, 9, "arm");
    input.write_all(text.as_bytes()).expect("the pipe is open");
    std::thread::sleep(std::time::Duration::from_millis(500));
    let pid = child.id().to_string();
    let killed = Command::new("kill").args(["-TERM", &pid]).status();
    assert!(killed.expect("kill runs").success());
    let mut rest = String::new();
    output.read_to_string(&mut rest).expect("the rest");
    assert!(rest.contains("\"late\""), "{rest}");
    let ended = child.wait_with_output().expect("palisade ends");
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("4 events in"), "{stderr}");
    drop(input);
}

#[test]
fn a_capture_that_trickles_is_shown_as_it_comes() {
    let Some((program, _)) = built() else { return };
    let bytes = std::fs::read(palisade_tests::capture("tls-weak.pcap")).expect("a capture");
    let whole = Command::new(program)
        .args(["--quiet", "--format", "ndjson", "run"])
        .arg(palisade_tests::capture("tls-weak.pcap"))
        .current_dir(root())
        .output()
        .expect("palisade runs");
    let mut child = Command::new(program)
        .args(["--quiet", "--format", "ndjson", "run", "-"])
        .current_dir(root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("palisade runs");
    let mut input = child.stdin.take().expect("a pipe");
    let pieces: Vec<Vec<u8>> = bytes
        .chunks(bytes.len() / 9 + 1)
        .map(<[u8]>::to_vec)
        .collect();
    let writer = std::thread::spawn(move || {
        for piece in pieces {
            input.write_all(&piece).expect("the pipe is open");
            std::thread::sleep(std::time::Duration::from_millis(40));
        }
    });
    let output = child.wait_with_output().expect("palisade ends");
    writer.join().expect("all is written");
    let lines = |bytes: &[u8]| -> Vec<String> {
        let text = String::from_utf8_lossy(bytes);
        let value = |line: &str| -> Value { serde_json::from_str(line).expect("JSON") };
        text.lines()
            .map(value)
            .map(|f| format!("{} {} {}", f["rule"], f["subject"], f["summary"]))
            .collect()
    };
    assert!(!lines(&whole.stdout).is_empty());
    assert_eq!(lines(&output.stdout), lines(&whole.stdout));
}
