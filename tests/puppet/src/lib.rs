//! A detector that does what events tell it: the operation of a `network.app` event is a
//! command. It goes through a batch command by command, so that the order in which it files
//! depends on how events are cut into batches; what comes out must not.

use palisade_sdk::{
    Batch, Detector, Finding, Fired, OnTimer, Settings, SettingsError, Table, export_detector,
    field, retract, timers,
};

const SEEN: Table = Table(0);
const SECOND: u64 = 1_000_000_000;

/// The plugin.
pub struct Puppet {
    traps: bool,
}

impl Detector for Puppet {
    fn configure(settings: &Settings) -> Result<Self, SettingsError> {
        let traps = settings.boolean("traps")?;
        Ok(Puppet { traps })
    }

    fn evaluate(&mut self, batch: &Batch) {
        let operations = batch.text(field!("operation"));
        let sources = batch.addresses(field!("src.ip"));
        let times = batch.u64s(field!("time"));
        let subject = |row: usize| format!("address:{}", sources.get(row));
        let of = |operation: &str| -> Vec<usize> {
            let rows = 0..batch.len();
            rows.filter(|row| operations.get(*row) == operation)
                .collect()
        };
        if batch.subscription() == 1 {
            for row in 0..batch.len() {
                let finding = Finding::new("told")
                    .subject(subject(row))
                    .summary("twice, again");
                finding.row(row).emit();
            }
            return;
        }
        assert!(!self.traps || of("trap").is_empty(), "an event says so");
        SEEN.first(&batch.all());
        for row in of("retract") {
            retract("told", &subject(row));
        }
        // Rests on the first event of the source alone, which may be long ago.
        for row in of("earlier") {
            let finding = Finding::new("told")
                .subject(subject(row))
                .summary("earlier");
            finding.events(SEEN.citations(row as u32)).emit();
        }
        for row in of("arm") {
            timers::set("armed", &subject(row), times[row] + SECOND);
        }
        for operation in ["twice", "find", "trap"] {
            for row in of(operation) {
                let finding = Finding::new("told")
                    .subject(subject(row))
                    .summary(operation);
                finding.row(row).emit();
            }
        }
    }
}

impl OnTimer for Puppet {
    fn on_timer(&mut self, fired: &[Fired]) {
        for timer in fired {
            let finding = Finding::new("late").subject(timer.key.as_str());
            finding.summary(format!("armed for {}", timer.due)).emit();
        }
    }
}

export_detector!(Puppet, on_timer);
