//! What is measured, one after the other, and printed.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use palisade_benches::logs::{shared_logs, zeek};
use rusqlite::{Connection, OpenFlags};
use serde_json::json;

use crate::feed::{Feed, Load, append};
use crate::site::Site;
use crate::soak;

/// How long and how often.
pub(crate) struct Plan {
    /// Of each measurement.
    pub(crate) seconds: u64,
    pub(crate) swaps: u64,
    pub(crate) kills: u64,
    /// Seconds of a soak, and lines a second of which it has half; 0: measure everything else.
    pub(crate) soak: u64,
    pub(crate) rate: u64,
    /// How often it is measured what evidence costs; 0: measure everything else.
    pub(crate) evidence: u64,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan {
            seconds: 20,
            swaps: 200,
            kills: 10,
            soak: 0,
            rate: 200_000,
            evidence: 0,
        }
    }
}

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;
pub(crate) type Lines = Arc<Vec<Vec<u8>>>;

/// Lines of the log that is read at once.
const AT_ONCE: usize = 2_000_000;

#[expect(clippy::print_stdout, reason = "a benchmark speaks to who runs it")]
pub(crate) fn say(text: &str) {
    println!("{text}");
    let _ = std::io::stdout().flush();
}

/// Measures everything.
pub(crate) fn all(plan: &Plan) -> Result<()> {
    let Some(root) = shared_logs() else {
        say("skipped: the logs of ../shared/data are not there");
        return Ok(());
    };
    let text = zeek(&root, "dns", 40_000)?;
    let lines = text
        .split_inclusive(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec);
    let lines: Lines = Arc::new(lines.collect());
    if plan.soak > 0 {
        return soak::soak(plan, &lines);
    }
    let one = ["dns".to_owned()];
    let folder = Site::new(&one)?;
    say(&format!(
        "fdatasync of 4 KiB here: {}",
        disk(folder.folder.path())?
    ));
    let serve = throughput(&lines)?;
    let most = highest(plan, &lines, serve)?;
    let half = most / 2.0;
    swaps(plan, &lines, half)?;
    for (rate, sources) in [(half, 1), (half, 10), (10.0, 1), (10.0, 10)] {
        latency(plan, &lines, rate, sources)?;
    }
    kills(plan, &lines, half)
}

/// The 50th and 99th of a hundred, and the largest.
fn spread(mut times: Vec<f64>) -> String {
    times.sort_by(f64::total_cmp);
    let at = |part: f64| {
        times.get(((times.len() as f64 * part) as usize).min(times.len().saturating_sub(1)))
    };
    let at = |part| at(part).copied().unwrap_or(f64::NAN);
    format!(
        "p50 {:.3} ms, p99 {:.3} ms, most {:.3} ms",
        at(0.5),
        at(0.99),
        at(1.0)
    )
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn disk(folder: &Path) -> Result<String> {
    let mut file = append(&folder.join("disk"))?;
    let mut times = Vec::new();
    for _ in 0..200 {
        file.write_all(&[7; 4096])?;
        let began = Instant::now();
        file.sync_data()?;
        times.push(milliseconds(began.elapsed()));
    }
    // As the journal is written: a mebibyte at a time, synced.
    let (block, blocks) = (vec![7; 1 << 20], 128);
    let began = Instant::now();
    for _ in 0..blocks {
        file.write_all(&block)?;
        file.sync_data()?;
    }
    let rate = f64::from(blocks) * 1.048_576 / began.elapsed().as_secs_f64();
    Ok(format!("{}; a MiB at a time {rate:.0} MB/s", spread(times)))
}

/// Reads the same log at once with `run` and with `serve`; lines a second of `serve`.
///
/// The log is there as a whole, and comes to its place by a new name: what is measured is reading
/// it and not writing it. It is so long that the fifth of a second by which figures are shown late
/// does not count.
fn throughput(lines: &Lines) -> Result<f64> {
    let mut site = Site::new(&["dns".to_owned()])?;
    let (one, whole) = (site.path("one.log"), site.path("whole.log"));
    let write = |path: &Path, count: usize| -> Result<u64> {
        let mut file = BufWriter::with_capacity(1 << 20, append(path)?);
        for line in lines.iter().cycle().take(count) {
            file.write_all(line)?;
        }
        file.flush()?;
        Ok(std::fs::metadata(path)?.len())
    };
    write(&one, 1)?;
    let bytes = write(&whole, AT_ONCE)?;
    let run = |path: &Path| -> Result<f64> {
        let config = std::fs::read_to_string(site.path("palisade.toml"))?;
        let plugins = config.lines().find(|line| line.starts_with("plugins"));
        let plugins = plugins.unwrap_or_default().split('"').skip(1).step_by(2);
        let mut command = site.command();
        command.args(["--quiet", "run", "--workers", "2", "--format", "ndjson"]);
        for plugin in plugins {
            command.args(["--plugins", plugin]);
        }
        command.arg(path).stdout(std::process::Stdio::null());
        command.stderr(std::process::Stdio::null());
        let began = Instant::now();
        command.status()?;
        Ok(began.elapsed().as_secs_f64())
    };
    // The first compiles.
    run(&one)?;
    let run = AT_ONCE as f64 / (run(&whole)? - run(&one)?);
    site.start()?;
    let began = Instant::now();
    std::fs::rename(&whole, site.path("dns.log"))?;
    until_kept(&site, AT_ONCE as u64)?;
    let serve = AT_ONCE as f64 / began.elapsed().as_secs_f64();
    say(&format!(
        "throughput of {AT_ONCE} lines: run {run:.0} lines/s, serve with its journal {serve:.0} lines/s: {:.0} % of it; journal {:.0} MB/s",
        100.0 * serve / run,
        serve * bytes as f64 / AT_ONCE as f64 / 1e6
    ));
    site.end("-TERM")?;
    Ok(serve)
}

fn events(site: &Site) -> Result<u64> {
    let rows = site.figures("palisade_source_events_total")?;
    let dns = rows.iter().filter(|(labels, _)| labels.contains("dns"));
    Ok(dns.map(|(_, value)| *value as u64).sum())
}

/// Waits until so many lines are evaluated, and all that is evaluated is kept.
pub(crate) fn until_kept(site: &Site, lines: u64) -> Result<()> {
    let began = Instant::now();
    loop {
        let lag = site.figures("palisade_commit_lag_epochs")?;
        if events(site)? >= lines && lag.first().is_some_and(|(_, lag)| *lag == 0.0) {
            return Ok(());
        }
        if began.elapsed() > Duration::from_secs(600) {
            return Err("the server does not keep up; see its stderr".into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The highest rate with a lag under a second, from nine tenths of what is read at once downwards.
fn highest(plan: &Plan, lines: &Lines, throughput: f64) -> Result<f64> {
    let mut rate = throughput * 0.9;
    loop {
        let mut site = Site::new(&["dns".to_owned()])?;
        site.start()?;
        let feed = Feed::start(Load {
            lines: Arc::clone(lines),
            rate,
            files: vec![site.path("dns.log")],
        })?;
        let began = Instant::now();
        let mut lag: f64 = 0.0;
        while began.elapsed() < Duration::from_secs(plan.seconds) && lag < 1.0 {
            std::thread::sleep(Duration::from_millis(250));
            // What is shown is at most 0.2 s old, which counts as lag here.
            let written = feed.written();
            lag = lag.max((written.saturating_sub(events(&site)?)) as f64 / rate);
        }
        feed.stop()?;
        site.end("-TERM")?;
        if lag < 1.0 {
            say(&format!(
                "highest rate: {rate:.0} lines/s over {} s, lag at most {lag:.2} s (of which 0.2 s may be that it is shown late)",
                plan.seconds
            ));
            return Ok(rate);
        }
        rate *= 0.85;
    }
}

/// A numbered event, of which the puppet finds one.
pub(crate) fn mark(number: u64) -> String {
    let [_, a, b, c] = (number as u32).to_be_bytes();
    let time = 1_700_000_000_000 + number * 7;
    let (seconds, milliseconds) = (time / 1000, time % 1000);
    json!({
        "kind": "network.app",
        "time": format!("{}.{milliseconds:03}Z", clock(seconds)),
        "src": {"ip": format!("10.{a}.{b}.{c}")},
        "dst": {"ip": "10.255.0.9"},
        "transport": "tcp",
        "protocol": "p",
        "operation": "find",
        "direction": "request",
    })
    .to_string()
        + "\n"
}

/// A time of 2023-11-14 and the days after, in words of RFC 3339.
fn clock(seconds: u64) -> String {
    let since = seconds - 1_699_920_000;
    let (day, of_day) = (14 + since / 86_400, since % 86_400);
    format!(
        "2023-11-{day:02}T{:02}:{:02}:{:02}",
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60
    )
}

/// How often each number was found.
fn found(site: &Site) -> Result<BTreeMap<String, u64>> {
    let path = site.path("data/findings.sqlite");
    let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let select = "select subject, count(*) from findings where plugin = 'puppet' group by subject";
    let mut select = database.prepare(select)?;
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))?;
    Ok(rows.collect::<std::result::Result<_, _>>()?)
}

/// Waits until the numbered events are found; how many are lost, and how many are there more than once.
pub(crate) fn counted(site: &Site, marks: u64) -> Result<(u64, u64)> {
    let began = Instant::now();
    loop {
        let found = found(site)?;
        let repeated = found.values().filter(|count| **count > 1).count() as u64;
        let lost = marks - (found.len() as u64).min(marks);
        if lost == 0 || began.elapsed() > Duration::from_secs(60) {
            return Ok((lost, repeated));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Swaps the puppet for another version of it, again and again.
fn swaps(plan: &Plan, lines: &Lines, rate: f64) -> Result<()> {
    let mut site = Site::new(&["dns".to_owned()])?;
    site.start()?;
    let versions = [site.version(1)?, site.version(2)?];
    let feed = Feed::start(Load {
        lines: Arc::clone(lines),
        rate,
        files: vec![site.path("dns.log")],
    })?;
    let mut log = append(&site.path("marks.log"))?;
    let mut marks = 0;
    let (mut sections, mut pauses, mut staged, mut took) = (vec![], vec![], vec![], vec![]);
    let mut read = |receipt: &serde_json::Value, began: Instant| {
        took.push(milliseconds(began.elapsed()));
        let time = |value: &serde_json::Value| value.as_f64().unwrap_or(f64::NAN) / 1e6;
        sections.extend(
            receipt["workers_ns"]
                .as_array()
                .into_iter()
                .flatten()
                .map(time),
        );
        pauses.push(time(&receipt["pause_ns"]));
        staged.push(time(&receipt["staged_ns"]));
    };
    for number in 0..plan.swaps {
        for _ in 0..20 {
            log.write_all(mark(marks).as_bytes())?;
            marks += 1;
        }
        let digest = &versions[number as usize % 2];
        let change = json!({"plugins": [{"digest": digest, "origin": "puppet"}]});
        let began = Instant::now();
        let receipt = site.post("/v1/swaps", &change)?;
        read(&receipt, began);
    }
    let began = Instant::now();
    let back = site.post("/v1/rollback", &json!({}))?;
    let whole = milliseconds(began.elapsed());
    let written = feed.stop()?;
    until_kept(&site, written)?;
    let (lost, repeated) = counted(&site, marks)?;
    say(&format!(
        "{} swaps at {rate:.0} lines/s: {lost} of {marks} numbered events lost, {repeated} repeated",
        plan.swaps
    ));
    say(&format!("  adoption on a worker: {}", spread(sections)));
    say(&format!("  pause: {}", spread(pauses)));
    say(&format!("  made ready in: {}", spread(staged)));
    say(&format!(
        "  request until the receipt, synced: {}",
        spread(took)
    ));
    let ns = |name: &str| back[name].as_f64().unwrap_or(f64::NAN) / 1e6;
    say(&format!(
        "  rollback: ready in {:.3} ms, pause {:.3} ms, receipt after {whole:.3} ms",
        ns("staged_ns"),
        ns("pause_ns")
    ));
    site.end("-TERM")?;
    Ok(())
}

/// The upper end of the bucket in which this part of the times lies, in milliseconds.
fn percentile(before: &[(String, f64)], after: &[(String, f64)], part: f64) -> f64 {
    let counts: Vec<f64> = after.iter().zip(before).map(|(a, b)| a.1 - b.1).collect();
    let total = counts.last().copied().unwrap_or_default();
    let at = counts.iter().position(|count| *count >= total * part);
    let label = at
        .and_then(|at| after.get(at))
        .map_or("", |(label, _)| label);
    let end = label.trim_start_matches("{le=\"").trim_end_matches("\"}");
    end.parse::<f64>()
        .map_or(f64::INFINITY, |seconds| seconds * 1e3)
}

/// From when an epoch was read until it is kept.
fn latency(plan: &Plan, lines: &Lines, rate: f64, sources: usize) -> Result<()> {
    let names: Vec<String> = (0..sources).map(|number| format!("dns-{number}")).collect();
    let mut site = Site::new(&names)?;
    site.start()?;
    let feed = Feed::start(Load {
        lines: Arc::clone(lines),
        rate,
        files: names
            .iter()
            .map(|name| site.path(&format!("{name}.log")))
            .collect(),
    })?;
    std::thread::sleep(Duration::from_secs(2));
    let (kept, sync) = (
        "palisade_kept_seconds_bucket",
        "palisade_sync_seconds_bucket",
    );
    let before = (site.figures(kept)?, site.figures(sync)?);
    std::thread::sleep(Duration::from_secs(plan.seconds));
    let after = (site.figures(kept)?, site.figures(sync)?);
    feed.stop()?;
    site.end("-TERM")?;
    let p99 = percentile(&before.0, &after.0, 0.99);
    let synced = percentile(&before.1, &after.1, 0.99);
    say(&format!(
        "kept after, {rate:.0} lines/s, {sources} sources: p50 up to {:.1} ms, p99 up to {p99:.1} ms; sync p99 up to {synced:.1} ms; bound of 50 ms and two syncs: {:.1} ms",
        percentile(&before.0, &after.0, 0.5),
        50.0 + 2.0 * synced
    ));
    Ok(())
}

/// Kills the server at moments that look like chance, every third time while it swaps.
fn kills(plan: &Plan, lines: &Lines, rate: f64) -> Result<()> {
    let mut site = Site::new(&["dns".to_owned()])?;
    site.start()?;
    let versions = [site.version(1)?, site.version(2)?];
    let mut log = append(&site.path("marks.log"))?;
    let (mut marks, mut chance, mut recoveries) = (0, 17_u64, Vec::new());
    for kill in 0..plan.kills {
        let feed = Feed::start(Load {
            lines: Arc::clone(lines),
            rate,
            files: vec![site.path("dns.log")],
        })?;
        chance = chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let lives = Duration::from_millis(200 + (chance >> 33) % 800);
        let began = Instant::now();
        let socket = site.socket();
        let digest = versions[kill as usize % 2].clone();
        let swapping = (kill % 3 == 0).then(|| {
            std::thread::spawn(move || {
                let change = json!({"plugins": [{"digest": digest, "origin": "puppet"}]});
                std::thread::sleep(lives.saturating_sub(Duration::from_millis(10)));
                // It may be killed in the middle, which is what is wanted.
                let _ =
                    crate::http::ask(&socket, "POST", "/v1/swaps", change.to_string().as_bytes());
            })
        });
        while began.elapsed() < lives {
            log.write_all(mark(marks).as_bytes())?;
            marks += 1;
            std::thread::sleep(Duration::from_millis(1));
        }
        site.end("-KILL")?;
        feed.stop()?;
        if let Some(swapping) = swapping {
            let _ = swapping.join();
        }
        recoveries.push(milliseconds(site.start()?));
    }
    let (lost, repeated) = counted(&site, marks)?;
    let said = std::fs::read_to_string(site.path("stderr"))?;
    let differ = said
        .lines()
        .filter(|line| line.contains("made something else be said"))
        .count();
    say(&format!(
        "{} kills at {rate:.0} lines/s, every third in a swap: {lost} of {marks} numbered events lost, {repeated} repeated; {differ} recoveries came to something else; recovery {}",
        plan.kills,
        spread(recoveries)
    ));
    let generation = site.status()?["generation"].clone();
    say(&format!("  generation {generation} runs at the end"));
    site.end("-TERM")?;
    Ok(())
}
