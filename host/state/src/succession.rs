//! Tables that go on where those of another version of their plugin end.

use std::collections::HashMap;

use super::any::{AnyTable, each};
use super::ledger::Ledger;
use super::tables::Tables;

impl Tables {
    /// Takes over what the tables of the plugin's version before hold, table by table of the same
    /// name, and what it knows of tenants and time. Tables that differ in more than in how many
    /// keys they may have are not taken over, and begin empty; nor are those that are named in
    /// `discard`, nor any where rows are divided by other fields. Between calls only, and before
    /// anything is put into these.
    pub fn inherit(&mut self, before: Tables, discard: &[String]) {
        self.watermark = self.watermark.max(before.watermark);
        if before.tables.is_empty() || !self.ids.divides_as(&before.ids) {
            return;
        }
        let mut ledger = before.ledger;
        let mut positions: HashMap<usize, usize> = HashMap::new();
        for (from, mut table) in before.tables.into_iter().enumerate() {
            let same = |own: &AnyTable| own.spec().goes_on_from(table.spec());
            let found = self.tables.iter().position(same);
            match found.filter(|_| !discard.contains(&table.spec().name)) {
                Some(to) => {
                    let most = self.tables[to].spec().max_keys;
                    each!(&mut table, table => {
                        table.allow(most);
                        table.renumber(to);
                    });
                    self.tables[to] = table;
                    positions.insert(from, to);
                }
                None => each!(&mut table, table => table.clear(&mut ledger)),
            }
        }
        self.ledger = Ledger::within(ledger, &self.ledger);
        self.tenants = before.tenants;
        self.current = None;
        // Ids of keys are made under the secret of those that made them.
        self.ids = before.ids;
        let undated = before.undated.into_iter();
        let known = undated.filter_map(|(from, key)| Some((*positions.get(&from)?, key)));
        self.undated = known.collect();
        self.undated_before = self.undated.len();
    }
}
