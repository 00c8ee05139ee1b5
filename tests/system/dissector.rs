//! What `palisade run` makes of every capture, beside what tshark makes of it: as many
//! messages, each at the same time and with the same identifiers. Where the two differ,
//! [`DIFFERENCES`] says by how many and why.

use std::collections::BTreeMap;
use std::path::Path;

use palisade_tests::{Row, Tshark, captures, root, sample};

use crate::events::{Event, events};
use crate::run::files;

/// Ports that tshark does not know by itself. It has nothing but ports to go by.
const PORTS: &[(&str, &[&str])] = &[
    ("coap.pcap", &["udp.port==5699,coap"]),
    ("coap-on-dtls-port.pcap", &["udp.port==5684,coap"]),
    ("dtls-on-coap-port.pcap", &["udp.port==5683,dtls"]),
    ("http-on-443.pcap", &["tcp.port==443,http"]),
    ("mqtt.pcap", &["tcp.port==1884,mqtt"]),
    ("mqtt-on-tls-port.pcap", &["tcp.port==8883,mqtt"]),
    ("plant.pcap", &["udp.port==5684,coap", "tcp.port==80,tls"]),
    ("tls-on-80.pcap", &["tcp.port==80,tls"]),
];

/// Capture, protocol, messages that only Palisade has, messages that only tshark has, why.
/// Each was looked into with tshark, frame by frame.
type Difference = (&'static str, &'static str, usize, usize, &'static str);

const DIFFERENCES: &[Difference] = &[
    (
        "http.pcap",
        "http",
        0,
        1,
        "400 answers `junk`, at which the HTTP parser stops: it is no request",
    ),
    (
        "link-snaplen.pcap",
        "http",
        0,
        1,
        "packets are cut at 100 bytes, and no head is whole",
    ),
    (
        "link-snaplen.pcap",
        "http requests",
        0,
        1,
        "packets are cut at 100 bytes, and no head is whole",
    ),
    (
        "midstream.pcap",
        "http",
        0,
        1,
        "the capture begins within the head of a request, and the parser stops there",
    ),
    (
        "mqtt.pcap",
        "mqtt",
        1,
        1,
        "a PUBLISH of 20,017 bytes counts once the parser has the first 4 KiB of it, for tshark \
         when the last segment is there",
    ),
    (
        "tls-weak.pcap",
        "http",
        0,
        3,
        "these are within TLS without encryption, which tshark reads through",
    ),
    (
        "tls-weak.pcap",
        "http requests",
        0,
        3,
        "these are within TLS without encryption, which tshark reads through",
    ),
    (
        "zeek/modbus/modbusBig.pcap",
        "modbus",
        1,
        0,
        "frame 3150: frame 3149 acknowledges it before it comes, so tshark takes it for sent \
         twice and does not look into it",
    ),
    (
        "zeek/modbus/fuzz-1011.pcap",
        "modbus",
        1,
        1,
        "frame 3 is ahead of a gap that nothing fills: it waits for 30 s, and counts then",
    ),
    (
        "zeek/modbus/fuzz-72.pcap",
        "modbus",
        0,
        15,
        "sequence numbers are damaged: tshark takes each segment by itself, whatever its \
         place; behind a gap the parser believes only functions that there are",
    ),
    (
        "zeek/http/bro.org.pcap",
        "http",
        3,
        0,
        "frames 218, 236 and 243 each begin with a status line; tshark, which leaves bodies in \
         pieces here, takes them for parts of the body before",
    ),
    (
        "zeek/dns/conn-count-too-large.pcap",
        "dns unanswered",
        0,
        1,
        "the query counts more questions than fit a packet: no DNS by its bytes",
    ),
    (
        "zeek/dns/dns-invalid-names.pcap",
        "dns unanswered",
        0,
        3,
        "names that loop or are cut off: no DNS by its bytes",
    ),
    (
        "zeek/dns/loc-29-trunc.pcap",
        "dns unanswered",
        1,
        0,
        "query and response are in VLANs of their own, and so flows of their own",
    ),
    (
        "zeek/dns/sshfp-trunc.pcap",
        "dns unanswered",
        2,
        0,
        "query and response are in VLANs of their own, and so flows of their own",
    ),
];

/// Fields of a frame, one tshark run for all protocols.
const FIELDS: [&str; 20] = [
    "frame.time_epoch",
    "tcp.stream",
    "udp.stream",
    "tcp.srcport",
    "udp.srcport",
    "udp.dstport",
    "mbtcp.trans_id",
    "mbtcp.unit_id",
    "mqtt.msgtype",
    "coap.code",
    "coap.mid",
    "dns.flags.response",
    "dns.id",
    "dns.count.queries",
    "http.request.method",
    "http.response.code",
    "tls.handshake.type",
    "tls.handshake.extensions_server_name",
    "dtls.handshake.type",
    "dtls.handshake.extensions_server_name",
];

const MQTT: [&str; 16] = [
    "reserved",
    "connect",
    "connack",
    "publish",
    "puback",
    "pubrec",
    "pubrel",
    "pubcomp",
    "subscribe",
    "suback",
    "unsubscribe",
    "unsuback",
    "pingreq",
    "pingresp",
    "disconnect",
    "auth",
];

/// Messages of each protocol, each with how often it is there.
type Messages = BTreeMap<&'static str, BTreeMap<String, usize>>;

fn add(messages: &mut Messages, protocol: &'static str, message: String) {
    let of_protocol = messages.entry(protocol).or_default();
    *of_protocol.entry(message).or_default() += 1;
}

fn ours(events: &[Event]) -> Messages {
    let mut messages = Messages::new();
    for event in events {
        let time = event.time();
        let (protocol, message) = match (event.text("kind"), event.text("protocol")) {
            ("device.message", "modbus") => {
                let [transaction, unit] =
                    ["modbus.transaction", "modbus.unit"].map(|name| event.attribute(name));
                ("modbus", format!("{time} {transaction} {unit}"))
            }
            ("device.message", "mqtt") => ("mqtt", format!("{time} {}", event.text("operation"))),
            ("device.message", "coap") => {
                let [code, id] = ["coap.code", "coap.message-id"].map(|name| event.attribute(name));
                ("coap", format!("{time} {code} {id}"))
            }
            ("network.dns", _) => match event.0.get("rcode") {
                Some(_) => ("dns", format!("{time}")),
                None => ("dns unanswered", String::new()),
            },
            ("network.http", _) => {
                let method = event.text("http_method");
                add(&mut messages, "http requests", method.to_owned());
                match event.0["status"].as_u64() {
                    Some(status) => ("http", format!("{time} {status}")),
                    None => continue,
                }
            }
            ("network.tls", _) => {
                let protocol = if event.0["dtls"] == true {
                    "dtls"
                } else {
                    "tls"
                };
                let port = &event.0["src"]["port"];
                (protocol, format!("{port} {}", event.text("sni")))
            }
            _ => continue,
        };
        add(&mut messages, protocol, message);
    }
    messages
}

/// A field of a row, by its name; each value that it has there.
fn field<'a>(row: &'a Row, name: &str) -> &'a [String] {
    let place = FIELDS.iter().position(|field| *field == name);
    place
        .and_then(|place| row.get(place))
        .map_or(&[], Vec::as_slice)
}

fn first<'a>(row: &'a Row, name: &str) -> &'a str {
    field(row, name).first().map_or("", String::as_str)
}

fn theirs(rows: &[Row]) -> Messages {
    let mut messages = Messages::new();
    let mut asked: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut greeted: BTreeMap<(&str, String), String> = BTreeMap::new();
    for row in rows {
        let time = nanoseconds(first(row, "frame.time_epoch"));
        let units = field(row, "mbtcp.unit_id").iter();
        for (transaction, unit) in field(row, "mbtcp.trans_id").iter().zip(units) {
            add(
                &mut messages,
                "modbus",
                format!("{time} {transaction} {unit}"),
            );
        }
        for kind in field(row, "mqtt.msgtype") {
            let name = kind.parse().ok().and_then(|kind: usize| MQTT.get(kind));
            add(
                &mut messages,
                "mqtt",
                format!("{time} {}", name.unwrap_or(&"?")),
            );
        }
        for (number, code) in field(row, "coap.code").iter().enumerate() {
            let id = field(row, "coap.mid").get(number).cloned();
            let code = code.parse::<u8>().unwrap_or(u8::MAX);
            let code = format!("{}.{:02}", code >> 5, code & 31);
            let message = format!("{time} {code} {}", id.unwrap_or_default());
            add(&mut messages, "coap", message);
        }
        dns(row, &time, &mut messages, &mut asked);
        for method in field(row, "http.request.method") {
            add(&mut messages, "http requests", method.clone());
        }
        for status in field(row, "http.response.code") {
            // An answer that announces another is none of its own.
            if !status.starts_with('1') || status == "101" {
                add(&mut messages, "http", format!("{time} {status}"));
            }
        }
        for (protocol, stream, port) in [
            ("tls", "tcp.stream", "tcp.srcport"),
            ("dtls", "udp.stream", "udp.srcport"),
        ] {
            let hello = field(row, &format!("{protocol}.handshake.type")).iter();
            if hello.into_iter().any(|kind| kind == "1") {
                let name = first(row, &format!("{protocol}.handshake.extensions_server_name"));
                let said = format!("{} {name}", first(row, port));
                // A second hello of a handshake is none of its own.
                greeted.insert((protocol, first(row, stream).to_owned()), said);
            }
        }
    }
    for ((protocol, _), said) in greeted {
        add(&mut messages, protocol, said);
    }
    let unanswered = asked.into_values().sum();
    if unanswered > 0 {
        let of_protocol = messages.entry("dns unanswered").or_default();
        of_protocol.insert(String::new(), unanswered);
    }
    messages
}

/// Queries count when nothing answers them; in multicast DNS every question does.
fn dns(
    row: &Row,
    time: &str,
    messages: &mut Messages,
    asked: &mut BTreeMap<(String, String), usize>,
) {
    let streams = ["tcp.stream", "udp.stream"].map(|name| first(row, name));
    let multicast = first(row, "udp.dstport") == "5353";
    let ids = field(row, "dns.id").iter();
    let counts = field(row, "dns.count.queries");
    let responses = field(row, "dns.flags.response").iter();
    for (number, (response, id)) in responses.zip(ids).enumerate() {
        let transaction = (streams.join("/"), id.clone());
        let questions = counts.get(number).and_then(|count| count.parse().ok());
        let questions: usize = questions.unwrap_or(0);
        if multicast && response == "0" {
            *asked
                .entry(("multicast".into(), String::new()))
                .or_default() += questions;
        } else if response == "0" {
            *asked.entry(transaction).or_default() += 1;
        } else {
            add(messages, "dns", time.to_owned());
            if let Some(open) = asked.get_mut(&transaction) {
                *open = open.saturating_sub(1);
            }
        }
    }
}

/// Seconds with nine digits behind the point, as tshark writes them, in nanoseconds.
fn nanoseconds(seconds: &str) -> String {
    seconds.replace('.', "")
}

/// How many messages the first has that the second has not.
fn more(a: &BTreeMap<String, usize>, b: &BTreeMap<String, usize>) -> usize {
    a.iter()
        .map(|(message, count)| count.saturating_sub(b.get(message).copied().unwrap_or(0)))
        .sum()
}

fn name_of(path: &Path) -> String {
    let shared = root().join("../shared/data/pcap");
    let captures = root().join("tests/captures");
    let name = path.strip_prefix(shared).or(path.strip_prefix(captures));
    name.unwrap_or(path).display().to_string()
}

#[test]
fn messages_and_times_agree_with_an_independent_dissector() {
    let mut all = captures();
    for path in sample() {
        match path.is_dir() {
            true => files(&path, &mut all),
            false => all.push(path),
        }
    }
    let mut problems = Vec::new();
    let mut compared: BTreeMap<&str, usize> = BTreeMap::new();
    let mut explained = 0;
    for path in all {
        let name = name_of(&path);
        // Heads count where they end, not where the body does. Putting segments in order is
        // not what tshark does by default; with damaged captures it is the better for it.
        let mut tshark = Tshark::new(&path).preference("http.desegment_body:FALSE");
        if name == "damaged-raw.pcap" {
            tshark = tshark.preference("tcp.reassemble_out_of_order:TRUE");
        }
        for (capture, rules) in PORTS {
            if *capture == name {
                tshark = rules.iter().fold(tshark, |t, rule| t.decode_as(rule));
            }
        }
        // What ICMP quotes of a packet is not sent again.
        let (Some(rows), Some(events)) = (tshark.fields("!icmp", &FIELDS), events(&path)) else {
            return;
        };
        let (ours, theirs) = (ours(&events), theirs(&rows));
        let none = BTreeMap::new();
        for protocol in [
            "modbus",
            "mqtt",
            "coap",
            "dns",
            "dns unanswered",
            "http",
            "http requests",
            "tls",
            "dtls",
        ] {
            let ours = ours.get(protocol).unwrap_or(&none);
            let theirs = theirs.get(protocol).unwrap_or(&none);
            *compared.entry(protocol).or_default() += ours.values().sum::<usize>();
            let found = (more(ours, theirs), more(theirs, ours));
            let difference = DIFFERENCES
                .iter()
                .find(|d| d.0 == name && d.1 == protocol)
                .map_or((0, 0), |d| (d.2, d.3));
            explained += usize::from(difference != (0, 0));
            if found != difference {
                problems.push(format!(
                    "{name}, {protocol}: {} messages only here, {} only in tshark, where {} and \
                     {} are explained\n  ours {ours:?}\n  theirs {theirs:?}",
                    found.0, found.1, difference.0, difference.1
                ));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    let of_this_repository = |d: &&Difference| !d.0.contains('/');
    let least = DIFFERENCES.iter().filter(of_this_repository).count();
    assert!(
        explained >= least,
        "a difference is explained that is not there"
    );
    for (protocol, messages) in compared {
        assert!(messages > 0, "no {protocol} was compared");
    }
}
