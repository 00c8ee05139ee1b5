//! Reports flows that send much to a port of a cleartext protocol, reading whole rows.
//!
//! Rows are the convenient way, and the slow one: a rule fetches the few rows that its
//! columns point at. This one fetches all, so that the two ways can be compared.

use palisade_sdk::kinds::NetworkFlow;
use palisade_sdk::{Batch, Detector, Finding, Settings, SettingsError, export_detector};

/// The plugin.
pub struct Rows {
    limit: u64,
}

impl Detector for Rows {
    fn configure(settings: &Settings) -> Result<Self, SettingsError> {
        let limit = settings.count("bytes-out-over")?;
        Ok(Rows { limit })
    }

    fn evaluate(&mut self, batch: &Batch) {
        let flows = batch.rows::<NetworkFlow>(&batch.all());
        for (row, flow) in flows.iter().enumerate() {
            if let Some(port @ (23 | 1883 | 5683)) = flow.dst.port
                && flow.bytes_out > self.limit
            {
                Finding::new("rows-1")
                    .subject(format!("address:{}", flow.src.ip))
                    .summary(format!("{} bytes sent to port {port}", flow.bytes_out))
                    .row(row)
                    .emit();
            }
        }
    }
}

export_detector!(Rows);
