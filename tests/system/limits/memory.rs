//! What the defaults come to in memory, for machines of several sizes.

use std::fmt::Write as _;

use palisade_pipeline::memory::{EPOCH_INPUT_HELD, Memory, OUTPUT_HELD, PARSED_HELD};

use super::count;

/// Machines that the page tells of, by cores; a run has as many workers.
const CORES: [usize; 3] = [2, 16, 64];

/// A size in the largest unit that it is a whole number of.
pub(super) fn size(bytes: u128) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut whole = bytes;
    while unit + 1 < UNITS.len() && whole >= 1024 && whole.is_multiple_of(1024) {
        whole /= 1024;
        unit += 1;
    }
    format!("{} {}", count(whole), UNITS[unit])
}

pub(super) fn section() -> String {
    let mut text = String::from(
        "\n## What this comes to in memory\n\n\
         The shares of the default for a run with as many workers as cores. What a share bounds may be held several\n\
         times, while one epoch is read, another evaluated and a third put out; all of it together is the total.\n\
         What datasets take, a quarter at most, comes off before everything but the program, guests and calls gets its\n\
         share of the rest. The process that compiles has limits of its own.\n\n\
         | share | held | 2 cores | 16 cores | 64 cores |\n| --- | --- | --- | --- | --- |\n",
    );
    // A share that has no line here does not compile.
    let Memory {
        total: _,
        program: _,
        // By default there are none.
        datasets: _,
        epoch_input: _,
        parsed: _,
        output: _,
        compression: _,
        flows: _,
        reassembly: _,
        fragments: _,
        sessions: _,
        state: _,
        timers: _,
        markings: _,
        guests: _,
        // A part of what all guests have.
        plugin: _,
        calls: _,
    } = Memory::of(None, 2);
    let memories = CORES.map(|cores| Memory::of(None, cores));
    let mut line = |what: &str, held: u64, share: fn(&Memory) -> u64| {
        let sizes = memories.map(|memory| size(share(&memory).into()));
        let times = match held {
            1 => "once".to_owned(),
            more => format!("{more} times"),
        };
        let _ = writeln!(text, "| {what} | {times} | {} |", sizes.join(" | "));
    };
    line("the program", 1, |m| m.program);
    line("packets or records of an epoch", EPOCH_INPUT_HELD, |m| {
        m.epoch_input
    });
    line("what parsers return of an epoch", PARSED_HELD, |m| m.parsed);
    line("what plugins say of an epoch", OUTPUT_HELD, |m| m.output);
    line("windows of compression", 1, |m| m.compression);
    line("flows", 1, |m| m.flows);
    line("TCP data that waits", 1, |m| m.reassembly);
    line("IP fragments", 1, |m| m.fragments);
    line("unknown flows, and what parsers leave over", 1, |m| {
        m.sessions
    });
    line("state tables", 1, |m| m.state);
    line("timers", 1, |m| m.timers);
    line("markings of earlier events", 1, |m| m.markings);
    line("memories and tables of guests", 1, |m| m.guests);
    line("calls under way", 1, |m| m.calls);
    line("**total**", 1, |m| m.total);
    text
}

#[test]
fn sizes_are_told_in_units_that_fit() {
    for (bytes, text) in [
        (240, "240 B"),
        (1500, "1,500 B"),
        (64 << 10, "64 KiB"),
        (1 << 20, "1 MiB"),
        (65_535, "65,535 B"),
        (4 << 30, "4 GiB"),
    ] {
        assert_eq!(size(bytes), text);
    }
}
