//! `palisade pack certify`: runs a pack hard, and signs what was seen.

use std::path::PathBuf;

use anyhow::{Result, bail, ensure};
use clap::Args;
use palisade_events::counted;
use palisade_pack::Time;
use palisade_pack::statement::{CERTIFICATE_PREDICATE, Certificate, Statement};
use palisade_runtime::manifest::WIT_VERSION;

use super::examine::Examination;
use super::open::{attest, open};
use crate::commands::store::Which;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Format, Output, size};
use crate::signer::{SignerOptions, now, time};

/// Run everything that can be run of a pack and sign the results
///
/// Capabilities and purity by imports, limits, all vectors, determinism (twice, bounded by fuel,
/// at shuffled sizes of batches and epochs, byte for byte), ceilings of fuel and memory, and changed
/// inputs. Nothing is signed unless all is passed.
#[derive(Debug, Args)]
pub(crate) struct Certify {
    /// An archive or folder; the certificate is added to it
    #[arg(value_name = "PACK")]
    pack: PathBuf,
    #[command(flatten)]
    signer: SignerOptions,
    /// Until when the certificate counts: a time, or days from now
    #[arg(long, value_name = "TIME", value_parser = time)]
    expires: Option<Time>,
    #[command(flatten)]
    which: Which,
}

impl Certify {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let format = context.format;
        ensure!(
            self.pack.exists(),
            "there is no file or folder {}; name a pack that `palisade pack build` wrote",
            self.pack.display()
        );
        let pack = open(context, &self.which, &self.pack.display().to_string())?;
        // Before the long run, so that a wrong passphrase costs nothing.
        let signer = self.signer.open()?;
        let progress = context.progress();
        progress.doing(&format!("certifying {}", pack.manifest().full_title()));
        let examination = Examination::new(&pack)?;
        let checks = examination.all()?;
        drop(progress);
        let failed = checks.iter().any(|check| !check.passed || check.cases == 0);
        let certificate = Certificate {
            issued: now(),
            expires: self.expires,
            host: env!("CARGO_PKG_VERSION").into(),
            abi: WIT_VERSION.into(),
            capabilities: pack.manifest().capabilities.clone(),
            checks,
            peaks: examination.into_peaks(),
        };
        let mut out = context.output();
        if format == Format::Json {
            out.json(&certificate)?;
        } else {
            for check in &certificate.checks {
                let sign = if check.passed && check.cases > 0 {
                    "passed"
                } else {
                    "FAILED"
                };
                let none = "there is no vector, and without one nothing is shown of it: add some to \
                            `vectors/` of each plugin and build the pack anew";
                let details = match check.passed && check.cases == 0 {
                    true => none,
                    false => check.details.as_str(),
                };
                let mut details = details.lines();
                out.line(&format!(
                    "{sign}  {:<13} {:>12}  {}",
                    check.name,
                    counted(check.cases, "case"),
                    details.next().unwrap_or_default()
                ))?;
                for line in details {
                    out.line(&format!("        {line}"))?;
                }
            }
            tell_peaks(&mut out, &certificate)?;
        }
        if failed {
            if format == Format::Table {
                out.line("nothing is signed: a check failed, or had no case")?;
            }
            out.finish()?;
            return Ok(Exit::Found);
        }
        let mut envelope = Statement::about(&pack, CERTIFICATE_PREDICATE, certificate).envelope();
        if let Err(problem) = envelope.sign(signer.as_ref()) {
            bail!("sign the certificate: {problem}");
        }
        let id = signer.public().id().clone();
        let digest = pack.digest();
        attest(
            &self.pack,
            pack,
            &format!("{}.certificate.dsse.json", id.short()),
            &envelope.write(),
        )?;
        if format == Format::Table {
            out.line(&format!("{digest} certified by {id}"))?;
        }
        out.finish()?;
        Ok(Exit::Done)
    }
}

/// What a certificate says that plugins needed.
///
/// # Errors
/// When it cannot be written.
pub(super) fn tell_peaks(out: &mut Output, certificate: &Certificate) -> Result<()> {
    for (plugin, peak) in &certificate.peaks {
        out.line(&format!(
            "        {plugin}: at most {} of {} fuel in a call, {} of {} memory, in {}",
            peak.fuel,
            peak.fuel_limit,
            size(peak.memory),
            size(peak.memory_limit),
            counted(peak.calls, "call")
        ))?;
    }
    Ok(())
}
