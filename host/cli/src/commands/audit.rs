//! `palisade audit`: what operators did to a server.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use palisade_serve::{AUDIT, AuditError, verify};
use serde_json::json;

use crate::context::Context;
use crate::exit::Exit;
use crate::output::Format;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Verify(Verify),
}

/// Check that the audit log of a server is as it was written
///
/// Every entry has the hash of the one before. Exit code 1 says that an entry was changed, is missing or
/// was cut short, and which. Whoever can write the file can make all of it anew: give a hash that the
/// server told, as in its own log, with --head, to know that what came before that is what was there
/// then.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The server's data directory
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    data: Option<PathBuf>,
    /// The server's configuration, which names its data directory [default: palisade.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A hash that the server told: its entry must be there
    #[arg(long, value_name = "HASH")]
    head: Option<String>,
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let Command::Verify(verify) = self;
        verify.run(context)
    }
}

impl Verify {
    fn run(self, context: &Context) -> Result<Exit> {
        let data = match (self.data, self.config) {
            (Some(data), _) => data,
            (None, config) => {
                let config = config.unwrap_or_else(|| PathBuf::from("palisade.toml"));
                let read = super::config::read(&config);
                read.context("find the data directory; --data names it")?
                    .0
                    .data
            }
        };
        if let Some(head) = &self.head
            && (head.len() != 64 || !head.bytes().all(|byte| byte.is_ascii_hexdigit()))
        {
            bail!("--head {head}: a hash has 64 hexadecimal digits");
        }
        let head = self.head.map(|head| head.to_ascii_lowercase());
        let path = data.join(AUDIT);
        let mut out = context.output();
        let chain = match verify(&path, head.as_deref()) {
            Ok(chain) => chain,
            Err(error @ (AuditError::Broken { .. } | AuditError::Head { .. })) => {
                if context.format == Format::Json {
                    out.json(&json!({ "sound": false, "problem": error.to_string() }))?;
                } else {
                    out.line(&error.to_string())?;
                }
                out.finish()?;
                return Ok(Exit::Found);
            }
            Err(error) => return Err(error.into()),
        };
        if context.format == Format::Json {
            out.json(&json!({
                "sound": true,
                "entries": chain.entries,
                "head": chain.head,
                "known": chain.known,
            }))?;
        } else {
            out.line(&format!(
                "{}: {} entries, each bound to the one before; the head is {}",
                path.display(),
                chain.entries,
                chain.head
            ))?;
            if let Some(known) = chain.known {
                out.line(&format!(
                    "entry {known} has the hash that was given, and {} came after it",
                    chain.entries - known
                ))?;
            }
        }
        out.finish()?;
        Ok(Exit::Done)
    }
}
