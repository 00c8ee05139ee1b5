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
        let tables = &self.manifest.tables;
        if (table as usize) < tables.len() {
            return Ok(table as usize);
        }
        let names = tables.iter().map(|table| table.name.as_str());
        Err(FaultCause::Capability {
            function,
            problem: absent("table", table, names),
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
        let datasets = &self.manifest.datasets;
        if (dataset as usize) < datasets.len() {
            return Ok(dataset as usize);
        }
        let names = datasets.iter().map(String::as_str);
        Err(FaultCause::Capability {
            function,
            problem: absent("dataset", dataset, names),
        })
    }
}

/// That there is nothing of this number, and which there are.
fn absent<'a>(what: &str, number: u32, names: impl Iterator<Item = &'a str>) -> String {
    /// As many as anybody reads.
    const SHOWN: usize = 16;
    let mut names = names.enumerate();
    let shown: Vec<String> = names
        .by_ref()
        .take(SHOWN)
        .map(|(number, name)| format!("{number} is `{name}`"))
        .collect();
    let more = match names.count() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    match shown.is_empty() {
        true => format!("there is no {what} {number}: plugin.toml declares none"),
        false => format!(
            "there is no {what} {number}: counted from 0, as plugin.toml declares them, {}{more}",
            shown.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::absent;

    #[test]
    fn what_is_absent_is_told_with_what_there_is() {
        assert_eq!(
            absent("table", 2, ["a", "b"].into_iter()),
            "there is no table 2: counted from 0, as plugin.toml declares them, 0 is `a`, 1 is `b`"
        );
        assert_eq!(
            absent("dataset", 0, std::iter::empty()),
            "there is no dataset 0: plugin.toml declares none"
        );
        assert!(absent("table", 99, ["a"; 20].into_iter()).ends_with(" and 4 more"));
    }
}
