//! IOT-2.3b, the second half: a device whose duty to force encryption expires is quarantined.
//!
//! The duty begins with the first finding of `cleartext` about a device and does not begin
//! anew with the next ones. When it is due, the device has kept it if it spoke encrypted
//! after it last spoke in clear. Silence is no proof, and a device that does both is judged
//! by what it did last.

use palisade_sdk::{
    Action, Batch, Detector, Finding, Fired, OnTimer, Settings, SettingsError, Severity, Table,
    field, time::DAY, timers,
};

const RULE: &str = "IOT-2.3b-duty";
/// The rule whose findings open the duty; its obligations are `<rule>/<subject>`.
const OPENED_BY: &str = "IOT-2.3b";
const DUTIES: Table = Table(0);
const TIMER: &str = "reconfigure";
/// Bytes of a subject: the host takes no longer one from a detector, and no longer key.
const MAX_SUBJECT: usize = 256;
/// Positions of the subscriptions.
const FOUND: u32 = 0;

/// The plugin.
pub struct Reconfiguration {
    within: u64,
    protocols: Vec<String>,
}

/// A duty, as the table has it. Times are nanoseconds since 1970.
#[derive(Clone, Copy)]
struct Duty {
    /// When the device last spoke in clear.
    clear: u64,
    /// When it last spoke encrypted; 0: not since the duty began.
    encrypted: u64,
}

impl Duty {
    fn of(subject: &str) -> Option<Self> {
        let bytes: [u8; 16] = DUTIES.get(subject)?.try_into().ok()?;
        let (clear, encrypted) = bytes.split_first_chunk::<8>()?;
        Some(Self {
            clear: u64::from_le_bytes(*clear),
            encrypted: u64::from_le_bytes(encrypted.try_into().ok()?),
        })
    }

    fn put(self, subject: &str) {
        let halves = [self.clear.to_le_bytes(), self.encrypted.to_le_bytes()];
        DUTIES.put(subject, &halves.concat());
    }

    fn is_kept(self) -> bool {
        self.encrypted > self.clear
    }
}

impl Detector for Reconfiguration {
    fn configure(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            within: settings.count("reconfigure-days")?.saturating_mul(DAY),
            protocols: settings.texts("protocols")?.to_vec(),
        })
    }

    fn evaluate(&mut self, batch: &Batch) {
        if batch.subscription() == FOUND {
            self.found(batch);
        } else {
            self.flows(batch);
        }
    }
}

impl Reconfiguration {
    fn found(&self, batch: &Batch) {
        let subjects = batch.text(field!("subject"));
        for (row, time) in batch.u64s(field!("time")).into_iter().enumerate() {
            let subject = subjects.get(row);
            if subject.len() > MAX_SUBJECT {
                continue;
            }
            let known = Duty::of(subject);
            if known.is_none() {
                timers::set(TIMER, subject, time.saturating_add(self.within));
            }
            Duty {
                clear: known.map_or(time, |duty| duty.clear.max(time)),
                encrypted: known.map_or(0, |duty| duty.encrypted),
            }
            .put(subject);
        }
    }

    fn flows(&self, batch: &Batch) {
        let encrypted = batch.u8s(field!("encrypted"));
        let protocols = batch.text(field!("app-proto"));
        let devices = batch.text(field!("owner.device"));
        let sources = batch.addresses(field!("src.ip"));
        for (row, time) in batch.u64s(field!("time")).into_iter().enumerate() {
            let clear = encrypted.get(row) == Some(&0);
            if clear
                && !self
                    .protocols
                    .iter()
                    .any(|known| known == protocols.get(row))
            {
                continue;
            }
            let subject = match devices.get(row) {
                "" => format!("address:{}", sources.get(row)),
                device => format!("device:{}", device.chars().take(60).collect::<String>()),
            };
            let Some(mut duty) = Duty::of(&subject) else {
                continue;
            };
            let last = if clear {
                &mut duty.clear
            } else {
                &mut duty.encrypted
            };
            *last = time.max(*last);
            duty.put(&subject);
        }
    }
}

impl OnTimer for Reconfiguration {
    fn on_timer(&mut self, fired: &[Fired]) {
        for timer in fired {
            let subject = timer.key.as_str();
            let Some(duty) = Duty::of(subject) else {
                continue;
            };
            DUTIES.remove(subject);
            let finding = Finding::new(RULE).subject(subject);
            if duty.is_kept() {
                finding
                    .severity(Severity::Info)
                    .summary(format!("{subject} speaks encrypted now, as it was told to"))
                    .action(Action::DischargeObligation(format!(
                        "{OPENED_BY}/{subject}"
                    )))
                    .emit();
                continue;
            }
            finding
                .summary(format!(
                    "{subject} was to force encryption and has not done so in time"
                ))
                .action(Action::Quarantine(subject.to_owned()))
                .emit();
        }
    }
}

palisade_sdk::export_detector!(Reconfiguration, on_timer);
