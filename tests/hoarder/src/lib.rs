//! A detector that does what none should: it counts its calls in its own memory, which is not
//! there when a call is executed again, and says so in what it finds. Where 10.0.0.9 is in its first
//! call, which it can only take for one that is executed again, it never returns.

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
            while self.calls == 1 && sources.get(row).to_string() == "10.0.0.9" {
                std::hint::spin_loop();
            }
            let finding = Finding::new("hoarded").subject(format!("address:{}", sources.get(row)));
            finding
                .summary(format!("call {}", self.calls))
                .row(row)
                .emit();
        }
    }
}

export_detector!(Hoarder);
