//! The flow table: orientation, phases, times, limits.

use std::sync::Arc;
use std::time::Duration;

use etherparse::PacketBuilder;
use palisade_capture::flow::{EndReason, FlowConfig, Phase, Recognition, TransportKind};
use palisade_capture::{LinkType, Reject};

use crate::build::{CLIENT, SECOND, SERVER, client, packet, server, udp};
use crate::record::Run;

fn query(payload: &[u8]) -> Vec<u8> {
    udp(CLIENT, SERVER, (5000, 53), payload)
}

fn answer(payload: &[u8]) -> Vec<u8> {
    udp(SERVER, CLIENT, (53, 5000), payload)
}

#[test]
fn udp_datagrams_are_chunks() {
    let mut run = Run::new(FlowConfig::default());
    run.raw(&query(b"question"))
        .raw(&answer(b"answer"))
        .raw(&query(b""))
        .raw(&query(b"more")[..30])
        .finish();
    assert_eq!(run.out.client().bytes, b"questionmo");
    assert_eq!((run.out.client().chunks, run.out.client().cut), (2, 2));
    assert_eq!(run.out.server().bytes, b"answer");
    assert_eq!(run.out.phases(), [Phase::Start, Phase::End]);
    let start = &run.out.news[0];
    assert_eq!(start.first_bytes, b"question");
    assert_eq!((start.to_server.packets, start.to_server.bytes), (1, 36));
    assert_eq!(start.flow.transport, TransportKind::Udp);
    let end = &run.out.news[1];
    assert_eq!(end.first_bytes, b"question");
    assert_eq!((end.to_server.packets, end.to_client.packets), (2, 1));
    assert_eq!(end.to_client.bytes, 34);
    assert_eq!(end.ended, run.time);
}

#[test]
fn icmp_and_other_protocols_are_flows() {
    let mut ping = Vec::new();
    PacketBuilder::ipv4(CLIENT, SERVER, 64)
        .icmpv4_echo_request(1, 1)
        .write(&mut ping, b"abc")
        .unwrap();
    let mut pong = Vec::new();
    PacketBuilder::ipv4(SERVER, CLIENT, 64)
        .icmpv4_echo_reply(1, 1)
        .write(&mut pong, b"abc")
        .unwrap();
    let mut gre = pong.clone();
    gre[9] = 47;
    let mut run = Run::new(FlowConfig::default());
    run.raw(&ping).raw(&pong).raw(&ping).raw(&gre).finish();
    assert_eq!(
        run.out.phases(),
        [Phase::Start, Phase::Start, Phase::End, Phase::End]
    );
    let [ping, gre, end, _] = &run.out.news[..] else {
        panic!("four news")
    };
    assert_eq!(ping.flow.transport, TransportKind::Icmp);
    assert_eq!((ping.flow.icmp(), ping.flow.src.port), (Some((8, 0)), None));
    assert_eq!((end.to_server.packets, end.to_client.packets), (1, 1));
    assert_eq!(
        (gre.flow.transport, gre.flow.protocol),
        (TransportKind::Other, 47)
    );
    assert!(run.out.sides.is_empty());
}

#[test]
fn vlans_tell_flows_apart_unless_told_otherwise() {
    for (vlan_in_key, flows) in [(true, 2), (false, 1)] {
        let mut run = Run::new(FlowConfig {
            vlan_in_key,
            ..FlowConfig::default()
        });
        for vlan in [7_u8, 9] {
            let mut frame = vec![0; 12];
            frame.extend([0x81, 0, 0, vlan, 8, 0]);
            frame.extend(query(b"q"));
            run.packet(&packet(1, SECOND, LinkType::ETHERNET, &frame));
        }
        assert_eq!(run.table.len(), flows);
        let vlans: Vec<u16> = run.out.news[0].flow.vlans.iter().collect();
        assert_eq!(vlans, [7]);
    }
}

#[test]
fn updates_come_when_counts_have_waited_and_only_then() {
    let mut run = Run::new(FlowConfig::default());
    let begin = run.time;
    run.raw(&query(b"1"));
    run.wait(20 * SECOND).raw(&answer(b"2"));
    // Nothing was left to report in between.
    assert_eq!(run.out.phases(), [Phase::Start]);
    run.wait(9 * SECOND).raw(&query(b"3"));
    assert_eq!(run.out.phases(), [Phase::Start]);
    run.wait(2 * SECOND).raw(&query(b"4"));
    assert_eq!(run.out.phases(), [Phase::Start, Phase::Update]);
    let update = &run.out.news[1];
    // Ten seconds after the first packet that it reports.
    assert_eq!(update.time, begin + 30 * SECOND + 2_000_000);
    assert_eq!((update.to_server.packets, update.to_client.packets), (1, 1));
    assert_eq!(update.packet, 4);
    run.finish();
    assert_eq!(run.reported(), 4);
}

#[test]
fn flows_end_when_idle_each_kind_by_its_own_time() {
    let mut run = Run::new(FlowConfig::default());
    run.raw(&query(b"q"));
    run.tcp(&[client(1, "S", b"")]);
    let last = run.time;
    run.wait(59 * SECOND).raw(&udp(CLIENT, SERVER, (1, 2), b""));
    assert_eq!(run.out.ends(), []);
    run.wait(2 * SECOND).raw(&udp(CLIENT, SERVER, (1, 2), b""));
    assert_eq!(run.out.ends(), [EndReason::Idle; 2]);
    let end = run.out.news.iter().find(|n| n.phase == Phase::End).unwrap();
    assert_eq!(end.time, last - 1_000_000 + 60 * SECOND);
    assert_eq!(end.ended, last - 1_000_000);

    // An open connection lasts longer; closed ones linger for a little.
    let mut run = Run::new(FlowConfig::default());
    run.tcp(&[client(1, "S", b""), server(1, "S", b"").ack(2)]);
    run.wait(299 * SECOND).tcp(&[client(2, "", b"x").ack(2)]);
    run.wait(299 * SECOND).tcp(&[client(3, "R", b"").ack(2)]);
    run.wait(4 * SECOND).tcp(&[server(2, "", b"").ack(3)]);
    assert_eq!(run.out.ends(), []);
    run.wait(6 * SECOND).raw(&query(b""));
    assert_eq!(run.out.ends(), [EndReason::Reset]);

    // A packet after the idle time is a new flow, even if nothing else moved the clock.
    let mut run = Run::new(FlowConfig::default());
    run.raw(&query(b"1"))
        .wait(61 * SECOND)
        .raw(&query(b"2"))
        .finish();
    assert_eq!(run.out.ends(), [EndReason::Idle, EndReason::InputEnd]);
    let ids: Vec<u64> = run.out.news.iter().map(|n| n.flow.id).collect();
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[1], ids[2]);
}

#[test]
fn time_that_goes_back_does_not_move_the_clock() {
    let mut run = Run::new(FlowConfig::default());
    run.packet(&packet(1, 500 * SECOND, LinkType::RAW, &query(b"1")));
    run.packet(&packet(2, 100 * SECOND, LinkType::RAW, &query(b"2")));
    run.packet(&packet(
        3,
        90 * SECOND,
        LinkType::RAW,
        &udp(CLIENT, SERVER, (9, 9), b""),
    ));
    assert_eq!(run.table.now(), 500 * SECOND);
    assert_eq!(run.out.ends(), []);
    assert_eq!(run.out.news[1].time, 90 * SECOND);
    assert_eq!(run.out.news[1].flow.started, 90 * SECOND);
    // A time far in the future ends everything once, quickly.
    run.packet(&packet(4, u64::MAX, LinkType::RAW, &query(b"3")));
    assert_eq!(run.out.ends(), [EndReason::Idle; 2]);
    run.packet(&packet(5, 500 * SECOND, LinkType::RAW, &query(b"4")));
    run.finish();
    assert_eq!(run.reported(), 5);
    assert_eq!(
        run.out
            .news
            .iter()
            .filter(|n| n.phase == Phase::Start)
            .count(),
        3
    );
}

#[test]
fn a_flood_makes_room_at_its_own_cost() {
    let mut run = Run::new(FlowConfig {
        max_flows: 10,
        ..FlowConfig::default()
    });
    for host in 1..=3 {
        run.raw(&udp([10, 1, 0, host], SERVER, (1, 2), b"service"));
    }
    let mut syn = client(1, "S", b"").bytes();
    for host in 0..100 {
        syn[15] = host;
        run.raw(&syn);
    }
    assert_eq!(run.table.len(), 10);
    assert_eq!(run.table.flow_counts().evicted, 93);
    run.finish();
    let evicted: Vec<_> = run
        .out
        .news
        .iter()
        .filter(|n| n.end == Some(EndReason::Evicted))
        .collect();
    assert!(
        evicted
            .iter()
            .all(|n| n.flow.transport == TransportKind::Tcp)
    );
    // The oldest of the flood went first.
    assert_eq!(evicted[0].flow.src.address.to_string(), "10.0.0.0");
    assert_eq!(run.reported(), 103);
    assert_eq!(run.table.flow_counts().started, 103);
    assert_eq!(run.table.flow_counts().ended, 103);
}

#[test]
fn recognition_is_told_and_carried_on() {
    let mut run = Run::new(FlowConfig::default());
    run.raw(&query(b"q"));
    let handle = run.out.news[0].flow.handle;
    let dns = Recognition {
        app_proto: Arc::from("dns"),
        encrypted: Some(false),
    };
    assert!(
        run.table
            .recognise(handle, dns.clone(), 77, 1, &mut run.out)
    );
    assert!(
        !run.table
            .recognise(handle, dns.clone(), 78, 1, &mut run.out)
    );
    assert!(run.table.state_mut(handle).is_some());
    run.raw(&answer(b"a")).finish();
    assert_eq!(
        run.out.phases(),
        [Phase::Start, Phase::Recognised, Phase::End]
    );
    let spoken: Vec<_> = run
        .out
        .news
        .iter()
        .map(|n| n.app_proto.as_deref())
        .collect();
    assert_eq!(spoken, [None, Some("dns"), Some("dns")]);
    assert_eq!(run.out.news[1].time, 77);
    assert_eq!(run.reported(), 2);

    // The slot is used again, the handle is not.
    run.raw(&query(b"q"));
    let next = run.out.news.last().unwrap().flow.handle;
    assert_ne!(handle, next);
    assert!(!run.table.recognise(handle, dns, 79, 3, &mut run.out));
    assert!(run.table.state_mut(handle).is_none());
}

#[test]
fn what_is_left_out_is_counted() {
    let mut run = Run::new(FlowConfig::default());
    let mut send = |link: u16, data: &[u8]| run.packet(&packet(1, 1, LinkType(link), data));
    send(147, b"?");
    send(1, &[&[0; 12][..], &[8, 6], &[0; 28]].concat());
    send(1, &[0; 5]);
    send(101, &query(b"")[..12]);
    send(101, &query(b"")[..24]);
    send(101, &[0x4f; 20]);
    send(101, &[0x70; 20]);
    send(101, &query(b"fine"));
    let counts = *run.table.packet_counts();
    assert_eq!(counts.rejected(Reject::UnknownLink), 1);
    assert_eq!(counts.rejected(Reject::NotIp), 1);
    assert_eq!(counts.rejected(Reject::TruncatedLink), 1);
    assert_eq!(counts.rejected(Reject::TruncatedNetwork), 2);
    assert_eq!(counts.rejected(Reject::TruncatedTransport), 1);
    assert_eq!(counts.rejected(Reject::BadNetwork), 1);
    assert_eq!(counts.accepted, 1);
    run.check();
}

#[test]
fn checksums_are_verified_only_when_asked() {
    for (verify_checksums, wrong) in [(false, 0), (true, 3)] {
        let mut run = Run::new(FlowConfig {
            verify_checksums,
            ..FlowConfig::default()
        });
        let mut v6 = Vec::new();
        PacketBuilder::ipv6([1; 16], [2; 16], 64)
            .udp(1, 2)
            .write(&mut v6, b"odd")
            .unwrap();
        for good in [client(1, "", b"seven b").bytes(), query(b"q"), v6] {
            run.raw(&good);
            run.raw(&good[..good.len() - 1]);
            let mut bad = good.clone();
            *bad.last_mut().unwrap() ^= 1;
            run.raw(&bad);
        }
        let mut none = query(b"no checksum");
        none[26..28].fill(0);
        run.raw(&none);
        let counts = run.table.packet_counts();
        assert_eq!(counts.rejected(Reject::BadChecksum), wrong);
    }
}

#[test]
fn waiting_data_is_freed_with_its_flow() {
    let mut run = Run::new(FlowConfig {
        tcp_idle: Duration::from_secs(1),
        ..FlowConfig::default()
    });
    run.tcp(&[client(1, "", b"x").ack(1), client(100, "", b"waits").ack(1)]);
    assert!(run.table.buffered_bytes() > 5);
    run.wait(2 * SECOND).raw(&query(b""));
    assert_eq!(run.table.buffered_bytes(), 0);
    assert_eq!(run.out.client().bytes, b"xwaits");
    assert_eq!(run.out.ends(), [EndReason::Idle]);
}
