//! Predicates of subscriptions, evaluated over the columns of a batch.
//!
//! A [`Filter`] is made once for a subscription; [`Filter::select`] yields the rows that pass
//! all of its predicates. Each predicate looks at the rows that those before it left over, so
//! cheap and selective ones belong first.
//!
//! [`Filters`] are those of all plugins. What several of them ask of the same field in the same
//! way is answered once for a batch, whoever asks first, and kept in its [`Answers`].

mod effort;
mod test;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use palisade_events::{Batch, Column, ColumnType, FieldId, Kind, Values};
use palisade_runtime::manifest::{Predicate, Subscription, Test};

pub use effort::Effort;
use test::Check;

/// Says whether a value is in a dataset.
pub trait Membership: Send + Sync {
    /// Whether value `at` of the column matches an entry that is valid at `time`.
    fn contains(&self, column: &Column, at: usize, time: u64) -> bool;

    /// What tells the dataset from others, for as long as this lives.
    fn identity(&self) -> usize;
}

/// The datasets of a plugin by their position in its manifest.
pub type Memberships<'a> = &'a dyn Fn(usize) -> Option<Arc<dyn Membership>>;

/// One predicate, ready to be evaluated.
struct Step {
    field: FieldId,
    not: bool,
    /// The type as which an attribute is read; other fields have their own.
    ty: Option<ColumnType>,
    check: Check,
    /// The digest of what is asked, negation apart: equal for those that get the same answer.
    question: [u8; 32],
    /// Bytes that the manifest takes for it, about.
    declared: usize,
    /// The place of its answer, if others ask the same.
    shared: Option<usize>,
}

impl Step {
    /// The column that it asks about; `None` where no row of the batch can satisfy it.
    fn column(&self, batch: &Batch) -> Option<Column> {
        let column = match self.ty {
            Some(ty) => batch.column_as(self.field, ty),
            None => batch.column(self.field),
        };
        // The manifest was checked against the kind. What is left is an attribute that no event
        // of this batch has, or that holds another type.
        column.ok()
    }

    /// Whether a row has a value that passes. What is read of texts is counted.
    fn found(&self, column: &Column, row: u32, time: u64, effort: &mut Effort) -> bool {
        let is_text = matches!(column.values, Values::Text { .. });
        column.range(row as usize).any(|at| {
            if is_text {
                effort.spend(column.values.text(at).len());
            }
            column.is_valid(at) && self.check.passes(column, at, time)
        })
    }
}

/// The predicates of one subscription.
pub struct Filter {
    steps: Vec<Step>,
}

/// The filters of all plugins, by plugin and subscription.
pub struct Filters {
    all: Vec<Vec<Filter>>,
    shared: usize,
    held: u64,
}

impl Filters {
    /// Finds out which predicates ask the same.
    pub fn new(mut all: Vec<Vec<Filter>>) -> Filters {
        let mut asked: HashMap<[u8; 32], usize> = HashMap::new();
        let mut held = 0_u64;
        for step in all.iter().flatten().flat_map(|filter| &filter.steps) {
            *asked.entry(step.question).or_default() += 1;
            held = held.saturating_add(step.held() as u64);
        }
        let mut places: HashMap<[u8; 32], usize> = HashMap::new();
        for (question, _) in asked.into_iter().filter(|(_, times)| *times > 1) {
            places.insert(question, places.len());
        }
        for step in all.iter_mut().flatten().flat_map(|f| &mut f.steps) {
            step.shared = places.get(&step.question).copied();
        }
        Filters {
            all,
            shared: places.len(),
            held,
        }
    }

    /// Bytes that they take, with what the manifests keep of them.
    pub fn held(&self) -> u64 {
        self.held
    }

    /// Space for the answers that filters share about one batch.
    pub fn answers(&self) -> Answers {
        Answers((0..self.shared).map(|_| Answer::default()).collect())
    }
}

impl Deref for Filters {
    type Target = [Vec<Filter>];

    fn deref(&self) -> &[Vec<Filter>] {
        &self.all
    }
}

/// What filters share about one batch: for each question, by row, whether it was found.
#[derive(Debug)]
pub struct Answers(Vec<Answer>);

/// The answer to one question.
#[derive(Debug, Default)]
struct Answer {
    /// With the effort that it took.
    found: OnceLock<(Box<[bool]>, u64)>,
    /// Held while it is looked for.
    making: Mutex<()>,
}

impl Answer {
    /// What was found, by whoever asks first and can. Whoever asks later is charged the same.
    fn get(&self, step: &Step, batch: &Batch, effort: &mut Effort) -> Option<&[bool]> {
        let known = |effort: &mut Effort| {
            let (found, took) = self.found.get()?;
            effort.charge(*took);
            Some(&**found)
        };
        if let Some(found) = known(effort) {
            return Some(found);
        }
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known(effort) {
            return Some(found);
        }
        let before = effort.spent();
        // One that nobody has the time for is not kept: another plugin may have it.
        let found = answer_all(step, batch, effort)?;
        let took = effort.spent() - before;
        Some(&self.found.get_or_init(|| (found, took)).0)
    }
}

impl Filter {
    /// Prepares the predicates of a subscription.
    ///
    /// # Errors
    /// When a predicate names a dataset that was not loaded, or its texts cannot be prepared.
    pub fn new(subscription: &Subscription, datasets: Memberships<'_>) -> Result<Filter, String> {
        let steps = subscription
            .predicates
            .iter()
            .map(|predicate| step(subscription.kind, predicate, datasets))
            .collect::<Result<_, _>>()?;
        Ok(Filter { steps })
    }

    /// The rows that pass, in ascending order; `None`: all of them, or it is not known, as
    /// `effort` says then. The answers are those of this batch.
    pub fn select(
        &self,
        batch: &Batch,
        answers: &Answers,
        effort: &mut Effort,
    ) -> Option<Vec<u32>> {
        let mut rows: Option<Vec<u32>> = None;
        for step in &self.steps {
            let left = match step.shared.and_then(|place| answers.0.get(place)) {
                Some(answer) => {
                    let answer = answer.get(step, batch, effort)?;
                    keep(rows, batch, effort, |row, _| {
                        answer[row as usize] != step.not
                    })?
                }
                None => {
                    let column = step.column(batch);
                    let times = batch.times();
                    keep(rows, batch, effort, |row, effort| {
                        let found = column.as_ref().is_some_and(|column| {
                            step.found(column, row, times[row as usize], effort)
                        });
                        found != step.not
                    })?
                }
            };
            if left.is_empty() {
                return Some(left);
            }
            rows = Some(left);
        }
        rows.filter(|rows| rows.len() < batch.len())
    }
}

/// Those of the rows, or of the whole batch, that pass; `None`: that took more than it may.
fn keep(
    rows: Option<Vec<u32>>,
    batch: &Batch,
    effort: &mut Effort,
    passes: impl Fn(u32, &mut Effort) -> bool,
) -> Option<Vec<u32>> {
    effort.spend(rows.as_ref().map_or(batch.len(), Vec::len));
    let mut kept = Vec::new();
    let all = rows.is_none().then(|| 0..batch.len() as u32);
    for row in all.into_iter().flatten().chain(rows.into_iter().flatten()) {
        if effort.is_over() {
            return None;
        }
        if passes(row, effort) {
            kept.push(row);
        }
    }
    Some(kept)
}

/// The answer for each row of the batch; `None`: that took more than it may.
fn answer_all(step: &Step, batch: &Batch, effort: &mut Effort) -> Option<Box<[bool]>> {
    let Some(column) = step.column(batch) else {
        return Some(vec![false; batch.len()].into());
    };
    effort.spend(batch.len());
    let mut answers = Vec::with_capacity(batch.len());
    for (row, time) in (0..batch.len() as u32).zip(batch.times()) {
        if effort.is_over() {
            return None;
        }
        answers.push(step.found(&column, row, *time, effort));
    }
    Some(answers.into())
}

fn step(kind: Kind, predicate: &Predicate, datasets: Memberships<'_>) -> Result<Step, String> {
    let info = palisade_events::field(kind, predicate.field);
    let names = info.and_then(|info| info.enum_names);
    let (check, question) = match &predicate.test {
        Test::InDataset(position) => {
            let dataset = datasets(*position).ok_or_else(|| {
                format!(
                    "`where` on `{}` needs a dataset that is not loaded",
                    predicate.name
                )
            })?;
            let question = format!("{kind:?} {} dataset {}", predicate.name, dataset.identity());
            (Check::Dataset(dataset), question)
        }
        test => {
            let question = format!("{kind:?} {} {test:?}", predicate.name);
            let check = Check::new(test, names)
                .map_err(|problem| format!("`where` on `{}`: {problem}", predicate.name))?;
            (check, question)
        }
    };
    // An attribute is read as what it is compared with.
    let ty = match (info, &check) {
        (Some(_), _) | (None, Check::Exists | Check::Dataset(_)) => None,
        (None, check) => Some(check.attribute_type()),
    };
    Ok(Step {
        field: predicate.field,
        not: predicate.not,
        ty,
        check,
        question: *blake3::hash(question.as_bytes()).as_bytes(),
        declared: test::declared(&predicate.test),
        shared: None,
    })
}

impl Step {
    /// Bytes that it takes, with what the manifest keeps of it.
    fn held(&self) -> usize {
        size_of::<Step>() + self.declared + self.check.held()
    }
}
