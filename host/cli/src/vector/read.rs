//! Reading vectors.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use palisade_events::json::{Mode, parse_event};
use palisade_events::{Event, without_mark};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::SETTINGS;

/// The files that a vector can have, in the order in which they are explained.
const FILES: [&str; 8] = [
    "vector.toml",
    "given.ndjson",
    "events.ndjson",
    "request.ndjson",
    "input.pcap",
    SETTINGS,
    NETWORKS,
    "expected.ndjson",
];
/// The folder of datasets.
pub(crate) const DATASETS: &str = "datasets";
/// The file that says who owns which network.
pub(crate) const NETWORKS: &str = "networks.toml";
/// The largest file of a vector; larger inputs belong into whole-system tests.
pub(crate) const MAX_FILE_BYTES: u64 = 64 << 20;

/// What is put into a plugin.
#[derive(Debug, Clone)]
pub(crate) enum Input {
    /// `events.ndjson`.
    Events(Vec<Event>),
    /// `request.ndjson`.
    Requests(Vec<Event>),
    /// `input.pcap`, which only the pipeline understands.
    Capture(Vec<u8>),
}

/// What must come out.
#[derive(Debug, Clone)]
pub(crate) struct Expected {
    /// Where it is read from, and written to when it is refreshed.
    pub(crate) path: PathBuf,
    /// JSON objects, one a line; absent before it was written for the first time.
    pub(crate) values: Option<Vec<Value>>,
    /// The line of each, from 1.
    numbers: Vec<u64>,
}

impl Expected {
    /// The line, from 1, of the value at a position; behind all that there are, the next line.
    pub(crate) fn line(&self, at: usize) -> u64 {
        let last = self.numbers.last().copied().unwrap_or(0);
        self.numbers.get(at).copied().unwrap_or(last + 1)
    }
}

/// `vector.toml`: how the vector is run.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct How {
    /// Plugins of the same pack that run beside the one that is tested, by name.
    #[serde(default)]
    with: Vec<String>,
}

/// A vector, read but for its meaning.
#[derive(Debug, Clone)]
pub(crate) struct Vector {
    /// The name of its folder.
    pub(crate) name: String,
    /// Plugins of the same pack that run beside the one that is tested, by name.
    pub(crate) with: Vec<String>,
    /// Events of before.
    pub(crate) given: Vec<Event>,
    /// What goes in.
    pub(crate) input: Input,
    /// Datasets by name, as NDJSON.
    pub(crate) datasets: BTreeMap<String, Vec<u8>>,
    /// What [`SETTINGS`] holds: settings, and tables of settings by plugin.
    pub(crate) settings: toml::Table,
    /// The text of `networks.toml`.
    pub(crate) networks: Option<String>,
    /// What must come out.
    pub(crate) expected: Expected,
}

/// The folders of a plugin's vectors, sorted; none if it has no folder `vectors`.
///
/// # Errors
/// When the folder cannot be read, or holds a file.
pub(crate) fn find_all(plugin: &Path) -> Result<Vec<PathBuf>> {
    find_in(&plugin.join("vectors"))
}

/// The vectors in a folder, sorted; none if there is no such folder.
///
/// # Errors
/// When the folder cannot be read, or holds a file.
pub(crate) fn find_in(dir: &Path) -> Result<Vec<PathBuf>> {
    if !dir.exists() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for (name, path) in entries(dir)? {
        ensure!(
            path.is_dir(),
            "{} is a file; every vector is a folder of its own with {}",
            dir.join(name).display(),
            FILES.join(", ")
        );
        found.push(path);
    }
    Ok(found)
}

impl Vector {
    /// The path of a file of the vector, whether it is there or not.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.expected.path.with_file_name(name)
    }

    /// Reads the vector in a folder.
    ///
    /// # Errors
    /// When a file is unknown, or cannot be read, with the line and field, or when there
    /// is not exactly one input.
    pub(crate) fn read(dir: &Path) -> Result<Self> {
        let name = dir
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        for (file, path) in entries(dir)? {
            let known = FILES.contains(&file.as_str()) || (file == DATASETS && path.is_dir());
            ensure!(
                known,
                "{} belongs to no vector{}; a vector has {} and the folder {DATASETS}",
                path.display(),
                did_you_mean(&file),
                FILES.join(", ")
            );
        }
        let mut inputs = Vec::new();
        if let Some(events) = events(&dir.join("events.ndjson"))? {
            inputs.push(Input::Events(events));
        }
        if let Some(requests) = events(&dir.join("request.ndjson"))? {
            inputs.push(Input::Requests(requests));
        }
        if let Some(capture) = bytes(&dir.join("input.pcap"))? {
            inputs.push(Input::Capture(capture));
        }
        let count = inputs.len();
        let (Some(input), 1) = (inputs.pop(), count) else {
            bail!(
                "{} has {} inputs; it needs exactly one of events.ndjson, request.ndjson and input.pcap",
                dir.display(),
                count
            );
        };
        let path = dir.join("expected.ndjson");
        let expected = values(&path)?;
        let numbers = expected.iter().flatten().map(|(number, _)| *number);
        Ok(Self {
            name,
            with: toml_file::<How>(&dir.join("vector.toml"))?.with,
            given: events(&dir.join("given.ndjson"))?.unwrap_or_default(),
            input,
            datasets: datasets(&dir.join(DATASETS))?,
            settings: toml_file(&dir.join(SETTINGS))?,
            networks: text(&dir.join(NETWORKS))?,
            expected: Expected {
                path,
                numbers: numbers.collect(),
                values: expected.map(|all| all.into_iter().map(|(_, value)| value).collect()),
            },
        })
    }
}

/// Events, one a line; empty lines are allowed.
fn events(path: &Path) -> Result<Option<Vec<Event>>> {
    let Some(text) = bytes(path)? else {
        return Ok(None);
    };
    let mut events = Vec::new();
    for (number, line) in lines(&text) {
        let event = parse_event(line, Mode::Vector)
            .map_err(|error| error.at_line(number))
            .with_context(|| path.display().to_string())?;
        events.push(event);
    }
    Ok(Some(events))
}

/// A TOML file, or what stands for one that is not there.
fn toml_file<T: DeserializeOwned + Default>(path: &Path) -> Result<T> {
    match text(path)? {
        None => Ok(T::default()),
        Some(text) => {
            crate::named::toml(&text).with_context(|| format!("{} is not right", path.display()))
        }
    }
}

/// JSON objects, one a line, with the numbers of their lines; empty lines are allowed.
fn values(path: &Path) -> Result<Option<Vec<(u64, Value)>>> {
    let Some(text) = bytes(path)? else {
        return Ok(None);
    };
    let mut values = Vec::new();
    for (number, line) in lines(&text) {
        let place = || format!("{}, line {number}", path.display());
        let value: Value = serde_json::from_slice(line).with_context(place)?;
        ensure!(
            value.is_object(),
            "{}: every line is a JSON object",
            place()
        );
        values.push((number, value));
    }
    Ok(Some(values))
}

fn datasets(dir: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut datasets = BTreeMap::new();
    if !dir.exists() {
        return Ok(datasets);
    }
    for (file, path) in entries(dir)? {
        let Some(name) = file.strip_suffix(".ndjson") else {
            bail!(
                "{} is no dataset; its name must end in .ndjson",
                path.display()
            );
        };
        datasets.insert(name.to_owned(), bytes(&path)?.unwrap_or_default());
    }
    Ok(datasets)
}

/// Lines that hold something, with their numbers from 1.
fn lines(text: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    (1..)
        .zip(without_mark(text).split(|byte| *byte == b'\n'))
        .map(|(number, line)| (number, line.trim_ascii()))
        .filter(|(_, line)| !line.is_empty())
}

/// The line that holds the event with this number, from 0, and its number in the file, from 1.
pub(crate) fn line(path: &Path, nth: u64) -> Option<(u64, String)> {
    let text = bytes(path).ok()??;
    let (number, line) = lines(&text).nth(usize::try_from(nth).ok()?)?;
    Some((number, String::from_utf8_lossy(line).into_owned()))
}

fn text(path: &Path) -> Result<Option<String>> {
    bytes(path)?
        .map(|bytes| {
            let text = without_mark(&bytes).to_vec();
            String::from_utf8(text).with_context(|| {
                format!("{} is not text in UTF-8; save it as such", path.display())
            })
        })
        .transpose()
}

fn bytes(path: &Path) -> Result<Option<Vec<u8>>> {
    match palisade_private::read(path, MAX_FILE_BYTES) {
        Err(error) if error.is_absent() => Ok(None),
        read => Ok(Some(read?)),
    }
}

/// The entries of a folder by name, without hidden ones.
fn entries(dir: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let read = || format!("read the folder {}", dir.display());
    let mut entries = BTreeMap::new();
    for entry in std::fs::read_dir(dir).with_context(read)? {
        let entry = entry.with_context(read)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            entries.insert(name, entry.path());
        }
    }
    Ok(entries)
}

fn did_you_mean(file: &str) -> String {
    FILES
        .iter()
        .chain([&DATASETS])
        .map(|known| (strsim::damerau_levenshtein(file, known), known))
        .filter(|(distance, _)| *distance <= 3)
        .min()
        .map(|(_, known)| format!(" (did you mean {known}?)"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const FLOW: &str = r#"{"kind":"network.flow","time":"2025-06-01T10:00:00Z"}"#;

    fn vector(files: &[(&str, &str)]) -> Result<Vector> {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("telnet");
        for (name, text) in files {
            let path = dir.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Vector::read(&dir)
    }

    #[test]
    fn all_files_are_read() {
        let vector = vector(&[
            ("given.ndjson", FLOW),
            ("events.ndjson", &format!("{FLOW}\n\n{FLOW}\n")),
            ("vector.toml", "with = [\"http\"]"),
            ("settings.toml", "port = 23"),
            ("networks.toml", "# none"),
            ("datasets/indicators.ndjson", "{}"),
            (
                "expected.ndjson",
                "\n{\"rule\":\"a\"}\n\n\n{\"rule\":\"b\"}\n",
            ),
        ])
        .unwrap();
        assert_eq!(vector.with, ["http"]);
        assert_eq!(vector.name, "telnet");
        assert_eq!(vector.given.len(), 1);
        assert!(matches!(&vector.input, Input::Events(events) if events.len() == 2));
        assert_eq!(vector.settings["port"].as_integer(), Some(23));
        assert_eq!(vector.networks.as_deref(), Some("# none"));
        assert_eq!(vector.datasets["indicators"], b"{}");
        let lines: Vec<u64> = (0..3).map(|at| vector.expected.line(at)).collect();
        assert_eq!(lines, [2, 5, 6]);
        assert_eq!(vector.expected.values.unwrap().len(), 2);
    }

    #[test]
    fn what_is_optional_may_be_missing() {
        let vector = vector(&[("request.ndjson", "")]).unwrap();
        assert!(matches!(&vector.input, Input::Requests(requests) if requests.is_empty()));
        assert!(vector.expected.values.is_none());
        assert_eq!(vector.expected.line(0), 1);
        assert!(vector.given.is_empty() && vector.settings.is_empty());
    }

    #[test]
    fn errors_say_which_file_line_and_field() {
        for (files, parts) in [
            (
                &[("event.ndjson", FLOW)][..],
                &["event.ndjson", "did you mean events.ndjson?"][..],
            ),
            (&[("expected.ndjson", "")], &["0 inputs", "exactly one of"]),
            (
                &[("events.ndjson", FLOW), ("input.pcap", "")],
                &["2 inputs"],
            ),
            (
                &[(
                    "events.ndjson",
                    "\n{\"kind\":\"network.flow\",\"time\":\"2025-06-01T10:00:00Z\",\"dst\":{\"ip\":\"192.0.2.1\",\"port\":\"x\"}}",
                )],
                &["events.ndjson", "line 2", "dst.port"],
            ),
            (
                &[("events.ndjson", FLOW), ("expected.ndjson", "\n[]")],
                &["expected.ndjson, line 2", "JSON object"],
            ),
            (
                &[("events.ndjson", FLOW), ("settings.toml", "port =")],
                &["settings.toml"],
            ),
            (
                &[("events.ndjson", FLOW), ("vector.toml", "wiht = []")],
                &["vector.toml", "wiht", "with"],
            ),
            (
                &[("events.ndjson", FLOW), ("datasets/a.csv", "")],
                &["a.csv", ".ndjson"],
            ),
        ] {
            let error = format!("{:#}", vector(files).unwrap_err());
            for part in parts {
                assert!(error.contains(part), "{error}");
            }
        }
    }

    #[test]
    fn a_file_has_64_mib_and_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let file = fs::File::create(dir.path().join("input.pcap")).unwrap();
        file.set_len(64 << 20).unwrap();
        Vector::read(dir.path()).unwrap();
        file.set_len((64 << 20) + 1).unwrap();
        let error = format!("{:#}", Vector::read(dir.path()).unwrap_err());
        assert!(
            error.contains("input.pcap: it has more than 67108864 bytes"),
            "{error}"
        );
    }

    #[test]
    fn vectors_are_folders() {
        let dir = tempfile::tempdir().unwrap();
        assert!(find_all(dir.path()).unwrap().is_empty());
        fs::create_dir_all(dir.path().join("vectors/b")).unwrap();
        fs::create_dir_all(dir.path().join("vectors/a")).unwrap();
        let found = find_all(dir.path()).unwrap();
        assert!(found[0].ends_with("a") && found[1].ends_with("b"));
        fs::write(dir.path().join("vectors/c.ndjson"), "").unwrap();
        let error = find_all(dir.path()).unwrap_err().to_string();
        assert!(error.contains("c.ndjson is a file"), "{error}");
    }
}
