//! The plugin as the host sees it.

use http::Http;
use palisade_sdk::testing::{Harness, chunk, json};
use palisade_sdk::{Direction, Outcome, Recognition};

const MANIFEST: &str = include_str!("../plugin.toml");

#[test]
fn a_request_with_its_response_is_one_event() {
    let mut plugin = Harness::<Http>::parser(MANIFEST, &[]).unwrap();
    let request = b"GET /a?b=c HTTP/1.1\r\nHost: A.test:80\r\nUser-Agent: x/1\r\n\
                    Authorization: Basic eA==\r\nCookie: y\r\n\r\n";
    let response = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\
                     Content-Length: 2\r\n\r\nok";
    assert_eq!(
        plugin.probe(&chunk(Direction::ToServer, request)),
        Recognition::Yes
    );
    let parsed = plugin.parse(&[
        chunk(Direction::ToServer, request),
        chunk(Direction::ToClient, response),
    ]);
    assert_eq!(parsed.outcomes, [Outcome::Done, Outcome::Done]);
    let [event] = &parsed.events[..] else {
        panic!("{:?}", parsed.events)
    };
    assert_eq!((event.kind.as_str(), event.chunk), ("network.http", 1));
    for (name, value) in [
        ("scheme", json!("http")),
        ("http-method", json!("GET")),
        ("host", json!("a.test")),
        ("path", json!("/a")),
        ("query", json!("b=c")),
        ("status", json!(200)),
        ("user-agent", json!("x/1")),
        ("resp-mime", json!("text/html")),
        ("req-items.name", json!(["authorization", "cookie"])),
        ("req-items.class", json!(["sensitive", "sensitive"])),
        ("req-items.encrypted", json!([false, false])),
    ] {
        assert_eq!(event.fields.get(name), Some(&value), "{name}");
    }
}

#[test]
fn a_request_without_a_response_is_reported_at_the_end() {
    let mut plugin = Harness::<Http>::parser(MANIFEST, &[]).unwrap();
    let end = palisade_sdk::Chunk {
        end: true,
        ..chunk(Direction::ToClient, b"")
    };
    let parsed = plugin.parse(&[chunk(Direction::ToServer, b"GET / HTTP/1.1\r\n\r\n"), end]);
    assert_eq!(parsed.events.len(), 1);
    assert_eq!(parsed.events[0].fields.get("status"), None);
    plugin.close(1);
}
