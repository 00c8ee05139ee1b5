//! `palisade plugin new`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Args, ValueEnum};
use include_dir::{Dir, include_dir};
use palisade_runtime::manifest::Manifest;

use super::build::Sdk;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::Format;

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
    /// The pack that it belongs to
    #[arg(long, default_value = "local")]
    pack: String,
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
        context.format("plugin new", &[Format::Table])?;
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
        let parent = parent(&self.name)?;
        let filling = Filling {
            name,
            pack: &self.pack,
            sdk: &self.sdk_path(&parent)?,
            workspace: if in_workspace(&parent.join(name))? {
                ""
            } else {
                WORKSPACE
            },
        };
        let files = [filling.files(common)?, filling.files(own)?, vec![schema()?]].concat();
        check(&files)?;
        write(&self.name, &files)?;
        let path = self.name.display();
        let mut out = context.output();
        out.line(&format!("made {path}, a {kind} in {}", self.lang.name()))?;
        out.line(&format!("build it with  palisade plugin build {path}"))?;
        out.line(&format!("test it with   palisade plugin test {path}"))?;
        out.finish()?;
        Ok(Exit::Done)
    }

    /// The SDK for Rust as the new project names it: relative within one checkout, so that
    /// the checkout can be moved.
    fn sdk_path(&self, parent: &Path) -> Result<String> {
        let checkout = self.sdk.checkout()?;
        let sdk = checkout.sdk.join("rust");
        let path = match parent.strip_prefix(&checkout.root) {
            Err(_) => sdk,
            Ok(below) => {
                // One step up for the project's own folder, and one for each above it.
                let up = PathBuf::from_iter(std::iter::repeat_n("..", below.iter().count() + 1));
                up.join("sdk/rust")
            }
        };
        let path = path
            .to_str()
            .with_context(|| format!("the path {} is not UTF-8", path.display()))?;
        Ok(toml::Value::from(path).to_string())
    }
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

[profile.release]
opt-level = 3
lto = true
panic = "abort"
codegen-units = 1
strip = true
"#;

/// Whether the project will be a member of a workspace around it, in which case it may not
/// be one of its own.
fn in_workspace(dir: &Path) -> Result<bool> {
    // As cargo matches: a star stays within one folder.
    let options = glob::MatchOptions {
        require_literal_separator: true,
        ..glob::MatchOptions::default()
    };
    for root in dir.ancestors().skip(1) {
        let file = root.join("Cargo.toml");
        let Ok(text) = fs::read_to_string(&file) else {
            continue;
        };
        let table: toml::Table =
            toml::from_str(&text).with_context(|| format!("read {}", file.display()))?;
        let Some(workspace) = table.get("workspace") else {
            continue;
        };
        let members = workspace.get("members").and_then(toml::Value::as_array);
        return Ok(members
            .into_iter()
            .flatten()
            .filter_map(toml::Value::as_str)
            .any(|member| {
                let dir = dir.strip_prefix(root).unwrap_or(dir);
                glob::Pattern::new(member)
                    .is_ok_and(|pattern| pattern.matches_path_with(dir, options))
            }));
    }
    Ok(false)
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
                let path = file.path().strip_prefix(template.path())?;
                let path = match path
                    .to_str()
                    .and_then(|path| path.strip_suffix(TEMPLATE_SUFFIX))
                {
                    Some(path) => PathBuf::from(path),
                    None => path.to_path_buf(),
                };
                // Captures are not text, and hold nothing to be filled in.
                let content = match file.contents_utf8() {
                    Some(text) => self.fill(text).into_bytes(),
                    None => file.contents().to_vec(),
                };
                files.push((path, content));
            }
        }
        Ok(files)
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
    Manifest::parse(manifest).context("choose another name")?;
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
