//! Predicates of subscriptions, evaluated over the columns of a batch.
//!
//! A [`Filter`] is made once for a subscription; [`Filter::select`] yields the rows that pass
//! all of its predicates. Each predicate looks at the rows that those before it left over, so
//! cheap and selective ones belong first.
//!
//! [`Filters`] are those of all plugins. What several of them ask of the same field in the same
//! way is answered once for a batch, whoever asks first, and kept in its [`Answers`].

mod test;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use palisade_events::{Batch, Column, ColumnType, FieldId, Kind};
use palisade_runtime::manifest::{Predicate, Subscription, Test};

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
    /// What is asked, negation apart: equal for those that get the same answer.
    question: String,
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

    /// Whether a row has a value that passes.
    fn found(&self, column: &Column, row: u32, time: u64) -> bool {
        column
            .range(row as usize)
            .any(|at| column.is_valid(at) && self.check.passes(column, at, time))
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
}

impl Filters {
    /// Finds out which predicates ask the same.
    pub fn new(mut all: Vec<Vec<Filter>>) -> Filters {
        let mut asked: HashMap<&str, usize> = HashMap::new();
        for step in all.iter().flatten().flat_map(|filter| &filter.steps) {
            *asked.entry(&step.question).or_default() += 1;
        }
        let mut places: HashMap<String, usize> = HashMap::new();
        for (question, _) in asked.into_iter().filter(|(_, times)| *times > 1) {
            places.insert(question.to_owned(), places.len());
        }
        for step in all.iter_mut().flatten().flat_map(|f| &mut f.steps) {
            step.shared = places.get(&step.question).copied();
        }
        Filters {
            all,
            shared: places.len(),
        }
    }

    /// Space for the answers that filters share about one batch.
    pub fn answers(&self) -> Answers {
        Answers((0..self.shared).map(|_| OnceLock::new()).collect())
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
pub struct Answers(Vec<OnceLock<Box<[bool]>>>);

impl Filter {
    /// Prepares the predicates of a subscription.
    ///
    /// # Errors
    /// When a predicate names a dataset that was not loaded.
    pub fn new(subscription: &Subscription, datasets: Memberships<'_>) -> Result<Filter, String> {
        let steps = subscription
            .predicates
            .iter()
            .map(|predicate| step(subscription.kind, predicate, datasets))
            .collect::<Result<_, _>>()?;
        Ok(Filter { steps })
    }

    /// The rows that pass, in ascending order; `None`: all of them. The answers are those of
    /// this batch.
    pub fn select(&self, batch: &Batch, answers: &Answers) -> Option<Vec<u32>> {
        let mut rows: Option<Vec<u32>> = None;
        for step in &self.steps {
            let left = match step.shared.and_then(|place| answers.0.get(place)) {
                Some(answer) => {
                    let answer = answer.get_or_init(|| answer_all(step, batch));
                    keep(rows, batch, |row| answer[row as usize] != step.not)
                }
                None => {
                    let column = step.column(batch);
                    let times = batch.times();
                    keep(rows, batch, |row| {
                        let found = column
                            .as_ref()
                            .is_some_and(|column| step.found(column, row, times[row as usize]));
                        found != step.not
                    })
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

/// Those of the rows, or of the whole batch, that pass.
fn keep(rows: Option<Vec<u32>>, batch: &Batch, passes: impl Fn(u32) -> bool) -> Vec<u32> {
    match rows {
        None => (0..batch.len() as u32).filter(|row| passes(*row)).collect(),
        Some(mut rows) => {
            rows.retain(|row| passes(*row));
            rows
        }
    }
}

/// The answer for each row of the batch.
fn answer_all(step: &Step, batch: &Batch) -> Box<[bool]> {
    let Some(column) = step.column(batch) else {
        return vec![false; batch.len()].into();
    };
    let rows = (0..batch.len() as u32).zip(batch.times());
    rows.map(|(row, time)| step.found(&column, row, *time))
        .collect()
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
            (Check::new(test, names), question)
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
        question,
        shared: None,
    })
}
