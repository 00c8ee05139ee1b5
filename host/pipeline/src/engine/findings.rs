//! Findings of an epoch: numbered, with what they inherit, and as events for other plugins.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use hashbrown::HashMap;
use palisade_events::{
    Batch, BatchBuilder, BatchError, Body, Finding, FindingEvent, Kind, Source, Stamp,
};

use super::config::MAX_INPUT_SLOT;
use super::draft::{Draft, Traits};
use super::evidence::Filing;
use super::graph::MAX_LEVELS;
use super::image::Marking;
use super::place::{Place, Rank};
use super::route::Placed;

/// How many findings may rest one on another.
const MAX_DEPTH: u8 = 4;
/// Of how many events it is remembered what findings inherit from them: the latest of those
/// that have a marking or labels, or are findings that rest on findings.
const MAX_REMEMBERED: usize = 1 << 16;
/// Bytes that each takes beside its labels.
const REMEMBERED: usize = 96;
/// The source of findings.
const SOURCE: &str = "palisade";

/// A finding at its place.
pub(crate) struct Numbered {
    pub(crate) place: Place,
    pub(crate) plugin: usize,
    depth: u8,
    pub(crate) finding: Box<Finding>,
    /// The call that filed it, where that is kept.
    pub(crate) filing: Option<Filing>,
}

/// A finding that is refused because it would rest on too many others.
pub(crate) struct TooDeep {
    pub(crate) place: Place,
    pub(crate) plugin: usize,
    pub(crate) rule: String,
}

/// Numbers findings, over the whole run.
pub(crate) struct Findings {
    /// How many there were, by level from 1.
    counts: [u64; MAX_LEVELS as usize],
    /// By level and tenant.
    sources: BTreeMap<(u8, String), Arc<Source>>,
    traits: HashMap<u64, Traits>,
    order: VecDeque<u64>,
    /// Bytes that `traits` takes, and that it may.
    held: usize,
    most: usize,
}

/// The first slot of findings, in references of events: those below are of inputs.
pub const FIRST_FINDING_SLOT: u16 = MAX_INPUT_SLOT + 1;

/// The slot of the findings of a level, above those of all inputs.
fn slot(level: u8) -> u16 {
    MAX_INPUT_SLOT + u16::from(level)
}

impl Findings {
    /// None yet; what findings inherit from earlier events may take so many bytes.
    pub(crate) fn new(most: usize) -> Findings {
        Findings {
            counts: Default::default(),
            sources: BTreeMap::new(),
            traits: HashMap::new(),
            order: VecDeque::new(),
            held: 0,
            most,
        }
    }

    /// Remembers what findings that cite these events later will inherit.
    pub(crate) fn note(&mut self, batches: &[Batch]) {
        for batch in batches {
            if !batch.has_handling() && batch.kind() != Kind::Finding {
                continue;
            }
            for row in 0..batch.len() {
                if let Some(event_ref) = batch.event_ref(row) {
                    self.remember(event_ref, Traits::of(batch, row));
                }
            }
        }
    }

    /// How many findings there were, by level from 1.
    pub(crate) fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// What findings inherit from earlier events, oldest first.
    pub(crate) fn image(&self) -> impl Iterator<Item = Marking> {
        self.order.iter().filter_map(|event| {
            let traits = self.traits.get(event)?;
            Some(Marking {
                event: *event,
                tlp: traits.tlp,
                labels: traits.labels.clone(),
                depth: traits.depth,
            })
        })
    }

    /// Whether so much can be remembered.
    pub(crate) fn can_hold(&self, markings: &[Marking]) -> bool {
        let labels = markings.iter().flat_map(|marking| &marking.labels);
        let bytes =
            markings.len() * REMEMBERED + labels.map(|label| label.len() + 24).sum::<usize>();
        markings.len() <= MAX_REMEMBERED && bytes <= self.most
    }

    /// Goes on after so many findings and with what was remembered.
    pub(crate) fn restore(&mut self, counts: &[u64], markings: Vec<Marking>) {
        self.counts
            .iter_mut()
            .zip(counts)
            .for_each(|(count, of)| *count = *of);
        for Marking {
            event,
            tlp,
            labels,
            depth,
        } in markings
        {
            let traits = Traits { tlp, labels, depth };
            self.remember(event, traits);
        }
    }

    fn remember(&mut self, event_ref: u64, traits: Traits) {
        if traits.is_plain() {
            return;
        }
        self.held += REMEMBERED + traits.size();
        match self.traits.insert(event_ref, traits) {
            Some(before) => self.held -= REMEMBERED + before.size(),
            None => self.order.push_back(event_ref),
        }
        while (self.order.len() > MAX_REMEMBERED || self.held > self.most)
            && let Some(oldest) = self.order.pop_front()
        {
            if let Some(forgotten) = self.traits.remove(&oldest) {
                self.held -= REMEMBERED + forgotten.size();
            }
        }
    }

    /// What is inherited from an event that was seen before.
    fn known(&self, event_ref: u64) -> Traits {
        if let Some(traits) = self.traits.get(&event_ref) {
            return traits.clone();
        }
        // Findings of level 1 rest on no others and are not remembered for their depth; of
        // one that is forgotten the most is assumed.
        let level = (event_ref >> 40).saturating_sub(u64::from(MAX_INPUT_SLOT));
        Traits {
            depth: level.min(u64::from(MAX_DEPTH)) as u8,
            ..Traits::default()
        }
    }

    /// Numbers what the plugins of a level filed in an epoch, in order, and lets it inherit.
    pub(crate) fn number(
        &mut self,
        level: u8,
        mut drafts: Vec<(Rank, Draft)>,
    ) -> (Vec<Numbered>, Vec<TooDeep>) {
        drafts.sort_by(|(a, _), (b, _)| a.cmp(b));
        let (mut done, mut refused) = (Vec::with_capacity(drafts.len()), Vec::new());
        for (rank, draft) in drafts {
            let Draft {
                finding,
                traits,
                filing,
            } = draft;
            let (place, plugin) = (rank.place, rank.plugin);
            match self.inherit(level, finding, traits) {
                Ok((finding, depth, number)) => done.push(Numbered {
                    place: place.finding(level, number),
                    plugin,
                    depth,
                    finding,
                    filing,
                }),
                Err(rule) => refused.push(TooDeep {
                    place,
                    plugin,
                    rule,
                }),
            }
        }
        (done, refused)
    }

    /// The finding with what it inherits, its depth and its number.
    ///
    /// # Errors
    /// The rule, when it would rest on too many others.
    fn inherit(
        &mut self,
        level: u8,
        mut finding: Box<Finding>,
        mut traits: Traits,
    ) -> Result<(Box<Finding>, u8, u64), String> {
        for cited in finding.cited.iter().filter(|cited| cited.id.is_none()) {
            traits.inherit(self.known(cited.event_ref));
        }
        traits.labels.sort();
        traits.labels.dedup();
        traits.depth += 1;
        if traits.depth > MAX_DEPTH {
            return Err(finding.by.rule);
        }
        let count = &mut self.counts[usize::from(level) - 1];
        let number = *count;
        *count += 1;
        let depth = traits.depth;
        finding.event_ref = (u64::from(slot(level)) << 40) | number;
        finding.tlp = traits.tlp;
        finding.labels.clone_from(&traits.labels);
        if depth > 1 || finding.tlp.is_some() || !finding.labels.is_empty() {
            self.remember(finding.event_ref, traits);
        }
        Ok((finding, depth, number))
    }

    /// Findings of a level as events, in their order, in batches of at most so many rows.
    ///
    /// # Errors
    /// When a batch cannot be made, which is a defect of this program.
    pub(crate) fn events(
        &mut self,
        level: u8,
        findings: &[Numbered],
        rows: usize,
    ) -> Result<Vec<Placed>, BatchError> {
        let mut open: BTreeMap<&str, (BatchBuilder, Vec<Place>)> = BTreeMap::new();
        let mut out = Vec::new();
        for numbered in findings {
            let finding = &numbered.finding;
            let source = self
                .sources
                .entry((level, finding.tenant.clone()))
                .or_insert_with(|| {
                    Arc::new(Source {
                        slot: slot(level),
                        name: SOURCE.to_owned(),
                        tenant: finding.tenant.clone(),
                    })
                });
            let (builder, places) = open.entry(&finding.tenant).or_insert_with(|| {
                let builder = BatchBuilder::new(Kind::Finding, Arc::clone(source));
                (builder, Vec::new())
            });
            if builder.len() >= rows || builder.is_full() {
                out.push(placed(builder, places)?);
            }
            let stamp = Stamp {
                time: finding.time,
                ingest_time: finding.time,
                seq: finding.event_ref & palisade_events::MAX_SEQ,
            };
            let body = Body::Finding(event(finding, numbered.depth));
            builder
                .push(stamp, &body)
                .map_err(|error| BatchError::Columns {
                    kind: Kind::Finding,
                    problem: error.to_string(),
                })?;
            let ids = finding.cited.iter().filter_map(|cited| cited.id);
            let refs: Vec<String> = ids.map(|id| id.to_string()).collect();
            builder.handle(finding.tlp, &finding.labels, &refs);
            places.push(numbered.place);
        }
        for (mut builder, mut places) in open.into_values() {
            if !builder.is_empty() {
                out.push(placed(&mut builder, &mut places)?);
            }
        }
        Ok(out)
    }
}

fn placed(builder: &mut BatchBuilder, places: &mut Vec<Place>) -> Result<Placed, BatchError> {
    Ok(Placed {
        batch: builder.finish()?,
        places: Some(std::mem::take(places).into()),
    })
}

fn event(finding: &Finding, depth: u8) -> FindingEvent {
    FindingEvent {
        plugin: finding.by.plugin.clone(),
        rule: finding.by.rule.clone(),
        severity: finding.severity,
        subject: finding.subject.clone(),
        summary: finding.summary.clone(),
        requirements: finding.by.requirements.clone(),
        depth,
        retracted: finding.retracted,
        attributes: finding.details.clone(),
    }
}

#[cfg(test)]
mod tests {
    use palisade_events::{Citation, Tlp};

    use super::*;
    use crate::engine::place::Cause;

    fn filed(seq: u64, cited: &[u64]) -> (Rank, Draft) {
        let rank = Rank {
            place: Place::event(seq),
            plugin: 0,
            cause: Cause::Row(0),
            part: 0,
        };
        let cited = cited.iter().map(|event_ref| Citation {
            event_ref: *event_ref,
            id: None,
        });
        let finding = Box::new(Finding {
            event_ref: 0,
            by: Default::default(),
            severity: Default::default(),
            subject: format!("event:{seq}"),
            summary: String::new(),
            retracted: false,
            time: Default::default(),
            tenant: "t".to_owned(),
            cited: cited.collect(),
            details: Default::default(),
            actions: Vec::new(),
            tlp: None,
            labels: Vec::new(),
        });
        let traits = Traits::default();
        let draft = Draft {
            finding,
            traits,
            filing: None,
        };
        (rank, draft)
    }

    #[test]
    fn findings_are_numbered_by_what_they_are_about_and_go_four_deep() {
        let mut findings = Findings::new(usize::MAX);
        let (done, _) = findings.number(1, vec![filed(9, &[]), filed(2, &[])]);
        assert_eq!(done[0].finding.subject, "event:2");
        let mut below = done[1].finding.event_ref;
        for level in 2..=4 {
            let (done, refused) = findings.number(level, vec![filed(10, &[below])]);
            assert!(refused.is_empty());
            assert_eq!(done[0].depth, level);
            below = done[0].finding.event_ref;
        }
        let (done, refused) = findings.number(5, vec![filed(11, &[below]), filed(11, &[3])]);
        assert_eq!((done.len(), refused.len()), (1, 1));
        assert_eq!(done[0].depth, 1);
    }

    #[test]
    fn markings_and_labels_come_from_earlier_events_too() {
        let mut findings = Findings::new(usize::MAX);
        let marked = |tlp, label: &str| Traits {
            tlp: Some(tlp),
            labels: vec![label.to_owned()],
            depth: 0,
        };
        findings.remember(1, marked(Tlp::Green, "b"));
        findings.remember(2, marked(Tlp::Red, "a"));
        let (done, _) = findings.number(1, vec![filed(5, &[1, 2, 1])]);
        let first = &done[0].finding;
        assert_eq!(first.tlp, Some(Tlp::Red));
        assert_eq!(first.labels, ["a", "b"]);
        // And go on to what rests on the finding.
        let (done, _) = findings.number(2, vec![filed(6, &[first.event_ref])]);
        assert_eq!(done[0].finding.tlp, Some(Tlp::Red));
        let events = findings.events(2, &done, 1024).unwrap();
        let envelope = events[0].batch.envelope(0).unwrap();
        assert_eq!(envelope.labels, ["a", "b"]);
        assert_eq!(
            events[0].batch.event_ref(0),
            Some(done[0].finding.event_ref)
        );
    }

    #[test]
    fn memory_of_marked_events_is_bounded() {
        let mut findings = Findings::new(usize::MAX);
        for event_ref in 0..MAX_REMEMBERED as u64 + 10 {
            let traits = Traits {
                depth: 2,
                ..Traits::default()
            };
            findings.remember(event_ref, traits);
        }
        assert_eq!(findings.traits.len(), MAX_REMEMBERED);
        assert!(findings.known(9).is_plain());
        let mut findings = Findings::new(100 << 10);
        for event_ref in 0..100 {
            let traits = Traits {
                labels: vec!["x".repeat(8 << 10)],
                ..Traits::default()
            };
            findings.remember(event_ref, traits);
            assert!(findings.held <= 100 << 10);
        }
        assert_eq!(findings.traits.len(), 12);
        assert!(findings.known(1).is_plain() && !findings.known(99).is_plain());
    }
}
