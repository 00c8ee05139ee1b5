//! The program as a process of its own: what it takes of memory and of time.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use palisade_tests::root;

use crate::compiling::program;

/// A folder of its own with `palisade run`'s settings and inputs.
pub(crate) struct Room {
    folder: tempfile::TempDir,
}

impl Room {
    pub(crate) fn new() -> Room {
        Room {
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).expect("a file can be written");
        path
    }

    /// `palisade run` on two workers, with a guest of `tests/hostile` that does as it is told.
    /// `None`: not built.
    pub(crate) fn run(&self, guest: &Guest, input: &Path, more: &[&str]) -> Option<Command> {
        let settings = format!(
            "[{}]\nact = \"{}\"\namount = {}\n{}",
            guest.name,
            guest.act,
            guest.amount,
            guest
                .when
                .map_or(String::new(), |when| format!("when = \"{when}\"\n")),
        );
        let component = match &guest.component {
            Some(bytes) => self.file("guest.wasm", bytes),
            None => {
                let file = format!("hostile/hostile/{}.wasm", guest.name);
                crate::stage::component(&file)?;
                root().join("target").join(file)
            }
        };
        let mut command = Command::new(program()?);
        command
            .args(["--quiet", "--format", "ndjson", "run", "--workers", "2"])
            .arg("--plugins")
            .arg(component)
            .arg("--settings")
            .arg(self.file("settings.toml", settings.as_bytes()))
            .arg("--summary")
            .arg(self.folder.path().join("summary.json"))
            // A parser alone is run for what it yields.
            .args(["--events", "/dev/null"])
            .args(more)
            .arg(input)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        Some(command)
    }

    /// The summary of the run.
    pub(crate) fn summary(&self) -> serde_json::Value {
        let text = std::fs::read(self.folder.path().join("summary.json")).expect("a summary");
        serde_json::from_slice(&text).expect("the summary is JSON")
    }
}

/// A guest and what it does.
pub(crate) struct Guest {
    pub(crate) name: &'static str,
    pub(crate) act: &'static str,
    pub(crate) amount: u64,
    pub(crate) when: Option<&'static str>,
    /// Another component than the one of this name.
    pub(crate) component: Option<Vec<u8>>,
}

impl Guest {
    pub(crate) fn detector(act: &'static str, amount: u64, when: &'static str) -> Guest {
        Guest {
            name: "hostile",
            act,
            amount,
            when: Some(when),
            component: None,
        }
    }

    pub(crate) fn parser(act: &'static str, amount: u64) -> Guest {
        Guest {
            name: "hostile-parser",
            act,
            amount,
            when: None,
            component: None,
        }
    }
}

/// How a process ended.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stderr: String,
    /// The most bytes that were resident at a time, as the kernel counts.
    pub(crate) peak: u64,
    /// When it was seen to have ended.
    pub(crate) at: Instant,
}

/// Runs a command to its end, looking at its memory all the while.
pub(crate) fn measured(command: &mut Command) -> Ended {
    watch(command.spawn().expect("palisade runs"))
}

/// Waits for a process, looking at its memory all the while.
pub(crate) fn watch(mut child: Child) -> Ended {
    let status = format!("/proc/{}/status", child.id());
    let mut pipe = child.stderr.take().expect("a pipe");
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // A flood of messages is cut, and read on so that nobody waits for it.
        let _ = (&mut pipe).take(1 << 20).read_to_end(&mut bytes);
        let _ = std::io::copy(&mut pipe, &mut std::io::sink());
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let mut peak = 0;
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let kibibytes = text.lines().find_map(|line| {
            let line = line.strip_prefix("VmHWM:")?.strip_suffix("kB")?;
            line.trim().parse::<u64>().ok()
        });
        peak = kibibytes.map_or(peak, |kibibytes| peak.max(kibibytes << 10));
        if let Some(status) = child.try_wait().expect("the child can be waited for") {
            let at = Instant::now();
            let stderr = reader.join().expect("the reader ends");
            return Ended {
                status,
                stderr,
                peak,
                at,
            };
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Flows as records, between other hosts each.
pub(crate) fn flows(count: u32) -> Vec<u8> {
    let flow = |n: u32| {
        format!(
            "{{\"kind\":\"network.flow\",\"time\":\"2025-06-01T10:00:00Z\",\"src\":{{\"ip\":\
             \"10.0.{}.{}\"}},\"dst\":{{\"ip\":\"192.0.2.1\",\"port\":{}}},\"phase\":\"end\",\
             \"transport\":\"tcp\",\"direction\":\"unknown\",\"started\":\"2025-06-01T10:00:00Z\",\
             \"ended\":\"2025-06-01T10:00:00Z\",\"pkts_out\":1,\"pkts_in\":1,\"bytes_out\":1,\
             \"bytes_in\":1,\"syn_only_pkts\":0}}\n",
            n >> 8 & 255,
            n & 255,
            1 + n % 65_000
        )
    };
    (0..count).map(flow).collect::<String>().into_bytes()
}
