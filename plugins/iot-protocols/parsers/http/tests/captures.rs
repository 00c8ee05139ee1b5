//! Whole captures of others.

use http::session::Session;
use iot_wire::harness::{Replay, capture};
use iot_wire::{Run, Step};

fn exchanges(name: &str) -> Option<Vec<(String, Option<u16>)>> {
    let mut seen = Vec::new();
    for conversation in capture::conversations(name)? {
        if !conversation.stream {
            continue;
        }
        let mut session = Session::default();
        let mut replay = Replay::new(true, conversation.server.1, |run: &Run<'_>| {
            session.feed(run, |exchange| {
                let request = exchange.request;
                seen.push((
                    format!(
                        "{} {}{}",
                        request.method, request.target.host, request.target.path
                    ),
                    exchange.response.map(|response| response.status),
                ));
            })
        });
        conversation.replay(&mut replay);
        assert_eq!(replay.last, Step::Done, "{name}");
    }
    Some(seen)
}

#[test]
fn captures_give_their_requests_and_responses() {
    for (name, count, first, status) in [
        ("zeek/http/get.pcap", 1, "GET ", Some(200)),
        ("zeek/http/100-continue.pcap", 1, "POST ", Some(200)),
        ("zeek/http/content-range-gap.pcap", 1, "GET ", Some(206)),
        ("zeek/http/206_example_a.pcap", 2, "GET ", Some(206)),
    ] {
        let Some(seen) = exchanges(name) else { return };
        assert_eq!(seen.len(), count, "{name}: {seen:?}");
        assert!(seen[0].0.starts_with(first), "{seen:?}");
        assert_eq!(seen[0].1, status, "{seen:?}");
    }
    let Some(seen) = exchanges("zeek/http/bro.org.pcap") else {
        return;
    };
    let answered = seen
        .iter()
        .filter(|(_, status)| *status == Some(200))
        .count();
    // Some of its connections lost segments within bodies.
    assert_eq!((seen.len(), answered), (31, 31), "{seen:?}");
}
