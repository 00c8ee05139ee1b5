//! `palisade store`: blobs by digest, and the names that point to them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use palisade_events::counted;
use palisade_pack::stored::{self, Held};
use palisade_store::{Digest, GcOptions, Name, Store};
use serde::Serialize;

use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Format, Table, size};
use crate::places;

/// The largest file that `store add` takes.
const MAX_BLOB_BYTES: u64 = 4 << 30;

/// Which store.
#[derive(Debug, Clone, Args)]
pub(crate) struct Which {
    /// Directory of the store [default: .palisade/store or the user's data directory]
    #[arg(long, value_name = "DIR", env = "PALISADE_STORE")]
    store: Option<PathBuf>,
}

impl Which {
    /// The options that say the same to another process.
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let store = self.store.iter();
        store
            .flat_map(|dir| ["--store".into(), dir.into()])
            .collect()
    }

    /// Opens it.
    ///
    /// # Errors
    /// When there is no such directory and none can be made, or it is no store.
    pub(crate) fn open(&self, _: &Context) -> Result<Store> {
        self.open_here()
    }

    /// The same where there is no context.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub(crate) fn open_here(&self) -> Result<Store> {
        places::open_store(self.store.as_deref())
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List packs, blobs and their names
    List(Which),
    /// Read every blob and check it against its digest
    Verify(Which),
    /// Remove the blobs that no name reaches
    Gc {
        #[command(flatten)]
        which: Which,
        /// Only say what would be removed
        #[arg(long)]
        dry_run: bool,
        /// Keep what was added less than this ago, such as 10m or 1h
        #[arg(long, value_name = "TIME", default_value = "1h", value_parser = grace)]
        grace: Duration,
    },
    /// Add a file, and name it
    Add {
        #[command(flatten)]
        which: Which,
        /// The file
        file: PathBuf,
        /// A name that points to it from now on
        #[arg(long)]
        name: Option<Name>,
    },
    /// Remove a name; what it points to stays until `store gc`
    Unname {
        #[command(flatten)]
        which: Which,
        /// The name
        name: Name,
    },
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        match self {
            Self::List(which) => list(context, &which.open(context)?),
            Self::Verify(which) => verify(context, &which.open(context)?),
            Self::Gc {
                which,
                dry_run,
                grace,
            } => {
                let options = GcOptions {
                    dry_run,
                    grace,
                    now: SystemTime::now(),
                };
                gc(context, &which.open(context)?, options)
            }
            Self::Add { which, file, name } => {
                add(context, &which.open(context)?, &file, name.as_ref())
            }
            Self::Unname { which, name } => {
                let removed = which.open(context)?.remove_name(&name)?;
                anyhow::ensure!(
                    removed,
                    "the store has no name `{name}`; see `palisade store list`"
                );
                Ok(Exit::Done)
            }
        }
    }
}

/// A blob as it is listed.
#[derive(Debug, Serialize)]
struct Listed {
    digest: Digest,
    size: u64,
    names: Vec<String>,
    /// What it is the listing of, under each state that it has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    packs: Vec<Held>,
}

fn list(context: &Context, store: &Store) -> Result<Exit> {
    let format = context.format;
    let mut names: BTreeMap<Digest, Vec<String>> = BTreeMap::new();
    for (name, digest) in store.names()? {
        names.entry(digest).or_default().push(name.to_string());
    }
    let packs = stored::list(store)?;
    let blobs = store.list()?.into_iter().map(|blob| Listed {
        digest: blob.digest,
        size: blob.size,
        names: names.remove(&blob.digest).unwrap_or_default(),
        packs: packs
            .iter()
            .filter(|pack| pack.digest == blob.digest)
            .cloned()
            .collect(),
    });
    let mut out = context.output();
    match format {
        Format::Ndjson => {
            for blob in blobs {
                out.ndjson(&blob)?;
            }
        }
        Format::Json => out.json(&blobs.collect::<Vec<_>>())?,
        _ => {
            if !packs.is_empty() {
                let mut table = Table::new(["pack", "state", "digest"]);
                for pack in &packs {
                    table.row([
                        pack.pack.clone(),
                        pack.state.name().to_owned(),
                        pack.digest.to_string(),
                    ]);
                }
                out.table(&table)?;
                out.line("")?;
            }
            let mut table = Table::new(["digest", "size", "names"]).right(1);
            for blob in blobs {
                table.row([
                    blob.digest.to_string(),
                    size(blob.size),
                    blob.names.join(" "),
                ]);
            }
            out.table(&table)?;
        }
    }
    out.finish()?;
    Ok(Exit::Done)
}

fn verify(context: &Context, store: &Store) -> Result<Exit> {
    #[derive(Serialize)]
    struct Report {
        good: u64,
        bytes: u64,
        problems: Vec<String>,
    }
    let format = context.format;
    let progress = context.progress();
    let report = store.verify(|blob| progress.doing(&format!("checked {}", blob.digest)));
    drop(progress);
    let found = !report.problems.is_empty();
    let mut out = context.output();
    if format == Format::Json {
        out.json(&Report {
            good: report.good,
            bytes: report.bytes,
            problems: report.problems.iter().map(ToString::to_string).collect(),
        })?;
    } else {
        for problem in &report.problems {
            out.line(&problem.to_string())?;
        }
        let problems = report.problems.len();
        out.line(&format!(
            "what their digests say: {} of {}; {}",
            counted(report.good, "blob"),
            size(report.bytes),
            counted(problems, "problem")
        ))?;
    }
    out.finish()?;
    Ok(Exit::found(found))
}

fn gc(context: &Context, store: &Store, options: GcOptions) -> Result<Exit> {
    #[derive(Serialize)]
    struct Removed {
        digest: Digest,
        size: u64,
    }
    #[derive(Serialize)]
    struct Report {
        dry_run: bool,
        removed: Vec<Removed>,
        removed_bytes: u64,
        reachable: u64,
        recent: u64,
        leftovers: u64,
    }
    let format = context.format;
    // Packs refer to their files; everything else refers to nothing.
    let report = store.gc(options, |digest| {
        palisade_pack::stored::references(store, digest).map_err(Into::into)
    })?;
    let mut out = context.output();
    if format == Format::Json {
        let removed = report.removed.iter().map(|blob| Removed {
            digest: blob.digest,
            size: blob.size,
        });
        out.json(&Report {
            dry_run: options.dry_run,
            removed: removed.collect(),
            removed_bytes: report.removed_bytes,
            reachable: report.reachable,
            recent: report.recent,
            leftovers: report.leftovers,
        })?;
    } else {
        for blob in &report.removed {
            out.line(&format!("{}  {:>9}", blob.digest, size(blob.size)))?;
        }
        out.line(&format!(
            "{}removed {} of {} and {}; kept {} that a name reaches and {} recent",
            if options.dry_run { "would have " } else { "" },
            counted(report.removed.len(), "blob"),
            size(report.removed_bytes),
            counted(report.leftovers, "leftover"),
            report.reachable,
            report.recent,
        ))?;
    }
    out.finish()?;
    Ok(Exit::Done)
}

fn add(context: &Context, store: &Store, path: &Path, name: Option<&Name>) -> Result<Exit> {
    #[derive(Serialize)]
    struct Added {
        digest: Digest,
        size: u64,
        name: Option<String>,
    }
    let format = context.format;
    let file = crate::named::open(path)?;
    // Until the name is set nothing else keeps the blob.
    let hold = store.hold()?;
    let blob = store
        .put(file, MAX_BLOB_BYTES)
        .with_context(|| format!("add {}", path.display()))?;
    if let Some(name) = name {
        store.set_name(name, &blob.digest)?;
    }
    drop(hold);
    let mut out = context.output();
    if format == Format::Json {
        out.json(&Added {
            digest: blob.digest,
            size: blob.size,
            name: name.map(ToString::to_string),
        })?;
    } else {
        out.line(&format!("{}  {}", blob.digest, size(blob.size)))?;
        if name.is_none() {
            out.line("it has no name, so `palisade store gc` will remove it; --name keeps it")?;
        }
    }
    out.finish()?;
    Ok(Exit::Done)
}

fn grace(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no length of time; write 0s, 10m, 1h or 7d");
    let span: jiff::Span = text.parse().map_err(|_| wrong())?;
    span.to_duration(jiff::SpanRelativeTo::days_are_24_hours())
        .ok()
        .and_then(|duration| Duration::try_from(duration).ok())
        .ok_or_else(wrong)
}
