//! Packs by where they are: a folder, an archive, or the store.

use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use palisade_pack::stored::{self, StoredError};
use palisade_pack::{Content, PACK_TOML, Pack};

use crate::build::find_all;
use crate::commands::store::Which;
use crate::context::Context;

/// Reads a pack from a folder or archive, or from the store by `vendor/name[@version]` when
/// there is no such file: what is installed, or what was only delivered.
///
/// # Errors
/// When it cannot be read or is refused.
pub(crate) fn open(context: &Context, which: &Which, place: &str) -> Result<Pack> {
    let path = Path::new(place);
    ensure!(
        !path.is_dir() || path.join(PACK_TOML).exists(),
        "the folder {place} has no {PACK_TOML}, so it is no pack; name the folder or archive that \
         `palisade pack build` wrote"
    );
    if path.exists() {
        return Pack::open(content(path)?).with_context(|| format!("read {place}"));
    }
    let stored = || -> Result<Pack> {
        let store = which.open(context)?;
        match stored::get(&store, place) {
            Err(StoredError::Absent(_)) => Ok(stored::get_delivered(&store, place)?),
            other => Ok(other?),
        }
    };
    stored().with_context(|| {
        format!("there is no file or folder {place}, and no such pack in the store")
    })
}

/// The same for what is to be installed: of the store, what was delivered comes first, as it may
/// bring newer certificates of the version that is installed.
///
/// # Errors
/// As [`open`].
pub(super) fn open_to_install(context: &Context, which: &Which, place: &str) -> Result<Pack> {
    if !Path::new(place).exists() {
        let delivered = stored::get_delivered(&which.open(context)?, place);
        if !matches!(delivered, Err(StoredError::Absent(_))) {
            return Ok(delivered?);
        }
    }
    open(context, which, place)
}

fn content(path: &Path) -> Result<Content> {
    let place = || format!("read {}", path.display());
    if path.is_dir() {
        let dir = Dir::open_ambient_dir(path, ambient_authority()).with_context(place)?;
        return Content::read_folder(&dir)
            .with_context(place)
            .map_err(|error| {
                // What a build keeps beside sources is what is found first.
                match find_all(path).unwrap_or_default().first() {
                Some(project) => error.context(format!(
                    "{} has the sources of a pack, such as {}, and is none; name what `palisade \
                     pack build {}` writes",
                    path.display(),
                    project.join("plugin.toml").display(),
                    path.display()
                )),
                None => error,
            }
            });
    }
    // A pipe that nobody writes to would be waited for without end.
    let file = palisade_private::open_file(path).with_context(place)?;
    let mut file = BufReader::with_capacity(1 << 16, file);
    ensure!(
        !file.fill_buf().with_context(place)?.starts_with(b"\0asm"),
        "{} is WebAssembly and no pack; `palisade plugin inspect` tells what is in a component, and \
         `palisade pack build` makes a pack of plugins",
        path.display()
    );
    Content::read_archive(file).with_context(place)
}

/// What to do where there is a file of the name already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// Put the new one in its place.
    Replace,
    /// Leave it and write nothing.
    Refuse,
}

/// Writes an archive, at once or not at all. A link in its place is replaced, not followed.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write_archive(path: &Path, pack: &Pack, taken: Taken) -> Result<()> {
    let place = || format!("write {}", path.display());
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).with_context(place)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).with_context(place)?;
    let mut to = BufWriter::with_capacity(1 << 16, file.as_file_mut());
    pack.content().write_archive(&mut to).with_context(place)?;
    to.flush().with_context(place)?;
    drop(to);
    file.as_file().sync_all().with_context(place)?;
    // Packs are for handing on; only keys are private.
    let open = std::fs::Permissions::from_mode(0o644);
    file.as_file().set_permissions(open).with_context(place)?;
    match taken {
        Taken::Replace => file.persist(path).with_context(place)?,
        Taken::Refuse => file.persist_noclobber(path).with_context(|| {
            format!(
                "{} is there already; name the archive with --out",
                path.display()
            )
        })?,
    };
    Ok(())
}

/// Adds an attestation to a pack where it lies, in place of one of the same name.
///
/// # Errors
/// When it cannot be written.
pub(super) fn attest(path: &Path, mut pack: Pack, name: &str, envelope: &[u8]) -> Result<()> {
    pack.detach(name);
    pack.attest(name, envelope.to_vec())?;
    if path.is_dir() {
        let folder = path.join(palisade_pack::content::ATTESTATIONS);
        std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        palisade_private::output::write(&folder.join(name), 0o644, envelope)?;
        Ok(())
    } else {
        write_archive(path, &pack, Taken::Replace)
    }
}
