//! `palisade policy`: asks policies about disclosure requests.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, bail, ensure};
use clap::{Args, Subcommand};
use palisade_events::counted;
use palisade_pipeline::engine::Clock;
use palisade_runtime::Plugin;
use palisade_runtime::manifest::Role;
use palisade_sources::{DeadLetters, Limits};

use super::run::{Report, clock};
use crate::context::Context;
use crate::exit::Exit;
use crate::host::{HostOptions, Session};
use crate::results::Results;
use crate::told::Told;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Check(Check),
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        match self {
            Self::Check(check) => check.run(context),
        }
    }
}

/// Says whether policies permit requests, and why
///
/// What is given is settled first: timers that are due by the last event of it have fired.
/// Every policy that subscribes to the kind of a request judges it; deny beats
/// require-approval beats redact beats permit, and a policy that cannot decide denies: all are
/// denied, and the exit code is 2, where a part of what is given cannot be read. Exit code 1 says
/// that a request is not permitted.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// What happened before: events, one a line
    #[arg(long, value_name = "FILE")]
    given: Option<PathBuf>,

    /// The requests: events, one a line; what they leave out is neutral, as in vectors
    #[arg(long, value_name = "FILE")]
    request: PathBuf,

    #[command(flatten)]
    host: HostOptions,

    /// What time it is: `system`, `events` (each request says for itself when it is asked, as in a
    /// vector) or a time such as 2025-03-10T09:00:00Z. A request that is dated more than 5 minutes
    /// before or after it is denied
    #[arg(long, value_name = "TIME", default_value = "system", value_parser = clock)]
    now: Clock,

    /// Whose requests these are
    #[arg(long, default_value = "default")]
    tenant: String,
}

impl Check {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let format = context.format;
        let loaded = self.host.load_policies("request")?;
        let mut config = self.host.config()?;
        config.asked = self.now;
        let engine = loaded.engine(config, &crate::host::log_to_stderr())?;
        let within = loaded.given.leaves(&self.host.memory());
        let mut session = Session::new(engine, &self.tenant)
            .with_vectors(true)
            .within(Limits::within(within.compression));
        let mut report = Report {
            results: Results::new(context.output(), format, &loaded.plugins),
            progress: context.progress(),
            letters: DeadLetters::none(),
            events: None,
            failed: None,
            told: Told::default(),
            lacks_fields: false,
            unread: 0,
        };
        let unread = match &self.given {
            Some(given) => read_given(given, &mut session, &mut report)?,
            None => None,
        };
        // What was given has happened before: timers that were due by then have fired.
        session.settle(&mut report)?;
        report.check()?;
        if let Some(unread) = &unread {
            session.deny_requests(&format!("{unread}: what it says may forbid this"));
        }
        session.file(&self.request, &mut report)?;
        report.check()?;
        let done = session.finish(&mut report)?;
        report.check()?;
        report.finish(&crate::summary::json(&done))?;
        if let Some(unread) = unread {
            bail!("{unread}, so nothing is permitted: what it says may forbid it");
        }
        ensure!(
            done.bad_records == 0,
            "{} could not be read; nothing is decided about what is not",
            counted(done.bad_records, "record")
        );
        ensure!(
            done.decisions > 0,
            "{} holds no request that a loaded policy judges; they judge {}, and it holds {}",
            self.request.display(),
            judged(&loaded.plugins),
            match &done
                .events
                .keys()
                .map(|kind| kind.name())
                .collect::<Vec<_>>()[..]
            {
                [] => "nothing".to_owned(),
                kinds => kinds.join(", "),
            }
        );
        Ok(Exit::found(done.denied > 0))
    }
}

/// Reads what happened before; what of it could not be read, if that is so.
///
/// # Errors
/// When there is no such file, or the run cannot go on.
fn read_given(given: &Path, session: &mut Session, report: &mut Report) -> Result<Option<String>> {
    let name = given.display().to_string();
    let file = crate::named::open(given)?;
    let input = match session.open(&name, file) {
        Ok(input) => input,
        Err(error) => {
            return Ok(Some(format!("{name} could not be read ({error:#})")));
        }
    };
    session.take(input, &name, report)?;
    report.check()?;
    Ok((report.unread > 0).then(|| {
        let unread = counted(report.unread, "record");
        format!("{unread} of {name} could not be read")
    }))
}

/// The kinds of event that policies judge.
fn judged(plugins: &[Arc<Plugin>]) -> String {
    let kinds: BTreeSet<&str> = plugins
        .iter()
        .flat_map(|plugin| &plugin.manifest().subscriptions)
        .filter(|subscription| subscription.role == Role::Decide)
        .map(|subscription| subscription.kind.name())
        .collect();
    kinds.into_iter().collect::<Vec<_>>().join(", ")
}
