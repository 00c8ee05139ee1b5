//! Where a file is expected, nothing else is waited for: no pipe that nobody writes to, no socket and
//! no device, whatever command names it. Inputs of events may be pipes.

use std::fs;
use std::io::Write as _;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use predicates::prelude::*;
use predicates::str::contains;

use crate::site::{flow, project};
use crate::{MANIFEST, component, made, palisade};

/// How long a refusal may take on a machine that is busy.
const SOON: Duration = Duration::from_secs(60);

/// Every argument that names a file to read, `@` in place of what is there.
const ARGUMENTS: &[&str] = &[
    "run flow.ndjson --plugins made.wasm --settings @",
    "run flow.ndjson --plugins made.wasm --networks @",
    "run flow.ndjson --plugins made.wasm --dataset d=@",
    "run flow.ndjson --plugins made.wasm --partition-key @",
    "run flow.ndjson --plugins @",
    "policy check --plugins policy.wasm --given @ --request flow.ndjson",
    "policy check --plugins policy.wasm --request @",
    "policy check --plugins policy.wasm --request flow.ndjson --settings @",
    "serve --config @",
    "config check @",
    "config print @",
    "state export --config @",
    "audit verify --config @",
    "ctl status --config @",
    "explain 1/0 --config @",
    "replay 1/0 --config @",
    "explain --bundle @",
    "replay --bundle @",
    "pack inspect @",
    "pack verify @",
    "pack install @",
    "pack load @",
    "pack save @ out.tar",
    "pack push @ 127.0.0.1:1/a/b:1",
    "pack sign @ --key key",
    "pack sign archive.tar --key @",
    "pack sign archive.tar --key key --passphrase-file @",
    "pack sign archive.tar --key-command true --public @",
    "pack certify @ --key key",
    "pack test @",
    "pack diff @ archive.tar",
    "pack pull 127.0.0.1:1/a/b:1 --root-certificate @",
    "key show @",
    "key new new --passphrase-file @",
    "trust policy @ --out out.json",
    "trust root --out out.json --expires 1d --key root=@ --role root=1:root",
    "trust root --out out.json --expires 1d --from @",
    "trust revocations --out out.json --expires 1d --from @",
    "trust sign @ --key key",
    "trust install @",
    "store add @",
    "plugin inspect @",
];

/// Components, an event, an archive and a key, for what a command may look at first.
fn files(dir: &Path) {
    fs::write(dir.join("made.wasm"), made("made-here", "tests")).unwrap();
    flow(&dir.join("flow.ndjson"));
    let policy = MANIFEST
        .replace("kind = \"detector\"", "kind = \"policy\"")
        .replace("network.flow", "report.disclosure\"\nrole = \"decide")
        .replace("\"src.ip\", \"dst.port\"", "\"time\"");
    fs::write(dir.join("policy.wasm"), component("decide", &policy)).unwrap();
    project(dir, "1.0.0");
    palisade(dir)
        .args(["pack", "build", "guard", "--out", "archive.tar"])
        .assert()
        .code(0);
    palisade(dir)
        .env("PALISADE_PASSPHRASE", "correct horse battery")
        .args(["key", "new", "key"])
        .assert()
        .code(0);
}

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn refuses(dir: &Path, line: &str, there: &str) {
    let line = line.replace('@', there);
    palisade(dir)
        .env("PALISADE_PASSPHRASE", "correct horse battery")
        .args(line.split(' '))
        .timeout(SOON)
        .assert()
        .code(2)
        .stderr(
            contains("pipe")
                .or(contains("socket"))
                .or(contains("device"))
                .or(contains("is not a file")),
        );
}

#[test]
fn a_pipe_is_refused_wherever_a_file_is_expected() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    files(dir);
    pipe(&dir.join("pipe"));
    for line in ARGUMENTS {
        refuses(dir, line, "pipe");
    }
}

#[test]
fn sockets_and_devices_are_refused_as_pipes_are() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    files(dir);
    let _socket = UnixListener::bind(dir.join("socket")).unwrap();
    for line in ARGUMENTS {
        // A device of memory never ends.
        for there in ["socket", "/dev/zero"] {
            refuses(dir, line, there);
        }
    }
}

#[test]
fn what_lies_where_a_server_or_tools_keep_files_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    files(dir);
    fs::create_dir(dir.join("data")).unwrap();
    pipe(&dir.join("data/audit.ndjson"));
    palisade(dir)
        .args(["audit", "verify", "--data", "data"])
        .timeout(SOON)
        .assert()
        .code(2)
        .stderr(contains("is a pipe"));
    pipe(&dir.join("auth.json"));
    palisade(dir)
        .env("REGISTRY_AUTH_FILE", dir.join("auth.json"))
        .args(["pack", "pull", "127.0.0.1:1/a/b:1"])
        .timeout(SOON)
        .assert()
        .code(2)
        .stderr(contains("auth.json is a pipe"));
}

#[test]
fn inputs_of_events_may_be_pipes() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    files(dir);
    let input = dir.join("events");
    pipe(&input);
    let line = fs::read(dir.join("flow.ndjson")).unwrap();
    let writes = std::thread::spawn(move || {
        fs::OpenOptions::new()
            .write(true)
            .open(&input)
            .unwrap()
            .write_all(&line)
            .unwrap();
    });
    let run = |input: &str| {
        let mut command = palisade(dir);
        command.args(["run", input, "--plugins", "made.wasm"]);
        command.timeout(SOON);
        command
    };
    run("events").assert().stderr(contains("1 event"));
    writes.join().unwrap();
    run("-")
        .write_stdin(fs::read(dir.join("flow.ndjson")).unwrap())
        .assert()
        .stderr(contains("1 event"));
}
