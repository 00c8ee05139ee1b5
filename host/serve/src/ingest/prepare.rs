//! Network sources with their secrets and certificates read, ready to be started.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use tokio::sync::watch;

use super::config::{Broker, HttpConfig, MAX_NETWORK, MqttConfig};
use super::intake::{Delivery, KeyLimits};
use super::network::{Network, Room};
use super::secret::{self, Token};
use super::{Teller, http, mqtt, tls};
use crate::config::{Config, SourceConfig, SourceKind};

/// Why a network source cannot be started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("source `{source_name}`: {field}: {problem}")]
pub struct IngestError {
    /// Its name.
    pub source_name: String,
    /// The field of its configuration.
    pub field: String,
    /// What is wrong, and what to do.
    pub problem: String,
}

/// A way in: what is delivered for a tenant.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) deliveries: Sender<Delivery>,
    pub(crate) room: Arc<Room>,
}

/// A network source, ready to be started.
pub(crate) struct Prepared {
    name: String,
    network: Arc<Network>,
    tenants: Vec<String>,
    /// One for each tenant once its intake is there.
    doors: Vec<Door>,
    kind: Kind,
}

enum Kind {
    Http(HttpConfig, Option<tokio_rustls::TlsAcceptor>, Vec<Token>),
    Mqtt(MqttConfig, mqtt::Access),
}

/// Whether the secrets and certificates of a configuration's network sources can be read and used.
///
/// # Errors
/// Names the source and the field, and never a secret.
pub fn check(config: &Config) -> Result<(), IngestError> {
    all(config).map(drop)
}

/// All network sources of a configuration.
pub(super) fn all(config: &Config) -> Result<Vec<Prepared>, IngestError> {
    let mut found: Vec<Prepared> = Vec::new();
    for source in &config.sources {
        let error = |(field, problem): (String, String)| IngestError {
            source_name: source.name.clone(),
            field,
            problem,
        };
        let prepared = match (source.kind, &source.http, &source.mqtt) {
            (SourceKind::Http, Some(http), _) => listener(source, http).map_err(error)?,
            (SourceKind::Mqtt, _, Some(mqtt)) => subscription(source, mqtt).map_err(error)?,
            _ => continue,
        };
        found.push(prepared);
        let pairs: usize = found.iter().map(|source| source.tenants.len()).sum();
        if pairs > MAX_NETWORK {
            let problem = format!("network sources and tenants are more than {MAX_NETWORK} pairs");
            return Err(error(("tenant".to_owned(), problem)));
        }
    }
    Ok(found)
}

fn listener(source: &SourceConfig, config: &HttpConfig) -> Result<Prepared, (String, String)> {
    let acceptor = match (&config.tls_cert, &config.tls_key) {
        (Some(cert), Some(key)) => Some(tls::acceptor(cert, key)?),
        _ => None,
    };
    let mut tenants: Vec<String> = Vec::new();
    let mut tokens = Vec::new();
    for (at, token) in config.tokens.iter().enumerate() {
        let tenant = token.tenant.as_ref().unwrap_or(&source.tenant);
        let position = tenants.iter().position(|known| known == tenant);
        let position = position.unwrap_or_else(|| {
            tenants.push(tenant.clone());
            tenants.len() - 1
        });
        let read = Token::read(token, position);
        tokens.push(read.map_err(|problem| (format!("token {}", at + 1), problem))?);
    }
    let scheme = if acceptor.is_some() { "https" } else { "http" };
    let at = format!("{scheme}://{}{}", config.listen, http::PATH);
    Ok(Prepared {
        name: source.name.clone(),
        network: Arc::new(Network::new(&source.name, "http", at)),
        tenants,
        doors: Vec::new(),
        kind: Kind::Http(config.clone(), acceptor, tokens),
    })
}

fn subscription(source: &SourceConfig, config: &MqttConfig) -> Result<Prepared, (String, String)> {
    let field = |name: &str| {
        let name = name.to_owned();
        move |problem: String| (name, problem)
    };
    let user = secret::read(config.user_file.as_deref(), config.user_env.as_deref());
    let user = user.map_err(field("user"))?.or_else(|| config.user.clone());
    let password = secret::read(
        config.password_file.as_deref(),
        config.password_env.as_deref(),
    );
    let password = password.map_err(field("password"))?;
    let ca = config.ca_file.as_deref();
    let access = mqtt::Access {
        broker: Broker::parse(&config.broker).ok_or(("broker".to_owned(), "is none".to_owned()))?,
        login: user.map(|user| (user, password.unwrap_or_default())),
        connector: ca.map(tls::connector).transpose()?,
    };
    let at = config.broker.clone();
    Ok(Prepared {
        name: source.name.clone(),
        network: Arc::new(Network::new(&source.name, "mqtt", at)),
        tenants: vec![source.tenant.clone()],
        doors: Vec::new(),
        kind: Kind::Mqtt(config.clone(), access),
    })
}

impl Prepared {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn network(&self) -> &Arc<Network> {
        &self.network
    }

    /// Whose events are delivered to it: each is a source of its own to the engine.
    pub(crate) fn tenants(&self) -> &[String] {
        &self.tenants
    }

    /// What is delivered for the next of its tenants.
    pub(crate) fn open(&mut self) -> Receiver<Delivery> {
        let (most, bytes) = match &self.kind {
            Kind::Http(config, ..) => (config.queue_requests, config.queue_bytes),
            Kind::Mqtt(config, _) => (config.in_flight, config.in_flight_bytes),
        };
        let (deliveries, delivered) = channel();
        let room = Room::new(most, bytes, &self.network);
        self.doors.push(Door { deliveries, room });
        delivered
    }

    /// How many keys of requests are known, and for how long.
    pub(crate) fn keys(&self) -> KeyLimits {
        match &self.kind {
            Kind::Http(config, ..) => KeyLimits {
                most: config.max_keys,
                life: config.key_hours * 3600 * 1_000_000_000,
            },
            Kind::Mqtt(..) => KeyLimits { most: 1, life: 0 },
        }
    }

    /// Listens, or is connected, until it is to end.
    pub(crate) async fn run(self, teller: Teller, ending: watch::Receiver<bool>) {
        match self.kind {
            Kind::Http(config, acceptor, tokens) => {
                let site = http::Site {
                    name: self.name,
                    config,
                    tokens,
                    doors: self.doors,
                    network: self.network,
                    teller,
                    ending,
                };
                http::listen(Arc::new(site), acceptor).await;
            }
            Kind::Mqtt(config, access) => {
                // There is one tenant.
                if let Some(door) = self.doors.into_iter().next() {
                    mqtt::subscribe(config, access, (door, self.network), teller, ending).await;
                }
            }
        }
    }
}
