//! What an operator says of sources that listen on, or connect to, a network.

use std::net::SocketAddr;
use std::path::PathBuf;

use palisade_events::Timestamp;
use serde::{Deserialize, Serialize};

/// The most pairs of a network source and a tenant of its tokens: what a snapshot holds of each is
/// bounded, and so is what it holds of all.
pub const MAX_NETWORK: usize = 16;
/// The most tokens of a source.
pub const MAX_TOKENS: usize = 64;
/// The largest body or message that can be allowed.
pub const MAX_BODY: usize = 8 << 20;
/// The most keys that can be kept of a source and tenant; also [`MAX_KEY_BYTES`] of them.
pub const MAX_KEYS: usize = 16_384;
/// The most bytes that keys and their answers take of a source and tenant.
pub const MAX_KEY_BYTES: usize = 2 << 20;
/// The most filters of topics that a source subscribes to.
pub const MAX_TOPICS: usize = 64;
/// The most connections that can be allowed.
const MAX_CONNECTIONS: usize = 4096;
/// The most bodies or messages that can be allowed to wait.
const MAX_WAITING: usize = 65_535;
/// The most bytes that can be allowed to wait.
const MAX_WAITING_BYTES: usize = 1 << 30;
/// The longest time that can be set, in seconds.
const MAX_SECONDS: u64 = 3600;
/// The longest that keys can be kept, in hours.
const MAX_HOURS: u64 = 24 * 31;

/// A source of kind `http`: a listener to which logs are posted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    /// Address and port on which it listens.
    pub listen: SocketAddr,
    /// Certificate chain in PEM, the server's own first; without it the listener speaks clear text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_cert: Option<PathBuf>,
    /// The private key of the first certificate, in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_key: Option<PathBuf>,
    /// Whether clear text may be spoken on an address that is not loopback.
    #[serde(default)]
    pub allow_clear_text: bool,
    /// The largest body, in bytes.
    #[serde(default = "body_bytes")]
    pub max_body_bytes: usize,
    /// Bytes of bodies that are not kept yet, of each tenant; beyond it the answer is 429.
    #[serde(default = "queue_bytes")]
    pub queue_bytes: usize,
    /// Bodies that are not kept yet, of each tenant; beyond it the answer is 429.
    #[serde(default = "queue_requests")]
    pub queue_requests: usize,
    /// Connections at a time; more are closed at once.
    #[serde(default = "connections")]
    pub max_connections: usize,
    /// Seconds that a body may take.
    #[serde(default = "body_seconds")]
    pub body_seconds: u64,
    /// Seconds that a body may pause, and a connection may be silent.
    #[serde(default = "idle_seconds")]
    pub idle_seconds: u64,
    /// How many keys of requests are kept, of each tenant.
    #[serde(default = "keys")]
    pub max_keys: usize,
    /// How many hours the key of a request is kept.
    #[serde(default = "key_hours")]
    pub key_hours: u64,
    /// Who may post.
    #[serde(default, rename = "token")]
    pub tokens: Vec<TokenConfig>,
}

/// A bearer token, of which the configuration says where it is and never what it is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TokenConfig {
    /// The file that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// The environment variable that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_env: Option<String>,
    /// Whose events are posted with it; the tenant of the source without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// When it stops being good, as RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}

/// A source of kind `mqtt`: a subscription at a broker, by MQTT 3.1.1.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MqttConfig {
    /// `mqtts://HOST[:PORT]`, or `mqtt://HOST[:PORT]` for clear text; ports are 8883 and 1883 if
    /// they are not said.
    pub broker: String,
    /// By which the broker knows the session, for good.
    pub client_id: String,
    /// Filters of topics.
    pub topics: Vec<String>,
    /// The certificates of the authorities, in PEM, that the broker's own is checked against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Whether clear text may be spoken to a broker that is not on loopback.
    #[serde(default)]
    pub allow_clear_text: bool,
    /// The name of the user, if the broker wants one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The file that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_file: Option<PathBuf>,
    /// The environment variable that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_env: Option<String>,
    /// The file that holds the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// The environment variable that holds the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_env: Option<String>,
    /// The largest message, in bytes; the connection to a broker that sends a larger one is closed.
    #[serde(default = "body_bytes")]
    pub max_message_bytes: usize,
    /// Messages that are received and not acknowledged; beyond it nothing more is read.
    #[serde(default = "in_flight")]
    pub in_flight: usize,
    /// Bytes of those, beyond which nothing more is read.
    #[serde(default = "queue_bytes")]
    pub in_flight_bytes: usize,
    /// Seconds of silence after which the broker is asked whether it is there.
    #[serde(default = "keep_alive")]
    pub keep_alive_seconds: u64,
}

fn body_bytes() -> usize {
    1 << 20
}
fn queue_bytes() -> usize {
    16 << 20
}
fn queue_requests() -> usize {
    256
}
fn connections() -> usize {
    256
}
fn body_seconds() -> u64 {
    30
}
fn idle_seconds() -> u64 {
    10
}
fn keys() -> usize {
    10_000
}
fn key_hours() -> u64 {
    24
}
fn in_flight() -> usize {
    256
}
fn keep_alive() -> u64 {
    30
}

/// A field, and what is wrong with it.
pub(crate) type Wrong = (String, String);

fn wrong<T>(field: &str, problem: impl Into<String>) -> Result<T, Wrong> {
    Err((field.to_owned(), problem.into()))
}

fn within<T: Copy + PartialOrd + std::fmt::Display>(
    field: &str,
    value: T,
    least: T,
    most: T,
) -> Result<(), Wrong> {
    match value < least || value > most {
        true => wrong(field, format!("is {value}; write {least} to {most}")),
        false => Ok(()),
    }
}

/// Exactly one of a file and a variable, or none.
fn one_of(names: (&str, &str), file: bool, env: bool) -> Result<bool, Wrong> {
    match (file, env) {
        (true, true) => wrong(names.1, format!("{} says it already", names.0)),
        (file, env) => Ok(file || env),
    }
}

impl HttpConfig {
    /// The first field that is wrong.
    pub(crate) fn check(&self) -> Result<(), Wrong> {
        match (&self.tls_cert, &self.tls_key) {
            (Some(_), None) => return wrong("tls_key", "is missing beside `tls_cert`"),
            (None, Some(_)) => return wrong("tls_cert", "is missing beside `tls_key`"),
            (None, None) if !self.listen.ip().is_loopback() && !self.allow_clear_text => {
                let problem = "is not loopback, and there is no certificate: give `tls_cert` and \
                               `tls_key`, or say `allow_clear_text = true`";
                return wrong("listen", problem);
            }
            _ => {}
        }
        within("max_body_bytes", self.max_body_bytes, 1, MAX_BODY)?;
        let most = MAX_WAITING_BYTES;
        within("queue_bytes", self.queue_bytes, self.max_body_bytes, most)?;
        within("queue_requests", self.queue_requests, 1, MAX_WAITING)?;
        within("max_connections", self.max_connections, 1, MAX_CONNECTIONS)?;
        within("body_seconds", self.body_seconds, 1, MAX_SECONDS)?;
        within("idle_seconds", self.idle_seconds, 1, MAX_SECONDS)?;
        within("max_keys", self.max_keys, 1, MAX_KEYS)?;
        within("key_hours", self.key_hours, 1, MAX_HOURS)?;
        if self.tokens.is_empty() {
            return wrong(
                "token",
                "there is none; write a table [[source.http.token]]",
            );
        }
        if self.tokens.len() > MAX_TOKENS {
            return wrong("token", format!("there are more than {MAX_TOKENS}"));
        }
        for (at, token) in self.tokens.iter().enumerate() {
            let found = token.check();
            found.map_err(|(field, problem)| (format!("token {}: {field}", at + 1), problem))?;
        }
        Ok(())
    }
}

impl TokenConfig {
    fn check(&self) -> Result<(), Wrong> {
        let names = ("token_file", "token_env");
        if !one_of(names, self.token_file.is_some(), self.token_env.is_some())? {
            return wrong("token_file", "is missing; write it, or `token_env`");
        }
        if let Some(tenant) = &self.tenant {
            within("tenant", tenant.len(), 1, 256)?;
        }
        if let Some(Err(error)) = self.expires.as_deref().map(str::parse::<Timestamp>) {
            return wrong("expires", error.to_string());
        }
        Ok(())
    }

    /// When it stops being good, in nanoseconds since 1970.
    pub(crate) fn end(&self) -> Option<u64> {
        let expires = self.expires.as_deref()?.parse::<Timestamp>();
        // What cannot be read was refused with the configuration.
        Some(expires.map_or(0, |time| time.0))
    }
}

impl MqttConfig {
    /// The first field that is wrong.
    pub(crate) fn check(&self) -> Result<(), Wrong> {
        let Some(broker) = Broker::parse(&self.broker) else {
            return wrong("broker", "write mqtts://HOST:PORT or mqtt://HOST:PORT");
        };
        match (broker.tls, &self.ca_file) {
            (true, None) => return wrong("ca_file", "is missing; a broker by TLS needs one"),
            (false, Some(_)) => return wrong("ca_file", "is of no use for mqtt://; say mqtts://"),
            (false, None) if !broker.is_loopback() && !self.allow_clear_text => {
                let problem = "is not on loopback, and its name and password would go in clear \
                               text: say mqtts://, or `allow_clear_text = true`";
                return wrong("broker", problem);
            }
            _ => {}
        }
        within("client_id", self.client_id.len(), 1, 256)?;
        within("topics", self.topics.len(), 1, MAX_TOPICS)?;
        for topic in &self.topics {
            if !rumqttc::valid_filter(topic) || topic.len() > 256 || topic.contains('\0') {
                return wrong("topics", format!("`{topic}` is no filter of topics"));
            }
        }
        let users = [
            self.user.is_some(),
            self.user_file.is_some(),
            self.user_env.is_some(),
        ];
        if users.iter().filter(|said| **said).count() > 1 {
            return wrong("user", "is said more than once");
        }
        let (file, env) = (self.password_file.is_some(), self.password_env.is_some());
        if one_of(("password_file", "password_env"), file, env)? && !users.contains(&true) {
            return wrong("user", "is missing; a password is for one");
        }
        within("max_message_bytes", self.max_message_bytes, 1, MAX_BODY)?;
        within("in_flight", self.in_flight, 1, MAX_WAITING)?;
        let most = MAX_WAITING_BYTES;
        within("in_flight_bytes", self.in_flight_bytes, 1, most)?;
        within(
            "keep_alive_seconds",
            self.keep_alive_seconds,
            5,
            MAX_SECONDS,
        )
    }
}

/// Where a broker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broker {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: bool,
}

impl Broker {
    pub(crate) fn parse(text: &str) -> Option<Broker> {
        let (tls, rest, port) = match text.split_once("://")? {
            ("mqtts", rest) => (true, rest, 8883),
            ("mqtt", rest) => (false, rest, 1883),
            _ => return None,
        };
        let (host, port) = match rest.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']')?;
                host.parse::<std::net::Ipv6Addr>().ok()?;
                match rest.strip_prefix(':') {
                    Some(said) => (host, said.parse().ok()?),
                    None if rest.is_empty() => (host, port),
                    None => return None,
                }
            }
            None => match rest.split_once(':') {
                Some((host, said)) => (host, said.parse().ok()?),
                None => (rest, port),
            },
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
        let sound = !host.is_empty() && host.len() <= 253 && host.chars().all(plain) && port != 0;
        sound.then(|| Broker {
            host: host.to_owned(),
            port,
            tls,
        })
    }

    /// Whether it is on this machine for sure.
    fn is_loopback(&self) -> bool {
        match self.host.parse::<std::net::IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => self.host == "localhost",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_is_a_host_and_a_port() {
        let broker = |host: &str, port, tls| {
            let host = host.to_owned();
            Some(Broker { host, port, tls })
        };
        for (text, expected) in [
            ("mqtt://localhost", broker("localhost", 1883, false)),
            ("mqtts://b.example", broker("b.example", 8883, true)),
            ("mqtts://10.0.0.1:99", broker("10.0.0.1", 99, true)),
            ("mqtt://[::1]:7", broker("::1", 7, false)),
            ("mqtt://[::1]", broker("::1", 1883, false)),
            ("mqtt://", None),
            ("mqtt://a:0", None),
            ("mqtt://a:70000", None),
            ("mqtt://user:word@a", None),
            ("mqtt://[a]", None),
            ("http://a", None),
            ("a", None),
        ] {
            assert_eq!(Broker::parse(text), expected, "{text}");
        }
        assert!(broker("127.0.0.9", 1, false).is_some_and(|broker| broker.is_loopback()));
        assert!(!broker("localhost.example", 1, false).is_some_and(|broker| broker.is_loopback()));
    }
}
