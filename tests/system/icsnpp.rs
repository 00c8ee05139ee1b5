//! Modbus through the whole pipeline, message by message, against the logs that another
//! implementation wrote of the same capture. Those logs mask their times.

use palisade_tests::shared;

use crate::events::{Event, events_with};

/// The rows of a log that lies beside the capture, without its head.
fn log(name: &str) -> Option<Vec<Vec<String>>> {
    let path = shared(&format!(
        "pcap/icsnpp-modbus/testing/baseline/analyzer.basic/{name}"
    ))?;
    let text = std::fs::read_to_string(path).expect("the log can be read");
    let rows = text.lines().filter(|line| !line.starts_with('#'));
    Some(
        rows.map(|row| row.split('\t').map(str::to_owned).collect())
            .collect(),
    )
}

/// Requests and responses of the capture, with all the values that they read or write.
fn messages() -> Option<(Vec<Event>, Vec<Event>)> {
    let capture = shared("pcap/icsnpp-modbus/testing/traces/modbus_example.pcap")?;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let settings = folder.path().join("settings.toml");
    std::fs::write(&settings, "[modbus]\nmax-values = 125\n").expect("settings can be written");
    let option = settings.to_str().expect("a path in UTF-8");
    let events = events_with(&capture, &["--settings", option])?;
    Some(
        events
            .into_iter()
            .filter(|event| event.text("protocol") == "modbus")
            .partition(|event| event.text("direction") == "request"),
    )
}

/// What the logs write for something that is not there.
fn or_dash(text: String) -> String {
    if text.is_empty() { "-".into() } else { text }
}

fn attribute(event: &Event, name: &str) -> String {
    or_dash(event.attribute(&format!("modbus.{name}")))
}

/// A function or exception as those logs name it.
fn name(event: &Event, field: &str) -> String {
    let name = event.text(field).replace('-', "_").to_uppercase();
    match name.as_str() {
        "REPORT_SERVER_ID" => "REPORT_SLAVE_ID".into(),
        "ENCAPSULATED_INTERFACE_TRANSPORT" => "ENCAP_INTERFACE_TRANSPORT".into(),
        _ => name,
    }
}

fn of<'a>(messages: &'a [Event], transaction: &str, unit: &str) -> Option<&'a Event> {
    messages.iter().find(|message| {
        attribute(message, "transaction") == transaction && attribute(message, "unit") == unit
    })
}

#[test]
fn every_message_is_in_the_log_of_another_implementation() {
    let (Some(log), Some((requests, responses))) = (log("modbus.log"), messages()) else {
        return;
    };
    let logged: Vec<(String, &str)> = log
        .iter()
        .map(|row| {
            let function = row[6].strip_suffix("_EXCEPTION").unwrap_or(&row[6]);
            (function.to_owned(), row[7].as_str())
        })
        .collect();
    let answered: Vec<(String, String)> = responses
        .iter()
        .map(|response| {
            let status = name(response, "status").replace("SUCCESS", "-");
            (name(response, "operation"), status)
        })
        .collect();
    assert_eq!(answered.len(), 24);
    let said: Vec<(String, &str)> = answered
        .iter()
        .map(|(function, exception)| (function.clone(), exception.as_str()))
        .collect();
    assert_eq!(said, logged);
    let asked = requests.iter().map(|request| name(request, "operation"));
    assert!(asked.eq(logged.into_iter().map(|(function, _)| function)));
}

#[test]
fn transactions_agree_with_the_detailed_log_of_another_implementation() {
    let (Some(log), Some((requests, responses))) = (log("modbus_detailed.log"), messages()) else {
        return;
    };
    assert_eq!(log.len(), 26);
    for row in &log {
        let [
            transaction,
            unit,
            function,
            address,
            quantity,
            asked,
            answered,
        ] = &row[6..13]
        else {
            panic!("{row:?}")
        };
        let exception = &row[19];
        let request = of(&requests, transaction, unit);
        let response = of(&responses, transaction, unit);
        let (Some(request), Some(response)) = (request, response) else {
            panic!("{row:?} was not seen")
        };
        for message in [request, response] {
            assert_eq!(name(message, "operation"), *function);
            // That log leaves these out where a message has several, and Palisade does not.
            let several = [
                "READ_FILE_RECORD",
                "WRITE_FILE_RECORD",
                "MASK_WRITE_REGISTER",
            ];
            if !several.contains(&function.as_str()) && !function.starts_with("READ_WRITE") {
                // A request for a queue does not say how long that is.
                let known = |name| Some(attribute(message, name)).filter(|found| found != "-");
                let logged = |logged: &str| Some(logged.to_owned()).filter(|found| found != "-");
                assert_eq!(known("address"), logged(address), "{row:?}");
                let queue = function == "READ_FIFO_QUEUE" && std::ptr::eq(message, request);
                let quantity = logged(quantity).filter(|_| !queue);
                assert_eq!(known("quantity"), quantity, "{row:?}");
            }
        }
        if asked != "-" {
            assert_eq!(attribute(request, "values"), *asked, "{row:?}");
        }
        if answered != "-" {
            assert_eq!(attribute(response, "values"), *answered, "{row:?}");
        }
        let status = match exception.as_str() {
            "-" => "SUCCESS",
            exception => exception,
        };
        assert_eq!(name(response, "status"), status, "{row:?}");
        assert_eq!(request.0["src"]["ip"], row[2].as_str());
        assert_eq!(request.0["dst"]["port"].to_string(), row[5]);
    }
}

#[test]
fn mask_writes_and_read_writes_agree_with_their_logs() {
    let (Some(masks), Some(both), Some((requests, responses))) = (
        log("modbus_mask_write_register.log"),
        log("modbus_read_write_multiple_registers.log"),
        messages(),
    ) else {
        return;
    };
    let message = |row: &[String]| {
        let messages = if row.contains(&"REQUEST".to_owned()) {
            &requests
        } else {
            &responses
        };
        of(messages, &row[12], &row[13]).unwrap_or_else(|| panic!("{row:?} was not seen"))
    };
    assert!(!masks.is_empty() && !both.is_empty());
    for row in &masks {
        let names = ["address", "and-mask", "or-mask"];
        let found = names.map(|name| attribute(message(row), name));
        assert_eq!(found[..], row[16..19], "{row:?}");
    }
    for row in both
        .iter()
        .filter(|row| row.contains(&"REQUEST".to_owned()))
    {
        let names = ["write-address", "values", "address", "quantity"];
        let found = names.map(|name| attribute(message(row), name));
        assert_eq!(found[..], row[16..20], "{row:?}");
    }
    for row in both
        .iter()
        .filter(|row| row.contains(&"RESPONSE".to_owned()))
    {
        assert_eq!(attribute(message(row), "values"), row[20], "{row:?}");
    }
}
