//! A detector that is divided among workers: it counts events by source and operation, and says
//! how often it saw each. It trusts that all rows of a key come to one worker, in order.

use palisade_sdk::{
    Batch, Detector, Finding, Settings, SettingsError, Table, export_detector, field,
};

const COUNT: Table = Table(0);

/// The plugin.
pub struct Divided;

impl Detector for Divided {
    fn configure(_: &Settings) -> Result<Self, SettingsError> {
        Ok(Divided)
    }

    fn evaluate(&mut self, batch: &Batch) {
        let operations = batch.text(field!("operation"));
        let sources = batch.addresses(field!("src.ip"));
        let again = batch.subscription() == 1;
        let counts = match again {
            false => COUNT.count(&batch.all()),
            true => vec![0; batch.len()],
        };
        for (row, count) in counts.into_iter().enumerate() {
            let operation = operations.get(row);
            let finding = Finding::new("counted").subject(format!("address:{}", sources.get(row)));
            let summary = match again {
                false => format!("{operation} {count}"),
                true => format!("{operation}, again"),
            };
            if again || operation != "rest" {
                finding.summary(summary).row(row).emit();
            }
        }
    }
}

export_detector!(Divided);
