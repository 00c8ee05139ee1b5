//! Datagrams stand alone: one that makes no sense, which anybody can forge, hides no other and
//! costs no flow what is known of it, however the input is cut and however it comes.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::process::{Command, Stdio};
use std::time::Duration;

use palisade_tests::root;
use serde_json::Value;

use crate::recording::{Ends, Recording, Said, Side};
use crate::run::palisade;

use Side::{Client, Server};

const DNS: u16 = 53;
const COAP: u16 = 5_683;
const DTLS: u16 = 5_684;

/// Datagrams of many flows in one capture.
struct Traffic(Recording);

impl Traffic {
    fn new() -> Traffic {
        Traffic(Recording::new(1_750_000_000))
    }

    /// A datagram of the `number`th flow to a port.
    fn datagram(&mut self, number: u16, port: u16, side: Side, bytes: &[u8]) {
        let end = |host, port| SocketAddrV4::new(Ipv4Addr::new(10, 4, 0, host), port);
        let ends = Ends(end(1, 20_000 + number), end(2, port));
        self.0.udp(ends, &[(side, bytes)]);
    }

    fn flow(&mut self, number: u16, port: u16, said: &[Said]) {
        for (side, bytes) in said {
            self.datagram(number, port, *side, bytes);
        }
    }
}

/// How a capture is run: with options, and through a pipe by so many bytes at a time.
type Form = (&'static [&'static str], Option<usize>);

const FORMS: [Form; 12] = [
    (&[], None),
    (&["--epoch", "1"], None),
    (&["--epoch", "2"], None),
    (&["--epoch", "3"], None),
    (&["--epoch", "5"], None),
    (&["--epoch", "7", "--workers", "5"], None),
    (&["--workers", "1"], None),
    (&["--workers", "2", "--batch-rows", "1"], None),
    (&["--workers", "5"], None),
    (&["--fresh-instances"], None),
    (&[], Some(usize::MAX)),
    (&["--epoch", "3"], Some(400)),
];

/// What came of a capture.
struct Outcome {
    events: Vec<Value>,
    summary: Value,
    stderr: String,
}

impl Outcome {
    /// What parsers made of it.
    fn parsed(&self) -> Vec<&Value> {
        let parsed = |event: &&Value| event["kind"] != "network.flow";
        self.events.iter().filter(parsed).collect()
    }

    /// The same without what depends on where in the capture it stands.
    fn said(&self) -> Vec<Value> {
        let mut events: Vec<Value> = self.parsed().into_iter().cloned().collect();
        for event in &mut events {
            let fields = event.as_object_mut().expect("an object");
            // Where it stands is part of a flow's id, too.
            fields
                .retain(|name, _| !["time", "ingest_time", "seq", "flow"].contains(&name.as_str()));
        }
        events
    }
}

/// Runs a capture in one form. Nothing where the program is not built.
fn outcome(traffic: &Traffic, (options, pipe): Form) -> Option<Outcome> {
    let (program, plugins) = palisade()?;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    traffic.0.write(&path("input.pcap"));
    let mut command = Command::new(program);
    command
        .args(["--format", "ndjson", "run", "--plugins"])
        .arg(plugins.join("iot-protocols"))
        .arg("--events")
        .arg(path("events.ndjson"))
        .arg("--summary")
        .arg(path("summary.json"))
        .args(options)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let output = match pipe {
        None => command.arg(path("input.pcap")).output(),
        Some(size) => {
            let bytes = std::fs::read(path("input.pcap")).expect("the capture was written");
            let mut child = command
                .arg("-")
                .stdin(Stdio::piped())
                .spawn()
                .expect("palisade runs");
            let mut input = child.stdin.take().expect("a pipe");
            // What it prints is little, so nobody waits for the other.
            for piece in bytes.chunks(size.min(bytes.len())) {
                input.write_all(piece).expect("the pipe is open");
                std::thread::sleep(Duration::from_millis(7));
            }
            drop(input);
            child.wait_with_output()
        }
    };
    let output = output.expect("palisade runs");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{stderr}");
    let text = |name: &str| std::fs::read_to_string(path(name)).expect("it was written");
    let json = |line: &str| serde_json::from_str(line).expect("JSON");
    let summary: Value = json(&text("summary.json"));
    assert_eq!(summary["faults"], 0, "{stderr}");
    let event = |line: &str| {
        let mut event = json(line);
        // The file's name, which is another each time.
        event.as_object_mut().expect("an object").remove("source");
        event
    };
    let mut events: Vec<Value> = text("events.ndjson").lines().map(event).collect();
    // They are written batch by batch; their numbers say in what order they come.
    events.sort_by_key(|event| event["seq"].as_u64());
    Some(Outcome {
        events,
        summary,
        stderr,
    })
}

/// What comes of a capture, which is the same in every form.
fn in_all_forms(traffic: &Traffic) -> Option<Outcome> {
    let whole = outcome(traffic, FORMS[0])?;
    for form in &FORMS[1..] {
        let other = outcome(traffic, *form)?;
        assert_eq!(other.events.len(), whole.events.len(), "{form:?}");
        for (found, expected) in other.events.iter().zip(&whole.events) {
            assert_eq!(found, expected, "{form:?}");
        }
        for count in ["bad_datagrams", "unparsed"] {
            assert_eq!(other.summary[count], whole.summary[count], "{form:?}");
        }
        assert_eq!(notices(&other.stderr), notices(&whole.stderr), "{form:?}");
    }
    Some(whole)
}

fn notices(stderr: &str) -> Vec<&str> {
    let told = |line: &&str| line.contains("passes over a datagram");
    stderr.lines().filter(told).collect()
}

fn name(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for label in text.split('.') {
        out.push(label.len() as u8);
        out.extend(label.bytes());
    }
    out.push(0);
    out
}

fn query(id: u16, asked: &str) -> Vec<u8> {
    let mut out = id.to_be_bytes().to_vec();
    out.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    out.extend(name(asked));
    out.extend([0, 1, 0, 1]);
    out
}

fn answer(id: u16, asked: &str) -> Vec<u8> {
    let mut out = query(id, asked);
    (out[2], out[3], out[7]) = (0x81, 0x80, 1);
    out.extend([
        0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 203, 0, 113, id as u8,
    ]);
    out
}

/// A GET of CoAP with a token of one byte, and its answer.
fn get(number: u8, path: &str) -> Vec<u8> {
    let mut out = vec![0x41, 1, 0, number, number, 0xb0 | path.len() as u8];
    out.extend(path.bytes());
    out
}

fn content(number: u8) -> Vec<u8> {
    vec![0x61, 0x45, 0, number, number, 0xff, b'x']
}

/// A handshake of OpenSSL that was recorded for the tests of the TLS parser.
fn handshake(file: &str) -> Vec<Said> {
    let path = root().join("plugins/iot-protocols/parsers/tls/tests/handshakes");
    let text = std::fs::read_to_string(path.join(file)).expect("the handshake can be read");
    let said = |line: &str| {
        let (mark, digits) = line.split_once(' ').expect("a mark and bytes");
        let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex digits");
        let bytes = (0..digits.len() / 2).map(|at| byte(at * 2)).collect();
        (if mark == ">" { Client } else { Server }, bytes)
    };
    text.lines().map(said).collect()
}

#[test]
fn one_bad_datagram_hides_no_other() {
    let (client, server) = (|bytes| (Client, bytes), |bytes| (Server, bytes));
    let stray = b"\0\x01stray".to_vec();
    let mut traffic = Traffic::new();
    traffic.flow(
        1,
        DNS,
        &[
            client(query(1, "one.example")),
            client(stray.clone()),
            server(answer(1, "one.example")),
            client(query(2, "two.example")),
            server(answer(2, "two.example")),
        ],
    );
    traffic.flow(
        2,
        COAP,
        &[
            client(get(1, "one")),
            client(vec![0x40]),
            server(content(1)),
            client(get(2, "two")),
        ],
    );
    traffic.flow(
        3,
        DNS,
        &[
            client(query(3, "three.example")),
            server(answer(3, "three.example")),
            server(stray.clone()),
            client(stray),
            client(query(4, "four.example")),
            server(answer(4, "four.example")),
        ],
    );
    let Some(outcome) = in_all_forms(&traffic) else {
        return;
    };
    let parsed = outcome.parsed();
    let texts = |event: &Value| {
        let text = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
        ["qname", "rcode", "operation", "status"]
            .map(text)
            .join(" ")
    };
    assert_eq!(
        parsed.into_iter().map(texts).collect::<Vec<_>>(),
        [
            "one.example NOERROR  ",
            "two.example NOERROR  ",
            "  get ",
            "  get 2.05",
            "  get ",
            "three.example NOERROR  ",
            "four.example NOERROR  ",
        ]
    );
    assert_eq!(outcome.summary["bad_datagrams"], 4);
    assert_eq!(outcome.summary["unparsed"], 0);
    // One of each flow is told.
    assert_eq!(notices(&outcome.stderr).len(), 3, "{}", outcome.stderr);
    let protocol = |event: &&Value| event["phase"] == "end";
    let ended: Vec<_> = outcome.events.iter().filter(protocol).collect();
    assert_eq!(ended.len(), 3);
    assert!(ended.iter().all(|event| event["app_proto"].is_string()));
}

/// A record of DTLS 1.2, with a connection id if there is one.
fn record(kind: u8, epoch: u8, id: &[u8], content: &[u8]) -> Vec<u8> {
    let mut out = vec![kind, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 0];
    out.extend(id);
    out.extend((content.len() as u16).to_be_bytes());
    out.extend(content);
    out
}

/// A hello with an extension that asks to be written to with `id`.
fn hello(kind: u8, id: &[u8]) -> Vec<u8> {
    let mut body = vec![0xfe, 0xfd];
    body.extend([7; 32]);
    body.push(0);
    match kind {
        1 => body.extend([0, 0, 2, 0xc0, 0xa8, 1, 0]),
        _ => body.extend([0xc0, 0xa8, 0]),
    }
    let length = id.len() as u8;
    body.extend([0, 5 + length, 0, 54, 0, 1 + length, length]);
    body.extend(id);
    let length = [0, 0, body.len() as u8];
    let mut content = vec![kind];
    content.extend(length);
    content.extend([0; 5]);
    content.extend(length);
    content.extend(body);
    record(22, 0, &[], &content)
}

#[test]
fn an_association_with_a_connection_id_is_established() {
    let id = b"\x24\x59\x92\xd7\x9d\x89";
    let sealed = [0x5a; 50];
    let change = record(20, 0, &[], &[1]);
    let handshake = [
        (Client, hello(1, &[])),
        (Server, hello(2, id)),
        (
            Client,
            [change.clone(), record(25, 1, id, &sealed)].concat(),
        ),
        (Server, [change, record(22, 1, &[], &sealed)].concat()),
        (Client, record(25, 1, id, &sealed)),
        (Server, record(23, 1, &[], &sealed)),
    ];
    let mut traffic = Traffic::new();
    traffic.flow(1, DTLS, &handshake);
    // From another address, and heard from one side alone.
    traffic.flow(2, DTLS, &handshake[4..]);
    traffic.flow(3, 40_000, &handshake[4..5]);
    let Some(outcome) = in_all_forms(&traffic) else {
        return;
    };
    let [event] = &outcome.parsed()[..] else {
        panic!("{:?}", outcome.events)
    };
    for (field, value) in [
        ("version", Value::from("DTLS1.2")),
        ("cipher", Value::from("TLS_PSK_WITH_AES_128_CCM_8")),
        ("established", Value::from(true)),
    ] {
        assert_eq!(event[field], value, "{event}");
    }
    let ended = outcome.events.iter().filter(|e| e["phase"] == "end");
    let protocols: Vec<_> = ended.map(|event| &event["app_proto"]).collect();
    assert_eq!(protocols, ["tls"; 3]);
    assert_eq!(outcome.summary["bad_datagrams"], 0);
    assert_eq!(notices(&outcome.stderr).len(), 0);
}

/// Numbers that look like chance and are the same every time.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % bound.max(1) as u64) as usize
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.below(256) as u8).collect()
    }

    /// A datagram that makes no sense in the protocol of `port`; what is sound there is `sound`.
    fn junk(&mut self, port: u16, sound: &[u8]) -> Vec<u8> {
        let length = 1 + self.below(90);
        let mut bytes = self.bytes(length);
        match (port, self.below(4)) {
            // No header, or a question that is cut off or never ends.
            (DNS, 0) => bytes.truncate(11),
            (DNS, 1) => bytes = sound[..13 + self.below(4)].to_vec(),
            (DNS, _) => {
                let flags = [0x01, 0x81][self.below(2)];
                bytes = vec![
                    sound[0], sound[1], flags, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12,
                ];
            }
            // Another version, a token that is too long, no whole header, a marker alone.
            (COAP, 0) => bytes[0] = bytes[0] & 0x3f | [0, 0x80, 0xc0][self.below(3)],
            (COAP, 1) => bytes[0] = 0x49 + self.below(7) as u8,
            (COAP, 2) => bytes = sound[..1 + self.below(3)].to_vec(),
            (COAP, _) => bytes = vec![0x60, 0x45, 0, 1, 0xff],
            // Another type, another version, a record that is cut off or that says more.
            (_, 0) => bytes = [vec![27 + self.below(5) as u8], bytes].concat(),
            (_, 1) => bytes = [vec![20 + self.below(7) as u8, 3, 3], bytes].concat(),
            (_, 2) => bytes = sound[..1 + self.below(sound.len().min(60) - 1)].to_vec(),
            _ => {
                bytes = sound.to_vec();
                bytes[11] = 0xff;
            }
        }
        bytes
    }
}

/// Conversations that make sense: the port, and what is said.
fn conversations() -> Vec<(u16, Vec<Said>)> {
    let mut out = Vec::new();
    for flow in 0..3_u8 {
        let mut lookups = Vec::new();
        let mut exchanges = Vec::new();
        for number in 1..6 {
            let asked = format!("n{number}.f{flow}.example");
            // The third of each is not answered, and the fifth is asked twice.
            lookups.push((Client, query(number.into(), &asked)));
            exchanges.push((Client, get(number, "temp")));
            if number == 5 {
                lookups.push((Client, query(number.into(), &asked)));
            }
            if number != 3 {
                lookups.push((Server, answer(number.into(), &asked)));
                exchanges.push((Server, content(number)));
            }
        }
        out.push((DNS, lookups));
        out.push((COAP, exchanges));
    }
    for file in ["dtls12.hex", "dtls12-fragments.hex", "dtls10.hex"] {
        out.push((DTLS, handshake(file)));
    }
    out
}

#[test]
fn junk_between_sound_datagrams_changes_nothing() {
    let conversations = conversations();
    let mut clean: Option<Vec<Value>> = None;
    for seed in 0..9 {
        let mut random = Random(seed);
        let mut order = Random(41);
        let mut traffic = Traffic::new();
        let mut next = vec![0; conversations.len()];
        let mut junk = 0;
        // Always in the same order, with ever other junk between; none at first.
        while let Some(flow) = {
            let open: Vec<usize> = (0..next.len())
                .filter(|flow| next[*flow] < conversations[*flow].1.len())
                .collect();
            (!open.is_empty()).then(|| open[order.below(open.len())])
        } {
            let (port, said) = &conversations[flow];
            let (side, bytes) = &said[next[flow]];
            traffic.datagram(flow as u16, *port, *side, bytes);
            next[flow] += 1;
            // The last fragment of a handshake ends what is read of it.
            for _ in 0..if seed == 0 { 0 } else { random.below(4) } {
                let side = [Client, Server][random.below(2)];
                traffic.datagram(flow as u16, *port, side, &random.junk(*port, bytes));
                junk += 1;
            }
        }
        let outcome = if seed % 4 == 1 {
            in_all_forms(&traffic)
        } else {
            outcome(&traffic, FORMS[seed as usize % FORMS.len()])
        };
        let Some(outcome) = outcome else { return };
        let said = outcome.said();
        let Some(clean) = &clean else {
            assert_eq!(outcome.summary["bad_datagrams"], 0, "{}", outcome.stderr);
            assert_eq!(said.len(), 3 * (5 + 9) + 3);
            clean = Some(said);
            continue;
        };
        assert_eq!(
            outcome.summary["unparsed"], 0,
            "seed {seed}: {}",
            outcome.stderr
        );
        let bad = outcome.summary["bad_datagrams"].as_u64().expect("a count");
        assert!(bad > junk / 2 && bad <= junk, "{bad} of {junk}");
        for event in clean {
            assert!(said.contains(event), "seed {seed} hides {event}");
        }
        assert_eq!(said.len(), clean.len(), "seed {seed}");
    }
}

#[test]
fn who_forges_datagrams_does_not_fill_what_a_person_reads() {
    let mut traffic = Traffic::new();
    for flow in 0..100 {
        traffic.datagram(flow, DNS, Client, &query(1, "a.example"));
        for _ in 0..30 {
            traffic.datagram(flow, DNS, Server, b"junk");
        }
    }
    let Some(outcome) = in_all_forms(&traffic) else {
        return;
    };
    assert_eq!(outcome.summary["bad_datagrams"], 3_000);
    assert_eq!(outcome.parsed().len(), 100);
    assert_eq!(notices(&outcome.stderr).len(), 64);
}
