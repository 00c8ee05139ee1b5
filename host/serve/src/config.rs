//! What an operator says of a server, in a TOML file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use palisade_journal::Limits;
use serde::{Deserialize, Serialize};

use crate::control::SOCKET;

/// The most sources.
const MAX_SOURCES: usize = 256;

/// A server's configuration.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Folder of the journal and the database; made where it is not there, and of nobody else.
    pub data: PathBuf,
    /// Options of `palisade run` about plugins, without their dashes: `plugins`, `pack`,
    /// `dataset`, `settings`, `networks`, `memory`, `workers` and so on.
    #[serde(default)]
    pub host: toml::Table,
    /// How large the journal may become.
    #[serde(default)]
    pub journal: JournalConfig,
    /// How often the state is saved.
    #[serde(default)]
    pub snapshot: SnapshotConfig,
    /// What is kept of calls that found something, so that they can be executed again.
    #[serde(default)]
    pub evidence: EvidenceConfig,
    /// How long a stop may take, in seconds: what was read by then is evaluated and kept, the
    /// rest is read again.
    #[serde(default = "drain")]
    pub drain_seconds: u64,
    /// Where the control interface listens, if not in the data directory: a socket in a folder that is there, and that nobody else may
    /// write to. The socket has the group of the folder where that has its set-group-id bit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control_socket: Option<PathBuf>,
    /// State that may be lost where the configuration asks for other plugins than at the start before, as `PLUGIN` or
    /// `PLUGIN/TABLE`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub discard_state: BTreeSet<String>,
    /// What is followed.
    #[serde(default, rename = "source")]
    pub sources: Vec<SourceConfig>,
}

fn drain() -> u64 {
    10
}

/// How large the journal may become.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct JournalConfig {
    /// Bytes of a segment, at least 1 MiB; each is allocated as a whole.
    pub segment_bytes: u64,
    /// Bytes of all segments: when they are used up, and none of them may go, nothing more is taken
    /// in.
    pub max_bytes: u64,
    /// For how many hours a segment is kept after it was written, although two snapshots and the
    /// database have what came of it. Where `max_bytes` are used up it goes before that.
    pub keep_hours: u64,
}

/// How often the state is saved: whatever comes first.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SnapshotConfig {
    /// Seconds from one snapshot to the next, at least 1.
    pub every_seconds: u64,
    /// Bytes that sources say from one snapshot to the next, at least 1 MiB: what a start has to do
    /// again.
    pub every_bytes: u64,
}

impl Default for SnapshotConfig {
    /// Every five minutes, or 256 MiB.
    fn default() -> SnapshotConfig {
        SnapshotConfig {
            every_seconds: 300,
            every_bytes: 256 << 20,
        }
    }
}

/// What is kept of calls that found something.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvidenceConfig {
    /// Whether anything is.
    pub enabled: bool,
    /// Bytes of all of it; where they are used up the oldest goes.
    pub max_bytes: u64,
    /// Bytes of a segment, at least 1 MiB; each is allocated as a whole, and goes as a whole.
    pub segment_bytes: u64,
    /// For how many days it is kept at most.
    pub keep_days: u64,
    /// Calls a second that are executed once more in the background, to find those that are not
    /// reproducible; 0: none.
    pub check_per_second: u32,
}

impl Default for EvidenceConfig {
    /// 4 GiB in segments of 16 MiB, for half a year; 20 calls a second are executed once more.
    fn default() -> EvidenceConfig {
        EvidenceConfig {
            enabled: true,
            max_bytes: 4 << 30,
            segment_bytes: 16 << 20,
            keep_days: 184,
            check_per_second: 20,
        }
    }
}

impl Default for JournalConfig {
    fn default() -> JournalConfig {
        let limits = Limits::default();
        JournalConfig {
            segment_bytes: limits.segment,
            max_bytes: limits.total,
            keep_hours: 24,
        }
    }
}

/// A source.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// Its name, of which there is one; events carry it.
    pub name: String,
    /// What it is.
    pub kind: SourceKind,
    /// The file that is followed, of kind `file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// Whose events these are.
    #[serde(default = "tenant")]
    pub tenant: String,
}

fn tenant() -> String {
    "default".to_owned()
}

/// What a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    /// A log that grows: Suricata EVE JSON, Zeek, or Palisade NDJSON. It may be renamed and begun
    /// anew, and need not be there yet.
    File,
    /// Standard input.
    Stdin,
}

/// Why a configuration is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// It is no TOML, or has a field that is wrong.
    #[error("{file}: {problem}")]
    Text {
        /// The file.
        file: String,
        /// Where, and what is wrong.
        problem: String,
    },
    /// A field says what cannot be.
    #[error("{file}: {field}: {problem}")]
    Field {
        /// The file.
        file: String,
        /// The field.
        field: String,
        /// What is wrong, and what to write.
        problem: String,
    },
}

impl Config {
    /// Reads a configuration; `file` is its path, for messages.
    ///
    /// # Errors
    /// With line and field.
    pub fn parse(text: &str, file: &Path) -> Result<Config, ConfigError> {
        let file = file.display().to_string();
        let config: Config = toml::from_str(text).map_err(|error| ConfigError::Text {
            file: file.clone(),
            problem: palisade_events::toml_words(&error.to_string(), error.message()),
        })?;
        let wrong = |field: String, problem: &str| {
            Err(ConfigError::Field {
                file: file.clone(),
                field,
                problem: problem.to_owned(),
            })
        };
        if config.sources.is_empty() {
            return wrong("source".into(), "there is none; write a table [[source]]");
        }
        if config.sources.len() > MAX_SOURCES {
            return wrong("source".into(), "there are more than 256");
        }
        if config.journal.segment_bytes < 1 << 20 {
            return wrong("journal.segment_bytes".into(), "is less than 1048576");
        }
        if config.snapshot.every_seconds == 0 {
            return wrong("snapshot.every_seconds".into(), "is less than 1");
        }
        if config.snapshot.every_bytes < 1 << 20 {
            return wrong("snapshot.every_bytes".into(), "is less than 1048576");
        }
        if config.evidence.segment_bytes < 1 << 20 {
            return wrong("evidence.segment_bytes".into(), "is less than 1048576");
        }
        if config.evidence.max_bytes < 2 * config.evidence.segment_bytes {
            // The one that is being written never goes.
            return wrong(
                "evidence.max_bytes".into(),
                "is less than twice evidence.segment_bytes",
            );
        }
        if config.journal.max_bytes < config.journal.segment_bytes {
            return wrong(
                "journal.max_bytes".into(),
                "is less than journal.segment_bytes",
            );
        }
        for (at, source) in config.sources.iter().enumerate() {
            let field = |name: &str| format!("source {} (`{}`): {name}", at + 1, source.name);
            if source.name.is_empty() || source.name.len() > 256 {
                return wrong(field("name"), "must have 1 to 256 bytes");
            }
            if config.sources[..at]
                .iter()
                .any(|other| other.name == source.name)
            {
                return wrong(
                    field("name"),
                    "another source has the same; give each its own",
                );
            }
            match (source.kind, &source.path) {
                (SourceKind::File, None) => {
                    return wrong(
                        field("path"),
                        "is missing; a source of kind `file` needs one",
                    );
                }
                (SourceKind::Stdin, Some(_)) => {
                    return wrong(field("path"), "is not for a source of kind `stdin`");
                }
                _ => {}
            }
        }
        let stdin = |source: &&SourceConfig| source.kind == SourceKind::Stdin;
        if config.sources.iter().filter(stdin).count() > 1 {
            return wrong("source".into(), "only one can be standard input");
        }
        Ok(config)
    }

    /// Where the control interface listens.
    pub fn socket(&self) -> PathBuf {
        let own = self.control_socket.clone();
        own.unwrap_or_else(|| self.data.join(SOCKET))
    }

    /// How long a stop may take.
    pub fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("palisade.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_wrong_is_told_with_line_or_field() {
        let good = "data = \"d\"\n[[source]]\nname = \"a\"\nkind = \"file\"\npath = \"x\"\n";
        let many = |count: usize| -> String {
            let source = |number| {
                format!("[[source]]\nname = \"{number}\"\nkind = \"file\"\npath = \"x\"\n")
            };
            let sources: String = (0..count).map(source).collect();
            format!("data = \"d\"\n{sources}")
        };
        assert!(parse(&many(MAX_SOURCES)).is_ok());
        let config = parse(good).unwrap();
        assert_eq!(
            (config.drain(), config.sources.len()),
            (Duration::from_secs(10), 1)
        );
        for (text, says) in [
            ("data = 1", "line 1"),
            (
                "data = \"d\"\nsorce = 1",
                "there is no key `sorce` here; did you mean `source`?",
            ),
            ("data = \"d\"", "write a table [[source]]"),
            (
                &good.replace("path = \"x\"\n", ""),
                "source 1 (`a`): path: is missing",
            ),
            (
                &good.replace("\"file\"", "\"fifo\""),
                "there is no `fifo` here; did you mean `file`?",
            ),
            (
                &(good.to_owned() + "[[source]]\nname = \"a\"\nkind = \"stdin\""),
                "source 2 (`a`): name",
            ),
            (
                &good.replace("kind = \"file\"", "kind = \"stdin\""),
                "not for a source of kind",
            ),
            (
                &(good.to_owned() + "[journal]\nsegment_bytes = 5"),
                "less than 1048576",
            ),
            (
                &(good.to_owned() + "[journal]\nmax_bytes = 5"),
                "journal.max_bytes",
            ),
            (
                &(good.to_owned() + "[snapshot]\nevery_seconds = 0"),
                "snapshot.every_seconds: is less than 1",
            ),
            (
                &(good.to_owned() + "[snapshot]\nevery_bytes = 5"),
                "snapshot.every_bytes: is less than 1048576",
            ),
            (
                &(good.to_owned() + "[evidence]\nsegment_bytes = 5"),
                "evidence.segment_bytes: is less than 1048576",
            ),
            (
                &(good.to_owned() + "[evidence]\nmax_bytes = 5"),
                "evidence.max_bytes: is less than twice",
            ),
            (&many(MAX_SOURCES + 1), "there are more than 256"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(
                error.contains(says) && error.contains("palisade.toml"),
                "{error}"
            );
        }
    }
}
