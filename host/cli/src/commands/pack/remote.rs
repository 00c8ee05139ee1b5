//! What `push` and `pull` share: the registry, who one is there, and progress.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, ensure};
use cap_std::fs::Dir;
use clap::Args;
use palisade_registry::{Limits, Progress as Transfer, Reference, Registry};

use super::credentials;
use crate::host::MAX_TEXT;
use crate::output::{Escaped, Progress, size};
use crate::places::Places;

/// Type of the artifact that a pack is.
pub(super) const PACK: &str = "application/vnd.palisade.pack.v1";
/// Media type of its configuration: what the pack is, before it is pulled.
pub(super) const CONFIG: &str = "application/vnd.palisade.pack.config.v1+json";
/// Media type of its one layer: the archive without attestations.
pub(super) const ARCHIVE: &str = "application/vnd.palisade.pack.v1.tar";
/// Type of the artifacts that are attached to it: signatures and certificates.
pub(super) const ATTESTATION: &str = "application/vnd.palisade.attestation.v1";
/// Media type of the one layer of those.
pub(super) const ENVELOPE: &str = "application/vnd.dsse.envelope.v1+json";
/// Media type of a configuration that says nothing (OCI Image Format 1.1).
pub(super) const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// How a registry is spoken to.
#[derive(Debug, Clone, Args)]
pub(super) struct Remote {
    /// Speak HTTP without TLS; with registries on this machine that is so anyway
    #[arg(long)]
    plain_http: bool,
    /// A certificate (PEM) to trust besides the system's
    #[arg(long, value_name = "FILE")]
    root_certificate: Vec<PathBuf>,
}

impl Remote {
    /// The registry of `reference`, with the credentials that `docker login` or `podman login`
    /// have left for that repository.
    ///
    /// # Errors
    /// When a certificate cannot be read or credentials are damaged.
    pub(super) fn connect(&self, reference: &Reference) -> Result<Registry> {
        let mut roots = Vec::new();
        for path in &self.root_certificate {
            let bytes = crate::named::read(path, MAX_TEXT)?;
            // What is none would be passed over in silence.
            ensure!(
                String::from_utf8_lossy(&bytes).contains("BEGIN CERTIFICATE"),
                "{} is no certificate as PEM (`BEGIN CERTIFICATE`)",
                path.display()
            );
            roots.push(bytes);
        }
        let credentials = credentials::find(reference)?;
        let limits = Limits::default();
        let registry = Registry::new(reference, credentials, self.plain_http, roots, limits)?;
        Ok(registry)
    }
}

/// Runs what waits for the network to its end.
///
/// # Errors
/// When no event loop can be made, and what the future says.
pub(super) fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the event loop")?
        .block_on(future)
}

/// Shows how far transfers are.
pub(super) fn shown<'a>(
    progress: &'a Progress,
    what: &'a str,
) -> impl Fn(Transfer<'_>) + Sync + 'a {
    move |transfer| {
        let (done, total) = (size(transfer.done), size(transfer.total));
        progress.doing(&format!("{what} {done} of {total}"));
    }
}

/// How long a download that was interrupted is kept, to be taken up again.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// Removes the downloads of others that were interrupted long ago. What cannot be looked at or removed
/// stays, and takes room.
fn remove_given_up(dir: &Dir, name: &str) {
    let now = SystemTime::now();
    for entry in dir.entries().into_iter().flatten().flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        let written = entry.metadata().and_then(|found| found.modified());
        let age = written.map(|written| now.duration_since(written.into_std()));
        let is_old = matches!(age, Ok(Ok(age)) if age > KEPT);
        if !is_old || file == name || !file.starts_with("sha256-") {
            continue;
        }
        // Whoever downloads it has locked it.
        if let Ok(Some(open)) = palisade_private::open(dir, &file)
            && open.try_lock().is_ok()
        {
            let _ = dir.remove_file(&file);
        }
    }
}

/// A download that was interrupted, or is about to begin, open and locked: two downloads of the
/// same blob would write over each other.
pub(super) struct Partial {
    pub(super) file: std::fs::File,
    dir: Dir,
    name: String,
    /// Where it is, for messages.
    pub(super) path: PathBuf,
}

impl Partial {
    /// Takes up the download of a blob with this digest.
    ///
    /// # Errors
    /// When there is no cache directory, somebody else may change it, or what lies there is no
    /// file.
    pub(super) fn open(digest: &str) -> Result<Self> {
        let folder = Places::find()?.downloads();
        let dir = crate::places::open_private(&folder)?;
        // A digest is `sha256:` and hexadecimal digits; nothing else becomes a name.
        let digits = digest.strip_prefix("sha256:").unwrap_or_default();
        ensure!(
            digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_hexdigit()),
            "`{}` is no digest",
            Escaped(digest)
        );
        let name = format!("sha256-{digits}");
        let path = folder.join(&name);
        remove_given_up(&dir, &name);
        let file = palisade_private::lock(&dir, &name)
            .with_context(|| format!("take up the download in {}", folder.display()))?;
        Ok(Self {
            file,
            dir,
            name,
            path,
        })
    }

    /// Reads from the beginning of what came.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn again(&mut self) -> Result<&std::fs::File> {
        use std::io::Seek as _;
        self.file.rewind().context("read what was downloaded")?;
        Ok(&self.file)
    }

    /// Removes what is of no use any more.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub(super) fn remove(self) -> Result<()> {
        let removed = self.dir.remove_file(&self.name);
        removed.with_context(|| format!("remove {}", self.path.display()))
    }
}
