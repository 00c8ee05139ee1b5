//! What runs beside a plugin in its vectors.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use palisade_pack::PACK_TOML;
use palisade_runtime::manifest::Manifest;

use super::build::title;
use super::trial::Component;
use crate::build::{Builder, Project, find_all};
use crate::host::MAX_TEXT;
use crate::vector::Vector;

/// What makes a folder that of a plugin.
const PLUGIN_TOML: &str = "plugin.toml";

/// Builds what `vector.toml` of a vector names, beside what is always there.
pub(super) struct Beside<'b> {
    builder: &'b Builder,
    /// With what was named.
    always: Vec<(PathBuf, Component)>,
    /// What was built, by folder.
    built: RefCell<BTreeMap<PathBuf, Component>>,
}

impl<'b> Beside<'b> {
    /// With these plugins beside every vector: components, or folders of plugins.
    ///
    /// # Errors
    /// When one is not there or cannot be built.
    pub(super) fn new(builder: &'b Builder, always: &[PathBuf]) -> Result<Self> {
        let mut this = Self {
            builder,
            always: Vec::new(),
            built: RefCell::default(),
        };
        for path in always {
            let component = if path.is_dir() {
                this.build(path)?
            } else {
                Component::read(path)?
            };
            this.always.push((path.clone(), component));
        }
        Ok(this)
    }

    /// What runs beside the plugin in this vector, each component once.
    ///
    /// # Errors
    /// When the vector names what is no other plugin of the same pack, or it cannot be built.
    pub(super) fn of(&self, project: &Project, vector: &Vector) -> Result<Vec<Component>> {
        let mut all = Vec::new();
        for (_, component) in &self.always {
            if !is_same(project, component)? {
                all.push(component.clone());
            }
        }
        for name in &vector.with {
            let named = || format!("vector.toml of `{}` names `{name}`", vector.name);
            let component = find(project, name)
                .and_then(|folder| self.build(&folder))
                .with_context(named)?;
            if all.iter().all(|other| other.bytes != component.bytes) {
                all.push(component);
            }
        }
        Ok(all)
    }

    /// What was named to run beside every plugin and is this one itself, which runs once.
    ///
    /// # Errors
    /// When the manifest of a component cannot be read.
    pub(super) fn itself(&self, project: &Project) -> Result<Option<&Path>> {
        for (path, component) in &self.always {
            if is_same(project, component)? {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }

    fn build(&self, folder: &Path) -> Result<Component> {
        if let Some(built) = self.built.borrow().get(folder) {
            return Ok(built.clone());
        }
        let project = Project::open(folder)?;
        let built = self.builder.build(&project, None)?;
        built.tell(&title(&project));
        let component = Component::read(&built.path)?;
        let mut all = self.built.borrow_mut();
        Ok(all.entry(folder.to_owned()).or_insert(component).clone())
    }
}

fn is_same(project: &Project, component: &Component) -> Result<bool> {
    let (own, other) = (&project.manifest, component.manifest()?);
    Ok(own.pack == other.pack && own.name == other.name)
}

/// The folder of another plugin of the same pack: below the folder with `pack.toml`, or, where there
/// is none, beside the plugin's own.
fn find(project: &Project, name: &str) -> Result<PathBuf> {
    let own = &project.manifest;
    ensure!(name != own.name, "it is the plugin that is tested");
    let above = project.dir.ancestors().skip(1);
    // Why folders were left out.
    let mut foreign = Vec::new();
    let pack = above
        .clone()
        .find(|dir| own_file(dir, PACK_TOML, &mut foreign));
    let parent = above.take(1).next();
    let (root, folders) = match (pack, parent) {
        (Some(pack), _) => (pack, find_all(pack)?),
        (None, Some(parent)) => (parent, beside(parent)?),
        (None, None) => bail!("there is no folder around {}", project.dir.display()),
    };
    let mut others = Vec::new();
    for folder in folders {
        if !own_file(&folder, PLUGIN_TOML, &mut foreign) {
            continue;
        }
        // A manifest that is wrong is told when that plugin is built.
        let text = palisade_private::read(&folder.join(PLUGIN_TOML), MAX_TEXT).unwrap_or_default();
        let Ok(other) = Manifest::parse(&String::from_utf8_lossy(&text)) else {
            continue;
        };
        if other.pack != own.pack || other.name == own.name {
            continue;
        }
        if other.name == name {
            return Ok(folder);
        }
        others.push(other.name);
    }
    others.sort();
    others.dedup();
    let there = match others.as_slice() {
        [] => "there is no other".to_owned(),
        names => format!("there are `{}`", names.join("`, `")),
    };
    let left_out = match foreign.as_slice() {
        [] => String::new(),
        [first, ..] => format!(
            ". Of what others may change nothing is built: {} left out, first {first}",
            foreign.len()
        ),
    };
    bail!(
        "there is no such plugin of pack `{}` in {}; {there}. Use --with for one of elsewhere\
         {left_out}",
        own.pack,
        root.display()
    )
}

/// Whether a folder has a file of this name, and nobody but the caller and root may change either.
/// What is built runs its authors' code, and a place beside the project may be open to everybody,
/// as `/tmp` is.
fn own_file(folder: &Path, name: &str, foreign: &mut Vec<String>) -> bool {
    if !folder.join(name).is_file() {
        return false;
    }
    let opened = palisade_private::open_dir(folder)
        .and_then(|dir| palisade_private::open(&dir, name).map(|file| file.is_some()));
    match opened {
        Ok(there) => there,
        Err(error) => {
            foreign.push(format!("{} ({error})", folder.display()));
            false
        }
    }
}

/// The folders of plugins in a folder, and none further below: it may be anybody's home.
fn beside(parent: &Path) -> Result<Vec<PathBuf>> {
    let read = || format!("search {} for plugins", parent.display());
    let mut found = Vec::new();
    for entry in std::fs::read_dir(parent).with_context(read)? {
        let folder = entry.with_context(read)?.path();
        if folder.join(PLUGIN_TOML).is_file() {
            found.push(folder);
        }
    }
    found.sort();
    Ok(found)
}
