//! IOT-2.3b and IOT-2.3c: no insecure protocol between devices and platform.
//!
//! Parsers say what a flow speaks and whether it is clear; the port says nothing. HTTP and
//! CoAP, which the agreement names, are blocked, and the device's party gets a duty to
//! reconfigure. Other protocols of devices are blocked on their way to the platform; a
//! field bus that is not seen to leave its site is put to a person instead, unless an
//! exception is recorded. A Modbus write by a master that is not listed is blocked, with
//! an exception or without.

pub mod segments;

use std::net::IpAddr;

use palisade_sdk::{
    Action, ApprovalAsk, Batch, BlockScope, Detector, Finding, Obligation, Settings, SettingsError,
    Severity, Table, field, time::DAY,
};
use segments::{Exception, Master};

const NAMED: &str = "IOT-2.3b";
const OTHER: &str = "IOT-2.3c";
const SESSIONS: Table = Table(0);
const TALKS: Table = Table(1);
const WRITERS: Table = Table(2);
/// Positions of `types.direction`.
const INBOUND: u8 = 0;
const OUTBOUND: u8 = 1;

/// The plugin.
pub struct Cleartext {
    named: Vec<String>,
    other: Vec<String>,
    field_buses: Vec<String>,
    devices_only: bool,
    reconfigure: u64,
    oscore: bool,
    exceptions: Vec<Exception>,
    masters: Vec<Master>,
}

impl Detector for Cleartext {
    fn configure(settings: &Settings) -> Result<Self, SettingsError> {
        let oscore = match settings.text("approved-object-security")? {
            "oscore" => true,
            "none" => false,
            other => {
                let message = format!("{other} is neither \"oscore\" nor \"none\"");
                return Err(SettingsError::new("approved-object-security", message));
            }
        };
        Ok(Self {
            named: settings.texts("named-protocols")?.to_vec(),
            other: settings.texts("other-protocols")?.to_vec(),
            field_buses: settings.texts("field-buses")?.to_vec(),
            devices_only: settings.boolean("devices-only")?,
            reconfigure: settings.count("reconfigure-days")?.saturating_mul(DAY),
            oscore,
            exceptions: entries(settings, "allowed-cleartext", Exception::parse)?,
            masters: entries(settings, "listed-masters", Master::parse)?,
        })
    }

    fn evaluate(&mut self, batch: &Batch) {
        match batch.subscription() {
            0 => self.flows(batch),
            1 if self.oscore => self.messages(batch),
            2 => self.writes(batch),
            _ => {}
        }
    }
}

fn entries<T>(
    settings: &Settings,
    name: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, SettingsError> {
    let entries = settings.texts(name)?.iter().map(|text| parse(text));
    entries
        .collect::<Result<_, _>>()
        .map_err(|message| SettingsError::new(name, message))
}

/// The columns that every subscription reads.
struct Ends {
    devices: palisade_sdk::Text,
    sources: palisade_sdk::Addresses,
    targets: palisade_sdk::Addresses,
    ports: Vec<u16>,
    times: Vec<u64>,
}

impl Ends {
    fn of(batch: &Batch) -> Self {
        Self {
            devices: batch.text(field!("owner.device")),
            sources: batch.addresses(field!("src.ip")),
            targets: batch.addresses(field!("dst.ip")),
            ports: batch.u16s(field!("dst.port")),
            times: batch.u64s(field!("time")),
        }
    }

    fn source(&self, row: usize) -> IpAddr {
        self.sources.get(row).to_canonical()
    }

    fn target(&self, row: usize) -> IpAddr {
        self.targets.get(row).to_canonical()
    }

    fn time(&self, row: usize) -> u64 {
        self.times.get(row).copied().unwrap_or_default()
    }

    /// The device, if the event says which, else the address that spoke.
    fn subject(&self, row: usize) -> String {
        match self.devices.get(row) {
            "" => format!("address:{}", self.source(row)),
            device => format!("device:{}", device.chars().take(60).collect::<String>()),
        }
    }

    fn where_to(&self, row: usize) -> String {
        let port = self.ports.get(row).copied().unwrap_or_default();
        format!("{} port {port}", self.target(row))
    }
}

/// Which of `rows` the table has not seen; rows that lack a part of the key always count.
fn fresh(batch: &Batch, table: Table, rows: Vec<usize>) -> Vec<usize> {
    let sources = batch.valid(field!("src.port"));
    let targets = batch.valid(field!("dst.port"));
    let numbers: Vec<u32> = rows.iter().map(|&row| row as u32).collect();
    let firsts = table.first(&numbers);
    let whole = |row| sources.has(row) && targets.has(row);
    rows.into_iter()
        .zip(firsts)
        .filter(|&(row, first)| first || !whole(row))
        .map(|(row, _)| row)
        .collect()
}

impl Cleartext {
    fn flows(&self, batch: &Batch) {
        let protocols = batch.text(field!("app-proto"));
        let ends = Ends::of(batch);
        let concerned = (0..batch.len()).filter(|&row| {
            let protocol = protocols.get(row);
            let listed =
                self.is_named(protocol) || self.other.iter().any(|other| other == protocol);
            // With OSCORE approved, CoAP is judged by its messages.
            let by_message = self.oscore && protocol == "coap";
            listed && !by_message && !(self.devices_only && ends.devices.get(row).is_empty())
        });
        let concerned: Vec<usize> = concerned.collect();
        if concerned.is_empty() {
            return;
        }
        let directions = batch.u8s(field!("direction"));
        for row in fresh(batch, SESSIONS, concerned) {
            let protocol = protocols.get(row);
            if self.is_named(protocol) {
                self.report_named(&ends, row, protocol);
                continue;
            }
            let (from, to, time) = (ends.source(row), ends.target(row), ends.time(row));
            let allowed = |exception: &Exception| exception.covers(protocol, from, to, time);
            if self.exceptions.iter().any(allowed) {
                continue;
            }
            let leaves = matches!(directions.get(row), Some(&(INBOUND | OUTBOUND)));
            report_other(&ends, row, protocol, leaves || !self.is_field_bus(protocol));
        }
    }

    fn is_named(&self, protocol: &str) -> bool {
        self.named.iter().any(|named| named == protocol)
    }

    fn is_field_bus(&self, protocol: &str) -> bool {
        self.field_buses.iter().any(|bus| bus == protocol)
    }

    fn report_named(&self, ends: &Ends, row: usize, protocol: &str) {
        let subject = ends.subject(row);
        Finding::new(NAMED)
            .subject(&subject)
            .summary(format!(
                "{subject} speaks {protocol} in clear to {}",
                ends.where_to(row)
            ))
            .row(row)
            .detail("protocol", protocol)
            .action(Action::Block(vec![BlockScope::Session]))
            .action(Action::OpenObligation(Obligation {
                id: format!("{NAMED}/{subject}"),
                key: subject.clone(),
                duty: "force-encryption".to_owned(),
                due: ends.time(row).saturating_add(self.reconfigure),
                on_expiry: format!("quarantine:{subject}"),
            }))
            .emit();
    }

    /// CoAP messages that OSCORE could protect and does not. Empty messages and signals
    /// it cannot.
    fn messages(&self, batch: &Batch) {
        let protected = batch.f64s(field!("attributes.coap.oscore"));
        let operations = batch.text(field!("operation"));
        let ends = Ends::of(batch);
        let bare = (0..batch.len()).filter(|&row| {
            let operation = operations.get(row);
            let empty = matches!(
                operation,
                "ping" | "pong" | "reset" | "empty" | "csm" | "release" | "abort" | "unknown"
            );
            let known = !(self.devices_only && ends.devices.get(row).is_empty());
            !empty && known && protected.get(row) != Some(&1.0)
        });
        let bare: Vec<usize> = bare.collect();
        if bare.is_empty() {
            return;
        }
        for row in fresh(batch, TALKS, bare) {
            self.report_named(&ends, row, "coap");
        }
    }

    fn writes(&self, batch: &Batch) {
        let ends = Ends::of(batch);
        let unlisted = (0..batch.len()).filter(|&row| {
            let (from, to) = (ends.source(row), ends.target(row));
            !self.masters.iter().any(|master| master.may_write(from, to))
        });
        let unlisted: Vec<usize> = unlisted.collect();
        if unlisted.is_empty() {
            return;
        }
        let operations = batch.text(field!("operation"));
        let functions = batch.f64s(field!("attributes.modbus.function"));
        let units = batch.f64s(field!("attributes.modbus.unit"));
        let addresses = batch.f64s(field!("attributes.modbus.address"));
        let addressed = batch.valid(field!("attributes.modbus.address"));
        for row in fresh(batch, WRITERS, unlisted) {
            let (subject, operation) = (ends.subject(row), operations.get(row));
            let mut finding = Finding::new(OTHER)
                .subject(&subject)
                .summary(format!(
                    "{} is no listed master and sends {operation} to {}",
                    ends.source(row),
                    ends.where_to(row)
                ))
                .row(row)
                .detail("protocol", "modbus")
                .number(
                    "modbus.function",
                    functions.get(row).copied().unwrap_or_default(),
                )
                .number("modbus.unit", units.get(row).copied().unwrap_or_default())
                .action(Action::Block(vec![BlockScope::Session]));
            if addressed.has(row) {
                let address = addresses.get(row).copied().unwrap_or_default();
                finding = finding.number("modbus.address", address);
            }
            finding.emit();
        }
    }
}

/// Another protocol in clear: blocked, or put to a person.
fn report_other(ends: &Ends, row: usize, protocol: &str, block: bool) {
    let subject = ends.subject(row);
    let finding = Finding::new(OTHER)
        .subject(&subject)
        .summary(format!(
            "{subject} speaks {protocol} in clear to {}",
            ends.where_to(row)
        ))
        .row(row)
        .detail("protocol", protocol);
    if block {
        finding
            .action(Action::Block(vec![BlockScope::Session]))
            .emit();
        return;
    }
    let question = format!(
        "Record an exception for {protocol} between {} and {}, or move it to its secure variant?",
        ends.source(row),
        ends.target(row)
    );
    finding
        .severity(Severity::Medium)
        .action(Action::RequireApproval(ApprovalAsk {
            approver_role: "operator".to_owned(),
            question,
            expires: None,
        }))
        .emit();
}

palisade_sdk::export_detector!(Cleartext);
