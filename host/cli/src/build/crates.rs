//! Which crates a component was made of, as cargo says it.
//!
//! What cargo reports as built (or as up to date) in the very build of the plugin is listed, and
//! nothing else of its lock file: other members of a workspace have other dependencies and
//! other features. `cargo metadata` adds who depends on whom.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use auditable_serde::{DependencyKind, Package, Source, VersionInfo};
use serde::Deserialize;

use super::compiler;
use super::toolchain::{ADVICE, Rust};
use super::{Places, Project};

const CRATES_IO: [&str; 2] = [
    "registry+https://github.com/rust-lang/crates.io-index",
    "sparse+https://index.crates.io/",
];

/// What cargo said that it built, by the id of the package.
#[derive(Default)]
pub(super) struct Crates {
    built: BTreeMap<String, DependencyKind>,
}

/// A line of cargo's output about something that it built.
#[derive(Deserialize)]
pub(super) struct Artifact {
    package_id: String,
    target: Target,
    filenames: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Described>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Described {
    id: String,
    name: String,
    version: semver::Version,
    source: Option<String>,
    manifest_path: PathBuf,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<EdgeKind>,
}

#[derive(Deserialize)]
struct EdgeKind {
    kind: Option<String>,
}

impl Crates {
    /// Takes note of what was built. Only what lies in the folder of the target is part of a
    /// component; the rest ran on the machine that built it.
    pub(super) fn note(&mut self, artifact: Artifact, places: &Places, rust: &Rust) {
        let target = places.cargo.dir.join(&rust.target);
        let ran = artifact
            .target
            .kind
            .iter()
            .any(|kind| kind == "proc-macro" || kind == "custom-build");
        let part = !ran && artifact.filenames.iter().any(|f| f.starts_with(&target));
        let kind = if part {
            DependencyKind::Runtime
        } else {
            DependencyKind::Build
        };
        let known = self.built.entry(artifact.package_id).or_insert(kind);
        *known = (*known).max(kind);
    }

    /// The list in the form of `cargo auditable`.
    ///
    /// # Errors
    /// When cargo does not describe what it built.
    pub(super) fn list(&self, project: &Project, rust: &Rust) -> Result<VersionInfo> {
        let mut cargo = rust.cargo(&project.dir);
        cargo.args([
            "metadata",
            "--format-version=1",
            "--filter-platform",
            &rust.target,
        ]);
        let mut text = String::new();
        compiler::run_with_lines(&mut cargo, ADVICE, |line| text.push_str(line))?;
        let metadata: Metadata =
            serde_json::from_str(&text).context("read what `cargo metadata` says")?;
        self.resolved(metadata, &project.dir.join("Cargo.toml"))
    }

    fn resolved(&self, metadata: Metadata, root: &std::path::Path) -> Result<VersionInfo> {
        let mut packages: Vec<Described> = metadata
            .packages
            .into_iter()
            .filter(|package| self.built.contains_key(&package.id))
            .collect();
        anyhow::ensure!(
            packages.len() == self.built.len(),
            "cargo built {} crates and describes {} of them",
            self.built.len(),
            packages.len()
        );
        packages.sort_by(|a, b| {
            (&a.name, &a.version, &a.source).cmp(&(&b.name, &b.version, &b.source))
        });
        let place: BTreeMap<&str, usize> = packages
            .iter()
            .enumerate()
            .map(|(place, package)| (package.id.as_str(), place))
            .collect();
        let nodes: BTreeMap<&str, &Node> = metadata
            .resolve
            .nodes
            .iter()
            .map(|node| (node.id.as_str(), node))
            .collect();
        let described = packages.iter().map(|package| {
            let edges = nodes.get(package.id.as_str()).map(|node| &node.deps);
            let dependencies: BTreeSet<usize> = edges
                .into_iter()
                .flatten()
                .filter(|edge| {
                    let of = |kind: &EdgeKind| kind.kind.as_deref() != Some("dev");
                    edge.dep_kinds.iter().any(of)
                })
                .filter_map(|edge| place.get(edge.pkg.as_str()).copied())
                .collect();
            Package {
                name: package.name.clone(),
                version: package.version.clone(),
                source: source(package.source.as_deref()),
                kind: self.built.get(&package.id).copied().unwrap_or_default(),
                dependencies: dependencies.into_iter().collect(),
                root: package.manifest_path == root,
            }
        });
        Ok(VersionInfo {
            packages: described.collect(),
            format: 0,
        })
    }
}

fn source(source: Option<&str>) -> Source {
    match source {
        None => Source::Local,
        Some(source) if CRATES_IO.contains(&source) => Source::CratesIo,
        Some(source) if source.starts_with("git+") => Source::Git,
        Some(_) => Source::Registry,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_built_is_listed_and_nothing_else_of_the_lock_file() {
        let index = CRATES_IO[0];
        let text = serde_json::json!({
            "packages": [
                { "id": "z", "name": "z", "version": "1.0.0", "source": index, "manifest_path": "/r/z/Cargo.toml" },
                { "id": "me", "name": "me", "version": "0.1.0", "source": null, "manifest_path": "/p/Cargo.toml" },
                { "id": "other", "name": "other", "version": "9.0.0", "source": index, "manifest_path": "/r/o/Cargo.toml" },
                { "id": "mac", "name": "mac", "version": "2.0.0", "source": "git+https://x/y", "manifest_path": "/g/Cargo.toml" },
            ],
            "resolve": { "nodes": [
                { "id": "me", "deps": [
                    { "pkg": "z", "dep_kinds": [{ "kind": null }] },
                    { "pkg": "mac", "dep_kinds": [{ "kind": "build" }, { "kind": null }] },
                    { "pkg": "other", "dep_kinds": [{ "kind": null }] },
                ]},
                { "id": "z", "deps": [{ "pkg": "me", "dep_kinds": [{ "kind": "dev" }] }] },
                { "id": "mac", "deps": [] },
            ]},
        });
        let crates = Crates {
            built: [
                ("me".to_owned(), DependencyKind::Runtime),
                ("z".to_owned(), DependencyKind::Runtime),
                ("mac".to_owned(), DependencyKind::Build),
            ]
            .into(),
        };
        let read = || serde_json::from_value(text.clone()).unwrap();
        let list = crates.resolved(read(), "/p/Cargo.toml".as_ref()).unwrap();
        let shown = serde_json::to_value(&list).unwrap();
        assert_eq!(
            shown,
            serde_json::json!({ "packages": [
                { "name": "mac", "version": "2.0.0", "source": "git", "kind": "build" },
                { "name": "me", "version": "0.1.0", "source": "local", "dependencies": [0, 2], "root": true },
                { "name": "z", "version": "1.0.0", "source": "crates.io" },
            ]})
        );
        // What cargo does not describe is not left out in silence.
        let mut more = crates;
        more.built
            .insert("ghost".to_owned(), DependencyKind::Runtime);
        assert!(more.resolved(read(), "/p/Cargo.toml".as_ref()).is_err());
    }
}
