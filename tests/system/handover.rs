//! Flows that change their protocol on the way, written here segment by segment, because no
//! client at hand speaks as early as TCP lets it. The TLS is a recorded handshake.

use std::path::Path;

use palisade_tests::root;

use crate::events::events;

const CLIENT: [u8; 4] = [10, 3, 0, 7];
const SERVER: [u8; 4] = [10, 9, 0, 1];

/// One connection as a capture of raw IP packets, a millisecond apart, without checksums.
struct Connection {
    capture: Vec<u8>,
    next: [u32; 2],
    packets: u32,
}

impl Connection {
    fn opened() -> Connection {
        let mut capture = Vec::new();
        // pcap 2.4 in microseconds, link type 101.
        for field in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 101] {
            capture.extend(field.to_le_bytes());
        }
        let mut connection = Connection {
            capture,
            next: [1_000, 5_000],
            packets: 0,
        };
        connection.segment(true, 0x02, b"");
        connection.segment(false, 0x12, b"");
        connection
    }

    fn client(mut self, bytes: &[u8]) -> Self {
        self.segment(true, 0x18, bytes);
        self
    }

    fn server(mut self, bytes: &[u8]) -> Self {
        self.segment(false, 0x18, bytes);
        self
    }

    fn segment(&mut self, from_client: bool, flags: u8, bytes: &[u8]) {
        let (own, peer) = if from_client { (0, 1) } else { (1, 0) };
        let (addresses, ports) = if from_client {
            ([CLIENT, SERVER], [40_000_u16, 3_128])
        } else {
            ([SERVER, CLIENT], [3_128, 40_000])
        };
        let length = (40 + bytes.len()) as u16;
        let mut packet = vec![0x45, 0];
        packet.extend(length.to_be_bytes());
        packet.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
        packet.extend(addresses.concat());
        packet.extend(ports.iter().flat_map(|port| port.to_be_bytes()));
        packet.extend(self.next[own].to_be_bytes());
        packet.extend(self.next[peer].to_be_bytes());
        packet.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        packet.extend(bytes);
        self.next[own] += bytes.len() as u32 + u32::from(flags & 0x02 > 0);
        self.packets += 1;
        let record = [
            1_750_000_000,
            self.packets * 1_000,
            length.into(),
            length.into(),
        ];
        for field in record {
            self.capture.extend(field.to_le_bytes());
        }
        self.capture.extend(packet);
    }

    fn write(&self, path: &Path) {
        std::fs::write(path, &self.capture).expect("a capture can be written");
    }
}

/// The first record of each side of a recorded TLS 1.3 handshake.
fn hellos() -> [Vec<u8>; 2] {
    let path = "plugins/iot-protocols/parsers/tls/tests/handshakes/tls13.hex";
    let text = std::fs::read_to_string(root().join(path)).expect("the handshake can be read");
    ['>', '<'].map(|side| {
        let line = text.lines().find_map(|line| line.strip_prefix(side));
        let digits = line.expect("both sides speak").trim();
        (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex digits"))
            .collect()
    })
}

#[test]
fn what_a_client_says_before_a_tunnel_is_granted_belongs_to_the_tunnel() {
    let [client, server] = hellos();
    let asked = b"CONNECT platform.example:443 HTTP/1.1\r\nHost: platform.example:443\r\n\r\n";
    let granted = b"HTTP/1.1 200 Connection established\r\n\r\n";
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, connection) in [
        (
            "patient",
            Connection::opened()
                .client(asked)
                .server(granted)
                .client(&client),
        ),
        (
            "early",
            Connection::opened()
                .client(asked)
                .client(&client)
                .server(granted),
        ),
        (
            "at-once",
            Connection::opened()
                .client(&[&asked[..], &client].concat())
                .server(granted),
        ),
        (
            "in-parts",
            Connection::opened()
                .client(asked)
                .client(&client[..100])
                .client(&client[100..])
                .server(granted),
        ),
    ] {
        let path = folder.path().join(format!("{name}.pcap"));
        connection.server(&server).write(&path);
        let Some(found) = events(&path) else { return };
        let kinds: Vec<_> = found.iter().map(|event| event.text("kind")).collect();
        assert_eq!(kinds, ["network.http", "network.tls"], "{name}");
        let tls = &found[1].0;
        assert_eq!(tls["version"], "TLS1.3", "{name}");
        assert!(
            tls["ja4"].is_string(),
            "{name}: the client's hello was not read: {tls}"
        );
    }
}
