//! Reports flows that send much to a port of a cleartext protocol.

use palisade_sdk::{Batch, Detector, Finding, Settings, SettingsError, export_detector, field};

/// Telnet, MQTT and CoAP.
const PORTS: [u16; 3] = [23, 1883, 5683];

/// The plugin.
pub struct Boundary {
    limit: u64,
}

impl Detector for Boundary {
    fn configure(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Boundary {
            limit: settings.count("bytes-out-over")?,
        })
    }

    fn evaluate(&mut self, batch: &Batch) {
        let (ports, bytes) = (
            batch.u16s(field!("dst.port")),
            batch.u64s(field!("bytes-out")),
        );
        let sources = batch.addresses(field!("src.ip"));
        for (row, (port, bytes)) in ports.iter().zip(&bytes).enumerate() {
            if PORTS.contains(port) && *bytes > self.limit {
                Finding::new("boundary-1")
                    .subject(format!("address:{}", sources.get(row)))
                    .summary(format!("{bytes} bytes sent to port {port}"))
                    .row(row)
                    .emit();
            }
        }
    }
}

export_detector!(Boundary);
