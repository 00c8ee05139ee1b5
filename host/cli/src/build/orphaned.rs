//! Components whose project has another name since, lies elsewhere or is gone. They would be loaded
//! beside what is built of it now, as plugins of their own.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use palisade_private::Below;
use palisade_runtime::manifest::Manifest;
use palisade_store::Digest;

use super::stamp::Stamp;
use super::{Places, SCRATCH, debug_file, find_all, unlinked, within};
use crate::host::MAX_COMPONENT;

/// The most plugins of one target folder that are looked at.
const LOOKED_AT: usize = 4096;

/// A component that nothing is built to any more.
#[derive(Debug)]
pub(crate) struct Orphan {
    /// Where it is, or was.
    pub(crate) component: PathBuf,
    /// The folder that its project had.
    project: PathBuf,
    /// What the project there is called now, `pack/name`; `None`: there is none.
    now: Option<String>,
}

impl fmt::Display for Orphan {
    /// `PATH, which was built of …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (component, project) = (self.component.display(), self.project.display());
        write!(f, "{component}, which was built of {project}, ")?;
        match &self.now {
            Some(now) => write!(f, "which is called {now} now"),
            None => write!(f, "where there is no plugin any more"),
        }
    }
}

/// Removes such components, if the user built them, from where this build puts its own, and says
/// which.
///
/// # Errors
/// When one cannot be removed, or a link that a project brought along leads elsewhere.
pub(super) fn remove(places: &Places) -> Result<Vec<Orphan>> {
    let mut removed = Vec::new();
    let Some(key) = &places.key else {
        return Ok(removed);
    };
    let here = Here::new(&places.root);
    let packs = folders(&places.scratch);
    let built = packs.iter().flat_map(|pack| folders(pack));
    for own in built.take(LOOKED_AT) {
        let file = own.join("stamp.json");
        unlinked(&places.root, &file)?;
        let (Some((pack, name)), Some(stamp)) = (names(&own), Stamp::read(&file, key)) else {
            continue;
        };
        let component = places.out.join(&pack).join(format!("{name}.wasm"));
        // What was built just now, or found to be up to date, is none, wherever it was built first.
        if component == places.component {
            continue;
        }
        let Some(orphan) = orphan(component, &pack, &name, stamp.project.as_deref(), &here) else {
            continue;
        };
        let component = &orphan.component;
        unlinked(&places.base, component)?;
        let is_built = |bytes: &[u8]| Digest::of(bytes) == stamp.component;
        // What else somebody put there stays.
        if !palisade_private::read(component, MAX_COMPONENT).is_ok_and(|it| is_built(&it)) {
            continue;
        }
        // Somebody else may put another there between that look and now.
        if !Below::make(&places.base, component)?.remove_file_if(MAX_COMPONENT, is_built)? {
            continue;
        }
        let debug = debug_file(component);
        if debug.exists() {
            Below::make(&places.base, &debug)?
                .remove_file()
                .with_context(|| format!("remove {}", debug.display()))?;
        }
        Below::make(&places.root, &file)?.remove_file()?;
        removed.push(orphan);
    }
    Ok(removed)
}

/// Which of these components are such, as far as it is remembered beside them. Nothing is removed.
///
/// A stamp of another user counts here: all that it can do is to have it told.
pub(crate) fn among(components: &[PathBuf]) -> Vec<Orphan> {
    let mut seen = BTreeSet::new();
    let mut heres: Vec<Here> = Vec::new();
    let built = components.iter().filter(|file| seen.insert(*file));
    built
        .take(LOOKED_AT)
        .filter_map(|file| {
            // target/plugins/<pack>/<name>.wasm and target/plugin-build/<pack>/<name>.
            let name = file.file_stem()?.to_str()?;
            let pack = file.parent()?.file_name()?.to_str()?;
            let plugins = file.parent()?.parent()?;
            let target = match plugins.parent()? {
                here if here == Path::new("") => Path::new("."),
                target => target,
            };
            let own = target.join(SCRATCH).join(pack).join(name);
            let stamp = Stamp::read_any(&own.join("stamp.json"))?;
            let root = target.canonicalize().ok()?.parent()?.to_path_buf();
            if !heres.iter().any(|here| here.root == root) {
                heres.push(Here::new(&root));
            }
            let here = heres.iter().find(|here| here.root == root)?;
            let orphan = orphan(file.clone(), pack, name, stamp.project.as_deref(), here)?;
            let bytes = palisade_private::read(file, MAX_COMPONENT).ok()?;
            (Digest::of(&bytes) == stamp.component).then_some(orphan)
        })
        .collect()
}

/// A folder with the `target` that components of the projects in it go to.
struct Here {
    root: PathBuf,
    /// Pack and name of each plugin in it; looked for when it is first asked.
    plugins: OnceCell<BTreeSet<(String, String)>>,
}

impl Here {
    fn new(root: &Path) -> Self {
        Self {
            root: root.to_path_buf(),
            plugins: OnceCell::new(),
        }
    }

    /// Whether any project in it is this plugin now.
    fn has(&self, pack: &str, name: &str) -> bool {
        let look = || {
            let projects = find_all(&self.root).unwrap_or_default();
            let manifests = projects
                .iter()
                .filter_map(|dir| within::text(&dir.join("plugin.toml")).ok()?)
                .filter_map(|text| Manifest::parse(&text).ok());
            manifests.map(|it| (it.pack, it.name)).collect()
        };
        let key = (pack.to_owned(), name.to_owned());
        self.plugins.get_or_init(look).contains(&key)
    }
}

/// The component if no project is what it was built of: that is not there any more, or has another
/// name, and none that it could have been moved to has its name. What cannot be read may be still.
///
/// `project` is as a stamp has it, from the folder that `target` is in: a project that was copied
/// with it is another one.
fn orphan(
    component: PathBuf,
    pack: &str,
    name: &str,
    project: Option<&Path>,
    here: &Here,
) -> Option<Orphan> {
    // An absolute one, from an earlier version, counts as long as nothing was moved or copied.
    let project = project?.strip_prefix(&here.root).unwrap_or(project?);
    let project = match project.is_absolute() {
        true => here.root.clone(),
        // Joined with an empty path, it would end in a slash.
        false if project == Path::new("") => here.root.clone(),
        false => here.root.join(project),
    };
    let now = match within::text(&project.join("plugin.toml")).ok()? {
        None => None,
        Some(text) => {
            let manifest = Manifest::parse(&text).ok()?;
            if manifest.name == name && manifest.pack == pack {
                return None;
            }
            Some(format!("{}/{}", manifest.pack, manifest.name))
        }
    };
    (!here.has(pack, name)).then_some(Orphan {
        component,
        project,
        now,
    })
}

/// Pack and name of the plugin whose folder of intermediate files this is.
fn names(own: &Path) -> Option<(String, String)> {
    let pack = own.parent()?.file_name()?.to_str()?;
    Some((pack.to_owned(), own.file_name()?.to_str()?.to_owned()))
}

/// The folders in a folder, no links among them.
fn folders(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let mut folders: Vec<PathBuf> = folders.map(|entry| entry.path()).collect();
    folders.sort();
    folders
}
