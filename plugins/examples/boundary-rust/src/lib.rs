//! Reports flows that send much to a port of a cleartext protocol.

use palisade_sdk::{Batch, Detector, Finding, Settings, SettingsError, export_detector, field};

/// The limit.
pub struct Boundary(u64);

impl Detector for Boundary {
    fn configure(settings: &Settings) -> Result<Self, SettingsError> {
        settings.count("bytes-out-over").map(Boundary)
    }

    fn evaluate(&mut self, batch: &Batch) {
        let ports = batch.u16s(field!("dst.port"));
        let sent = batch.u64s(field!("bytes-out"));
        let sources = batch.addresses(field!("src.ip"));
        let rows = palisade_sdk::rows_where(ports.iter().zip(&sent), |(port, sent)| {
            matches!(port, 23 | 1883 | 5683) && *sent > self.0
        });
        for row in rows.into_iter().map(|row| row as usize) {
            Finding::new("boundary-1")
                .subject(format!("address:{}", sources.get(row)))
                .summary(format!("{} bytes sent to port {}", sent[row], ports[row]))
                .row(row)
                .emit();
        }
    }
}

export_detector!(Boundary);
