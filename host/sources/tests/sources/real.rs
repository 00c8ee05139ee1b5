//! All of the real data arrives.

use palisade_events::{Body, Kind};

use crate::{attribute, data, read, read_with, source};
use palisade_sources::SourcePolicy;

#[test]
fn every_dns_event_of_zeek_arrives() {
    let Some(bytes) = data("zeek-json/dns.json.gz") else {
        return;
    };
    let outcome = read("dns.json.gz", &bytes);
    assert_eq!(outcome.counts.lines, 53_616);
    assert_eq!((outcome.counts.events, outcome.counts.bad), (53_615, 0));
    assert_eq!(outcome.counts.left_out, 0);
    let events = outcome.events();
    assert!(events.iter().all(|event| event.kind() == Kind::NetworkDns));
    let count = |keep: &dyn Fn(&palisade_events::NetworkDns) -> bool| {
        events
            .iter()
            .filter(|event| matches!(&event.body, Body::NetworkDns(dns) if keep(dns)))
            .count()
    };
    // What jq counts in the file.
    assert_eq!(count(&|dns| dns.qtype == "A"), 35_525);
    assert_eq!(count(&|dns| dns.qtype == "NBSTAT"), 3_834);
    assert_eq!(count(&|dns| dns.qtype == "ANY"), 64);
    assert_eq!(count(&|dns| dns.rcode.is_some()), 44_118);
    assert_eq!(count(&|dns| !dns.answers.is_empty()), 39_682);
    assert_eq!(count(&|dns| dns.flow.is_some()), 53_615);
    let first = &events[0];
    assert_eq!(
        first.envelope.time.to_string(),
        "2018-03-24T17:15:20.865716Z"
    );
    let Body::NetworkDns(dns) = &first.body else {
        panic!()
    };
    let answers: Vec<_> = dns
        .answers
        .iter()
        .map(|rr| format!("{} {} {} {}", rr.name, rr.rtype, rr.ttl, rr.rdata))
        .collect();
    assert_eq!(
        answers,
        [
            "ise.wrccdc.org CNAME 2230 ise.wrccdc.cpp.edu",
            "ise.wrccdc.cpp.edu A 41830 134.71.3.16"
        ]
    );
}

#[test]
fn other_logs_of_zeek_arrive() {
    for (file, lines, kind) in [
        ("ssl", 49_474, Kind::NetworkTls),
        ("modbus", 268, Kind::DeviceMessage),
        ("notice", 207, Kind::NetworkAlert),
    ] {
        let Some(bytes) = data(&format!("zeek-json/{file}.json.gz")) else {
            return;
        };
        let outcome = read("-", &bytes);
        assert_eq!(
            (outcome.counts.events, outcome.counts.bad),
            (lines, 0),
            "{file}"
        );
        assert!(outcome.batches.iter().all(|batch| batch.kind() == kind));
    }
}

#[test]
fn modbus_of_zeek_is_named_as_the_parser_does() {
    let Some(bytes) = data("zeek-json/modbus.json.gz") else {
        return;
    };
    let events = read("-", &bytes).events();
    let Body::DeviceMessage(first) = &events[0].body else {
        panic!()
    };
    assert_eq!(
        (&*first.protocol, &*first.operation),
        ("modbus", "user-defined")
    );
    assert_eq!(attribute(&events[0], "modbus.function"), Some(100.0.into()));
    assert_eq!(attribute(&events[0], "modbus.unit"), Some(34.0.into()));
    assert_eq!(
        attribute(&events[0], "modbus.transaction"),
        Some(31498.0.into())
    );
}

const EVE: [(&str, u64); 4] = [
    ("wrccdc-2018", 207),
    ("wrccdc-2017", 161),
    ("honeypot-2018", 44),
    ("first-org-conf-2015", 136),
];

#[test]
fn every_alert_of_the_eve_samples_arrives() {
    let mut sum = 0;
    for (folder, alerts) in EVE {
        let path = format!("eve/suricata-sample-data/samples/{folder}/alerts-only.json");
        let Some(bytes) = data(&path) else { return };
        let outcome = read(&path, &bytes);
        assert_eq!(
            (outcome.counts.events, outcome.counts.bad),
            (alerts, 0),
            "{folder}"
        );
        assert_eq!(outcome.counts.types["alert"].events, alerts);
        let raw: Vec<serde_json::Value> = serde_json::from_slice(&bytes).unwrap();
        for (event, raw) in outcome.events().iter().zip(&raw) {
            let Body::NetworkAlert(alert) = &event.body else {
                panic!()
            };
            assert_eq!(alert.signature, raw["alert"]["signature"].as_str().unwrap());
            assert_eq!(alert.signature_id, raw["alert"]["signature_id"].to_string());
            assert_eq!(alert.src.ip.to_string(), raw["src_ip"].as_str().unwrap());
            assert_eq!(
                u64::from(alert.dst.port.unwrap()),
                raw["dest_port"].as_u64().unwrap()
            );
            assert_eq!(
                Some(alert.flow.as_ref().unwrap().id),
                raw["flow_id"].as_u64()
            );
            let host = raw["http"]["hostname"].as_str().map(Into::into);
            assert_eq!(attribute(event, "http.hostname"), host);
        }
        sum += outcome.counts.events;
    }
    assert_eq!(sum, 548);
}

#[test]
fn the_size_of_batches_changes_nothing() {
    let path = "eve/suricata-sample-data/samples/first-org-conf-2015/alerts-only.json";
    let Some(bytes) = data(path) else { return };
    let whole = read(path, &bytes).events();
    for rows in [1, 7] {
        assert_eq!(
            read_with(path, &bytes, SourcePolicy::new(source()), rows).events(),
            whole
        );
    }
}

#[test]
fn reports_in_other_formats_are_refused_with_what_is_accepted() {
    let Some(bytes) = data("report/xarf/samples/v4/content-phishing.json") else {
        return;
    };
    let error = palisade_sources::open(
        "x.json",
        std::io::Cursor::new(bytes),
        &palisade_sources::Limits::default(),
    );
    let text = error.unwrap_err().to_string();
    assert!(
        text.contains("it is JSON, but") && text.contains("accepted are"),
        "{text}"
    );
}
