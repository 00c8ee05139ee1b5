//! Places in a tree that somebody else filled, such as a project that was cloned or unpacked.
//!
//! Every step below the tree's own folder is taken from an open handle and follows no link, so that
//! neither a link that was brought along nor one that is put there at that very time sends what is
//! written, or removed, to somewhere else.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use cap_fs_ext::{DirExt as _, FollowSymlinks, OpenOptionsFollowExt as _, OpenOptionsSyncExt as _};
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt as _};
use rustix::fs::{FileType, RenameFlags, fstat, renameat_with};
use rustix::io::Errno;

use crate::PrivateError;
use crate::file::regular;
use crate::walk::owned;

/// Tells the temporary files of this process apart.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// A name in a folder that is open, whether there is something of that name or not.
#[derive(Debug)]
pub struct Below {
    dir: Dir,
    name: OsString,
    /// For messages.
    path: PathBuf,
}

impl Below {
    /// Goes from `base` to the folder of `path`, which lies below it, and makes what is missing on
    /// the way, `base` included. Links on the way to `base` are followed: they are the user's own.
    ///
    /// # Errors
    /// When `path` is not below `base` by plain names, a step is a link or no folder, or a folder
    /// cannot be made.
    pub fn make(base: &Path, path: &Path) -> Result<Below, PrivateError> {
        let plain = |part: Component| matches!(part, Component::Normal(_));
        let below = path.strip_prefix(base).ok();
        let below = below.filter(|below| below.components().all(plain) && *below != Path::new(""));
        let (Some(below), Some(name)) = (below, path.file_name()) else {
            return Err(PrivateError::Kind {
                path: path.to_owned(),
                found: "a place outside of the folder",
                expected: "one below it",
            });
        };
        std::fs::create_dir_all(base).map_err(PrivateError::io("make", base))?;
        let opened = Dir::open_ambient_dir(base, cap_std::ambient_authority());
        let mut dir = opened.map_err(PrivateError::io("open", base))?;
        let mut at = base.to_path_buf();
        for step in below.parent().into_iter().flat_map(Path::components) {
            at.push(step);
            dir = folder(&dir, step.as_os_str(), &at)?;
        }
        Ok(Below {
            dir,
            name: name.to_owned(),
            path: path.to_owned(),
        })
    }

    /// Writes the file, complete or not at all, in place of what has its name, which a link would
    /// be too. It is made with `mode`, as far as the user's mask allows.
    ///
    /// # Errors
    /// When it cannot be written; what was there before is then still there.
    pub fn write(&self, mode: u32, bytes: &[u8]) -> Result<(), PrivateError> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let temporary = format!(".palisade.{}.{number}", std::process::id());
        // A crash may have left one of this name.
        let _ = self.dir.remove_file(&temporary);
        let write = || {
            let mut options = OpenOptions::new();
            options.write(true).create_new(true).mode(mode);
            let mut to = self
                .dir
                .open_with(&temporary, options.follow(FollowSymlinks::No))?;
            to.write_all(bytes)?;
            self.dir.rename(&temporary, &self.dir, &self.name)
        };
        write().map_err(|error| {
            let _ = self.dir.remove_file(&temporary);
            PrivateError::io("write", &self.path)(error)
        })
    }

    /// Opens the file, made (0644) if it is missing, and locks it, waiting for whoever holds it.
    ///
    /// # Errors
    /// When it is no regular file, that of somebody else, or cannot be locked.
    pub fn lock(&self) -> Result<File, PrivateError> {
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(0o644);
        // Non-blocking, because opening a planted pipe would otherwise wait for its other end.
        options.follow(FollowSymlinks::No).nonblock(true);
        let opened = self.dir.open_with(&self.name, &options);
        let file = opened.map_err(refused("open", &self.path))?.into_std();
        let stat = fstat(&file).map_err(PrivateError::io("look at", &self.path))?;
        regular(FileType::from_raw_mode(stat.st_mode), &self.path)?;
        owned(&stat, &self.path)?;
        loop {
            match file.lock() {
                Ok(()) => return Ok(file),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(PrivateError::io("lock", &self.path)(error)),
            }
        }
    }

    /// Removes the file of that name; a link is removed, and not what it leads to.
    ///
    /// # Errors
    /// When there is none, or it cannot be removed.
    pub fn remove_file(&self) -> Result<(), PrivateError> {
        let removed = self.dir.remove_file(&self.name);
        removed.map_err(refused("remove", &self.path))
    }

    /// Removes the file of that name if `is` says of its content, at most `most` bytes, that it is
    /// the one; whether it was. It is first taken away from where others may put another one, and
    /// looked at then; what is not removed is put back, unless something has its name meanwhile.
    ///
    /// # Errors
    /// When there is none, it is no regular file or too large, or it cannot be removed.
    pub fn remove_file_if(
        &self,
        most: u64,
        is: impl FnOnce(&[u8]) -> bool,
    ) -> Result<bool, PrivateError> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let taken = format!(".palisade.{}.{number}", std::process::id());
        // A crash may have left one of this name.
        let _ = self.dir.remove_file(&taken);
        self.dir
            .rename(&self.name, &self.dir, &taken)
            .map_err(refused("remove", &self.path))?;
        let found = crate::read_within(&self.dir, Path::new(&taken), most);
        if found.as_ref().is_ok_and(|bytes| is(bytes)) {
            let removed = self.dir.remove_file(&taken);
            return removed
                .map(|()| true)
                .map_err(refused("remove", &self.path));
        }
        let back = renameat_with(
            &self.dir,
            &taken,
            &self.dir,
            &self.name,
            RenameFlags::NOREPLACE,
        );
        match back {
            // What has the name now came later, and would have replaced it.
            Err(Errno::EXIST) => drop(self.dir.remove_file(&taken)),
            back => back.map_err(PrivateError::io("put back", &self.path))?,
        }
        found.map(|_| false)
    }

    /// Opens the folder of that name, made if it is missing.
    ///
    /// # Errors
    /// When it is a link or no folder, or cannot be made.
    pub fn folder(&self) -> Result<Dir, PrivateError> {
        folder(&self.dir, &self.name, &self.path)
    }

    /// Opens the folder of that name with nothing in it: what it had is removed, without following
    /// links.
    ///
    /// # Errors
    /// As [`folder`](Self::folder), and when something cannot be removed.
    pub fn empty_folder(&self) -> Result<Dir, PrivateError> {
        self.remove()?;
        self.folder()
    }

    /// Removes the folder of that name and all that is in it, if there is one. Links are removed,
    /// and not what they lead to.
    ///
    /// # Errors
    /// When it is no folder, or something cannot be removed.
    pub fn remove(&self) -> Result<(), PrivateError> {
        match self.dir.remove_dir_all(&self.name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.map_err(refused("remove", &self.path)),
        }
    }
}

/// Opens a folder in another, made if it is missing; a link is not followed.
fn folder(dir: &Dir, name: &OsStr, at: &Path) -> Result<Dir, PrivateError> {
    match dir.open_dir_nofollow(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        opened => return opened.map_err(refused("open", at)),
    }
    match dir.create_dir(name) {
        // Somebody else was faster; what it is, is looked at next.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(PrivateError::io("make", at)(error));
        }
        _ => {}
    }
    dir.open_dir_nofollow(name).map_err(refused("open", at))
}

/// A link is named as such.
fn refused(what: &'static str, at: &Path) -> impl FnOnce(io::Error) -> PrivateError {
    let is = |error: &io::Error, code: Errno| error.raw_os_error() == Some(code.raw_os_error());
    move |error| {
        if is(&error, Errno::LOOP) || is(&error, Errno::NOTDIR) {
            return PrivateError::Kind {
                path: at.to_owned(),
                found: "a link, or not what it should be",
                expected: "a file or folder of its own",
            };
        }
        PrivateError::io(what, at)(error)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_that_is_there_when_it_is_written_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (real, base, victim) = (
            dir.path().join("real"),
            dir.path().join("base"),
            dir.path().join("victim"),
        );
        fs::create_dir(&real).unwrap();
        fs::create_dir_all(victim.join("b")).unwrap();
        fs::write(victim.join("b/file"), "precious").unwrap();
        // On the way to the base it is the user's own.
        symlink(&real, &base).unwrap();
        let file = base.join("a/b/file");
        let below = Below::make(&base, &file).unwrap();
        below.write(0o644, b"one").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"one");
        // One that is put there between the look and the writing leads nowhere.
        fs::rename(real.join("a"), real.join("was")).unwrap();
        symlink(&victim, real.join("a")).unwrap();
        below.write(0o644, b"two").unwrap();
        below.lock().unwrap();
        assert_eq!(fs::read(real.join("was/b/file")).unwrap(), b"two");
        for error in [
            Below::make(&base, &file).unwrap_err(),
            Below::make(&base, &base.join("a"))
                .unwrap()
                .folder()
                .unwrap_err(),
            Below::make(&base, &base.join("a"))
                .unwrap()
                .lock()
                .unwrap_err(),
        ] {
            assert!(error.to_string().contains("a link"), "{error}");
        }
        // In place of the link itself a file may come, or nothing.
        let link = Below::make(&base, &base.join("a")).unwrap();
        link.write(0o644, b"x").unwrap();
        fs::remove_file(real.join("a")).unwrap();
        symlink(&victim, real.join("a")).unwrap();
        link.remove().unwrap();
        assert!(!real.join("a").exists());
        assert_eq!(fs::read(victim.join("b/file")).unwrap(), b"precious");
        for outside in [
            base.join("../x"),
            base.join("c/../../x"),
            dir.path().join("y"),
            base.clone(),
        ] {
            Below::make(&base, &outside).unwrap_err();
        }
        assert!(!dir.path().join("x").exists());
    }

    #[test]
    fn a_file_is_removed_only_if_it_is_the_one() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a/file");
        let below = Below::make(dir.path(), &file).unwrap();
        let one = |bytes: &[u8]| bytes == b"one";
        let names = || fs::read_dir(dir.path().join("a")).unwrap().count();
        below.remove_file_if(9, one).unwrap_err();
        below.write(0o644, b"two").unwrap();
        assert!(!below.remove_file_if(9, one).unwrap());
        assert_eq!(fs::read(&file).unwrap(), b"two");
        below.remove_file_if(2, one).unwrap_err();
        assert_eq!((fs::read(&file).unwrap(), names()), (b"two".to_vec(), 1));
        // What came meanwhile stays.
        let later = |_: &[u8]| {
            fs::write(&file, "later").unwrap();
            false
        };
        assert!(!below.remove_file_if(9, later).unwrap());
        assert_eq!((fs::read(&file).unwrap(), names()), (b"later".to_vec(), 1));
        below.write(0o644, b"one").unwrap();
        assert!(below.remove_file_if(9, one).unwrap());
        // A link is never the one, and neither it nor what it leads to is removed.
        let precious = dir.path().join("precious");
        fs::write(&precious, "one").unwrap();
        symlink(&precious, &file).unwrap();
        below.remove_file_if(9, one).unwrap_err();
        assert_eq!(fs::read(&precious).unwrap(), b"one");
        assert!(file.is_symlink());
        below.remove_file().unwrap();
        assert_eq!(
            (fs::read(&precious).unwrap(), names()),
            (b"one".to_vec(), 0)
        );
    }

    #[test]
    fn folders_are_emptied_without_their_links() {
        let dir = tempfile::tempdir().unwrap();
        let victim = dir.path().join("victim");
        fs::create_dir(&victim).unwrap();
        fs::write(victim.join("file"), "precious").unwrap();
        let work = dir.path().join("base/own/work");
        let below = Below::make(&dir.path().join("base"), &work).unwrap();
        below.empty_folder().unwrap();
        fs::create_dir(work.join("deep")).unwrap();
        symlink(&victim, work.join("deep/link")).unwrap();
        below.empty_folder().unwrap();
        assert_eq!(fs::read_dir(&work).unwrap().count(), 0);
        below.remove().unwrap();
        below.remove().unwrap();
        assert_eq!(fs::read(victim.join("file")).unwrap(), b"precious");
    }
}
