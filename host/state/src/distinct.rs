//! Distinct values over a sliding window of event time, for one key.

use std::collections::VecDeque;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use super::citation::{Citation, MAX_CITATIONS, Recent};
use super::image::{Bytes, CellImage, FingerprintImage};
use super::key::sketched;
use super::series::EXACT_ENTRIES;
use super::sketch::{MAX_RANK, REGISTERS, Registers, Sketch, place};
use super::spec::Span;
use super::values::{Value, Values};
use crate::partition::PartitionKey;

/// Into how many parts the window of a sketch is cut.
pub const SKETCH_PARTS: u64 = 16;

/// What stands for a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fingerprint {
    /// A whole number stands for itself.
    Number(u64),
    /// The first 16 bytes of its BLAKE3 digest. A hash that anybody can compute must at least
    /// not collide at will, or whoever chooses the values hides some.
    Digest(u64, u64),
}

impl Fingerprint {
    fn image(self) -> FingerprintImage {
        match self {
            Fingerprint::Number(number) => FingerprintImage::Number(number),
            Fingerprint::Digest(low, high) => FingerprintImage::Digest(low, high),
        }
    }

    fn of_image(image: FingerprintImage) -> Fingerprint {
        match image {
            FingerprintImage::Number(number) => Fingerprint::Number(number),
            FingerprintImage::Digest(low, high) => Fingerprint::Digest(low, high),
        }
    }

    /// Where to look for it in a hash table. Differs from process to process, so that nobody
    /// can choose numbers that all end up in one place.
    #[inline]
    pub(super) fn hash(self) -> u64 {
        static SECRET: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0));
        let number = match self {
            Fingerprint::Number(number) => number,
            Fingerprint::Digest(low, _) => low,
        };
        let product = u128::from(number ^ *SECRET) * 0x9e37_79b9_7f4a_7c15;
        (product as u64) ^ (product >> 64) as u64
    }
}

/// The values of one sixteenth of a window; part `n` of width `w` begins at `n * w`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    number: u64,
    registers: Box<Registers>,
}

/// The union of the parts; made again when it is gone.
#[derive(Clone, Default)]
pub(super) struct Union(Option<Box<Sketch>>);

impl fmt::Debug for Union {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Union")
    }
}

impl PartialEq for Union {
    /// It follows from the parts.
    fn eq(&self, _: &Union) -> bool {
        true
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Form {
    Exact(Values),
    Sketch {
        /// By number.
        parts: VecDeque<Part>,
        union: Union,
        recent: Recent,
    },
}

/// How to undo one step, given that all later steps are undone.
#[derive(Clone, Debug)]
pub(super) enum Undo {
    Latest(u64),
    Inserted(u32),
    Seen { at: u32, older: u32, was: Citation },
    Expired(Value),
    PartAdded(u32),
    PartExpired(Part),
    Raised { part: u32, register: u16, was: u8 },
    Cited(Option<Citation>),
    Form(Box<Form>),
}

/// The distinct values in the window of one key.
///
/// The window ends at the latest time that the key has seen. A value is in it when it was
/// last seen in it. Up to [`EXACT_ENTRIES`] values it is exact; with one more it becomes
/// [`SKETCH_PARTS`] sketches, which leave as a whole: the window is then up to a sixteenth
/// longer. It is exact again once it has been empty.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Distinct {
    latest: u64,
    form: Form,
}

impl Default for Distinct {
    fn default() -> Self {
        Distinct {
            latest: 0,
            form: Form::Exact(Values::default()),
        }
    }
}

impl Distinct {
    /// Adds a value and returns how many there are then. A value seen before the window
    /// changes nothing.
    pub(super) fn add(
        &mut self,
        span: Span,
        secret: PartitionKey,
        at: Citation,
        value: Fingerprint,
        undo: &mut Vec<Undo>,
    ) -> u64 {
        if !self.advance(span, at.time, undo) {
            return self.count();
        }
        if let Form::Exact(values) = &mut self.form {
            let known = values.find(value);
            if known.is_some() || values.len() < EXACT_ENTRIES {
                values.see(known, value, at, undo);
                return self.count();
            }
            let sketch = sketch(span, secret, values);
            let exact = std::mem::replace(&mut self.form, sketch);
            undo.push(Undo::Form(Box::new(exact)));
        }
        self.add_sketched(span, at, (secret, value), undo);
        self.count()
    }

    /// Moves the window to `time`, if that is later, and returns how many values it holds.
    pub(super) fn read(&mut self, span: Span, time: u64, undo: &mut Vec<Undo>) -> u64 {
        self.advance(span, time, undo);
        self.count()
    }

    fn add_sketched(
        &mut self,
        span: Span,
        at: Citation,
        (secret, value): (PartitionKey, Fingerprint),
        undo: &mut Vec<Undo>,
    ) {
        let Form::Sketch {
            parts,
            union,
            recent,
        } = &mut self.form
        else {
            return;
        };
        let (part, added) = part(parts, at.time / width(span));
        if added {
            undo.push(Undo::PartAdded(part as u32));
        }
        let (register, rank) = place(sketched(secret, value));
        let was = parts[part].registers[register];
        if was >= rank {
            return;
        }
        parts[part].registers[register] = rank;
        undo.push(Undo::Raised {
            part: part as u32,
            register: register as u16,
            was,
        });
        match &mut union.0 {
            Some(union) => drop(union.raise(register, rank)),
            None => union.0 = Some(unite(parts)),
        }
        undo.push(Undo::Cited(recent.push(at)));
    }

    /// Whether `time` is in the window, after moving it there if it is later.
    fn advance(&mut self, span: Span, time: u64, undo: &mut Vec<Undo>) -> bool {
        if time <= self.latest {
            return self.latest - time < span.window;
        }
        let lapsed = time - self.latest >= span.ttl;
        undo.push(Undo::Latest(self.latest));
        self.latest = time;
        match &mut self.form {
            Form::Exact(values) => {
                values.expire(|seen| lapsed || time - seen >= span.window, undo);
            }
            Form::Sketch { parts, union, .. } => {
                let width = width(span);
                while let Some(part) = parts.front() {
                    let end = (part.number * width).saturating_add(width - 1);
                    if !lapsed && time.saturating_sub(end) < span.window {
                        break;
                    }
                    union.0 = None;
                    undo.extend(parts.pop_front().map(Undo::PartExpired));
                }
                if parts.is_empty() {
                    let empty = Form::Exact(Values::default());
                    let sketch = std::mem::replace(&mut self.form, empty);
                    undo.push(Undo::Form(Box::new(sketch)));
                }
            }
        }
        true
    }

    fn count(&mut self) -> u64 {
        match &mut self.form {
            Form::Exact(values) => values.len() as u64,
            Form::Sketch { parts, union, .. } => {
                union.0.get_or_insert_with(|| unite(parts)).estimate()
            }
        }
    }

    /// The latest time that it has seen.
    pub(super) fn latest(&self) -> u64 {
        self.latest
    }

    /// Events in the window that brought the values seen last, by time; each once.
    pub(super) fn citations(&self, span: Span) -> Vec<u64> {
        match &self.form {
            Form::Exact(values) => values.latest_events(MAX_CITATIONS),
            Form::Sketch { recent, .. } => {
                let mut events = recent.within(span.window, self.latest);
                events.dedup();
                events
            }
        }
    }

    /// What it takes beyond its own size, in bytes; the same for equal values.
    pub(super) fn heap(&self) -> usize {
        match &self.form {
            Form::Exact(values) => values.heap(),
            Form::Sketch { parts, .. } => {
                parts.len() * (REGISTERS + size_of::<Part>())
                    + size_of::<Sketch>()
                    + (MAX_CITATIONS + 1) * size_of::<Citation>()
            }
        }
    }

    /// Gives back space that it does not need. Only when there is nothing to undo.
    pub(super) fn settle(&mut self) {
        if let Form::Exact(values) = &mut self.form {
            values.settle();
        }
    }

    /// The window as it is kept.
    pub(super) fn image(&self) -> CellImage {
        let latest = self.latest;
        match &self.form {
            Form::Exact(values) => {
                let value = |value: &Value| {
                    let Citation { time, event } = value.seen;
                    (value.fingerprint.image(), time, event)
                };
                let mut values: Vec<_> = values.newest_first().map(value).collect();
                values.reverse();
                CellImage::Distinct { latest, values }
            }
            Form::Sketch { parts, recent, .. } => CellImage::Sketch {
                latest,
                parts: parts
                    .iter()
                    .map(|part| (part.number, Bytes(part.registers.to_vec())))
                    .collect(),
                recent: recent.image(),
            },
        }
    }

    /// The window that was kept; `None`: it is none.
    pub(super) fn of_image(image: CellImage, span: Span) -> Option<Self> {
        let (latest, form) = match image {
            CellImage::Distinct { latest, values } => {
                let value = |(image, time, event): (FingerprintImage, u64, u64)| Value {
                    fingerprint: Fingerprint::of_image(image),
                    seen: Citation { time, event },
                };
                let sound = values.len() <= EXACT_ENTRIES
                    && values.last().is_none_or(|(_, time, _)| *time <= latest);
                let values = Values::of(values.into_iter().map(value).collect());
                (latest, Form::Exact(values.filter(|_| sound)?))
            }
            CellImage::Sketch {
                latest,
                parts,
                recent,
            } => {
                let number = |part: &(u64, Bytes)| part.0;
                let last = latest / width(span);
                let sound = (1..=SKETCH_PARTS as usize + 2).contains(&parts.len())
                    && parts.is_sorted_by(|a, b| number(a) < number(b))
                    && parts.last().is_none_or(|part| number(part) <= last);
                let recent = Recent::of_image(&recent, latest).filter(|_| sound)?;
                let part = |(number, Bytes(registers)): (u64, Bytes)| {
                    let sound = registers.iter().all(|rank| usize::from(*rank) <= MAX_RANK);
                    let registers: Box<Registers> = registers.into_boxed_slice().try_into().ok()?;
                    sound.then_some(Part { number, registers })
                };
                let parts: Option<VecDeque<Part>> = parts.into_iter().map(part).collect();
                let (parts, union) = (parts?, Union::default());
                let form = Form::Sketch {
                    parts,
                    union,
                    recent,
                };
                (latest, form)
            }
            _ => return None,
        };
        Some(Distinct { latest, form })
    }

    /// Takes one step back.
    pub(super) fn undo(&mut self, step: Undo) {
        match (step, &mut self.form) {
            (Undo::Latest(latest), _) => self.latest = latest,
            (Undo::Form(form), _) => self.form = *form,
            (Undo::Inserted(at), Form::Exact(values)) => values.undo_insert(at),
            (Undo::Seen { at, older, was }, Form::Exact(values)) => values.unsee(at, older, was),
            (Undo::Expired(value), Form::Exact(values)) => values.undo_expire(value),
            (Undo::PartAdded(at), Form::Sketch { parts, union, .. }) => {
                union.0 = None;
                parts.remove(at as usize);
            }
            (Undo::PartExpired(part), Form::Sketch { parts, union, .. }) => {
                union.0 = None;
                parts.push_front(part);
            }
            (
                Undo::Raised {
                    part,
                    register,
                    was,
                },
                Form::Sketch { parts, union, .. },
            ) => {
                union.0 = None;
                if let Some(part) = parts.get_mut(part as usize) {
                    part.registers[usize::from(register)] = was;
                }
            }
            (Undo::Cited(displaced), Form::Sketch { recent, .. }) => recent.unpush(displaced),
            (step, form) => debug_assert!(false, "{step:?} does not fit {form:?}"),
        }
    }
}

fn width(span: Span) -> u64 {
    span.window.div_ceil(SKETCH_PARTS).max(1)
}

fn unite(parts: &VecDeque<Part>) -> Box<Sketch> {
    Box::new(Sketch::union(parts.iter().map(|p| &*p.registers)))
}

/// The place of the part with this number, and whether it had to be made.
fn part(parts: &mut VecDeque<Part>, number: u64) -> (usize, bool) {
    let place = match parts.back() {
        Some(last) if last.number >= number => parts.partition_point(|p| p.number < number),
        _ => parts.len(),
    };
    if parts.get(place).is_some_and(|p| p.number == number) {
        return (place, false);
    }
    let registers = Box::new([0; REGISTERS]);
    parts.insert(place, Part { number, registers });
    (place, true)
}

fn sketch(span: Span, secret: PartitionKey, values: &Values) -> Form {
    let mut parts = VecDeque::with_capacity(SKETCH_PARTS as usize + 1);
    let mut last = VecDeque::with_capacity(MAX_CITATIONS);
    for value in values.newest_first() {
        let (at, _) = part(&mut parts, value.seen.time / width(span));
        let (register, rank) = place(sketched(secret, value.fingerprint));
        let register = &mut parts[at].registers[register];
        *register = rank.max(*register);
        if last.len() < MAX_CITATIONS {
            last.push_front(value.seen);
        }
    }
    Form::Sketch {
        parts,
        union: Union::default(),
        recent: Recent::of(last),
    }
}
