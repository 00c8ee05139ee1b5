//! Limits and times of the flow table.

use std::time::Duration;

/// Limits and times of a [`FlowTable`](super::FlowTable). All times are event time.
#[derive(Clone, Debug)]
pub struct FlowConfig {
    /// Most flows at a time; 262,144 by default, at about 600 bytes each with what the
    /// table keeps beside them. When one more comes, the least recent flow of the class
    /// (TCP unanswered, open, closed; UDP; ICMP; others) that holds most flows is ended,
    /// so that a flood costs itself.
    pub max_flows: usize,
    /// An open TCP connection without packets ends after this; 5 min by default.
    pub tcp_idle: Duration,
    /// A SYN that nothing answers ends after this; 60 s by default.
    pub tcp_unanswered: Duration,
    /// A connection closed by both sides or reset lingers so long, so that the last
    /// acknowledgements still count for it; 5 s by default.
    pub tcp_closed: Duration,
    /// A UDP exchange without packets ends after this; 60 s by default.
    pub udp_idle: Duration,
    /// An ICMP exchange without packets ends after this; 30 s by default.
    pub icmp_idle: Duration,
    /// An exchange of another protocol ends after this; 60 s by default.
    pub other_idle: Duration,
    /// Counts are reported at most this long after the packet; 10 s by default.
    pub update_interval: Duration,
    /// Whether the VLANs of a frame are part of what tells flows apart; true by default.
    /// Taps that see the directions of a flow in different VLANs need false.
    pub vlan_in_key: bool,
    /// Whether TCP and UDP packets with a wrong checksum are left out; false by default,
    /// because captures made on an end point hold checksums that the network card fills
    /// in later. For captures from taps, true keeps out forgeries that hosts drop.
    pub verify_checksums: bool,
    /// Ports that servers listen on, beside those below 1,024; none by default. They tell who
    /// opened a TCP connection that was there before the capture, and nothing else.
    pub server_ports: Vec<u16>,
    /// TCP reassembly.
    pub reassembly: ReassemblyConfig,
    /// IP fragments.
    pub fragments: FragmentConfig,
}

/// Limits of TCP reassembly. Only data that came ahead of order is ever buffered.
#[derive(Clone, Debug)]
pub struct ReassemblyConfig {
    /// Bytes that may wait for order in one direction of a flow; 1 MiB by default.
    pub direction_bytes: usize,
    /// Segments that may wait for order in one direction of a flow; 1,024 by default.
    pub direction_segments: usize,
    /// Bytes that may wait for order in all flows; 64 MiB by default. When it is
    /// reached, the flow that waits longest gives up its gap.
    pub total_bytes: usize,
    /// Data waits for order at most this long; 30 s by default.
    pub wait: Duration,
    /// Whether a gap is given up as soon as the receiver acknowledges what follows it:
    /// those bytes arrived there and are missing only in the capture. True by default;
    /// captures that put acknowledgements before what they acknowledge need false.
    pub gap_on_acknowledgement: bool,
}

/// Limits of putting IP fragments together.
#[derive(Clone, Debug)]
pub struct FragmentConfig {
    /// Most incomplete datagrams; 4,096 by default. The oldest makes room.
    pub datagrams: usize,
    /// Most bytes of incomplete datagrams; 8 MiB by default. The oldest make room.
    pub bytes: usize,
    /// Most fragments of one datagram; 1,024 by default.
    pub per_datagram: usize,
    /// A datagram that is not whole so long after its first fragment is given up; 30 s
    /// by default, as in Linux.
    pub timeout: Duration,
}

impl Default for FlowConfig {
    fn default() -> Self {
        Self {
            max_flows: 262_144,
            tcp_idle: Duration::from_secs(300),
            tcp_unanswered: Duration::from_secs(60),
            tcp_closed: Duration::from_secs(5),
            udp_idle: Duration::from_secs(60),
            icmp_idle: Duration::from_secs(30),
            other_idle: Duration::from_secs(60),
            update_interval: Duration::from_secs(10),
            vlan_in_key: true,
            verify_checksums: false,
            server_ports: Vec::new(),
            reassembly: ReassemblyConfig::default(),
            fragments: FragmentConfig::default(),
        }
    }
}

impl FlowConfig {
    /// Whether a server may listen on this port.
    pub(super) fn is_server_port(&self, port: u16) -> bool {
        port < 1024 || self.server_ports.contains(&port)
    }
}

impl Default for ReassemblyConfig {
    fn default() -> Self {
        Self {
            direction_bytes: 1024 * 1024,
            direction_segments: 1024,
            total_bytes: 64 * 1024 * 1024,
            wait: Duration::from_secs(30),
            gap_on_acknowledgement: true,
        }
    }
}

impl Default for FragmentConfig {
    fn default() -> Self {
        Self {
            datagrams: 4096,
            bytes: 8 * 1024 * 1024,
            per_datagram: 1024,
            timeout: Duration::from_secs(30),
        }
    }
}

/// A duration in nanoseconds; centuries are as good as for ever.
pub(super) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
