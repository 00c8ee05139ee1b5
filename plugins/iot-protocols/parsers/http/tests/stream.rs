//! Hand-made conversations: pairing, bodies, losses, leaving HTTP, hostile input.

use http::session::{Exchange, MAX_WAITING, Session, probe};
use iot_wire::harness::trial::{no_prefix_is_an_error, withstand};
use iot_wire::harness::{Piece, Replay, capture, same_however_cut, storm};
use iot_wire::{Fault, Run, Side, Step, Verdict};

fn line(exchange: &Exchange<'_>) -> String {
    let request = exchange.request;
    let response = exchange.response;
    format!(
        "{} {} {} {:?} {:?} {:?}",
        request.method,
        request.target.host,
        request.target.path,
        request.target.query.as_deref().unwrap_or("-"),
        response.map(|response| response.status),
        response
            .and_then(|response| response.mime.as_deref())
            .unwrap_or("-"),
    )
}

fn play(pieces: &[Piece]) -> (Vec<String>, Step) {
    let mut session = Session::default();
    let mut seen = Vec::new();
    let mut replay = Replay::new(true, 80, |run: &Run<'_>| {
        session.feed(run, |exchange| seen.push(line(exchange)))
    });
    for piece in pieces {
        replay.push(piece.side, &piece.bytes);
    }
    replay.end();
    let last = replay.last;
    (seen, last)
}

fn client(text: &str) -> Piece {
    Piece {
        side: Side::ToServer,
        bytes: text.replace('\n', "\r\n").into_bytes(),
    }
}

fn server(text: &str) -> Piece {
    Piece {
        side: Side::ToClient,
        bytes: text.replace('\n', "\r\n").into_bytes(),
    }
}

fn judge(side: Side, bytes: &[u8]) -> Verdict {
    probe(&Run {
        side,
        stream: true,
        port: 443,
        offset: 0,
        gap: 0,
        end: false,
        bytes,
    })
}

#[test]
fn recognition_rests_on_the_bytes() {
    for text in [
        "GET / HTTP/1.1\r\n",
        "M-SEARCH * HTTP/1.1\r\n",
        "OPTIONS http://a HTTP/1.0\n",
    ] {
        assert_eq!(
            judge(Side::ToServer, text.as_bytes()),
            Verdict::Yes,
            "{text}"
        );
        let sure = text.find("HTTP/1.").unwrap() + 7;
        for cut in 0..sure {
            assert_eq!(
                judge(Side::ToServer, &text.as_bytes()[..cut]),
                Verdict::More,
                "{text} {cut}"
            );
        }
    }
    assert_eq!(judge(Side::ToClient, b"HTTP/1.1 200 OK\r\n"), Verdict::Yes);
    assert_eq!(
        judge(Side::ToServer, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0"),
        Verdict::Yes
    );
    assert_eq!(
        judge(Side::ToServer, b"PRI * HTTP/2.0\r\n\r\nS"),
        Verdict::More
    );
    let long = format!("GET /{}", "a".repeat(4_096));
    assert_eq!(judge(Side::ToServer, long.as_bytes()), Verdict::Yes);
    let others: &[(&str, &[u8])] = &[
        (
            "a TLS record on port 80",
            &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3],
        ),
        ("RTSP", b"OPTIONS rtsp://a/ RTSP/1.0\r\n"),
        ("SIP", b"REGISTER sip:a SIP/2.0\r\n"),
        ("SMTP", b"EHLO a.test\r\n"),
        ("an SMTP banner", b"220 a.test ESMTP\r\n"),
        ("MQTT", &[0x10, 15, 0, 4, b'M', b'Q', b'T', b'T', 4]),
        ("SSH", b"SSH-2.0-x\r\n"),
        ("small letters", b"get / HTTP/1.1\r\n"),
        ("prose", b"HTTP/1.1 is a protocol"),
        ("RESP", b"*1\r\n$4\r\nPING\r\n"),
    ];
    for (name, bytes) in others {
        assert_eq!(judge(Side::ToServer, bytes), Verdict::No, "{name}");
    }
}

#[test]
fn pipelined_requests_with_every_kind_of_body_however_they_are_cut() {
    let pieces = [
        client(
            "GET /a?x=1 HTTP/1.1\nHost: A.test\n\nHEAD /b HTTP/1.1\nHost: a.test\n\n\
             POST /c HTTP/1.1\nHost: a.test\nExpect: 100-continue\nContent-Length: 5\n\n",
        ),
        server(
            "HTTP/1.1 200 OK\nContent-Type: Text/HTML; charset=x\nContent-Length: 3\n\nabc\
             HTTP/1.1 200 OK\nContent-Length: 999\n\n\
             HTTP/1.1 100 Continue\n\n",
        ),
        client(
            "12345PUT /d HTTP/1.1\nHost: a.test\nTransfer-Encoding: chunked\n\n\
             3;ext=1\nabc\n0\nTrailer: x\n\nGET /e HTTP/1.1\nHost: a.test\n\n",
        ),
        server(
            "HTTP/1.1 204 No Content\n\nHTTP/1.1 201 Created\nTransfer-Encoding: chunked\n\n\
             a\n0123456789\n0\n\nHTTP/1.1 304 Not Modified\nContent-Length: 7\n\n",
        ),
        client("GET /f HTTP/1.0\n\nGET /g HTTP/1.1\nHost: a.test\n\n"),
        server("HTTP/1.0 200 OK\n\nHTTP/1.1 500 is body until the end\n\n"),
    ];
    let (seen, last) = same_however_cut(&pieces, play);
    assert_eq!(last, Step::Done);
    assert_eq!(
        seen,
        [
            "GET a.test /a \"x=1\" Some(200) \"text/html\"",
            "HEAD a.test /b \"-\" Some(200) \"-\"",
            "POST a.test /c \"-\" Some(204) \"-\"",
            "PUT a.test /d \"-\" Some(201) \"-\"",
            "GET a.test /e \"-\" Some(304) \"-\"",
            "GET  /f \"-\" Some(200) \"-\"",
            "GET a.test /g \"-\" None \"-\"",
        ]
    );
}

#[test]
fn leaves_http_where_the_server_agrees() {
    let upgrade = client("GET /mqtt HTTP/1.1\nHost: a.test\nUpgrade: websocket\n\n");
    let head = "HTTP/1.1 101 Switching Protocols\n\n";
    let agreed = [upgrade.clone(), server(&format!("{head}\x02\x01"))];
    let (seen, last) = play(&agreed);
    // MQTT in a WebSocket is an upgrade of HTTP, not MQTT.
    assert_eq!(seen, ["GET a.test /mqtt \"-\" Some(101) \"-\""]);
    assert_eq!(last, Step::Handover(head.len() + 2));

    let connect = [
        client("CONNECT b.test:443 HTTP/1.1\n\n"),
        client("\x16\x03\x01"),
        server("HTTP/1.1 200 OK\n\n"),
    ];
    let (seen, last) = same_however_cut(&connect[..2], |pieces| {
        let mut pieces = pieces.to_vec();
        pieces.push(connect[2].clone());
        play(&pieces)
    });
    assert_eq!(seen, ["CONNECT b.test b.test:443 \"-\" Some(200) \"-\""]);
    assert_eq!(last, Step::Handover(19));

    let refused = [
        upgrade,
        client("GET /next HTTP/1.1\nHost: a.test\n\n"),
        server("HTTP/1.1 200 OK\nContent-Length: 0\n\nHTTP/1.1 404 No\nContent-Length: 0\n\n"),
    ];
    let (seen, last) = same_however_cut(&refused, play);
    assert_eq!(seen.len(), 2);
    assert_eq!(last, Step::Done);
}

#[test]
fn http2_in_clear_is_recognised_and_left_alone() {
    let pieces = [
        client("PRI * HTTP/2.0\n\nSM\n\n\0\0\0\x04"),
        server("\0\0\0\x04\0\0\0"),
    ];
    assert_eq!(same_however_cut(&pieces, play), (Vec::new(), Step::Done));
}

#[test]
fn a_capture_that_began_in_mid_stream_still_tells_who_asks() {
    let (seen, last) = play(&[
        Piece {
            side: Side::ToClient,
            bytes: b"GET / HTTP/1.0\r\n\r\n".to_vec(),
        },
        Piece {
            side: Side::ToServer,
            bytes: b"HTTP/1.0 200 OK\r\n\r\nx".to_vec(),
        },
    ]);
    assert_eq!((seen.len(), last), (1, Step::Done));
}

#[test]
fn a_capture_that_began_in_a_body_waits_for_the_next_head() {
    let request = client("GET /next HTTP/1.1\nHost: a.test\n\n");
    let response = server("HTTP/1.1 200 OK\nContent-Length: 0\n\n");
    let bodies: [&[u8]; 4] = [
        b"\x89PNG\r\n\x1a\n\0\0",
        b"<html>\n<p>",
        b"some prose\nand more of it\n\n",
        &[b'a'; 40_000],
    ];
    for body in bodies {
        let rest = Piece {
            side: Side::ToClient,
            bytes: body.to_vec(),
        };
        // The tail of a response, told by its server, or of a request, by its client.
        let (seen, last) = play(&[rest.clone(), request.clone(), response.clone()]);
        let text = String::from_utf8_lossy(&body[..9]);
        assert_eq!(last, Step::Done, "{text}");
        assert_eq!(seen, ["GET a.test /next \"-\" Some(200) \"-\""], "{text}");
        let upload = Piece {
            side: Side::ToServer,
            ..rest
        };
        let old = server("HTTP/1.1 201 Created\nContent-Length: 0\n\n");
        let (seen, last) = play(&[upload, old, request.clone(), response.clone()]);
        assert_eq!((seen.len(), last), (1, Step::Done), "{text}: {seen:?}");
    }
}

#[test]
fn after_a_loss_a_head_may_come_in_pieces() {
    let mut session = Session::default();
    let mut seen = Vec::new();
    let mut replay = Replay::new(true, 80, |run: &Run<'_>| {
        session.feed(run, |exchange| seen.push(line(exchange)))
    });
    replay.push(Side::ToServer, b"GET /1 HTTP/1.1\r\nHos");
    replay.lose(Side::ToServer, 30);
    replay.push(Side::ToServer, b"t: a\r\n");
    for byte in b"GET /2 HTTP/1.1\r\n\r\n" {
        replay.push(Side::ToServer, &[*byte]);
    }
    replay.push(Side::ToClient, b"HTTP/1.1 204 No\r\n\r\n");
    replay.end();
    assert_eq!(replay.last, Step::Done);
    drop(replay);
    assert_eq!(seen, ["GET  /2 \"-\" Some(204) \"-\""]);
}

#[test]
fn requests_that_wait_are_reported_where_the_connection_stops_making_sense() {
    let asked = client("GET /a HTTP/1.1\n\nGET /b HTTP/1.1\n\n");
    for broken in [client("GET /c HTTP/9.1\n\n"), server("HTTP/1.1 x\n\n")] {
        let (seen, last) = same_however_cut(&[asked.clone(), broken], |pieces| {
            let (seen, last) = play(pieces);
            (seen, matches!(last, Step::Error(_)))
        });
        assert!(last);
        assert_eq!(
            seen,
            ["GET  /a \"-\" None \"-\"", "GET  /b \"-\" None \"-\""]
        );
    }
}

#[test]
fn losses_within_bodies_are_stepped_over_and_others_wait_for_the_next_head() {
    let mut session = Session::default();
    let mut seen = Vec::new();
    let mut replay = Replay::new(true, 80, |run: &Run<'_>| {
        session.feed(run, |exchange| seen.push(line(exchange)))
    });
    replay.push(
        Side::ToServer,
        b"GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n",
    );
    replay.push(
        Side::ToClient,
        b"HTTP/1.1 200 OK\r\nContent-Length: 5000000000\r\n\r\nab",
    );
    replay.lose(Side::ToClient, 3_000_000_000);
    replay.push(Side::ToClient, b"abc");
    replay.lose(Side::ToClient, 1_999_999_995);
    replay.push(
        Side::ToClient,
        b"HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n4\r\na",
    );
    replay.lose(Side::ToClient, 3);
    replay.push(Side::ToClient, b"\r\n0\r\n\r\n");
    replay.push(Side::ToServer, b"GET /3 HTTP/1.1\r\n\r\n");
    replay.lose(Side::ToClient, 10);
    replay.push(Side::ToClient, b"in the middle of something");
    replay.push(Side::ToServer, b"GET /4 HTTP/1.1\r\n\r\n");
    replay.push(
        Side::ToClient,
        b"HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n",
    );
    replay.end();
    assert_eq!(replay.last, Step::Done);
    drop(replay);
    let status: Vec<_> = seen
        .iter()
        .map(|line| line.split_once(" \"").unwrap().0)
        .collect();
    assert_eq!(status, ["GET  /1", "GET  /2", "GET  /3", "GET  /4"]);
    for (line, status) in seen
        .iter()
        .zip(["Some(200)", "Some(404)", "None", "Some(400)"])
    {
        assert!(line.contains(status), "{line}");
    }
}

#[test]
fn errors_say_where_and_what() {
    let run = |bytes| Run {
        side: Side::ToServer,
        stream: true,
        port: 80,
        offset: 0,
        gap: 0,
        end: false,
        bytes,
    };
    let step = Session::default().feed(
        &run(b"GET / HTTP/1.1\r\n\r\nGET / HTTP/3.1\r\n\r\n"),
        |_| {},
    );
    assert_eq!(
        step,
        Step::Error(Fault {
            offset: 29,
            expected: "HTTP/1.0 or HTTP/1.1"
        })
    );
    let step = Session::default().feed(
        &run(b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"),
        |_| {},
    );
    assert_eq!(
        step,
        Step::Error(Fault {
            offset: 46,
            expected: "the size of a chunk"
        })
    );
    let endless = format!("GET / HTTP/1.1\r\nA: {}", "a".repeat(40_000));
    let step = Session::default().feed(&run(endless.as_bytes()), |_| {});
    assert_eq!(
        step,
        Step::Error(Fault {
            offset: 32_768,
            expected: "the end of a head of 32 KiB"
        })
    );
}

#[test]
fn requests_without_responses_do_not_pile_up() {
    let mut all = String::new();
    for index in 0..MAX_WAITING * 3 {
        all += &format!("GET /{index}{} HTTP/1.1\n\n", "x".repeat(1_500));
    }
    let (seen, _) = play(&[client(&all)]);
    assert_eq!(seen.len(), MAX_WAITING * 3);
    // Responses to those that were given up are not taken for answers to others.
    let mut answers = String::new();
    for _ in 0..MAX_WAITING * 3 {
        answers += "HTTP/1.1 200 OK\nContent-Length: 0\n\n";
    }
    let (seen, _) = play(&[client(&all), server(&answers)]);
    let (first, last) = (&seen[0], seen.last().unwrap());
    assert!(
        first.contains("None") && last.contains("Some(200)"),
        "{first} {last}"
    );
    assert!(last.contains(&format!("/{}x", MAX_WAITING * 3 - 1)));
}

#[test]
fn hostile_bytes_do_no_harm() {
    let pieces = [
        client("POST /a HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n3\nabc\n0\n\n"),
        server("HTTP/1.1 200 OK\nContent-Type: a/b\nContent-Length: 4\n\nabcd"),
        client("GET http://a/b?c HTTP/1.1\nUpgrade: x\nCookie: y\n\n"),
        server("HTTP/1.1 101 Switching\n\n"),
    ];
    storm(2, 4_000, true, &pieces, || {
        let mut session = Session::default();
        move |run: &Run<'_>| {
            let _ = probe(run);
            session.feed(run, |exchange| {
                line(exchange);
            })
        }
    });
}

#[test]
fn a_conversation_that_breaks_off_is_no_error() {
    let pieces = [
        client("POST /a?b HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n3;x\nabc\n0\nA: b\n\n"),
        server(
            "HTTP/1.1 100 Continue\n\nHTTP/1.1 200 OK\nContent-Length: 2\n\nokHTTP/1.1 400 No\n\n",
        ),
    ];
    no_prefix_is_an_error(&pieces, play);
}

#[test]
fn recorded_conversations_split_cut_short_and_changed() {
    for (name, least) in [
        ("http.pcap", 10),
        ("http-upgrade.pcap", 3),
        ("http-redirect.pcap", 1),
    ] {
        let recorded = capture::recorded(name);
        let known = withstand(&recorded, probe, |conversation, pieces| {
            assert!(conversation.stream);
            play(pieces)
        });
        assert!(known >= least, "{name}: {known}");
    }
}
