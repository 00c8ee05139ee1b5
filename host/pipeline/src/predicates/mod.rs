//! Predicates of subscriptions, evaluated over the columns of a batch.
//!
//! A [`Filter`] is made once for a subscription; [`Filter::select`] yields the rows that pass
//! all of its predicates. Each predicate looks at the rows that those before it left over, so
//! cheap and selective ones belong first.

mod test;

use std::sync::Arc;

use palisade_events::{Batch, Column, ColumnError, ColumnType, FieldId, Kind};
use palisade_runtime::manifest::{Predicate, Subscription, Test};

use test::Check;

/// Says whether a value is in a dataset.
pub trait Membership: Send + Sync {
    /// Whether value `at` of the column matches an entry that is valid at `time`.
    fn contains(&self, column: &Column, at: usize, time: u64) -> bool;
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
}

/// The predicates of one subscription.
pub struct Filter {
    steps: Vec<Step>,
}

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

    /// The rows that pass, in ascending order; `None`: all of them.
    pub fn select(&self, batch: &Batch) -> Option<Vec<u32>> {
        let mut rows: Option<Vec<u32>> = None;
        for step in &self.steps {
            let column = match step.ty {
                Some(ty) => batch.column_as(step.field, ty),
                None => batch.column(step.field),
            };
            let column = match column {
                Ok(column) => Some(column),
                Err(ColumnError::AbsentAttribute { .. }) => None,
                // The manifest was checked against the kind; what is left is an attribute that
                // holds another type, which no event of this batch can satisfy.
                Err(_) => None,
            };
            let passes = |row: &u32| {
                let found = column.as_ref().is_some_and(|column| {
                    let time = batch.times()[*row as usize];
                    column
                        .range(*row as usize)
                        .any(|at| column.is_valid(at) && step.check.passes(column, at, time))
                });
                found != step.not
            };
            let left = match rows {
                None => (0..batch.len() as u32).filter(passes).collect(),
                Some(mut rows) => {
                    rows.retain(passes);
                    rows
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

fn step(kind: Kind, predicate: &Predicate, datasets: Memberships<'_>) -> Result<Step, String> {
    let info = palisade_events::field(kind, predicate.field);
    let names = info.and_then(|info| info.enum_names);
    let check = match &predicate.test {
        Test::InDataset(position) => Check::Dataset(datasets(*position).ok_or_else(|| {
            format!(
                "`where` on `{}` needs a dataset that is not loaded",
                predicate.name
            )
        })?),
        test => Check::new(test, names),
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
    })
}
