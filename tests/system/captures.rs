//! The captures hold what their README says, according to tshark.

use std::collections::BTreeSet;

use palisade_tests::{Tshark, capture, captures, root, tshark_count};

/// Checks that fields have at least these values somewhere in a capture.
fn has(tshark: &Tshark, field: &str, expected: &[&str]) {
    let Some(rows) = tshark.fields(field, &[field]) else {
        return;
    };
    let found: BTreeSet<_> = rows.into_iter().flatten().flatten().collect();
    for value in expected {
        assert!(
            found.contains(*value),
            "{tshark:?}: {field} has no {value}, but {found:?}"
        );
    }
}

fn own(name: &str) -> Tshark {
    Tshark::new(capture(name))
}

#[test]
fn every_capture_is_in_the_readme_and_all_are_small() {
    let readme = std::fs::read_to_string(root().join("tests/captures/README.md")).unwrap();
    let mut bytes = 0;
    for path in captures() {
        let name = path.file_name().unwrap().to_str().unwrap();
        let listed = readme.contains(&format!("`{name}`"))
            || name.starts_with("link-") && readme.contains("`link-*.pcap`");
        assert!(listed, "tests/captures/README.md does not mention {name}");
        bytes += path.metadata().unwrap().len();
    }
    assert!(bytes < 2_000_000, "{bytes} bytes of captures");
}

/// Lists the protocols of every capture, for whoever compares: `cargo test -p palisade-tests
/// protocols -- --nocapture`.
#[test]
#[expect(clippy::print_stdout, reason = "the list is for the reader")]
fn every_capture_has_the_protocols_it_is_named_for() {
    for path in captures() {
        let name = path.file_name().unwrap().to_str().unwrap();
        let Some(protocols) = Tshark::new(&path).protocols() else {
            return;
        };
        let list: Vec<_> = protocols
            .iter()
            .map(|(protocol, frames)| format!("{protocol} {frames}"))
            .collect();
        println!("{name}: {}", list.join(", "));
        let expected = match name.split(['-', '.']).next().unwrap() {
            "busy" | "link" | "midstream" | "damaged" => "http",
            "flood" | "scan" => "tcp",
            "fragments" => "coap",
            "plant" => "modbus",
            // Ports mislead tshark in these; see below.
            _ if name.contains("-on-") => "ip",
            "coap" if name == "coap-dtls.pcap" => "dtls",
            "mqtt" if name == "mqtt-tls.pcap" => "tls",
            protocol => protocol,
        };
        assert!(protocols.contains_key(expected), "{name}: no {expected}");
    }
}

#[test]
fn mqtt_has_all_versions_and_packet_types() {
    let mqtt = own("mqtt.pcap").decode_as("tcp.port==1884,mqtt");
    has(&mqtt, "mqtt.ver", &["3", "4", "5"]);
    let types: Vec<_> = (1..=14).map(|number| number.to_string()).collect();
    let types: Vec<_> = types.iter().map(String::as_str).collect();
    has(&mqtt, "mqtt.msgtype", &types);
    has(&mqtt, "mqtt.qos", &["0", "1", "2"]);
    has(&mqtt, "mqtt.username", &["d-9"]);
    let clear = own("mqtt-on-tls-port.pcap").decode_as("tcp.port==8883,mqtt");
    has(&clear, "mqtt.clientid", &["d11"]);
}

#[test]
fn coap_has_all_methods_over_every_transport() {
    // GET, POST, PUT, DELETE; Created, Deleted, Changed, Content, Continue; Bad Option,
    // Not Found.
    let codes = [
        "1", "2", "3", "4", "65", "66", "68", "69", "95", "130", "132",
    ];
    let coap = own("coap.pcap");
    has(&coap, "coap.code", &codes);
    has(&coap, "coap.type", &["0", "1", "2"]);
    has(&coap, "coap.opt.uri_path", &[".well-known", "sensors"]);
    has(
        &own("coap-on-dtls-port.pcap").decode_as("udp.port==5684,coap"),
        "coap.opt.uri_path",
        &["time"],
    );
    has(&own("coap-tcp.pcap"), "coap.code", &["225", "1", "69"]);
    let dtls = own("dtls-on-coap-port.pcap").decode_as("udp.port==5683,dtls");
    has(&dtls, "dtls.record.content_type", &["22", "20", "23", "21"]);
    if let Some(fragments) = tshark_count(
        capture("fragments.pcap"),
        "ip.flags.mf == 1 || ip.frag_offset > 0",
    ) {
        assert!(fragments > 20, "{fragments} fragments");
    }
}

#[test]
fn modbus_has_fifteen_functions_and_exceptions() {
    let modbus = own("modbus.pcap");
    let functions = [
        "1", "2", "3", "4", "5", "6", "7", "8", "15", "16", "17", "22", "23", "24", "43",
    ];
    has(&modbus, "modbus.func_code", &functions);
    has(&modbus, "mbtcp.unit_id", &["1", "7", "9"]);
    has(&modbus, "modbus.exception_code", &["2"]);
    let Some(requests) = modbus.occurrences("tcp.dstport == 502", "mbtcp.trans_id") else {
        return;
    };
    let frames = modbus.count("mbtcp && tcp.dstport == 502").unwrap();
    assert!(requests > frames, "{requests} requests in {frames} frames");
}

#[test]
fn http_has_requests_and_answers_of_every_form() {
    let http = own("http.pcap");
    has(
        &http,
        "http.request.method",
        &["GET", "HEAD", "POST", "PUT"],
    );
    has(
        &http,
        "http.response.code",
        &["100", "103", "200", "204", "206", "400", "404"],
    );
    let upgrade = own("http-upgrade.pcap");
    has(&upgrade, "http.response.code", &["101"]);
    has(&upgrade, "http.request.method", &["CONNECT"]);
    has(&upgrade, "http2.type", &["1"]);
    has(&own("http-redirect.pcap"), "http.response.code", &["301"]);
    let clear = own("http-on-443.pcap").decode_as("tcp.port==443,http");
    has(&clear, "http.request.method", &["GET"]);
    let tls = own("tls-on-80.pcap").decode_as("tcp.port==80,tls");
    has(&tls, "tls.handshake.type", &["1", "2"]);
}

#[test]
fn dns_has_types_and_errors_over_both_transports() {
    let dns = own("dns.pcap");
    let types = ["1", "28", "15", "33", "16", "12", "257", "255"];
    has(&dns, "dns.qry.type", &types);
    has(&dns, "dns.flags.rcode", &["0", "3", "5"]);
    has(&dns, "dns.qry.name", &["c2.malware.example"]);
    for (filter, what) in [
        ("dns && tcp", "over TCP"),
        ("dns.flags.truncated == 1 && udp", "cut off"),
        ("dns && ipv6", "over IPv6"),
    ] {
        if let Some(count) = dns.count(filter) {
            assert!(count > 0, "no DNS {what}");
        }
    }
}

#[test]
fn tls_has_versions_ciphers_and_refusals() {
    let version = |name, versions| {
        let tls = own(name);
        has(&tls, "tls.handshake.version", versions);
        tls
    };
    let tls = version("tls.pcap", &["0x0303"]);
    has(
        &tls,
        "tls.handshake.extensions.supported_version",
        &["0x0304"],
    );
    has(
        &tls,
        "tls.handshake.extensions_server_name",
        &["platform.example"],
    );
    has(&tls, "tls.alert_message.level", &["2"]);
    let weak = version("tls-weak.pcap", &["0x0301", "0x0302", "0x0303"]);
    let server = "tls.handshake.type == 2";
    let Some(rows) = weak.fields(server, &["tls.handshake.ciphersuite"]) else {
        return;
    };
    let chosen: BTreeSet<_> = rows.into_iter().flatten().flatten().collect();
    // NULL with SHA-256, NULL with SHA, ECDHE with NULL, anonymous.
    for cipher in ["0x003b", "0x0002", "0xc010", "0x00a6"] {
        assert!(chosen.contains(cipher), "no {cipher} in {chosen:?}");
    }
}

#[test]
fn attacks_look_like_attacks() {
    for (name, filter, at_least) in [
        ("flood.pcap", "tcp.flags == 0x002", 700),
        ("flood.pcap", "udp", 500),
        ("scan.pcap", "tcp.flags == 0x002 && ip.dst == 10.9.0.1", 200),
        ("scan.pcap", "tcp.flags == 0x002 && ip.dst != 10.9.0.1", 20),
        ("busy.pcap", "http.response.code == 200", 50),
    ] {
        if let Some(count) = tshark_count(capture(name), filter) {
            assert!(count >= at_least, "{name}: {count} frames with {filter}");
        }
    }
}

#[test]
fn links_differ_and_carry_the_same_requests() {
    for name in [
        "link-ethernet.pcap",
        "link-vlan.pcap",
        "link-qinq.pcap",
        "link-cooked-v1.pcap",
        "link-cooked-v2.pcap",
        "link-nanoseconds.pcap",
        "link-pcapng.pcapng",
    ] {
        if let Some(requests) = tshark_count(capture(name), "http.request") {
            assert_eq!(requests, 2, "{name}");
        }
    }
    has(&own("link-vlan.pcap"), "vlan.id", &["40"]);
    has(&own("link-qinq.pcap"), "vlan.id", &["40"]);
    has(&own("link-qinq.pcap"), "ieee8021ad.id", &["7"]);
    for (name, filter) in [
        ("damaged-raw.pcap", "tcp.analysis.out_of_order"),
        ("damaged-raw.pcap", "tcp.analysis.retransmission"),
        ("link-offload.pcap", "frame.len > 1514"),
        ("link-snaplen.pcap", "frame.cap_len < frame.len"),
    ] {
        if let Some(count) = tshark_count(capture(name), filter) {
            assert!(count > 0, "{name}: no frame with {filter}");
        }
    }
}
