//! `palisade pack certify`: runs a pack hard, and signs what was seen.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use clap::Args;
use palisade_pack::statement::{CERTIFICATE_PREDICATE, Certificate, Check, Peak, Statement};
use palisade_pack::{Pack, PackedPlugin, Time};
use palisade_runtime::manifest::WIT_VERSION;
use palisade_runtime::{Limits, Runtime};

use super::fuzz::{Seeded, changed};
use super::open::{attest, open};
use crate::commands::plugin::test::{Bench, Subject};
use crate::commands::plugin::trial::Component;
use crate::commands::store::Which;
use crate::context::Context;
use crate::exit::Exit;
use crate::host::runtime;
use crate::output::{Format, Output, size};
use crate::signer::{SignerOptions, now, time};
use crate::vector::{self, Vector};

/// Batch sizes in an order that no plugin expects, each with what it is run with: one instance
/// or a new one for every call.
const SHUFFLED: [(usize, bool); 6] = [
    (13, true),
    (1024, false),
    (1, false),
    (256, true),
    (7, false),
    (1, true),
];
/// Changed inputs of each vector.
const FUZZ_CASES: usize = 16;

/// Run everything that can be run of a pack and sign the results
///
/// Capabilities and purity by imports, limits, all vectors, determinism (twice, bounded by fuel,
/// at shuffled batch sizes, byte for byte), ceilings of fuel and memory, and changed inputs.
/// Nothing is signed unless all is passed.
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
        let format = context.format("pack certify", &[Format::Table, Format::Json])?;
        ensure!(
            self.pack.exists(),
            "there is no file or folder {}",
            self.pack.display()
        );
        let pack = open(context, &self.which, &self.pack.display().to_string())?;
        // Before the long run, so that a wrong passphrase costs nothing.
        let signer = self.signer.open()?;
        let progress = context.progress();
        progress.doing(&format!("certifying {}", pack.manifest().full_title()));
        let run = Run::new(&pack)?;
        let checks = run.all()?;
        drop(progress);
        let failed = checks.iter().any(|check| !check.passed || check.cases == 0);
        let certificate = Certificate {
            issued: now(),
            expires: self.expires,
            host: env!("CARGO_PKG_VERSION").into(),
            abi: WIT_VERSION.into(),
            capabilities: pack.manifest().capabilities.clone(),
            checks,
            peaks: run.peaks.into_inner(),
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
                out.line(&format!(
                    "{sign}  {:<13} {:>6} cases  {}",
                    check.name, check.cases, check.details
                ))?;
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

/// A pack unpacked, with what runs it.
struct Run<'p> {
    pack: &'p Pack,
    folder: tempfile::TempDir,
    live: Runtime,
    /// Bounded by fuel.
    exact: Runtime,
    /// What was seen by `exact`, by plugin.
    peaks: RefCell<BTreeMap<String, Peak>>,
    /// The first run of `exact` that failed, by plugin: what it needed cannot be stated.
    failed: RefCell<BTreeMap<String, String>>,
}

impl<'p> Run<'p> {
    fn new(pack: &'p Pack) -> Result<Self> {
        let folder = tempfile::tempdir().context("make a temporary folder")?;
        Dir::open_ambient_dir(folder.path(), ambient_authority())
            .and_then(|dir| pack.content().write_folder(&dir))
            .context("unpack the pack")?;
        Ok(Self {
            pack,
            folder,
            live: runtime(false, false)?,
            exact: runtime(true, false)?,
            peaks: RefCell::default(),
            failed: RefCell::default(),
        })
    }

    fn all(&self) -> Result<Vec<Check>> {
        let checks = vec![
            self.capabilities(),
            self.purity(),
            self.limits(),
            self.vectors()?,
            self.determinism()?,
            // After everything that is bounded by fuel.
            self.fuzz()?,
            self.ceilings(),
        ];
        Ok(checks)
    }

    fn subject(&self, plugin: &PackedPlugin) -> Result<Subject> {
        Ok(Subject {
            component: Component {
                name: plugin.path.clone(),
                bytes: self.pack.content().file(&plugin.path)?.to_vec(),
            },
            name: plugin.manifest.name.clone(),
            world: plugin.manifest.world,
        })
    }

    /// One run of a vector, bounded by fuel.
    fn once(
        &self,
        plugin: &PackedPlugin,
        vector: &Vector,
        rows: usize,
        fresh: bool,
    ) -> Result<Vec<String>> {
        let subject = self.subject(plugin)?;
        let measured = bench(&self.exact).measured(&subject, vector, rows, fresh);
        let (lines, cost) = measured.inspect_err(|error| {
            let mut failed = self.failed.borrow_mut();
            failed
                .entry(subject.name.clone())
                .or_insert_with(|| format!("`{}`: {error:#}", subject.name));
        })?;
        let limits = Limits::default().lowered(&plugin.manifest.limits);
        let mut peaks = self.peaks.borrow_mut();
        let peak = peaks.entry(subject.name).or_insert(Peak {
            calls: 0,
            fuel: 0,
            fuel_limit: limits.fuel,
            memory: 0,
            memory_limit: limits.memory,
        });
        peak.calls += cost.cost.calls + cost.parse.calls;
        peak.fuel = peak.fuel.max(cost.peaks().fuel);
        peak.memory = peak.memory.max(cost.peaks().memory);
        Ok(lines)
    }

    /// The vectors of a plugin. A plugin without any cannot be certified.
    fn vectors_of(&self, plugin: &PackedPlugin) -> Result<Vec<PathBuf>> {
        let dir = self
            .folder
            .path()
            .join("vectors")
            .join(&plugin.manifest.name);
        vector::find_in(&dir)
    }

    fn capabilities(&self) -> Check {
        let mut check = started("capabilities");
        for plugin in self.pack.plugins() {
            check.cases += 1;
            let asked: Vec<&str> = plugin
                .manifest
                .capabilities
                .iter()
                .map(|c| c.name())
                .collect();
            for name in plugin.capabilities().filter(|name| !asked.contains(name)) {
                fail(
                    &mut check,
                    &format!(
                        "`{}` imports `{name}` without asking for it",
                        plugin.manifest.name
                    ),
                );
            }
        }
        done(check, "every import of a capability is declared")
    }

    fn purity(&self) -> Check {
        let mut check = started("purity");
        for plugin in self.pack.plugins() {
            check.cases += 1;
            for import in plugin.foreign_imports() {
                fail(
                    &mut check,
                    &format!("`{}` imports `{import}`", plugin.manifest.name),
                );
            }
        }
        done(check, "nothing but Palisade's own interfaces is imported")
    }

    fn limits(&self) -> Check {
        let mut check = started("limits");
        let most = Limits::default();
        for plugin in self.pack.plugins() {
            check.cases += 1;
            let asked = &plugin.manifest.limits;
            let over = asked.memory.is_some_and(|v| v > most.memory)
                || asked.call_time.is_some_and(|v| v > most.call_time)
                || asked.findings.is_some_and(|v| v > most.findings)
                || asked.host_calls.is_some_and(|v| v > most.host_calls)
                || asked.fuel.is_some_and(|v| v > most.fuel);
            if over {
                fail(
                    &mut check,
                    &format!(
                        "`{}` asks for more than the host gives",
                        plugin.manifest.name
                    ),
                );
            }
        }
        done(check, "no plugin asks for more than the host gives")
    }

    fn vectors(&self) -> Result<Check> {
        let mut check = started("vectors");
        for plugin in self.pack.plugins() {
            let vectors = self.vectors_of(plugin)?;
            if vectors.is_empty() {
                fail(
                    &mut check,
                    &format!("`{}` has no vector", plugin.manifest.name),
                );
            }
            let subject = self.subject(plugin)?;
            for path in vectors {
                check.cases += 1;
                let problem = match bench(&self.live).check(&subject, &path) {
                    Ok(None) => continue,
                    Ok(Some(difference)) => difference,
                    Err(error) => format!("{error:#}"),
                };
                fail(
                    &mut check,
                    &format!("`{}` {}: {problem}", plugin.manifest.name, name(&path)),
                );
            }
        }
        Ok(done(
            check,
            "every vector gives what it must, at three batch sizes and with new instances",
        ))
    }

    fn determinism(&self) -> Result<Check> {
        let mut check = started("determinism");
        for (plugin, path, vector) in self.each()? {
            let mut first: Option<Vec<String>> = None;
            for (rows, fresh) in SHUFFLED.into_iter().chain(SHUFFLED) {
                check.cases += 1;
                match (self.once(plugin, &vector, rows, fresh), &first) {
                    (Ok(lines), None) => first = Some(lines),
                    (Ok(lines), Some(expected)) if lines == *expected => {}
                    (Ok(_), _) => fail(
                        &mut check,
                        &format!(
                            "`{}` {}: batches of {rows} differ",
                            plugin.manifest.name,
                            name(&path)
                        ),
                    ),
                    (Err(error), _) => fail(
                        &mut check,
                        &format!("`{}` {}: {error:#}", plugin.manifest.name, name(&path)),
                    ),
                }
            }
        }
        Ok(done(
            check,
            "byte-identical twice over, at five batch sizes in mixed order",
        ))
    }

    /// A call over its fuel, or an instance over its memory, is a fault that ends the run; what
    /// was seen holds where no run failed.
    fn ceilings(&self) -> Check {
        let mut check = started("ceilings");
        let peaks = self.peaks.borrow();
        for plugin in self.pack.plugins() {
            let name = &plugin.manifest.name;
            match (peaks.get(name), self.failed.borrow().get(name)) {
                (_, Some(problem)) => fail(&mut check, problem),
                (Some(peak), None) if peak.holds() => check.cases += peak.calls,
                _ => fail(&mut check, &format!("`{name}` was not called")),
            }
        }
        done(check, "no call needed more than its plugin may")
    }

    fn fuzz(&self) -> Result<Check> {
        let mut check = started("fuzz");
        let mut random = Seeded::new(&self.pack.digest().0);
        for (plugin, path, vector) in self.each()? {
            for _ in 0..FUZZ_CASES {
                let Some(input) = changed(&vector.input, &mut random) else {
                    continue;
                };
                check.cases += 1;
                let vector = Vector {
                    input,
                    ..vector.clone()
                };
                if let Err(error) = self.once(plugin, &vector, 64, false) {
                    fail(
                        &mut check,
                        &format!(
                            "`{}` {}, changed: {error:#}",
                            plugin.manifest.name,
                            name(&path)
                        ),
                    );
                }
            }
        }
        Ok(done(check, "no changed input makes a plugin fault"))
    }

    fn each(&self) -> Result<Vec<(&'p PackedPlugin, PathBuf, Vector)>> {
        let mut all = Vec::new();
        for plugin in self.pack.plugins() {
            for path in self.vectors_of(plugin)? {
                let vector = Vector::read(&path)?;
                all.push((plugin, path, vector));
            }
        }
        Ok(all)
    }
}

/// What a certificate says that plugins needed.
///
/// # Errors
/// When it cannot be written.
pub(super) fn tell_peaks(out: &mut Output, certificate: &Certificate) -> Result<()> {
    for (plugin, peak) in &certificate.peaks {
        out.line(&format!(
            "        {plugin}: at most {} of {} fuel in a call, {} of {} memory, in {} calls",
            peak.fuel,
            peak.fuel_limit,
            size(peak.memory),
            size(peak.memory_limit),
            peak.calls
        ))?;
    }
    Ok(())
}

/// Runs vectors as `palisade plugin test` does.
fn bench(runtime: &Runtime) -> Bench<'_> {
    Bench {
        runtime,
        beside: &[],
        bless: false,
    }
}

fn started(name: &str) -> Check {
    Check {
        name: name.into(),
        passed: true,
        cases: 0,
        details: String::new(),
    }
}

/// Only the first failure is kept: it is what is looked at.
fn fail(check: &mut Check, problem: &str) {
    if check.passed {
        check.passed = false;
        check.details = problem.chars().take(500).collect();
    }
}

fn done(mut check: Check, details: &str) -> Check {
    if check.passed {
        check.details = details.into();
    }
    check
}

fn name(path: &std::path::Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
