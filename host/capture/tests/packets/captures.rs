//! Real captures, compared with tshark.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use palisade_capture::flow::{Endpoint, FlowConfig, FlowInfo, Phase, TransportKind};
use palisade_capture::{CaptureReader, ReadLimits};

use crate::record::{Run, Side};
use crate::tshark::{captures, fields, lines};

/// Runs a capture as one flow per pair of endpoints, like Wireshark's statistics, and
/// returns the packet times, too.
fn run(path: &Path) -> (Run, Vec<u64>) {
    let file = File::open(path).unwrap();
    let mut capture = CaptureReader::new(file, ReadLimits::default()).unwrap();
    let mut run = Run::new(FlowConfig {
        tcp_idle: Duration::MAX,
        tcp_unanswered: Duration::MAX,
        tcp_closed: Duration::MAX,
        udp_idle: Duration::MAX,
        vlan_in_key: false,
        ..FlowConfig::default()
    });
    let mut times = Vec::new();
    while let Some(packet) = capture.next_packet().unwrap() {
        times.push(packet.time);
        run.packet(&packet);
    }
    run.finish();
    (run, times)
}

/// Flows of a transport, with what their sides said.
fn flows(run: &Run, kind: TransportKind) -> Vec<(Arc<FlowInfo>, [Side; 2])> {
    let starts = run.out.news.iter().filter(|n| n.phase == Phase::Start);
    starts
        .zip(0_u64..)
        .filter(|(news, _)| news.flow.transport == kind)
        .map(|(news, number)| {
            let sides = run.out.sides.get(&number).cloned().unwrap_or_default();
            (news.flow.clone(), sides)
        })
        .collect()
}

fn nanoseconds(epoch: &str) -> u64 {
    let (seconds, fraction) = epoch.split_once('.').unwrap();
    seconds.parse::<u64>().unwrap() * 1_000_000_000
        + format!("{fraction:0<9}").parse::<u64>().unwrap()
}

#[test]
fn packets_times_payload_and_community_ids_agree_with_tshark() {
    let Some(files) = captures() else { return };
    for path in files {
        let names = ["frame.time_epoch", "udp.length", "communityid"];
        let Some(theirs) = fields(&path, &names) else {
            return;
        };
        let at = path.display();
        let (run, times) = run(&path);
        let counts = run.table.packet_counts();
        assert_eq!(counts.packets, theirs.len() as u64, "{at}");
        assert_eq!(run.reported(), counts.accepted, "{at}");

        let their_times: Vec<u64> = theirs.iter().map(|f| nanoseconds(&f[0])).collect();
        assert_eq!(times, their_times, "{at}");

        let lengths = theirs.iter().filter_map(|f| f[1].parse::<u64>().ok());
        let their_payload: u64 = lengths.map(|length| length - 8).sum();
        let our_payload: u64 = flows(&run, TransportKind::Udp)
            .iter()
            .flat_map(|(_, sides)| sides)
            .map(|side| side.bytes.len() as u64 + side.cut)
            .sum();
        assert_eq!(our_payload, their_payload, "UDP payload of {at}");

        let mut their_ids: Vec<&str> = theirs.iter().map(|f| f[2].as_str()).collect();
        their_ids.retain(|id| !id.is_empty());
        let news = run.out.news.iter();
        let mut our_ids: Vec<&str> = news.filter_map(|n| n.flow.community_id()).collect();
        for ids in [&mut our_ids, &mut their_ids] {
            ids.sort_unstable();
            ids.dedup();
        }
        assert_eq!(our_ids, their_ids, "{at}");
    }
}

/// Frames both ways together, by unordered pair of endpoints.
type Conversations = BTreeMap<[(String, u16); 2], u64>;

fn pair(a: (String, u16), b: (String, u16)) -> [(String, u16); 2] {
    if a <= b { [a, b] } else { [b, a] }
}

fn conversations(run: &Run, kind: TransportKind) -> Conversations {
    let mut found = Conversations::new();
    for news in &run.out.news {
        if news.flow.transport == kind {
            let side = |e: &Endpoint| (e.address.to_string(), e.port.unwrap());
            let key = pair(side(&news.flow.src), side(&news.flow.dst));
            *found.entry(key).or_default() += news.to_server.packets + news.to_client.packets;
        }
    }
    found
}

/// Reassembled bytes by (from, to), of all connections between the two one after the
/// other.
type Streams = BTreeMap<(String, String), Vec<u8>>;

fn streams(run: &Run) -> Streams {
    let mut found = Streams::new();
    for (flow, [to_server, to_client]) in flows(run, TransportKind::Tcp) {
        let (src, dst) = (flow.src.to_string(), flow.dst.to_string());
        found
            .entry((src.clone(), dst.clone()))
            .or_default()
            .extend(to_server.bytes);
        found.entry((dst, src)).or_default().extend(to_client.bytes);
    }
    found.retain(|_, bytes| !bytes.is_empty());
    found
}

/// What tshark's statistics say, from one run.
#[derive(Default)]
struct Statistics {
    tcp: Conversations,
    udp: Conversations,
    streams: Streams,
}

/// `-z conv` and `-z follow` of tshark.
fn statistics(path: &Path, streams: usize) -> Option<Statistics> {
    let mut wanted = vec!["conv,tcp".to_owned(), "conv,udp".to_owned()];
    wanted.extend((0..streams).map(|n| format!("follow,tcp,raw,{n}")));
    let mut arguments = vec!["-n", "-q"];
    for statistic in &wanted {
        arguments.extend(["-z", statistic]);
    }
    let mut found = Statistics::default();
    let (mut nodes, mut tcp) = ([String::new(), String::new()], false);
    for line in lines(path, &arguments)? {
        match line.as_str() {
            "TCP Conversations" => tcp = true,
            "UDP Conversations" => tcp = false,
            _ if line.contains("<->") => {
                let to = if tcp { &mut found.tcp } else { &mut found.udp };
                conversation(&line, to);
            }
            _ => match line.split_once(": ") {
                Some(("Node 0", node)) => nodes[0] = node.to_owned(),
                Some(("Node 1", node)) => nodes[1] = node.to_owned(),
                _ => bytes(&line, &nodes, &mut found.streams),
            },
        }
    }
    for bytes in found.streams.values_mut() {
        remove_notes(bytes);
    }
    Some(found)
}

/// A line such as `10.0.0.1:502 <-> 10.0.0.2:49226  5549 349 kB  5549 346 kB  …`; the
/// unit is left out where it is bytes.
fn conversation(line: &str, found: &mut Conversations) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let endpoint = |text: &str| {
        let (ip, port) = text.rsplit_once(':').unwrap();
        (ip.to_owned(), port.parse().unwrap())
    };
    let unit = words[5].parse::<u64>().is_err();
    let there: u64 = words[3].parse().unwrap();
    let back: u64 = words[if unit { 6 } else { 5 }].parse().unwrap();
    let key = pair(endpoint(words[0]), endpoint(words[2]));
    *found.entry(key).or_default() += there + back;
}

/// A line of hexadecimal digits, indented where the second node sends.
fn bytes(line: &str, [first, second]: &[String; 2], streams: &mut Streams) {
    let hex = line.trim();
    if hex.len().is_multiple_of(2) && !hex.is_empty() && hex.bytes().all(|b| b.is_ascii_hexdigit())
    {
        let byte = |n: usize| u8::from_str_radix(&hex[n..n + 2], 16).unwrap();
        let key = if line.starts_with('\t') {
            (second.clone(), first.clone())
        } else {
            (first.clone(), second.clone())
        };
        let stream = streams.entry(key).or_default();
        stream.extend((0..hex.len()).step_by(2).map(byte));
    }
}

/// Removes what tshark puts into a stream in place of missing bytes, such as
/// `[36 bytes missing in capture file]` and a NUL.
fn remove_notes(bytes: &mut Vec<u8>) {
    const NOTE: &[u8] = b" bytes missing in capture file]\0";
    while let Some(at) = bytes.windows(NOTE.len()).position(|w| w == NOTE) {
        let open = bytes[..at].iter().rposition(|b| *b == b'[').unwrap();
        bytes.drain(open..at + NOTE.len());
    }
}

/// Captures with fuzzed headers, whose streams differ on purpose.
const DIFFERENT: [(&str, &str); 2] = [
    (
        "fuzz-1011.pcap",
        "a gap that nobody acknowledged is given up at the end of the flow; tshark leaves \
         out what follows it",
    ),
    (
        "fuzz-72.pcap",
        "the first segment has SYN and FIN, so its direction ends with it; tshark ignores \
         the FIN",
    ),
];

#[test]
fn conversations_and_streams_agree_with_tshark() {
    let Some(files) = captures() else { return };
    let mut agreed = 0;
    for path in files {
        let (run, _) = run(&path);
        let number = flows(&run, TransportKind::Tcp).len();
        let Some(theirs) = statistics(&path, number) else {
            return;
        };
        let at = path.display();
        assert_eq!(conversations(&run, TransportKind::Tcp), theirs.tcp, "{at}");
        assert_eq!(conversations(&run, TransportKind::Udp), theirs.udp, "{at}");
        if DIFFERENT.iter().any(|(file, _)| path.ends_with(file)) {
            continue;
        }
        let ours = streams(&run);
        let lengths = |streams: &Streams| -> Vec<_> {
            streams.iter().map(|(k, v)| (k.clone(), v.len())).collect()
        };
        assert_eq!(lengths(&ours), lengths(&theirs.streams), "{at}");
        for (side, bytes) in &ours {
            assert!(*bytes == theirs.streams[side], "bytes of {side:?} in {at}");
            agreed += bytes.len();
        }
    }
    println!("{agreed} bytes of streams agree");
}

#[test]
fn a_real_gap_is_reported() {
    let Some(files) = captures() else { return };
    let Some(path) = files.iter().find(|p| p.ends_with("content-range-gap.pcap")) else {
        return;
    };
    let (run, _) = run(path);
    let sides = run.out.sides.values().flatten();
    let gaps: u64 = sides.flat_map(|s| &s.gaps).map(|(_, gap)| gap).sum();
    assert!(gaps > 0);
    assert_eq!(gaps, run.table.stream_counts().gap_bytes);
}
