//! `palisade pack build`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use clap::Args;
use palisade_events::{Digest, counted};
use palisade_pack::{Content, PACK_TOML, Pack, PackSource};
use palisade_runtime::manifest::{Manifest, line_of};
use serde_json::json;

use super::datasets;
use super::open::{Taken, write_archive};
use crate::build::{Freshness, find_all, freshness, target};
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Format, size, warn};
use crate::vector::{self, Vector};

/// The largest file that goes into a pack.
const MAX_FILE_BYTES: u64 = palisade_pack::content::MAX_FILE_BYTES;

/// Make a pack of built plugins
///
/// DIR has pack.toml, and below it the folders of the plugins with their vectors. The components
/// are those that `palisade plugin build --all DIR` wrote, where it writes them. The same components, vectors, datasets and texts
/// give the same bytes, anywhere and at any time.
#[derive(Debug, Args)]
pub(crate) struct Build {
    /// The pack's folder
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// Where the components are [default: target/plugins/<pack> of the checkout of Palisade that
    /// DIR lies in, else of the plugin's nearest folder with a pack.toml, which is DIR]
    #[arg(long, value_name = "DIR")]
    components: Option<PathBuf>,
    /// The archive [default: target/packs/<vendor>-<name>-<version>.tar here]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write a folder rather than an archive
    #[arg(long)]
    folder_form: bool,
}

impl Build {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let format = context.format;
        let path = self.folder.join(PACK_TOML);
        ensure!(
            path.exists(),
            "there is no {}; name the folder of a pack, which has a pack.toml",
            path.display()
        );
        let text =
            String::from_utf8(bytes(&path)?).with_context(|| format!("read {}", path.display()))?;
        let source =
            PackSource::parse(&text).with_context(|| format!("read {}", path.display()))?;
        let content = self.content(&source)?;
        let pack = Pack::build(&source, content)
            .with_context(|| format!("build the pack in {}", self.folder.display()))?;
        let unloadable = datasets::unloadable(&pack, false);
        ensure!(
            unloadable.is_empty(),
            "{}",
            self.in_files(&source, &unloadable)
        );
        for unread in datasets::unread(&pack) {
            warn(&unread);
        }
        // Of one that a plugin declares the build has ended above.
        for wrong in datasets::unloadable(&pack, true) {
            warn(&format!(
                "{wrong}; as it is, the pack can be passed on and does not run"
            ));
        }
        let name = format!("{}-{}-{}", source.vendor, source.name, source.version);
        let end = if self.folder_form { "" } else { ".tar" };
        let out = self
            .out
            .unwrap_or_else(|| PathBuf::from("target/packs").join(format!("{name}{end}")));
        if self.folder_form {
            std::fs::create_dir_all(&out)
                .and_then(|()| Dir::open_ambient_dir(&out, ambient_authority()))
                .and_then(|dir| pack.content().write_folder(&dir))
                .with_context(|| format!("write {}, which must be empty", out.display()))?;
        } else {
            write_archive(&out, &pack, Taken::Replace)?;
        }
        let total: u64 = pack.listing().entries().iter().map(|e| e.size).sum();
        let files = pack.listing().entries().len();
        for unread in pack.unread() {
            let how = match unread.perhaps {
                Some(_) => "is pushed only with a request",
                None => "cannot be pushed",
            };
            warn(&format!("{unread}; as it is, the pack {how}"));
        }
        let mut output = context.output();
        if format == Format::Json {
            output.json(&json!({
                "pack": pack.manifest().full_title(),
                "digest": pack.digest(),
                "files": files,
                "size": total,
                "path": out,
            }))?;
        } else {
            output.line(&format!(
                "{}  {}  {:>9}  {}",
                pack.digest(),
                counted(files, "file"),
                size(total),
                out.display()
            ))?;
        }
        output.finish()?;
        Ok(Exit::Done)
    }

    /// What is wrong with datasets, and the files that they were read from.
    fn in_files(&self, source: &PackSource, wrong: &[String]) -> String {
        let files: Vec<String> = source
            .datasets
            .iter()
            .filter(|(name, _)| wrong.iter().any(|told| told.contains(&format!("`{name}`"))))
            .map(|(_, dataset)| self.folder.join(&dataset.file).display().to_string())
            .collect();
        format!(
            "a dataset of the pack cannot be loaded where it runs; mend {}:\n{}",
            files.join(" and "),
            wrong.join("\n")
        )
    }

    /// Where the component of a project is, if it is built.
    fn component(&self, project: &Path, manifest: &Manifest) -> Result<PathBuf> {
        if let Some(components) = &self.components {
            return Ok(components.join(format!("{}.wasm", manifest.name)));
        }
        let project = project
            .canonicalize()
            .with_context(|| format!("open the folder {}", project.display()))?;
        let plugins = target::plugins(&target::target(&project));
        Ok(target::component(&plugins, manifest))
    }

    fn content(&self, source: &PackSource) -> Result<Content> {
        let mut content = Content::default();
        let mut projects = find_all(&self.folder)?;
        projects.sort();
        let mut stale = Vec::new();
        let mut named_by: BTreeMap<String, &Path> = BTreeMap::new();
        for project in &projects {
            let manifest = project.join("plugin.toml");
            let text = String::from_utf8(bytes(&manifest)?)
                .with_context(|| format!("read {}", manifest.display()))?;
            let manifest =
                Manifest::parse(&text).with_context(|| format!("read {}", manifest.display()))?;
            let name = &manifest.name;
            if manifest.pack != source.name {
                let line = line_of(&text, "plugin.pack").unwrap_or(1);
                bail!(
                    "{}, line {line}: `pack = {:?}`, and this is a plugin in the folder of the pack \
                     `{}`; write `pack = {:?}`, or move the plugin elsewhere",
                    project.join("plugin.toml").display(),
                    manifest.pack,
                    source.name,
                    source.name
                );
            }
            if let Some(other) = named_by.insert(name.clone(), project) {
                bail!(
                    "{} and {} are both plugin `{name}` of the pack; change `name` in one \
                     plugin.toml, or move the plugin elsewhere",
                    other.display(),
                    project.display()
                );
            }
            let vectors = vector::find_all(project)?;
            if vectors.is_empty() {
                warn(&format!(
                    "plugin `{name}` has no vectors in {}; without any a pack cannot be certified",
                    project.join("vectors").display()
                ));
            }
            for dir in &vectors {
                Vector::read(dir).with_context(|| format!("read a vector of plugin `{name}`"))?;
            }
            let component = self.component(project, &manifest)?;
            let built = bytes(&component).with_context(|| match &self.components {
                Some(folder) => format!(
                    "there is no component of plugin `{name}` in {}, which --components names; \
                     leave that out, or build it there with `palisade plugin build {} --out DIR` \
                     and name DIR/{}",
                    folder.display(),
                    project.display(),
                    manifest.pack
                ),
                None => format!(
                    "plugin `{name}` is not built; build it with `palisade plugin build {}`",
                    project.display()
                ),
            })?;
            let how = format!("`palisade plugin build {}`", project.display());
            match freshness(project, &manifest, Digest::of(&built))
                .with_context(|| format!("compare plugin `{name}` with its sources"))?
            {
                Freshness::Fresh => {}
                Freshness::Stale(what) => stale.push(format!(
                    "plugin `{name}` is not built from its sources as they are: {what}; build it \
                     again with {how}"
                )),
                // Whoever names other components knows where they are from.
                Freshness::Unknown if self.components.is_some() => {}
                Freshness::Unknown => warn(&format!(
                    "it is not known which sources plugin `{name}` was built from; to be sure, build \
                     it with {how}"
                )),
            }
            content.add(&format!("plugins/{name}.wasm"), built)?;
            let vectors = project.join("vectors");
            if vectors.is_dir() {
                add_all(&vectors, &format!("vectors/{name}"), &mut content)?;
            }
        }
        ensure!(stale.is_empty(), "{}", stale.join("\n"));
        ensure!(
            !projects.is_empty(),
            "there is no plugin.toml below {}",
            self.folder.display()
        );
        let above = self.folder.join("..");
        let dir = |path: &Path| {
            Dir::open_ambient_dir(path, ambient_authority())
                .with_context(|| format!("open {}", path.display()))
        };
        let (folder, above) = (dir(&self.folder)?, dir(&above)?);
        let named = |file: &Path, key: &str| -> Result<Vec<u8>> {
            // A document that packs share may lie beside them.
            let (dir, file) = match file.strip_prefix("..") {
                Ok(beside) => (&above, beside),
                Err(_) => (&folder, file),
            };
            palisade_private::read_within(dir, file, MAX_FILE_BYTES).with_context(|| {
                let line = source.line(key);
                let line = line.map_or_else(String::new, |line| format!(", line {line},"));
                format!(
                    "{PACK_TOML}{line} names the file `{}`, which is not in the folder",
                    file.display()
                )
            })
        };
        for (name, dataset) in &source.datasets {
            let bytes = named(Path::new(&dataset.file), &format!("datasets.{name}.file"))?;
            content.add(&format!("datasets/{name}.ndjson"), bytes)?;
        }
        for (number, doc) in source.docs.iter().enumerate() {
            let path = Path::new(doc);
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            content.add(
                &format!("docs/{name}"),
                named(path, &format!("docs[{number}]"))?,
            )?;
        }
        Ok(content)
    }
}

/// Adds the files of a folder at any depth, without hidden ones.
fn add_all(dir: &Path, prefix: &str, content: &mut Content) -> Result<()> {
    let reading = || format!("read {}", dir.display());
    for entry in std::fs::read_dir(dir).with_context(reading)? {
        let entry = entry.with_context(reading)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let kind = entry.file_type().with_context(reading)?;
        ensure!(
            !kind.is_symlink(),
            "{} is a link; a pack has none",
            entry.path().display()
        );
        let path = format!("{prefix}/{name}");
        if kind.is_dir() {
            add_all(&entry.path(), &path, content)?;
        } else {
            content.add(&path, bytes(&entry.path())?)?;
        }
    }
    Ok(())
}

/// Reads a file that is no link.
fn bytes(path: &Path) -> Result<Vec<u8>> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let folder = if folder == Path::new("") {
        Path::new(".")
    } else {
        folder
    };
    let dir = Dir::open_ambient_dir(folder, ambient_authority())
        .with_context(|| format!("open {}", folder.display()))?;
    let name = Path::new(path.file_name().unwrap_or_default());
    palisade_private::read_within(&dir, name, MAX_FILE_BYTES)
        .with_context(|| format!("read {}", path.display()))
}
