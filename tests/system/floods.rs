//! Floods of forged flows cost themselves: what innocent flows say is parsed all the same.

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::process::Command;

use palisade_pipeline::memory::Memory;
use serde_json::Value;

use crate::recording::{Ends, Recording, Side};
use crate::run::palisade;

/// More than all sessions of a parser on two workers.
const FORGED: u32 = 20_000;
const INNOCENT: u32 = 200;

/// A query for one name, or the answer that there is none.
fn message(asked: &str, answer: bool) -> Vec<u8> {
    let mut out = vec![0, 7, u8::from(answer) << 7 | 1, u8::from(answer) * 3];
    out.extend([0, 1, 0, 0, 0, 0, 0, 0]);
    for label in asked.split('.') {
        out.push(label.len() as u8);
        out.extend(label.bytes());
    }
    out.extend([0, 0, 1, 0, 1]);
    out
}

/// A flood of DNS flows, and behind it innocent ones, each with a name of its own.
fn capture(answered: bool) -> Recording {
    let mut recording = Recording::new(1_750_000_000);
    for number in 0..FORGED + INNOCENT {
        let innocent = number >= FORGED;
        let [_, _, high, low] = number.to_be_bytes();
        let client = Ipv4Addr::new(10, 7 + u8::from(innocent), high, low);
        let ends = Ends(
            SocketAddrV4::new(client, 30_000),
            SocketAddrV4::new(Ipv4Addr::new(10, 4, 0, 2), 53),
        );
        let asked = match innocent {
            true => format!("n{number}.innocent.example"),
            false => format!("n{number}.forged.example"),
        };
        recording.udp(ends, &[(Side::Client, message(&asked, false))]);
        if answered || innocent {
            recording.udp(ends, &[(Side::Server, message(&asked, true))]);
        }
    }
    recording
}

/// What a run of a capture came to.
struct Seen {
    events: String,
    summary: Value,
    stderr: String,
}

impl Seen {
    /// How many names or paths that end so were seen.
    fn of(&self, zone: &str) -> usize {
        let names = self.events.split('"').filter(|word| word.ends_with(zone));
        names.collect::<HashSet<_>>().len()
    }

    /// How many flows of clients whose addresses begin so were seen to start.
    fn started(&self, client: &str) -> usize {
        let of_client = |line: &&str| {
            let event: Value = serde_json::from_str(line).expect("JSON");
            let from = event["src"]["ip"].as_str().unwrap_or_default();
            event["phase"] == "start" && from.starts_with(client)
        };
        self.events.lines().filter(of_client).count()
    }
}

/// Runs a capture.
fn seen(recording: &Recording, workers: &str) -> Option<Seen> {
    let (program, plugins) = palisade()?;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    recording.write(&path("input.pcap"));
    let output = Command::new(program)
        .args(["run", "--workers", workers, "--plugins"])
        .arg(plugins.join("iot-protocols"))
        .arg("--events")
        .arg(path("events.ndjson"))
        .arg("--summary")
        .arg(path("summary.json"))
        .arg(path("input.pcap"))
        .output()
        .expect("palisade runs");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{stderr}");
    let text = |name: &str| std::fs::read_to_string(path(name)).expect("it was written");
    Some(Seen {
        events: text("events.ndjson"),
        summary: serde_json::from_str(&text("summary.json")).expect("JSON"),
        stderr,
    })
}

#[test]
fn forged_flows_do_not_blind_a_parser() {
    for answered in [false, true] {
        let recording = capture(answered);
        for workers in ["1", "2"] {
            let Some(seen) = seen(&recording, workers) else {
                return;
            };
            let [innocent, forged] =
                [".innocent.example", ".forged.example"].map(|zone| seen.of(zone));
            let summary = &seen.summary;
            let what = format!("answered: {answered}, {workers} workers: {summary}");
            assert_eq!(innocent, INNOCENT as usize, "{what}");
            // What ends early is said as well, answered or not.
            assert_eq!(forged, FORGED as usize, "{what}");
            assert_eq!(summary["faults"], 0, "{what}");
            assert_eq!(summary["unparsed"], 0, "{what}");
            assert!(summary["displaced"].as_u64() > Some(0), "{what}");
        }
    }
}

/// A client's flow to a server's port.
fn ends(network: u8, number: u32, port: u16) -> Ends {
    let [_, _, high, low] = number.to_be_bytes();
    let client = SocketAddrV4::new(Ipv4Addr::new(10, network, high, low), 30_000);
    Ends(client, SocketAddrV4::new(Ipv4Addr::new(10, 4, 0, 2), port))
}

/// A request for a path, and its answer.
fn asked(path: &str) -> [(Side, Vec<u8>); 2] {
    let request = format!("GET /{path} HTTP/1.1\r\nHost: h\r\n\r\n");
    let answer = b"HTTP/1.1 204 No Content\r\n\r\n".to_vec();
    [(Side::Client, request.into_bytes()), (Side::Server, answer)]
}

#[test]
fn connections_that_are_not_answered_do_not_blind_a_parser() {
    let mut recording = Recording::new(1_750_000_000);
    let path = |number: u32, zone: &str| asked(&format!("n{number}.{zone}.example"));
    let open = |number: u32| ends(9, number, 80);
    let before: Vec<_> = (0..INNOCENT)
        .map(|number| recording.tcp(open(number), &path(number, "before")))
        .collect();
    // Half of them do not even finish their request.
    for number in 0..FORGED {
        let [(side, mut request), _] = path(number, "forged");
        request.truncate(request.len() - number as usize % 2 * 4);
        recording.tcp(ends(7, number, 80), &[(side, request)]);
    }
    for number in 0..INNOCENT {
        recording.tcp(ends(8, number, 80), &path(number, "new"));
    }
    for (number, next) in (0..INNOCENT).zip(before) {
        recording.tcp_on(open(number), next, &path(number, "after"));
    }
    for workers in ["1", "2"] {
        let Some(seen) = seen(&recording, workers) else {
            return;
        };
        let summary = &seen.summary;
        for zone in ["before", "new", "after"] {
            let found = seen.of(&format!(".{zone}.example"));
            assert_eq!(found, INNOCENT as usize, "{zone}, {workers}: {summary}");
        }
        // What ends early is said as well, if it was whole.
        assert!(
            seen.of(".forged.example") >= FORGED as usize / 2,
            "{summary}"
        );
        assert_eq!(summary["faults"], 0, "{summary}");
        assert_eq!(summary["unparsed"], 0, "{summary}");
        assert!(summary["displaced"].as_u64() > Some(0), "{summary}");
    }
}

#[test]
fn more_flows_than_there_is_room_for_push_out_none_of_another_class() {
    let room = Memory::of(None, 2).max_flows() as u64;
    let flood = u32::try_from(room).expect("few") + 20_000;
    // So fast that nothing of it is over before there is no more room.
    let mut recording = Recording::dense(1_750_000_000, 10_000);
    let path = |number: u32, zone: &str| asked(&format!("n{number}.{zone}.example"));
    let open = |number: u32| ends(9, number, 80);
    let before: Vec<_> = (0..INNOCENT)
        .map(|number| recording.tcp(open(number), &path(number, "before")))
        .collect();
    for number in 0..flood {
        let [_, third, high, low] = number.to_be_bytes();
        let client = Ipv4Addr::new(10, 20 + third, high, low);
        let server = SocketAddrV4::new(Ipv4Addr::new(10, 4, 0, 2), 9_999);
        let datagram = [(Side::Client, b"?")];
        recording.udp(Ends(SocketAddrV4::new(client, 30_000), server), &datagram);
    }
    for (number, next) in (0..INNOCENT).zip(before) {
        recording.tcp_on(open(number), next, &path(number, "after"));
    }
    let Some(seen) = seen(&recording, "2") else {
        return;
    };
    let summary = &seen.summary;
    // What was open goes on; nothing of it began anew.
    assert_eq!(seen.started("10.9."), INNOCENT as usize, "{summary}");
    for zone in ["before", "after"] {
        let found = seen.of(&format!(".{zone}.example"));
        assert_eq!(found, INNOCENT as usize, "{zone}: {summary}");
    }
    // What had to make room is of the flood, to the flow, counted and told.
    let evicted = u64::from(flood) + u64::from(INNOCENT) - room;
    assert_eq!(summary["evicted"].as_u64(), Some(evicted), "{summary}");
    assert_eq!(seen.started("10.2"), flood as usize);
    let told = format!("flows ended early to make room for newer ones: {evicted}");
    assert!(seen.stderr.contains(&told), "{}", seen.stderr);
}

/// An answer in which one name stands 32 times and is written out once: it becomes an event of
/// many times its size.
fn talkative(asked: &str) -> Vec<u8> {
    let mut out = message(asked, true);
    (out[3], out[7]) = (0, 16);
    for _ in 0..16 {
        // The name of the question, CNAME, a minute, and the same name.
        out.extend([0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 2, 0xc0, 12]);
    }
    out
}

#[test]
fn new_flows_find_places_while_what_parsers_said_waits() {
    // As many as a parser has places on one worker, 64 in an instance. In the next epoch those of
    // two instances say more than may be held, and one of each other instance has something to say.
    const INSTANCE: u32 = 64;
    const SEATED: u32 = 64 * INSTANCE;
    const ROUNDS: u32 = 36;
    // More pieces of each new flow than are held until it is recognised.
    const PIECES: u32 = 17;
    let long = ["l".repeat(60), "o".repeat(60), "n".repeat(60)].join(".");
    let mut recording = Recording::new(1_750_000_000);
    let client = |network, number| ends(network, number, 53);
    let forged = |number: u32| format!("n{number}.{long}.forged.example");
    let asks = |number: u32| [(Side::Client, message(&forged(number), false))];
    for number in 0..SEATED {
        recording.udp(client(7, number), &asks(number));
    }
    // To the end of the epoch one flow that is seated asks on.
    for _ in SEATED..16_384 {
        recording.udp(client(7, 0), &[(Side::Client, message("x.example", false))]);
    }
    for number in (0..ROUNDS).flat_map(|_| 0..2 * INSTANCE) {
        let answer = talkative(&forged(number));
        recording.udp(client(7, number), &asks(number));
        recording.udp(client(7, number), &[(Side::Server, answer)]);
    }
    for number in (2 * INSTANCE..SEATED).step_by(INSTANCE as usize) {
        recording.udp(client(7, number), &asks(number));
    }
    for number in 0..INNOCENT {
        for piece in 0..PIECES {
            let asked = format!("n{number}.p{piece}.innocent.example");
            recording.udp(client(8, number), &[(Side::Client, message(&asked, false))]);
        }
    }
    for workers in ["1", "2"] {
        let Some(seen) = seen(&recording, workers) else {
            return;
        };
        let summary = &seen.summary;
        let what = format!("{workers} workers: {summary}");
        let innocent = seen.of(".innocent.example") as u32;
        assert_eq!(innocent, INNOCENT * PIECES, "{what}");
        assert_eq!(summary["faults"], 0, "{what}");
        assert_eq!(summary["unparsed"], 0, "{what}");
        // It came about as it was meant to.
        assert!(summary["displaced"].as_u64() > Some(0), "{what}");
        assert!(summary["cuts"].as_u64() > Some(0), "{what}");
    }
}

#[test]
fn a_parser_is_given_no_more_than_a_mebibyte_in_a_call() {
    let mut recording = Recording::new(1_750_000_000);
    // All of it is there before the epoch ends.
    let (part, parts) = (vec![b'x'; 60_000], 140);
    let head = format!(
        "POST /n1.whole.example HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n",
        part.len() * parts
    );
    let body = std::iter::repeat_n((Side::Client, part.clone()), parts);
    let said: Vec<_> = [(Side::Client, head.into_bytes())]
        .into_iter()
        .chain(body)
        .collect();
    recording.tcp(ends(9, 1, 80), &said);
    let Some(seen) = seen(&recording, "1") else {
        return;
    };
    assert_eq!(seen.of(".whole.example"), 1, "{}", seen.summary);
    let plugins = seen.summary["plugins"].as_array().expect("a list");
    let http = plugins
        .iter()
        .find(|plugin| plugin["name"] == "http")
        .expect("HTTP");
    let least = (part.len() * parts) as u64 >> 20;
    assert!(http["calls"].as_u64() > Some(least), "{http}");
}
