//! Whole captures against the field-by-field logs of another implementation.

use iot_wire::harness::{Replay, capture};
use iot_wire::{Run, Step, Verdict};
use modbus::{
    functions,
    pdu::Role,
    session::{Message, Session, probe},
};

/// A row in the terms of the logs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Row {
    transaction: u16,
    unit: u8,
    name: String,
    address: String,
    quantity: String,
    request: String,
    response: String,
    exception: String,
}

fn number(value: Option<u16>) -> String {
    value.map_or("-".into(), |value| value.to_string())
}

fn values(message: &Message<'_>) -> String {
    let mut out = String::new();
    message.fields.values.write(125, &mut out);
    if out.is_empty() { "-".into() } else { out }
}

fn log(name: &str) -> Option<Vec<Vec<String>>> {
    let path = format!("icsnpp-modbus/testing/baseline/analyzer.basic/{name}");
    let text = std::fs::read_to_string(capture::shared(&path)?).ok()?;
    Some(
        text.lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split('\t').map(str::to_owned).collect())
            .collect(),
    )
}

fn messages(name: &str, mut each: impl FnMut(&Message<'_>)) -> Option<Vec<Step>> {
    let mut ends = Vec::new();
    for conversation in capture::conversations(name)? {
        if !conversation.stream || conversation.server.1 != 502 {
            continue;
        }
        let mut session = Session::default();
        let mut replay = Replay::new(true, conversation.server.1, |run: &Run<'_>| {
            session.feed(run, |message| each(message))
        });
        conversation.replay(&mut replay);
        ends.push(replay.last);
    }
    Some(ends)
}

#[test]
fn agrees_with_the_detailed_log_transaction_by_transaction() {
    let Some(log) = log("modbus_detailed.log") else {
        return;
    };
    let mut rows: Vec<Row> = Vec::new();
    messages(
        "icsnpp-modbus/testing/traces/modbus_example.pcap",
        |message| {
            let (name, _) = functions::function(message.function);
            let row = match message.role {
                Role::Request => {
                    rows.push(Row {
                        response: "-".into(),
                        exception: "-".into(),
                        ..Row::default()
                    });
                    let row = rows.last_mut().expect("just pushed");
                    row.request = values(message);
                    row
                }
                Role::Response => {
                    let row = rows
                        .iter_mut()
                        .rev()
                        .find(|row| row.transaction == message.transaction)
                        .expect("every response was asked for");
                    row.response = values(message);
                    row
                }
            };
            row.transaction = message.transaction;
            row.unit = message.unit;
            row.name = name.replace('-', "_").to_uppercase();
            row.address = number(message.fields.address);
            row.quantity = number(message.fields.quantity);
            if let Some(code) = message.fields.exception {
                row.exception = functions::exception(code).replace('-', "_").to_uppercase();
            }
            assert_eq!(message.fault, None, "{message:?}");
        },
    );
    let mut compared = 0;
    for entry in log {
        let [
            transaction,
            unit,
            name,
            address,
            quantity,
            request,
            response,
        ] = &entry[6..13]
        else {
            panic!("{entry:?}")
        };
        let row = rows
            .iter()
            .find(|row| {
                row.transaction.to_string() == *transaction && row.unit.to_string() == *unit
            })
            .unwrap_or_else(|| panic!("{entry:?} was not seen"));
        let name = match name.as_str() {
            "REPORT_SLAVE_ID" => "REPORT_SERVER_ID",
            "ENCAP_INTERFACE_TRANSPORT" => "ENCAPSULATED_INTERFACE_TRANSPORT",
            name => name,
        };
        assert_eq!(row.name, name);
        // That log has no address and quantity for these, and this parser has.
        if !matches!(
            name,
            "READ_FILE_RECORD" | "WRITE_FILE_RECORD" | "MASK_WRITE_REGISTER"
        ) && !name.starts_with("READ_WRITE")
        {
            assert_eq!(
                (&row.address, &row.quantity),
                (address, quantity),
                "{entry:?}"
            );
        }
        if request != "-" {
            assert_eq!(row.request, *request, "{entry:?}");
        }
        if response != "-" {
            assert_eq!(row.response, *response, "{entry:?}");
        }
        if entry.get(19).is_some_and(|code| code != "-") {
            assert_eq!(row.exception, entry[19]);
        }
        compared += 1;
    }
    assert_eq!(compared, 26);
}

#[test]
fn agrees_with_the_logs_of_mask_write_and_read_write() {
    let (Some(masks), Some(both)) = (
        log("modbus_mask_write_register.log"),
        log("modbus_read_write_multiple_registers.log"),
    ) else {
        return;
    };
    let mut seen_masks = Vec::new();
    let mut seen_both = Vec::new();
    messages(
        "icsnpp-modbus/testing/traces/modbus_example.pcap",
        |message| {
            let fields = &message.fields;
            let role = match message.role {
                Role::Request => "REQUEST",
                Role::Response => "RESPONSE",
            };
            if message.function == 22 {
                seen_masks.push([
                    role.to_owned(),
                    number(fields.address),
                    number(fields.and_mask),
                    number(fields.or_mask),
                ]);
            }
            if message.function == 23 {
                seen_both.push(match message.role {
                    Role::Request => [
                        role.to_owned(),
                        number(fields.write_address),
                        values(message),
                        number(fields.address),
                        number(fields.quantity),
                        "-".into(),
                    ],
                    Role::Response => {
                        ["RESPONSE", "-", "-", "-", "-", &values(message)].map(str::to_owned)
                    }
                });
            }
        },
    );
    let masks: Vec<_> = masks.iter().map(|row| row[15..19].to_vec()).collect();
    let both: Vec<_> = both.iter().map(|row| row[15..21].to_vec()).collect();
    assert_eq!(
        seen_masks
            .iter()
            .map(|row| row.to_vec())
            .collect::<Vec<_>>(),
        masks
    );
    assert_eq!(
        seen_both.iter().map(|row| row.to_vec()).collect::<Vec<_>>(),
        both
    );
}

#[test]
fn every_capture_with_modbus_is_recognised_and_read_to_its_end() {
    for (name, expected) in [
        ("zeek/modbus/modbusBig.pcap", Some(5_549)),
        ("zeek/modbus/modbusSmall.pcap", None),
        ("zeek/modbus/modbus-eit.pcap", None),
        ("zeek/modbus/4SICS-GeekLounge-151022-min.pcap", None),
    ] {
        let mut count = 0;
        let mut faults = 0;
        let Some(ends) = messages(name, |message| {
            count += 1;
            faults += usize::from(message.fault.is_some());
        }) else {
            return;
        };
        assert!(
            ends.iter().all(|end| *end == Step::Done),
            "{name}: {ends:?}"
        );
        // One request of the 4SICS exercise is garbage behind a sound header.
        assert_eq!(faults, usize::from(name.contains("4SICS")), "{name}");
        match expected {
            Some(expected) => assert_eq!(count, expected, "{name}"),
            None => assert!(count > 0, "{name}"),
        }
    }
}

#[test]
fn port_502_alone_proves_nothing_and_fuzzed_captures_do_no_harm() {
    let Some(mixed) = capture::conversations("zeek/modbus/modbus-and-non-modbus-p502.pcap") else {
        return;
    };
    let verdicts: Vec<_> = mixed
        .iter()
        .filter(|conversation| conversation.stream && !conversation.pieces.is_empty())
        .map(|conversation| {
            let piece = &conversation.pieces[0];
            probe(&Run {
                side: piece.side,
                stream: true,
                port: conversation.server.1,
                offset: 0,
                gap: 0,
                end: false,
                bytes: &piece.bytes,
            })
        })
        .collect();
    assert!(
        verdicts.contains(&Verdict::Yes) && verdicts.contains(&Verdict::No),
        "{verdicts:?}"
    );
    for name in ["zeek/modbus/fuzz-72.pcap", "zeek/modbus/fuzz-1011.pcap"] {
        let mut count = 0;
        messages(name, |_| count += 1);
        assert!(count < 1_000);
    }
}
