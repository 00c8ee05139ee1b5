//! Requirements that more than one plugin has a part in, from packets or flows to findings.

use std::path::Path;

use serde_json::Value;

use super::{examples, lines};
use crate::recording::{Ends, Recording, Side};
use crate::run::run;

/// An example of bytes as a capture: the flow of its event with its first bytes.
fn recorded(event: &Value, path: &Path) {
    let end = |side: &str| {
        format!(
            "{}:{}",
            event[side]["ip"].as_str().expect("an address"),
            event[side]["port"]
        )
        .parse()
        .expect("an address and a port")
    };
    let bytes: Vec<u8> = event["first_bytes"]
        .as_str()
        .expect("bytes")
        .split(' ')
        .map(|byte| u8::from_str_radix(byte, 16).expect("hexadecimal"))
        .collect();
    let time: jiff::Timestamp = event["time"]
        .as_str()
        .expect("a time")
        .parse()
        .expect("RFC 3339");
    let mut recording = Recording::new(u32::try_from(time.as_second()).expect("before 2106"));
    let (ends, said) = (Ends(end("src"), end("dst")), [(Side::Client, bytes)]);
    match event["transport"].as_str() {
        Some("udp") => recording.udp(ends, &said),
        _ => {
            recording.tcp(ends, &said);
        }
    }
    recording.write(path);
}

#[test]
fn parsers_say_of_the_bytes_of_examples_what_their_vectors_take_for_granted() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [capture, networks, settings, file] = [
        "flow.pcap",
        "networks.toml",
        "settings.toml",
        "events.ndjson",
    ]
    .map(|name| folder.path().join(name));
    let mut tried = 0;
    for example in examples() {
        let Some(given) = example
            .events
            .iter()
            .find(|event| event["first_bytes"].is_string())
        else {
            continue;
        };
        let name = example.name();
        recorded(given, &capture);
        let own = example.vector.join("settings.toml");
        let own = std::fs::read_to_string(own).unwrap_or_default();
        std::fs::write(&settings, format!("[cleartext]\n{own}")).expect("a file can be written");
        // Who the device is and what is the platform's, the operator says.
        let device = given["owner"]["device"].as_str().expect("a device");
        let source = given["src"]["ip"].as_str().expect("an address");
        let lateral = given["direction"] == "lateral";
        let own = if lateral {
            "10.50.4.0/24"
        } else {
            "10.9.0.0/16"
        };
        let text = format!(
            "[[network]]\ncidr = \"{source}/32\"\ndevice = \"{device}\"\nlocal = {lateral}\n\
             [[network]]\ncidr = \"{own}\"\n"
        );
        std::fs::write(&networks, text).expect("a file can be written");
        let paths = [&networks, &settings, &file].map(|path| path.to_str().expect("UTF-8"));
        let options = [
            "--networks",
            paths[0],
            "--settings",
            paths[1],
            "--events",
            paths[2],
        ];
        let Some((findings, summary)) = run(&[&capture], &options) else {
            return;
        };
        assert_eq!(
            summary["unparsed"].as_u64().unwrap_or(0),
            0,
            "{name}: {summary}"
        );
        let events = lines(&std::fs::read_to_string(&file).expect("events are there"));
        let flow = events.iter().find(|e| e["phase"] == "recognised");
        let flow = flow.unwrap_or_else(|| panic!("{name}: nobody recognised it: {events:?}"));
        let vector = example.input();
        for field in [
            "app_proto",
            "encrypted",
            "owner",
            "direction",
            "src",
            "dst",
            "transport",
        ] {
            assert_eq!(flow[field], vector[0][field], "{name}: {field}");
        }
        if let Some((_, client)) = example.expect.split_once("client ") {
            let client = client.split(' ').next().unwrap_or_default();
            let connect = events.iter().find(|event| event["operation"] == "connect");
            let connect = connect.unwrap_or_else(|| panic!("{name}: {events:?}"));
            assert_eq!(connect["attributes"]["mqtt.client-id"], client, "{name}");
        }
        if example.expect.starts_with("parsed and logged") {
            let read = events
                .iter()
                .find(|event| event["kind"] == "device.message");
            let read = read.unwrap_or_else(|| panic!("{name}: {events:?}"));
            assert_eq!(read["attributes"]["modbus.function"], 3, "{name}");
            assert_eq!(read["attributes"]["modbus.access"], "read", "{name}");
        }
        // What is found is what the vector expects.
        let found: Vec<_> = lines(&findings)
            .iter()
            .filter(|finding| {
                finding["rule"]
                    .as_str()
                    .is_some_and(|rule| rule.starts_with("IOT-2.3"))
            })
            .map(|finding| {
                (
                    finding["rule"].clone(),
                    finding["subject"].clone(),
                    finding["severity"].clone(),
                )
            })
            .collect();
        let wanted: Vec<_> = example
            .expected()
            .iter()
            .map(|finding| {
                (
                    finding["rule"].clone(),
                    finding["subject"].clone(),
                    finding["severity"].clone(),
                )
            })
            .collect();
        assert_eq!(found, wanted, "{name}: {findings}");
        tried += 1;
    }
    assert_eq!(tried, 4);
}

#[test]
fn a_device_that_stays_in_clear_is_quarantined_and_one_that_does_not_is_not() {
    let flow = |time: &str, device: u8, port: u16, protocol: &str| {
        format!(
            "{{\"kind\":\"network.flow\",\"time\":\"{time}\",\"phase\":\"recognised\",\
             \"owner\":{{\"device\":\"d-{device}\"}},\"src\":{{\"ip\":\"10.3.0.{device}\",\"port\":{port}}},\
             \"dst\":{{\"ip\":\"10.9.0.1\",\"port\":443}},\"transport\":\"tcp\",\"direction\":\"inbound\",\
             \"started\":\"{time}\",\"ended\":\"{time}\",\"pkts_in\":1,\"pkts_out\":1,\
             \"bytes_in\":1,\"bytes_out\":1,\"syn_only_pkts\":0,\"first_bytes\":\"\",\
             \"app_proto\":\"{protocol}\",\"encrypted\":{}}}\n",
            protocol == "tls"
        )
    };
    let input = [
        flow("2025-06-01T10:00:00+08:00", 1, 1, "http"),
        flow("2025-06-01T10:00:00+08:00", 2, 1, "http"),
        flow("2025-06-05T10:00:00+08:00", 2, 2, "http"),
        flow("2025-06-06T10:00:00+08:00", 1, 2, "tls"),
        flow("2025-06-08T10:00:01+08:00", 9, 1, "tls"),
    ]
    .concat();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("flows.ndjson");
    std::fs::write(&path, input).expect("a file can be written");
    let Some((findings, summary)) = run(&[&path], &[]) else {
        return;
    };
    assert_eq!(summary["bad_records"], 0, "{summary}");
    let findings = lines(&findings);
    let due: Vec<_> = findings
        .iter()
        .filter(|finding| finding["rule"] == "IOT-2.3b-duty")
        .map(|finding| {
            (
                finding["subject"].as_str(),
                finding["actions"][0]["action"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        due,
        [
            (Some("device:d-1"), Some("discharge-obligation")),
            (Some("device:d-2"), Some("quarantine")),
        ],
        "{findings:?}"
    );
}
