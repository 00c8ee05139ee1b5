//! RMSV Article 9, paragraphs 1, 5 and 7: when a vulnerability may be published, with what,
//! and who abroad may be told before.
//!
//! What is known of a vulnerability comes from `report.vulnerability` events; a request that
//! lacks a fact is answered as if the fact spoke against it.

pub mod border;
pub mod known;
pub mod publication;

use palisade_sdk::kinds::{ReportDisclosure, ReportVulnerability};
use palisade_sdk::{Batch, Judgement, Observe, Policy, Settings, SettingsError, field};

use known::Known;

/// 2021-09-01 00:00 UTC+08:00: the regulation is in force (Article 16).
const IN_FORCE: u64 = 1_630_425_600_000_000_000;

/// The plugin.
pub struct Article9 {
    inside: Vec<String>,
    authorities: Vec<String>,
}

impl Policy for Article9 {
    fn configure(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            inside: settings.texts("inside")?.to_vec(),
            authorities: settings.texts("authorities")?.to_vec(),
        })
    }

    fn decide(&mut self, batch: &Batch) -> Vec<Judgement> {
        let now = batch.u64s(field!("time")).first().copied().unwrap_or(0);
        if now < IN_FORCE {
            return Vec::new();
        }
        let Some(request) = batch.rows::<ReportDisclosure>(&[0]).pop() else {
            return Vec::new();
        };
        let known: Vec<Option<Known>> = request.subjects.iter().map(|id| Known::of(id)).collect();
        [
            publication::before_the_fix(&request, &known, now, &self.authorities),
            publication::without_remedy(&request),
            border::crossing(&request, &known, &self.inside),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl Observe for Article9 {
    fn observe(&mut self, batch: &Batch) {
        let times = batch.u64s(field!("time"));
        let rows = batch.rows::<ReportVulnerability>(&batch.all());
        for (report, time) in rows.iter().zip(times) {
            Known::learn(report, time);
        }
    }
}

palisade_sdk::export_policy!(Article9, observe);
