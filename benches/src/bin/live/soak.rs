//! A server under load for long: nothing of it may grow.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::feed::{Feed, Load, append};
use crate::measure::{Lines, Plan, Result, counted, mark, say, until_kept};
use crate::site::Site;

/// How often something is swapped.
const SWAP: Duration = Duration::from_secs(10);

/// What a process holds.
struct Held {
    resident: u64,
    files: usize,
    threads: usize,
}

fn held(pid: u32) -> Result<Held> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let number = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let word = line.and_then(|line| line.split_whitespace().next());
        word.and_then(|word| word.parse::<u64>().ok()).unwrap_or(0)
    };
    Ok(Held {
        resident: number("VmRSS:") / 1024,
        files: std::fs::read_dir(format!("/proc/{pid}/fd"))?.count(),
        threads: number("Threads:") as usize,
    })
}

fn mean(values: &[u64]) -> f64 {
    values.iter().sum::<u64>() as f64 / values.len().max(1) as f64
}

/// Half of the rate for so many seconds, with a swap every ten.
pub(crate) fn soak(plan: &Plan, lines: &Lines) -> Result<()> {
    let mut site = Site::new(&["dns".to_owned()])?;
    // What is kept of the journal must not be all of the disk.
    let log = site.path("dns.log");
    site.start()?;
    let pid = site.pid().ok_or("the server has ended")?;
    let versions = [site.version(1)?, site.version(2)?];
    let rate = plan.rate as f64 / 2.0;
    let mut feed = Feed::start(Load {
        lines: Arc::clone(lines),
        rate,
        files: vec![log.clone()],
    })?;
    let mut marks_log = append(&site.path("marks.log"))?;
    let (mut marks, mut swaps, mut written) = (0, 0_usize, 0);
    let (mut resident, mut files, mut threads) = (Vec::new(), Vec::new(), Vec::new());
    let began = Instant::now();
    let mut swapped = began;
    while began.elapsed() < Duration::from_secs(plan.soak) {
        marks_log.write_all(mark(marks).as_bytes())?;
        marks += 1;
        std::thread::sleep(Duration::from_millis(100));
        if swapped.elapsed() >= SWAP {
            swapped = Instant::now();
            let digest = &versions[swaps % 2];
            site.post(
                "/v1/swaps",
                &json!({"plugins": [{"digest": digest, "origin": "puppet"}]}),
            )?;
            swaps += 1;
            let held = held(pid)?;
            resident.push(held.resident);
            files.push(held.files);
            threads.push(held.threads);
            if swaps % 6 == 0 {
                // As logrotate does it; what was read is removed, for it would fill the disk.
                written += feed.stop()?;
                std::fs::rename(&log, site.path("dns.log.1"))?;
                feed = Feed::start(Load {
                    lines: Arc::clone(lines),
                    rate,
                    files: vec![log.clone()],
                })?;
            }
        }
    }
    written += feed.stop()?;
    until_kept(&site, written)?;
    let (lost, repeated) = counted(&site, marks)?;
    let quarter = (resident.len() / 4).max(1);
    let part = |at: usize| resident.get(at * quarter..((at + 1) * quarter).min(resident.len()));
    let (second, last) = (part(1).map_or(0.0, mean), part(3).map_or(0.0, mean));
    let faults = site.status()?["faults"].clone();
    say(&format!(
        "soak of {} s at {rate:.0} lines/s: {swaps} swaps, {written} lines, {faults} faults; {lost} of {marks} \
         numbered events lost, {repeated} repeated",
        plan.soak
    ));
    say(&format!(
        "  resident: second quarter {second:.0} MiB, last {last:.0} MiB ({:+.1} %), most {} MiB",
        100.0 * (last / second - 1.0),
        resident.iter().max().copied().unwrap_or_default()
    ));
    let ends = |values: &[usize]| format!("{:?} to {:?}", values.first(), values.last());
    say(&format!(
        "  files {}, threads {}",
        ends(&files),
        ends(&threads)
    ));
    site.end("-TERM")?;
    Ok(())
}
