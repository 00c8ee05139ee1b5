//! `palisade plugin new`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use clap::{Args, ValueEnum};
use include_dir::{Dir, File, include_dir};
use palisade_pack::PACK_TOML;
use palisade_runtime::manifest::{Manifest, ManifestError};

use super::build::Sdk;
use crate::build::{Builder, Checkout, Project, SDK_FOLDER, text};
use crate::context::Context;
use crate::exit::Exit;

/// What is the same in every language: the manifest and the vectors.
static COMMON: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../sdk/template");
static RUST: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../sdk/rust/template");
static C: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../sdk/c/template");
static JAVASCRIPT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../sdk/js/template");

/// Ends the name of a template that is no file of its kind before it is filled in.
const TEMPLATE_SUFFIX: &str = ".in";

/// Make a plugin project that builds and passes its test
///
/// The project has a manifest, code, and two vectors: one that must trigger and one that
/// must not. Change them to what you mean, and keep the test passing.
#[derive(Debug, Args)]
pub(crate) struct New {
    /// What it does: report, judge, or turn bytes into events
    #[arg(long, value_enum)]
    kind: Kind,
    /// What it is written in
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    lang: Language,
    /// The pack that it belongs to [default: that of the nearest folder above with a pack.toml,
    /// else local]
    #[arg(long)]
    pack: Option<String>,
    /// The folder to make; its last part is the plugin's name
    name: PathBuf,
    #[command(flatten)]
    sdk: Sdk,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Detector,
    Policy,
    Parser,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Language {
    Rust,
    C,
    /// JavaScript, or TypeScript that becomes JavaScript first
    #[value(name = "javascript", alias = "js")]
    JavaScript,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Detector => "detector",
            Self::Policy => "policy",
            Self::Parser => "parser",
        }
    }
}

impl Language {
    fn name(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::C => "C",
            Self::JavaScript => "JavaScript",
        }
    }

    fn templates(self) -> &'static Dir<'static> {
        match self {
            Self::Rust => &RUST,
            Self::C => &C,
            Self::JavaScript => &JAVASCRIPT,
        }
    }
}

impl New {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let name = self
            .name
            .file_name()
            .and_then(|name| name.to_str())
            .with_context(|| format!("{} has no name at its end", self.name.display()))?;
        let kind = self.kind.name();
        let (Some(common), Some(own)) = (COMMON.get_dir(kind), self.lang.templates().get_dir(kind))
        else {
            bail!("there is no template for a {kind} in {}", self.lang.name());
        };
        let checkout = self.sdk.checkout()?;
        let builder = Builder::new(checkout.clone())?;
        if self.lang == Language::Rust {
            free(name, &builder.sdk().join("Cargo.lock"))?;
        }
        let dir = parent(&self.name)?.join(name);
        let workspace = workspace_of(&dir)?;
        let sdk = sdk_path(&dir, workspace.as_deref(), &checkout)?;
        let pack = match self.pack {
            None => pack_above(&dir)?,
            named => named,
        };
        let filling = Filling {
            name,
            pack: pack.as_deref().unwrap_or("local"),
            sdk: &sdk,
            workspace: if workspace.is_some() { "" } else { WORKSPACE },
        };
        let mut files = filling.files(common)?;
        files.extend(filling.files(own)?);
        // What is the same for every kind lies beside the folders of the kinds.
        for templates in [&COMMON, self.lang.templates()] {
            for file in templates.files() {
                files.push(filling.file(file, templates.path())?);
            }
        }
        files.push(schema()?);
        check(&files)?;
        write(&self.name, &files)?;
        builder.lay_out(&Project::open(&self.name)?)?;
        let path = self.name.display();
        let mut out = context.output();
        out.line(&format!("made {path}, a {kind} in {}", self.lang.name()))?;
        out.line(&format!("build it with  palisade plugin build {path}"))?;
        out.line(&format!("test it with   palisade plugin test {path}"))?;
        if let Some(root) = workspace.filter(|_| self.lang == Language::Rust) {
            let manifest = root.join("Cargo.toml");
            let excluded = |text: String| text.contains(SDK_FOLDER);
            if sdk.contains(SDK_FOLDER) && !text(&manifest)?.is_some_and(excluded) {
                out.line(&format!(
                    "add exclude = [\"{SDK_FOLDER}\"] to [workspace] in {}, of which it is no member",
                    manifest.display()
                ))?;
            }
        }
        out.finish()?;
        Ok(Exit::Done)
    }
}

/// The SDK for Rust as the new project names it: within one checkout by the way to it, and else
/// by the folder that every build makes, in the project or the workspace that it is a member of.
fn sdk_path(dir: &Path, workspace: Option<&Path>, checkout: &Checkout) -> Result<String> {
    let up = |from: &Path| PathBuf::from_iter(std::iter::repeat_n("..", from.iter().count()));
    let path = if let Ok(below) = dir.strip_prefix(&checkout.root) {
        up(below).join("sdk/rust")
    } else {
        let below = workspace.and_then(|root| dir.strip_prefix(root).ok());
        below
            .map(up)
            .unwrap_or_default()
            .join(SDK_FOLDER)
            .join("rust")
    };
    let path = path
        .to_str()
        .with_context(|| format!("the path {} is not UTF-8", path.display()))?;
    Ok(toml::Value::from(path).to_string())
}

/// What rustc or cargo take for something else than a package of an author's.
const RESERVED: [&str; 5] = ["alloc", "core", "proc-macro", "std", "test"];

/// Refuses a name that a crate has which every plugin in Rust is made of: cargo and rustc would
/// take one for the other. `lock` is the lock file of the SDK.
fn free(name: &str, lock: &Path) -> Result<()> {
    #[derive(serde::Deserialize)]
    struct Lock {
        package: Vec<Package>,
    }
    #[derive(serde::Deserialize)]
    struct Package {
        name: String,
    }
    let read = || format!("read {}", lock.display());
    let text = match fs::read_to_string(lock) {
        // Of an SDK that is not whole the builds tell.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => "package = []".to_owned(),
        text => text.with_context(read)?,
    };
    let lock: Lock = toml::from_str(&text).with_context(read)?;
    // Crates are known by their names with `_`, whatever the package is called.
    let same = |other: &str| other.replace('_', "-") == name.replace('_', "-");
    let mut crates = lock.package.iter().map(|package| package.name.as_str());
    ensure!(
        !crates.any(same) && !RESERVED.into_iter().any(same),
        "a plugin in Rust cannot be called `{name}`: a crate that plugins are made of has that name; \
         choose another"
    );
    Ok(())
}

/// The name of the pack whose folder is nearest above, if it has one.
///
/// # Errors
/// When the file of that name cannot be read, is none or is no manifest of a pack.
fn pack_above(dir: &Path) -> Result<Option<String>> {
    for dir in dir.ancestors().skip(1) {
        let file = dir.join(PACK_TOML);
        let place = || format!("{}; --pack NAME does without it", file.display());
        let Some(text) = text(&file).with_context(place)? else {
            continue;
        };
        let table: toml::Table = toml::from_str(&text).with_context(place)?;
        let name = table.get("name").and_then(toml::Value::as_str);
        return Ok(name.map(str::to_owned));
    }
    Ok(None)
}

/// The folder in which the project will be, made if need be.
fn parent(name: &Path) -> Result<PathBuf> {
    let parent = match name.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent)
        .and_then(|()| parent.canonicalize())
        .with_context(|| format!("make the folder {}", parent.display()))
}

/// What a project outside of any workspace needs: guests are small, and a panic is a trap.
const WORKSPACE: &str = r#"
[workspace]
exclude = [".palisade-sdk"]

[profile.release]
opt-level = 3
lto = true
panic = "abort"
codegen-units = 1
strip = true
"#;

/// The root of the workspace around it that the project will be a member of, in which case it
/// may not be one of its own.
fn workspace_of(dir: &Path) -> Result<Option<PathBuf>> {
    // As cargo matches: a star stays within one folder.
    let options = glob::MatchOptions {
        require_literal_separator: true,
        ..glob::MatchOptions::default()
    };
    for root in dir.ancestors().skip(1) {
        let file = root.join("Cargo.toml");
        let Some(text) = text(&file)? else {
            continue;
        };
        let table: toml::Table =
            toml::from_str(&text).with_context(|| format!("read {}", file.display()))?;
        let Some(workspace) = table.get("workspace") else {
            continue;
        };
        let members = workspace.get("members").and_then(toml::Value::as_array);
        let member = members
            .into_iter()
            .flatten()
            .filter_map(toml::Value::as_str)
            .any(|member| {
                let dir = dir.strip_prefix(root).unwrap_or(dir);
                glob::Pattern::new(member)
                    .is_ok_and(|pattern| pattern.matches_path_with(dir, options))
            });
        return Ok(member.then(|| root.to_path_buf()));
    }
    Ok(None)
}

/// What is put into the templates.
struct Filling<'a> {
    name: &'a str,
    pack: &'a str,
    sdk: &'a str,
    workspace: &'a str,
}

impl Filling<'_> {
    /// The files of a template by path, filled in.
    fn files(&self, template: &Dir<'_>) -> Result<Vec<(PathBuf, Vec<u8>)>> {
        let mut files = Vec::new();
        let mut folders = vec![template];
        while let Some(folder) = folders.pop() {
            folders.extend(folder.dirs());
            for file in folder.files() {
                files.push(self.file(file, template.path())?);
            }
        }
        Ok(files)
    }

    /// A file of a template by its path from `root`, filled in.
    fn file(&self, file: &File<'_>, root: &Path) -> Result<(PathBuf, Vec<u8>)> {
        let path = file.path().strip_prefix(root)?;
        let bare = path.to_str().and_then(|p| p.strip_suffix(TEMPLATE_SUFFIX));
        // Captures are not text, and hold nothing to be filled in.
        let content = match file.contents_utf8() {
            Some(text) => self.fill(text).into_bytes(),
            None => file.contents().to_vec(),
        };
        Ok((
            bare.map_or_else(|| path.to_path_buf(), PathBuf::from),
            content,
        ))
    }

    fn fill(&self, text: &str) -> String {
        text.replace("{{name}}", self.name)
            .replace("{{pack}}", self.pack)
            .replace("{{sdk}}", self.sdk)
            .replace("{{workspace}}", self.workspace)
    }
}

/// What the first line of `plugin.toml` names, so that an editor checks it without a network.
fn schema() -> Result<(PathBuf, Vec<u8>)> {
    let schema = palisade_runtime::manifest::schema();
    let mut text = serde_json::to_vec_pretty(&schema).context("write the schema of plugin.toml")?;
    text.push(b'\n');
    Ok((PathBuf::from("plugin.schema.json"), text))
}

/// Refuses names that no manifest may have, before anything is written.
fn check(files: &[(PathBuf, Vec<u8>)]) -> Result<()> {
    let manifest = files
        .iter()
        .find(|(path, _)| path == Path::new("plugin.toml"))
        .and_then(|(_, text)| std::str::from_utf8(text).ok())
        .context("the template has no plugin.toml")?;
    // The template is right, so what is wrong is what was put into it.
    Manifest::parse(manifest).map_err(|error| match error {
        ManifestError::Value { place, problem, .. } => {
            let what = match place.as_str() {
                "plugin.pack" => "the name of the pack",
                _ => "the name",
            };
            anyhow!("{what}: {problem}; choose another")
        }
        other => anyhow!(other),
    })?;
    Ok(())
}

fn write(dir: &Path, files: &[(PathBuf, Vec<u8>)]) -> Result<()> {
    let empty = match fs::read_dir(dir) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(error) => return Err(error).with_context(|| format!("read {}", dir.display())),
    };
    ensure!(
        empty,
        "{} is there already and not empty; choose another name",
        dir.display()
    );
    for (path, content) in files {
        let path = dir.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| format!("make {}", parent.display()))?;
        }
        palisade_private::output::write_new(&path, 0o644, content)?;
    }
    Ok(())
}
