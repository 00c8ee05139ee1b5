//! Everything that can be run of a pack, and what was seen.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use palisade_pack::statement::{Check, Peak};
use palisade_pack::{Pack, PackedPlugin};
use palisade_runtime::{Limits, Runtime};

use super::datasets;
use super::fuzz::{Seeded, changed};
use crate::commands::plugin::outcome::Outcome;
use crate::commands::plugin::test::{Bench, Cut, Subject, WHOLE};
use crate::commands::plugin::trial::Component;
use crate::host::runtime;
use crate::vector::{self, Vector};

/// Sizes of batches and epochs in an order that no plugin expects.
const SHUFFLED: [Cut; 6] = [
    Cut::new(13, WHOLE, true),
    Cut::new(1024, 1, false),
    Cut::new(1, WHOLE, false),
    Cut::new(256, 3, true),
    Cut::new(7, 5, false),
    Cut::new(1, WHOLE, true),
];
/// Changed inputs of each vector.
const FUZZ_CASES: usize = 16;

/// A pack unpacked, with what runs it.
pub(super) struct Examination<'p> {
    pack: &'p Pack,
    folder: tempfile::TempDir,
    /// Bounded by fuel, so that nothing depends on what else the machine does.
    exact: Runtime,
    /// What was seen by `exact`, by plugin.
    peaks: RefCell<BTreeMap<String, Peak>>,
    /// The first run of `exact` that failed, by plugin: what it needed cannot be stated.
    failed: RefCell<BTreeMap<String, String>>,
}

impl<'p> Examination<'p> {
    /// Unpacks a pack into a temporary folder.
    ///
    /// # Errors
    /// When it cannot be written, or no runtime can be set up.
    pub(super) fn new(pack: &'p Pack) -> Result<Self> {
        let folder = tempfile::tempdir().context("make a temporary folder")?;
        Dir::open_ambient_dir(folder.path(), ambient_authority())
            .and_then(|dir| pack.content().write_folder(&dir))
            .context("unpack the pack")?;
        Ok(Self {
            pack,
            folder,
            exact: runtime(true, false)?,
            peaks: RefCell::default(),
            failed: RefCell::default(),
        })
    }

    /// Runs every check.
    ///
    /// # Errors
    /// When something cannot be run at all; what fails is in the checks.
    pub(super) fn all(&self) -> Result<Vec<Check>> {
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

    /// The most that each plugin needed, of all that was run.
    pub(super) fn into_peaks(self) -> BTreeMap<String, Peak> {
        self.peaks.into_inner()
    }

    /// A text with the paths of files as they are in the pack, and not where it was unpacked.
    fn within(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.folder.path().display()), "")
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

    /// The plugins of the pack that `vector.toml` of a vector names.
    fn beside(&self, subject: &Subject, vector: &Vector) -> Result<Vec<Component>> {
        let named = |name: &String| {
            let others = self.pack.plugins().iter();
            let mut others = others.filter(|other| other.manifest.name != subject.name);
            let other = others.find(|other| other.manifest.name == *name);
            let other = other.with_context(|| {
                format!(
                    "vector.toml of `{}` names `{name}`, which is no other plugin of the pack",
                    vector.name
                )
            })?;
            Ok(self.subject(other)?.component)
        };
        vector.with.iter().map(named).collect()
    }

    /// One run of a vector, bounded by fuel.
    fn once(&self, plugin: &PackedPlugin, vector: &Vector, cut: Cut) -> Result<Vec<String>> {
        let subject = self.subject(plugin)?;
        let beside = |vector: &Vector| self.beside(&subject, vector);
        let measured = bench(&self.exact, &beside).measured(&subject, vector, cut);
        let (lines, cost) = measured.inspect_err(|error| {
            let mut failed = self.failed.borrow_mut();
            failed
                .entry(subject.name.clone())
                .or_insert_with(|| self.within(&format!("`{}`: {error:#}", subject.name)));
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

    pub(super) fn vectors(&self) -> Result<Check> {
        let mut check = started("vectors");
        // Vectors bring datasets of their own; those of the pack are what sites run with.
        for wrong in datasets::unloadable(self.pack, true) {
            fail(
                &mut check,
                &format!("it cannot run with what it brings: {wrong}"),
            );
        }
        for plugin in self.pack.plugins() {
            let vectors = self.vectors_of(plugin)?;
            if vectors.is_empty() {
                fail(
                    &mut check,
                    &format!("`{}` has no vector", plugin.manifest.name),
                );
            }
            let subject = self.subject(plugin)?;
            let beside = |vector: &Vector| self.beside(&subject, vector);
            for path in vectors {
                check.cases += 1;
                let problem = match bench(&self.exact, &beside).check(&subject, &path) {
                    // Nothing is written here.
                    Ok(Outcome::Same | Outcome::Wrote(_)) => continue,
                    Ok(Outcome::Differs(difference)) => difference,
                    Err(error) => format!("{error:#}"),
                };
                let problem = self.within(&problem);
                fail(
                    &mut check,
                    &format!("`{}` {}: {problem}", plugin.manifest.name, name(&path)),
                );
            }
        }
        Ok(done(
            check,
            "every vector gives what it must, at three batch sizes, four of epochs and with new instances",
        ))
    }

    fn determinism(&self) -> Result<Check> {
        let mut check = started("determinism");
        for (plugin, path, vector) in self.each()? {
            let mut first: Option<Vec<String>> = None;
            for cut in SHUFFLED.into_iter().chain(SHUFFLED) {
                check.cases += 1;
                match (self.once(plugin, &vector, cut), &first) {
                    (Ok(lines), None) => first = Some(lines),
                    (Ok(lines), Some(expected)) if lines == *expected => {}
                    (Ok(_), _) => fail(
                        &mut check,
                        &format!(
                            "`{}` {}: batches of {} and epochs of {} differ",
                            plugin.manifest.name,
                            name(&path),
                            cut.rows,
                            cut.epoch
                        ),
                    ),
                    (Err(error), _) => fail(
                        &mut check,
                        &self.within(&format!(
                            "`{}` {}: {error:#}",
                            plugin.manifest.name,
                            name(&path)
                        )),
                    ),
                }
            }
        }
        Ok(done(
            check,
            "byte-identical twice over, at five batch sizes and four of epochs in mixed order",
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
                if let Err(error) = self.once(plugin, &vector, Cut::new(64, WHOLE, false)) {
                    fail(
                        &mut check,
                        &self.within(&format!(
                            "`{}` {}, changed: {error:#}",
                            plugin.manifest.name,
                            name(&path)
                        )),
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
                let vector = Vector::read(&path)
                    .map_err(|e| anyhow!("{}", self.within(&format!("{e:#}"))))?;
                all.push((plugin, path, vector));
            }
        }
        Ok(all)
    }
}

/// Runs vectors as `palisade plugin test` does.
fn bench<'a>(
    runtime: &'a Runtime,
    beside: &'a dyn Fn(&Vector) -> Result<Vec<Component>>,
) -> Bench<'a> {
    Bench {
        runtime,
        beside,
        memory: None,
        bless: None,
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
