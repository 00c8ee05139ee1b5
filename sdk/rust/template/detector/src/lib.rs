//! Reports flows to a port that nobody should use.

use palisade_sdk::{Batch, Detector, Finding, Settings, SettingsError, export_detector, field};

/// The plugin.
pub struct Plugin {
    port: u64,
}

impl Detector for Plugin {
    fn configure(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            port: settings.count("port")?,
        })
    }

    fn evaluate(&mut self, batch: &Batch) {
        // A column has one value a row; a port that the flow does not have is 0.
        let ports = batch.u16s(field!("dst.port"));
        let sources = batch.addresses(field!("src.ip"));
        for (row, port) in ports.iter().enumerate() {
            if u64::from(*port) == self.port {
                Finding::new("forbidden-port")
                    .subject(format!("address:{}", sources.get(row)))
                    .summary(format!("flow to port {port}"))
                    .row(row)
                    .emit();
            }
        }
    }
}

export_detector!(Plugin);

#[cfg(test)]
mod tests {
    use palisade_sdk::testing::{Harness, json};

    use super::Plugin;

    #[test]
    fn the_port_is_the_operators_to_choose() {
        let manifest = include_str!("../plugin.toml");
        let flow = |port| json!({ "src": { "ip": "192.0.2.10" }, "dst": { "port": port } });
        let mut plugin = Harness::<Plugin>::detector(manifest, &[("port", json!(21))]).unwrap();
        let found = plugin.evaluate(0, &[flow(23), flow(21)]).findings;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].rows, [1]);
    }
}
