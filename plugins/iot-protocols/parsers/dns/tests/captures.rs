//! Whole captures of others.

use dns::session::{Seen, Session, probe};
use iot_wire::harness::{Replay, capture};
use iot_wire::{Run, Step, Verdict};

/// Transactions of a capture, and how its sessions ended.
fn lookups(name: &str) -> Option<(Vec<String>, Vec<Step>)> {
    let mut seen = Vec::new();
    let mut ends = Vec::new();
    for conversation in capture::conversations(name)? {
        let mut session = Session::default();
        let mut replay = Replay::new(
            conversation.stream,
            conversation.server.1,
            |run: &Run<'_>| {
                session.feed(run, |said| {
                    let Seen::Lookup(lookup) = said else {
                        panic!("{said:?}")
                    };
                    let answers: Vec<_> = lookup
                        .answers
                        .iter()
                        .map(|answer| answer.rdata.as_str())
                        .collect();
                    seen.push(format!(
                        "{} {} {} {}",
                        lookup.name,
                        lookup.rtype,
                        lookup
                            .rcode
                            .map_or("-".to_owned(), |rcode| rcode.to_string()),
                        answers.join(" | "),
                    ));
                })
            },
        );
        conversation.replay(&mut replay);
        ends.push(replay.last);
    }
    Some((seen, ends))
}

#[test]
fn sound_captures_are_read_to_their_end() {
    for name in [
        "dns53",
        "dns/naptr",
        "dns/hinfo",
        "dns/ech",
        "dns/mdns",
        "dns/mdns-no-assoc",
        "dns/dynamic-update",
        "dns/dns_notify2",
        "dns/dns_extended_rcode",
        "dns/long-connection",
        "dns/dns-binds",
        "dns/tkey",
        "dns/tm1t",
        "dns/dns-wks",
    ] {
        let Some((seen, ends)) = lookups(&format!("zeek/{name}.pcap")) else {
            return;
        };
        assert!(!seen.is_empty(), "{name}");
        assert!(
            ends.iter().all(|end| *end == Step::Done),
            "{name}: {ends:?} {seen:?}"
        );
    }
}

/// What there is to read is read, whatever else is wrong; names that are none are refused.
#[test]
fn broken_captures_give_what_can_be_read() {
    for (name, expected) in [
        (
            "dns-corrupt",
            "zeek.org A NOERROR 192.0.78.212 | 192.0.78.150",
        ),
        (
            "loc-invalid-length",
            "example.com LOC NOERROR \\# 15 000102030405060708090a0b0c0d0e",
        ),
        (
            "svcb-port-malformed",
            "example.com HTTPS NOERROR 1 . port=443",
        ),
        (
            "svcb-alpn-malformed-len-too-short",
            "example.com HTTPS NOERROR 1 . alpn=",
        ),
        ("conn-count-too-large", "example.com A - "),
        (
            "max-compression-depth",
            "a A NOERROR 127.0.0.1 | 127.0.0.2 | 127.0.0.3",
        ),
    ] {
        let Some((seen, _)) = lookups(&format!("zeek/dns/{name}.pcap")) else {
            return;
        };
        assert!(seen[0].starts_with(expected), "{name}: {seen:?}");
    }
    let file = "zeek/dns/dns-invalid-names.pcap";
    let Some((seen, ends)) = lookups(file) else {
        return;
    };
    assert!(seen.is_empty(), "{seen:?}");
    assert!(
        ends.iter()
            .all(|end| matches!(end, Step::Error(fault) if fault.offset == 12))
    );
    for conversation in capture::conversations(file).unwrap_or_default() {
        let run = Run {
            side: conversation.pieces[0].side,
            stream: false,
            port: 53,
            offset: 0,
            gap: 0,
            end: false,
            bytes: &conversation.pieces[0].bytes,
        };
        assert_eq!(probe(&run), Verdict::No);
    }
}
