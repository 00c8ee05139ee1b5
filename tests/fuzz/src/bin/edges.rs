//! Tells how many edges of which source files the inputs of a target have reached:
//! `edges EXECUTABLE EDGES PATH…`, where EDGES is what the target wrote for `PALISADE_FUZZ_EDGES`.

use std::collections::BTreeMap;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [executable, edges, paths @ ..] = arguments.as_slice() else {
        eprintln!("usage: edges EXECUTABLE EDGES PATH…");
        return ExitCode::from(2);
    };
    match tell(executable, edges, paths) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("edges: {error}");
            ExitCode::from(2)
        }
    }
}

fn tell(executable: &str, edges: &str, paths: &[String]) -> Result<(), Box<dyn std::error::Error>> {
    let loader = addr2line::Loader::new(executable).map_err(|error| error.to_string())?;
    let mut files: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    for line in std::fs::read_to_string(edges)?.lines() {
        let Some((address, reached)) = line.split_once(' ') else {
            continue;
        };
        let address = u64::from_str_radix(address, 16)?;
        let Ok(mut frames) = loader.find_frames(address) else {
            continue;
        };
        // The innermost: where the code stands, not what it was inlined into.
        let Ok(Some(frame)) = frames.next() else {
            continue;
        };
        let Some(file) = frame.location.and_then(|location| location.file) else {
            continue;
        };
        let file = file.find("host/").map_or(file, |at| &file[at..]);
        let (hit, all) = files.entry(file.to_owned()).or_default();
        *hit += u32::from(reached == "1");
        *all += 1;
    }
    let mut sum = (0, 0);
    for (file, (hit, all)) in &files {
        if paths.iter().any(|path| file.starts_with(path.as_str())) {
            println!("  {hit:6} of {all:6}  {:3} %  {file}", hit * 100 / all);
            sum = (sum.0 + hit, sum.1 + all);
        }
    }
    let percent = (sum.0 * 100).checked_div(sum.1).unwrap_or(0);
    println!("  {:6} of {:6}  {percent:3} %", sum.0, sum.1);
    Ok(())
}
