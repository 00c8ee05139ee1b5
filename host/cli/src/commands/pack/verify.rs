//! `palisade pack verify`.

use std::io::Read as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use palisade_pack::content::MAX_ATTESTATION_BYTES;
use palisade_pack::{Report, Verdict};

use super::certify::tell_peaks;
use super::open::open;
use crate::commands::store::Which;
use crate::commands::trust::{WhichTrust, load};
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Format, Output};

/// Say whether a pack may run here, and why
///
/// Exit code 0: it may; 1: it is refused; 2: it cannot be read as a pack at all.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// An archive, a folder, or vendor/name[@version] of the store
    pack: String,
    /// More attestations, from files
    #[arg(long, value_name = "FILE")]
    attestation: Vec<PathBuf>,
    /// Ask nobody; verification never does, and this says so in scripts
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    trust: WhichTrust,
}

impl Verify {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let format = context.format;
        let mut pack = open(context, &self.which, &self.pack)?;
        for path in &self.attestation {
            let reading = || format!("read {}", path.display());
            let mut bytes = Vec::new();
            let file = palisade_private::open_file(path).with_context(reading)?;
            file.take(MAX_ATTESTATION_BYTES as u64 + 1)
                .read_to_end(&mut bytes)
                .with_context(reading)?;
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            ensure!(
                name.ends_with(".dsse.json"),
                "{} is no attestation: their names end in .dsse.json, as `palisade pack sign` and \
                 `pack certify` write them",
                path.display()
            );
            pack.attest(&name, bytes)?;
        }
        let trust = load(&self.trust.open(context)?)?;
        let report = palisade_pack::verify(&pack, &trust);
        let mut out = context.output();
        if format == Format::Json {
            out.json(&report)?;
        } else {
            tell(&mut out, &report)?;
        }
        out.finish()?;
        Ok(Exit::found(!report.trusted))
    }
}

/// The chain of reasons for a person.
pub(super) fn tell(out: &mut Output, report: &Report) -> Result<()> {
    for step in &report.steps {
        let sign = match step.verdict {
            Verdict::Good => "good   ",
            Verdict::Ignored => "ignored",
            Verdict::Refused => "REFUSED",
        };
        let code = step
            .code
            .map(|code| format!("  [{code}]"))
            .unwrap_or_default();
        out.line(&format!("{sign}  {}{code}", step.text))?;
    }
    for (name, certificate) in &report.certificates {
        out.line(&format!(
            "certificate {name}, issued {} with host {}:",
            certificate.issued, certificate.host
        ))?;
        tell_peaks(out, certificate)?;
    }
    let verdict = if report.trusted {
        "may run here"
    } else {
        "is refused"
    };
    out.line(&format!("{} {verdict}", report.pack))?;
    Ok(())
}
