//! `make live`: what `palisade serve` does under load, measured on the program itself.
//!
//! A generator appends Zeek's DNS log to files at a set rate, on the same machine; beside it goes
//! a log of numbered events, of which the puppet of `tests/` finds each once, so that a
//! lost or repeated one shows. All first-party packs run. Arguments: `--seconds N` of each
//! measurement (default 20), `--swaps N` (default 200), `--kills N` (default 10). `--soak N`: nothing but
//! N seconds at half of the rate `--rate N`, with a swap every 10 s, and whether anything grows.
//! `--evidence N`: nothing but what evidence costs, N times each.

mod evidence;
mod feed;
mod http;
mod measure;
mod site;
mod soak;

use std::process::ExitCode;

use measure::Plan;

#[expect(clippy::print_stderr, reason = "a benchmark speaks to who runs it")]
fn main() -> ExitCode {
    let mut plan = Plan::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().and_then(|text| text.parse().ok());
        match (&*name, value) {
            ("--seconds", Some(value)) => plan.seconds = value,
            ("--swaps", Some(value)) => plan.swaps = value,
            ("--kills", Some(value)) => plan.kills = value,
            ("--soak", Some(value)) => plan.soak = value,
            ("--rate", Some(value)) => plan.rate = value,
            ("--evidence", Some(value)) => plan.evidence = value,
            _ => {
                eprintln!(
                    "write --seconds, --swaps, --kills, --soak, --rate or --evidence with a number"
                );
                return ExitCode::from(2);
            }
        }
    }
    let done = match plan.evidence {
        0 => measure::all(&plan),
        runs => evidence::measure(runs),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}
