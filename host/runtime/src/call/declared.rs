//! What a manifest declares, looked up for a guest that names it.

use super::HostState;
use crate::FaultCause;
use crate::manifest::TableKind;

impl HostState {
    pub(crate) fn declared_rule(&self, rule: &str) -> Result<(), FaultCause> {
        if self.manifest.rule(rule).is_some() {
            return Ok(());
        }
        let ids = self.manifest.rules.iter().map(|rule| rule.id.as_str());
        Err(FaultCause::UndeclaredRule {
            rule: crate::bindings::printable(rule),
            meant: crate::manifest::hint(rule, ids),
        })
    }

    pub(crate) fn any_table(
        &mut self,
        table: u32,
        function: &'static str,
    ) -> Result<usize, FaultCause> {
        self.in_call(function)?;
        let tables = self.manifest.tables.len();
        if (table as usize) < tables {
            return Ok(table as usize);
        }
        Err(FaultCause::Capability {
            function,
            problem: format!("table {table} is not there; plugin.toml declares {tables}"),
        })
    }

    pub(crate) fn table(
        &mut self,
        table: u32,
        kind: TableKind,
        function: &'static str,
    ) -> Result<usize, FaultCause> {
        let index = self.any_table(table, function)?;
        let found = &self.manifest.tables[index];
        if found.kind == kind {
            return Ok(index);
        }
        Err(FaultCause::Capability {
            function,
            problem: format!(
                "table `{}` is a `{}` table, not a `{}` table",
                found.name,
                found.kind.name(),
                kind.name()
            ),
        })
    }

    pub(crate) fn dataset(
        &mut self,
        dataset: u32,
        function: &'static str,
    ) -> Result<usize, FaultCause> {
        self.in_call(function)?;
        let datasets = self.manifest.datasets.len();
        if (dataset as usize) < datasets {
            return Ok(dataset as usize);
        }
        Err(FaultCause::Capability {
            function,
            problem: format!("dataset {dataset} is not there; plugin.toml declares {datasets}"),
        })
    }
}
