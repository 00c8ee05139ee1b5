//! What a call was shown and told that filed something, so that it can be executed again.

use std::sync::Arc;

use palisade_runtime::{Asked, Fired, Plugin, View};

use super::draft::{Occasion, draft};
use super::place::Place;
use super::route::Shown;
use palisade_events::{Finding, Tlp};
use palisade_runtime::Filed;

/// Bytes of what calls asked and were told that are held of one worker's share of an epoch; calls
/// beyond that leave no evidence, and their findings are counted as being without.
pub(crate) const MAX_EPOCH_ASKED: usize = 16 << 20;

/// A call that filed findings or judgements.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// Whose it was.
    pub plugin: Arc<Plugin>,
    /// The function that was called.
    pub export: &'static str,
    /// What it was called with.
    pub occasion: Called,
    /// What it asked of the host, and was told.
    pub asked: Vec<Asked>,
    /// How many findings, retractions and judgements it filed.
    pub filed: u32,
}

/// What a plugin was called with.
#[derive(Clone, Debug)]
pub enum Called {
    /// Rows that passed a subscription.
    Rows {
        /// Position of the subscription.
        subscription: u32,
        /// The rows.
        view: View,
    },
    /// Timers that are due.
    Timers {
        /// Whose they are.
        tenant: String,
        /// The timers.
        fired: Vec<Fired>,
    },
}

/// Where something that was filed has its evidence.
#[derive(Clone, Debug)]
pub struct Filing {
    /// The call; calls are told apart by address.
    pub evidence: Arc<Evidence>,
    /// Which of what it filed, from 0.
    pub nth: u32,
}

impl Evidence {
    /// Bytes that it takes in memory, about: its share of the batch, and what it asked.
    pub fn size(&self) -> usize {
        let asked: usize = self.asked.iter().map(Asked::size).sum();
        asked
            + match &self.occasion {
                Called::Rows { view, .. } => {
                    view.batch().size() / view.batch().len().max(1) * view.len()
                }
                Called::Timers { fired, .. } => fired
                    .iter()
                    .map(|of| of.name.len() + of.key.len() + 64)
                    .sum(),
            }
    }
}

impl Called {
    /// The finding that a plugin files when it is called so: all but what the host adds once it
    /// knows all of an epoch, which is its `event_ref` and what it inherits from earlier events.
    /// With it the marking and labels of the rows that it cites.
    pub fn finding(&self, plugin: &Plugin, filed: Filed) -> (Finding, Option<Tlp>, Vec<String>) {
        let drafted = match self {
            Called::Rows { subscription, view } => {
                let shown = Shown::alone(*subscription as usize, view.clone());
                draft(plugin, filed, &Occasion::Rows(&shown))
            }
            Called::Timers { tenant, fired } => {
                let time = fired.first().map_or(0, |timer| timer.due);
                let place = Place::tick(0);
                draft(
                    plugin,
                    filed,
                    &Occasion::Timer {
                        place,
                        time,
                        tenant,
                    },
                )
            }
        };
        let (_, draft) = drafted;
        (*draft.finding, draft.traits.tlp, draft.traits.labels)
    }
}
