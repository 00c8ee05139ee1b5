//! The way to a directory, one step at a time.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Component, Path, PathBuf};

use cap_std::fs::Dir;
use rustix::fs::{FileType, Mode, OFlags, Stat, fstat, mkdirat, openat, readlinkat};
use rustix::io::Errno;

use crate::PrivateError;

/// How many links are followed on the way, as by Linux itself.
const MAX_LINKS: usize = 40;
/// Directories are made for their owner alone.
const MODE: Mode = Mode::RWXU;
/// Sees what is there without opening it: neither a link, nor a pipe that would wait.
const LOOK: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const OTHERS_WRITE: u32 = 0o022;
const STICKY: u32 = 0o1000;

/// Opens a directory that nobody but the caller and root may change.
///
/// # Errors
/// When it is missing, or it or a directory on the way is not such.
pub fn open_dir(path: &Path) -> Result<Dir, PrivateError> {
    walk(path, &[], false)
}

/// The same, making it and what is missing on the way, for the caller alone (0700).
///
/// # Errors
/// As [`open_dir`], and when a directory cannot be made.
pub fn make_dir(path: &Path) -> Result<Dir, PrivateError> {
    walk(path, &[], true)
}

/// Makes and opens a directory of plain names below another, as [`make_dir`]; none of the names
/// may be a link, while links on the way to `base` are followed.
///
/// # Errors
/// As [`make_dir`].
pub fn make_dir_below(base: &Path, names: &[&str]) -> Result<Dir, PrivateError> {
    walk(base, names, true)
}

/// Opens a directory within one that was opened by [`open_dir`], which is made (0700) if it is
/// missing; it must not be a link.
///
/// # Errors
/// When it cannot be made, or somebody else may change it. Errors name it by its name.
pub fn dir_in(dir: &Dir, name: &str) -> Result<Dir, PrivateError> {
    let path = PathBuf::from(name);
    let fd = match openat(dir, name, LOOK, Mode::empty()) {
        Err(Errno::NOENT) => {
            make(dir, OsStr::new(name), &path)?;
            openat(dir, name, LOOK, Mode::empty())
        }
        found => found,
    }
    .map_err(PrivateError::io("open", &path))?;
    let stat = fstat(&fd).map_err(PrivateError::io("look at", &path))?;
    directory(&stat, &path)?;
    private(&stat, &path)?;
    reopen(&fd, &path)
}

fn walk(path: &Path, below: &[&str], make_missing: bool) -> Result<Dir, PrivateError> {
    let (fd, stat, at) = go(path, below, make_missing, true)?;
    private(&stat, &at)?;
    reopen(&fd, &at)
}

/// Finds a directory that somebody named, whoever it belongs to and whoever may write on the way.
/// A link on the way is followed if it belongs to the caller or root, as Linux does in
/// directories that everybody may write to (`protected_symlinks`). The handle is for opening
/// what is in it, and nothing else.
///
/// # Errors
/// When it is missing, is no directory, or a link of somebody else leads to it.
pub(crate) fn find(path: &Path) -> Result<OwnedFd, PrivateError> {
    Ok(go(path, &[], false, false)?.0)
}

/// Goes to a directory, making what is missing if that is wanted. `apart`: nobody but the caller
/// and root may decide what a step on the way leads to.
fn go(
    path: &Path,
    below: &[&str],
    make_missing: bool,
    apart: bool,
) -> Result<(OwnedFd, Stat, PathBuf), PrivateError> {
    let absolute = std::path::absolute(path).map_err(PrivateError::io("find", path))?;
    let mut left: VecDeque<OsString> = VecDeque::new();
    steps(&absolute, &mut left);
    left.extend(below.iter().map(OsString::from));
    let mut at = PathBuf::from("/");
    let root = || rustix::fs::open("/", LOOK, Mode::empty());
    let mut fd = root().map_err(PrivateError::io("open", "/"))?;
    let mut stat = fstat(&fd).map_err(PrivateError::io("look at", "/"))?;
    let mut links = 0;
    while let Some(step) = left.pop_front() {
        // Whoever may write here decides what the next step leads to.
        if apart {
            owned(&stat, &at)?;
            if stat.st_mode & OTHERS_WRITE != 0 && stat.st_mode & STICKY == 0 {
                return Err(writable(&stat, &at));
            }
        }
        let next_at = at.join(&step);
        let next = match openat(&fd, &step, LOOK, Mode::empty()) {
            Err(Errno::NOENT) if make_missing => {
                make(&fd, &step, &next_at)?;
                openat(&fd, &step, LOOK, Mode::empty())
            }
            found => found,
        }
        .map_err(PrivateError::io("open", &next_at))?;
        let found = fstat(&next).map_err(PrivateError::io("look at", &next_at))?;
        let is_link = FileType::from_raw_mode(found.st_mode) == FileType::Symlink;
        if is_link && left.len() >= below.len() {
            owned(&found, &next_at)?;
            links += 1;
            if links > MAX_LINKS {
                return Err(PrivateError::io("open", next_at)(Errno::LOOP));
            }
            let target = readlinkat(&next, "", Vec::new())
                .map_err(PrivateError::io("read the link", &next_at))?;
            let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
            let mut front = VecDeque::new();
            steps(&target, &mut front);
            front.append(&mut left);
            left = front;
            if target.is_absolute() {
                fd = root().map_err(PrivateError::io("open", "/"))?;
                stat = fstat(&fd).map_err(PrivateError::io("look at", "/"))?;
                at = PathBuf::from("/");
            }
            continue;
        }
        directory(&found, &next_at)?;
        if step == ".." {
            at.pop();
        } else {
            at = next_at;
        }
        (fd, stat) = (next, found);
    }
    Ok((fd, stat, at))
}

/// What a path names step by step; a directory above is asked for, never calculated.
fn steps(path: &Path, into: &mut VecDeque<OsString>) {
    for component in path.components() {
        match component {
            Component::Normal(name) => into.push_back(name.to_owned()),
            Component::ParentDir => into.push_back("..".into()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
}

fn make(dir: impl std::os::fd::AsFd, name: &OsStr, path: &Path) -> Result<(), PrivateError> {
    match mkdirat(dir, name, MODE) {
        // Somebody else was faster; what it is, is looked at next.
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(error) => Err(PrivateError::io("make the directory", path)(error)),
    }
}

fn reopen(fd: &OwnedFd, path: &Path) -> Result<Dir, PrivateError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = openat(fd, ".", flags, Mode::empty()).map_err(PrivateError::io("open", path))?;
    Ok(Dir::from_std_file(File::from(opened)))
}

fn directory(stat: &Stat, path: &Path) -> Result<(), PrivateError> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => Ok(()),
        other => Err(PrivateError::Kind {
            path: path.to_owned(),
            found: in_words(other),
            expected: "a directory",
        }),
    }
}

/// Whether nobody but the caller and root may change it.
pub(crate) fn private(stat: &Stat, path: &Path) -> Result<(), PrivateError> {
    owned(stat, path)?;
    if stat.st_mode & OTHERS_WRITE == 0 {
        return Ok(());
    }
    Err(writable(stat, path))
}

fn writable(stat: &Stat, path: &Path) -> PrivateError {
    PrivateError::Writable {
        path: path.to_owned(),
        mode: stat.st_mode & 0o7777,
    }
}

/// Whether it belongs to the caller or root.
pub(crate) fn owned(stat: &Stat, path: &Path) -> Result<(), PrivateError> {
    let caller = rustix::process::geteuid().as_raw();
    if stat.st_uid == caller || stat.st_uid == 0 {
        return Ok(());
    }
    Err(PrivateError::Owner {
        path: path.to_owned(),
        owner: stat.st_uid,
        caller,
    })
}

pub(crate) fn in_words(kind: FileType) -> &'static str {
    match kind {
        FileType::Symlink => "a symbolic link",
        FileType::Directory => "a directory",
        FileType::RegularFile => "a file",
        FileType::Fifo => "a pipe",
        FileType::Socket => "a socket",
        _ => "a device",
    }
}
