//! Reads components and the files that go with them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result, bail, ensure};
use palisade_events::without_mark;
use palisade_pack::PACK_TOML;
use palisade_runtime::manifest::{Capability, Settings};
use palisade_runtime::{MAX_DEBUG_FILE, Plugin, Runtime, Symbols};

use super::Given;
use crate::build::{SCRATCH, SDK_FOLDER, debug_file, is_debug_file, target};
use crate::output::{BACKTRACE, FULL};

/// The largest component, settings file and networks file that is read.
pub(crate) const MAX_COMPONENT: u64 = 64 << 20;
pub(crate) const MAX_TEXT: u64 = 4 << 20;
/// The longest line of a text: what is wrong with it is told with the line.
const MAX_LINE: usize = 64 << 10;
/// How deep folders of components are searched, and how much of them is looked at.
const MAX_DEPTH: usize = 16;
const MAX_ENTRIES: usize = 100_000;

/// What became of a component.
pub(super) enum Read {
    Plugin {
        plugin: Arc<Plugin>,
        compiled: bool,
        origin: Origin,
    },
    LeftOut(LeftOut),
}

/// Where a plugin comes from, and what it is given.
#[derive(Clone)]
pub(crate) struct Origin {
    /// A file, or a pack and its file.
    pub(crate) place: String,
    /// What its pack set; the rest is what the operator gives, and defaults.
    pub(crate) pack_settings: Settings,
    /// The pack that it came in, as `vendor/name@version`.
    pub(crate) packed: Option<String>,
    /// What is linked.
    pub(crate) granted: Vec<Capability>,
}

/// A plugin that does not run.
#[derive(Clone, Debug)]
pub(crate) struct LeftOut {
    /// Its name.
    pub(crate) plugin: String,
    /// Why, and what to do.
    pub(super) why: String,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "plugin `{}` is left out: {}", self.plugin, self.why)
    }
}

/// Plugins that are left out, on one line.
pub(crate) fn told(left_out: &[LeftOut]) -> String {
    let told: Vec<String> = left_out.iter().map(LeftOut::to_string).collect();
    told.join("; ")
}

/// Loads the components in these files, as many at a time as there are cores; what comes out
/// is in their order.
pub(super) fn read_all(runtime: &Runtime, given: &Given, files: &[PathBuf]) -> Vec<Result<Read>> {
    let next = AtomicUsize::new(0);
    let load = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = files.get(at) else {
                return done;
            };
            let bytes = palisade_private::read(path, MAX_COMPONENT);
            let read = bytes.map_err(anyhow::Error::from).and_then(|bytes| {
                let name = path.display().to_string();
                read(runtime, given, &bytes, &name, None, &Capability::ALL)
            });
            done.push((at, read));
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut all = std::thread::scope(|scope| {
        let others: Vec<_> = (1..cores.min(files.len()))
            .map(|_| scope.spawn(load))
            .collect();
        let mut all = load();
        for other in others {
            match other.join() {
                Ok(done) => all.extend(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    });
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, read)| read).collect()
}

/// Loads a component, unless a dataset that it needs is missing.
pub(super) fn read(
    runtime: &Runtime,
    given: &Given,
    bytes: &[u8],
    name: &str,
    settings: Option<Settings>,
    granted: &[Capability],
) -> Result<Read> {
    let context = || format!("load {name}");
    let manifest = palisade_runtime::manifest::extract(bytes)
        .and_then(palisade_runtime::manifest::Manifest::parse)
        .with_context(context)?;
    let missing: Vec<&String> = manifest
        .datasets
        .iter()
        .filter(|name| !given.datasets.iter().any(|d| d.name() == *name))
        .collect();
    if let Some(name) = missing.first() {
        return Ok(Read::LeftOut(LeftOut {
            plugin: manifest.name,
            why: format!("it needs the dataset `{name}`; give it with --dataset {name}=FILE"),
        }));
    }
    let settings = settings
        .or_else(|| given.settings.get(&manifest.name).cloned())
        .unwrap_or_default();
    let (mut plugin, code) = runtime
        .load(bytes, granted, &settings)
        .with_context(context)?;
    if let Some(kept) = &given.kept {
        kept.keep(bytes, MAX_COMPONENT).with_context(context)?;
    }
    if let Some(symbols) = symbols(bytes, Path::new(name)) {
        plugin.set_symbols(symbols);
    }
    Ok(Read::Plugin {
        plugin: Arc::new(plugin),
        compiled: code != palisade_runtime::CodeOrigin::Cached,
        origin: Origin {
            place: name.to_owned(),
            pack_settings: Settings::new(),
            packed: None,
            granted: granted.to_vec(),
        },
    })
}

/// The components in a folder, at most [`MAX_DEPTH`] folders deep, or the one file that is named.
///
/// # Errors
/// When a folder cannot be read, is a link in another folder, or there is more than is looked at.
pub(crate) fn components(path: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    if !path.is_dir() {
        ensure!(
            path.extension().is_none_or(|end| end != "tar") || !path.exists(),
            "{} is a pack and no component; install it with `palisade pack install {}`, and run it \
             with `--pack VENDOR/NAME`",
            path.display(),
            path.display()
        );
        found.push(path.to_path_buf());
        return Ok(());
    }
    let mut entries = 0;
    let before = found.len();
    search(path, 0, &mut entries, found)?;
    if found.len() == before {
        no_components(path)?;
    }
    Ok(())
}

/// Refuses a folder in which something else is than components.
fn no_components(path: &Path) -> Result<()> {
    let dir = path.display();
    if path.join("plugin.toml").is_file() {
        let target = path.canonicalize().map(|dir| target::target(&dir));
        let there = target.map_or_else(
            |_| String::new(),
            |target| format!(" (in {})", target::plugins(&target).display()),
        );
        bail!(
            "{dir} is the project of a plugin, and has no component in it; build it with `palisade \
             plugin build {dir}`, and name the component that this writes{there}"
        );
    }
    if path.join(PACK_TOML).is_file() {
        bail!(
            "{dir} is the folder of a pack, and has no component in it; build its plugins with \
             `palisade plugin build --all {dir}`, and name the folder that they are written to; or \
             build the pack with `palisade pack build {dir}`, install it, and run it with `--pack`"
        );
    }
    Ok(())
}

fn search(path: &Path, depth: usize, seen: &mut usize, found: &mut Vec<PathBuf>) -> Result<()> {
    ensure!(
        depth <= MAX_DEPTH,
        "{} is more than {MAX_DEPTH} folders deep; name a folder nearer to the components",
        path.display()
    );
    let entries = std::fs::read_dir(path).with_context(|| format!("read {}", path.display()))?;
    let mut paths = Vec::new();
    for entry in entries {
        *seen += 1;
        ensure!(
            *seen <= MAX_ENTRIES,
            "there are more than {MAX_ENTRIES} files and folders in the folder of plugins; name a \
             smaller one"
        );
        let entry = entry.with_context(|| format!("read {}", path.display()))?;
        let kind = entry
            .file_type()
            .with_context(|| format!("read {}", path.display()))?;
        paths.push((entry.path(), kind));
    }
    paths.sort_by(|a, b| a.0.cmp(&b.0));
    for (path, kind) in paths {
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        if name.starts_with(b"._") || name == SDK_FOLDER.as_bytes() || name == SCRATCH.as_bytes() {
            // What macOS keeps beside a file, the SDK beside a project, and what is made on the
            // way to a component.
            continue;
        }
        // A link may lead round in a circle, or out of what somebody looked through.
        ensure!(
            !(kind.is_symlink() && path.is_dir()),
            "{} is a link to a folder, which is not followed; name that folder with --plugins",
            path.display()
        );
        if kind.is_dir() {
            search(&path, depth + 1, seen, found)?;
        } else if path.extension().is_some_and(|e| e == "wasm") && !is_debug_file(&path) {
            found.push(path);
        }
    }
    Ok(())
}

/// What names the frames of faults, where a debug file lies beside the component, or leaves out those
/// of an interpreter. The file is read when there is a fault.
fn symbols(component: &[u8], path: &Path) -> Option<Symbols> {
    let file = debug_file(path);
    let symbols = match file.is_file() {
        true => Symbols::new(component, move || {
            palisade_private::read(&file, MAX_DEBUG_FILE).ok()
        }),
        false => Symbols::of_interpreter(component)?,
    };
    Some(
        match std::env::var_os(BACKTRACE).is_some_and(|value| value == FULL) {
            true => symbols.with_all_frames(),
            false => symbols,
        },
    )
}

/// Reads a text that was named; it may come through a pipe.
pub(super) fn text(path: &Path) -> Result<String> {
    let bytes = crate::named::read(path, MAX_TEXT)?;
    let text = String::from_utf8(without_mark(&bytes).to_vec());
    let text =
        text.with_context(|| format!("{} is not text in UTF-8; save it as such", path.display()))?;
    let long = text.lines().position(|line| line.len() > MAX_LINE);
    if let Some(at) = long {
        bail!(
            "{}, line {}: it has more than {MAX_LINE} bytes; write it on several lines",
            path.display(),
            at + 1
        );
    }
    Ok(text)
}
