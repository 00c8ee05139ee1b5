//! `palisade trust show`.

use anyhow::Result;
use palisade_events::counted;
use palisade_pack::trust::TrustDir;
use palisade_pack::{Refusal, Time};
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::Exit;
use crate::output::Format;

pub(super) fn show(context: &Context, dir: &TrustDir) -> Result<Exit> {
    let format = context.format;
    let trust = super::load(dir)?;
    let state = dir.state()?;
    let problem =
        |refusal: &Refusal| json!({ "refused": refusal.code(), "because": refusal.to_string() });
    let mut out = context.output();
    if format == Format::Json {
        let root = trust.root.as_ref().map_or_else(problem, |root| json!(root));
        let revocations = trust
            .revocations
            .as_ref()
            .map_or_else(problem, |list| json!(list));
        let policy: Value = trust.policy.as_ref().map_or_else(
            problem,
            |policy| json!({ "version": policy.version, "rules": policy.packs.len() }),
        );
        out.json(&json!({
            "at": trust.now,
            "remembered": Time::from_seconds(state.time),
            "root": root,
            "revocations": revocations,
            "policy": policy,
            "packs": state.packs,
        }))?;
    } else {
        out.line(&format!(
            "judged at {}, latest time remembered {}",
            trust.now,
            Time::from_seconds(state.time)
        ))?;
        match &trust.root {
            Err(refusal) => out.line(&refusal.to_string())?,
            Ok(root) => {
                out.line(&format!(
                    "root document version {}, valid until {}",
                    root.version, root.expires
                ))?;
                for (name, role) in &root.roles {
                    let keys: Vec<String> = role
                        .keys
                        .iter()
                        .filter_map(|id| {
                            Some(format!("{} ({})", root.keys.get(id)?.name, id.short()))
                        })
                        .collect();
                    out.line(&format!(
                        "  {name}: {} of {}",
                        role.threshold,
                        keys.join(", ")
                    ))?;
                }
                match &trust.revocations {
                    Err(refusal) => out.line(&refusal.to_string())?,
                    Ok(list) => out.line(&format!(
                        "revocation list version {}, valid until {}: {}, {}, {}",
                        list.version,
                        list.expires,
                        counted(list.keys.len(), "key"),
                        counted(list.packs.len(), "pack"),
                        counted(list.certificates.len(), "certificate")
                    ))?,
                }
                match &trust.policy {
                    Err(refusal) => out.line(&refusal.to_string())?,
                    Ok(policy) => {
                        out.line(&format!("trust policy version {}", policy.version))?;
                        for rule in &policy.packs {
                            out.line(&format!("  {}", rule.pattern))?;
                        }
                    }
                }
            }
        }
        for (title, pack) in &state.packs {
            out.line(&format!(
                "installed before: {title}, up to version {}",
                pack.highest
            ))?;
        }
    }
    out.finish()?;
    Ok(Exit::Done)
}
