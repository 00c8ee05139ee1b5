//! Quarantine: which plugins of a generation are shown nothing for now.

use std::sync::atomic::Ordering;

use super::generation::PluginKey;
use super::run::Engine;

impl Engine {
    /// The latest time of any event that is believed, in nanoseconds since 1970.
    pub fn latest_time(&self) -> u64 {
        self.watermark.latest()
    }

    /// The plugins in quarantine, in the order of the generation.
    pub fn quarantined(&self) -> Vec<PluginKey> {
        let members = self.generation.members().zip(&self.summary.plugins);
        let quarantined = members.filter(|(_, summary)| summary.quarantined);
        quarantined.map(|(member, _)| member.key.clone()).collect()
    }

    /// The plugins that came into quarantine since this was asked last, in the order in which they
    /// did.
    pub fn take_quarantined(&mut self) -> Vec<PluginKey> {
        std::mem::take(&mut self.newly_quarantined)
    }

    /// Whether faults lead to quarantine by themselves. While a journal is done again they do not:
    /// it says who came into quarantine, and when.
    pub fn quarantine_by_faults(&mut self, by_faults: bool) {
        self.faults.decides(by_faults);
    }

    /// Shows a plugin nothing from the next epoch on; `false`: there is none with this key.
    pub fn quarantine(&mut self, key: &PluginKey) -> bool {
        let at = self.position(key);
        if let Some(at) = at {
            self.set_quarantine(at, true);
        }
        at.is_some()
    }

    /// Shows a plugin events again from the next epoch on, and forgets its faults so far; `false`:
    /// there is none with this key, or it is not in quarantine.
    pub fn release(&mut self, key: &PluginKey) -> bool {
        let at = self.position(key);
        let at = at.filter(|at| self.summary.plugins[*at].quarantined);
        if let Some(at) = at {
            self.set_quarantine(at, false);
            self.faults.forget(at);
        }
        at.is_some()
    }

    /// Where a plugin stands in the summary.
    fn position(&self, key: &PluginKey) -> Option<usize> {
        let mut members = self.generation.members();
        members.position(|member| member.key == *key)
    }

    /// Puts the plugin at this place of the summary into quarantine, or takes it out.
    pub(super) fn set_quarantine(&mut self, at: usize, quarantined: bool) {
        match at.checked_sub(self.generation.parsers.len()) {
            None => self.retired[at].store(quarantined, Ordering::Relaxed),
            Some(plugin) => {
                let mut levels = self.levels.to_vec();
                levels[plugin] = match quarantined {
                    true => 0,
                    false => self.generation.levels[plugin],
                };
                self.top = levels.iter().copied().max().unwrap_or(1).max(1);
                self.levels = levels.into();
            }
        }
        self.summary.plugins[at].quarantined = quarantined;
    }
}
