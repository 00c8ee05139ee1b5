//! Counts what a source does in a minute, in each way that tables can count, and reports
//! answers over a limit. What batched state costs is measured with it.

use palisade_sdk::{
    Batch, Detector, Finding, Settings, SettingsError, Table, export_detector, field,
};

const FLOWS: Table = Table(0);
const BYTES: Table = Table(1);
const PORTS: Table = Table(2);
const SOURCES: Table = Table(3);
const OWN: Table = Table(4);

/// The plugin.
pub struct Counters {
    ways: Vec<String>,
    over: u64,
}

impl Detector for Counters {
    fn configure(settings: &Settings) -> Result<Self, SettingsError> {
        let known = ["count", "sum", "distinct", "first", "own"];
        let ways = settings.texts("ways")?.to_vec();
        if let Some(wrong) = ways.iter().find(|way| !known.contains(&way.as_str())) {
            let message = format!("has `{wrong}`; give some of {}", known.join(", "));
            return Err(SettingsError::new("ways", message));
        }
        let over = settings.count("over")?;
        Ok(Counters { ways, over })
    }

    fn evaluate(&mut self, batch: &Batch) {
        let rows = batch.all();
        for way in &self.ways {
            let answers = match way.as_str() {
                "count" => FLOWS.count(&rows),
                "sum" => BYTES.sum(field!("bytes-out"), &rows),
                "distinct" => PORTS.distinct(field!("dst.port"), &rows),
                "first" => SOURCES.first(&rows).into_iter().map(u64::from).collect(),
                _ => own(batch),
            };
            for (row, answer) in answers.iter().enumerate() {
                if *answer > self.over {
                    Finding::new("counters-1")
                        .subject(subject(batch, row))
                        .summary(format!("{way}: {answer}"))
                        .row(row)
                        .emit();
                }
            }
        }
    }
}

fn subject(batch: &Batch, row: usize) -> String {
    let sources = batch.addresses(field!("src.ip"));
    format!("address:{}", sources.get(row).to_canonical())
}

/// Counts flows under keys and in values of its own.
fn own(batch: &Batch) -> Vec<u64> {
    let sources = batch.addresses(field!("src.ip"));
    let count = |row: usize| {
        let key = sources.get(row).to_string();
        let before = OWN.get(&key).and_then(|value| value.try_into().ok());
        let count = before.map_or(0, u64::from_le_bytes) + 1;
        OWN.put(&key, &count.to_le_bytes());
        count
    };
    (0..batch.len()).map(count).collect()
}

export_detector!(Counters);
