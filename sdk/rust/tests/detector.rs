//! A detector with tables, timers, datasets and rows, in the in-memory host.

use palisade_sdk::testing::{Harness, json};
use palisade_sdk::{
    Batch, Dataset, Detector, Finding, Fired, OnTimer, Settings, SettingsError, Severity, Table,
    export_detector, field, kinds, log, retract, time, timers,
};

const MANIFEST: &str = r#"
[plugin]
name = "sample"
capabilities = ["state", "timers", "datasets", "log"]
exports = ["on-timer"]

[[subscription]]
kind = "network.flow"
fields = ["src.ip", "dst.ip", "dst.port", "time", "event-ref", "transport", "bytes-out", "first-bytes", "owner.device", "encrypted"]

[[subscription]]
kind = "network.dns"
fields = ["qname", "answers.rdata", "answers.ttl"]

[[subscription]]
kind = "device.message"
fields = ["attributes.modbus.function", "attributes.modbus.unit"]

[[rule]]
id = "flood"
[[rule]]
id = "listed"
[[rule]]
id = "silent"

[[table]]
name = "flows"
kind = "count"
key = ["src.ip"]
window = "10s"
[[table]]
name = "volume"
kind = "sum"
key = ["src.ip"]
window = "1m"
[[table]]
name = "ports"
kind = "distinct"
key = ["src.ip"]
window = "1m"
[[table]]
name = "seen"
kind = "first"
key = ["owner.device"]
ttl = "1h"
[[table]]
name = "notes"
kind = "value"

[[dataset]]
name = "indicators"

[[setting]]
name = "limit"
type = "integer"
default = 3
"#;

struct Sample {
    limit: u64,
}

const FLOWS: Table = Table(0);
const NOTES: Table = Table(4);
const INDICATORS: Dataset = Dataset(0);

impl Detector for Sample {
    fn configure(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Sample {
            limit: settings.count("limit")?,
        })
    }

    fn evaluate(&mut self, batch: &Batch) {
        if batch.subscription() != 0 {
            return;
        }
        let all = batch.all();
        let sources = batch.addresses(field!("src.ip"));
        let times = batch.u64s(field!("time"));
        for (row, held) in FLOWS.count(&all).into_iter().enumerate() {
            if held == self.limit {
                Finding::new("flood")
                    .subject(format!("address:{}", sources.get(row)))
                    .severity(Severity::Critical)
                    .row(row)
                    .events(FLOWS.citations(row as u32))
                    .number("flows", held as f64)
                    .emit();
            }
            timers::set(
                "silent",
                &sources.get(row).to_string(),
                times[row] + time::MINUTE,
            );
        }
        for hit in INDICATORS.matches(field!("src.ip"), &all) {
            let entry = INDICATORS.entries(&[hit.entry]).remove(0);
            Finding::new("listed")
                .subject(entry.value)
                .row(hit.row as usize)
                .emit();
        }
        NOTES.put("last", &times.last().copied().unwrap_or(0).to_le_bytes());
        log::info("done");
    }
}

impl OnTimer for Sample {
    fn on_timer(&mut self, fired: &[Fired]) {
        for timer in fired {
            Finding::new("silent").subject(&timer.key).emit();
            retract("flood", &timer.key);
        }
    }
}

export_detector!(Sample, on_timer);

fn flow(source: &str, second: u32) -> serde_json::Value {
    json!({ "time": format!("2025-01-01T00:00:{second:02}Z"), "src": { "ip": source } })
}

#[test]
fn tables_timers_and_datasets_answer() {
    let mut plugin = Harness::<Sample>::detector(MANIFEST, &[]).unwrap();
    plugin.dataset("indicators", &[json!({ "kind": "cidr", "value": "198.51.100.0/24", "valid_until": "2025-01-01T00:00:30Z" })]);
    let out = plugin.evaluate(
        0,
        &[
            flow("10.0.0.1", 0),
            flow("10.0.0.1", 4),
            flow("198.51.100.7", 5),
            flow("198.51.100.7", 40),
        ],
    );
    assert_eq!(out.log, ["info: done"]);
    assert_eq!(out.findings.len(), 1);
    assert_eq!(
        (
            out.findings[0].subject.as_str(),
            out.findings[0].rows.as_slice()
        ),
        ("198.51.100.0/24", [2].as_slice())
    );

    // At 10 s the row at 0 s has left the window, so this is the second, then the third.
    let out = plugin.evaluate(0, &[flow("10.0.0.1", 10), flow("10.0.0.1", 11)]);
    assert_eq!(out.findings.len(), 1);
    let finding = &out.findings[0];
    assert_eq!(
        (finding.rule.as_str(), finding.subject.as_str()),
        ("flood", "address:10.0.0.1")
    );
    assert_eq!(finding.rows, [1]);
    assert_eq!(finding.events, [0, 1, 4, 5]);
    assert_eq!(finding.severity, Some(Severity::Critical));

    assert_eq!(plugin.timers().len(), 2);
    let out = plugin.advance("2025-01-01T00:01:11Z");
    assert_eq!(out.findings.len(), 1);
    assert_eq!(out.retracted, [("flood".to_owned(), "10.0.0.1".to_owned())]);
    assert_eq!(plugin.timers().len(), 1);
}

/// Runs `look` on a batch.
struct Probe;

thread_local! {
    static LOOK: std::cell::Cell<fn(&Batch)> = const { std::cell::Cell::new(|_| {}) };
}

impl Detector for Probe {
    fn configure(_: &Settings) -> Result<Self, SettingsError> {
        Ok(Probe)
    }

    fn evaluate(&mut self, batch: &Batch) {
        LOOK.get()(batch);
    }
}

fn look(subscription: u32, events: &[serde_json::Value], look: fn(&Batch)) {
    LOOK.set(look);
    Harness::<Probe>::detector(MANIFEST, &[])
        .unwrap()
        .evaluate(subscription, events);
}

#[test]
fn columns_have_an_entry_for_every_row() {
    let events = [
        json!({ "src": { "ip": "::1" }, "transport": "udp", "bytes_out": u64::MAX, "first_bytes": "00 ff", "encrypted": true }),
        json!({ "dst": { "ip": "10.0.0.1", "port": 443 }, "owner": { "device": "d-9" } }),
    ];
    look(0, &events, |batch| {
        assert_eq!(batch.kind(), palisade_sdk::Kind::NetworkFlow);
        assert_eq!(batch.u16s(field!("dst.port")), [0, 443]);
        assert!(!batch.valid(field!("dst.port")).has(0) && batch.valid(field!("dst.port")).has(1));
        assert_eq!(batch.u64s(field!("bytes-out")), [u64::MAX, 0]);
        assert_eq!(batch.text(field!("first-bytes")).bytes(0), [0, 0xff]);
        assert_eq!(
            batch
                .text(field!("owner.device"))
                .iter()
                .collect::<Vec<_>>(),
            ["", "d-9"]
        );
        assert_eq!(batch.u8s(field!("encrypted")), [1, 0]);
        let names = batch.enum_names(field!("transport"));
        assert_eq!(names[batch.u8s(field!("transport"))[0] as usize], "udp");
        assert_eq!(batch.addresses(field!("src.ip")).get(0).to_string(), "::1");
        assert_eq!(batch.u64s(field!("event-ref")), [0, 1]);
        let rows = batch.rows::<kinds::NetworkFlow>(&[1, 0]);
        assert_eq!(
            (rows[0].dst.port, rows[0].owner.device.as_deref()),
            (Some(443), Some("d-9"))
        );
        assert_eq!(
            (rows[1].transport, rows[1].first_bytes.as_slice()),
            (kinds::Transport::Udp, [0, 0xff].as_slice())
        );
        assert_eq!(batch.envelopes(&[1])[0].event_ref, 1);
    });
}

#[test]
fn repeated_fields_and_attributes_are_columns() {
    let answers = json!({ "qname": "a.example", "answers": [{ "rdata": "192.0.2.1", "ttl": 5 }, { "rdata": "192.0.2.2", "ttl": 6 }] });
    look(1, &[json!({ "qname": "b.example" }), answers], |batch| {
        assert_eq!(batch.offsets(field!("answers.rdata")), [0, 0, 2]);
        assert_eq!(batch.text(field!("answers.rdata")).get(1), "192.0.2.2");
        assert_eq!(batch.u32s(field!("answers.ttl")), [5, 6]);
        assert_eq!(
            batch.rows::<kinds::NetworkDns>(&[1])[0].answers[1].rdata,
            "192.0.2.2"
        );
    });
    look(
        2,
        &[
            json!({ "attributes": { "modbus.function": 5, "modbus.unit": "a", "other": 1 } }),
            json!({}),
        ],
        |batch| {
            assert_eq!(batch.f64s(field!("attributes.modbus.function")), [5.0, 0.0]);
            assert_eq!(batch.text(field!("attributes.modbus.unit")).get(0), "a");
            let rows = batch.rows::<kinds::DeviceMessage>(&[0]);
            assert_eq!(rows[0].attributes.len(), 2, "`other` is not listed");
        },
    );
}

#[test]
fn the_other_tables_answer() {
    let flow = |port: u16, bytes: u64| json!({ "time": "2025-01-01T00:00:00Z", "src": { "ip": "10.0.0.1" }, "dst": { "port": port }, "bytes_out": bytes, "owner": { "device": "d-1" } });
    look(
        0,
        &[flow(1, 10), flow(2, u64::MAX), flow(1, 1), json!({})],
        |batch| {
            let all = batch.all();
            assert_eq!(
                Table(1).sum(field!("bytes-out"), &all),
                [10, u64::MAX, u64::MAX, 0]
            );
            assert_eq!(Table(2).distinct(field!("dst.port"), &all), [1, 2, 2, 0]);
            assert_eq!(Table(3).first(&all), [true, false, false, false]);
            assert_eq!(NOTES.get("k"), None);
            NOTES.put("k", b"v");
            assert_eq!(NOTES.get("k").as_deref(), Some(b"v".as_slice()));
            NOTES.remove("k");
            assert_eq!(NOTES.get("k"), None);
        },
    );
}

#[test]
#[should_panic(expected = "does not list the field `src.port`")]
fn a_field_that_is_not_listed_cannot_be_read() {
    look(0, &[json!({})], |batch| {
        drop(batch.u16s(field!("src.port")))
    });
}

#[test]
#[should_panic(expected = "`dst.port` is a u16, read with u16s, not with u32s")]
fn a_column_has_one_type() {
    look(0, &[json!({})], |batch| {
        drop(batch.u32s(field!("dst.port")))
    });
}

#[test]
#[should_panic(expected = "declares no rule `x`")]
fn a_rule_must_be_declared() {
    look(0, &[json!({})], |_| Finding::new("x").row(0).emit());
}

#[test]
#[should_panic(expected = "row 1 is not in the batch of 1")]
fn a_row_must_be_there() {
    look(0, &[json!({})], |_| Finding::new("flood").row(1).emit());
}

#[test]
fn settings_are_refused_by_name() {
    let error = Harness::<Sample>::detector(MANIFEST, &[("limit", json!(-1))]).unwrap_err();
    // With the line that asked for it.
    let message = "is negative; give 0 or more (rust/tests/detector.rs:";
    assert_eq!(error.name, "limit");
    assert!(error.message.starts_with(message), "{}", error.message);
}

thread_local! {
    static PLACE: std::cell::Cell<Option<(String, u32)>> = const { std::cell::Cell::new(None) };
}

/// The file and line that a panic names.
fn place_of(act: impl FnOnce()) -> (String, u32) {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let place = info.location().map(|at| (at.file().to_owned(), at.line()));
        PLACE.set(place);
        before(info);
    }));
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(act));
    assert!(ended.is_err(), "it does not panic");
    PLACE.take().unwrap()
}

#[test]
fn what_is_wrong_is_told_with_the_line_of_the_plugin() {
    let acts: [fn(&Batch); 9] = [
        |batch| drop(batch.u16s(field!("src.port"))),
        |batch| drop(batch.u32s(field!("dst.port"))),
        |batch| drop(batch.valid(field!("src.port"))),
        |batch| drop(batch.rows::<kinds::NetworkDns>(&[0])),
        |batch| drop(batch.envelopes(&[7])),
        |_| Finding::new("x").row(0).emit(),
        |_| drop(Table(0).sum(field!("bytes-out"), &[0])),
        |_| drop(Table(0).count(&[7])),
        |_| drop(Dataset(7).lookup("a")),
    ];
    // The line of the first of them.
    let first = line!() - 11;
    for (act, line) in acts.into_iter().zip(first..) {
        let (file, told) = place_of(|| look(0, &[json!({})], act));
        assert!(file.ends_with("tests/detector.rs"), "{file}");
        assert_eq!(told, line);
    }
}
