//! A signal ends every command that runs plugins, whatever the plugin does.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::new::new;
use crate::site::flow;
use crate::{here, palisade};

/// Within this a program has ended that was told to.
const SOON: Duration = Duration::from_secs(2);
const TERM: i32 = 15;

/// A pack with one plugin, which never returns from a call, and a vector of many events.
fn spins(dir: &Path) {
    let text = "vendor = \"acme\"\nname = \"local\"\nversion = \"1.0.0\"\ndescription = \"Test\"\n\
                licence = \"MIT\"\nrequirements = []\n";
    fs::write(dir.join("pack.toml"), text).unwrap();
    new(dir, "detector", "c", "spins");
    let file = dir.join("spins/plugin.c");
    let text = fs::read_to_string(&file).unwrap();
    let code = "(void)subscription;\n    for (volatile int i = 0;; i++) {\n    }\n";
    fs::write(&file, text.replace("(void)subscription;", code)).unwrap();
    let events = dir.join("spins/vectors/forbidden-port/events.ndjson");
    let text = fs::read_to_string(&events).unwrap();
    fs::write(&events, text.repeat(2_000)).unwrap();
    flow(&dir.join("flows.ndjson"));
    let text = fs::read_to_string(dir.join("flows.ndjson")).unwrap();
    fs::write(dir.join("flows.ndjson"), text.repeat(20_000)).unwrap();
    for args in [
        &["plugin", "build", "spins"][..],
        &["pack", "build", ".", "--out", "p.tar"],
    ] {
        palisade(dir).args(args).assert().code(0);
    }
    palisade(dir)
        .env("PALISADE_PASSPHRASE", "correct horse battery")
        .args(["key", "new", "key"])
        .assert()
        .code(0);
}

/// How the command ended that was told to while it ran, and how long that took.
fn ended(dir: &Path, args: &[&str], stride: Duration) -> (Option<i32>, Duration) {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("palisade"));
    let mut child = here(&mut command, dir)
        .env("PALISADE_PASSPHRASE", "correct horse battery")
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(stride);
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let asked = Instant::now();
    let status = child.wait().unwrap();
    (status.signal(), asked.elapsed())
}

#[test]
fn every_command_that_runs_plugins_ends_with_a_signal() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    spins(dir);
    for args in [
        &["plugin", "test", "spins"][..],
        &["plugin", "bench", "spins", "--time", "600s"],
        &["pack", "test", "p.tar"],
        &["pack", "certify", "p.tar", "--key", "key"],
        &[
            "pack",
            "diff",
            "p.tar",
            "p.tar",
            "--capture",
            "flows.ndjson",
        ],
    ] {
        // A machine that is busy with something else gets a second and a third chance.
        let seen =
            [800, 1_500, 3_000].map(|stride| ended(dir, args, Duration::from_millis(stride)));
        let good = |(signal, took): &(Option<i32>, Duration)| *signal == Some(TERM) && *took < SOON;
        assert!(seen.iter().any(good), "{args:?}: {seen:?}");
    }
}
