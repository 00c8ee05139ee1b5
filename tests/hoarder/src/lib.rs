//! A detector that does what none should: it counts its calls in its own memory, which is not
//! there when a call is executed again, and says so in what it finds.

use palisade_sdk::{Batch, Detector, Finding, Settings, SettingsError, export_detector, field};

/// The plugin.
pub struct Hoarder {
    calls: u64,
}

impl Detector for Hoarder {
    fn configure(_: &Settings) -> Result<Self, SettingsError> {
        Ok(Hoarder { calls: 0 })
    }

    fn evaluate(&mut self, batch: &Batch) {
        self.calls += 1;
        let sources = batch.addresses(field!("src.ip"));
        for row in 0..batch.len() {
            let finding = Finding::new("hoarded").subject(format!("address:{}", sources.get(row)));
            finding
                .summary(format!("call {}", self.calls))
                .row(row)
                .emit();
        }
    }
}

export_detector!(Hoarder);
