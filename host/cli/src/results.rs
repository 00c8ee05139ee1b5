//! What a run yields, in the format that was asked for, as it comes.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use palisade_events::{Decision, Event, Finding, Severity};
use palisade_pipeline::sinks::ocsf::Mapper;
use palisade_runtime::Plugin;
use serde_json::Value;

use crate::output::{Format, Look, Output, Rows, Tone};
use crate::summary;

/// Writes findings and decisions to standard output.
pub(crate) struct Results {
    out: Output,
    form: Form,
    /// Decisions that the format has no place for.
    left_out: u64,
    /// Rules that several plugins have: there the plugin is named, with its pack.
    shared: BTreeSet<String>,
}

enum Form {
    Table(Box<Rows<5>>),
    Ndjson,
    /// One document: `{"results": […], "summary": {…}}`.
    Json {
        /// Whether a result was written.
        begun: bool,
    },
    Ocsf(Box<Mapper>),
}

impl Results {
    /// The findings and decisions of these plugins go to `out`.
    pub(crate) fn new(out: Output, format: Format, plugins: &[Arc<Plugin>]) -> Self {
        let head = ["time", "severity", "rule", "subject", "finding"];
        let form = match format {
            Format::Table => Form::Table(Box::new(Rows::new(head, 1, Look::of_stdout()))),
            Format::Ndjson => Form::Ndjson,
            Format::Json => Form::Json { begun: false },
            Format::Ocsf => Form::Ocsf(Box::new(Mapper::new(plugins))),
        };
        let mut rules = BTreeSet::new();
        let shared = plugins
            .iter()
            .flat_map(|plugin| &plugin.manifest().rules)
            .filter(|rule| !rules.insert(&rule.id))
            .map(|rule| rule.id.clone())
            .collect();
        Self {
            out,
            form,
            left_out: 0,
            shared,
        }
    }

    /// Takes a finding.
    pub(crate) fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        match &mut self.form {
            Form::Table(rows) => {
                let (mut cells, tone) = row(finding);
                if self.shared.contains(&finding.by.rule) {
                    let by = &finding.by;
                    cells[2] = format!("{}/{}/{}", by.pack, by.plugin, by.rule);
                }
                if rows.add(cells, tone) {
                    self.out.rows(rows)?;
                }
                Ok(())
            }
            Form::Ndjson => self.out.ndjson(finding),
            Form::Json { begun } => element(&mut self.out, begun, finding),
            Form::Ocsf(mapper) => self.out.ndjson(&mapper.map(finding)),
        }
    }

    /// Takes a decision on a request.
    pub(crate) fn decision(&mut self, request: &Event, decision: &Decision) -> io::Result<()> {
        let json = || summary::decision_json(request, decision);
        match &mut self.form {
            Form::Table(rows) => {
                self.out.rows(rows)?;
                summary::decision_lines(request, decision)
                    .iter()
                    .try_for_each(|line| self.out.line(line))
            }
            Form::Ndjson => self.out.ndjson(&json()),
            Form::Json { begun } => element(&mut self.out, begun, &json()),
            Form::Ocsf(_) => {
                self.left_out += 1;
                Ok(())
            }
        }
    }

    /// Lets out what waits, so that the reader is up to date.
    pub(crate) fn release(&mut self) -> io::Result<()> {
        if let Form::Table(rows) = &mut self.form {
            self.out.rows(rows)?;
        }
        self.out.flush()
    }

    /// Ends the output; a document ends with the summary. Says how many decisions the format
    /// had no place for.
    pub(crate) fn finish(mut self, summary: &Value) -> io::Result<u64> {
        match &mut self.form {
            Form::Table(rows) => self.out.rows(rows)?,
            Form::Json { begun } => {
                let open = if *begun {
                    "\n], "
                } else {
                    "{\"results\": [], "
                };
                self.out.punctuation(open)?;
                self.out.punctuation("\"summary\": ")?;
                self.out.fragment(summary)?;
                self.out.punctuation("}\n")?;
            }
            Form::Ndjson | Form::Ocsf(_) => {}
        }
        self.out.finish()?;
        Ok(self.left_out)
    }
}

/// An element of the array of results.
fn element(out: &mut Output, begun: &mut bool, value: &impl serde::Serialize) -> io::Result<()> {
    out.punctuation(if *begun {
        ",\n  "
    } else {
        "{\"results\": [\n  "
    })?;
    *begun = true;
    out.fragment(value)
}

/// A finding as a row: time, severity, rule, subject, and what it says with what is to be done.
fn row(finding: &Finding) -> ([String; 5], Tone) {
    let tone = match finding.severity {
        _ if finding.retracted => Tone::Faint,
        Severity::Critical | Severity::High => Tone::Alarm,
        Severity::Medium => Tone::Warning,
        Severity::Low => Tone::Plain,
        Severity::Info => Tone::Faint,
    };
    let severity = if finding.retracted {
        "withdrawn"
    } else {
        finding.severity.name()
    };
    let mut what = if finding.retracted {
        "no longer holds".to_owned()
    } else {
        finding.summary.clone()
    };
    let actions: Vec<String> = finding.actions.iter().map(summary::action).collect();
    if !actions.is_empty() {
        what.push_str(" → ");
        what.push_str(&actions.join(", "));
    }
    let cells = [
        // Milliseconds are enough for a person; the other formats have them all.
        format!("{:.3}", finding.time),
        severity.to_owned(),
        finding.by.rule.clone(),
        finding.subject.clone(),
        what,
    ];
    (cells, tone)
}
