//! `palisade plugin build`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use palisade_store::Digest;
use serde::Serialize;

use crate::build::{Builder, Built, Checkout, Project, find_all, target};
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Format, Output, report, size, warn};

/// Make components of plugin projects
///
/// A project is a folder with plugin.toml and code beside it: Cargo.toml (Rust), plugin.js
/// (JavaScript) or plugin.c (C). Its component is written to <OUT>/<pack>/<name>.wasm, with
/// plugin.toml inside, where `palisade pack build` looks for it. A plugin whose files have not
/// changed is not built again.
#[derive(Debug, Args)]
pub(crate) struct Build {
    /// Folders of plugins
    #[arg(value_name = "DIR", default_value = ".")]
    folders: Vec<PathBuf>,
    /// Build every plugin in and below the folders
    #[arg(long)]
    all: bool,
    /// Where components go [default: target/plugins of the checkout of Palisade that the project
    /// lies in, else of the nearest folder at or above it with a pack.toml, else of the project]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    sdk: Sdk,
}

/// Which SDK.
#[derive(Debug, Clone, Args)]
pub(crate) struct Sdk {
    /// The sdk folder of a checkout of Palisade [default: of the one this was built from]
    #[arg(long, value_name = "DIR")]
    sdk: Option<PathBuf>,
}

impl Sdk {
    /// The checkout that it is part of.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn checkout(&self) -> Result<Checkout> {
        Checkout::find(self.sdk.as_deref())
    }
}

impl Build {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let format = context.format;
        let builder = Builder::new(self.sdk.checkout()?)?;
        let (projects, mut failures) = self.projects()?;
        let progress = context.progress();
        progress.doing("compiling");
        builder.prepare(&projects, self.out.as_deref());
        let mut out = context.output();
        for project in &projects {
            progress.doing(&title(project));
            if let Some(problem) =
                target::other_pack(&project.dir, &project.manifest, &project.text)
            {
                progress.above(|| warn(&problem));
            }
            match builder.build(project, self.out.as_deref()) {
                Ok(built) => {
                    progress.above(|| built.tell(&title(project)));
                    progress.above(|| tell(&mut out, format, project, &built))?;
                }
                Err(error) => {
                    let error = error.context(format!("cannot build {}", title(project)));
                    progress.above(|| report(&error));
                    failures += 1;
                }
            }
        }
        out.finish()?;
        Ok(if failures == 0 {
            Exit::Done
        } else {
            Exit::Error
        })
    }

    /// The projects, and how many could not be opened; those are reported here already, so
    /// that with `--all` one broken manifest does not keep the others from being built.
    fn projects(&self) -> Result<(Vec<Project>, usize)> {
        let mut folders = Vec::new();
        for folder in &self.folders {
            if self.all {
                let found = find_all(folder)?;
                ensure!(
                    !found.is_empty(),
                    "there is no plugin.toml in or below {}",
                    folder.display()
                );
                folders.extend(found);
            } else {
                folders.push(folder.clone());
            }
        }
        let mut projects = Vec::new();
        let mut failures = 0;
        for folder in folders {
            match Project::open(&folder) {
                Ok(project) => projects.push(project),
                Err(error) if self.all => {
                    report(&error);
                    failures += 1;
                }
                Err(error) => return Err(error),
            }
        }
        refuse_same_names(&projects)?;
        Ok((projects, failures))
    }
}

/// `pack/name`.
pub(super) fn title(project: &Project) -> String {
    format!("{}/{}", project.manifest.pack, project.manifest.name)
}

/// Refuses to go on with two projects of one name, of which one component would be the other's.
///
/// # Errors
/// When there are two, or one is named twice.
pub(super) fn refuse_same_names(projects: &[Project]) -> Result<()> {
    let mut seen: BTreeMap<String, &Path> = BTreeMap::new();
    for project in projects {
        if let Some(other) = seen.insert(title(project), &project.dir) {
            if other == project.dir {
                bail!("{} is named twice", project.dir.display());
            }
            bail!(
                "{} and {} are both called {}; change `name` or `pack` in one plugin.toml",
                other.display(),
                project.dir.display(),
                title(project)
            );
        }
    }
    Ok(())
}

fn tell(out: &mut Output, format: Format, project: &Project, built: &Built) -> Result<()> {
    #[derive(Serialize)]
    struct Line<'a> {
        plugin: String,
        kind: &'static str,
        digest: Digest,
        size: usize,
        path: &'a Path,
        new: bool,
    }
    if format == Format::Ndjson {
        out.ndjson(&Line {
            plugin: title(project),
            kind: project.manifest.world.name(),
            digest: built.digest,
            size: built.size,
            path: &built.path,
            new: built.new,
        })?;
    } else {
        out.line(&format!(
            "{}  {:>9}  {}{}",
            built.digest,
            size(built.size as u64),
            shown(&built.path),
            if built.new { "" } else { "  (unchanged)" }
        ))?;
    }
    out.flush().context("write to standard output")
}

/// A path as one would type it here.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here)
        .unwrap_or(path)
        .display()
        .to_string()
}
