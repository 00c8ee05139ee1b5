//! Whose traffic it is, and which way it went.

use std::io::Cursor;
use std::sync::Arc;

use palisade_events::{Body, Event};
use palisade_sources::enrich::{Networks, Place};
use palisade_sources::{
    DeadLetters, EventReader as _, EventSink, Limits, LogReader, SourcePolicy, open,
};

use crate::source;

const NETWORKS: &str = r#"
[[network]]
cidr = ["10.0.0.0/8", "2001:db8::/32"]
customer = "cust-1"

[[network]]
cidr = "10.3.0.7"
device = "d-7"

[[network]]
cidr = "10.9.0.0/16"
local = false
customer = "partner"

[[network]]
cidr = "10.20.0.0/16"
tenant = "t2"

[[network]]
cidr = "10.0.0.0/8"
vlan = 42
customer = "cust-42"

[[network]]
vlan = [43]
segment = "guests"

[[network]]
mac = "00:0c:29:ab:cd:ef"
device = "d-mac"

[[network]]
cidr = "172.20.0.0/16"
segment = "platform"

[[network]]
cidr = "172.21.0.9"
local = false
device = "d-9"
"#;

fn enriched(networks: &Arc<Networks>, text: &str) -> Vec<Event> {
    let limits = Limits::default();
    let input = open("-", Cursor::new(text.as_bytes().to_vec()), &limits).unwrap();
    let networks_for_links = Some(Arc::clone(networks));
    let mut reader =
        LogReader::new(input, &limits, networks_for_links, DeadLetters::none()).unwrap();
    let mut sink = EventSink::new(SourcePolicy::new(source()));
    assert_eq!(
        reader.read(&mut sink, 10_000).unwrap().bad,
        0,
        "{:?}",
        reader.reports()
    );
    let mut events = Vec::new();
    for batch in sink.finish().unwrap() {
        for part in networks.enrich(&batch).unwrap() {
            events.extend((0..part.len()).map(|row| part.event(row).unwrap()));
        }
    }
    events.sort_by_key(|event| event.envelope.seq);
    events
}

fn flow(src: &str, dst: &str, more: &str) -> String {
    format!(
        r#"{{"timestamp":"2024-05-01T10:00:00Z","event_type":"flow","src_ip":"{src}","src_port":1,"dest_ip":"{dst}","dest_port":2,"proto":"TCP"{more},"flow":{{}}}}"#
    )
}

fn shown(event: &Event) -> String {
    let Body::NetworkFlow(flow) = &event.body else {
        panic!()
    };
    let owner = |field: &Option<String>| field.clone().unwrap_or_else(|| "-".to_owned());
    format!(
        "{} {} {} {}",
        flow.direction.name(),
        owner(&flow.owner.customer),
        owner(&flow.owner.device),
        event.envelope.source.tenant
    )
}

#[test]
fn owner_and_direction_of_a_batch() {
    let networks = Arc::new(Networks::parse(NETWORKS).unwrap());
    let cases = [
        (flow("10.3.0.7", "192.0.2.1", ""), "outbound cust-1 d-7 t"),
        (flow("192.0.2.1", "10.3.0.7", ""), "inbound cust-1 d-7 t"),
        (flow("10.1.1.1", "10.3.0.7", ""), "lateral cust-1 - t"),
        (flow("10.9.0.1", "192.0.2.1", ""), "unknown partner - t"),
        (flow("10.9.0.1", "10.3.0.7", ""), "inbound cust-1 d-7 t"),
        (flow("192.0.2.1", "192.0.2.2", ""), "unknown - - t"),
        (flow("172.21.0.9", "172.20.0.1", ""), "inbound - d-9 t"),
        (flow("172.20.0.1", "172.21.0.9", ""), "outbound - d-9 t"),
        (flow("10.3.0.7", "172.21.0.9", ""), "outbound cust-1 d-7 t"),
        (flow("172.20.0.1", "192.0.2.1", ""), "outbound - - t"),
        (flow("10.20.0.1", "192.0.2.2", ""), "outbound cust-1 - t2"),
        (flow("10.20.0.2", "192.0.2.2", ""), "outbound cust-1 - t2"),
        (flow("10.1.1.1", "224.0.0.251", ""), "lateral cust-1 - t"),
        (
            flow("2001:db8::1", "2001:db9::1", ""),
            "outbound cust-1 - t",
        ),
        (
            flow("10.3.0.7", "192.0.2.1", r#","vlan":[42]"#),
            "outbound cust-42 d-7 t",
        ),
        (
            flow("172.16.0.1", "192.0.2.1", r#","vlan":[43]"#),
            "lateral - - t",
        ),
        (
            flow(
                "172.16.0.1",
                "192.0.2.1",
                r#","ether":{"src_mac":"00:0c:29:ab:cd:ef"}"#,
            ),
            "outbound - d-mac t",
        ),
    ];
    let text: String = cases.iter().map(|(line, _)| format!("{line}\n")).collect();
    let got: Vec<String> = enriched(&networks, &text).iter().map(shown).collect();
    let expect: Vec<&str> = cases.iter().map(|(_, expect)| *expect).collect();
    assert_eq!(got, expect);
}

#[test]
fn what_an_event_says_itself_stays() {
    let networks = Arc::new(Networks::parse(NETWORKS).unwrap());
    let line = r#"{"kind":"network.mail","time":"2025-06-01T10:00:00Z","owner":{"user":"u"},"src":{"ip":"10.0.0.1"},"dst":{"ip":"192.0.2.1"},"direction":"inbound","rcpt_to":[],"rcpt_count":0,"rcpt_local":false,"authenticated":false,"outcome":"unknown","list_unsubscribe":false,"auto_submitted":false}"#;
    let open = line
        .replace(r#""owner":{"user":"u"},"#, "")
        .replace("\"inbound\"", "\"unknown\"");
    let events = enriched(&networks, &format!("{line}\n{open}\n"));
    let Body::NetworkMail(mail) = &events[0].body else {
        panic!()
    };
    assert_eq!(
        (mail.owner.user.as_deref(), mail.owner.customer.as_deref()),
        (Some("u"), None)
    );
    assert_eq!(mail.direction.name(), "inbound");
    let Body::NetworkMail(mail) = &events[1].body else {
        panic!()
    };
    assert_eq!(mail.owner.customer.as_deref(), Some("cust-1"));
    assert_eq!(mail.direction.name(), "outbound");
    // Which side spoke is another thing than which way traffic went.
    let dns = r#"{"kind":"network.dns","time":"2025-06-01T10:00:00Z","src":{"ip":"10.3.0.7"},"dst":{"ip":"192.0.2.1"},"qname":"a","qtype":"A"}"#;
    let Body::NetworkDns(dns) = &enriched(&networks, dns)[0].body else {
        panic!()
    };
    assert_eq!(dns.owner.device.as_deref(), Some("d-7"));
}

#[test]
fn one_flow_of_a_capture() {
    let networks = Networks::parse(NETWORKS).unwrap();
    assert!(networks.needs_links() && networks.has_tenants());
    let place = |ip: &str| Place {
        ip: ip.parse().unwrap(),
        vlan: Some(43),
        mac: None,
    };
    let found = networks.resolve(&place("10.3.0.7"), &place("192.0.2.1"));
    assert_eq!(found.owner.device.as_deref(), Some("d-7"));
    assert_eq!(found.segment.as_deref(), Some("guests"));
    assert_eq!(
        networks.digest(),
        palisade_events::Digest::of(NETWORKS.as_bytes())
    );
}

#[test]
fn networks_have_4_mib_and_no_more() {
    let text = |bytes: usize| format!("{NETWORKS}{}", "\n".repeat(bytes - NETWORKS.len()));
    Networks::parse(&text(4 << 20)).unwrap();
    let refused = Networks::parse(&text((4 << 20) + 1)).unwrap_err();
    assert!(
        refused.to_string().contains("at most 4194304 are read"),
        "{refused}"
    );
}

#[test]
fn wrong_entries_are_told_all_at_once() {
    let text = r#"
[[network]]
cidr = "10.0.0.1/8"

[[network]]
customer = "c"

[[network]]
cidr = ["10.0.0.0/8", "nonsense"]
vlan = 5000

[[network]]
cidr = "192.0.2.0/24"
device = ""

[[network]]
cidr = "192.0.2.0/24"

[[network]]
mac = "00:11"
"#;
    assert_eq!(
        Networks::parse(text).unwrap_err().to_string(),
        "networks.toml has 7 wrong entries:\
         \n  line 2, network 1: 10.0.0.1/8 has bits beyond its length; did you mean 10.0.0.0/8?\
         \n  line 5, network 2: it names no place; give `cidr`, `vlan` or `mac`\
         \n  line 8, network 3: VLAN 5000 does not exist; they are numbered 1 to 4094\
         \n  line 8, network 3: `nonsense` is no network; write 10.0.0.0/8 or 2001:db8::/32\
         \n  line 12, network 4: `device` must have 1 to 256 bytes and no control characters\
         \n  line 16, network 5: 192.0.2.0/24 has an entry already\
         \n  line 19, network 6: `00:11` is no hardware address; write 00:0c:29:ab:cd:ef"
    );
    let unknown = Networks::parse("[[network]]\ncidr = \"10.0.0.0/8\"\ndevise = \"d\"\n");
    let unknown = unknown.unwrap_err().to_string();
    assert!(
        unknown.starts_with("networks.toml: line 3, column 1\n")
            && unknown.ends_with("there is no key `devise` here; did you mean `device`?"),
        "{unknown}"
    );
    assert!(Networks::parse("").is_ok());
}

#[test]
fn the_networks_of_the_operators_guide_are_read_as_it_says() {
    let guide = include_str!("../../../README.md");
    let begin = guide.find("# networks.toml").unwrap();
    let text = guide[begin..].split("```").next().unwrap();
    let networks = Networks::parse(text).unwrap();
    let at = |ip: &str| Place {
        ip: ip.parse().unwrap(),
        ..Place::default()
    };
    let narrow = networks.lookup(&at("10.3.9.9"));
    assert_eq!(narrow.customer.as_deref(), Some("plant-1"));
    assert_eq!(narrow.segment.as_deref(), Some("field"));
    assert_eq!(narrow.local, Some(true));
    let supplier = networks.lookup(&at("203.0.113.9"));
    assert_eq!(supplier.local, Some(false));
    assert_eq!(supplier.customer.as_deref(), Some("supplier"));
    let gateway = Place {
        vlan: Some(7),
        ..at("192.168.7.1")
    };
    assert_eq!(
        networks.lookup(&gateway).device.as_deref(),
        Some("gateway-7")
    );
    assert_eq!(networks.lookup(&at("192.168.7.1")).device, None);
    let door = Place {
        mac: Some([2, 0, 0x5e, 0x10, 0, 1]),
        ..at("10.3.0.1")
    };
    let door = networks.lookup(&door);
    assert_eq!(door.user.as_deref(), Some("facility"));
    assert_eq!(door.segment.as_deref(), Some("field"));
}
