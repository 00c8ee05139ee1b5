//! The memory that the program takes under attack, on defaults and two workers.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use serde_json::Value;

use crate::assembled::with_manifest;
use crate::process::{Ended, Guest, Room, flows, measured};
use crate::stage::hostile;

/// What a single attack may make the host take.
const MOST: u64 = 1 << 30;

/// Runs the guest, which must not make the host take more than it may; the run goes on to its
/// end. What it says on stderr, and its summary.
fn attack(guest: &Guest, name: &str, input: &[u8]) -> Option<(String, Value)> {
    let room = Room::new();
    let input = room.file(name, input);
    let ended = measured(&mut room.run(guest, &input, &[])?);
    let mebibytes = ended.peak >> 20;
    #[expect(clippy::print_stderr, reason = "the numbers are what the test is for")]
    {
        eprintln!("{} {}: {mebibytes} MiB", guest.name, guest.act);
    }
    let Ended { status, stderr, .. } = ended;
    // Some attack by events of a kind that no guest looks at, which the exit code says.
    let unseen = stderr.contains("nothing was evaluated: no event that was read");
    let expected = if unseen { 2..=2 } else { 0..=1 };
    let code = status.code().unwrap_or(-1);
    assert!(expected.contains(&code), "{status:?}: {stderr}");
    assert!(ended.peak > 0 && ended.peak < MOST, "{mebibytes} MiB");
    Some((stderr, room.summary()))
}

/// The same for a guest that uses up what it may of an epoch.
fn excess(guest: &Guest, name: &str, input: &[u8]) {
    if let Some((stderr, summary)) = attack(guest, name, input) {
        assert!(stderr.contains("of one epoch of input"), "{stderr}");
        assert!(summary["cuts"].as_u64() > Some(0), "{summary}");
        assert!(summary["unevaluated"].as_u64() > Some(0), "{summary}");
    }
}

/// A capture of UDP datagrams, each of another flow, with these bytes.
pub(crate) fn flood(count: u32, payload: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1] {
        file.extend(word.to_le_bytes());
    }
    let udp = 8 + payload.len() as u16;
    for n in 0..count {
        let length = 14 + 20 + u32::from(udp);
        for word in [
            1_750_000_000 + n / 100_000,
            n % 100_000 * 10,
            length,
            length,
        ] {
            file.extend(word.to_le_bytes());
        }
        file.extend([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]);
        file.extend([0x45, 0]);
        file.extend((20 + udp).to_be_bytes());
        file.extend([0, 0, 0, 0, 64, 17, 0, 0]);
        let [_, a, b, c] = n.to_be_bytes();
        file.extend([10, a, b, c, 192, 0, 2, 1]);
        for half in [40_000, 9_999, udp, 0] {
            file.extend(half.to_be_bytes());
        }
        file.extend(payload);
    }
    file
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

#[test]
fn sixty_four_subscriptions_that_each_return_4_mib() {
    let Some(component) = hostile() else { return };
    let subscription = "[[subscription]]\nkind = \"network.flow\"\nfields = [\"dst.port\"]\n";
    let many = with_manifest(&component, |own| own.to_owned() + &subscription.repeat(63));
    let guest = Guest {
        component: Some(many),
        ..Guest::detector("bulky-findings", 240, "evaluate")
    };
    excess(&guest, "flows.ndjson", &flows(20_000));
}

#[test]
fn timers_that_file() {
    let guest = Guest::detector("bulky-findings", 240, "on-timers");
    excess(&guest, "flows.ndjson", &flows(2_000));
}

#[test]
fn a_talkative_parser() {
    let guest = Guest::parser("bytes", 3 << 20);
    let flood = flood(20_000, b"a datagram");
    if let Some((stderr, summary)) = attack(&guest, "flood.pcap", &flood) {
        // Whichever it comes to first: what it says of an epoch, or the memory that it says it in.
        assert!(
            stderr.contains("of one epoch of input")
                || stderr
                    .contains("more memory than its instances on all workers may have together"),
            "{stderr}"
        );
        let lost = summary["unevaluated"]
            .as_u64()
            .max(summary["unparsed"].as_u64());
        assert!(lost > Some(0), "{summary}");
    }
}

#[test]
fn records_of_900_kb_in_a_small_file() {
    // What does not compress keeps the ratio below what is refused as a bomb.
    let mut state = 7u64;
    let noise: String = (0..20_000)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            char::from(b'a' + (state >> 40) as u8 % 16)
        })
        .collect();
    let text = noise + &"x".repeat(880_000);
    let record = format!(
        "{{\"kind\":\"network.app\",\"time\":\"2025-06-01T10:00:00Z\",\"src\":{{\"ip\":\"10.0.0.1\"}},\
         \"dst\":{{\"ip\":\"10.0.1.1\"}},\"transport\":\"tcp\",\"protocol\":\"p\",\"operation\":\"o\",\
         \"direction\":\"request\",\"original\":\"{text}\"}}\n"
    );
    let input = gzip(record.as_bytes()).repeat(2_000);
    let name = "records.ndjson.gz";
    let guest = Guest::detector("nothing", 0, "evaluate");
    let Some((_, summary)) = attack(&guest, name, &input) else {
        return;
    };
    assert_eq!(summary["events"]["network.app"], 2_000, "{summary}");
}

#[test]
fn a_million_names_of_attributes() {
    let mut text = String::new();
    for record in 0..32_768 {
        text.push_str(
            "{\"kind\":\"network.alert\",\"time\":\"2025-06-01T10:00:00Z\",\"src\":{\"ip\":\"10.0.0.1\"},\
             \"dst\":{\"ip\":\"10.0.1.1\"},\"transport\":\"tcp\",\"engine\":\"e\",\"signature_id\":\"1\",\
             \"signature\":\"s\",\"severity\":\"low\",\"action\":\"allowed\",\"attributes\":{",
        );
        for name in 0..64 {
            let comma = if name == 0 { "" } else { "," };
            text.push_str(&format!("{comma}\"r{record}.n{name}\":1"));
        }
        text.push_str("}}\n");
    }
    let input = gzip(text.as_bytes());
    let name = "names.ndjson.gz";
    let guest = Guest::detector("nothing", 0, "evaluate");
    let Some((_, summary)) = attack(&guest, name, &input) else {
        return;
    };
    assert_eq!(summary["events"]["network.alert"], 32_768, "{summary}");
}

#[test]
fn a_flood_of_flows_that_nobody_knows() {
    let input = flood(400_000, &[b'?'; 400]);
    let name = "flood.pcap";
    let guest = Guest::parser("probe-more", 0);
    let Some((_, summary)) = attack(&guest, name, &input) else {
        return;
    };
    assert!(summary["crowded"].as_u64() > Some(0), "{summary}");
}

#[test]
fn one_row_that_is_asked_for_again_and_again() {
    let flow = String::from_utf8(flows(1)).expect("a flow");
    let record = format!(
        "{},\"app_proto\":\"{}\"}}\n",
        flow.trim_end().trim_end_matches('}'),
        "x".repeat(900_000)
    );
    let Some(component) = hostile() else { return };
    let listed = |own: &str| own.replace("\"dst.port\"]", "\"dst.port\", \"app-proto\"]");
    let guest = Guest {
        component: Some(with_manifest(&component, listed)),
        ..Guest::detector("fetch-rows", 1_024, "evaluate")
    };
    let room = Room::new();
    let input = room.file("flows.ndjson", record.as_bytes());
    let Some(mut run) = room.run(&guest, &input, &[]) else {
        return;
    };
    let ended = measured(&mut run);
    assert!(ended.peak > 0 && ended.peak < MOST, "{} bytes", ended.peak);
    let told = "what it asked for has more than 16777216 bytes";
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
}
