//! `palisade plugin test`: vectors through the same engine as `run`.

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use palisade_events::counted;
use palisade_pipeline::engine::{EngineConfig, PluginSummary, Summary};
use palisade_runtime::Runtime;
use palisade_runtime::manifest::World;
use quick_junit::{Report, TestSuite};

use super::beside::Beside;
use super::build::{Sdk, refuse_same_names, title};
use super::held_back::held_back;
use super::outcome::{Outcome, Tally, bless, case, not_built, tell};
use super::seen::{Log, Seen};
use super::trial::{self, Component};
use crate::build::{Builder, Project, find_all};
use crate::context::Context;
use crate::exit::Exit;
use crate::host::{MemoryOption, runtime};
use crate::output::report;
use crate::vector::{self, Vector};

/// How an input is cut, which must not show in what comes out.
#[derive(Clone, Copy)]
pub(crate) struct Cut {
    /// The most rows of a batch.
    pub(crate) rows: usize,
    /// Packets or events of an epoch.
    pub(crate) epoch: usize,
    /// A new instance for every call.
    pub(crate) fresh: bool,
}

impl Cut {
    pub(crate) const fn new(rows: usize, epoch: usize, fresh: bool) -> Cut {
        Cut { rows, epoch, fresh }
    }
}

/// Longer than any vector.
pub(crate) const WHOLE: usize = 16_384;

/// Ways in which every vector must give the same.
const CUTS: [Cut; 8] = [
    Cut::new(1, WHOLE, false),
    Cut::new(1, 1, true),
    Cut::new(7, WHOLE, true),
    Cut::new(7, 3, false),
    Cut::new(1024, WHOLE, false),
    Cut::new(1024, WHOLE, true),
    Cut::new(1024, 5, true),
    Cut::new(1024, 1, false),
];
/// Slots of the sources, in the order in which they are read.
pub(super) const GIVEN: u64 = 1;
pub(super) const INPUT: u64 = 2;
/// Set to `1` it writes what comes out to `expected.ndjson`.
pub(super) const BLESS: &str = "PALISADE_BLESS";

/// Run the vectors of plugins
///
/// Every folder in `vectors/` beside plugin.toml is run through the same pipeline as by
/// `palisade run`, at batch sizes 1, 7 and 1,024 and epochs of 1, 3, 5 and 16,384 packets or
/// events, with long-lived instances and with a new instance for every call; all must give what
/// `expected.ndjson` says. PALISADE_BLESS=1 writes that file anew. Calls are bounded by fuel, as by
/// `palisade run --deterministic`, and not by time, which would depend on what else the machine does.
///
/// Exit codes: 0 every vector passed, 1 one did not, 2 an error, such as a plugin that cannot be built.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Folders of plugins
    #[arg(value_name = "DIR", default_value = ".")]
    folders: Vec<PathBuf>,

    /// Test every plugin in and below the folders
    #[arg(long)]
    all: bool,

    /// Only vectors whose `<plugin>/<vector>` contains this, or matches it if it has a `*`
    #[arg(long, value_name = "PATTERN")]
    only: Option<String>,

    /// Run this beside every plugin, and beside what `vector.toml` names: a component, or the
    /// folder of a plugin. What it reports itself does not count
    #[arg(long, value_name = "PLUGIN")]
    with: Vec<PathBuf>,

    /// Write the results to this file as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,

    #[command(flatten)]
    memory: MemoryOption,

    #[command(flatten)]
    sdk: Sdk,
}

impl Test {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let only = self.only.as_deref().map(Only::parse).transpose()?;
        let mut folders = self.folders.clone();
        if self.all {
            folders.clear();
            for folder in &self.folders {
                folders.extend(find_all(folder)?);
            }
        }
        let builder = Builder::new(self.sdk.checkout()?)?.by_fuel();
        if let Some(path) = &self.junit {
            crate::named::check_output("--junit", path)?;
        }
        let beside = Beside::new(&builder, &self.with)?;
        // A vector must not fail because the machine has other work.
        let runtime = runtime(true, false)?;
        let blessing = std::env::var_os(BLESS).is_some_and(|v| v == "1");
        let mut out = context.output();
        let mut results = Report::new("palisade plugin test");
        let mut unbuilt = 0_u64;
        let mut tally = Tally::default();
        let projects = folders.iter().map(|folder| Project::open(folder));
        let projects: Vec<Project> = projects.collect::<Result<_>>()?;
        refuse_same_names(&projects)?;
        for (folder, project) in folders.iter().zip(projects) {
            let mut vectors = vector::find_all(folder)?;
            vectors.retain(|path| {
                let name = format!("{}/{}", project.manifest.name, shown(path));
                only.as_ref().is_none_or(|only| only.takes(&name))
            });
            if vectors.is_empty() {
                continue;
            }
            let built = match builder.build(&project, None) {
                Ok(built) => built,
                Err(error) => {
                    // The others are tested all the same.
                    let error = error.context(format!("cannot build {}", title(&project)));
                    report(&error);
                    let mut suite = TestSuite::new(title(&project));
                    suite.add_test_case(not_built(&error));
                    results.add_test_suite(suite);
                    unbuilt += 1;
                    continue;
                }
            };
            built.tell(&title(&project));
            let subject = Subject {
                component: Component::read(&built.path)?,
                name: project.manifest.name.clone(),
                world: project.manifest.world,
            };
            if let Some(path) = beside.itself(&project)? {
                crate::output::warn(&format!(
                    "`--with {}` is {} itself, which is tested and does not run beside itself",
                    path.display(),
                    title(&project)
                ));
            }
            let bench = Bench {
                runtime: &runtime,
                beside: &|vector| beside.of(&project, vector),
                memory: self.memory.memory,
                bless: Some(blessing),
            };
            let mut suite = TestSuite::new(title(&project));
            for path in vectors {
                let began = Instant::now();
                let result = bench.check(&subject, &path);
                let time = began.elapsed();
                // As `--only` takes it.
                let name = format!("{}/{}", subject.name, shown(&path));
                tally.written += u64::from(matches!(result, Ok(Outcome::Wrote(_))));
                let failure = tell(&mut out, &name, result)?;
                tally.add(failure.is_some());
                suite.add_test_case(case(&shown(&path), failure, time));
            }
            results.add_test_suite(suite);
        }
        let wrote = match tally.written {
            _ if !blessing => String::new(),
            0 => ", nothing written".to_owned(),
            files => format!(
                ", {} written; read the difference before you keep it",
                counted(files, "file")
            ),
        };
        let Tally { passed, failed, .. } = tally;
        let not_built = match unbuilt {
            0 => String::new(),
            projects => format!(", {projects} not built"),
        };
        out.line(&format!(
            "{passed} passed, {failed} failed{not_built}{wrote}"
        ))?;
        out.finish()?;
        if let Some(path) = &self.junit {
            let text = results.to_string().context("write the results as XML")?;
            palisade_private::output::write(path, 0o644, text.as_bytes())?;
        }
        ensure!(
            tally.passed + tally.failed + unbuilt > 0,
            "{}",
            match &self.only {
                Some(only) =>
                    format!("no vector matches `{only}`; leave --only out to see all names"),
                None => "there is no vector; put one into `vectors/` of a plugin".to_owned(),
            }
        );
        Ok(match unbuilt {
            0 => Exit::found(tally.failed > 0),
            _ => Exit::Error,
        })
    }
}

/// Which vectors to run.
enum Only {
    Part(String),
    Pattern(glob::Pattern),
}

impl Only {
    fn parse(text: &str) -> Result<Only> {
        if !text.contains('*') {
            return Ok(Only::Part(text.to_owned()));
        }
        let pattern = glob::Pattern::new(text)
            .with_context(|| format!("`--only {text}` is no pattern; `*` stands for anything"))?;
        Ok(Only::Pattern(pattern))
    }

    fn takes(&self, name: &str) -> bool {
        match self {
            Only::Part(part) => name.contains(part.as_str()),
            Only::Pattern(pattern) => pattern.matches(name),
        }
    }
}

fn shown(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// The plugin under test.
pub(crate) struct Subject {
    pub(crate) component: Component,
    pub(crate) name: String,
    pub(crate) world: World,
}

/// What all vectors have in common.
pub(crate) struct Bench<'a> {
    pub(crate) runtime: &'a Runtime,
    /// What runs beside the plugin in a vector.
    pub(crate) beside: &'a dyn Fn(&Vector) -> Result<Vec<Component>>,
    pub(crate) memory: Option<NonZeroU64>,
    /// Whether what comes out is written as what is expected. `None`: nobody can write there, and
    /// nobody is told how.
    pub(crate) bless: Option<bool>,
}

impl Bench<'_> {
    /// Runs one vector in all ways.
    pub(crate) fn check(&self, subject: &Subject, dir: &Path) -> Result<Outcome> {
        let vector = Vector::read(dir)?;
        let beside = (self.beside)(&vector)?;
        let mut first: Option<Vec<String>> = None;
        let mut said = Log::default();
        let mut unshown = String::new();
        for cut in CUTS {
            let log = Log::default();
            let (lines, _, done) = self.logged(subject, &vector, &beside, cut, &log)?;
            let Some(expected) = &first else {
                // Before anything is written down as what must come out.
                if let Some(nothing) = trial::unshown(&subject.component, &vector, &done)? {
                    return Ok(Outcome::Differs(log.below(&nothing)));
                }
                if let Some(why) = held_back(&subject.component, &vector, &done)? {
                    unshown = format!("{why}\n");
                }
                first = Some(lines);
                said = log;
                continue;
            };
            if *expected != lines {
                let Cut { rows, epoch, fresh } = cut;
                let instance = if fresh {
                    "a new instance for every call"
                } else {
                    "one instance"
                };
                let values: Vec<_> = expected
                    .iter()
                    .filter_map(|l| serde_json::from_str(l).ok())
                    .collect();
                let difference = vector::difference(&values, &lines).unwrap_or_default();
                return Ok(Outcome::Differs(log.below(&format!(
                    "batches of {rows}, epochs of {epoch} and {instance} give something else than \
                     batches of 1 and one epoch:\n{difference}"
                ))));
            }
        }
        let lines = first.unwrap_or_default();
        if self.bless == Some(true) {
            let mut text = lines.join("\n");
            if !text.is_empty() {
                text.push('\n');
            }
            // Of `PROJECT/vectors/NAME`.
            let project = dir.ancestors().nth(2).unwrap_or(dir);
            return bless(project, &vector.expected.path, &text);
        }
        let Some(expected) = &vector.expected.values else {
            let how = self.how("; look at what comes out and write it with");
            return Ok(Outcome::Differs(said.below(&format!(
                "there is no {}{how}:\n{}",
                vector.expected.path.display(),
                lines.join("\n")
            ))));
        };
        let difference = vector::difference(expected, &lines);
        let Some(difference) = difference else {
            return Ok(Outcome::Same);
        };
        let hints = vector::hints(&vector.expected, subject.world);
        if !hints.is_empty() {
            return Ok(Outcome::Differs(
                said.below(&format!("{unshown}{}\n{difference}", hints.join("\n"))),
            ));
        }
        let at = vector::first_difference(expected, &lines).unwrap_or_default();
        let line = vector.expected.line(at);
        let how = self.how("; if it is right, write it there with");
        Ok(Outcome::Differs(said.below(&format!(
            "{unshown}{}, line {line}: what comes out differs{how}\n{difference}",
            vector.expected.path.display()
        ))))
    }

    /// How what comes out is written as what is expected, behind these words.
    fn how(&self, words: &str) -> String {
        match self.bless {
            Some(_) => format!("{words} {BLESS}=1"),
            None => String::new(),
        }
    }

    /// One run of a vector, as golden lines, with what the plugin cost.
    pub(crate) fn measured(
        &self,
        subject: &Subject,
        vector: &Vector,
        cut: Cut,
    ) -> Result<(Vec<String>, PluginSummary)> {
        let beside = (self.beside)(vector)?;
        let (lines, cost, _) = self.logged(subject, vector, &beside, cut, &Log::default())?;
        Ok((lines, cost))
    }

    /// The same with the whole run's summary, and with what plugins write in `log`.
    fn logged(
        &self,
        subject: &Subject,
        vector: &Vector,
        beside: &[Component],
        cut: Cut,
        log: &Log,
    ) -> Result<(Vec<String>, PluginSummary, Summary)> {
        let config = EngineConfig {
            batch_rows: cut.rows,
            epoch: cut.epoch,
            fresh: cut.fresh,
            workers: 2,
            memory: self.memory,
            ..EngineConfig::default()
        };
        let mut session = trial::session(
            self.runtime,
            &subject.component,
            beside,
            vector,
            config,
            &log.sink(),
        )?;
        let mut seen = Seen::of(subject, vector);
        trial::read(
            &mut session,
            "given.ndjson",
            trial::ndjson(&vector.given)?,
            &mut seen,
        )?;
        // What was given has happened before; only what follows from the input counts.
        session.settle(&mut seen)?;
        seen.begun = true;
        let (name, bytes) = trial::input(vector)?;
        trial::read(&mut session, name, bytes, &mut seen)?;
        let done = session.finish(&mut seen)?;
        if let Some(trouble) = seen.trouble() {
            bail!(log.below(&trouble));
        }
        let mut plugins = done.plugins.iter();
        let cost = plugins.find(|plugin| plugin.name == subject.name);
        let cost = cost.cloned().unwrap_or_default();
        Ok((seen.into_lines(), cost, done))
    }
}
