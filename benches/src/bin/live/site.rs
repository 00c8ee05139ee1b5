//! A server with its folder.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::http::ask;

/// The first-party packs.
const PACKS: [&str; 5] = [
    "cdn-abuse",
    "intel-detect",
    "intel-sharing",
    "iot-protocols",
    "vuln-disclosure",
];

/// A server.
pub(crate) struct Site {
    pub(crate) folder: tempfile::TempDir,
    root: PathBuf,
    child: Option<Child>,
}

impl Site {
    /// A folder with a configuration for these sources.
    pub(crate) fn new(sources: &[String]) -> io::Result<Site> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("..")
            .canonicalize()?;
        let folder = tempfile::tempdir_in(root.join("target"))?;
        let at = folder.path().display();
        let mut plugins: Vec<String> = PACKS
            .iter()
            .map(|pack| format!("target/plugins/{pack}"))
            .collect();
        plugins.push("target/puppet".to_owned());
        let plugins: Vec<String> = plugins
            .iter()
            .map(|plugin| format!("\"{}\"", root.join(plugin).display()))
            .collect();
        let mut text = format!(
            "data = \"{at}/data\"\n[host]\nplugins = [{}]\nworkers = 2\n",
            plugins.join(", ")
        );
        for name in sources.iter().map(String::as_str).chain(["marks"]) {
            text += &format!(
                "[[source]]\nname = \"{name}\"\nkind = \"file\"\npath = \"{at}/{name}.log\"\n"
            );
        }
        std::fs::write(folder.path().join("palisade.toml"), text)?;
        Ok(Site {
            folder,
            root,
            child: None,
        })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(self.root.join("target/release/palisade"));
        command.current_dir(&self.root);
        command
    }

    /// Starts the server and waits until it follows its sources; how long that took.
    pub(crate) fn start(&mut self) -> io::Result<Duration> {
        let began = Instant::now();
        let log = std::fs::File::options()
            .append(true)
            .create(true)
            .open(self.path("stderr"))?;
        let config = self.path("palisade.toml");
        let mut command = self.command();
        command.arg("serve").arg("--config").arg(config);
        command.stdin(Stdio::null()).stderr(log);
        self.child = Some(command.spawn()?);
        while self.get("/readyz").is_err() {
            if began.elapsed() > Duration::from_secs(600) {
                return Err(io::Error::other(
                    "the server does not come up; see its stderr",
                ));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(began.elapsed())
    }

    /// Ends the server with a signal.
    pub(crate) fn end(&mut self, signal: &str) -> io::Result<()> {
        if let Some(mut child) = self.child.take() {
            Command::new("kill")
                .args([signal, &child.id().to_string()])
                .status()?;
            child.wait()?;
        }
        Ok(())
    }

    /// The server's process.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.path("data/control/palisade.sock")
    }

    pub(crate) fn get(&self, path: &str) -> io::Result<String> {
        ask(&self.socket(), "GET", path, b"")
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> io::Result<Value> {
        let answer = ask(&self.socket(), "POST", path, body.to_string().as_bytes())?;
        Ok(serde_json::from_str(&answer)?)
    }

    pub(crate) fn status(&self) -> io::Result<Value> {
        Ok(serde_json::from_str(&self.get("/v1/status")?)?)
    }

    /// Keeps a version of the puppet on the server; its digest.
    pub(crate) fn version(&self, number: u8) -> io::Result<String> {
        let mut bytes = std::fs::read(find(&self.root.join("target/puppet"), "puppet.wasm")?)?;
        // A custom section that nobody reads.
        bytes.extend([0, 9, 7]);
        bytes.extend(b"version");
        bytes.push(number);
        let answer = ask(&self.socket(), "PUT", "/v1/blobs", &bytes)?;
        let answer: Value = serde_json::from_str(&answer)?;
        Ok(answer["digest"].as_str().unwrap_or_default().to_owned())
    }

    /// The figures with this name, by their labels.
    pub(crate) fn figures(&self, name: &str) -> io::Result<Vec<(String, f64)>> {
        let text = self.get("/metrics")?;
        let rows = text.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            let (labels, value) = rest.rsplit_once(' ')?;
            (labels.is_empty() || labels.starts_with('{')).then_some(())?;
            Some((labels.to_owned(), value.parse().ok()?))
        });
        Ok(rows.collect())
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.end("-KILL");
    }
}

fn find(folder: &Path, name: &str) -> io::Result<PathBuf> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if let Ok(found) = find(&path, name) {
                return Ok(found);
            }
        } else if path.ends_with(name) {
            return Ok(path);
        }
    }
    Err(io::Error::other(format!(
        "there is no {name}; run `make test` once"
    )))
}
