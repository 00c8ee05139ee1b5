//! The guest beside the hostile ones: what it finds must be the same with and without them.

use palisade_sdk::{Batch, Detector, Finding, Settings, SettingsError, Table, field};

const FLOWS: Table = Table(0);

struct Innocent;

impl Detector for Innocent {
    fn configure(_: &Settings) -> Result<Self, SettingsError> {
        Ok(Innocent)
    }

    fn evaluate(&mut self, batch: &Batch) {
        if batch.subscription() == 1 {
            for row in 0..batch.len() {
                Finding::new("innocent-1")
                    .row(row)
                    .summary("a message")
                    .emit();
            }
            return;
        }
        let counts = FLOWS.count(&batch.all());
        for (row, port) in batch.u16s(field!("dst.port")).iter().enumerate() {
            if port % 10 == 0 {
                Finding::new("innocent-1")
                    .row(row)
                    .subject(format!("port:{port}"))
                    .number("count", counts[row] as f64)
                    .emit();
            }
        }
    }
}

palisade_sdk::export_detector!(Innocent);
