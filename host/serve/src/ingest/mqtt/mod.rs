//! A subscription at a broker, by MQTT 3.1.1 (of `rumqttc` its packets alone).
//!
//! The session is persistent and has one client id for good, so that a broker keeps what comes while
//! nobody listens. Messages of QoS 1 are acknowledged in the order in which they came, each once it
//! is kept. One that a broker sends again, because its acknowledgement was lost, is known by the id
//! of its packet and the digest of topic and payload, and not taken twice. A message that the
//! broker had retained comes with each subscription, whatever came of it before: it is acknowledged
//! and left out.

mod topics;
mod wire;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use rumqttc::mqttbytes::QoS;
use rumqttc::mqttbytes::v4::{
    Connect, ConnectReturnCode, Packet, PubAck, Publish, Subscribe, SubscribeFilter,
    SubscribeReasonCode,
};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::oneshot::{self, error::TryRecvError};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use self::wire::Wire;
use super::config::{Broker, MqttConfig};
use super::delivered::Packet as Message;
use super::intake::{Delivery, Reply, Wanted};
use super::network::{Cause, Link, Network};
use super::prepare::Door;
use super::{Retry, Teller, pause};

/// How long connecting may take, each step of it.
const CONNECT: Duration = Duration::from_secs(10);
/// How long acknowledgements are waited for when the server stops.
const LAST_ACKS: Duration = Duration::from_secs(10);
/// Acknowledgements that are sent together.
const MAX_ACKS: usize = 256;
/// The longest name of a topic that a message is kept by.
const MAX_NAME: usize = 256;
/// A connection that lasted so long was a good one.
const GOOD: Duration = Duration::from_secs(30);

/// How a broker is reached.
pub(crate) struct Access {
    pub(crate) broker: Broker,
    /// User and password.
    pub(crate) login: Option<(String, String)>,
    /// `None`: it is spoken to in clear text.
    pub(crate) connector: Option<TlsConnector>,
}

/// Why a session ended.
#[derive(Debug)]
pub(super) struct Problem(pub(super) String);

trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// A message that is not acknowledged yet.
struct Unacked {
    /// `None`: it wants no acknowledgement.
    packet: Option<u16>,
    /// What comes once it is kept; `None`: it is, or need not be.
    reply: Option<oneshot::Receiver<Reply>>,
}

/// Subscribes, and takes what comes, until it is to end.
pub(crate) async fn subscribe(
    config: MqttConfig,
    access: Access,
    (door, network): (Door, Arc<Network>),
    teller: Teller,
    mut ending: watch::Receiver<bool>,
) {
    if access.connector.is_none() && config.allow_clear_text {
        let text = || {
            format!(
                "{} is spoken to in clear text, as is allowed",
                config.broker
            )
        };
        teller.told("clear text", text);
    }
    let mut session = Session {
        config,
        access,
        door,
        network,
        teller,
        unacked: VecDeque::new(),
    };
    let mut retry = Retry::default();
    loop {
        let began = Instant::now();
        match session.run(&mut ending).await {
            Ok(()) => return session.network.set(Link::Down, None),
            Err(Problem(problem)) => session.broke(&problem),
        }
        if began.elapsed() >= GOOD {
            retry = Retry::default();
        }
        if !pause(retry.next(), &mut ending).await {
            return;
        }
    }
}

struct Session {
    config: MqttConfig,
    access: Access,
    door: Door,
    network: Arc<Network>,
    teller: Teller,
    /// In the order in which they came.
    unacked: VecDeque<Unacked>,
}

/// What happens next in a session.
enum Next {
    Came(Result<Packet, Problem>),
    Kept(Result<(), Problem>),
    Tick,
    Ending,
}

/// Waits until the first of these is kept.
async fn first(unacked: &mut VecDeque<Unacked>) -> Result<(), Problem> {
    let Some(front) = unacked.front_mut() else {
        return std::future::pending().await;
    };
    if let Some(reply) = &mut front.reply {
        let reply = reply.await.map_err(|_| ends())?;
        front.reply = None;
        is_kept(reply)?;
    }
    Ok(())
}

/// Without an answer the server ends.
fn ends() -> Problem {
    Problem("the server ends".to_owned())
}

/// What is wrong with a message is kept with it, so that none is refused.
fn is_kept(reply: Reply) -> Result<(), Problem> {
    reply
        .map(drop)
        .map_err(|refusal| Problem(refusal.to_string()))
}

impl Session {
    fn broke(&mut self, problem: &str) {
        let broker = &self.config.broker;
        let problem = format!("{broker}: {problem}");
        self.network.set(Link::Down, Some(problem.clone()));
        self.teller.told("broker", || {
            format!("{problem}; it is tried again, and the broker keeps what comes meanwhile")
        });
        // What is kept meanwhile comes again, and is known then.
        self.unacked.clear();
    }

    /// Connects, subscribes, and takes what comes; it returns without an error when it is to end.
    async fn run(&mut self, ending: &mut watch::Receiver<bool>) -> Result<(), Problem> {
        let stream = tokio::select! {
            stream = self.connect() => stream?,
            _ = ending.wait_for(|ending| *ending) => return Ok(()),
        };
        let mut wire = Wire::new(stream, self.config.max_message_bytes);
        self.greet(&mut wire).await?;
        let half = Duration::from_secs(self.config.keep_alive_seconds) / 2;
        let mut tick = tokio::time::interval_at(Instant::now() + half, half);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        // Since when the broker owes an answer, as far as anything was read.
        let mut silent = 0;
        loop {
            let full = self.door.room.is_full() || self.unacked.len() >= self.config.in_flight;
            let next = tokio::select! {
                biased;
                _ = ending.wait_for(|ending| *ending) => Next::Ending,
                kept = first(&mut self.unacked), if !self.unacked.is_empty() => Next::Kept(kept),
                came = wire.next(), if !full => Next::Came(came),
                _ = tick.tick() => Next::Tick,
            };
            match next {
                Next::Came(packet) => {
                    silent = 0;
                    self.came(packet?)?;
                }
                Next::Kept(kept) => {
                    kept?;
                    self.acknowledge(&mut wire).await?;
                }
                // What a broker says is not read while there is no room for it.
                Next::Tick if full => wire.send(&[Packet::PingReq]).await?,
                Next::Tick if silent >= 3 => {
                    return Err(Problem("the broker says nothing any more".to_owned()));
                }
                Next::Tick => {
                    silent += 1;
                    wire.send(&[Packet::PingReq]).await?;
                }
                Next::Ending => return self.leave(&mut wire).await,
            }
        }
    }

    async fn connect(&self) -> Result<Box<dyn Duplex>, Problem> {
        let Broker { host, port, .. } = &self.access.broker;
        let slow = |_| Problem("no connection comes about within 10 s".to_owned());
        let failed = |error: std::io::Error| Problem(format!("cannot connect: {error}"));
        let connecting = TcpStream::connect((host.as_str(), *port));
        let stream = timeout(CONNECT, connecting).await.map_err(slow)?;
        let stream = stream.map_err(failed)?;
        let _ = stream.set_nodelay(true);
        let Some(connector) = &self.access.connector else {
            return Ok(Box::new(stream));
        };
        let name = ServerName::try_from(host.clone());
        let name = name.map_err(|_| Problem(format!("`{host}` is no name of a server")))?;
        let shaking = connector.connect(name, stream);
        let stream = timeout(CONNECT, shaking).await.map_err(slow)?;
        Ok(Box::new(stream.map_err(failed)?))
    }

    /// Says who it is, and what it wants.
    async fn greet(&mut self, wire: &mut Wire<Box<dyn Duplex>>) -> Result<(), Problem> {
        let mut connect = Connect::new(self.config.client_id.clone());
        connect.clean_session = false;
        let keep_alive = u16::try_from(self.config.keep_alive_seconds);
        connect.keep_alive = keep_alive.unwrap_or(u16::MAX);
        if let Some((user, password)) = &self.access.login {
            connect.set_login(user, password);
        }
        wire.send(&[Packet::Connect(connect)]).await?;
        match timeout(CONNECT, wire.next()).await {
            Err(_) => return Err(Problem("the broker does not answer".to_owned())),
            Ok(Err(problem)) => return Err(problem),
            Ok(Ok(Packet::ConnAck(answer))) if answer.code == ConnectReturnCode::Success => {}
            Ok(Ok(Packet::ConnAck(answer))) => {
                return Err(Problem(format!("the broker refuses: {:?}", answer.code)));
            }
            Ok(Ok(_)) => return Err(Problem("the broker does not speak MQTT 3.1.1".to_owned())),
        }
        let filters = self.config.topics.iter();
        let filters = filters.map(|topic| SubscribeFilter {
            path: topic.clone(),
            qos: QoS::AtLeastOnce,
        });
        let mut subscribe = Subscribe::new_many(filters);
        subscribe.pkid = 1;
        wire.send(&[Packet::Subscribe(subscribe)]).await
    }

    /// Takes a packet.
    fn came(&mut self, packet: Packet) -> Result<(), Problem> {
        match packet {
            Packet::Publish(publish) => self.message(publish),
            Packet::SubAck(answer) => {
                let codes = answer.return_codes.iter().zip(&self.config.topics);
                let refused = codes.filter(|(code, _)| **code == SubscribeReasonCode::Failure);
                let refused: Vec<&str> = refused.map(|(_, topic)| topic.as_str()).collect();
                if !refused.is_empty() {
                    let refused = refused.join(", ");
                    return Err(Problem(format!("the broker refuses the topics {refused}")));
                }
                self.network.set(Link::Connected, None);
                Ok(())
            }
            Packet::PingResp => Ok(()),
            _ => Err(Problem(
                "the broker sends what no client is sent".to_owned(),
            )),
        }
    }

    /// Takes a message.
    fn message(&mut self, publish: Publish) -> Result<(), Problem> {
        let packet = match publish.qos {
            QoS::AtMostOnce => None,
            QoS::AtLeastOnce => Some(publish.pkid),
            QoS::ExactlyOnce => {
                let problem = "the broker sends QoS 2, which nobody asked for";
                return Err(Problem(problem.to_owned()));
            }
        };
        let topics = &self.config.topics;
        let wanted = topics.iter().any(|t| topics::matches(&publish.topic, t));
        let left_out = match (publish.retain, wanted) {
            (true, _) => Some(Cause::Retained),
            (_, false) => Some(Cause::Topic),
            _ => None,
        };
        if let Some(cause) = left_out {
            self.network.count(cause);
            self.teller.told(cause.name(), || {
                let topic = publish.topic.escape_debug();
                format!("a message of `{topic}` is left out: {}", cause.name())
            });
            let reply = None;
            self.unacked.push_back(Unacked { packet, reply });
            return Ok(());
        }
        if publish.payload.len() > self.config.max_message_bytes {
            return Err(Problem(format!(
                "the broker sends a message of {} bytes, and {} are allowed (max_message_bytes)",
                publish.payload.len(),
                self.config.max_message_bytes
            )));
        }
        let mark = match packet {
            None => Wanted::Once,
            Some(id) => {
                let mut hasher = blake3::Hasher::new();
                hasher.update(&(publish.topic.len() as u64).to_le_bytes());
                hasher.update(publish.topic.as_bytes());
                hasher.update(&publish.payload);
                let mut digest = [0; 16];
                hasher.finalize_xof().fill(&mut digest);
                Wanted::Packet(Message { id, digest }, publish.dup)
            }
        };
        let (reply, replied) = oneshot::channel::<Reply>();
        let delivery = Delivery {
            name: publish.topic.chars().take(MAX_NAME).collect(),
            bytes: publish.payload.to_vec(),
            mark,
            held: self.door.room.take(publish.payload.len()),
            reply,
        };
        self.door.deliveries.send(delivery).map_err(|_| ends())?;
        let reply = Some(replied);
        self.unacked.push_back(Unacked { packet, reply });
        Ok(())
    }

    /// Acknowledges those that are kept, up to the first that is not.
    async fn acknowledge(&mut self, wire: &mut Wire<Box<dyn Duplex>>) -> Result<(), Problem> {
        let mut acks = Vec::new();
        while acks.len() < MAX_ACKS {
            match self.unacked.front_mut() {
                None => break,
                Some(Unacked { reply: None, .. }) => {}
                Some(Unacked {
                    reply: Some(reply), ..
                }) => match reply.try_recv() {
                    Ok(reply) => is_kept(reply)?,
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Closed) => return Err(ends()),
                },
            }
            let kept = self.unacked.pop_front();
            let packet = kept.and_then(|kept| kept.packet);
            acks.extend(packet.map(|id| Packet::PubAck(PubAck::new(id))));
        }
        match acks.is_empty() {
            true => Ok(()),
            false => wire.send(&acks).await,
        }
    }

    /// Acknowledges what is still being kept, and leaves.
    async fn leave(&mut self, wire: &mut Wire<Box<dyn Duplex>>) -> Result<(), Problem> {
        let rest = async {
            while !self.unacked.is_empty() {
                first(&mut self.unacked).await?;
                self.acknowledge(wire).await?;
            }
            wire.send(&[Packet::Disconnect]).await
        };
        // What is not acknowledged comes again, and is known then.
        let _ = timeout(LAST_ACKS, rest).await;
        Ok(())
    }
}
