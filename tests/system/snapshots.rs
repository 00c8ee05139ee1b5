//! Snapshots of `palisade serve`: a server that is killed at any moment and goes on from one
//! remembers what the whole journal, done from its beginning, makes of it.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::order::event;
use crate::site::{Chance, PATIENCE, Site, last, lines, stderr, stop};

/// Snapshots as often as can be, and segments that are let go as soon as they may.
const OFTEN: &str = "[snapshot]\nevery_seconds = 1\n";

/// Adds to the configuration; whatever tables it begins come after those that are there.
fn configure(site: &Site, more: &str) {
    let path = site.path("palisade.toml");
    let text = std::fs::read_to_string(&path).expect("the configuration");
    std::fs::write(&path, text + more).expect("a configuration");
}

/// What the server of a site remembers, and what it told.
pub(crate) fn export(site: &Site, workers: u32) -> (String, String) {
    let path = site.path("palisade.toml");
    let text = std::fs::read_to_string(&path).expect("the configuration");
    let other = site.path("export.toml");
    let workers = format!("workers = {workers}");
    std::fs::write(&other, text.replace("workers = 2", &workers)).expect("a configuration");
    let output = Command::new(&site.program)
        .args(["state", "export", "--config"])
        .arg(other)
        .output()
        .expect("palisade runs");
    let stderr = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let text = String::from_utf8(output.stdout).expect("a text");
    (text, stderr)
}

pub(crate) fn snapshots(site: &Site) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(site.path("data/snapshots")) else {
        return Vec::new();
    };
    let paths = entries.flatten().map(|entry| entry.path());
    let mut paths: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "snapshot"))
        .collect();
    paths.sort();
    paths
}

/// Waits until there is a snapshot that was not there before.
pub(crate) fn wait_for_another(site: &Site, before: Option<&PathBuf>) {
    let began = Instant::now();
    while snapshots(site).last() == before {
        assert!(began.elapsed() < PATIENCE, "no other snapshot");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub(crate) fn same(a: &str, b: &str) {
    for (at, (a, b)) in a.lines().zip(b.lines()).enumerate() {
        assert_eq!(a, b, "line {at}");
    }
    assert_eq!(a.lines().count(), b.lines().count());
}

/// Without the snapshots everything is done again from the beginning.
pub(crate) fn whole(site: &Site, workers: u32) -> String {
    let (here, aside) = (site.path("data/snapshots"), site.path("aside"));
    std::fs::rename(&here, &aside).expect("snapshots are there");
    let (text, told) = export(site, workers);
    assert!(!told.contains("took the snapshot"), "{told}");
    std::fs::remove_dir_all(&here).expect("an empty folder");
    std::fs::rename(&aside, &here).expect("they are put back");
    text
}

#[test]
fn what_is_remembered_is_the_same_from_a_snapshot_and_from_the_whole_journal() {
    let Some(site) = Site::new(&["app.log", "dns.log"]) else {
        return;
    };
    configure(&site, OFTEN);
    let mut chance = Chance(23);
    let zeek = "#separator \\x09\n#path\tdns\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\t\
                id.resp_p\tquery\n#types\ttime\tstring\taddr\tport\taddr\tport\tstring\n";
    site.append("dns.log", zeek);
    let mut number = 0;
    let kills = std::env::var("PALISADE_KILLS")
        .ok()
        .and_then(|text| text.parse().ok());
    let kills: u64 = kills.unwrap_or(6);
    let (mut begun, mut timers) = (String::new(), false);
    for killed in 0..kills {
        let server = site.start();
        // Some time after a snapshot, or in the middle of the next.
        let (before, began) = (snapshots(&site).last().cloned(), Instant::now());
        let mut left = 20 + chance.below(150);
        while left > 0 {
            assert!(began.elapsed() < PATIENCE, "no other snapshot");
            left -= u64::from(snapshots(&site).last() != before.as_ref());
            let count = 1 + chance.below(60);
            let more = lines(&mut chance, number % 20_000, count);
            number += count;
            let (now, later) = more.split_at(more.len() - 1 - chance.below(40) as usize);
            site.append("app.log", &(begun.clone() + now));
            begun = later.to_owned();
            let row = format!(
                "{}.5\tC{number}\t10.0.0.{}\t53\t10.0.1.1\t53\tq{number}\n",
                1_748_772_000 + number / 10,
                1 + chance.below(9)
            );
            site.append("dns.log", &row);
            std::thread::sleep(Duration::from_millis(8));
        }
        let output = stop(server, "-KILL");
        let told = stderr(&output);
        assert!(!told.contains("panicked"), "{told}");
        assert!(!told.contains("made something else be said"), "{told}");
        if killed > 0 {
            assert!(told.contains("took the snapshot after record"), "{told}");
        }
        let (recovered, told) = export(&site, 2);
        assert!(told.contains("took the snapshot after record"), "{told}");
        timers |= recovered.contains("\"what\":\"timer\"");
        same(&recovered, &whole(&site, 2));
        if killed % 2 == 1 {
            // With other workers as well.
            same(&recovered, &export(&site, 3).0);
            same(&recovered, &whole(&site, 1));
        }
        if killed == 2 {
            site.append("app.log", &std::mem::take(&mut begun));
            let old = site.path("app.log.1");
            std::fs::rename(site.path("app.log"), old).expect("the log is there");
            std::fs::write(site.path("app.log"), "").expect("a log");
        }
    }
    assert!(timers, "no timer was ever pending");
    let server = site.start();
    site.append("app.log", &(begun + &last()));
    let at_end = |finding: &serde_json::Value| finding.to_string().contains("2025-06-01T10:59:00");
    let began = Instant::now();
    while !site.findings().iter().any(at_end) {
        assert!(began.elapsed() < PATIENCE, "the last event is not found");
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = stop(server, "-TERM");
    let told = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(!told.contains("made something else be said"), "{told}");
    // What was saved at a stop leaves nothing to be done again.
    let (recovered, told) = export(&site, 2);
    assert!(
        told.contains("did 0 records of the journal again"),
        "{told}"
    );
    same(&recovered, &whole(&site, 2));
}

#[test]
fn a_snapshot_that_is_damaged_is_told_and_the_one_before_is_taken() {
    let Some(site) = Site::new(&["app.log"]) else {
        return;
    };
    configure(&site, OFTEN);
    let server = site.start();
    let mut chance = Chance(5);
    for round in 0..3u64 {
        let before = snapshots(&site).last().cloned();
        site.append("app.log", &lines(&mut chance, round * 100, 100));
        wait_for_another(&site, before.as_ref());
    }
    stop(server, "-KILL");
    let kept = snapshots(&site);
    assert_eq!(kept.len(), 2, "{kept:?}");
    let (expected, _) = export(&site, 2);
    let newest = std::fs::read(&kept[1]).expect("a snapshot");
    let damage: [fn(&mut Vec<u8>); 5] = [
        |bytes| bytes[0] ^= 1,
        |bytes| bytes[9] ^= 1,
        |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        },
        |bytes| bytes.truncate(bytes.len() - 1),
        |bytes| bytes.clear(),
    ];
    for damage in damage {
        let mut bytes = newest.clone();
        damage(&mut bytes);
        std::fs::write(&kept[1], bytes).expect("it can be written");
        let (recovered, told) = export(&site, 2);
        assert!(told.contains("is passed over"), "{told}");
        assert!(told.contains("took the snapshot"), "{told}");
        same(&recovered, &expected);
    }
    // Whole, and none that Palisade writes: its digest is right, which is no secret.
    for hostile in hostile(&newest) {
        std::fs::write(&kept[1], hostile).expect("it can be written");
        let (recovered, told) = export(&site, 2);
        assert!(told.contains("is passed over"), "{told}");
        same(&recovered, &expected);
    }
    // Without any the journal is enough.
    std::fs::write(&kept[0], b"").expect("it can be written");
    let (recovered, told) = export(&site, 2);
    assert_eq!(told.matches("is passed over").count(), 2, "{told}");
    same(&recovered, &expected);
    // A journal that ends before what a snapshot stands for has lost something.
    std::fs::write(&kept[1], &newest).expect("it can be written");
    let journal = site.path("data/journal");
    std::fs::remove_dir_all(&journal).expect("the journal is there");
    for lost in ["-wal", "-shm", ""] {
        let _ = std::fs::remove_file(site.path(&format!("data/findings.sqlite{lost}")));
    }
    let output = site.command().output().expect("palisade runs");
    assert_eq!(output.status.code(), Some(2));
    let told = stderr(&output);
    assert!(told.contains("a part of the journal is lost"), "{told}");
}

/// Snapshots with the right digest that no server has written: pieces changed, cut or repeated.
fn hostile(snapshot: &[u8]) -> Vec<Vec<u8>> {
    let mut pieces: Vec<&[u8]> = Vec::new();
    let mut at = 16;
    loop {
        let length = u32::from_le_bytes(snapshot[at..at + 4].try_into().expect("four bytes"));
        if length == u32::MAX {
            break;
        }
        let end = at + 4 + length as usize;
        pieces.push(&snapshot[at + 4..end]);
        at = end;
    }
    let sealed = |pieces: &[Vec<u8>]| {
        let mut bytes = snapshot[..16].to_vec();
        for piece in pieces {
            bytes.extend_from_slice(&(piece.len() as u32).to_le_bytes());
            bytes.extend_from_slice(piece);
        }
        bytes.extend_from_slice(&u32::MAX.to_le_bytes());
        let digest = blake3::hash(&bytes);
        bytes.extend_from_slice(digest.as_bytes());
        bytes
    };
    let whole: Vec<Vec<u8>> = pieces.iter().map(|piece| piece.to_vec()).collect();
    let mut all = Vec::new();
    // No pieces; no head; the engine twice; tables twice.
    all.push(sealed(&[]));
    all.push(sealed(&whole[1..]));
    let mut twice = whole.clone();
    twice.push(whole[1].clone());
    all.push(sealed(&twice));
    let full = whole
        .iter()
        .position(|piece| piece[0] == 2 && piece.len() > 200);
    let full = full.expect("a table with keys");
    let mut twice = whole.clone();
    twice.push(whole[full].clone());
    all.push(sealed(&twice));
    // Each piece cut, or its lengths as large as can be.
    for number in 0..whole.len() {
        let mut cut = whole.clone();
        let half = cut[number].len() / 2;
        cut[number].truncate(half);
        all.push(sealed(&cut));
    }
    let mut long = whole.clone();
    long[full] = vec![0xff; 64];
    long[full][0] = 2;
    all.push(sealed(&long));
    all
}

#[test]
fn segments_go_once_two_snapshots_and_the_database_have_what_came_of_them() {
    let Some(site) = Site::new(&["app.log"]) else {
        return;
    };
    let config = site.path("palisade.toml");
    let text = std::fs::read_to_string(&config).expect("the configuration");
    let at_once = text.replace("[journal]\n", "[journal]\nkeep_hours = 0\n");
    std::fs::write(&config, at_once + OFTEN).expect("a configuration");
    let server = site.start();
    let first = site.path("data/journal/00000000000000000001.journal");
    let mut chance = Chance(9);
    let (mut whole, began, mut number) = (String::new(), Instant::now(), 0);
    while !first.exists() {
        assert!(began.elapsed() < PATIENCE, "there is no segment");
        std::thread::sleep(Duration::from_millis(20));
    }
    while first.exists() {
        assert!(
            began.elapsed() < PATIENCE,
            "the first segment is still there"
        );
        let more = lines(&mut chance, number % 20_000, 200);
        number += 200;
        site.append("app.log", &more);
        whole.push_str(&more);
        std::thread::sleep(Duration::from_millis(20));
    }
    stop(server, "-KILL");
    // What is left is enough.
    let server = site.start();
    site.append("app.log", &last());
    whole.push_str(&last());
    let expected = site.expected("app.log", &whole);
    site.wait_for(expected.len());
    let output = stop(server, "-TERM");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(site.findings(), expected);
    // And what is lost of it is not made up for.
    let database = site.path("data/findings.sqlite");
    let aside = site.path("findings.sqlite");
    std::fs::rename(&database, &aside).expect("the database");
    let output = site.command().output().expect("palisade runs");
    let told = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("restore the database"), "{told}");
    for more in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(site.path(&format!("data/findings.sqlite{more}")));
    }
    std::fs::rename(&aside, &database).expect("the database");
    for snapshot in snapshots(&site) {
        std::fs::write(snapshot, b"").expect("it can be written");
    }
    let output = site.command().output().expect("palisade runs");
    let told = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("a part of the state is lost"), "{told}");
}

#[test]
fn a_counter_counts_each_event_once_over_kills() {
    let Some(site) = Site::new(&["app.log"]) else {
        return;
    };
    configure(&site, OFTEN);
    // `divided` counts the events of each address within an hour; all are within one.
    let (mut counted, mut chance) = (0u64, Chance(77));
    for _ in 0..4 {
        let server = site.start();
        let began = Instant::now();
        let before = snapshots(&site).last().cloned();
        let mut left = 10 + chance.below(40);
        while left > 0 {
            assert!(began.elapsed() < PATIENCE, "no other snapshot");
            left -= u64::from(snapshots(&site).last() != before.as_ref());
            let count = 1 + chance.below(20);
            let text: String = (0..count).map(|_| event(counted, 1, "rest")).collect();
            counted += count;
            site.append("app.log", &text);
            std::thread::sleep(Duration::from_millis(10));
        }
        stop(server, "-KILL");
    }
    let server = site.start();
    site.append("app.log", &event(counted, 1, "find"));
    site.wait_for(2);
    stop(server, "-KILL");
    let (text, told) = export(&site, 2);
    assert!(told.contains("took the snapshot"), "{told}");
    let values: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let source = values.iter().find(|line| line["what"] == "source");
    assert_eq!(source.expect("a source")["next"], counted + 1);
    let rest = values.iter().find(|line| {
        let key = line["key"].as_str().unwrap_or_default();
        line["table"] == "count" && key.contains("72657374")
    });
    let value = &rest.expect("the counter")["value"];
    let entries = value["entries"].as_array().map(Vec::len);
    let amounts = value["buckets"].as_array().map(|buckets| {
        let amount = |bucket: &serde_json::Value| bucket[1].as_u64().expect("an amount");
        buckets.iter().map(amount).sum::<u64>()
    });
    assert_eq!(amounts.or(entries.map(|count| count as u64)), Some(counted));
}
