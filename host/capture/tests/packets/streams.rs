//! TCP reassembly, case by case.

use std::time::Duration;

use palisade_capture::flow::{EndReason, FlowConfig, Phase, ReassemblyConfig};

use crate::build::{SECOND, Tcp, client, server};
use crate::record::Run;

fn run(segments: &[Tcp]) -> Run {
    run_with(FlowConfig::default(), segments)
}

fn run_with(config: FlowConfig, segments: &[Tcp]) -> Run {
    let mut run = Run::new(config);
    run.tcp(segments).finish();
    run
}

fn with_reassembly(reassembly: ReassemblyConfig) -> FlowConfig {
    FlowConfig {
        reassembly,
        ..FlowConfig::default()
    }
}

/// SYN, SYN-ACK, ACK with first sequence numbers 1000 and 5000.
fn handshake() -> Vec<Tcp> {
    vec![
        client(999, "S", b""),
        server(4999, "S", b"").ack(1000),
        client(1000, "", b"").ack(5000),
    ]
}

fn after_handshake(segments: &[Tcp]) -> Vec<Tcp> {
    [&handshake()[..], segments].concat()
}

#[test]
fn in_order_both_ways_with_orderly_close() {
    let run = run(&after_handshake(&[
        client(1000, "", b"GET /").ack(5000),
        server(5000, "", b"200 ").ack(1005),
        server(5004, "F", b"OK").ack(1005),
        client(1005, "F", b"").ack(5007),
        server(5007, "", b"").ack(1006),
    ]));
    assert_eq!(run.out.client().bytes, b"GET /");
    assert_eq!(run.out.server().bytes, b"200 OK");
    assert!(run.out.client().ended && run.out.server().ended);
    assert_eq!(run.out.server().chunks, 2, "the last data says the end");
    assert_eq!(run.out.phases(), [Phase::Start, Phase::End]);
    assert_eq!(run.out.ends(), [EndReason::Finished]);
    let [start, end] = &run.out.news[..] else {
        panic!("two news")
    };
    assert_eq!((start.syn_only, start.to_server.packets), (1, 1));
    assert_eq!((end.to_server.packets, end.to_client.packets), (3, 4));
    assert_eq!(end.first_bytes, b"GET /");
    assert_eq!(run.reported(), 8);
}

#[test]
fn out_of_order_retransmission_and_overlap_where_first_data_wins() {
    let run = run(&after_handshake(&[
        client(1004, "", b"4567").ack(5000),
        client(1002, "", b"abcdefgh").ack(5000),
        client(1000, "", b"0123").ack(5000),
        client(1000, "", b"XXXXXXXXXXXX").ack(5000),
    ]));
    // 1004..1008 came first, then 1002..1010 fills only what is free, then 1000..1002.
    assert_eq!(run.out.client().bytes, b"01ab4567ghXX");
    assert_eq!(run.out.client().gaps, []);
    let counts = run.table.stream_counts();
    assert_eq!(counts.out_of_order, 2);
    assert_eq!(counts.retransmitted_bytes, 4 + 2 + 10);
    assert_eq!(counts.delivered_bytes, 12);
}

#[test]
fn in_order_data_over_what_waits_keeps_what_waits() {
    let run = run(&after_handshake(&[
        client(1002, "", b"bb").ack(5000),
        client(1006, "", b"dd").ack(5000),
        client(1000, "", b"AAAAAAAAAA").ack(5000),
    ]));
    assert_eq!(run.out.client().bytes, b"AAbbAAddAA");
}

#[test]
fn sequence_numbers_wrap() {
    let top = u32::MAX - 2;
    let run = run(&[
        client(top.wrapping_sub(1), "S", b""),
        client(2, "", b"wrapped").ack(1),
        client(top, "", b"abcde").ack(1),
        client(9, "F", b"!").ack(1),
    ]);
    assert_eq!(run.out.client().bytes, b"abcdewrapped!");
    assert!(run.out.client().ended);
}

#[test]
fn a_gap_waits_for_its_data_and_is_reported_at_the_end() {
    let run = run(&after_handshake(&[
        client(1000, "", b"head").ack(5000),
        client(1014, "", b"tail").ack(5000),
    ]));
    assert_eq!(run.out.client().bytes, b"headtail");
    assert_eq!(run.out.client().gaps, [(14, 10)]);
    assert!(run.out.client().ended);
    assert_eq!(run.out.ends(), [EndReason::InputEnd]);
    let counts = run.table.stream_counts();
    assert_eq!((counts.gaps, counts.gap_bytes), (1, 10));
}

#[test]
fn a_gap_is_given_up_when_the_receiver_has_the_bytes() {
    let segments = after_handshake(&[
        client(1010, "", b"tail").ack(5000),
        server(5000, "", b"answer").ack(1014),
        client(1000, "", b"late ones.").ack(5006),
    ]);
    let mut live = Run::new(FlowConfig::default());
    live.tcp(&segments);
    assert_eq!(live.out.client().bytes, b"tail");
    assert_eq!(live.out.client().gaps, [(10, 10)]);
    assert_eq!(live.out.server().bytes, b"answer");
    let config = with_reassembly(ReassemblyConfig {
        gap_on_acknowledgement: false,
        ..ReassemblyConfig::default()
    });
    assert_eq!(
        run_with(config, &segments).out.client().bytes,
        b"late ones.tail"
    );

    // Acknowledged before the data behind the gap is seen.
    let run = run(&after_handshake(&[
        server(5000, "", b"").ack(1014),
        client(1010, "", b"tail").ack(5000),
    ]));
    assert_eq!(run.out.client().gaps, [(10, 10)]);

    // Only the FIN is seen, and it is acknowledged.
    let mut live = Run::new(FlowConfig::default());
    live.tcp(&after_handshake(&[
        client(1000, "", b"x").ack(5000),
        client(1010, "F", b"").ack(5000),
        server(5000, "F", b"").ack(1011),
    ]));
    assert!(live.out.client().ended);
    assert_eq!(live.out.client().gaps, [(10, 9)]);
}

#[test]
fn limits_on_what_waits_give_up_the_gap() {
    for reassembly in [
        ReassemblyConfig {
            direction_segments: 3,
            ..ReassemblyConfig::default()
        },
        ReassemblyConfig {
            direction_bytes: 3 * (64 + 2),
            ..ReassemblyConfig::default()
        },
        ReassemblyConfig {
            total_bytes: 3 * (64 + 2),
            ..ReassemblyConfig::default()
        },
    ] {
        let mut live = Run::new(with_reassembly(reassembly));
        live.tcp(&after_handshake(&[
            client(1010, "", b"aa").ack(5000),
            client(1020, "", b"bb").ack(5000),
            client(1022, "", b"cc").ack(5000),
        ]));
        assert_eq!(live.out.client().bytes, b"");
        live.tcp(&[client(1030, "", b"dd").ack(5000)]);
        assert!(live.out.client().bytes.starts_with(b"aa"));
        assert!(live.table.buffered_bytes() <= 3 * (64 + 2));
        live.finish();
        assert_eq!(live.out.client().bytes, b"aabbccdd");
    }
}

#[test]
fn what_waits_too_long_is_given_up() {
    let mut live = Run::new(with_reassembly(ReassemblyConfig {
        wait: Duration::from_secs(2),
        ..ReassemblyConfig::default()
    }));
    live.tcp(&after_handshake(&[client(1010, "", b"aa").ack(5000)]));
    live.wait(SECOND).tcp(&[client(1020, "", b"bb").ack(5000)]);
    assert_eq!(live.out.client().bytes, b"");
    live.wait(SECOND).tcp(&[server(5000, "", b"hi").ack(1000)]);
    assert_eq!(live.out.client().bytes, b"aabb");
    assert_eq!(live.out.client().gaps, [(10, 10), (20, 8)]);
}

#[test]
fn midstream_pick_up() {
    let run = run(&[
        server(5000, "", b"of the server").ack(1000),
        client(1004, "", b"later").ack(5013),
        client(1000, "", b"then").ack(5013),
    ]);
    // The side whose port is no server's counts as the opener; its direction begins where it
    // was acknowledged.
    assert_eq!(run.out.news[0].flow.src.port, Some(4000));
    assert_eq!(run.out.server().bytes, b"of the server");
    assert_eq!(run.out.client().bytes, b"thenlater");
    assert_eq!(run.out.client().gaps, []);

    // Where the ports do not tell, the sender of the first packet does.
    let mut both = Run::new(FlowConfig {
        server_ports: vec![4000],
        ..FlowConfig::default()
    });
    both.tcp(&[server(5000, "", b"first").ack(1000)]);
    assert_eq!(both.out.news[0].flow.src.port, Some(80));

    // An answered SYN that was not captured still tells who opened.
    let run = super::streams::run(&[
        server(4999, "S", b"").ack(1000),
        client(1000, "", b"hello").ack(5000),
    ]);
    assert_eq!(run.out.news[0].flow.src.port, Some(4000));
    assert_eq!(run.out.client().bytes, b"hello");
}

#[test]
fn resets() {
    let mut live = Run::new(FlowConfig::default());
    live.tcp(&after_handshake(&[
        client(1000, "", b"x").ack(5000),
        client(1003, "", b"waits").ack(5000),
        server(5000 + 300_000, "R", b""),
        server(4000, "R", b""),
    ]));
    assert_eq!(live.table.stream_counts().ignored_resets, 2);
    assert_eq!(live.out.client().bytes, b"x");
    live.tcp(&[
        server(5000, "R", b"").ack(1001),
        client(1008, "", b"y").ack(5000),
    ]);
    assert_eq!(live.out.client().bytes, b"xwaits");
    assert_eq!(live.out.client().gaps, [(3, 2)]);
    assert!(live.out.client().ended);
    assert_eq!(live.table.stream_counts().after_end_bytes, 1);
    live.finish();
    assert_eq!(live.out.ends(), [EndReason::Reset]);
    assert_eq!(live.reported(), 9);

    // A refused connection: nothing was ever sent, so no chunk is put out.
    let run = run(&[client(999, "S", b""), server(0, "R", b"").ack(1000)]);
    assert_eq!(run.out.ends(), [EndReason::Reset]);
    assert!(run.out.sides.is_empty());
}

#[test]
fn keep_alives_and_window_probes() {
    let run = run(&after_handshake(&[
        client(1000, "", b"data").ack(5000),
        client(1003, "", b"").ack(5000),
        client(1003, "", b"a").ack(5000),
        server(5000, "", b"").ack(1004).window(0),
        client(1004, "", b"p").ack(5000),
        client(1004, "", b"probed").ack(5000),
    ]));
    assert_eq!(run.out.client().bytes, b"dataprobed");
    assert_eq!(run.out.client().gaps, []);
}

#[test]
fn data_outside_of_the_window_is_ignored() {
    let run = run(&after_handshake(&[
        server(5000, "", b"").ack(1000).window(1000),
        client(1000 + 200_000, "", b"forged").ack(5000),
        client(1000 + 200_000, "F", b"").ack(5000),
        client(1000, "", b"real").ack(5000),
    ]));
    assert_eq!(run.out.client().bytes, b"real");
    assert_eq!(run.out.client().gaps, []);
    assert_eq!(run.table.stream_counts().out_of_window, 1);
}

#[test]
fn a_forged_syn_does_not_move_a_stream() {
    let run = run(&after_handshake(&[
        client(777_777, "S", b""),
        client(1000, "", b"real").ack(5000),
        client(999, "S", b""),
        client(1004, "", b" data").ack(5000),
    ]));
    assert_eq!(run.out.client().bytes, b"real data");
    assert_eq!(run.out.news.len(), 2);
    assert_eq!(run.out.news[1].syn_only + run.out.news[0].syn_only, 3);
}

#[test]
fn data_after_a_forged_end_is_followed_as_a_new_flow() {
    for forged in [
        client(1004, "F", b"").ack(5000),
        client(1004, "R", b"").ack(5000),
    ] {
        let run = run(&after_handshake(&[
            client(1000, "", b"good").ack(5000),
            forged,
            server(5000, "", b"").ack(1004),
            client(1004, "", b"evil").ack(5000),
            server(5000, "", b"done").ack(1008),
        ]));
        assert_eq!(run.out.sides[&0][0].bytes, b"good");
        assert_eq!(run.out.sides[&1][0].bytes, b"evil");
        assert_eq!(run.out.sides[&1][1].bytes, b"done");
        let number = run.out.news.iter().filter(|n| n.end.is_some()).count();
        assert_eq!(number, 2);
    }
    // What the other side sends after a true reset is nothing of the kind.
    let run = run(&after_handshake(&[
        client(1000, "R", b"").ack(5000),
        server(5000, "", b"in flight").ack(1000),
    ]));
    assert_eq!(run.out.ends(), [EndReason::Reset]);
    assert!(run.out.sides.is_empty());
}

#[test]
fn ports_used_again_make_a_new_flow() {
    // After a close, by the SYN alone.
    let run = run(&after_handshake(&[
        client(1000, "F", b"one").ack(5000),
        server(5000, "F", b"").ack(1004),
        client(9000, "S", b""),
        client(9001, "", b"two"),
    ]));
    assert_eq!(run.out.ends(), [EndReason::Finished, EndReason::InputEnd]);
    assert_eq!(run.out.sides[&0][0].bytes, b"one");
    assert_eq!(run.out.sides[&1][0].bytes, b"two");

    // Without a close in the capture, when the server agrees.
    let run = super::streams::run(&after_handshake(&[
        client(1000, "", b"one").ack(5000),
        client(700_000, "S", b""),
        server(800_000, "S", b"").ack(700_001),
        client(700_001, "", b"two").ack(800_001),
    ]));
    assert_eq!(run.out.ends(), [EndReason::Replaced, EndReason::InputEnd]);
    assert_eq!(run.out.sides[&1][0].bytes, b"two");
    assert_eq!(run.out.news[2].flow.src.port, Some(4000));

    // A second try with another number before any answer is the same flow.
    let run = super::streams::run(&[
        client(100, "S", b""),
        client(900, "S", b""),
        server(4999, "S", b"").ack(901),
        client(901, "", b"data").ack(5000),
    ]);
    assert_eq!(run.out.client().bytes, b"data");
    assert_eq!(run.out.ends(), [EndReason::InputEnd]);
}

#[test]
fn data_with_the_syn_and_data_behind_the_fin() {
    let run = run(&[
        client(999, "S", b"early"),
        client(1005, "F", b"!").ack(1),
        client(1003, "", b"lyX").ack(1),
        client(1006, "", b"K").ack(1),
    ]);
    assert_eq!(run.out.client().bytes, b"early!");
    assert!(run.out.client().ended);
    assert_eq!(run.table.stream_counts().after_end_bytes, 4);

    // The FIN comes ahead of order, and so does data behind it.
    let run = super::streams::run(&after_handshake(&[
        client(1004, "F", b"end").ack(5000),
        client(1004, "", b"endless").ack(5000),
        client(1000, "", b"the ").ack(5000),
    ]));
    assert_eq!(run.out.client().bytes, b"the end");
    assert!(run.out.client().ended);
}

#[test]
fn bytes_cut_off_by_the_capture_are_a_gap() {
    let mut live = Run::new(FlowConfig::default());
    live.tcp(&handshake());
    let whole = client(1000, "", b"0123456789").ack(5000).bytes();
    live.raw(&whole[..whole.len() - 4]);
    live.tcp(&[client(1010, "F", b"next").ack(5000)]).finish();
    assert_eq!(live.out.client().bytes, b"012345next");
    assert_eq!(live.out.client().gaps, [(10, 4)]);
    assert_eq!(live.table.stream_counts().cut_bytes, 4);

    // At the end of a stream, the end says so.
    let mut live = Run::new(FlowConfig::default());
    live.tcp(&handshake());
    live.raw(&whole[..whole.len() - 4]).finish();
    assert_eq!(live.out.client().gaps, [(10, 4)]);
    assert!(live.out.client().ended);
}

#[test]
fn first_bytes_are_in_stream_order_and_of_who_spoke_first() {
    let mut live = Run::new(FlowConfig::default());
    live.tcp(&after_handshake(&[
        server(5004, "", b"banner").ack(1000),
        client(1000, "", b"early client").ack(5000),
        server(5000, "", b"220 ").ack(1012),
        server(5010, "", &[b'x'; 100]).ack(1012),
    ]))
    .finish();
    assert_eq!(live.out.news[1].first_bytes, b"early client");
    let mut live = Run::new(FlowConfig::default());
    live.tcp(&after_handshake(&[
        server(5000, "", b"220 ").ack(1000),
        server(5004, "", &[b'x'; 100]).ack(1000),
    ]))
    .finish();
    let first = &live.out.news[1].first_bytes;
    assert_eq!((first.len(), &first[..5]), (64, &b"220 x"[..]));
}
