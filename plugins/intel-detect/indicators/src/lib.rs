//! TI-1.1: indicators received under a sharing agreement are looked for in one's own traffic.
//!
//! The dataset judges validity by event time, so an expired indicator never matches. Matches
//! below the confidence for blocking alert only.

use std::collections::BTreeMap;

use palisade_sdk::kinds::AttributeValue;
use palisade_sdk::{
    Action, Batch, BlockScope, Dataset, DatasetEntry, Detector, Field, Finding, Settings,
    SettingsError, field,
};

const RULE: &str = "TI-1.1";
const INDICATORS: Dataset = Dataset(0);
/// WIT's limit on one call of `entries`.
const ENTRIES_A_CALL: usize = 1024;

/// The plugin.
pub struct Indicators {
    block_from: f64,
}

impl Detector for Indicators {
    fn configure(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            block_from: settings.count("ioc-block-confidence")? as f64,
        })
    }

    fn evaluate(&mut self, batch: &Batch) {
        let fields: &[(Field, &str, BlockScope)] = match batch.subscription() {
            0 => &[
                (field!("dst.ip"), "destination", BlockScope::Destination),
                (field!("src.ip"), "source", BlockScope::Source),
            ],
            1 => &[
                (field!("qname"), "name asked for", BlockScope::Destination),
                (field!("answers.rdata"), "answer", BlockScope::Destination),
            ],
            2 => &[(field!("host"), "host", BlockScope::Destination)],
            3 => &[(field!("sni"), "server name", BlockScope::Destination)],
            4 => &[(field!("sha256"), "sample", BlockScope::PropagationPath)],
            _ => &[
                (field!("src.ip"), "sender", BlockScope::Source),
                (field!("urls"), "link", BlockScope::Destination),
            ],
        };
        for (field, what, scope) in fields {
            self.look(batch, *field, what, *scope);
        }
    }
}

impl Indicators {
    fn look(&self, batch: &Batch, field: Field, what: &str, scope: BlockScope) {
        let hits = INDICATORS.matches(field, &batch.all());
        if hits.is_empty() {
            return;
        }
        let mut numbers: Vec<u32> = hits.iter().map(|hit| hit.entry).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let mut entries = BTreeMap::new();
        for part in numbers.chunks(ENTRIES_A_CALL) {
            entries.extend(part.iter().copied().zip(INDICATORS.entries(part)));
        }
        for hit in hits {
            if let Some(entry) = entries.get(&hit.entry) {
                self.report(hit.row as usize, entry, what, scope);
            }
        }
    }

    fn report(&self, row: usize, entry: &DatasetEntry, what: &str, scope: BlockScope) {
        let mut confidence = 0.0;
        let mut notice = "";
        for attribute in &entry.attributes {
            match (attribute.name.as_str(), &attribute.value) {
                ("confidence", AttributeValue::Number(n)) => confidence = *n,
                ("notice", AttributeValue::Text(text)) => notice = text,
                _ => {}
            }
        }
        let mut finding = Finding::new(RULE)
            .subject(format!("indicator:{}", entry.value))
            .summary(format!(
                "the {what} is the shared indicator {} of notice {}",
                entry.value,
                if notice.is_empty() { "unknown" } else { notice }
            ))
            .row(row)
            .detail("indicator", entry.value.clone())
            .detail("indicator-kind", entry.kind.clone())
            .number("confidence", confidence);
        if !notice.is_empty() {
            finding = finding.detail("notice", notice);
        }
        if confidence >= self.block_from {
            finding = finding.action(Action::Block(vec![scope]));
        }
        finding.emit();
    }
}

palisade_sdk::export_detector!(Indicators);
