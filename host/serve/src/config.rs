//! What an operator says of a server, in a TOML file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use palisade_journal::Limits;
use palisade_sinks::LetterLimits;
use serde::{Deserialize, Serialize};

use crate::captures::{WhenDone, options};
use crate::control::SOCKET;
use crate::ingest::{HttpConfig, MqttConfig};
use crate::own::OWN;

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
    /// How the log is written.
    #[serde(default)]
    pub log: LogConfig,
    /// How many dead letters are kept.
    #[serde(default)]
    pub dead_letters: DeadLetterConfig,
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
    /// Bytes of packets of each source of captures that are taken once more at a start, so that
    /// flows are known which were open when the state was saved, at least 4 MiB; flows that began
    /// before that go on after a gap.
    pub capture_bytes: u64,
}

/// How the log is written, which goes to standard error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// Lines of text, or of JSON with `timestamp`, `level`, `event`, `message` and what belongs to the event.
    pub format: LogFormat,
}

/// What the lines of a log are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// Text.
    #[default]
    Text,
    /// JSON.
    Json,
}

/// How many dead letters are kept: events that a plugin could not be shown, and records that could
/// not be read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeadLetterConfig {
    /// Bytes of all of them, at least 1 MiB: beyond that the oldest go.
    pub max_bytes: u64,
    /// For how many hours each is kept, at least 1.
    pub keep_hours: u64,
}

impl DeadLetterConfig {
    /// As the database keeps to it.
    pub(crate) fn limits(&self) -> LetterLimits {
        LetterLimits {
            bytes: self.max_bytes,
            age: Duration::from_secs(self.keep_hours.saturating_mul(3600)),
        }
    }
}

impl Default for DeadLetterConfig {
    /// 256 MiB, for 30 days.
    fn default() -> DeadLetterConfig {
        let limits = LetterLimits::default();
        DeadLetterConfig {
            max_bytes: limits.bytes,
            keep_hours: limits.age.as_secs() / 3600,
        }
    }
}

impl Default for SnapshotConfig {
    /// Every five minutes, or 256 MiB.
    fn default() -> SnapshotConfig {
        SnapshotConfig {
            every_seconds: 300,
            every_bytes: 256 << 20,
            capture_bytes: 64 << 20,
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
    /// Where it listens, and to whom, of kind `http`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpConfig>,
    /// To which broker it connects, and what for, of kind `mqtt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mqtt: Option<MqttConfig>,
    /// Of kind `captures`: whether each capture is one of its own, with which its flows end, as
    /// those of sensors at several places; `false` (the default): they are one, as `tcpdump -G`
    /// writes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub separate: Option<bool>,
    /// Of kind `captures`: what becomes of a capture that was read, `keep` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when_done: Option<WhenDone>,
    /// Of kind `interface`: its name, such as `eth0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// Of kind `interface`: bytes of a packet that are captured at most, 64 to 262144; 262144 by
    /// default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snaplen: Option<u32>,
    /// Of kind `interface`: whether packets for others are captured too, `true` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promiscuous: Option<bool>,
    /// Of kind `interface`: bytes of packets that the kernel holds until they are read, 4096 to
    /// 1 GiB; 16 MiB by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buffer_bytes: Option<u32>,
    /// Of kind `interface`: what is captured, as `tcpdump` takes it, such as
    /// `tcp port 1883 or udp`; everything by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
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
    /// A listener to which logs are posted.
    Http,
    /// A subscription at a broker.
    Mqtt,
    /// A directory where captures arrive, pcap or pcapng, plain or compressed.
    Captures,
    /// What an interface of this machine sees.
    Interface,
}

impl SourceConfig {
    /// The first field that is wrong of a table for a network, and whether it is there where it
    /// should be and nowhere else.
    fn check_network(&self) -> Result<(), (String, String)> {
        let wrong = |field: &str, problem: &str| Err((field.to_owned(), problem.to_owned()));
        match (self.kind == SourceKind::Http, &self.http) {
            (true, None) => return wrong("http", "is missing; write a table [source.http]"),
            (false, Some(_)) => return wrong("http", "is for a source of kind `http`"),
            (true, Some(http)) => http
                .check()
                .map_err(|(field, problem)| (format!("http: {field}"), problem))?,
            (false, None) => {}
        }
        match (self.kind == SourceKind::Mqtt, &self.mqtt) {
            (true, None) => wrong("mqtt", "is missing; write a table [source.mqtt]"),
            (false, Some(_)) => wrong("mqtt", "is for a source of kind `mqtt`"),
            (true, Some(mqtt)) => mqtt
                .check()
                .map_err(|(field, problem)| (format!("mqtt: {field}"), problem)),
            (false, None) => Ok(()),
        }
    }
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
        if config.dead_letters.max_bytes < 1 << 20 {
            return wrong("dead_letters.max_bytes".into(), "is less than 1048576");
        }
        if config.dead_letters.keep_hours == 0 {
            return wrong("dead_letters.keep_hours".into(), "is less than 1");
        }
        if config.snapshot.capture_bytes < 4 << 20 {
            return wrong("snapshot.capture_bytes".into(), "is less than 4194304");
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
            if source.name == OWN {
                return wrong(
                    field("name"),
                    "is that of the server's own events; choose another",
                );
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
                (SourceKind::Http | SourceKind::Mqtt, Some(_)) => {
                    return wrong(field("path"), "is not for a source of a network");
                }
                _ => {}
            }
            if let Err((name, problem)) = source.check_network() {
                return wrong(field(&name), &problem);
            }
            if let Some((name, problem)) = options::wrong(source) {
                return wrong(field(name), problem);
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
        let captures = good.replace("\"file\"", "\"captures\"");
        let live =
            "data = \"d\"\n[[source]]\nname = \"a\"\nkind = \"interface\"\ninterface = \"eth0\"\n";
        for good in [captures.as_str(), live] {
            assert!(parse(good).is_ok(), "{good}");
        }
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
                &(good.to_owned() + "[dead_letters]\nmax_bytes = 5"),
                "dead_letters.max_bytes: is less than 1048576",
            ),
            (
                &(good.to_owned() + "[dead_letters]\nkeep_hours = 0"),
                "dead_letters.keep_hours: is less than 1",
            ),
            (
                &good.replace("\"a\"", "\"palisade\""),
                "is that of the server's own events",
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
            (
                &(good.to_owned() + "[snapshot]\ncapture_bytes = 5"),
                "snapshot.capture_bytes: is less than 4194304",
            ),
            (
                &(good.to_owned() + "separate = true"),
                "separate: is for sources of kind `captures` only",
            ),
            (
                &(good.to_owned() + "interface = \"eth0\""),
                "interface: is for sources of kind `interface` only",
            ),
            (
                &captures.replace("path = \"x\"\n", ""),
                "path: is missing; a source of kind `captures`",
            ),
            (
                &(captures.clone() + "when_done = \"move\""),
                "there is no `move` here",
            ),
            (
                "data = \"d\"\n[[source]]\nname = \"a\"\nkind = \"interface\"",
                "interface: is missing",
            ),
            (
                &(live.to_owned() + "path = \"x\""),
                "path: is not for a source of kind `interface`",
            ),
            (
                &live.replace("eth0", "eth0/../../tmp"),
                "interface: must have 1 to 15 bytes",
            ),
            (&(live.to_owned() + "snaplen = 5"), "snaplen: must be 64"),
            (
                &(live.to_owned() + "buffer_bytes = 5"),
                "buffer_bytes: must be 4096",
            ),
            (
                &format!("{live}filter = \"{}\"", "x".repeat(5000)),
                "filter: has more than 4096 bytes",
            ),
        ] {
            let error = parse(text).unwrap_err();
            assert!(
                error.contains(says) && error.contains("palisade.toml"),
                "{error}"
            );
        }
    }

    #[test]
    fn network_sources_are_refused_with_their_field() {
        let source = |kind: &str, table: &str| {
            format!("[[source]]\nname = \"{kind}\"\nkind = \"{kind}\"\n[source.{kind}]\n{table}\n")
        };
        let token = "[[source.http.token]]\ntoken_env = \"T\"\n";
        let http = |lines: &str| {
            let lines = format!("listen = \"127.0.0.1:1\"\n{lines}\n{token}");
            format!("data = \"d\"\n{}", source("http", &lines))
        };
        let mqtt = |lines: &str| {
            let lines = format!("client_id = \"c\"\n{lines}");
            format!("data = \"d\"\n{}", source("mqtt", &lines))
        };
        let local = "broker = \"mqtt://localhost\"\n";
        let topics = "topics = [\"a/#\"]\n";
        assert!(parse(&http("")).is_ok());
        assert!(parse(&mqtt(&(local.to_owned() + topics))).is_ok());
        let open = "listen = \"0.0.0.0:1\"";
        let wide = http("").replace("listen = \"127.0.0.1:1\"", open);
        let allowed = wide.replace(open, &format!("{open}\nallow_clear_text = true"));
        assert!(parse(&allowed).is_ok());
        let remote = format!("broker = \"mqtt://b.example\"\n{topics}");
        assert!(parse(&mqtt(&format!("{remote}allow_clear_text = true"))).is_ok());
        let many = |count: usize, one: &str| one.repeat(count);
        let tokens = crate::ingest::MAX_TOKENS;
        assert!(parse(&(http("") + &many(tokens - 1, token))).is_ok());
        let filters = |count: usize| format!("{local}topics = [{}]", many(count, "\"a\", "));
        assert!(parse(&mqtt(&filters(crate::ingest::MAX_TOPICS))).is_ok());
        for (text, says) in [
            (
                "data = \"d\"\n[[source]]\nname = \"a\"\nkind = \"http\"".to_owned(),
                "[source.http]",
            ),
            (
                "data = \"d\"\n[[source]]\nname = \"a\"\nkind = \"mqtt\"".to_owned(),
                "[source.mqtt]",
            ),
            (
                http("").replace("kind = \"http\"", "kind = \"stdin\""),
                "http: is for a source of kind `http`",
            ),
            (
                http("").replace("kind = \"http\"", "kind = \"http\"\npath = \"x\""),
                "path: is not for",
            ),
            (wide, "http: listen: is not loopback"),
            (
                http("").replace("127.0.0.1:1", "localhost"),
                "line 6, column 10",
            ),
            (http("tls_cert = \"c\""), "http: tls_key: is missing"),
            (http("tls_key = \"c\""), "http: tls_cert: is missing"),
            (http("max_body_bytes = 0"), "http: max_body_bytes: is 0"),
            (
                http("max_body_bytes = 8388609"),
                "http: max_body_bytes: is 8388609",
            ),
            (
                http("queue_bytes = 1000"),
                "http: queue_bytes: is 1000; write 1048576",
            ),
            (http("queue_requests = 0"), "http: queue_requests"),
            (http("max_connections = 4097"), "http: max_connections"),
            (http("idle_seconds = 0"), "http: idle_seconds"),
            (http("max_keys = 16385"), "http: max_keys"),
            (http("max_bodies = 1"), "there is no key `max_bodies` here"),
            (http("").replace(token, ""), "http: token: there is none"),
            (
                http("") + &many(tokens, token),
                "http: token: there are more than 64",
            ),
            (
                http("").replace("token_env", "token"),
                "there is no key `token` here",
            ),
            (
                http("") + "token_file = \"f\"",
                "http: token 1: token_env: token_file says it",
            ),
            (
                http("") + "[[source.http.token]]",
                "http: token 2: token_file: is missing",
            ),
            (http("") + "expires = \"soon\"", "http: token 1: expires"),
            (http("") + "tenant = \"\"", "http: token 1: tenant"),
            (mqtt(&remote), "mqtt: broker: is not on loopback"),
            (
                mqtt(&format!("broker = \"b\"\n{topics}")),
                "mqtt: broker: write mqtts://",
            ),
            (
                mqtt(&format!("broker = \"mqtts://b\"\n{topics}")),
                "mqtt: ca_file: is missing",
            ),
            (
                mqtt(&format!("{local}{topics}ca_file = \"x\"")),
                "mqtt: ca_file: is of no use",
            ),
            (mqtt(local), "topics"),
            (mqtt(&format!("{local}topics = []")), "mqtt: topics: is 0"),
            (
                mqtt(&filters(crate::ingest::MAX_TOPICS + 1)),
                "mqtt: topics: is 65",
            ),
            (
                mqtt(&format!("{local}topics = [\"a#\"]")),
                "mqtt: topics: `a#`",
            ),
            (
                mqtt(&format!("{local}{topics}user = \"a\"\nuser_env = \"B\"")),
                "mqtt: user: is said more",
            ),
            (
                mqtt(&format!("{local}{topics}password_env = \"B\"")),
                "mqtt: user: is missing",
            ),
            (
                mqtt(&format!("{local}{topics}in_flight = 0")),
                "mqtt: in_flight",
            ),
            (
                mqtt(&format!("{local}{topics}keep_alive_seconds = 1")),
                "mqtt: keep_alive_seconds",
            ),
        ] {
            let error = parse(&text).unwrap_err();
            assert!(
                error.contains(says) && error.contains("palisade.toml"),
                "{says}: {error}"
            );
        }
        // How many there are in all is known once their tenants are.
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("token");
        std::fs::write(&secret, "0123456789abcdef").unwrap();
        let mode = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o600);
        std::fs::set_permissions(&secret, mode).unwrap();
        let one = token;
        let tenants = |count: usize| {
            let token = |number: usize| {
                format!(
                    "[[source.http.token]]\ntoken_file = \"{}\"\ntenant = \"{number}\"\n",
                    secret.display()
                )
            };
            let tokens: String = (0..count).map(token).collect();
            parse(&http("").replace(one, &tokens)).unwrap()
        };
        assert_eq!(
            crate::ingest::check(&tenants(crate::ingest::MAX_NETWORK)),
            Ok(())
        );
        let error = crate::ingest::check(&tenants(crate::ingest::MAX_NETWORK + 1)).unwrap_err();
        assert!(error.to_string().contains("more than 16"), "{error}");
    }
}
