//! What the defaults come to in memory, for machines of several sizes.

use std::fmt::Write as _;

use super::{Table, count};

/// What a flow takes, in bytes: some 600 in the flow table, and the rest in the events that all
/// flows become at once when the input ends. `peaks.rs` measures it.
pub(super) const FLOW: u128 = 2880;

/// Machines that the page tells of, by cores; a run has as many workers.
const CORES: [u128; 3] = [2, 16, 64];

/// How often a limit can be reached at once.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Per {
    /// Once.
    Run,
    /// Once for each plugin with state.
    Plugin,
    /// Once for each worker.
    Worker,
    /// So many on each worker.
    WorkerTimes(u128),
    /// Two: one is read while another is evaluated.
    Epoch,
}

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

pub(super) fn section(table: &Table) -> String {
    let amount = |name: &str| {
        let found = table.rows.iter().find(|row| row.name == name);
        found.map_or(0, |row| row.amount.unsigned_abs())
    };
    let instances = amount("worker::MAX_INSTANCES");
    let lines = [
        ("flows", Per::Run, amount("flow.max_flows") * FLOW),
        (
            "TCP data that waits",
            Per::Run,
            amount("flow.reassembly.total_bytes"),
        ),
        ("IP fragments", Per::Run, amount("flow.fragments.bytes")),
        (
            "records of an epoch",
            Per::Epoch,
            amount("engine.epoch") * amount("limits.max_record"),
        ),
        ("a dataset's file", Per::Run, amount("dataset.bytes")),
        (
            "state of a plugin",
            Per::Plugin,
            amount("tables::DEFAULT_BYTES"),
        ),
        (
            "the instance of a detector",
            Per::Worker,
            amount("limits.memory"),
        ),
        (
            "the instances of a parser",
            Per::WorkerTimes(instances),
            amount("limits.memory"),
        ),
        (
            "what a call returns",
            Per::Worker,
            amount("limits.lifted_bytes") + amount("limits.finding_bytes"),
        ),
        (
            "compiling, in a child process",
            Per::Run,
            amount("compile.memory"),
        ),
    ];
    let mut text = String::from(
        "\n## What this comes to in memory\n\n\
         The most that each can take, for a run with as many workers as cores. Attacks reach some of these and not all\n\
         at once: an instance has the memory that it grew to, a dataset the size that its file has.\n\n\
         | what | how often | 2 cores | 16 cores | 64 cores |\n| --- | --- | --- | --- | --- |\n",
    );
    for (what, per, bytes) in lines {
        assert_ne!(bytes, 0, "{what} has a limit");
        let (often, times): (String, [u128; 3]) = match per {
            Per::Run => ("once".into(), [1; 3]),
            Per::Plugin => ("each plugin".into(), [1; 3]),
            Per::Epoch => ("twice".into(), [2; 3]),
            Per::Worker => ("each plugin and worker".into(), CORES),
            Per::WorkerTimes(n) => (format!("{n} for each worker"), CORES.map(|cores| cores * n)),
        };
        let sizes = times.map(|times| size(times * bytes));
        let _ = writeln!(text, "| {what} | {often} | {} |", sizes.join(" | "));
    }
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
