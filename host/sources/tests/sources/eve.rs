//! Suricata's event types.

use palisade_events::{Body, Kind};

use crate::{attribute, check, read};

const HEAD: &str = r#""timestamp":"2024-05-01T10:00:00.123456+0200","flow_id":77,"src_ip":"10.0.0.1","src_port":40000,"dest_ip":"192.0.2.9","dest_port":53,"proto":"UDP""#;

fn record(event_type: &str, rest: &str) -> Vec<u8> {
    format!(r#"{{{HEAD},"event_type":"{event_type}",{rest}}}"#).into_bytes()
}

fn event(event_type: &str, rest: &str) -> palisade_events::Event {
    read("eve.json", &record(event_type, rest)).only()
}

/// What all records of these tests share, as the events have it.
const SHARED: &str = r#""time":"2024-05-01T08:00:00.123456Z","src":{"ip":"10.0.0.1","port":40000},"dst":{"ip":"192.0.2.9","port":53},"flow":{"id":77,"community_id":"1:COMMUNITY"}"#;

fn expect(event: &palisade_events::Event, rest: &str) {
    let community = crate::json(event)["flow"]["community_id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(community.len(), 30);
    let shared = SHARED.replace("1:COMMUNITY", &community);
    check(event, &format!("{{{shared},{rest}}}"));
}

#[test]
fn dns_of_all_versions() {
    let query = event(
        "dns",
        r#""dns":{"type":"query","id":1,"rrname":"a.example","rrtype":"A","tx_id":0}"#,
    );
    let asked = r#""kind":"network.dns","qname":"a.example","qtype":"A","answers":[]"#;
    expect(&query, asked);
    let v1 = event(
        "dns",
        r#""dns":{"type":"answer","id":1,"rcode":"NOERROR","rrname":"a.example","rrtype":"A","ttl":60,"rdata":"192.0.2.1"}"#,
    );
    let answered = r#""kind":"network.dns","qname":"a.example","qtype":"A","rcode":"NOERROR","answers":[{"name":"a.example","rtype":"A","ttl":60,"rdata":"192.0.2.1"}]"#;
    expect(&v1, answered);
    let v2 = event(
        "dns",
        r#""dns":{"version":2,"type":"answer","id":1,"flags":"8180","qr":true,"rcode":"NOERROR","rrname":"a.example","rrtype":"A","answers":[{"rrname":"a.example","rrtype":"A","ttl":60,"rdata":"192.0.2.1"}],"grouped":{"A":["192.0.2.1"]}}"#,
    );
    expect(&v2, answered);
    let v3 = event(
        "dns",
        r#""dns":{"version":3,"type":"response","tx_id":0,"id":1,"flags":"8180","qr":true,"opcode":0,"rcode":"NOERROR","queries":[{"rrname":"a.example","rrtype":"A"}],"answers":[{"rrname":"a.example","rrtype":"A","ttl":60,"rdata":"192.0.2.1"}]}"#,
    );
    expect(&v3, answered);
}

#[test]
fn answers_logged_from_the_server_are_turned_round() {
    let text = r#"{"timestamp":"2024-05-01T08:00:00+0000","event_type":"dns","src_ip":"192.0.2.9","src_port":53,"dest_ip":"10.0.0.1","dest_port":40000,"proto":"UDP","community_id":"1:own","dns":{"type":"answer","rcode":"NXDOMAIN","rrname":"x","rrtype":"SOA","answers":[{"rrname":"x","rrtype":"SOA","ttl":5,"soa":{"mname":"m"}}]}}"#;
    check(
        &read("-", text.as_bytes()).only(),
        r#"{"kind":"network.dns","time":"2024-05-01T08:00:00Z","src":{"ip":"10.0.0.1","port":40000},"dst":{"ip":"192.0.2.9","port":53},"flow":{"id":16049842406741107022,"community_id":"1:own"},"qname":"x","qtype":"SOA","rcode":"NXDOMAIN","answers":[{"name":"x","rtype":"SOA","ttl":5,"rdata":"{\"mname\":\"m\"}"}]}"#
            .replace("16049842406741107022", &fnv("1:own").to_string())
            .as_str(),
    );
}

fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[test]
fn http_tls_flow() {
    let http = event(
        "http",
        r#""http":{"hostname":"h.example","url":"/a?b=c","http_user_agent":"curl","http_content_type":"text/html","http_method":"GET","protocol":"HTTP/1.1","status":200,"length":5}"#,
    );
    expect(
        &http,
        r#""kind":"network.http","scheme":"http","http_method":"GET","host":"h.example","path":"/a","query":"b=c","status":200,"user_agent":"curl","req_items":[],"resp_items":[],"resp_mime":"text/html","attack_tags":[]"#,
    );
    let tls = event(
        "tls",
        r#""tls":{"subject":"CN=a","issuerdn":"CN=a","serial":"00","fingerprint":"aa:bb","sni":"a.example","version":"TLS 1.2","notbefore":"2016-07-18T20:48:01","notafter":"2026-07-18T20:48:01","ja4":"t12d"}"#,
    );
    expect(
        &tls,
        r#""kind":"network.tls","dtls":false,"version":"TLS1.2","cipher":"","sni":"a.example","ja4":"t12d","server_cert":{"subject":"CN=a","issuer":"CN=a","sha256":"","not_before":"2016-07-18T20:48:01Z","not_after":"2026-07-18T20:48:01Z","self_signed":true}"#,
    );
    let flow = event(
        "flow",
        r#""app_proto":"failed","flow":{"pkts_toserver":3,"pkts_toclient":0,"bytes_toserver":180,"bytes_toclient":0,"start":"2024-05-01T10:00:00.000001+0200","end":"2024-05-01T10:00:05+0200","age":5,"state":"new","reason":"timeout"},"tcp":{"tcp_flags":"02","tcp_flags_ts":"02","tcp_flags_tc":"00"}"#,
    );
    expect(
        &flow,
        r#""kind":"network.flow","phase":"end","transport":"udp","direction":"unknown","started":"2024-05-01T08:00:00.000001Z","ended":"2024-05-01T08:00:05Z","pkts_in":0,"pkts_out":3,"bytes_in":0,"bytes_out":180,"syn_only_pkts":3,"first_bytes":"""#,
    );
    let netflow = event(
        "netflow",
        r#""app_proto":"tls","netflow":{"pkts":3,"bytes":180}"#,
    );
    expect(
        &netflow,
        r#""kind":"network.flow","phase":"end","transport":"udp","direction":"unknown","app_proto":"tls","encrypted":true,"started":"2024-05-01T08:00:00.123456Z","ended":"2024-05-01T08:00:00.123456Z","pkts_in":0,"pkts_out":3,"bytes_in":0,"bytes_out":180,"syn_only_pkts":0,"first_bytes":"""#,
    );
}

#[test]
fn files_and_mail() {
    let file = event(
        "fileinfo",
        r#""http":{"hostname":"h.example","url":"/f.exe","http_content_type":"application/x-dosexec"},"app_proto":"http","fileinfo":{"filename":"/f.exe","state":"CLOSED","sha256":"5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9","size":9,"tx_id":0}"#,
    );
    expect(
        &file,
        r#""kind":"network.file","url":"http://h.example/f.exe","name":"/f.exe","mime":"application/x-dosexec","size":9,"sha256":"5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9""#,
    );
    let mail = event(
        "smtp",
        r#""smtp":{"helo":"h","mail_from":"<a@x>","rcpt_to":["<b@x>","<c@x>"]},"email":{"status":"PARSE_DONE","from":"A <a@x>","to":["b@x"],"subject":"s","url":["http://u/"]}"#,
    );
    expect(
        &mail,
        r#""kind":"network.mail","direction":"unknown","helo":"h","mail_from":"<a@x>","rcpt_to":["<b@x>","<c@x>"],"rcpt_count":2,"rcpt_local":false,"authenticated":false,"outcome":"unknown","header_from":"A <a@x>","list_unsubscribe":false,"auto_submitted":false,"urls":["http://u/"],"attachments":[],"subject":"s""#,
    );
}

#[test]
fn alerts_carry_what_they_were_raised_on() {
    let alert = event(
        "alert",
        r#""alert":{"action":"blocked","gid":3,"signature_id":5,"rev":2,"signature":"s","category":"c","severity":1,"metadata":{"signature_severity":["Critical"]}},"http":{"hostname":"h.example"},"payload":"AAAA","vlan":[7]"#,
    );
    expect(
        &alert,
        r#""kind":"network.alert","transport":"udp","engine":"suricata","signature_id":"3:5","signature":"s","revision":2,"category":"c","severity":"critical","action":"blocked","attributes":{"alert.action":"blocked","alert.category":"c","alert.gid":3,"alert.metadata.signature_severity":"Critical","alert.rev":2,"alert.severity":1,"alert.signature":"s","alert.signature_id":5,"http.hostname":"h.example"}"#,
    );
    let anomaly = event(
        "anomaly",
        r#""anomaly":{"type":"stream","event":"stream.pkt_bad","code":1}"#,
    );
    expect(
        &anomaly,
        r#""kind":"network.alert","transport":"udp","engine":"suricata","signature_id":"anomaly:stream.pkt_bad","signature":"stream.pkt_bad","category":"anomaly:stream","severity":"info","action":"unknown","attributes":{"anomaly.type":"stream","anomaly.event":"stream.pkt_bad","anomaly.code":1}"#,
    );
    let drop = event(
        "drop",
        r#""drop":{"len":40,"reason":"rules"},"alert":{"action":"blocked","signature_id":5,"signature":"s","severity":2}"#,
    );
    let Body::NetworkAlert(drop) = drop.body else {
        panic!()
    };
    assert_eq!(
        (
            &*drop.signature_id,
            drop.action.name(),
            drop.severity.name()
        ),
        ("5", "blocked", "medium")
    );
}

#[test]
fn messages_of_device_protocols() {
    let modbus = event(
        "modbus",
        r#""modbus":{"id":1,"request":{"transaction_id":9,"protocol_id":0,"unit_id":2,"function_raw":5,"function_code":"WrSingleCoil","access_type":"WRITE | COILS","category":"PUBLIC_ASSIGNED","error_flags":"NONE","write":{"address":7,"data":65280}},"response":{"transaction_id":9,"unit_id":2,"function_raw":133,"exception":{"raw":2,"code":"IllegalDataAddress"}}}"#,
    );
    let Body::DeviceMessage(body) = &modbus.body else {
        panic!()
    };
    assert_eq!(
        (&*body.protocol, &*body.operation),
        ("modbus", "write-single-coil")
    );
    assert_eq!(body.status.as_deref(), Some("illegal-data-address"));
    assert_eq!(body.encrypted, Some(false));
    for (name, value) in [
        ("unit", 2.0),
        ("transaction", 9.0),
        ("function", 5.0),
        ("address", 7.0),
    ] {
        assert_eq!(
            attribute(&modbus, &format!("modbus.{name}")),
            Some(value.into()),
            "{name}"
        );
    }
    assert_eq!(attribute(&modbus, "modbus.access"), Some("write".into()));
    let mqtt = event(
        "mqtt",
        r#""mqtt":{"connect":{"qos":0,"retain":false,"dup":false,"protocol_string":"MQTT","protocol_version":4,"flags":{"username":true},"client_id":"d-1","username":"u"}}"#,
    );
    let Body::DeviceMessage(body) = &mqtt.body else {
        panic!()
    };
    assert_eq!(
        (&*body.operation, body.direction.name()),
        ("connect", "request")
    );
    assert_eq!(attribute(&mqtt, "mqtt.client-id"), Some("d-1".into()));
    assert_eq!(attribute(&mqtt, "mqtt.version"), Some("3.1.1".into()));
    let dnp3 = event(
        "dnp3",
        r#""dnp3":{"type":"request","src":1,"dst":2,"application":{"function_code":13}}"#,
    );
    let Body::DeviceMessage(body) = &dnp3.body else {
        panic!()
    };
    assert_eq!(
        (&*body.operation, body.direction.name()),
        ("cold-restart", "request")
    );
}

#[test]
fn all_else_becomes_an_application_event_with_its_original() {
    let ssh = event(
        "ssh",
        r#""ssh":{"client":{"proto_version":"2.0","software_version":"x"}}"#,
    );
    let Body::NetworkApp(body) = &ssh.body else {
        panic!()
    };
    assert_eq!(
        (&*body.protocol, &*body.operation, body.encrypted),
        ("ssh", "ssh", Some(true))
    );
    let original: serde_json::Value =
        serde_json::from_str(body.original.as_deref().unwrap()).unwrap();
    assert_eq!(original["ssh"]["client"]["proto_version"], "2.0");
    assert_eq!(
        attribute(&ssh, "ssh.client.software_version"),
        Some("x".into())
    );
    let sip = event(
        "sip",
        r#""sip":{"method":"INVITE","uri":"sip:a","version":"SIP/2.0","code":200}"#,
    );
    let Body::NetworkApp(body) = &sip.body else {
        panic!()
    };
    assert_eq!(
        (&*body.operation, body.status.as_deref()),
        ("INVITE", Some("200"))
    );
}

#[test]
fn types_nobody_has_heard_of_are_counted() {
    let text = [
        record("quux", r#""quux":{"a":1}"#),
        record("stats", r#""stats":{"uptime":1}"#),
    ]
    .join(&b"\n"[..]);
    let outcome = read("-", &text);
    assert!(!outcome.counts.types["quux"].known && outcome.counts.types["stats"].known);
    let Body::NetworkApp(body) = &outcome.events()[0].body else {
        panic!()
    };
    assert_eq!((&*body.protocol, &*body.operation), ("quux", "quux"));
}

#[test]
fn keys_in_any_order_and_types_hidden_in_values() {
    let text = br#"{"alert":{"signature_id":1,"signature":"\"event_type\":\"dns\"","event_type":"dns"},"event_type":"alert","timestamp":"2024-05-01T08:00:00Z"}"#;
    let event = read("-", text).only();
    assert_eq!(event.kind(), Kind::NetworkAlert);
    let Body::NetworkAlert(alert) = event.body else {
        panic!()
    };
    assert_eq!(alert.signature, "\"event_type\":\"dns\"");
    assert_eq!(
        (alert.src.ip.to_string(), alert.flow),
        ("::".to_owned(), None)
    );
}

#[test]
fn bad_records_are_told_apart() {
    let lines = [
        r#"{"timestamp":"2024-05-01T08:00:00Z","event_type":"dns","src_ip":"10.0.0.1","dns":{}}"#,
        r#"{"event_type":"dns"}"#,
        r#"{"timestamp":"yesterday","event_type":"alert"}"#,
        r#"{"timestamp":"2024-05-01T08:00:00Z","event_type":"tls","src_ip":"10.0.0"}"#,
        r#"{"timestamp":"2024-05-01T08:00:00Z"}"#,
        r#"{"timestamp":"2024-05-01T08:00:00Z","event_type":"ssh""#,
        "nonsense",
        r#"["event_type"]"#,
    ];
    let outcome = read("-", lines.join("\n").as_bytes());
    assert_eq!((outcome.counts.events, outcome.counts.bad), (1, 7));
    assert_eq!(
        outcome.reasons(),
        [
            "line 2 (offset 85): the mandatory field `timestamp` is missing",
            "line 3 (offset 106): `timestamp` is \\\"yesterday\\\", which is no time between 1970 and 2554 (ISO 8601, or seconds since 1970)",
            "line 4 (offset 153): `src_ip` is 10.0.0, which is no IP address",
            "line 5 (offset 227): the mandatory field `event_type` is missing",
            "line 6 (offset 264): EOF while parsing an object at byte 54 of the record",
            "line 7 (offset 319): expected ident at byte 2 of the record",
            "line 8 (offset 328): the mandatory field `event_type` is missing",
        ]
    );
}
