//! From what a guest filed to a finding, as far as a worker knows it.

use palisade_events::{
    Attribution, Batch, Citation, FieldId, Finding, Kind, Timestamp, Tlp, Values,
};
use palisade_runtime::{Filed, FiledFinding, Plugin};

use super::evidence::Filing;
use super::place::Place;
use super::route::Shown;

/// How a finding must be handled, and how many findings it rests on one on another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Traits {
    pub(crate) tlp: Option<Tlp>,
    pub(crate) labels: Vec<String>,
    /// 0 for an event that is no finding.
    pub(crate) depth: u8,
}

impl Traits {
    /// Those of an event.
    pub(crate) fn of(batch: &Batch, row: usize) -> Traits {
        let mut traits = Traits::default();
        if batch.has_handling()
            && let Some(envelope) = batch.envelope(row)
        {
            traits.tlp = envelope.tlp;
            traits.labels = envelope.labels;
        }
        if batch.kind() == Kind::Finding
            && let Ok(column) = batch.column(FieldId::of("depth"))
            && let Values::U8(depths) = &column.values
        {
            traits.depth = depths[row];
        }
        traits
    }

    /// Bytes of its labels, about.
    pub(crate) fn size(&self) -> usize {
        self.labels.iter().map(|label| label.len() + 24).sum()
    }

    /// Whether there is nothing to inherit.
    pub(crate) fn is_plain(&self) -> bool {
        self.tlp.is_none() && self.labels.is_empty() && self.depth == 0
    }

    /// Takes over what another event demands: the strictest marking, all labels, the greatest
    /// depth.
    pub(crate) fn inherit(&mut self, other: Traits) {
        self.tlp = match (self.tlp, other.tlp) {
            (Some(a), Some(b)) => Some(if a as u8 >= b as u8 { a } else { b }),
            (a, b) => a.or(b),
        };
        self.labels.extend(other.labels);
        self.depth = self.depth.max(other.depth);
    }
}

/// A finding before the host looks up the earlier events that it cites.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) finding: Box<Finding>,
    /// What it has from rows of the batch.
    pub(crate) traits: Traits,
    /// The call that filed it, where that is kept.
    pub(crate) filing: Option<Filing>,
}

/// Where something was filed: the rows that were shown, or a timer.
pub(crate) enum Occasion<'a> {
    Rows(&'a Shown),
    Timer {
        place: Place,
        time: u64,
        tenant: &'a str,
    },
}

/// Adds to what the guest filed what the host knows, and says what it is about.
pub(crate) fn draft(plugin: &Plugin, filed: Filed, occasion: &Occasion<'_>) -> (Place, Draft) {
    match occasion {
        Occasion::Timer {
            place,
            time,
            tenant,
        } => {
            let finding = finding(plugin, filed, *time, tenant, Vec::new());
            let traits = Traits::default();
            let draft = Draft {
                finding,
                traits,
                filing: None,
            };
            (*place, draft)
        }
        Occasion::Rows(shown) => {
            let (view, batch) = (&shown.view, shown.view.batch());
            let rows: Vec<u32> = match &filed {
                Filed::Finding(filed) => filed.rows.clone(),
                Filed::Retraction { .. } => Vec::new(),
            };
            // Without a row of its own it is about the one that was shown alone.
            let about = rows.iter().max().copied().unwrap_or(view.len() as u32 - 1);
            let ids = rows
                .iter()
                .map(|row| batch.event_id(view.batch_row(*row)))
                .collect();
            let mut traits = Traits::of(batch, view.batch_row(about));
            for row in rows.iter().filter(|row| **row != about) {
                traits.inherit(Traits::of(batch, view.batch_row(*row)));
            }
            let time = batch.times()[view.batch_row(about)];
            let finding = finding(plugin, filed, time, &batch.source().tenant, ids);
            let draft = Draft {
                finding,
                traits,
                filing: None,
            };
            (shown.place(about as usize), draft)
        }
    }
}

/// Whether it is known what each of these is about: rows are cited, which a retraction cannot.
pub(crate) fn is_placed(filed: &[Filed]) -> bool {
    filed
        .iter()
        .all(|filed| matches!(filed, Filed::Finding(finding) if !finding.rows.is_empty()))
}

/// Who says what a rule of the plugin says.
pub(crate) fn attribution(plugin: &Plugin, rule: &str) -> Attribution {
    let declared = plugin.manifest().rule(rule);
    Attribution {
        plugin: plugin.manifest().name.clone(),
        pack: plugin.manifest().pack.clone(),
        digest: plugin.digest(),
        rule: rule.to_owned(),
        requirements: declared.map(|r| r.requirements.clone()).unwrap_or_default(),
    }
}

/// The finding. `ids` are those of the cited rows, which come first among what is cited.
fn finding(
    plugin: &Plugin,
    filed: Filed,
    time: u64,
    tenant: &str,
    ids: Vec<Option<palisade_events::Digest>>,
) -> Box<Finding> {
    let (filed, retracted) = match filed {
        Filed::Finding(filed) => (filed, false),
        Filed::Retraction { rule, subject } => {
            let filed = FiledFinding {
                rule,
                severity: None,
                subject,
                summary: String::new(),
                rows: Vec::new(),
                events: Vec::new(),
                details: Default::default(),
                actions: Vec::new(),
            };
            (filed, true)
        }
    };
    let declared = plugin.manifest().rule(&filed.rule).map(|r| r.severity);
    let ids = ids.into_iter().chain(std::iter::repeat(None));
    Box::new(Finding {
        event_ref: 0,
        by: attribution(plugin, &filed.rule),
        severity: filed.severity.or(declared).unwrap_or_default(),
        subject: filed.subject,
        summary: filed.summary,
        retracted,
        time: Timestamp(time),
        tenant: tenant.to_owned(),
        cited: filed
            .events
            .iter()
            .zip(ids)
            .map(|(event_ref, id)| Citation {
                event_ref: *event_ref,
                id,
            })
            .collect(),
        details: filed.details,
        actions: filed.actions,
        tlp: None,
        labels: Vec::new(),
    })
}
