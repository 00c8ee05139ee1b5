//! `palisade serve`: logs that are followed, killed and rotated while they grow, with the plugins
//! of `order.rs`. What is in the database at the end is what one run over the whole finds.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use palisade_tests::skip;
use serde_json::Value;

use crate::order::{divided, event};
use crate::site::{Chance, PATIENCE, Site, last, lines, stderr, stop};

#[test]
fn nothing_is_lost_or_repeated_over_kills_and_rotations() {
    let Some(site) = Site::new(&["app.log"]) else {
        return;
    };
    let mut chance = Chance(11);
    let mut whole = String::new();
    let (mut number, mut killed) = (0, 0);
    let kills = std::env::var("PALISADE_KILLS")
        .ok()
        .and_then(|text| text.parse().ok());
    let kills: u64 = kills.unwrap_or(10);
    let mut server = site.start();
    // A line that is only begun when the program is killed.
    let mut begun = String::new();
    while killed < kills {
        let began = Instant::now();
        let lives = Duration::from_millis(50 + chance.below(700));
        while began.elapsed() < lives {
            let count = 1 + chance.below(60);
            let text = lines(&mut chance, number % 20_000, count);
            number += count;
            whole.push_str(&text);
            let (now, later) = text.split_at(text.len() - 1 - chance.below(40) as usize);
            site.append("app.log", &(begun.clone() + now));
            begun = later.to_owned();
            std::thread::sleep(Duration::from_millis(8));
        }
        let output = stop(server, "-KILL");
        assert!(!stderr(&output).contains("panicked"), "{}", stderr(&output));
        killed += 1;
        if killed % 3 == 0 {
            // As logrotate does it, while nobody looks.
            site.append("app.log", &std::mem::take(&mut begun));
            let old = site.path(&format!("app.log.{killed}"));
            std::fs::rename(site.path("app.log"), old).expect("the log is there");
        }
        server = site.start();
    }
    let text = begun + &last();
    whole.push_str(&last());
    site.append("app.log", &text);
    let expected = site.expected("app.log", &whole);
    site.wait_for(expected.len());
    let output = stop(server, "-TERM");
    let stderr = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(!stderr.contains("made something else be said"), "{stderr}");
    let found = site.findings();
    for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
        assert_eq!(found, expected, "finding {at} of {}", expected);
    }
    assert_eq!(found.len(), expected.len());
    // Nothing new is there to be done, and what is done again comes out the same.
    let again = site.start();
    std::thread::sleep(Duration::from_millis(1500));
    let output = stop(again, "-TERM");
    assert!(
        self::stderr(&output).contains("of the journal again"),
        "{}",
        self::stderr(&output)
    );
    assert_eq!(site.findings(), found);
}

#[test]
fn a_file_is_followed_from_before_it_is_there_through_renaming_and_truncation() {
    let Some(site) = Site::new(&["app.log"]) else {
        return;
    };
    let server = site.start();
    std::thread::sleep(Duration::from_millis(300));
    let told = |count: usize| {
        let began = Instant::now();
        let of = || {
            site.findings()
                .into_iter()
                .filter(|f| f["plugin"] == "puppet")
                .count()
        };
        while of() < count {
            assert!(began.elapsed() < PATIENCE, "{} of {count}", of());
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    site.append("app.log", &event(0, 1, "find"));
    told(1);
    // Renamed while its writer still has it open, as logrotate does without `copytruncate`.
    let mut writer = OpenOptions::new()
        .append(true)
        .open(site.path("app.log"))
        .expect("the log");
    std::fs::rename(site.path("app.log"), site.path("app.log.1")).expect("it is renamed");
    site.append("app.log", &event(2000, 2, "find"));
    writer
        .write_all(event(1000, 3, "find").as_bytes())
        .expect("the old log can be written");
    told(3);
    // Truncated in place, as with `copytruncate`.
    File::create(site.path("app.log")).expect("it is truncated");
    std::thread::sleep(Duration::from_millis(300));
    site.append("app.log", &event(3000, 4, "find"));
    told(4);
    let output = stop(server, "-TERM");
    let stderr = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("was truncated at byte"), "{stderr}");
    let puppet = |f: &Value| f["plugin"] == "puppet";
    let subjects: Vec<String> = site
        .findings()
        .into_iter()
        .filter(puppet)
        .map(|f| f["subject"].as_str().unwrap_or_default().to_owned())
        .collect();
    let of = |number: u64| format!("address:10.0.0.{number}");
    assert_eq!(subjects, [of(1), of(3), of(2), of(4)]);
}

#[test]
fn what_cannot_be_served_is_told() {
    let Some(site) = Site::new(&["app.log"]) else {
        return;
    };
    site.append("app.log", &(event(0, 1, "find") + "no event\n" + &last()));
    let server = site.start();
    site.wait_for(4);
    // The data directory has one owner.
    let second = site.command().output().expect("palisade runs");
    assert_eq!(second.status.code(), Some(2));
    assert!(
        stderr(&second).contains("in use by another process"),
        "{}",
        stderr(&second)
    );
    stop(server, "-TERM");
    // Other plugins would make other state of the journal.
    let config = site.path("palisade.toml");
    let text = std::fs::read_to_string(&config).expect("the configuration");
    let divided = format!(", \"{}\"", divided().display());
    std::fs::write(&config, text.replace(&divided, "")).expect("a configuration");
    let other = site.command().output().expect("palisade runs");
    assert_eq!(other.status.code(), Some(2));
    assert!(
        stderr(&other).contains("plugin `divided`: it is removed; its state would be lost"),
        "{}",
        stderr(&other)
    );
    // A journal that has lost what the database knows.
    std::fs::write(&config, &text).expect("a configuration");
    let journal = site.path("data/journal/00000000000000000001.journal");
    std::fs::remove_file(journal).expect("the journal is there");
    let lost = site.command().output().expect("palisade runs");
    assert_eq!(lost.status.code(), Some(2));
    assert!(
        stderr(&lost).contains("a part of the journal is lost"),
        "{}",
        stderr(&lost)
    );
    // What is wrong with a configuration is told with its place.
    for (wrong, says) in [
        (
            text.replace("kind = \"file\"", "kind = \"fiel\""),
            "there is no `fiel` here; did you mean `file`?",
        ),
        (
            text.replace("workers = 2", "workers = \"many\""),
            "[host]: invalid value 'many'",
        ),
        (
            text.replace("workers", "wrokers"),
            "[host]: unexpected argument '--wrokers'",
        ),
        (
            text.replace("[[source]]", "[[sorce]]"),
            "there is no key `sorce` here; did you mean `source`?",
        ),
    ] {
        std::fs::write(&config, wrong).expect("a configuration");
        for command in [["config", "check"].as_slice(), &["serve", "--config"]] {
            let output = Command::new(&site.program)
                .args(command)
                .arg(&config)
                .output();
            let output = output.expect("palisade runs");
            assert_eq!(output.status.code(), Some(2), "{says}");
            assert!(stderr(&output).contains(says), "{}", stderr(&output));
            assert!(
                stderr(&output).contains("palisade.toml"),
                "{}",
                stderr(&output)
            );
        }
    }
}

/// Waits until the server has said something, which it writes to this file.
fn told(path: &Path, says: &str) {
    let began = Instant::now();
    loop {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        if text.contains(says) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "not `{says}`: {text}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn whoever_writes_a_log_harms_no_more_than_it() {
    let Some(site) = Site::new(&["app.log", "wide.log", "other"]) else {
        return;
    };
    let said = site.path("said");
    let to = File::create(&said).expect("a file");
    let mut server = site.command().stderr(to).spawn().expect("palisade runs");
    // What is not there, or no file, is told.
    told(&said, "source `other`");
    assert!(
        Command::new("mkfifo")
            .arg(site.path("other"))
            .status()
            .expect("mkfifo runs")
            .success()
    );
    told(&said, "no regular file");
    // Junk is told, and so is what is no text in UTF-8; files beside a log that only have its name
    // in theirs are not its own.
    site.append("wide.log", "junk\n");
    site.append("app.log.bak", &event(0, 9, "find"));
    site.append("app.log", &(event(0, 1, "find") + "junk\n"));
    site.wait_for(2);
    told(&said, "a record could not be read (1 by now)");
    // A line of 200 MB does not wait in memory for its end.
    let line = "x".repeat(1 << 20);
    for _ in 0..200 {
        site.append("app.log", &line);
    }
    site.append("app.log", &("\n".to_owned() + &event(1000, 2, "find")));
    site.wait_for(4);
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id()));
    let status = status.expect("it runs");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|text| text.trim().trim_end_matches(" kB").parse::<u64>().ok());
    assert!(peak.expect("a peak") < 250_000, "{peak:?} kB");
    // One that is truncated and grows back beyond where it was read is read from its beginning.
    let long = (0..20)
        .map(|at| event(2000 + at, 3, "find"))
        .collect::<String>();
    std::fs::write(site.path("app.log"), &long).expect("the log is truncated");
    site.append("app.log", &"y".repeat(210 << 20));
    site.append("app.log", "\n");
    site.wait_for(4 + 42);
    told(&said, "was truncated");
    assert!(server.try_wait().expect("it can be asked").is_none());
    stop(server, "-TERM");
    // With two of a plugin that rests on the findings of another.
    assert_eq!(site.count(), 46);
    // Nothing of it is otherwise when it is done again.
    let output = stop_after(site.start(), 3_000);
    assert!(
        !stderr(&output).contains("made something else be said"),
        "{}",
        stderr(&output)
    );
    assert_eq!(site.count(), 46);
}

/// Lets a server run for so many milliseconds.
fn stop_after(server: Child, millis: u64) -> Output {
    std::thread::sleep(Duration::from_millis(millis));
    stop(server, "-TERM")
}

#[test]
fn a_journal_that_is_damaged_is_left_as_it_is() {
    let Some(site) = Site::new(&["app.log"]) else {
        return;
    };
    let server = site.start();
    for at in 0..5 {
        site.append("app.log", &event(at * 1000, 1, "find"));
        site.wait_for(2 * (at as usize + 1));
    }
    stop(server, "-TERM");
    let journal = site.path("data/journal/00000000000000000001.journal");
    let mut bytes = std::fs::read(&journal).expect("the journal");
    let at = 16
        + bytes[16..]
            .windows(4)
            .position(|four| four == b"find")
            .expect("an event");
    bytes[at] ^= 1;
    std::fs::write(&journal, &bytes).expect("the journal can be written");
    let output = site.command().output().expect("palisade runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("was kept once and is damaged or gone"),
        "{}",
        stderr(&output)
    );
    assert!(
        std::fs::read(&journal).expect("the journal") == bytes,
        "it is changed"
    );
    // What was there before is served again once the disk is mended.
    bytes[at] ^= 1;
    std::fs::write(&journal, &bytes).expect("the journal can be written");
    let output = stop_after(site.start(), 1_500);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    // A data directory that others may write to is nobody's own.
    let open = Command::new("chmod")
        .arg("1777")
        .arg(site.path("data"))
        .status();
    assert!(open.expect("chmod runs").success());
    let output = site.command().output().expect("palisade runs");
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}

#[test]
fn standard_input_is_served_until_it_ends() {
    let Some(site) = Site::new(&[]) else { return };
    let config = site.path("palisade.toml");
    let text = std::fs::read_to_string(&config).expect("the configuration");
    let stdin = "[[source]]\nname = \"pipe\"\nkind = \"stdin\"\ntenant = \"acme\"\n";
    std::fs::write(&config, text + stdin).expect("a configuration");
    let mut server = site
        .command()
        .stdin(Stdio::piped())
        .spawn()
        .expect("palisade runs");
    let mut pipe = server.stdin.take().expect("a pipe");
    pipe.write_all(event(0, 1, "find").as_bytes())
        .expect("the pipe is open");
    // It is there while the pipe is still open.
    site.wait_for(2);
    pipe.write_all(last().trim_end().as_bytes())
        .expect("the pipe is open");
    drop(pipe);
    let output = server.wait_with_output().expect("palisade ends");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let found = site.findings();
    assert_eq!(found.len(), 4);
    assert!(found.iter().all(|finding| finding["tenant"] == "acme"));
}

#[test]
fn a_full_disk_stops_the_intake_and_nothing_is_lost() {
    let Some(site) = Site::new(&["app.log"]) else {
        return;
    };
    let data = site.path("data");
    std::fs::create_dir(&data).expect("a folder");
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs"])
        .arg(&data)
        .output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        skip("no file system can be mounted here");
        return;
    }
    /// Takes the file system away whatever happens.
    struct Mounted(PathBuf);
    impl Drop for Mounted {
        fn drop(&mut self) {
            let _ = Command::new("umount").arg("-l").arg(&self.0).status();
        }
    }
    let _mounted = Mounted(data.clone());
    let config = site.path("palisade.toml");
    let small = "[evidence]\nsegment_bytes = 1048576\nmax_bytes = 2097152\n";
    let text = std::fs::read_to_string(&config).expect("the configuration");
    std::fs::write(&config, text + small).expect("a configuration");
    let mut server = site.start();
    let mut whole = lines(&mut Chance(3), 0, 200);
    site.append("app.log", &whole);
    site.wait_for(100);
    let filler = data.join("filler");
    fill(&filler);
    let more = lines(&mut Chance(5), 200, 6_000);
    site.append("app.log", &more);
    whole.push_str(&more);
    std::thread::sleep(Duration::from_secs(2));
    assert!(
        server.try_wait().expect("it can be asked").is_none(),
        "it waits for room"
    );
    let stuck = site.count();
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(site.count(), stuck);
    // There is room again: it goes on by itself.
    Command::new("mount")
        .args(["-o", "remount,size=64m"])
        .arg(&data)
        .status()
        .expect("it becomes larger");
    std::fs::remove_file(&filler).expect("the filler is there");
    site.append("app.log", &last());
    whole.push_str(&last());
    let expected = site.expected("app.log", &whole);
    site.wait_for(expected.len());
    let output = stop(server, "-TERM");
    let stderr = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(
        stderr.contains("nothing more is taken in until there is room"),
        "{stderr}"
    );
    assert_eq!(site.findings(), expected);
}

/// Takes all the room that there is.
fn fill(path: &Path) {
    let mut file = File::create(path).expect("a file");
    let mut block = vec![7; 1 << 16];
    while !block.is_empty() {
        if file.write_all(&block).is_err() {
            block.truncate(block.len() / 2);
        }
    }
}
