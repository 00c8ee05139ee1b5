//! From a plugin's project to its component.
//!
//! The steps are the same for every language: a world of only those imports that the
//! manifest asks for ([`world`]), a core module from the language's own compiler ([`rust`],
//! [`c`], [`javascript`]), a component of it, and the manifest inside. A plugin whose
//! inputs have not changed by content ([`stamp`]) is not built again.

mod beside;
mod built;
mod c;
mod c_library;
mod checkout;
mod code;
mod compiler;
mod crates;
mod debug;
mod javascript;
mod origin;
mod orphaned;
mod project;
mod rust;
mod shared;
mod stale;
mod stamp;
pub(crate) mod target;
mod toolchain;
mod within;
mod world;

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use palisade_private::Below;
use palisade_runtime::manifest::{Capability, Settings};
use palisade_runtime::{LoadError, Runtime};
use palisade_store::Digest;

use crate::host::MAX_COMPONENT;
pub(crate) use beside::FOLDER as SDK_FOLDER;
pub(crate) use built::Built;
pub(crate) use checkout::Checkout;
pub(crate) use debug::{debug_file, is_debug_file};
pub(crate) use orphaned::{Orphan, among as orphans_among};
pub(crate) use project::{Language, Project, find_all};
use shared::Shared;
pub(crate) use stale::{Freshness, freshness};
use stamp::{Inputs, Place, Stamp, StampKey};
use toolchain::Toolchain;
use within::unlinked;
pub(crate) use within::{first_link, text};

/// Raised when the same inputs give another component than before.
const FORMAT: &str = "palisade plugin build 6";

/// The folder in `target` for what is made on the way to a component.
pub(crate) const SCRATCH: &str = "plugin-build";

/// Builds plugins.
pub(crate) struct Builder {
    checkout: Checkout,
    toolchain: Toolchain,
    /// Made when the first component is looked at.
    runtime: OnceCell<Runtime>,
    /// What stamps of this user are known by.
    key: OnceCell<Option<StampKey>>,
    /// Whether what is built is run by fuel first, so that the code for that is made.
    by_fuel: bool,
    /// Where it has been looked for components without a project: folders of components, and of
    /// what is remembered of builds.
    looked_at: RefCell<BTreeSet<(PathBuf, PathBuf)>>,
}

/// Directories of one plugin.
struct Places {
    /// The folder of `target`, below which no link is followed.
    root: PathBuf,
    /// The same for the component: `root`, or the folder that the user named.
    base: PathBuf,
    /// What survives between builds: see [`stamp`].
    stamp: PathBuf,
    /// What makes it count; without one, everything is built each time.
    key: Option<StampKey>,
    /// Where this build puts intermediate files; empty when it begins.
    work: PathBuf,
    /// Cargo's target directory, which plugins share.
    cargo: Shared,
    /// The component.
    component: PathBuf,
    /// The folder that components go to.
    out: PathBuf,
    /// The folder of all plugins' intermediate files and stamps.
    scratch: PathBuf,
}

impl Places {
    /// Where a project is, seen from the folder that `target` is in.
    fn below(&self, project: &Project) -> PathBuf {
        let below = project.dir.strip_prefix(&self.root);
        below.unwrap_or(&project.dir).to_path_buf()
    }

    /// Remembers where the project of a component that is up to date lies now.
    fn note_project(&self, project: &Project) -> Result<()> {
        let Some(key) = &self.key else {
            return Ok(());
        };
        let below = Some(self.below(project));
        match Stamp::read(&self.stamp, key) {
            Some(stamp) if stamp.project != below => {
                let stamp = Stamp {
                    project: below,
                    ..stamp
                };
                write(&self.root, &self.stamp, &stamp.sealed(key)?)
            }
            _ => Ok(()),
        }
    }
}

impl Builder {
    /// A builder for plugins that use the SDK of this checkout.
    ///
    /// # Errors
    /// When the file that says which compilers to call is there and cannot be read.
    pub(crate) fn new(checkout: Checkout) -> Result<Self> {
        let toolchain = Toolchain::find(&checkout)?;
        Ok(Self {
            checkout,
            toolchain,
            runtime: OnceCell::new(),
            key: OnceCell::new(),
            by_fuel: false,
            looked_at: RefCell::default(),
        })
    }

    /// The same, for plugins whose calls are bounded by fuel when they run first.
    pub(crate) fn by_fuel(self) -> Self {
        Self {
            by_fuel: true,
            ..self
        }
    }

    /// Where things of a project are, once it is certain that no link that the project brought
    /// along leads from there to somewhere else.
    fn places(&self, project: &Project, out: Option<&Path>) -> Result<Places> {
        let target = target::target(&project.dir);
        let root = target.parent().unwrap_or(&project.dir);
        let scratch = target.join(SCRATCH);
        let own = scratch
            .join(&project.manifest.pack)
            .join(&project.manifest.name);
        let out = match out {
            Some(out) => std::path::absolute(out).context("find the folder of --out")?,
            None => target::plugins(&target),
        };
        let in_checkout = target::checkout_of(&project.dir).is_some();
        let named = std::env::var_os("CARGO_TARGET_DIR");
        let places = Places {
            root: root.to_path_buf(),
            base: within::base_of(&out, root),
            stamp: own.join("stamp.json"),
            key: *self.key.get_or_init(stamp::key),
            work: own.join("work"),
            cargo: Shared::find(&target, in_checkout, named)?,
            component: target::component(&out, &project.manifest),
            out,
            scratch,
        };
        for path in [&places.stamp, &places.work, &own.join("lock")] {
            unlinked(root, path)?;
        }
        for path in [&places.component, &debug_file(&places.component)] {
            unlinked(&places.base, path)?;
        }
        if places.cargo.dir.starts_with(root) {
            unlinked(root, &places.cargo.dir)?;
            unlinked(root, &places.cargo.dir.with_extension("lock"))?;
        }
        Ok(places)
    }

    /// The folder of the SDK that plugins are built with.
    pub(crate) fn sdk(&self) -> &Path {
        &self.checkout.sdk
    }

    /// Gives a project what editors and cargo find the SDK by, before there is anything built.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn lay_out(&self, project: &Project) -> Result<()> {
        beside::refresh(project, &self.checkout)
    }

    /// Compiles what several plugins share at once, which keeps all processors busy. What
    /// fails here is reported when its plugin is built by itself.
    pub(crate) fn prepare(&self, projects: &[Project], out: Option<&Path>) {
        let stale: Vec<_> = projects
            .iter()
            .filter(|project| project.language == Language::Rust)
            .filter(|project| beside::refresh(project, &self.checkout).is_ok())
            .filter_map(|project| Some((project, self.places(project, out).ok()?)))
            .filter(|(project, places)| self.fresh(project, places).is_none())
            // Nor would cargo come to an end over a pipe.
            .filter(|(project, _)| self.inputs(project, &[]).is_ok())
            .collect();
        let projects = stale.iter().map(|(project, places)| (*project, places));
        rust::compile_together(projects, &self.checkout, &self.toolchain);
    }

    /// Builds a plugin, or finds that its component is up to date. The component is
    /// `<out>/<pack>/<name>.wasm`.
    ///
    /// # Errors
    /// When its compiler fails, its module does not fit its world, or files cannot be
    /// written.
    pub(crate) fn build(&self, project: &Project, out: Option<&Path>) -> Result<Built> {
        let places = self.places(project, out)?;
        let _lock = lock(&places.root, &places.stamp.with_file_name("lock"))?;
        beside::refresh(project, &self.checkout)?;
        if let Some((digest, size)) = self.fresh(project, &places) {
            places.note_project(project)?;
            let removed = self.remove_orphans(&places)?;
            let path = places.component;
            return Ok(Built {
                path,
                digest,
                size,
                new: false,
                said: String::new(),
                removed,
            });
        }
        // What cannot be read to its end, a compiler would not read to its end either.
        self.inputs(project, &[])?;
        let work = Below::make(&places.root, &places.work)?;
        work.empty_folder()?;
        let compiled = match project.language {
            Language::Rust => rust::compile(project, &places, &self.checkout, &self.toolchain)?,
            Language::C => c::compile(project, &places, &self.checkout, &self.toolchain)?,
            Language::JavaScript => {
                javascript::compile(project, &places, &self.checkout, &self.toolchain)?
            }
        };
        let rust = &self.toolchain.rust.version;
        let compiler = (project.language == Language::Rust)
            .then(|| ("rustc", rust.strip_prefix("rustc ").unwrap_or(rust)))
            .filter(|(_, version)| !version.is_empty());
        let component = origin::embed(
            &compiled.component,
            project.language,
            // Others name themselves in the modules that they write.
            compiler,
            compiled.crates.as_ref(),
        )?;
        let component = project.embed_manifest(&component)?;
        self.preflight(&component)
            .map_err(|error| match project.language {
                Language::Rust => rust::exporting(error, project),
                Language::C | Language::JavaScript => error,
            })?;
        write(&places.base, &places.component, &component)?;
        let debug = debug_file(&places.component);
        match &compiled.debug {
            Some(module) => write(&places.base, &debug, module)?,
            // One of another language, by the same name.
            None => drop(std::fs::remove_file(&debug)),
        }
        let digest = Digest::of(&component);
        let root = &self.checkout.root;
        let place = |file: &PathBuf| Place::of(file, &project.dir, root);
        let files: Vec<_> = compiled.files.iter().map(place).collect();
        let tied = files.iter().any(|f| matches!(f, Place::Elsewhere(_)));
        let inputs = self.inputs(project, &files)?;
        let content: BTreeMap<Place, Digest> = inputs
            .files()
            .iter()
            .map(|(file, digest)| (place(file), *digest))
            .collect();
        let stamp = Stamp {
            inputs: inputs.finish(),
            content: content.into_iter().collect(),
            dir: tied.then(|| project.dir.clone()),
            project: Some(places.below(project)),
            files,
            component: digest,
        };
        if let Some(key) = &places.key {
            write(&places.root, &places.stamp, &stamp.sealed(key)?)?;
        }
        work.remove().ok();
        let removed = self.remove_orphans(&places)?;
        let path = places.component;
        let size = component.len();
        Ok(Built {
            path,
            digest,
            size,
            new: true,
            said: compiled.said,
            removed,
        })
    }

    /// Removes what would be loaded beside a component and has no project any more; once a folder.
    fn remove_orphans(&self, places: &Places) -> Result<Vec<Orphan>> {
        let folders = (places.out.clone(), places.scratch.clone());
        match self.looked_at.borrow_mut().insert(folders) {
            true => orphaned::remove(places),
            false => Ok(Vec::new()),
        }
    }

    /// Refuses a component that this host would refuse, while its author is there to be told.
    /// It is compiled and linked, but nothing of it runs; its code is then in the cache for
    /// the first run.
    fn preflight(&self, component: &[u8]) -> Result<()> {
        if self.runtime.get().is_none() {
            // Without a place for the cache it is compiled all the same.
            let runtime = crate::host::runtime(self.by_fuel, false)
                .or_else(|_| crate::host::runtime(self.by_fuel, true))?;
            let _ = self.runtime.set(runtime);
        }
        let Some(runtime) = self.runtime.get() else {
            return Ok(());
        };
        match runtime.load(component, &Capability::ALL, &Settings::default()) {
            // A setting that the operator must give is missing, as it should be.
            Ok(_) | Err(LoadError::Settings(_)) => Ok(()),
            Err(error) => Err(error).context("this host would refuse the component"),
        }
    }

    /// Digest and size of the component, if it is what the inputs as they are now give.
    fn fresh(&self, project: &Project, places: &Places) -> Option<(Digest, usize)> {
        let stamp = Stamp::read(&places.stamp, places.key.as_ref()?)?;
        let component = palisade_private::read(&places.component, MAX_COMPONENT).ok()?;
        let digest = Digest::of(&component);
        let same = digest == stamp.component
            && stamp.dir.is_none_or(|dir| dir == project.dir)
            && self.inputs(project, &stamp.files).ok()?.finish() == stamp.inputs;
        same.then_some((digest, component.len()))
    }

    /// Everything that decides about the component, by content.
    fn inputs(&self, project: &Project, files: &[Place]) -> Result<Inputs> {
        let mut inputs = Inputs::default();
        inputs.text(FORMAT);
        inputs.text(env!("CARGO_PKG_VERSION"));
        inputs.text(&project.text);
        inputs.tree(&self.checkout.wit)?;
        inputs.tree(&project.dir)?;
        for file in files {
            inputs.tree(&file.path(&project.dir, &self.checkout.root))?;
        }
        match project.language {
            Language::Rust => {
                inputs.text(&self.toolchain.rust.identity());
                inputs.cargo_files(&project.dir)?;
            }
            Language::C => {
                inputs.text(&self.toolchain.c.identity());
                inputs.tree(&self.checkout.sdk.join("c"))?;
            }
            Language::JavaScript => {
                inputs.text(&self.toolchain.javascript.identity());
                for file in javascript::sdk_files(&self.checkout)? {
                    inputs.tree(&file)?;
                }
            }
        }
        Ok(inputs)
    }
}

/// What a language's compiler made.
struct Compiled {
    /// The component, without a manifest.
    component: Vec<u8>,
    /// The module with names and DWARF, of languages that have them.
    debug: Option<Vec<u8>>,
    /// Files that it was made from, where only the compiler knows them.
    files: Vec<PathBuf>,
    /// The crates that it was made of, where there are crates.
    crates: Option<auditable_serde::VersionInfo>,
    /// What the compiler said that is of use to the author.
    said: String,
}

/// Makes a component of a core module that carries the description of its world. Imports
/// that the module does not use are left out, and so are names and DWARF.
///
/// # Errors
/// When the module lacks an export of its world or imports something beyond it.
fn componentize(module: &[u8]) -> Result<Vec<u8>> {
    wit_component::ComponentEncoder::default()
        .validate(true)
        .module(&debug::stripped(module)?)
        .and_then(|mut encoder| encoder.encode())
        .context("the module that the compiler made does not fit its world; it must export what plugin.toml promises and import nothing else than palisade:plugin")
}

/// Keeps builds apart, in whichever processes: whoever has locked the file comes first. No link
/// below `base` is followed.
fn lock(base: &Path, path: &Path) -> Result<File> {
    let take = || Below::make(base, path)?.lock();
    take().with_context(|| format!("lock {}", path.display()))
}

/// Writes a file, complete or not at all. No link below `base` is followed.
fn write(base: &Path, path: &Path, content: &[u8]) -> Result<()> {
    Ok(Below::make(base, path)?.write(0o644, content)?)
}
