//! Reports TLS and DTLS handshakes below the approved versions and ciphers, and asks for
//! an upgrade where the version's end is announced.

mod approval;

use approval::Approval;
use palisade_sdk::{
    Action, Addresses, Batch, BlockScope, Detector, Finding, Obligation, Settings, SettingsError,
    Severity, Table, Text, export_detector, field,
};

const RULE: &str = "IOT-2.3a";
/// Address and version of handshakes whose upgrade was asked for.
const TOLD: Table = Table(0);

/// The plugin.
pub struct WeakTls {
    approval: Approval,
}

impl Detector for WeakTls {
    fn configure(settings: &Settings) -> Result<Self, SettingsError> {
        Approval::read(settings).map(|approval| WeakTls { approval })
    }

    fn evaluate(&mut self, batch: &Batch) {
        let versions = batch.text(field!("version"));
        let ciphers = batch.text(field!("cipher"));
        let subjects = Subjects::of(batch);
        let times = batch.u64s(field!("time"));
        let established = batch.u8s(field!("established"));
        let known = batch.valid(field!("established"));
        for (row, time) in times.iter().enumerate() {
            let (version, cipher) = (versions.get(row), ciphers.get(row));
            let failed = known.has(row) && established[row] == 0;
            if version.is_empty() || failed {
                continue;
            }
            let sunset = self.approval.sunset(version);
            let old = self.approval.is_old(version) || sunset.is_some_and(|(_, at)| at <= *time);
            let forbidden = self.approval.forbidden(cipher);
            if old || forbidden.is_some() {
                weak(subjects.get(row), row, version, cipher, old, forbidden);
            } else if let Some((day, due)) = sunset
                && TOLD.first(&[row as u32]) == [true]
            {
                retiring(subjects.get(row), row, version, day, due);
            }
        }
    }
}

/// What findings are about: the device, or the address where no device is known.
struct Subjects {
    devices: Text,
    addresses: Addresses,
}

impl Subjects {
    fn of(batch: &Batch) -> Self {
        Subjects {
            devices: batch.text(field!("owner.device")),
            addresses: batch.addresses(field!("src.ip")),
        }
    }

    fn get(&self, row: usize) -> String {
        match self.devices.get(row) {
            "" => format!("address:{}", self.addresses.get(row)),
            device => format!("device:{device}"),
        }
    }
}

fn weak(subject: String, row: usize, version: &str, cipher: &str, old: bool, word: Option<&str>) {
    let why = match (old, word) {
        (true, Some(word)) => format!("version, {word}"),
        (true, None) => "version".to_owned(),
        (false, word) => word.unwrap_or_default().to_owned(),
    };
    Finding::new(RULE)
        .subject(subject)
        .summary(format!("{version} with {cipher} is not approved: {why}"))
        .row(row)
        .detail("version", version)
        .detail("cipher", cipher)
        .action(Action::Block(vec![BlockScope::Session]))
        .emit();
}

fn retiring(subject: String, row: usize, version: &str, day: &str, due: u64) {
    let obligation = Obligation {
        id: format!("{RULE}/{subject}/{version}"),
        key: subject.clone(),
        duty: "upgrade".to_owned(),
        due,
        on_expiry: "escalate:operator".to_owned(),
    };
    Finding::new(RULE)
        .severity(Severity::Low)
        .subject(subject)
        .summary(format!("{version} is retired on {day}"))
        .row(row)
        .detail("version", version)
        .action(Action::OpenObligation(obligation))
        .emit();
}

export_detector!(WeakTls);
