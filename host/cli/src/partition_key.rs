//! The secret that divides keys into parts, kept from run to run so that runs repeat.
//!
//! It belongs to the user, never to a project: a directory that somebody else supplies must not
//! choose it. It is a line of 32 hexadecimal digits in `$XDG_STATE_HOME/palisade/partition.key`
//! (mode 0600), made by the first run.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use etcetera::BaseStrategy as _;
use palisade_pipeline::partition::PartitionKey;
use rustix::fs::{AtFlags, Mode, OFlags, fstat, linkat, open, openat, unlinkat};
use rustix::io::Errno;

const FILE: &str = "partition.key";
/// Digits of the key and the end of the line.
const LENGTH: usize = 33;

/// The key in a file that the operator names, or the user's own.
///
/// # Errors
/// When the file that is named holds no key, and when the user's own is not theirs alone.
pub(crate) fn partition_key(named: Option<&Path>) -> Result<PartitionKey> {
    if let Some(path) = named {
        let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
        return read(file).with_context(|| format!("read the partition key {}", path.display()));
    }
    let state = etcetera::choose_base_strategy()
        .ok()
        .and_then(|base| base.state_dir());
    let Some(state) = state.map(|dir| dir.join("palisade")) else {
        return fresh_for_this_run("there is no home directory");
    };
    let directory = match own_directory(&state) {
        Ok(directory) => directory,
        Err(Problem::Absent(why)) => return fresh_for_this_run(&why),
        Err(Problem::Unsafe(why)) => {
            return Err(why).with_context(|| format!("use the directory {}", state.display()));
        }
    };
    let path = state.join(FILE);
    match read_own(&directory) {
        Ok(Some(key)) => Ok(key),
        Ok(None) => match make(&directory) {
            Ok(()) => read_own(&directory)?.context("it is gone already"),
            Err(error) => {
                fresh_for_this_run(&format!("{} cannot be written: {error}", path.display()))
            }
        },
        Err(error) => Err(error),
    }
    .with_context(|| format!("read the partition key {}", path.display()))
}

/// Why there is no directory to keep the key in.
enum Problem {
    /// It cannot be made, as on a disk that is only read.
    Absent(String),
    /// Others could change what is in it.
    Unsafe(anyhow::Error),
}

fn own_directory(path: &Path) -> std::result::Result<OwnedFd, Problem> {
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path);
    if let Err(error) = made {
        return Err(Problem::Absent(format!(
            "{} cannot be made: {error}",
            path.display()
        )));
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = open(path, flags, Mode::empty()).context("open it, without following a link");
    let directory = opened.map_err(Problem::Unsafe)?;
    is_own(&directory).map_err(Problem::Unsafe)?;
    Ok(directory)
}

/// Checks that only this user, or root, may change what was opened.
fn is_own(file: &OwnedFd) -> Result<()> {
    let stat = fstat(file)?;
    let user = rustix::process::geteuid().as_raw();
    ensure!(
        stat.st_uid == user || stat.st_uid == 0,
        "it belongs to user {}; remove it, or make it yours",
        stat.st_uid
    );
    ensure!(
        stat.st_mode & 0o022 == 0,
        "others may write to it (mode {:o}); take that away with `chmod go-w`",
        stat.st_mode & 0o7777
    );
    Ok(())
}

/// The key that is there, if one is.
fn read_own(directory: &OwnedFd) -> Result<Option<PartitionKey>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match openat(directory, FILE, flags, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(None),
        Err(error) => return Err(error).context("open it, without following a link"),
    };
    is_own(&file)?;
    read(File::from(file)).map(Some)
}

fn read(file: File) -> Result<PartitionKey> {
    ensure!(file.metadata()?.is_file(), "it is not a file");
    let mut text = String::new();
    file.take(LENGTH as u64 + 1).read_to_string(&mut text)?;
    let digits = text.strip_suffix('\n').unwrap_or(&text);
    let right = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = u128::from_str_radix(digits, 16).ok().filter(|_| right);
    let number = number.context("it must be one line of 32 hexadecimal digits")?;
    Ok(PartitionKey::new(number.to_be_bytes()))
}

fn random() -> Result<[u8; 16]> {
    let mut key = [0; 16];
    getrandom::fill(&mut key).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    Ok(key)
}

/// Writes a new key under a name of its own and links it into place, so that two processes that
/// start at once agree on one.
fn make(directory: &OwnedFd) -> std::io::Result<()> {
    let key = random().map_err(std::io::Error::other)?;
    let temporary = format!(".{FILE}.{}", std::process::id());
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(directory, &temporary, flags, Mode::RUSR | Mode::WUSR)?;
    let mut file = File::from(file);
    let written = writeln!(file, "{:032x}", u128::from_be_bytes(key))
        .and_then(|()| file.sync_all())
        .and_then(|()| {
            let linked = linkat(directory, &temporary, directory, FILE, AtFlags::empty());
            linked.map_err(std::io::Error::from)
        });
    unlinkat(directory, &temporary, AtFlags::empty())?;
    match written {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

fn fresh_for_this_run(why: &str) -> Result<PartitionKey> {
    crate::output::warn(&format!(
        "no partition key is kept, {why}: this run has one of its own, so where state tables are \
         full another run may find something else; name a file with --partition-key"
    ));
    Ok(PartitionKey::new(random()?))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn directory(path: &Path) -> OwnedFd {
        own_directory(path).ok().expect("a directory of one's own")
    }

    #[test]
    fn a_key_is_made_once_for_its_owner_alone() {
        let temp = tempfile::tempdir().unwrap();
        let state = temp.path().join("state/palisade");
        let opened = directory(&state);
        assert!(read_own(&opened).unwrap().is_none());
        make(&opened).unwrap();
        let first = read_own(&opened).unwrap().unwrap();
        make(&opened).unwrap();
        assert_eq!(read_own(&directory(&state)).unwrap(), Some(first));
        let mode = std::fs::metadata(state.join(FILE))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        // What is made can be named, here or elsewhere.
        assert_eq!(partition_key(Some(&state.join(FILE))).unwrap(), first);
        assert_eq!(std::fs::read_dir(&state).unwrap().count(), 1);
    }

    #[test]
    fn links_and_what_others_may_write_are_refused() {
        let temp = tempfile::tempdir().unwrap();
        let state = temp.path().join("palisade");
        let opened = directory(&state);
        make(&opened).unwrap();
        let file = state.join(FILE);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o622)).unwrap();
        assert!(read_own(&opened).is_err());
        std::fs::rename(&file, temp.path().join("elsewhere")).unwrap();
        symlink(temp.path().join("elsewhere"), &file).unwrap();
        assert!(read_own(&opened).is_err());
        let link = temp.path().join("link");
        symlink(&state, &link).unwrap();
        assert!(matches!(own_directory(&link), Err(Problem::Unsafe(_))));
        std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(own_directory(&state), Err(Problem::Unsafe(_))));
    }

    #[test]
    fn a_file_that_is_named_holds_a_key_or_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("key");
        for (text, good) in [
            ("000102030405060708090a0b0c0d0e0f\n", true),
            ("000102030405060708090A0B0C0D0E0F", true),
            ("000102030405060708090a0b0c0d0e0", false),
            ("+00102030405060708090a0b0c0d0e0f", false),
            ("000102030405060708090a0b0c0d0e0f\n\n", false),
            ("", false),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(partition_key(Some(&path)).is_ok(), good, "{text:?}");
        }
        assert!(partition_key(Some(temp.path())).is_err());
    }
}
