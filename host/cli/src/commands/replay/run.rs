//! `palisade replay`.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use palisade_events::counted;
use palisade_serve::{Case, CaseError, Outcome};
use serde_json::json;

use super::subject::{Again, Subject};
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Format, size};

/// Execute again what led to a finding, and say whether the same comes of it
///
/// The component of then, by its digest, is given the events of then and what the host told it; what
/// it files must be the same byte for byte. Nothing is read but the server's data, which may run
/// meanwhile. A decision is executed again with every policy that judged.
///
/// With a finding and --bundle everything that this takes is written to a file as well; with --bundle
/// alone such a file is executed, on any machine.
///
/// Exit codes: 0 identical, 1 something differs, 2 it cannot be executed.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    #[command(flatten)]
    subject: Subject,
    /// The file that is written, or without a finding executed
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
    /// The evidence must have this digest, as the database of the server has it
    #[arg(long, value_name = "DIGEST")]
    evidence: Option<String>,
    /// Compile the component anew, and keep nothing of it
    #[arg(long)]
    no_code_cache: bool,
}

impl Replay {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let case = self.subject.case(self.bundle.as_deref())?;
        if let Some(wanted) = &self.evidence {
            let found: Vec<&str> = case.calls.iter().map(|call| call.digest.as_str()).collect();
            ensure!(
                found.contains(&wanted.as_str()),
                "its evidence is {}, and {wanted} is wanted",
                found.join(", ")
            );
        }
        let mut wrote = None;
        if let (Some(_), Some(path)) = (self.subject.id, &self.bundle) {
            wrote = Some((path.display().to_string(), write(&case, path)?));
        }
        let again = Again::new(self.no_code_cache)?;
        let outcome =
            case.replay(|component, call| again.load(component, call).map_err(Failed::Load));
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(Failed::Load(error)) => return Err(error),
            Err(Failed::Case(error)) => {
                return Err(error).context(format!("{} cannot be executed again", case.id));
            }
        };
        show(context, &case, &outcome, wrote)?;
        Ok(Exit::found(!outcome.differences.is_empty()))
    }
}

/// Why a case was not executed.
enum Failed {
    Load(anyhow::Error),
    Case(CaseError),
}

impl From<CaseError> for Failed {
    fn from(error: CaseError) -> Failed {
        Failed::Case(error)
    }
}

/// Writes a bundle; how large it is.
fn write(case: &Case, path: &std::path::Path) -> Result<u64> {
    let mut bytes = Vec::new();
    case.write_bundle(&mut bytes)?;
    let what = || format!("write {}", path.display());
    // It holds what events say: whoever wrote it may read it.
    let mut file = palisade_private::output::create(path, 0o600)?;
    file.write_all(&bytes).with_context(what)?;
    file.sync_all().with_context(what)?;
    Ok(bytes.len() as u64)
}

fn show(
    context: &Context,
    case: &Case,
    outcome: &Outcome,
    wrote: Option<(String, u64)>,
) -> Result<()> {
    let identical = outcome.differences.is_empty();
    let mut out = context.output();
    if context.format == Format::Json {
        let differences = outcome.differences.iter().map(|difference| {
            json!({ "what": difference.what, "then": difference.then, "now": difference.now })
        });
        let calls = case.calls.iter().map(|call| {
            json!({
                "pack": call.call.plugin.pack,
                "plugin": call.call.plugin.name,
                "version": call.call.plugin.version,
                "component": call.call.plugin.digest,
                "evidence": call.digest,
                "epoch": call.call.epoch,
                "generation": call.call.generation,
                "palisade": call.call.host,
                "export": call.call.export,
                "host_calls": call.call.asked.len(),
            })
        });
        out.json(&json!({
            "id": case.id.to_string(),
            "identical": identical,
            "differences": differences.collect::<Vec<_>>(),
            "remarks": outcome.remarks,
            "calls": calls.collect::<Vec<_>>(),
            "bundle": wrote.map(|(path, bytes)| json!({ "path": path, "bytes": bytes })),
        }))?;
        out.finish()?;
        return Ok(());
    }
    let verdict = if identical {
        "identical"
    } else {
        "not identical"
    };
    out.line(&format!("{}: {verdict}", case.id))?;
    for call in &case.calls {
        let plugin = &call.call.plugin;
        out.line(&format!(
            "  {}/{} {} ({}) in epoch {}, generation {}: `{}`, {} answered as recorded",
            plugin.pack,
            plugin.name,
            plugin.version,
            plugin.digest.get(..12).unwrap_or(&plugin.digest),
            call.call.epoch,
            call.call.generation,
            call.call.export,
            counted(call.call.asked.len(), "host call"),
        ))?;
        out.line(&format!("  evidence {}", call.digest))?;
    }
    for difference in &outcome.differences {
        out.line(&format!("  {difference}"))?;
    }
    for remark in &outcome.remarks {
        out.line(&format!("  note: {remark}"))?;
    }
    if let Some((path, bytes)) = wrote {
        out.line(&format!("  wrote {path}, {}", size(bytes)))?;
    }
    out.finish()?;
    Ok(())
}
