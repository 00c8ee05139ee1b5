//! Many small conversations in one capture, and what the program makes of each.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

use serde_json::Value;

use crate::recording::{Ends, Recording, Side};
use crate::run::run;

/// Conversations, each with a client port of its own.
pub(crate) struct Connections {
    recording: Recording,
    count: u16,
}

/// What came of each conversation, in the order in which they were added.
pub(crate) struct Outcome {
    /// What it was taken for; empty for nothing.
    pub(crate) protocols: Vec<String>,
    /// What parsers made of it, without times and ports.
    pub(crate) events: Vec<Vec<String>>,
    /// Flows that a parser could not read to their end.
    pub(crate) unparsed: u64,
}

const FIRST_PORT: u16 = 1_024;

impl Connections {
    pub(crate) fn new() -> Self {
        Self {
            recording: Recording::new(1_750_000_000),
            count: 0,
        }
    }

    /// A TCP connection to a port.
    pub(crate) fn tcp<B: AsRef<[u8]>>(&mut self, port: u16, said: &[(Side, B)]) {
        let ends = self.ends(port);
        self.recording.tcp(ends, said);
    }

    /// Datagrams to a port.
    pub(crate) fn udp<B: AsRef<[u8]>>(&mut self, port: u16, said: &[(Side, B)]) {
        let ends = self.ends(port);
        self.recording.udp(ends, said);
    }

    fn ends(&mut self, port: u16) -> Ends {
        let end = |host, port| SocketAddrV4::new(Ipv4Addr::new(10, 3, 0, host), port);
        self.count += 1;
        Ends(end(1, FIRST_PORT + self.count - 1), end(2, port))
    }

    /// Runs it all. Nothing where the program is not built.
    pub(crate) fn run(&self) -> Option<Outcome> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let capture = folder.path().join("connections.pcap");
        let file = folder.path().join("events.ndjson");
        self.recording.write(&capture);
        let option = file.to_str().expect("a path in UTF-8");
        let (_, summary) = run(&[&capture], &["--events", option])?;
        assert_eq!(summary["faults"], 0, "{summary}");
        let mut protocols = vec![String::new(); self.count.into()];
        let mut events = vec![Vec::new(); self.count.into()];
        let text = std::fs::read_to_string(&file).expect("events are there");
        for line in text.lines() {
            let event: BTreeMap<String, Value> = serde_json::from_str(line).expect("JSON");
            let port = event["src"]["port"].as_u64().expect("a port");
            let at = usize::try_from(port).expect("a port") - usize::from(FIRST_PORT);
            if event["kind"] == "network.flow" {
                if let Some(protocol) = event.get("app_proto") {
                    protocols[at] = protocol.as_str().unwrap_or_default().to_owned();
                }
                continue;
            }
            let text = |name: &str| event.get(name).map_or(String::new(), Value::to_string);
            let names = [
                "kind",
                "operation",
                "status",
                "direction",
                "attributes",
                "path",
                "qname",
            ];
            events[at].push(names.map(text).join(" "));
        }
        Some(Outcome {
            protocols,
            events,
            unparsed: summary["unparsed"].as_u64().unwrap_or(0),
        })
    }
}
