//! Series and sets of distinct values against models that keep everything.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

use crate::citation::Citation;
use crate::distinct::{Distinct, Fingerprint};
use crate::key::sketched;
use crate::partition::PartitionKey;
use crate::series::Series;
use crate::sketch::place;
use crate::spec::Span;

/// All entries ever, and the window over them by its definition.
#[derive(Default)]
struct Model {
    latest: u64,
    entries: Vec<(u64, u64)>,
}

impl Model {
    fn add(&mut self, span: Span, time: u64, what: u64) {
        if time > self.latest && time - self.latest >= span.ttl {
            self.entries.clear();
        }
        self.latest = self.latest.max(time);
        if self.latest - time < span.window {
            self.entries.push((time, what));
        }
        let latest = self.latest;
        self.entries.retain(|(time, _)| latest - time < span.window);
    }

    fn sum(&self) -> u64 {
        let sum: u128 = self.entries.iter().map(|(_, w)| u128::from(*w)).sum();
        u64::try_from(sum).unwrap_or(u64::MAX)
    }

    fn distinct(&self) -> u64 {
        let mut last = BTreeMap::new();
        for (time, value) in &self.entries {
            let seen: &mut u64 = last.entry(value).or_default();
            *seen = *time.max(seen);
        }
        last.len() as u64
    }
}

fn steps() -> impl Strategy<Value = Vec<(u64, u64, bool)>> {
    let time = prop_oneof![4 => 0..400u64, 1 => any::<u64>()];
    let weight = prop_oneof![8 => 0..20u64, 1 => any::<u64>()];
    prop::collection::vec((time, weight, prop::bool::weighted(0.1)), 1..200)
}

fn spans() -> impl Strategy<Value = Span> {
    let length = || prop_oneof![1..200u64, 1..u64::MAX];
    (length(), length()).prop_map(|(window, ttl)| Span { window, ttl })
}

proptest! {
    #[test]
    fn sums_are_those_of_the_definition(span in spans(), steps in steps()) {
        let (mut series, mut model) = (Series::<u64>::default(), Model::default());
        let mut undo = Vec::new();
        for (event, (time, weight, _)) in (0u64..).zip(steps) {
            let answer = series.add(span, Citation { time, event }, weight, &mut undo);
            model.add(span, time, weight);
            prop_assert_eq!(answer, model.sum());
        }
    }

    #[test]
    fn distinct_counts_are_those_of_the_definition(span in spans(), steps in steps()) {
        let (mut distinct, mut model) = (Distinct::default(), Model::default());
        for (event, (time, value, settle)) in (0u64..).zip(steps) {
            let at = Citation { time, event };
            let answer = distinct.add(span, PartitionKey::default(), at, Fingerprint::Number(value), &mut Vec::new());
            model.add(span, time, value);
            prop_assert_eq!(answer, model.distinct());
            if settle {
                let before = distinct.clone();
                distinct.settle();
                prop_assert_eq!(&distinct, &before);
            }
        }
    }

    #[test]
    fn undoing_a_series_restores_it(
        span in spans(), before in steps(), after in steps(), many in prop::bool::weighted(0.3),
    ) {
        let mut series = Series::<u64>::default();
        let mut undo = Vec::new();
        if many {
            // Well into buckets.
            for event in 0..1020 {
                series.add(span, Citation { time: event / 10, event }, 1, &mut undo);
            }
        }
        for (time, weight, _) in before {
            series.add(span, Citation { time, event: weight }, weight, &mut undo);
        }
        undo.clear();
        let saved = series.clone();
        for (time, weight, read) in after {
            match read {
                true => series.read(span, time, &mut undo),
                false => series.add(span, Citation { time, event: weight }, weight, &mut undo),
            };
        }
        while let Some(step) = undo.pop() {
            series.undo(step);
        }
        prop_assert_eq!(series, saved);
    }

    #[test]
    fn undoing_a_set_restores_it(
        span in spans(), before in steps(), after in steps(), many in prop::bool::weighted(0.3),
    ) {
        let mut distinct = Distinct::default();
        let mut undo = Vec::new();
        let hash = |value: u64| Fingerprint::Digest(value.wrapping_mul(0x9e37_79b9_7f4a_7c15), value);
        if many {
            for event in 0..1020 {
                let at = Citation { time: event / 10, event };
                distinct.add(span, PartitionKey::default(), at, hash(1000 + event), &mut undo);
            }
        }
        for (time, value, _) in before {
            distinct.add(span, PartitionKey::default(), Citation { time, event: value }, hash(value), &mut undo);
        }
        undo.clear();
        let saved = distinct.clone();
        for (time, value, read) in after {
            match read {
                true => distinct.read(span, time, &mut undo),
                false => {
                    distinct.add(span, PartitionKey::default(), Citation { time, event: value }, hash(value), &mut undo)
                }
            };
        }
        while let Some(step) = undo.pop() {
            distinct.undo(step);
        }
        prop_assert_eq!(&distinct, &saved);
        prop_assert_eq!(distinct.read(span, 0, &mut undo), { saved }.read(span, 0, &mut undo));
    }
}

#[test]
fn buckets_count_no_less_than_the_window_and_at_most_a_64th_more() {
    let span = Span {
        window: 6400,
        ttl: 6400,
    };
    let (mut series, mut undo) = (Series::<u64>::default(), Vec::new());
    let mut held: VecDeque<u64> = VecDeque::new();
    for event in 0..50_000u64 {
        // Runs forward, with every third entry somewhat late.
        let time = 10_000 + event - if event % 3 == 0 { event % 50 } else { 0 };
        let answer = series.add(span, Citation { time, event }, 1, &mut undo);
        held.push_back(time);
        let latest = series.latest();
        let within = |window: u64| held.iter().filter(|t| latest - **t < window).count() as u64;
        if event % 501 == 0 {
            assert!((within(6400)..=within(6500)).contains(&answer), "{event}");
        }
        undo.clear();
        if held.len() > 8000 {
            held.pop_front();
        }
    }
    assert_eq!(series.citations(span).len(), 16);
}

/// Whoever knows how values are spread over a sketch sends those that it does not tell apart.
#[test]
fn values_that_one_secret_hides_are_counted_under_another() {
    let known = PartitionKey::default();
    let hidden = |number: &u64| place(sketched(known, Fingerprint::Number(*number))).0 < 32;
    let chosen: Vec<u64> = (0..200_000).filter(hidden).take(5_000).collect();
    assert_eq!(chosen.len(), 5_000);
    let span = Span {
        window: 1 << 30,
        ttl: 1 << 30,
    };
    let count = |secret: PartitionKey| {
        let mut distinct = Distinct::default();
        let mut count = 0;
        for (event, number) in (0..).zip(&chosen) {
            let at = Citation { time: event, event };
            let value = Fingerprint::Number(*number);
            count = distinct.add(span, secret, at, value, &mut Vec::new());
        }
        count
    };
    assert!(count(known) < 1_000, "{} seem to be there", count(known));
    let counted = count(PartitionKey::new(*b"nobody knows it!"));
    assert!((4_300..5_700).contains(&counted), "{counted}");
}
