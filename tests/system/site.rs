//! A place to serve from: a configuration, a data directory and logs, with the plugins of
//! `order.rs`.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::order::{built, divided, event};

/// How long something may take that takes a moment.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with a configuration, a data directory and logs.
pub(crate) struct Site {
    folder: tempfile::TempDir,
    pub(crate) program: PathBuf,
}

impl Site {
    /// A site whose sources are these files in its folder.
    pub(crate) fn new(sources: &[&str]) -> Option<Site> {
        let (_, plugins) = built()?;
        Site::of(&[plugins.clone(), divided()], "", sources)
    }

    /// A site with these plugins, and `more` in its table `host`.
    pub(crate) fn of(plugins: &[PathBuf], more: &str, sources: &[&str]) -> Option<Site> {
        let (program, _) = built()?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = folder.path().display();
        let plugins: Vec<String> = plugins
            .iter()
            .map(|plugin| format!("\"{}\"", plugin.display()))
            .collect();
        let mut text = format!(
            "data = \"{at}/data\"\n[host]\nplugins = [{}]\nworkers = 2\n{more}\
             [journal]\nsegment_bytes = 1048576\n",
            plugins.join(", ")
        );
        for name in sources {
            text.push_str(&format!(
                "[[source]]\nname = \"{name}\"\nkind = \"file\"\npath = \"{at}/{name}\"\n"
            ));
        }
        std::fs::write(folder.path().join("palisade.toml"), text).expect("a configuration");
        Some(Site {
            folder,
            program: program.clone(),
        })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(["serve", "--config"])
            .arg(self.path("palisade.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn start(&self) -> Child {
        self.command().spawn().expect("palisade runs")
    }

    /// Asks the server for something.
    pub(crate) fn ctl(&self, arguments: &[&str]) -> Output {
        Command::new(&self.program)
            .args(["--quiet", "ctl", "--data"])
            .arg(self.path("data"))
            .args(arguments)
            .output()
            .expect("palisade runs")
    }

    /// The same, which must succeed, as JSON.
    pub(crate) fn asked(&self, arguments: &[&str]) -> Value {
        let output = self.ctl(&[arguments, &["--format", "json"]].concat());
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            stderr(&output)
        );
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// What the server says of a request that it refuses.
    pub(crate) fn refused(&self, arguments: &[&str]) -> String {
        let output = self.ctl(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        stderr(&output)
    }

    pub(crate) fn wait_until_ready(&self) {
        let began = Instant::now();
        while !self.ctl(&["status"]).status.success() {
            assert!(began.elapsed() < PATIENCE, "the server does not come up");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn append(&self, name: &str, text: &str) {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.path(name));
        let mut file = file.expect("the log can be written");
        file.write_all(text.as_bytes())
            .expect("the log can be written");
    }

    /// The findings that are in the database, in order; none where there is no database yet.
    pub(crate) fn findings(&self) -> Vec<Value> {
        let path = self.path("data/findings.sqlite");
        let Ok(database) = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        else {
            return Vec::new();
        };
        let select = database.prepare("select json from findings order by epoch, number");
        let Ok(mut select) = select else {
            return Vec::new();
        };
        let rows = select.query_map([], |row| row.get::<_, String>(0));
        let rows = rows.expect("the database can be read");
        rows.map(|json| serde_json::from_str(&json.expect("a text")).expect("JSON"))
            .collect()
    }

    /// How many findings are in the database.
    pub(crate) fn count(&self) -> usize {
        let path = self.path("data/findings.sqlite");
        let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY);
        let count = |database: Connection| {
            let count = "select count(*) from findings";
            database.query_row(count, [], |row| row.get::<_, i64>(0))
        };
        usize::try_from(database.and_then(count).unwrap_or(0)).expect("a number")
    }

    /// Waits until there are so many findings.
    pub(crate) fn wait_for(&self, count: usize) {
        let began = Instant::now();
        while self.count() < count {
            let found = self.count();
            assert!(began.elapsed() < PATIENCE, "{found} findings of {count}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What one run over these texts finds, as one source.
    pub(crate) fn expected(&self, source: &str, text: &str) -> Vec<Value> {
        let whole = self.path("whole.ndjson");
        std::fs::write(&whole, text).expect("a file can be written");
        let (_, plugins) = built().expect("the program was there a moment ago");
        let output = Command::new(&self.program)
            .args(["--quiet", "--format", "ndjson", "run", "--source", source])
            .arg("--plugins")
            .arg(plugins)
            .arg("--plugins")
            .arg(divided())
            .arg(&whole)
            .output()
            .expect("palisade runs");
        let text = String::from_utf8(output.stdout).expect("findings are text");
        let value = |line: &str| serde_json::from_str(line).expect("JSON");
        text.lines().map(value).collect()
    }
}

pub(crate) fn stop(child: Child, signal: &str) -> Output {
    let pid = child.id().to_string();
    let sent = Command::new("kill").args([signal, &pid]).status();
    assert!(sent.expect("kill runs").success());
    child.wait_with_output().expect("palisade ends")
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Numbers that look like chance and are the same every time.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn below(&mut self, most: u64) -> u64 {
        let multiplied = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = multiplied.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

pub(crate) fn lines(chance: &mut Chance, from: u64, count: u64) -> String {
    let commands = ["find", "retract", "earlier", "arm", "twice", "rest", "rest"];
    let line = |number| {
        let command = commands[chance.below(commands.len() as u64) as usize];
        event(number * 150, 1 + chance.below(9), command)
    };
    (from..from + count).map(line).collect()
}

/// An hour later than all of those, so that every timer has fired.
pub(crate) fn last() -> String {
    event(59 * 60_000, 1, "find")
}
