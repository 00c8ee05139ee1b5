//! Real captures, compared with tshark.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

use palisade_pipeline::capture::{CaptureReader, ReadLimits};
use palisade_pipeline::flow::{Endpoint, FlowConfig, Phase, TransportKind};

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

/// Starts of flows of a transport, with what their sides said.
fn flows(run: &Run, kind: TransportKind) -> Vec<(Endpoint, [Side; 2])> {
    let starts = run.out.news.iter().filter(|n| n.phase == Phase::Start);
    starts
        .zip(0_u64..)
        .filter(|(news, _)| news.flow.transport == kind)
        .map(|(news, number)| {
            let sides = run.out.sides.get(&number).cloned().unwrap_or_default();
            (news.flow.src, sides)
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

/// What tshark's statistics say, from one run.
#[derive(Default)]
struct Statistics {
    tcp: Conversations,
    udp: Conversations,
    /// Reassembled bytes of the client and the server, by stream.
    streams: Vec<[Vec<u8>; 2]>,
}

/// `-z conv` and `-z follow` of tshark.
fn statistics(path: &Path, streams: usize) -> Option<Statistics> {
    let mut wanted = vec!["conv,tcp".to_owned(), "conv,udp".to_owned()];
    wanted.extend((0..streams).map(|n| format!("follow,tcp,raw,{n}")));
    let mut arguments = vec!["-n", "-q"];
    for statistic in &wanted {
        arguments.extend(["-z", statistic]);
    }
    let mut found = Statistics {
        streams: vec![Default::default(); streams],
        ..Statistics::default()
    };
    let mut stream = 0;
    let mut tcp = false;
    for line in lines(path, &arguments)? {
        match line.as_str() {
            "TCP Conversations" => tcp = true,
            "UDP Conversations" => tcp = false,
            _ if line.contains("<->") => {
                let to = if tcp { &mut found.tcp } else { &mut found.udp };
                conversation(&line, to);
            }
            _ => match line.strip_prefix("Filter: tcp.stream eq ") {
                Some(number) => stream = number.parse().unwrap(),
                None => bytes(&line, found.streams.get_mut(stream)),
            },
        }
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

/// A line of hexadecimal digits, indented for the server.
fn bytes(line: &str, stream: Option<&mut [Vec<u8>; 2]>) {
    let hex = line.trim();
    let Some(stream) = stream else { return };
    if hex.len().is_multiple_of(2) && !hex.is_empty() && hex.bytes().all(|b| b.is_ascii_hexdigit())
    {
        let byte = |n: usize| u8::from_str_radix(&hex[n..n + 2], 16).unwrap();
        let side = usize::from(line.starts_with('\t'));
        stream[side].extend((0..hex.len()).step_by(2).map(byte));
    }
}

/// Removes the notes that tshark puts into a stream in place of missing bytes, such as
/// `[36 bytes missing in capture file]` and a NUL.
fn without_notes(mut bytes: Vec<u8>) -> Vec<u8> {
    const NOTE: &[u8] = b" bytes missing in capture file]\0";
    while let Some(at) = bytes.windows(NOTE.len()).position(|w| w == NOTE) {
        let open = bytes[..at].iter().rposition(|b| *b == b'[').unwrap();
        bytes.drain(open..at + NOTE.len());
    }
    bytes
}

/// Streams of fuzzed headers and of abuse, where tshark and Palisade differ on purpose.
const DIFFERENT: [(&str, usize, &str); 3] = [
    (
        "fuzz-1011.pcap",
        0,
        "a gap that nobody acknowledged is given up at the end of the flow; tshark leaves \
         out what follows it",
    ),
    (
        "fuzz-72.pcap",
        0,
        "the first segment has SYN and FIN, so its direction ends with it; tshark ignores \
         the FIN",
    ),
    (
        "modbus-and-non-modbus-p502.pcap",
        4,
        "data after a reset; tshark takes it for the same stream, Palisade, without the \
         endless times of this test, for a new flow",
    ),
];

#[test]
fn conversations_and_streams_agree_with_tshark() {
    let Some(files) = captures() else { return };
    let (mut streams, mut bytes) = (0, 0);
    for path in files {
        let (run, _) = run(&path);
        let ours = flows(&run, TransportKind::Tcp);
        let Some(theirs) = statistics(&path, ours.len()) else {
            return;
        };
        let at = path.display();
        assert_eq!(conversations(&run, TransportKind::Tcp), theirs.tcp, "{at}");
        assert_eq!(conversations(&run, TransportKind::Udp), theirs.udp, "{at}");
        for (n, ((opener, sides), followed)) in ours.iter().zip(theirs.streams).enumerate() {
            let different =
                |(file, stream, _): &(&str, usize, &str)| path.ends_with(file) && *stream == n;
            if DIFFERENT.iter().any(different) {
                continue;
            }
            for (side, theirs) in sides.iter().zip(followed) {
                let theirs = without_notes(theirs);
                let at = format!("{at}, stream {n} from {opener}");
                assert_eq!(side.bytes.len(), theirs.len(), "length in {at}");
                assert!(side.bytes == theirs, "bytes in {at}");
                bytes += theirs.len();
            }
            streams += 1;
        }
    }
    println!("{streams} streams of {bytes} bytes agree");
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
