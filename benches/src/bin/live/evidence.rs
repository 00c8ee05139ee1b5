//! What it costs to keep evidence: processor time of whole servers that read the same log, with it
//! and without it, in turn.

use std::fs::File;
use std::io::{Error, Write as _};
use std::process::Stdio;

use palisade_benches::logs::{shared_logs, zeek};

use crate::measure::{Result, say};
use crate::site::Site;

/// Lines of each log.
const LINES: usize = 60_000;
/// How often the logs are read one after the other in a run.
const TIMES: usize = 6;

/// Runs servers with evidence, without its check, and with neither, so many times each.
pub(crate) fn measure(runs: u64) -> Result<()> {
    let Some(root) = shared_logs() else {
        say("skipped: the logs of ../shared/data are not there");
        return Ok(());
    };
    for log in ["dns", "ssl"] {
        let text = zeek(&root, log, LINES)?;
        let cases = [
            ("without evidence", "enabled = false"),
            ("with evidence, unchecked", "check_per_second = 0"),
            ("with evidence", ""),
        ];
        let mut times = [const { Vec::new() }; 3];
        let mut found = 0;
        for _ in 0..runs {
            for ((_, options), times) in cases.iter().zip(&mut times) {
                let (seconds, findings) = once(&text, options)?;
                times.push(seconds);
                found = findings;
            }
        }
        let median = |times: &mut Vec<f64>| {
            times.sort_by(f64::total_cmp);
            times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
        };
        let base = median(&mut times[0]);
        say(&format!("Zeek {log}, {TIMES} times: {found} findings"));
        for ((name, _), times) in cases.iter().zip(&mut times) {
            let seconds = median(times);
            say(&format!(
                "  {name}: {seconds:.2} s of processor time, {:.3} of that without",
                seconds / base
            ));
        }
    }
    Ok(())
}

/// Processor time of a server that reads a log from its standard input to the end, and what it found.
fn once(text: &[u8], options: &str) -> Result<(f64, u64)> {
    let site = Site::new(&[])?;
    let path = site.path("palisade.toml");
    let config = std::fs::read_to_string(&path)?;
    let (head, _) = config.split_once("[[source]]").ok_or("no source")?;
    let stdin = "[[source]]\nname = \"log\"\nkind = \"stdin\"\n";
    std::fs::write(&path, format!("{head}[evidence]\n{options}\n{stdin}"))?;
    let input = site.path("input");
    let mut file = File::create(&input)?;
    (0..TIMES).try_for_each(|_| file.write_all(text))?;
    let before = children()?;
    let mut command = site.command();
    command.args(["--quiet", "serve", "--config"]).arg(&path);
    let status = command
        .stdin(File::open(&input)?)
        .stderr(Stdio::null())
        .status()?;
    if !status.success() {
        return Err("the server did not end well".into());
    }
    let seconds = children()? - before;
    let database = rusqlite::Connection::open(site.path("data/findings.sqlite"))?;
    let count = "select count(*) from findings";
    let findings: i64 = database.query_row(count, [], |row| row.get(0))?;
    Ok((seconds, u64::try_from(findings)?))
}

/// Seconds of processor time of all children that have ended.
fn children() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    let (_, rest) = text.rsplit_once(") ").ok_or("no stat")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    // The 16th and 17th of all, in hundredths of a second.
    let ticks = |at: usize| -> Result<f64> {
        let field = fields.get(at).ok_or_else(|| Error::other("no stat"))?;
        Ok(field.parse::<f64>()?)
    };
    Ok((ticks(13)? + ticks(14)?) / 100.0)
}
