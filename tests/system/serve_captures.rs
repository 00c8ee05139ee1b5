//! `palisade serve` with captures that arrive in a directory: killed, swapped and cut short, it
//! finds what one run over the whole finds.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use palisade_tests::capture;
use serde_json::Value;

use crate::site::{Chance, PATIENCE, Site, stderr, stop};
use crate::snapshots::{export, same, snapshots, whole};
use crate::tap::{
    HEADER, Packet, at_once, datagram, directory, file, gzip, much_later, plugins, records,
};
use crate::watcher::watcher;

/// Captures of very different things, so that flows of all of them are open at a time.
const MANY: [&str; 6] = [
    "mqtt.pcap",
    "modbus.pcap",
    "http.pcap",
    "busy.pcap",
    "plant.pcap",
    "scan.pcap",
];

fn all() -> Vec<Packet> {
    let mut packets = at_once(&MANY);
    packets.push(much_later(&packets));
    packets
}

/// Lets packets arrive in captures of some packets each, of which some are compressed, and some
/// grow where they are; `between` is called after each.
fn deliver(
    site: &Site,
    packets: &[Packet],
    chance: &mut Chance,
    mut between: impl FnMut(&mut Chance),
) {
    let mut rest = packets;
    let mut number = 0;
    while !rest.is_empty() {
        let count = (1 + chance.below(90) as usize).min(rest.len());
        let (now, later) = rest.split_at(count);
        let (name, bytes) = (format!("{number:04}.pcap"), file(now));
        match number % 4 {
            1 => site.arrives(&format!("{name}.gz"), &gzip(&site.path("plain"), &bytes)),
            2 => {
                let path = site.path(&format!("in/{name}"));
                let mut growing = OpenOptions::new()
                    .append(true)
                    .create(true)
                    .open(path)
                    .expect("a capture");
                let (head, tail) = bytes.split_at(chance.below(bytes.len() as u64) as usize);
                growing.write_all(head).expect("it can be written");
                std::thread::sleep(Duration::from_millis(30));
                growing.write_all(tail).expect("it can be written");
            }
            _ => site.arrives(&name, &bytes),
        }
        rest = later;
        number += 1;
        between(chance);
    }
}

/// What one run finds in these packets.
fn expected(site: &Site, packets: &[Packet]) -> Vec<serde_json::Value> {
    let path = site.path("whole.pcap");
    std::fs::write(&path, file(packets)).expect("a capture");
    site.expected_of(&[path])
}

fn assert_found(site: &Site, expected: &[serde_json::Value]) {
    let found = site.findings();
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(found, expected, "finding {at}");
    }
    assert_eq!(found.len(), expected.len());
}

#[test]
fn nothing_is_lost_or_repeated_over_kills_while_captures_arrive() {
    // Segments go as soon as they may.
    let Some(site) = directory("", "keep_hours = 0\n[snapshot]\nevery_seconds = 1\n") else {
        return;
    };
    let (packets, mut chance) = (all(), Chance(3));
    let expected = expected(&site, &packets);
    assert!(expected.len() > 50, "{}", expected.len());
    let (mut server, mut since) = (Some(site.start()), Instant::now());
    let (mut lives, mut killed, mut resumed) = (Duration::from_millis(300), 0, 0);
    deliver(&site, &packets, &mut chance, |chance| {
        std::thread::sleep(Duration::from_millis(60));
        if since.elapsed() < lives {
            return;
        }
        if let Some(server) = server.take() {
            let output = stop(server, "-KILL");
            let told = stderr(&output);
            assert!(!told.contains("panicked"), "{told}");
            assert!(!told.contains("made something else be said"), "{told}");
            assert!(!told.contains("after a gap"), "{told}");
            resumed += u32::from(told.contains("took the snapshot after record"));
            killed += 1;
        }
        (server, since) = (Some(site.start()), Instant::now());
        lives = Duration::from_millis(100 + chance.below(3_000));
    });
    assert!(killed > 2 && resumed > 0, "{killed} {resumed}");
    site.wait_for(expected.len());
    site.wait_for_tap(|tap| tap["packets"].as_u64() > Some(0) && tap["drops"]["lost-flow"] == 0);
    let output = stop(server.take().expect("a server"), "-TERM");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_found(&site, &expected);
    // What was read is still there, and is not read again.
    let again = site.start();
    std::thread::sleep(Duration::from_millis(2_500));
    let output = stop(again, "-TERM");
    assert!(
        stderr(&output).contains("took the snapshot"),
        "{}",
        stderr(&output)
    );
    assert_found(&site, &expected);
}

#[test]
fn a_parser_is_swapped_while_captures_arrive() {
    let Some(site) = directory("", "[snapshot]\nevery_seconds = 1\n") else {
        return;
    };
    let version = |number: u8| -> PathBuf {
        let mqtt = crate::swaps::find(&plugins()[0], "mqtt.wasm").expect("the parser is built");
        let mut bytes = std::fs::read(mqtt).expect("a component");
        // A custom section, which nobody reads.
        bytes.extend([0, 9, 7]);
        bytes.extend(b"version");
        bytes.push(number);
        let path = site.path(&format!("mqtt-{number}.wasm"));
        std::fs::write(&path, bytes).expect("a component can be written");
        path
    };
    let versions = [version(1), version(2)];
    let (packets, mut chance) = (all(), Chance(9));
    let (mut server, mut at) = (Some(site.start()), 0);
    site.wait_until_ready();
    deliver(&site, &packets, &mut chance, |chance| {
        std::thread::sleep(Duration::from_millis(60));
        at += 1;
        if at % 12 == 6 {
            let version = versions[at / 12 % 2].display().to_string();
            let receipt = site.asked(&["swap", "--plugin", &version]);
            assert!(
                receipt["changes"][0]
                    .as_str()
                    .is_some_and(|c| c.contains("mqtt")),
                "{receipt}"
            );
        }
        if at % 25 == 24 {
            std::thread::sleep(Duration::from_millis(chance.below(1_500)));
            let output = stop(server.take().expect("a server"), "-KILL");
            let told = stderr(&output);
            assert!(!told.contains("made something else be said"), "{told}");
            server = Some(site.start());
            site.wait_until_ready();
        }
    });
    let count = packets.len() as u64;
    // All of them, whichever start read them: one hour later all flows but one have ended.
    site.wait_for_tap(|tap| tap["state"] == "reading" && tap["flows"] == 1);
    let status = site.asked(&["status"]);
    assert_eq!(status["faults"], 0, "{status}");
    assert!(status["generation"].as_u64() > Some(2), "{status}");
    assert!(status["events"].as_u64() > Some(count / 4), "{status}");
    let output = stop(server.take().expect("a server"), "-KILL");
    assert!(!stderr(&output).contains("panicked"), "{}", stderr(&output));
    // Flows of other parsers are found as if nothing had been swapped.
    let others = |findings: Vec<serde_json::Value>| -> Vec<String> {
        let found = crate::tap::gists(&findings);
        found
            .into_iter()
            .filter(|gist| !gist.to_lowercase().contains("mqtt"))
            .collect()
    };
    assert_eq!(others(site.findings()), others(expected(&site, &packets)));
    // From a snapshot, with flows taken again over swaps, it is what the whole journal makes.
    let (recovered, told) = export(&site, 2);
    assert!(told.contains("took the snapshot after record"), "{told}");
    same(&recovered, &whole(&site, 2));
}

#[test]
fn flows_that_began_too_long_ago_go_on_after_a_gap() {
    let more = "keep_hours = 0\n[snapshot]\nevery_seconds = 1\ncapture_bytes = 4194304\n";
    let Some(site) = directory("", more) else {
        return;
    };
    // One flow that is there all the time, and more of others than is taken again.
    let begin = 1_764_500_000_000_000;
    let mut packets = vec![datagram(begin, 1_000, 100)];
    for number in 0..5_000_u64 {
        packets.push(datagram(
            begin + number * 1_000,
            2_000 + number as u16,
            1_200,
        ));
    }
    let server = site.start();
    site.arrives("a.pcap", &file(&packets));
    site.wait_for_tap(|tap| tap["packets"] == 5_001);
    let before = snapshots(&site).last().cloned();
    // Another snapshot needs another record.
    site.arrives("b.pcap", &file(&[datagram(begin + 5_100_000, 1_000, 100)]));
    crate::snapshots::wait_for_another(&site, before.as_ref());
    stop(server, "-KILL");
    let server = site.start();
    site.wait_until_ready();
    let tap = site.wait_for_tap(|tap| tap["drops"]["lost-flow"].as_u64() > Some(0));
    assert!(tap["drops"]["lost-flow"].as_u64() < Some(5_000), "{tap}");
    // It goes on.
    site.arrives("c.pcap", &file(&[datagram(begin + 5_200_000, 1_000, 100)]));
    site.wait_for_tap(|tap| tap["packets"] == 1);
    let output = stop(server, "-TERM");
    let told = stderr(&output);
    assert!(
        told.contains("go on after a gap (snapshot.capture_bytes"),
        "{told}"
    );
    assert_eq!(output.status.code(), Some(0), "{told}");
}

#[test]
fn captures_of_their_own_end_with_their_flows_and_go_when_that_is_kept() {
    let options = "separate = true\nwhen_done = \"delete\"";
    let Some(site) = directory(options, "") else {
        return;
    };
    let names = [
        "mqtt.pcap",
        "link-pcapng.pcapng",
        "modbus.pcap",
        "link-nanoseconds.pcap",
        "http.pcap",
    ];
    let server = site.start();
    for name in names {
        let bytes = std::fs::read(capture(name)).expect("the capture");
        site.arrives(name, &bytes);
        site.wait_for_tap(|tap| tap["at"].as_str().is_some_and(|at| at.ends_with(name)));
    }
    let began = Instant::now();
    while std::fs::read_dir(site.path("in"))
        .expect("the directory")
        .count()
        > 0
    {
        assert!(began.elapsed() < PATIENCE, "captures are still there");
        std::thread::sleep(Duration::from_millis(50));
    }
    let tap = site.tap();
    assert_eq!(
        (&tap["files"], &tap["flows"]),
        (&5.into(), &0.into()),
        "{tap}"
    );
    let output = stop(server, "-TERM");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let captures: Vec<PathBuf> = names.iter().map(|name| capture(name)).collect();
    assert_found(&site, &site.expected_of(&captures));
}

#[test]
fn a_capture_that_grows_for_ever_holds_no_other_up() {
    let Some(site) = directory("", "") else {
        return;
    };
    let server = site.start();
    site.wait_until_ready();
    let mqtt = std::fs::read(capture("mqtt.pcap")).expect("the capture");
    site.arrives("a-slow.pcap", &mqtt[..24 + 16 + 4]);
    let is_read = |tap: &Value| {
        tap["at"]
            .as_str()
            .is_some_and(|at| at.ends_with("slow.pcap"))
    };
    site.wait_for_tap(is_read);
    site.arrives("b.pcap", &file(&at_once(&["modbus.pcap"])));
    let mut slow = OpenOptions::new()
        .append(true)
        .open(site.path("in/a-slow.pcap"))
        .expect("it is there");
    // A byte at a time of a packet that never ends, again and again within a second.
    let began = Instant::now();
    while site.tap()["offset"] != 122 {
        assert!(began.elapsed() < PATIENCE, "{}", site.tap());
        slow.write_all(b"x").expect("it can be written");
        std::thread::sleep(Duration::from_millis(300));
    }
    assert!(began.elapsed() > Duration::from_secs(2), "it waits a while");
    let output = stop(server, "-TERM");
    assert_eq!(output.status.code(), Some(0));
    let told = stderr(&output);
    assert!(told.contains("a-slow.pcap"), "{told}");
}

#[test]
fn what_is_no_whole_capture_is_told_and_the_next_is_read() {
    let Some(site) = directory("", "") else {
        return;
    };
    let mqtt = std::fs::read(capture("mqtt.pcap")).expect("the capture");
    // What is missing is told to plugins.
    let config = site.path("palisade.toml");
    let text = std::fs::read_to_string(&config).expect("the configuration");
    let plugins = format!("plugins = [\"{}\", ", watcher(&site));
    std::fs::write(&config, text.replace("plugins = [", &plugins)).expect("a configuration");
    let server = site.start();
    site.arrives("a-junk", b"no capture at all\n");
    site.arrives("b-empty.pcap", &HEADER);
    site.arrives("c-hollow.pcap", b"");
    // In the middle of a packet.
    site.arrives("d-cut.pcap", &mqtt[..mqtt.len() / 2]);
    let mut damaged = mqtt.clone();
    damaged[24 + 8..24 + 12].fill(0xff);
    site.arrives("e-damaged.pcap", &damaged);
    let squeezed = gzip(&site.path("plain"), &mqtt);
    site.arrives("f-cut.pcap.gz", &squeezed[..squeezed.len() / 2]);
    std::fs::write(site.path("in/g.pcap.part"), &mqtt).expect("a file");
    std::fs::create_dir(site.path("in/h.pcap")).expect("a folder");
    site.arrives("z.pcap", &file(&at_once(&["modbus.pcap"])));
    let tap = site.wait_for_tap(|tap| {
        tap["at"].as_str().is_some_and(|at| at.ends_with("z.pcap")) && tap["offset"] == 122
    });
    assert_eq!(tap["drops"]["broken-file"], 2, "{tap}");
    assert!(tap["drops"]["no-capture"].as_u64() >= Some(3), "{tap}");
    // The last grows, and what was read before does not count any more.
    let later = datagram(1_764_600_000_000_000, 50, 20);
    let mut last = OpenOptions::new()
        .append(true)
        .open(site.path("in/z.pcap"))
        .expect("it is there");
    last.write_all(&records(&[later]))
        .expect("it can be written");
    site.wait_for_tap(|tap| tap["offset"] == 123);
    let mut cut = OpenOptions::new()
        .append(true)
        .open(site.path("in/d-cut.pcap"))
        .expect("it is there");
    cut.write_all(&mqtt[mqtt.len() / 2..])
        .expect("it can be written");
    // A directory that vanishes is told, and read again when it is back.
    site.wait_for_tap(|tap| tap["drops"]["grown-file"] == 1);
    std::fs::rename(site.path("in"), site.path("away")).expect("it is renamed");
    site.wait_for_tap(|tap| tap["state"] == "down");
    std::fs::rename(site.path("away"), site.path("in")).expect("it is renamed");
    site.arrives("zz.pcap", &file(&[datagram(1_764_600_000_000_001, 51, 20)]));
    site.wait_for_tap(|tap| tap["at"].as_str().is_some_and(|at| at.ends_with("zz.pcap")));
    // All three are told to plugins: of one file that broke off, of one that is none, and of one
    // that grew.
    let gaps = |site: &Site| {
        let found = site.findings().into_iter();
        found
            .filter(|f| f["plugin"] == "watcher")
            .collect::<Vec<_>>()
    };
    let began = Instant::now();
    while gaps(&site).len() < 3 {
        assert!(began.elapsed() < PATIENCE, "{:?}", gaps(&site));
        std::thread::sleep(Duration::from_millis(50));
    }
    let output = stop(server, "-TERM");
    let told = stderr(&output);
    for says in [
        "a-junk` is none of the inputs",
        "b-empty.pcap: it holds no packet",
        "c-hollow.pcap` is empty",
        "d-cut.pcap: capture is cut off",
        "e-damaged.pcap: capture is damaged",
        "f-cut.pcap.gz: reading the capture failed",
        "d-cut.pcap has grown after it was read",
        "cannot read ",
    ] {
        assert!(told.contains(says), "no `{says}`: {told}");
    }
    assert_eq!(output.status.code(), Some(0), "{told}");
    let gaps = gaps(&site);
    assert!(
        gaps.iter().all(|gap| gap["summary"] == "source tap"),
        "{gaps:?}"
    );
}
