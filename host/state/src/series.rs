//! Counts and sums over a sliding window of event time, for one key.

use std::collections::VecDeque;
use std::fmt::Debug;

use serde::{Serialize, Serializer};

use super::citation::{Citation, MAX_CITATIONS, Recent};
use super::image::CellImage;
use super::spec::Span;

/// How many entries of a window are held one by one.
pub const EXACT_ENTRIES: usize = 1024;
/// Into how many buckets a window with more entries is cut.
pub const BUCKETS: u64 = 64;

/// What an entry adds to the value.
pub(super) trait Weight: Copy + Debug + PartialEq + Send {
    fn amount(self) -> u64;
    /// The weight of this amount, if there is one.
    fn of(amount: u64) -> Option<Self>;
}

/// The weight of an event that is only counted; takes no space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct One;

impl Weight for One {
    fn amount(self) -> u64 {
        1
    }
    fn of(amount: u64) -> Option<One> {
        (amount == 1).then_some(One)
    }
}

impl Weight for u64 {
    fn amount(self) -> u64 {
        self
    }
    fn of(amount: u64) -> Option<u64> {
        Some(amount)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(bound = "W: Weight")]
pub(super) struct Entry<W> {
    time: u64,
    event: u64,
    #[serde(serialize_with = "amount")]
    weight: W,
}

fn amount<W: Weight, S: Serializer>(weight: &W, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(weight.amount())
}

/// The entries of 1/64 of a window; bucket `n` of width `w` begins at `n * w`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Bucket {
    number: u64,
    /// Saturating. A bucket that has saturated makes the whole answer saturate for as long
    /// as it is held, which is what the exact sum would do.
    amount: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Form<W> {
    /// By time; entries of one time in the order in which they came.
    Exact(VecDeque<Entry<W>>),
    Coarse {
        /// By number.
        buckets: VecDeque<Bucket>,
        recent: Recent,
    },
}

/// How to undo one step, given that all later steps are undone.
#[derive(Clone, Debug)]
pub(super) enum Undo<W> {
    Latest(u64),
    Expired(Entry<W>),
    Added { at: u32, latest: u64 },
    BucketExpired(Bucket),
    BucketAdded { at: u32, before: Option<u64> },
    Cited(Option<Citation>),
    Form(Box<Form<W>>),
}

/// The variants of [`CellImage`] that windows have, in the same places and with the same encoding.
#[derive(Serialize)]
#[serde(bound = "W: Weight")]
pub(super) enum Saved<'a, W> {
    Entries {
        latest: u64,
        entries: &'a VecDeque<Entry<W>>,
    },
    Buckets {
        latest: u64,
        buckets: &'a VecDeque<Bucket>,
        recent: &'a Recent,
    },
}

/// The window of one key.
///
/// It ends at the latest time that the key has seen and is `window` long, open at its
/// beginning. Up to [`EXACT_ENTRIES`] it is exact. One entry more, and entries are merged
/// into [`BUCKETS`] buckets, which leave as a whole: the window is then up to 1/64 longer.
/// It is exact again once it has been empty.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Series<W> {
    latest: u64,
    total: u128,
    form: Form<W>,
}

impl<W> Default for Series<W> {
    fn default() -> Self {
        Series {
            latest: 0,
            total: 0,
            form: Form::Exact(VecDeque::new()),
        }
    }
}

impl<W: Weight> Series<W> {
    /// Adds an entry and returns the value after it. An entry that is older than the window
    /// changes nothing.
    pub(super) fn add(
        &mut self,
        span: Span,
        at: Citation,
        weight: W,
        undo: &mut Vec<Undo<W>>,
    ) -> u64 {
        let before = self.latest;
        if !self.advance(span, at.time, undo) {
            return self.value();
        }
        let entry = Entry {
            time: at.time,
            event: at.event,
            weight,
        };
        match &mut self.form {
            Form::Exact(entries) if entries.len() < EXACT_ENTRIES => {
                let place = match entries.back() {
                    Some(last) if last.time > at.time => {
                        entries.partition_point(|e| e.time <= at.time)
                    }
                    _ => entries.len(),
                };
                entries.insert(place, entry);
                self.total += u128::from(weight.amount());
                undo.push(Undo::Added {
                    at: place as u32,
                    latest: before,
                });
            }
            Form::Exact(entries) => {
                undo.push(Undo::Latest(before));
                let coarse = coarse(span, entries);
                let exact = std::mem::replace(&mut self.form, coarse);
                self.total = self.form.total();
                undo.push(Undo::Form(Box::new(exact)));
                self.add_coarse(span, entry, undo);
            }
            Form::Coarse { .. } => {
                undo.push(Undo::Latest(before));
                self.add_coarse(span, entry, undo);
            }
        }
        self.value()
    }

    /// Moves the window to `time`, if that is later, and returns the value.
    pub(super) fn read(&mut self, span: Span, time: u64, undo: &mut Vec<Undo<W>>) -> u64 {
        let before = self.latest;
        if self.advance(span, time, undo) && before != self.latest {
            undo.push(Undo::Latest(before));
        }
        self.value()
    }

    fn add_coarse(&mut self, span: Span, entry: Entry<W>, undo: &mut Vec<Undo<W>>) {
        let Form::Coarse { buckets, recent } = &mut self.form else {
            return;
        };
        let (at, before) = bucket(buckets, entry.time / width(span));
        let bucket = &mut buckets[at];
        let old = bucket.amount;
        bucket.amount = old.saturating_add(entry.weight.amount());
        self.total += u128::from(bucket.amount - old);
        undo.push(Undo::BucketAdded {
            at: at as u32,
            before,
        });
        undo.push(Undo::Cited(recent.push(Citation {
            time: entry.time,
            event: entry.event,
        })));
    }

    /// Whether `time` is in the window, after moving it there if it is later.
    fn advance(&mut self, span: Span, time: u64, undo: &mut Vec<Undo<W>>) -> bool {
        if time <= self.latest {
            return self.latest - time < span.window;
        }
        // A key that was silent for `ttl` begins anew.
        let lapsed = time - self.latest >= span.ttl;
        self.latest = time;
        match &mut self.form {
            Form::Exact(entries) => {
                while let Some(entry) = entries.front() {
                    if !lapsed && time - entry.time < span.window {
                        break;
                    }
                    self.total -= u128::from(entry.weight.amount());
                    undo.extend(entries.pop_front().map(Undo::Expired));
                }
                if entries.capacity() >= 64 && entries.len() * 4 <= entries.capacity() {
                    entries.shrink_to(entries.len() * 2);
                }
            }
            Form::Coarse { buckets, .. } => {
                let width = width(span);
                while let Some(bucket) = buckets.front() {
                    let end = (bucket.number * width).saturating_add(width - 1);
                    if !lapsed && time.saturating_sub(end) < span.window {
                        break;
                    }
                    self.total -= u128::from(bucket.amount);
                    undo.extend(buckets.pop_front().map(Undo::BucketExpired));
                }
                if buckets.is_empty() {
                    let empty = Form::Exact(VecDeque::new());
                    let coarse = std::mem::replace(&mut self.form, empty);
                    undo.push(Undo::Form(Box::new(coarse)));
                }
            }
        }
        true
    }

    fn value(&self) -> u64 {
        u64::try_from(self.total).unwrap_or(u64::MAX)
    }

    /// The times of its first and its last entry, together.
    pub(super) fn peek(&self) -> u64 {
        match &self.form {
            Form::Exact(entries) => {
                let time = |entry: Option<&Entry<W>>| entry.map_or(0, |e| e.time);
                time(entries.front()) ^ time(entries.back())
            }
            Form::Coarse { buckets, .. } => buckets.back().map_or(0, |b| b.amount),
        }
    }

    /// The latest time that it has seen.
    pub(super) fn latest(&self) -> u64 {
        self.latest
    }

    /// The last events in the window, by time.
    pub(super) fn citations(&self, span: Span) -> Vec<u64> {
        match &self.form {
            Form::Exact(entries) => {
                let skip = entries.len().saturating_sub(MAX_CITATIONS);
                entries.iter().skip(skip).map(|e| e.event).collect()
            }
            Form::Coarse { recent, .. } => recent.within(span.window, self.latest),
        }
    }

    /// What it takes beyond its own size, in bytes; the same for equal values.
    pub(super) fn heap(&self) -> usize {
        match &self.form {
            Form::Exact(entries) if entries.is_empty() => 0,
            Form::Exact(entries) => {
                entries.len().next_power_of_two().max(4) * size_of::<Entry<W>>()
            }
            Form::Coarse { .. } => {
                (BUCKETS as usize + 2) * size_of::<Bucket>()
                    + (MAX_CITATIONS + 1) * size_of::<Citation>()
            }
        }
    }

    /// The window as it is kept.
    pub(super) fn image(&self) -> CellImage {
        let latest = self.latest;
        match &self.form {
            Form::Exact(entries) => {
                let entry = |e: &Entry<W>| (e.time, e.event, e.weight.amount());
                let entries = entries.iter().map(entry).collect();
                CellImage::Entries { latest, entries }
            }
            Form::Coarse { buckets, recent } => CellImage::Buckets {
                latest,
                buckets: buckets.iter().map(|b| (b.number, b.amount)).collect(),
                recent: recent.image(),
            },
        }
    }

    /// What is encoded as [`image`](Self::image), from where it lies.
    pub(super) fn saved(&self) -> Saved<'_, W> {
        let latest = self.latest;
        match &self.form {
            Form::Exact(entries) => Saved::Entries { latest, entries },
            Form::Coarse { buckets, recent } => Saved::Buckets {
                latest,
                buckets,
                recent,
            },
        }
    }

    /// The window that was kept; `None`: it is none.
    pub(super) fn of_image(image: CellImage, span: Span) -> Option<Self> {
        let (latest, form) = match image {
            CellImage::Entries { latest, entries } => {
                let sound = entries.len() <= EXACT_ENTRIES
                    && entries.is_sorted_by_key(|(time, ..)| *time)
                    && entries.last().is_none_or(|(time, ..)| *time <= latest);
                let entry = |(time, event, weight)| {
                    let weight = W::of(weight)?;
                    Some(Entry {
                        time,
                        event,
                        weight,
                    })
                };
                let entries: Option<VecDeque<_>> = entries.into_iter().map(entry).collect();
                (latest, Form::Exact(entries.filter(|_| sound)?))
            }
            CellImage::Buckets {
                latest,
                buckets,
                recent,
            } => {
                let number = |bucket: &(u64, u64)| bucket.0;
                let last = latest / width(span);
                let sound = (1..=BUCKETS as usize + 2).contains(&buckets.len())
                    && buckets.is_sorted_by(|a, b| number(a) < number(b))
                    && buckets.last().is_none_or(|bucket| number(bucket) <= last);
                let recent = Recent::of_image(&recent, latest).filter(|_| sound)?;
                let bucket = |(number, amount)| Bucket { number, amount };
                let buckets = buckets.into_iter().map(bucket).collect();
                (latest, Form::Coarse { buckets, recent })
            }
            _ => return None,
        };
        Some(Series {
            latest,
            total: form.total(),
            form,
        })
    }

    /// Takes one step back.
    pub(super) fn undo(&mut self, step: Undo<W>) {
        match step {
            Undo::Latest(latest) => self.latest = latest,
            Undo::Form(form) => {
                self.form = *form;
                self.total = self.form.total();
            }
            Undo::Expired(entry) => {
                if let Form::Exact(entries) = &mut self.form {
                    self.total += u128::from(entry.weight.amount());
                    entries.push_front(entry);
                }
            }
            Undo::Added { at, latest } => {
                if let Form::Exact(entries) = &mut self.form
                    && let Some(entry) = entries.remove(at as usize)
                {
                    self.total -= u128::from(entry.weight.amount());
                }
                self.latest = latest;
            }
            Undo::BucketExpired(bucket) => {
                if let Form::Coarse { buckets, .. } = &mut self.form {
                    self.total += u128::from(bucket.amount);
                    buckets.push_front(bucket);
                }
            }
            Undo::BucketAdded { at, before } => {
                if let Form::Coarse { buckets, .. } = &mut self.form
                    && let Some(bucket) = buckets.get_mut(at as usize)
                {
                    self.total -= u128::from(bucket.amount - before.unwrap_or(0));
                    match before {
                        Some(amount) => bucket.amount = amount,
                        None => drop(buckets.remove(at as usize)),
                    }
                }
            }
            Undo::Cited(displaced) => {
                if let Form::Coarse { recent, .. } = &mut self.form {
                    recent.unpush(displaced);
                }
            }
        }
    }
}

impl<W: Weight> Form<W> {
    /// The sum of what it holds.
    fn total(&self) -> u128 {
        match self {
            Form::Exact(entries) => entries.iter().map(|e| u128::from(e.weight.amount())).sum(),
            Form::Coarse { buckets, .. } => buckets.iter().map(|b| u128::from(b.amount)).sum(),
        }
    }
}

fn width(span: Span) -> u64 {
    span.window.div_ceil(BUCKETS).max(1)
}

/// The place of the bucket with this number, and its amount if it was there before.
fn bucket(buckets: &mut VecDeque<Bucket>, number: u64) -> (usize, Option<u64>) {
    let place = match buckets.back() {
        Some(last) if last.number >= number => buckets.partition_point(|b| b.number < number),
        _ => buckets.len(),
    };
    match buckets.get(place) {
        Some(bucket) if bucket.number == number => (place, Some(bucket.amount)),
        _ => {
            buckets.insert(place, Bucket { number, amount: 0 });
            (place, None)
        }
    }
}

fn coarse<W: Weight>(span: Span, entries: &VecDeque<Entry<W>>) -> Form<W> {
    let mut buckets = VecDeque::with_capacity(BUCKETS as usize + 2);
    for entry in entries {
        let (at, _) = bucket(&mut buckets, entry.time / width(span));
        let amount = &mut buckets[at].amount;
        *amount = amount.saturating_add(entry.weight.amount());
    }
    let skip = entries.len().saturating_sub(MAX_CITATIONS);
    Form::Coarse {
        buckets,
        recent: Recent::of(entries.iter().skip(skip).map(|e| Citation {
            time: e.time,
            event: e.event,
        })),
    }
}
