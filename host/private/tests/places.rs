//! What is not opened: places that another user could have written, and what stands where a file
//! should be. Run as root, as another user's files are made by `chown`.

use std::fs::{self, Permissions};
use std::io::Read as _;
use std::os::unix::fs::{PermissionsExt as _, chown, lchown, symlink};
use std::path::{Path, PathBuf};

use palisade_private::{PrivateError, output};
use rustix::fs::{CWD, FileType, Mode, mknodat};

/// The user `nobody` of Debian.
const NOBODY: u32 = 65534;

fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        #[allow(clippy::print_stderr, reason = "it says why it does nothing")]
        {
            eprintln!("skipped: only root can give files to another user");
        }
    }
    root
}

fn room() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn folder(path: PathBuf, mode: u32) -> PathBuf {
    fs::create_dir(&path).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    path
}

fn pipe(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RWXU, 0).unwrap();
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, PrivateError>, part: &str) {
    let text = result.unwrap_err().to_string();
    assert!(text.contains(part), "{text}");
}

#[test]
fn what_is_missing_is_made_for_its_owner_alone() {
    let room = room();
    let path = room.path().join("a/b");
    assert!(palisade_private::open_dir(&path).unwrap_err().is_absent());
    palisade_private::make_dir(&path).unwrap();
    for made in ["a", "a/b"] {
        let mode = fs::metadata(room.path().join(made)).unwrap().permissions();
        assert_eq!(mode.mode() & 0o7777, 0o700, "{made}");
    }
    palisade_private::open_dir(&path).unwrap();
}

#[test]
fn a_directory_that_others_may_write_to_is_refused() {
    let room = room();
    for (name, mode) in [("group", 0o770), ("all", 0o707), ("sticky", 0o1777)] {
        let path = folder(room.path().join(name), mode);
        refused(
            palisade_private::open_dir(&path),
            "can be written by others",
        );
        refused(palisade_private::make_dir(&path), "chmod go-w");
    }
    let path = folder(room.path().join("read"), 0o755);
    palisade_private::open_dir(&path).unwrap();
}

#[test]
fn a_directory_on_the_way_that_others_may_write_to_is_refused_unless_it_is_sticky() {
    let room = room();
    let open = folder(room.path().join("open"), 0o777);
    let below = folder(open.join("mine"), 0o700);
    refused(palisade_private::open_dir(&below), "/open can be written");
    fs::set_permissions(&open, Permissions::from_mode(0o1777)).unwrap();
    palisade_private::open_dir(&below).unwrap();
}

#[test]
fn what_belongs_to_somebody_else_is_refused_wherever_it_stands() {
    if !is_root() {
        return;
    }
    let room = room();
    let theirs = folder(room.path().join("theirs"), 0o755);
    let below = folder(theirs.join("mine"), 0o700);
    chown(&theirs, Some(NOBODY), None).unwrap();
    refused(palisade_private::open_dir(&theirs), "belongs to user 65534");
    refused(palisade_private::open_dir(&below), "belongs to user 65534");
    refused(
        palisade_private::make_dir(&theirs.join("new")),
        "belongs to user 65534",
    );
    assert!(!theirs.join("new").exists());
    // A file of theirs in a directory of mine, such as an archive may bring.
    let dir = palisade_private::make_dir(&room.path().join("mine")).unwrap();
    let file = room.path().join("mine/state.json");
    fs::write(&file, "{}").unwrap();
    chown(&file, Some(NOBODY), None).unwrap();
    refused(
        palisade_private::open(&dir, "state.json"),
        "belongs to user 65534",
    );
    refused(
        palisade_private::lock(&dir, "state.json"),
        "belongs to user 65534",
    );
}

#[test]
fn links_on_the_way_are_followed_if_they_are_mine_and_end() {
    let room = room();
    let real = folder(room.path().join("real"), 0o700);
    symlink("real", room.path().join("link")).unwrap();
    symlink(&real, room.path().join("absolute")).unwrap();
    for name in ["link", "absolute", "link/../link"] {
        palisade_private::open_dir(&room.path().join(name)).unwrap();
    }
    symlink("loop", room.path().join("loop")).unwrap();
    refused(
        palisade_private::open_dir(&room.path().join("loop")),
        "loop",
    );
    if is_root() {
        let link = room.path().join("link");
        rustix::fs::chownat(
            CWD,
            &link,
            Some(rustix::fs::Uid::from_raw(NOBODY)),
            None,
            rustix::fs::AtFlags::SYMLINK_NOFOLLOW,
        )
        .unwrap();
        refused(palisade_private::open_dir(&link), "belongs to user 65534");
    }
}

#[test]
fn below_a_working_directory_no_link_is_followed() {
    let room = room();
    let (here, secret) = (room.path().join("here"), room.path().join("secret"));
    fs::create_dir(&here).unwrap();
    fs::create_dir(&secret).unwrap();
    symlink(&secret, here.join(".palisade")).unwrap();
    refused(
        palisade_private::make_dir_below(&here, &[".palisade", "store"]),
        "a symbolic link",
    );
    fs::remove_file(here.join(".palisade")).unwrap();
    fs::create_dir(here.join(".palisade")).unwrap();
    symlink(&secret, here.join(".palisade/store")).unwrap();
    refused(
        palisade_private::make_dir_below(&here, &[".palisade", "store"]),
        "a symbolic link",
    );
    assert_eq!(fs::read_dir(&secret).unwrap().count(), 0);
}

#[test]
fn links_pipes_and_folders_in_the_place_of_a_file_are_refused_and_not_waited_for() {
    let room = room();
    let dir = palisade_private::open_dir(room.path()).unwrap();
    let target = room.path().join("target");
    fs::write(&target, "keep").unwrap();
    symlink(&target, room.path().join("link")).unwrap();
    symlink("nowhere", room.path().join("dangling")).unwrap();
    pipe(&room.path().join("pipe"));
    fs::create_dir(room.path().join("folder")).unwrap();
    for name in ["link", "dangling", "pipe", "folder"] {
        let path = room.path().join(name);
        assert!(palisade_private::open(&dir, name).is_err(), "{name}");
        assert!(palisade_private::lock(&dir, name).is_err(), "{name}");
        assert!(output::create(&path, 0o600).is_err(), "{name}");
        assert!(output::append(&path, 0o600).is_err(), "{name}");
        assert!(output::write(&path, 0o600, b"x").is_err(), "{name}");
        assert!(output::write_new(&path, 0o600, b"x").is_err(), "{name}");
        assert!(
            palisade_private::read_within(&dir, Path::new(name), 9).is_err(),
            "{name}"
        );
    }
    assert!(palisade_private::read(&room.path().join("pipe"), 9).is_err());
    assert!(!room.path().join("nowhere").exists());
    assert_eq!(fs::read(&target).unwrap(), b"keep");
    // What replaces a file replaces a link as well, and leaves what it leads to.
    palisade_private::replace(&dir, "link", b"new").unwrap();
    assert_eq!(fs::read(&target).unwrap(), b"keep");
    let mut text = String::new();
    let mut file = palisade_private::open(&dir, "link").unwrap().unwrap();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "new");
    assert!(palisade_private::open(&dir, "absent").unwrap().is_none());
}

#[test]
fn forty_links_on_the_way_are_followed_and_no_more() {
    let room = room();
    folder(room.path().join("0"), 0o700);
    for link in 1..=41 {
        symlink((link - 1).to_string(), room.path().join(link.to_string())).unwrap();
    }
    palisade_private::open_dir(&room.path().join("40")).unwrap();
    refused(
        palisade_private::open_dir(&room.path().join("41")),
        "symbolic links",
    );
}

/// Every way to write a file that may be there already.
fn write_to(path: &Path) -> [Result<(), PrivateError>; 3] {
    [
        output::create(path, 0o600).map(drop),
        output::append(path, 0o600).map(drop),
        output::write(path, 0o600, b"x"),
    ]
}

#[test]
fn a_file_that_has_another_name_is_not_written_to() {
    let room = room();
    let kept = room.path().join("kept");
    fs::write(&kept, "keep").unwrap();
    let planted = room.path().join("events.ndjson");
    fs::hard_link(&kept, &planted).unwrap();
    for written in write_to(&planted) {
        refused(written, "a file that has another name too (a hard link)");
    }
    assert!(output::write_new(&planted, 0o600, b"x").is_err());
    assert_eq!(fs::read_to_string(&kept).unwrap(), "keep");
    // Once it is the only name of the file, it is a file as any other.
    fs::remove_file(&kept).unwrap();
    output::write(&planted, 0o600, b"new").unwrap();
    assert_eq!(fs::read_to_string(&planted).unwrap(), "new");
}

#[test]
fn what_is_written_follows_no_link_of_somebody_else_on_the_way() {
    let room = room();
    let there = folder(room.path().join("there"), 0o755);
    let open = folder(room.path().join("open"), 0o1777);
    // One's own links lead on, one after another, and upwards.
    symlink(&there, open.join("first")).unwrap();
    symlink("../open/first", open.join("way")).unwrap();
    let file = open.join("way/events.ndjson");
    for written in write_to(&file) {
        written.unwrap();
    }
    output::write_new(&open.join("way/../there/new"), 0o600, b"x").unwrap();
    assert_eq!(fs::read_dir(&there).unwrap().count(), 2);
    symlink("round", open.join("round")).unwrap();
    refused(
        output::create(&open.join("round/x"), 0o600),
        "symbolic links",
    );
    refused(
        output::create(&file.join("x"), 0o600),
        "a file, where a directory",
    );
    refused(
        output::create(&there.join("no/x"), 0o600),
        "make its folder first",
    );
    refused(output::create(Path::new("/"), 0o600), "cannot create /");
    if !is_root() {
        return;
    }
    lchown(open.join("first"), Some(NOBODY), None).unwrap();
    for written in write_to(&file) {
        refused(written, "belongs to user 65534");
    }
    refused(
        output::write_new(&open.join("first/y"), 0o600, b"x"),
        "belongs to user 65534",
    );
    assert_eq!(fs::read(there.join("events.ndjson")).unwrap(), b"x");
    // A folder of somebody else is a place to write to.
    chown(&there, Some(NOBODY), None).unwrap();
    output::create(&there.join("mine"), 0o600).unwrap();
}

#[test]
fn what_is_read_from_a_folder_stays_in_it_and_within_the_limit() {
    let room = room();
    let dir = palisade_private::open_dir(room.path()).unwrap();
    fs::write(room.path().join("a"), "12345").unwrap();
    fs::create_dir(room.path().join("in")).unwrap();
    fs::write(room.path().join("in/b"), "1").unwrap();
    symlink("in", room.path().join("way")).unwrap();
    let read = |path: &str, limit| palisade_private::read_within(&dir, Path::new(path), limit);
    assert_eq!(read("a", 5).unwrap(), b"12345");
    assert_eq!(read("in/b", 5).unwrap(), b"1");
    refused(read("a", 4), "more than 4 bytes");
    refused(read("way/b", 5), "a symbolic link, or below one");
    for path in ["../a", "/etc/passwd", "in/../a"] {
        refused(read(path, 5), "leaves the folder");
    }
}

#[test]
fn what_is_written_goes_into_no_file_of_somebody_else() {
    if !is_root() {
        return;
    }
    let room = room();
    let path = room.path().join("events.ndjson");
    fs::write(&path, "").unwrap();
    chown(&path, Some(NOBODY), None).unwrap();
    refused(output::create(&path, 0o600), "belongs to user 65534");
    refused(output::append(&path, 0o600), "belongs to user 65534");
    output::create(Path::new("/dev/null"), 0o600).unwrap();
}
