//! Findings of `palisade serve` that are executed again afterwards: the same comes of them while the
//! server runs and when it does not, over swaps and kills, after the journal has let go of what
//! led to them, and somewhere else; and what is not as it was is told.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use palisade_events::KeptRows;
use palisade_pipeline::replay::{KeptCall, KeptOccasion};
use palisade_runtime::Asked;
use palisade_serve::Case;
use palisade_tests::{shared, skip};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::order::{build_into, built, divided, event};
use crate::site::{Chance, PATIENCE, Site, lines, stderr, stop};

impl Site {
    fn database(&self) -> Connection {
        let path = self.path("data/findings.sqlite");
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a database")
    }

    /// Texts that a query gives.
    fn query(&self, select: &str) -> Vec<String> {
        let database = self.database();
        let mut select = database.prepare(select).expect("a query");
        let rows = select.query_map([], |row| row.get::<_, String>(0));
        rows.expect("rows")
            .map(|row| row.expect("a text"))
            .collect()
    }

    /// A finding of each rule of each component, the latest; what they are known by.
    fn of_each(&self) -> Vec<String> {
        self.query(
            "select epoch || '/' || number from (select *, row_number() over (partition by digest, \
             rule, retracted order by epoch desc, number desc) as nth from findings) where nth = 1",
        )
    }

    /// Runs a command on the server's data.
    fn look(&self, command: &str, arguments: &[&str]) -> Output {
        Command::new(&self.program)
            .args([command, "--data"])
            .arg(self.path("data"))
            .args(arguments)
            .output()
            .expect("palisade runs")
    }

    /// A finding must come out as it was.
    fn identical(&self, id: &str) {
        let output = self.look("replay", &[id]);
        let text = String::from_utf8_lossy(&output.stdout);
        let why = format!("{id}: {text}{}", stderr(&output));
        assert_eq!(output.status.code(), Some(0), "{why}");
        assert!(text.contains(": identical"), "{why}");
        assert!(!text.contains("note:"), "{why}");
    }

    fn wait_until(&self, what: &str, select: &str) {
        let began = Instant::now();
        while self.query(select) != ["1"] {
            assert!(began.elapsed() < PATIENCE, "{what}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Executes a bundle somewhere where there is nothing else.
fn elsewhere(program: &Path, bundle: &Path, more: &[&str]) -> Output {
    let empty = tempfile::tempdir().expect("a temporary folder");
    Command::new(program)
        .args(["replay", "--bundle"])
        .arg(bundle)
        .args(more)
        .current_dir(empty.path())
        .output()
        .expect("palisade runs")
}

/// Rows in whose text one word is another, byte for byte.
fn altered(rows: &mut KeptRows, from: &str, to: &str) {
    let mut value = serde_json::to_value(&*rows).expect("JSON");
    let nodes = value["nodes"].as_array_mut().expect("columns");
    let buffers = nodes
        .iter_mut()
        .flat_map(|node| node["buffers"].as_array_mut().expect("buffers"));
    let mut changed = 0;
    for buffer in buffers {
        let bytes: Vec<u8> = serde_json::from_value(buffer.clone()).expect("bytes");
        if let Ok(text) = String::from_utf8(bytes)
            && text.contains(from)
        {
            *buffer = serde_json::json!(text.replace(from, to).into_bytes());
            changed += 1;
        }
    }
    assert!(changed > 0, "{value}");
    *rows = serde_json::from_value(value).expect("rows");
}

fn configure(site: &Site, more: &str) {
    let path = site.path("palisade.toml");
    let text = std::fs::read_to_string(&path).expect("the configuration");
    std::fs::write(&path, text + more).expect("a configuration");
}

#[test]
fn findings_come_out_the_same_over_swaps_and_kills_and_without_the_server() {
    let Some(site) = Site::new(&["app.log"]) else {
        return;
    };
    let mut chance = Chance(3);
    let mut server = site.start();
    site.append("app.log", &lines(&mut chance, 0, 600));
    site.wait_for(300);
    // While it runs and goes on finding.
    let before = site.of_each();
    assert!(before.len() >= 5, "{before:?}");
    for id in &before {
        site.append("app.log", &event(100_000, 1, "find"));
        site.identical(id);
    }
    // Another version: the one before is needed for what it found.
    let (_, plugins) = built().expect("the program was there a moment ago");
    let puppet = find(plugins, "puppet.wasm").expect("the puppet is built");
    let mut bytes = std::fs::read(puppet).expect("a component");
    bytes.extend([0, 9, 7]);
    bytes.extend(b"version");
    bytes.push(9);
    let version = site.path("puppet-9.wasm");
    std::fs::write(&version, bytes).expect("a component can be written");
    let version = version.display().to_string();
    let swapped = site.look("ctl", &["swap", "--plugin", &version]);
    assert_eq!(swapped.status.code(), Some(0), "{}", stderr(&swapped));
    let count = site.count();
    site.append("app.log", &lines(&mut chance, 700, 600));
    site.wait_for(count + 300);
    // In the middle of more.
    site.append("app.log", &lines(&mut chance, 1300, 2000));
    std::thread::sleep(Duration::from_millis(40));
    stop(server, "-KILL");
    let killed = site.of_each();
    killed
        .iter()
        .chain(&before)
        .for_each(|id| site.identical(id));
    server = site.start();
    site.wait_for(count + 1000);
    let after = site.of_each();
    after
        .iter()
        .chain(&killed)
        .for_each(|id| site.identical(id));
    let output = stop(server, "-TERM");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    after
        .iter()
        .chain(&before)
        .for_each(|id| site.identical(id));
    // Every finding has its evidence, and one that a call filed together with others has the same.
    let without = "select count(*) || '' from findings f where not exists (select 1 from evidence e \
                   where (e.epoch, e.number) = (f.epoch, f.number))";
    assert_eq!(site.query(without), ["0"]);
    // Whose version it was is told.
    let explained = site.look("explain", &[&after[0], "--format", "json"]);
    assert_eq!(explained.status.code(), Some(0), "{}", stderr(&explained));
    let versions =
        site.query("select count(distinct digest) || '' from findings where plugin = 'puppet'");
    assert_eq!(versions, ["2"]);
    let of_new = site.query(
        "select epoch || '/' || number from findings where plugin = 'puppet' \
         order by epoch desc, number desc limit 1",
    );
    let explained = site.look("explain", &[&of_new[0], "--format", "json"]);
    let explained: Value = serde_json::from_slice(&explained.stdout).expect("JSON");
    assert_eq!(explained["swap"]["kind"], "swap", "{explained}");
    assert_eq!(explained["calls"][0]["generation"], 2);
}

/// A component below a folder.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?;
    entries.flatten().find_map(|entry| {
        let path = entry.path();
        match path.is_dir() {
            true => find(&path, name),
            false => path.ends_with(name).then_some(path),
        }
    })
}

/// The first lines of a log that Zeek wrote.
fn zeek(log: &str, count: usize) -> Option<String> {
    let path = shared(&format!("zeek-json/{log}.json.gz"))?;
    let file = std::fs::File::open(path).expect("the log can be read");
    let mut text = String::new();
    let decoder = flate2::read::MultiGzDecoder::new(file);
    decoder
        .take(64 << 20)
        .read_to_string(&mut text)
        .expect("a log");
    let lines: Vec<&str> = text.lines().take(count).collect();
    Some(lines.join("\n") + "\n")
}

#[test]
fn findings_of_first_party_plugins_over_real_logs_come_out_the_same() {
    let (Some(tls), Some(dns)) = (zeek("ssl", 3000), zeek("dns", 3000)) else {
        return;
    };
    let Some((program, _)) = built() else {
        return;
    };
    let plugins = program
        .parent()
        .and_then(Path::parent)
        .expect("target")
        .join("plugins");
    let wanted = [
        "iot-protocols/tls-floor.wasm",
        "intel-detect/indicators.wasm",
        "examples/weak-tls-rust.wasm",
        "examples/weak-tls-c.wasm",
        "examples/weak-tls-js.wasm",
        "examples/escalate.wasm",
    ];
    let there: Vec<PathBuf> = wanted
        .iter()
        .map(|name| plugins.join(name))
        .filter(|path| path.is_file())
        .collect();
    for missing in wanted.iter().filter(|name| !plugins.join(name).is_file()) {
        skip(&format!("without {missing}, which `make plugins` builds"));
    }
    let datasets = tempfile::tempdir().expect("a temporary folder");
    let indicators = datasets.path().join("indicators.ndjson");
    let listed =
        "{\"kind\":\"domain\",\"value\":\"wrccdc.org\",\"confidence\":90,\"notice\":\"N-1\"}\n";
    std::fs::write(&indicators, listed).expect("a dataset can be written");
    let more = format!(
        "dataset = {{ indicators = \"{}\" }}\n",
        indicators.display()
    );
    let Some(site) = Site::of(&there, &more, &["ssl.log", "dns.log"]) else {
        return;
    };
    let server = site.start();
    site.append("ssl.log", &tls);
    site.append("dns.log", &dns);
    let all = "select (count(distinct plugin) >= 4) || '' from findings";
    let began = Instant::now();
    while site.count() == 0 || site.query(all) != ["1"] {
        assert!(
            began.elapsed() < PATIENCE,
            "{:?}",
            site.query("select distinct plugin from findings")
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    let output = stop(server, "-TERM");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let plugins = site.query("select distinct plugin from findings");
    for name in [
        "tls-floor",
        "indicators",
        "weak-tls-c",
        "weak-tls-js",
        "weak-tls-rust",
    ] {
        let path = there
            .iter()
            .any(|path| path.ends_with(format!("{name}.wasm")));
        assert!(
            !path || plugins.iter().any(|plugin| plugin == name),
            "{name}: {plugins:?}"
        );
    }
    // The first, the last and some in between of each.
    for plugin in &plugins {
        let of = format!(
            "select epoch || '/' || number from findings where plugin = '{plugin}' \
             and rowid % (1 + (select count(*) from findings where plugin = '{plugin}') / 8) = 0 \
             limit 12"
        );
        let ids = site.query(&of);
        ids.iter().for_each(|id| site.identical(id));
    }
    // What it was told of the dataset is in the evidence, and the dataset's digest.
    let id = site
        .query("select epoch || '/' || number from findings where plugin = 'indicators' limit 1");
    let Some(id) = id.first() else { return };
    let explained = site.look("explain", &[id, "--format", "json"]);
    let explained: Value = serde_json::from_slice(&explained.stdout).expect("JSON");
    let call = &explained["calls"][0];
    let digest = blake3::hash(listed.as_bytes()).to_hex().to_string();
    assert_eq!(call["datasets"][0]["digest"], digest.as_str(), "{call}");
    assert_eq!(call["rules"][0]["id"], "TI-1.1");
    assert_eq!(call["rules"][0]["requirements"][0], "TI-1.1");
    assert!(
        call["events"][0]["event"]
            .to_string()
            .contains("wrccdc.org\""),
        "{call}"
    );
    let asked = call["host_calls"].as_array().expect("host calls");
    assert!(
        asked.iter().any(|asked| asked["dataset"] == "indicators"),
        "{call}"
    );
    let text = site.look("explain", &[id]);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    for part in [
        "TI-1.1: Shared indicator in live traffic",
        "恶意IP地址",
        "src.ip",
        "datasets.matches",
        &digest,
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn evidence_outlives_the_journal_and_goes_when_it_is_too_much() {
    let Some(site) = Site::new(&["app.log"]) else {
        return;
    };
    configure(
        &site,
        "[snapshot]\nevery_seconds = 1\n[evidence]\nsegment_bytes = 1048576\nmax_bytes = 4194304\n",
    );
    let path = site.path("palisade.toml");
    let text = std::fs::read_to_string(&path).expect("the configuration");
    let text = text.replace(
        "segment_bytes = 1048576\n[[",
        "segment_bytes = 1048576\nkeep_hours = 0\n[[",
    );
    std::fs::write(&path, text).expect("a configuration");
    let server = site.start();
    let mut chance = Chance(8);
    site.append("app.log", &lines(&mut chance, 0, 300));
    site.wait_for(100);
    let early = site.of_each();
    let first_segment = site.path("data/journal/00000000000000000001.journal");
    let began = Instant::now();
    let mut number = 300;
    while first_segment.is_file() {
        assert!(
            began.elapsed() < 2 * PATIENCE,
            "the journal lets nothing go"
        );
        let text: String = (0..400)
            .map(|at| event((number + at) % 3000, 1, "rest"))
            .collect();
        site.append("app.log", &text);
        number += 400;
        std::thread::sleep(Duration::from_millis(20));
    }
    early.iter().for_each(|id| site.identical(id));
    // The components are held for it: nothing else in the store has a name.
    let collected = Command::new(&site.program)
        .args(["store", "gc", "--grace", "0s", "--store"])
        .arg(site.path("data/store"))
        .output()
        .expect("palisade runs");
    assert_eq!(collected.status.code(), Some(0), "{}", stderr(&collected));
    early.iter().for_each(|id| site.identical(id));
    // More than may be kept.
    let began = Instant::now();
    let gone = format!(
        "select (count(*) = 0) || '' from evidence where (epoch, number) = ({})",
        early[0].replace('/', ",")
    );
    while site.query(&gone) != ["1"] {
        assert!(began.elapsed() < 2 * PATIENCE, "no evidence goes");
        let text = lines(&mut chance, number % 20_000, 2000);
        site.append("app.log", &text);
        number += 2000;
        std::thread::sleep(Duration::from_millis(10));
    }
    let output = site.look("replay", &[&early[0]]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("no evidence") && stderr(&output).contains("let go"),
        "{}",
        stderr(&output)
    );
    let metrics = site.look("ctl", &["metrics"]);
    let metrics = String::from_utf8_lossy(&metrics.stdout).into_owned();
    let gone = metrics
        .lines()
        .find_map(|line| line.strip_prefix("palisade_evidence_gone_total "));
    assert!(
        gone.is_some_and(|gone| gone.parse::<f64>().is_ok_and(|gone| gone > 0.0)),
        "{metrics}"
    );
    stop(server, "-TERM");
    let held: u64 = std::fs::read_dir(site.path("data/evidence"))
        .expect("the folder")
        .flatten()
        .map(|entry| entry.metadata().map_or(0, |metadata| metadata.len()))
        .sum();
    assert!(held <= 4 << 20, "{held}");
}

#[test]
fn a_bundle_is_executed_elsewhere_and_a_doctored_one_is_told() {
    let Some(site) = Site::new(&["app.log"]) else {
        return;
    };
    let server = site.start();
    let text: String = [("arm", 1), ("find", 2), ("find", 2), ("earlier", 2)]
        .iter()
        .zip(0..)
        .map(|((operation, source), at)| event(at * 1000, *source, operation))
        .collect();
    site.append("app.log", &(text + &event(600_000, 3, "rest")));
    site.wait_for(8);
    stop(server, "-TERM");
    let of = |rule: &str, summary: &str| {
        let select = format!(
            "select epoch || '/' || number from findings where rule = '{rule}' and summary like \
             '{summary}%' order by epoch, number"
        );
        site.query(&select).pop().expect("a finding")
    };
    let path = site.path("out.tar");
    let bundle = path.display().to_string();
    for id in [
        of("told", "find"),
        of("told", "earlier"),
        of("late", "armed"),
        of("counted", "find"),
    ] {
        let written = site.look("replay", &[&id, "--bundle", &bundle]);
        assert_eq!(written.status.code(), Some(0), "{}", stderr(&written));
        let output = elsewhere(&site.program, &path, &[]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert!(String::from_utf8_lossy(&output.stdout).contains(": identical"));
    }
    // Its digest is the one that the database has.
    let id = of("counted", "find");
    let (epoch, number) = id.split_once('/').expect("two parts");
    let digest = site.query(&format!(
        "select digest from evidence where epoch = {epoch} and number = {number}"
    ));
    let good = elsewhere(&site.program, &path, &["--evidence", &digest[0]]);
    assert_eq!(good.status.code(), Some(0), "{}", stderr(&good));
    let other = elsewhere(&site.program, &path, &["--evidence", &"0".repeat(64)]);
    assert_eq!(other.status.code(), Some(2));
    let case = Case::read_bundle(&std::fs::read(&path).expect("a bundle")[..]).expect("a bundle");
    let doctored = |change: &dyn Fn(&mut Case)| {
        let mut case = case.clone();
        change(&mut case);
        let mut bytes = Vec::new();
        case.write_bundle(&mut bytes).expect("a bundle");
        let path = site.path("doctored.tar");
        std::fs::write(&path, bytes).expect("a bundle can be written");
        let output = elsewhere(&site.program, &path, &[]);
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            stderr(&output)
        );
        (output.status.code(), said)
    };
    // Clumsily: digests do not fit.
    let (code, said) = doctored(&|case| *case.calls[0].bytes.last_mut().expect("a byte") ^= 1);
    assert!(
        code == Some(2) && said.contains("not what it says"),
        "{said}"
    );
    let (code, said) = doctored(&|case| {
        let bytes = case.components.values_mut().next().expect("a component");
        bytes.push(0);
    });
    assert!(code == Some(2) && said.contains("component"), "{said}");
    // With care: digests fit, and what comes of it does not.
    let again = |case: &mut Case, change: &dyn Fn(&mut KeptCall)| {
        let call = &mut case.calls[0];
        change(&mut call.call);
        call.bytes = call.call.encode().expect("a call");
        call.digest = KeptCall::digest_of(&call.bytes).to_string();
    };
    let (code, said) = doctored(&|case| {
        again(case, &|call| {
            for asked in &mut call.asked {
                if let Asked::Count { answer, .. } = asked {
                    answer.iter_mut().for_each(|count| *count += 7);
                }
            }
        });
    });
    assert!(
        code == Some(1) && said.contains("`summary`"),
        "an answer: {said}"
    );
    let (code, said) = doctored(&|case| {
        again(case, &|call| {
            let KeptOccasion::Rows { rows, .. } = &mut call.occasion else {
                panic!("rows");
            };
            altered(rows, "find", "rest");
        });
    });
    assert!(
        code == Some(1) && said.contains("not identical"),
        "a row: {said}"
    );
    let (code, said) = doctored(&|case| {
        again(case, &|call| {
            let cited = call.cited.as_mut().expect("an event");
            altered(&mut cited.rows, "find", "rest");
        });
    });
    assert!(
        code == Some(1) && said.contains("the id of the event"),
        "an event: {said}"
    );
    let (code, said) = doctored(&|case| {
        again(case, &|call| call.plugin.settings = "{\"none\": 1}".into());
    });
    assert!(
        code == Some(2) && said.contains("none"),
        "a setting: {said}"
    );
    // Another component, with everything made to name it.
    let (code, said) = doctored(&|case| {
        let (_, mut bytes) = case.components.pop_first().expect("a component");
        bytes.extend([0, 2, 1, b'x']);
        let digest = blake3::hash(&bytes).to_hex().to_string();
        case.components.insert(digest.clone(), bytes);
        again(case, &|call| call.plugin.digest.clone_from(&digest));
    });
    assert!(
        code == Some(1) && said.contains("`digest`"),
        "a component: {said}"
    );
    // And whoever tells of what was asked that it was not.
    let (code, said) = doctored(&|case| again(case, &|call| call.asked.clear()));
    assert!(
        code == Some(1) && said.contains("something else than was recorded"),
        "{said}"
    );
}

#[test]
fn a_plugin_that_keeps_something_in_its_own_memory_is_not_reproducible() {
    let Some((program, _)) = built() else {
        return;
    };
    let out = program
        .parent()
        .and_then(Path::parent)
        .expect("target")
        .join("hoarder");
    build_into(program, &out, &["tests/hoarder"]);
    let Some(site) = Site::of(&[out, divided()], "", &["app.log"]) else {
        return;
    };
    // One instance of it.
    let path = site.path("palisade.toml");
    let text = std::fs::read_to_string(&path).expect("the configuration");
    std::fs::write(&path, text.replace("workers = 2", "workers = 1")).expect("a configuration");
    let server = site.start();
    let mut known = 0;
    for at in 0..4 {
        site.append("app.log", &event(at * 1000, 1, "hoard"));
        known += 2;
        site.wait_for(known);
    }
    // And one that does not return when it is executed again, so that it is not found out.
    site.append("app.log", &event(4000, 9, "hoard"));
    site.wait_for(known + 2);
    // All but what it filed first; the other plugin leaves its memory alone.
    site.wait_until(
        "calls are not executed once more",
        "select (count(*) = 0) || '' from evidence where reproduced is null",
    );
    let marks = "select plugin || ' ' || reproduced from findings join evidence using (epoch, number) \
                 order by plugin, epoch";
    let expected = [
        ["divided 1"; 5].as_slice(),
        &["hoarder 1"],
        &["hoarder 0"; 4],
    ]
    .concat();
    assert_eq!(site.query(marks), expected);
    let metrics = site.look("ctl", &["metrics"]);
    let metrics = String::from_utf8_lossy(&metrics.stdout).into_owned();
    assert!(
        metrics.contains("palisade_evidence_differ_total 4"),
        "{metrics}"
    );
    stop(server, "-TERM");
    let last = "select epoch || '/' || number from findings where plugin = 'hoarder' order by epoch desc limit 1 offset 1";
    let id = site.query(last).pop().expect("a finding");
    let output = site.look("replay", &[&id]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}{}", stderr(&output));
    assert!(
        said.contains("not identical")
            && said.contains("\"call 4\"")
            && said.contains("\"call 1\""),
        "{said}"
    );
    let explained = site.look("explain", &[&id]);
    let said = String::from_utf8_lossy(&explained.stdout).into_owned();
    assert!(said.contains("not reproducible"), "{said}");
}

#[test]
fn what_cannot_be_executed_again_is_told_and_why() {
    let Some(site) = Site::new(&["app.log"]) else {
        return;
    };
    let refused = |command: &str, arguments: &[&str]| {
        let output = site.look(command, arguments);
        assert_eq!(output.status.code(), Some(2), "{command} {arguments:?}");
        stderr(&output)
    };
    assert!(refused("replay", &["1/0"]).contains("no directory"));
    configure(&site, "[evidence]\nenabled = false\n");
    let server = site.start();
    site.append("app.log", &event(0, 1, "find"));
    site.wait_for(2);
    stop(server, "-TERM");
    let id = site.of_each().pop().expect("a finding");
    assert!(refused("replay", &[&id]).contains("no evidence"));
    assert!(refused("explain", &[&id]).contains("not enabled"));
    assert!(refused("replay", &["999/0"]).contains("no finding and no decision 999/0"));
    assert!(refused("replay", &["x"]).contains("EPOCH/NUMBER"));
    let none = site.path("none.tar");
    std::fs::write(&none, "no archive").expect("a file");
    let output = elsewhere(&site.program, &none, &[]);
    assert!(
        output.status.code() == Some(2) && stderr(&output).contains("no bundle"),
        "{}",
        stderr(&output)
    );
    // What was found without evidence stays so; what comes later has its own.
    let path = site.path("palisade.toml");
    let text = std::fs::read_to_string(&path).expect("the configuration");
    std::fs::write(&path, text.replace("enabled = false", "enabled = true"))
        .expect("a configuration");
    let server = site.start();
    site.append("app.log", &event(1000, 2, "find"));
    site.wait_for(4);
    stop(server, "-TERM");
    let id = site
        .query("select max(epoch) || '/0' from findings")
        .pop()
        .expect("a finding");
    site.identical(&id);
    // The evidence is altered on the disk.
    let segment = site.path("data/evidence/00000000000000000001.journal");
    let mut bytes = std::fs::read(&segment).expect("a segment");
    bytes[60] ^= 1;
    std::fs::write(&segment, bytes).expect("a segment");
    let said = refused("replay", &[&id]);
    assert!(said.contains("damaged"), "{said}");
    // Nor does a server begin that would write over what follows.
    let output = site.command().output().expect("palisade runs");
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(
        said.contains("damaged") && said.contains("move the folder"),
        "{said}"
    );
    std::fs::remove_dir_all(site.path("data/evidence")).expect("the folder");
    assert!(refused("replay", &[&id]).contains("moved away"));
    // Without it one does, knows that it is gone, and goes on.
    let server = site.start();
    site.append("app.log", &event(2000, 3, "find"));
    site.wait_for(6);
    stop(server, "-TERM");
    assert!(refused("replay", &[&id]).contains("no evidence"));
    let id = site
        .query("select max(epoch) || '/0' from findings")
        .pop()
        .expect("a finding");
    site.identical(&id);
}

#[test]
fn decisions_are_executed_again_with_every_policy_that_judged() {
    let Some((program, _)) = built() else {
        return;
    };
    let policies = program
        .parent()
        .and_then(Path::parent)
        .expect("target")
        .join("plugins/vuln-disclosure");
    if !policies.is_dir() {
        skip("`make plugins` has not built the policies");
        return;
    }
    let Some(site) = Site::of(&[policies], "", &["requests.log"]) else {
        return;
    };
    let server = site.start();
    let request = "{\"kind\":\"report.disclosure\",\"time\":\"2025-05-02T10:00:00+08:00\",\
                   \"request\":\"D-1\",\"action\":\"publish\",\"subject_kind\":\"vulnerability\",\
                   \"audience\":\"open\",\"subjects\":[\"V-14\"],\"publisher\":{\"id\":\"lab-x\",\
                   \"kind\":\"organisation\",\"country\":\"CN\",\"roles\":[\"finder\"],\"verified\":true},\
                   \"recipients\":[],\"planned_at\":\"2025-05-02T10:00:00+08:00\",\
                   \"channel_encrypted\":true,\"contains\":[\"exploit-code\"]}\n";
    site.append("requests.log", request);
    let began = Instant::now();
    let decided = || {
        let path = site.path("data/findings.sqlite");
        let count = "select count(*) from decisions";
        let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY);
        let found = database.and_then(|of| of.query_row(count, [], |row| row.get::<_, i64>(0)));
        found.is_ok_and(|found| found == 1)
    };
    while !decided() {
        assert!(began.elapsed() < PATIENCE, "no decision");
        std::thread::sleep(Duration::from_millis(50));
    }
    stop(server, "-TERM");
    let id = site
        .query("select epoch || '/' || number from decisions")
        .pop()
        .expect("a decision");
    site.identical(&id);
}
