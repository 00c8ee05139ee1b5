//! A server that is killed between any two steps of a commit: before each of its writes, each of
//! its syncs and each of its renames, one after the other. strace counts them and sends the signal
//! before the call is made, so that no chance decides which step it is.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use palisade_tests::skip;

use crate::site::{Chance, Site, last, lines, stderr, stop};

/// What a commit is made of, and before how many of each a server is killed. Each thread counts for
/// itself, and the one that starts the server makes some of them too: the first few are of that.
const STEPS: [(&str, u64); 5] = [
    // The records of the journal and of the evidence.
    ("write,writev", 8),
    // The pages of the database and of its log.
    ("pwrite64,pwritev", 16),
    // All of these.
    ("fdatasync,fsync", 10),
    // Segments that are made and cut.
    ("ftruncate,fallocate", 2),
    ("rename,renameat,renameat2,linkat,unlink,unlinkat", 2),
];

/// How long a server has to come to the step at which it is killed.
const REACHED: Duration = Duration::from_secs(6);

#[test]
fn nothing_is_lost_or_repeated_whatever_step_of_a_commit_is_the_last() {
    if Command::new("strace").arg("-V").output().is_err() {
        skip("strace is not there");
        return;
    }
    let Some(site) = Site::new(&["app.log"]) else {
        return;
    };
    let mut chance = Chance(23);
    let mut whole = String::new();
    let (mut number, mut killed, mut passed) = (0, 0, 0);
    for (calls, most) in STEPS {
        for step in 1..=most {
            // From the start of the server, which does the journal again and then goes on.
            let server = site.command();
            let mut traced = Command::new("strace");
            traced
                .args(["-f", "-qqq", "-e", "signal=none", "-e"])
                .arg(format!("trace={calls}"))
                .arg("-e")
                .arg(format!("inject={calls}:signal=KILL:when={step}"))
                .args(["-o", "/dev/null"])
                .arg(server.get_program())
                .args(server.get_args())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::piped());
            let mut server = traced.spawn().expect("strace runs");
            let began = Instant::now();
            let ended = loop {
                if let Some(ended) = server.try_wait().expect("it can be asked") {
                    break Some(ended);
                }
                if began.elapsed() > REACHED {
                    break None;
                }
                let count = 1 + chance.below(20);
                let text = lines(&mut chance, number % 20_000, count);
                number += count;
                whole.push_str(&text);
                site.append("app.log", &text);
                std::thread::sleep(Duration::from_millis(10));
            };
            match ended {
                Some(ended) if ended.signal() == Some(9) => killed += 1,
                Some(ended) => {
                    let output = server.wait_with_output().expect("it has ended");
                    panic!("{calls}, {step}: {ended}: {}", stderr(&output));
                }
                // It never makes so many of these calls.
                None => {
                    passed += 1;
                    // The server, and not strace, which would let it go on.
                    let parent = server.id().to_string();
                    let sent = Command::new("pkill")
                        .args(["-KILL", "-P", &parent])
                        .status();
                    // It may have come to the step just now.
                    sent.expect("pkill runs");
                    server.wait().expect("strace ends with it");
                }
            }
        }
    }
    assert!(killed >= 20, "{killed} killed, {passed} not");
    let server = site.start();
    site.append("app.log", &last());
    whole.push_str(&last());
    let expected = site.expected("app.log", &whole);
    site.wait_for(expected.len());
    let output = stop(server, "-TERM");
    let stderr = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(!stderr.contains("made something else be said"), "{stderr}");
    let found = site.findings();
    for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
        assert_eq!(found, expected, "finding {at}");
    }
    assert_eq!(found.len(), expected.len());
}
