//! A run that is asked to end does so soon, whatever its guests do, and says what it left.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::peaks::flood;
use crate::process::{Ended, Guest, Room, flows, watch};

/// Within this the run has ended.
const SOON: Duration = Duration::from_secs(2);

fn terminate(id: u32) {
    let killed = Command::new("kill")
        .args(["-TERM", &id.to_string()])
        .status();
    assert!(killed.expect("kill runs").success());
}

/// Starts the run, lets it come into its stride, and asks it to end; how it ended, and how long
/// that took.
fn ended(
    guest: &Guest,
    input: &[u8],
    (name, more): (&str, &[&str]),
    stride: Duration,
) -> Option<(Ended, Duration)> {
    let room = Room::new();
    let input = room.file(name, input);
    let child = room
        .run(guest, &input, more)?
        .spawn()
        .expect("palisade runs");
    std::thread::sleep(stride);
    terminate(child.id());
    let asked = Instant::now();
    let ended = watch(child);
    let took = ended.at - asked;
    Some((ended, took))
}

/// The run ends soon, with exit code 2, and says that something was not evaluated. A machine
/// that is busy with something else gets a second and a third chance.
fn ends_soon(guest: &Guest, input: &[u8], name: &str, more: &[&str]) {
    let mut seen = String::new();
    for stride in [800, 1_500, 3_000] {
        let stride = Duration::from_millis(stride);
        let Some((ended, took)) = ended(guest, input, (name, more), stride) else {
            return;
        };
        let told = "was ended before everything that was read was evaluated";
        if ended.status.code() == Some(2) && ended.stderr.contains(told) && took < SOON {
            return;
        }
        seen.push_str(&format!("{took:?}, {:?}: {}\n", ended.status, ended.stderr));
    }
    panic!("{}: {seen}", guest.act);
}

/// How many rounds of the guest's loop take a little less than a call may.
fn slow() -> Option<u64> {
    const ROUNDS: u64 = 20_000_000;
    let room = Room::new();
    let input = room.file("one.ndjson", &flows(1));
    let guest = Guest::detector("spin", ROUNDS, "evaluate");
    let ended = watch(
        room.run(&guest, &input, &[])?
            .spawn()
            .expect("palisade runs"),
    );
    assert!(
        matches!(ended.status.code(), Some(0 | 1)),
        "{}",
        ended.stderr
    );
    let time = room.summary()["plugins"][0]["time"]
        .as_u64()
        .expect("a time");
    Some((ROUNDS as f64 * 200e6 / time as f64) as u64)
}

/// Small epochs: each has a time of its own, and so the run would take minutes.
const EPOCHS: [&str; 2] = ["--epoch", "64"];

#[test]
fn under_slow_calls() {
    let Some(amount) = slow() else { return };
    let guest = Guest::detector("spin", amount, "evaluate");
    let more = [&EPOCHS[..], &["--batch-rows", "1"]].concat();
    ends_soon(&guest, &flows(20_000), "flows.ndjson", &more);
}

#[test]
fn under_slow_calls_that_are_made_again() {
    let Some(amount) = slow() else { return };
    let guest = Guest::detector("slow-retraction", amount, "evaluate");
    ends_soon(&guest, &flows(20_000), "flows.ndjson", &EPOCHS);
}

#[test]
fn under_calls_without_end() {
    let guest = Guest::detector("spin", i64::MAX as u64, "evaluate");
    ends_soon(&guest, &flows(20_000), "flows.ndjson", &EPOCHS);
}

#[test]
fn under_slow_starts() {
    let Some(amount) = slow() else { return };
    let guest = Guest::detector("spin", amount, "configure");
    let more = [&EPOCHS[..], &["--fresh-instances", "--batch-rows", "1"]].concat();
    ends_soon(&guest, &flows(20_000), "flows.ndjson", &more);
}

#[test]
fn under_slow_parsers() {
    let Some(amount) = slow() else { return };
    let input = flood(40_000, b"a datagram");
    for act in ["spin", "probe-spin"] {
        let guest = Guest::parser(act, amount);
        // Compiles it.
        ended(
            &Guest::parser("nothing", 0),
            &flood(1, b"one"),
            ("one.pcap", &[]),
            Duration::from_secs(3),
        );
        ends_soon(&guest, &input, "flood.pcap", &[]);
    }
}

#[test]
fn in_an_input_that_says_nothing() {
    let room = Room::new();
    let guest = Guest::detector("nothing", 0, "evaluate");
    for first in [flows(1), Vec::new()] {
        let Some(mut command) = room.run(&guest, "-".as_ref(), &[]) else {
            return;
        };
        let mut child = command
            .stdin(Stdio::piped())
            .spawn()
            .expect("palisade runs");
        let mut input = child.stdin.take().expect("a pipe");
        input.write_all(&first).expect("the pipe is open");
        std::thread::sleep(Duration::from_millis(1_000));
        terminate(child.id());
        let asked = Instant::now();
        let ended = watch(child);
        drop(input);
        assert!(ended.at - asked < 2 * SOON, "{:?}", ended.at - asked);
        // What was read was evaluated; where nothing was, the signal ends the program.
        let expected = if first.is_empty() { None } else { Some(1) };
        assert_eq!(ended.status.code(), expected, "{}", ended.stderr);
    }
}

#[test]
fn the_second_signal_ends_the_program() {
    let room = Room::new();
    let input = room.file("flows.ndjson", &flows(20_000));
    let guest = Guest::detector("spin", i64::MAX as u64, "evaluate");
    let Some(mut command) = room.run(&guest, &input, &EPOCHS) else {
        return;
    };
    let child = command.spawn().expect("palisade runs");
    std::thread::sleep(Duration::from_millis(1_500));
    terminate(child.id());
    std::thread::sleep(Duration::from_millis(50));
    terminate(child.id());
    let ended = watch(child);
    assert_eq!(ended.status.code(), None, "{}", ended.stderr);
}
