//! What is known of a vulnerability.
//!
//! Kept in a `value` table as lines of text: `public` or `secret`; the instant since which its
//! provider offers a fix, in nanoseconds, or nothing; then one product name a line.

use palisade_sdk::Table;
use palisade_sdk::kinds::{RemediationCategory, ReportVulnerability, VulnPhase};

const VULNERABILITIES: Table = Table(0);
/// More products of one vulnerability are not remembered; the border rule then refuses.
const MAX_PRODUCTS: usize = 256;
/// Longer ids do not fit a key of the table.
const MAX_ID: usize = 256;

/// What reports have said of a vulnerability so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Whether it is public.
    pub public: bool,
    /// Since when its provider offers a fix, in nanoseconds.
    pub fixed: Option<u64>,
    /// The products that have it.
    pub products: Vec<String>,
}

impl Known {
    /// What is known under an id or alias; `None`: nothing.
    pub fn of(id: &str) -> Option<Known> {
        if id.is_empty() || id.len() > MAX_ID {
            return None;
        }
        let bytes = VULNERABILITIES.get(id)?;
        let text = std::str::from_utf8(&bytes).ok()?;
        let mut lines = text.lines();
        Some(Known {
            public: lines.next()? == "public",
            fixed: lines.next()?.parse().ok(),
            products: lines.map(str::to_owned).collect(),
        })
    }

    /// Adds what a report says, under its id and its aliases. Nothing that was public becomes
    /// secret again, and the earliest fix counts.
    pub fn learn(report: &ReportVulnerability, time: u64) {
        for id in std::iter::once(&report.vuln).chain(&report.aliases) {
            if id.is_empty() || id.len() > MAX_ID {
                continue;
            }
            let mut known = Known::of(id).unwrap_or_default();
            known.add(report, time);
            VULNERABILITIES.put(id, known.to_text().as_bytes());
        }
    }

    fn add(&mut self, report: &ReportVulnerability, time: u64) {
        self.public |= report.public || report.phase == VulnPhase::Published;
        let fixes = report
            .remediations
            .iter()
            .filter(|r| r.category == RemediationCategory::VendorFix)
            .map(|r| r.available_at.unwrap_or(time));
        let said = (report.phase == VulnPhase::FixAvailable).then_some(time);
        self.fixed = self.fixed.into_iter().chain(fixes).chain(said).min();
        for product in &report.products {
            // A line break in a name would make two of it.
            let name = product.name.replace(['\n', '\r'], " ");
            if self.products.len() < MAX_PRODUCTS && !self.products.contains(&name) {
                self.products.push(name);
            }
        }
    }

    fn to_text(&self) -> String {
        let public = if self.public { "public" } else { "secret" };
        let fixed = self.fixed.map(|t| t.to_string()).unwrap_or_default();
        let mut text = format!("{public}\n{fixed}\n");
        for product in &self.products {
            text.push_str(product);
            text.push('\n');
        }
        text
    }
}
