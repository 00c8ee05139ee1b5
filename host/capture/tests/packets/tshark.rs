//! An independent dissector to compare with, and captures to compare on.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The third-party captures beside the repository, or `None` with a message.
pub(crate) fn captures() -> Option<Vec<PathBuf>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.join("../../../shared/data/pcap");
    let sample = std::fs::read_to_string(here.join("../../tests/captures/sample.txt")).unwrap();
    let mut files = Vec::new();
    for name in sample.lines() {
        let path = root.join(name);
        if path.is_file() {
            files.push(path);
        } else {
            collect(&path, &mut files);
        }
    }
    if files.is_empty() {
        println!("skipped: no captures under {}", root.display());
        return None;
    }
    files.sort();
    Some(files)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path
            .extension()
            .is_some_and(|e| e == "pcap" || e == "pcapng")
        {
            files.push(path);
        }
    }
}

/// What tshark prints, a line each, or `None` with a message where there is no tshark.
pub(crate) fn lines(file: &Path, arguments: &[&str]) -> Option<Vec<String>> {
    let output = Command::new("tshark")
        .arg("-r")
        .arg(file)
        .args(arguments)
        .output();
    match output {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            Some(text.lines().map(str::to_owned).collect())
        }
        Err(e) => {
            println!("skipped: tshark does not run ({e})");
            None
        }
    }
}

/// Fields of each packet, the first occurrence of each.
pub(crate) fn fields(file: &Path, names: &[&str]) -> Option<Vec<Vec<String>>> {
    let mut arguments = vec!["-n", "-T", "fields", "-E", "occurrence=f"];
    arguments.extend(["--enable-protocol", "communityid"]);
    for name in names {
        arguments.extend(["-e", name]);
    }
    let lines = lines(file, &arguments)?;
    let split = |line: String| line.split('\t').map(str::to_owned).collect();
    Some(lines.into_iter().map(split).collect())
}
