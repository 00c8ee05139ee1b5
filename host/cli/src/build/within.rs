//! What lies in a project that somebody else filled: ways that lead out of it, and what is no file.

use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::host::MAX_TEXT;

/// Refuses a way on which there is a link below `base`, at its end too: a cloned or unpacked
/// project brings its links along, and what is written to or removed at `path` must lie where it
/// says. Links on the way to `base` are the user's own. What is then done there goes through
/// [`Below`](palisade_private::Below), which a link that is put there meanwhile does not lead astray;
/// this comes first, and says what to do.
///
/// # Errors
/// When there is a link, which is named, or `path` is not below `base`.
pub(crate) fn unlinked(base: &Path, path: &Path) -> Result<()> {
    let Some((link, to)) = first_link(base, path)? else {
        return Ok(());
    };
    bail!(
        "{} is a link to {}; what is built here would be written or removed where it leads to. \
         Remove it",
        link.display(),
        to.display()
    )
}

/// The first link on a way below `base`, at its end too, and what it leads to.
///
/// # Errors
/// When a step cannot be looked at, or `path` is not below `base`.
pub(crate) fn first_link(base: &Path, path: &Path) -> Result<Option<(PathBuf, PathBuf)>> {
    let below = path.strip_prefix(base).ok();
    let plain = |part: Component| matches!(part, Component::Normal(_));
    let Some(below) = below.filter(|below| below.components().all(plain)) else {
        bail!("{} is not below {}", path.display(), base.display());
    };
    let mut at = base.to_path_buf();
    for part in below {
        at.push(part);
        match at.symlink_metadata() {
            Ok(found) if found.is_symlink() => {
                let to = at.read_link().unwrap_or_default();
                return Ok(Some((at, to)));
            }
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("look at {}", at.display())),
        }
    }
    Ok(None)
}

/// A folder of components and the folder below which no link may lead to them: that of `target`
/// if it lies there, or else itself, since the user named it.
pub(super) fn base_of(out: &Path, root: &Path) -> PathBuf {
    let up = out.components().any(|part| part == Component::ParentDir);
    if !up && out.starts_with(root) {
        return root.to_path_buf();
    }
    out.to_path_buf()
}

/// Reads a text file of a project, of at most [`MAX_TEXT`] bytes; a pipe or device is not waited
/// for. `None`: there is none.
///
/// # Errors
/// When it cannot be read, is no regular file or no UTF-8.
pub(crate) fn text(path: &Path) -> Result<Option<String>> {
    match palisade_private::read(path, MAX_TEXT) {
        Ok(bytes) => String::from_utf8(bytes)
            .map(Some)
            .with_context(|| format!("{} is not UTF-8 text", path.display())),
        Err(error) if error.is_absent() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_on_the_way_is_named_wherever_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let (real, base) = (dir.path().join("real"), dir.path().join("base"));
        fs::create_dir_all(real.join("a")).unwrap();
        // On the way to the base it is the user's own.
        symlink(&real, &base).unwrap();
        unlinked(&base, &base.join("a/b/c")).unwrap();
        unlinked(&base, &base).unwrap();
        for link in ["a/b", "a/nowhere"] {
            symlink("/nonexistent", real.join(link)).unwrap();
            for way in [link.to_owned(), format!("{link}/c/d")] {
                let error = unlinked(&base, &base.join(way)).unwrap_err().to_string();
                assert!(
                    error.contains(&format!("{link} is a link to /non")),
                    "{error}"
                );
            }
        }
        for outside in ["../x", "a/../../x"] {
            unlinked(&base, &base.join(outside)).unwrap_err();
        }
        unlinked(&base, dir.path()).unwrap_err();
    }
}
