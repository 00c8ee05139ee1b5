//! Reports flows that send much to a port of a cleartext protocol.

use palisade_sdk::{Batch, Detector, Finding, Settings, SettingsError, export_detector, field};

/// The plugin.
pub struct Boundary {
    limit: u64,
}

impl Detector for Boundary {
    fn configure(settings: &Settings) -> Result<Self, SettingsError> {
        let limit = settings.count("bytes-out-over")?;
        Ok(Boundary { limit })
    }

    fn evaluate(&mut self, batch: &Batch) {
        let ports = batch.u16s(field!("dst.port"));
        let sent = batch.u64s(field!("bytes-out"));
        let sources = batch.addresses(field!("src.ip"));
        for (row, (port, sent)) in ports.iter().zip(&sent).enumerate() {
            if matches!(port, 23 | 1883 | 5683) && *sent > self.limit {
                Finding::new("boundary-1")
                    .subject(format!("address:{}", sources.get(row)))
                    .summary(format!("{sent} bytes sent to port {port}"))
                    .row(row)
                    .emit();
            }
        }
    }
}

export_detector!(Boundary);
