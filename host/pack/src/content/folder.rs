//! Packs as a folder.

use std::io::{self, Read, Write};

use cap_fs_ext::{DirExt as _, FollowSymlinks, OpenOptionsFollowExt as _};
use cap_std::fs::{Dir, OpenOptions};

use super::{ATTESTATIONS, Content, MAX_FILE_BYTES, MAX_FILES, too_large};
use crate::Refusal;

/// Why a folder is not read as a pack.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// What is in it is not allowed in a pack.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A file or folder cannot be read.
    #[error("cannot read `{path}` of the pack: {source}")]
    Io {
        /// Its path in the pack.
        path: String,
        /// The system's answer.
        source: io::Error,
    },
}

impl Content {
    /// Reads the folder of a pack. Links are not followed but refused.
    ///
    /// # Errors
    /// When a file cannot be read or may not be in a pack.
    pub fn read_folder(dir: &Dir) -> Result<Content, FolderError> {
        let mut content = Content::default();
        let mut entries = 0;
        walk(dir, "", &mut content, &mut entries)?;
        Ok(content)
    }

    /// Writes the pack into an empty folder.
    ///
    /// # Errors
    /// When a file cannot be written or is there already.
    pub fn write_folder(&self, dir: &Dir) -> io::Result<()> {
        let write = |path: &str, bytes: &[u8]| {
            if let Some((folder, _)) = path.rsplit_once('/') {
                dir.create_dir_all(folder)?;
            }
            let mut options = OpenOptions::new();
            options
                .write(true)
                .create_new(true)
                .follow(FollowSymlinks::No);
            dir.open_with(path, &options)?.write_all(bytes)
        };
        for (path, bytes) in self.files() {
            write(path.as_str(), bytes)?;
        }
        for (name, bytes) in self.attestations() {
            write(&format!("{ATTESTATIONS}/{name}"), bytes)?;
        }
        Ok(())
    }
}

fn walk(
    dir: &Dir,
    prefix: &str,
    content: &mut Content,
    entries: &mut usize,
) -> Result<(), FolderError> {
    let failed = |path: &str| {
        let path = path.to_owned();
        move |source| FolderError::Io { path, source }
    };
    for entry in dir.entries().map_err(failed(prefix))? {
        let entry = entry.map_err(failed(prefix))?;
        *entries += 1;
        if *entries > 2 * MAX_FILES {
            return Err(too_large("the number of entries", 2 * MAX_FILES).into());
        }
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            return Err(Refusal::Path {
                path: format!("{prefix}{}", name.to_string_lossy()),
                problem: "is not UTF-8".into(),
            }
            .into());
        };
        let path = format!("{prefix}{name}");
        crate::PackPath::new(&path)?;
        let kind = entry.file_type().map_err(failed(&path))?;
        if kind.is_dir() {
            let inner = dir.open_dir_nofollow(name).map_err(failed(&path))?;
            walk(&inner, &format!("{path}/"), content, entries)?;
        } else if kind.is_file() {
            let mut options = OpenOptions::new();
            options.read(true).follow(FollowSymlinks::No);
            let file = dir.open_with(name, &options).map_err(failed(&path))?;
            let mut bytes = Vec::new();
            file.take(MAX_FILE_BYTES + 1)
                .read_to_end(&mut bytes)
                .map_err(failed(&path))?;
            content.add(&path, bytes)?;
        } else {
            let found = if kind.is_symlink() {
                "a symbolic link"
            } else {
                "a pipe, socket or device"
            };
            return Err(Refusal::Link {
                path,
                found: found.into(),
            }
            .into());
        }
    }
    Ok(())
}
