//! Projects of plugins: a folder with `plugin.toml` and code beside it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use palisade_runtime::manifest::{self, Capability, Manifest};

use super::{code, within};

/// The most files beside a project that is not there that are looked at.
const MAX_BESIDE: usize = 1000;
/// How far down a folder is searched for plugins.
const MAX_DEPTH: usize = 16;

/// The language of a plugin, told by what lies beside `plugin.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// `Cargo.toml`.
    Rust,
    /// `plugin.js`.
    JavaScript,
    /// `plugin.c` and other `*.c`.
    C,
}

/// A plugin's project, its manifest read.
#[derive(Debug)]
pub(crate) struct Project {
    /// Its folder, absolute.
    pub(crate) dir: PathBuf,
    /// See [`Language`].
    pub(crate) language: Language,
    /// The text of `plugin.toml`.
    pub(crate) text: String,
    /// The same, checked.
    pub(crate) manifest: Manifest,
}

impl Project {
    /// Opens the project in a folder.
    ///
    /// # Errors
    /// When there is no `plugin.toml` or it is wrong, or no code beside it.
    pub(crate) fn open(dir: &Path) -> Result<Self> {
        let given = dir;
        let dir = dir.canonicalize().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => missing(given),
            _ => anyhow!(error).context(format!("open the folder {}", given.display())),
        })?;
        ensure!(
            dir.is_dir(),
            "{} is a file; name the folder of a plugin, which has plugin.toml and code. What is in \
             a component, `palisade plugin inspect` tells",
            given.display()
        );
        let file = dir.join("plugin.toml");
        let Some(text) = within::text(&file)? else {
            bail!("{} has no plugin.toml; {}", given.display(), advice(&dir));
        };
        if let Some(problem) = code::of_another_kind(&dir, &text) {
            bail!("{}, {problem}", given.join("plugin.toml").display());
        }
        let manifest = Manifest::parse(&text)
            .with_context(|| format!("{} is not right", given.join("plugin.toml").display()))?;
        let Some(language) = language(&dir)? else {
            bail!(
                "{} has a plugin.toml but no code; put Cargo.toml (Rust), plugin.js (JavaScript) \
                 or plugin.c (C) beside it",
                given.display()
            );
        };
        Ok(Self {
            dir,
            language,
            text,
            manifest,
        })
    }

    /// What to write in `plugin.toml` for a capability that it does not ask for, and where.
    pub(super) fn how_to_ask_for(&self, capability: Capability) -> String {
        let mut names: Vec<&str> = self
            .manifest
            .capabilities
            .iter()
            .map(|c| c.name())
            .collect();
        if !names.contains(&capability.name()) {
            names.push(capability.name());
        }
        let line = |begins: &str| {
            let at = |line: &str| line.trim_start().starts_with(begins);
            self.text.lines().position(at).map(|line| line + 1)
        };
        let place = match (line("capabilities"), line("[plugin]")) {
            (Some(line), _) => format!("as line {line} of"),
            (None, Some(line)) => format!("below line {line}, `[plugin]`, of"),
            (None, None) => "under `[plugin]` in".to_owned(),
        };
        format!(
            "write `capabilities = {names:?}` {place} plugin.toml to have the capability `{}`",
            capability.name()
        )
    }

    /// The component with the manifest inside.
    ///
    /// # Errors
    /// When there is one inside already, or it is too large.
    pub(super) fn embed_manifest(&self, component: &[u8]) -> Result<Vec<u8>> {
        Ok(manifest::embed(component, &self.text)?)
    }
}

fn language(dir: &Path) -> Result<Option<Language>> {
    let names = ["Cargo.toml", "plugin.js", "plugin.c"];
    let there: Vec<&str> = names
        .into_iter()
        .filter(|name| dir.join(name).exists())
        .collect();
    if let [first, second, ..] = there.as_slice() {
        bail!(
            "{} has both {first} and {second}, and a plugin is written in one language; move one \
             of them elsewhere",
            dir.display()
        );
    }
    if dir.join("Cargo.toml").exists() {
        return Ok(Some(Language::Rust));
    }
    if dir.join("plugin.js").exists() {
        return Ok(Some(Language::JavaScript));
    }
    Ok((!files_with(dir, "c")?.is_empty()).then_some(Language::C))
}

/// The files of a folder that have this extension, sorted.
///
/// # Errors
/// When the folder cannot be read.
pub(super) fn files_with(dir: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let read = || format!("read {}", dir.display());
    for entry in std::fs::read_dir(dir).with_context(read)? {
        let path = entry.with_context(read)?.path();
        if path.extension() == Some(OsStr::new(extension)) && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// That there is no such folder, and which project beside it was probably meant.
fn missing(given: &Path) -> anyhow::Error {
    let parent = match given.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let name = given.file_name().unwrap_or_default().to_string_lossy();
    let projects = beside(parent);
    let near = projects
        .iter()
        .filter(|_| name.len() <= 64)
        .map(|other| (strsim::damerau_levenshtein(&name, other), other))
        // Of a short name nearly every other is so near.
        .filter(|(distance, _)| *distance <= name.len() / 4)
        .min();
    let meant = match near {
        Some((_, near)) => format!("; did you mean {}?", parent.join(near).display()),
        None => "; name a folder with plugin.toml, or make one with `palisade plugin new`".into(),
    };
    anyhow!("there is no folder {}{meant}", given.display())
}

/// The names of the projects in a folder.
fn beside(parent: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    entries
        .take(MAX_BESIDE)
        .filter(|entry| entry.path().join("plugin.toml").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

/// What somebody probably meant who named a folder that is no project.
fn advice(dir: &Path) -> String {
    match find_all(dir).unwrap_or_default().as_slice() {
        [] => "name a plugin's folder, or make one with `palisade plugin new`".into(),
        [first, ..] => format!(
            "name a plugin's folder such as {}, or build all of them with --all",
            first.strip_prefix(dir).unwrap_or(first).display()
        ),
    }
}

/// The folders with a `plugin.toml` in or below a folder, sorted. Hidden folders, `target`
/// and `node_modules` are left out, and so are symbolic links.
///
/// # Errors
/// When a folder cannot be read.
pub(crate) fn find_all(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    search(dir, MAX_DEPTH, &mut found)?;
    found.sort();
    Ok(found)
}

fn search(dir: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<()> {
    if dir.join("plugin.toml").is_file() {
        found.push(dir.to_path_buf());
        return Ok(());
    }
    if depth == 0 {
        return Ok(());
    }
    let read = || format!("search {} for plugins", dir.display());
    for entry in std::fs::read_dir(dir).with_context(read)? {
        let entry = entry.with_context(read)?;
        let name = entry.file_name();
        let skipped =
            name == "target" || name == "node_modules" || name.as_encoded_bytes().starts_with(b".");
        if !skipped && entry.file_type().with_context(read)?.is_dir() {
            search(&entry.path(), depth - 1, found)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugins_are_looked_for_sixteen_folders_deep() {
        let dir = tempfile::tempdir().unwrap();
        let at = |depth: usize| {
            let name = format!("x{depth}");
            std::iter::repeat_n(name, depth)
                .fold(dir.path().to_path_buf(), |at, name| at.join(name))
        };
        for depth in [16, 17] {
            std::fs::create_dir_all(at(depth)).unwrap();
            std::fs::write(at(depth).join("plugin.toml"), "").unwrap();
        }
        assert_eq!(find_all(dir.path()).unwrap(), [at(16)]);
    }

    #[test]
    fn what_is_meant_is_looked_for_among_a_thousand_files() {
        let dir = tempfile::tempdir().unwrap();
        for (count, found) in [(1000, 1000), (1001, 1000)] {
            for number in 0..count {
                let project = dir.path().join(number.to_string());
                std::fs::create_dir_all(&project).unwrap();
                std::fs::write(project.join("plugin.toml"), "").unwrap();
            }
            assert_eq!(beside(dir.path()).len(), found);
        }
    }
}
