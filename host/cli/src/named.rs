//! Files that a person names: what is said where one is not there, or is something else.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, ensure};
use palisade_events::toml_words;
use palisade_private::PrivateError;
use serde::de::DeserializeOwned;

use crate::host::MAX_TEXT;

/// Opens a file to read it. What else has the name, a pipe, is refused without waiting for it.
///
/// # Errors
/// Says what to do where there is none, it is something else, or may not be read.
pub(crate) fn open(path: &Path) -> Result<File> {
    let opened = palisade_private::open_file(path).map_err(|error| match error {
        PrivateError::Kind {
            found: "a directory",
            ..
        } => anyhow!("it is a folder; name a file in it"),
        PrivateError::Kind { found, .. } => {
            anyhow!("it is {found}, and is not waited for; write what it says into a file, and name that")
        }
        PrivateError::Io { source, .. } => said(path, source),
        error => error.into(),
    });
    opened.with_context(|| format!("open {}", path.display()))
}

/// Opens an input of events, which may be a pipe that is read as it comes.
///
/// # Errors
/// Says what to do where there is none, it is a folder, or may not be read.
pub(crate) fn open_input(path: &Path) -> Result<File> {
    let opened = || -> Result<File> {
        let file = File::open(path).map_err(|error| said(path, error))?;
        ensure!(
            !file.metadata()?.is_dir(),
            "it is a folder; name a file in it"
        );
        Ok(file)
    };
    opened().with_context(|| format!("open {}", path.display()))
}

/// What the system says of a file that cannot be opened, and what to do.
fn said(path: &Path, error: std::io::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::NotFound => anyhow!(
            "No such file; check its name, and that it is in {}",
            folder(path).display()
        ),
        ErrorKind::PermissionDenied => anyhow!("you may not read it; ask its owner, or chmod"),
        _ => error.into(),
    }
}

/// Reads a file of at most so many bytes.
///
/// # Errors
/// As [`open`], and where it has more.
pub(crate) fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?
        .take(most.saturating_add(1))
        .read_to_end(&mut bytes)
        .with_context(|| format!("read {}", path.display()))?;
    ensure!(
        bytes.len() as u64 <= most,
        "{} has more than {most} bytes, and is not what is expected there",
        path.display()
    );
    Ok(bytes)
}

/// Reads a text of TOML, of at most [`MAX_TEXT`] bytes: read, it takes fifty times its size.
///
/// # Errors
/// With the line, and in words of who wrote it, and where it is larger.
pub(crate) fn toml<T: DeserializeOwned>(text: &str) -> Result<T> {
    ensure!(
        text.len() as u64 <= MAX_TEXT,
        "it has more than {MAX_TEXT} bytes, which is no text of settings"
    );
    toml::from_str(text).map_err(|error| anyhow!(toml_words(&error.to_string(), error.message())))
}

/// Says at once what would come out only when all work is done: that a file cannot be written
/// there.
///
/// # Errors
/// Where there is no folder for it, or something that is no file.
pub(crate) fn check_output(option: &str, path: &Path) -> Result<()> {
    ensure!(
        !path.is_dir(),
        "`{option} {}` is a folder; name a file in it",
        path.display()
    );
    ensure!(
        folder(path).is_dir(),
        "`{option} {}`: there is no folder {}; make it, or name another",
        path.display(),
        folder(path).display()
    );
    Ok(())
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
