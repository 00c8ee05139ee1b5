//! IOT-2.3a: all traffic between devices and platform uses strong encryption that the
//! platform approves.
//!
//! A handshake below the floor, with a forbidden suite, or with a version whose sunset
//! has passed is blocked. A version whose sunset is announced for later is reported once
//! a subject, with the duty to upgrade by then, which a newer version discharges. A
//! handshake that failed, or that no server answered, chose nothing and is left alone.

pub mod suites;
pub mod versions;

use std::collections::HashMap;

use palisade_sdk::{
    Action, Addresses, Batch, BlockScope, Detector, Finding, Obligation, Settings, SettingsError,
    Severity, Table, Text, Valid, field,
};
use suites::Family;
use versions::{Sunset, Version};

const RULE: &str = "IOT-2.3a";
const UPGRADES: Table = Table(0);

/// The plugin.
pub struct TlsFloor {
    floor: Version,
    forbidden: Vec<Family>,
    sunsets: Vec<Sunset>,
    /// Suites that were looked at, with the family that forbids them: there are few, and looking
    /// costs more than all else that is done with an event.
    known: HashMap<String, Option<usize>>,
}

/// More suites than there are; names that a sender makes up must not fill the memory.
const KNOWN: usize = 512;

/// What is wrong with a handshake.
enum Verdict<'a> {
    Fine,
    Block(String),
    Sunset(&'a Sunset),
}

impl Detector for TlsFloor {
    fn configure(settings: &Settings) -> Result<Self, SettingsError> {
        let refuse = |name: &'static str| move |message| SettingsError::new(name, message);
        let floor = settings.text("min-version")?;
        Ok(Self {
            floor: Version::parse(floor).map_err(refuse("min-version"))?,
            forbidden: settings
                .texts("forbidden-ciphers")?
                .iter()
                .map(Family::parse)
                .collect(),
            sunsets: settings
                .texts("sunset")?
                .iter()
                .map(|text| Sunset::parse(text))
                .collect::<Result<_, _>>()
                .map_err(refuse("sunset"))?,
            known: HashMap::new(),
        })
    }

    fn evaluate(&mut self, batch: &Batch) {
        let columns = Columns::of(batch);
        for row in 0..batch.len() {
            if columns.failed(row) || columns.ciphers.bytes(row).is_empty() {
                continue;
            }
            let (version, cipher) = (columns.versions.get(row), columns.ciphers.get(row));
            let time = columns.times.get(row).copied().unwrap_or_default();
            let forbidden = self.forbidden(cipher);
            match self.judge(version, cipher, forbidden, time) {
                Verdict::Fine => self.discharge(&columns, row),
                Verdict::Block(why) => columns.block(row, &why),
                Verdict::Sunset(sunset) => columns.announce(row, sunset),
            }
        }
    }
}

impl TlsFloor {
    /// The position of the forbidden family that the suite is of.
    fn forbidden(&mut self, cipher: &str) -> Option<usize> {
        if let Some(family) = self.known.get(cipher) {
            return *family;
        }
        let family = self.forbidden.iter().position(|family| family.has(cipher));
        if self.known.len() == KNOWN {
            self.known.clear();
        }
        self.known.insert(cipher.to_owned(), family);
        family
    }

    fn judge(&self, name: &str, cipher: &str, forbidden: Option<usize>, time: u64) -> Verdict<'_> {
        if let Some(family) = forbidden.and_then(|at| self.forbidden.get(at)) {
            return Verdict::Block(format!("suite {cipher} is forbidden ({})", family.name()));
        }
        // A version that is none of those known is not guessed at.
        let Ok(version) = Version::parse(name) else {
            return Verdict::Fine;
        };
        if version < self.floor {
            return Verdict::Block(format!("{name} is below the floor of {}", self.floor));
        }
        match self.sunsets.iter().find(|sunset| sunset.is_of(name)) {
            Some(sunset) if sunset.at <= time => {
                Verdict::Block(format!("{name} was to be left by {}", sunset.day))
            }
            Some(sunset) => Verdict::Sunset(sunset),
            None => Verdict::Fine,
        }
    }

    /// A version that nothing is wrong with ends the duty to upgrade to it.
    fn discharge(&self, columns: &Columns, row: usize) {
        if self.sunsets.is_empty() {
            return;
        }
        let subject = columns.subject(row);
        let Some(left) = UPGRADES.get(&subject) else {
            return;
        };
        let left = String::from_utf8_lossy(&left).into_owned();
        UPGRADES.remove(&subject);
        Finding::new(RULE)
            .severity(Severity::Info)
            .subject(&subject)
            .summary(format!(
                "{subject} left {left} for {}",
                columns.versions.get(row)
            ))
            .row(row)
            .action(Action::DischargeObligation(obligation(&subject, &left)))
            .emit();
    }
}

/// What is read of a batch, once.
struct Columns {
    devices: Text,
    sources: Addresses,
    targets: Addresses,
    ports: Vec<u16>,
    versions: Text,
    ciphers: Text,
    established: Vec<u8>,
    told: Valid,
    times: Vec<u64>,
}

impl Columns {
    fn of(batch: &Batch) -> Self {
        Self {
            devices: batch.text(field!("owner.device")),
            sources: batch.addresses(field!("src.ip")),
            targets: batch.addresses(field!("dst.ip")),
            ports: batch.u16s(field!("dst.port")),
            versions: batch.text(field!("version")),
            ciphers: batch.text(field!("cipher")),
            established: batch.u8s(field!("established")),
            told: batch.valid(field!("established")),
            times: batch.u64s(field!("time")),
        }
    }

    fn failed(&self, row: usize) -> bool {
        self.told.has(row) && self.established.get(row) == Some(&0)
    }

    /// The device, if the event says which, else the address that spoke.
    fn subject(&self, row: usize) -> String {
        match self.devices.get(row) {
            "" => format!("address:{}", self.sources.get(row).to_canonical()),
            device => format!("device:{}", device.chars().take(60).collect::<String>()),
        }
    }

    fn block(&self, row: usize, why: &str) {
        let subject = self.subject(row);
        let server = self.targets.get(row).to_canonical();
        let port = self.ports.get(row).copied().unwrap_or_default();
        Finding::new(RULE)
            .subject(&subject)
            .summary(format!(
                "{subject} speaks to {server} port {port} with weak encryption: {why}"
            ))
            .row(row)
            .detail("tls.version", self.versions.get(row))
            .detail("tls.cipher", self.ciphers.get(row))
            .action(Action::Block(vec![BlockScope::Session]))
            .emit();
    }

    fn announce(&self, row: usize, sunset: &Sunset) {
        let (subject, version) = (self.subject(row), self.versions.get(row));
        if UPGRADES
            .get(&subject)
            .is_some_and(|left| left == version.as_bytes())
        {
            return;
        }
        UPGRADES.put(&subject, version.as_bytes());
        Finding::new(RULE)
            .severity(Severity::Low)
            .subject(&subject)
            .summary(format!(
                "{subject} uses {version}, which is to be left by {}",
                sunset.day
            ))
            .row(row)
            .detail("tls.version", version)
            .detail("tls.sunset", &sunset.day)
            .action(Action::OpenObligation(Obligation {
                id: obligation(&subject, version),
                key: subject.clone(),
                duty: "upgrade".to_owned(),
                due: sunset.at,
                on_expiry: "escalate:operator".to_owned(),
            }))
            .emit();
    }
}

fn obligation(subject: &str, version: &str) -> String {
    format!("{RULE}/{subject}/{version}")
}

palisade_sdk::export_detector!(TlsFloor);
