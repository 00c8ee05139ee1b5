//! Zeek's logs.

use palisade_events::{Body, Kind};

use crate::{attribute, check, read};

fn event(line: &str) -> palisade_events::Event {
    read("-", line.as_bytes()).only()
}

#[test]
fn connections() {
    let conn = event(
        r#"{"_path":"conn","ts":1700000000.5,"uid":"C1","id.orig_h":"10.0.0.1","id.orig_p":40000,"id.resp_h":"192.0.2.9","id.resp_p":443,"proto":"tcp","service":"-quic,ssl","duration":1.25,"orig_bytes":10,"resp_bytes":20,"conn_state":"SF","history":"ShADad","orig_pkts":4,"orig_ip_bytes":170,"resp_pkts":3,"resp_ip_bytes":140,"community_id":"1:x"}"#,
    );
    check(
        &conn,
        r#"{"kind":"network.flow","time":"2023-11-14T22:13:21.75Z","src":{"ip":"10.0.0.1","port":40000},"dst":{"ip":"192.0.2.9","port":443},"flow":{"id":633534930938741437,"community_id":"1:x"},"phase":"end","transport":"tcp","direction":"unknown","app_proto":"-quic","started":"2023-11-14T22:13:20.5Z","ended":"2023-11-14T22:13:21.75Z","pkts_in":3,"pkts_out":4,"bytes_in":140,"bytes_out":170,"syn_only_pkts":0,"first_bytes":""}"#
            .replace("\"app_proto\":\"-quic\"", "\"app_proto\":\"tls\",\"encrypted\":true")
            .replace("633534930938741437", &fnv("C1").to_string())
            .as_str(),
    );
    let syn = event(
        r#"{"_path":"conn","ts":1700000000,"uid":"C1","id.orig_h":"10.0.0.1","id.orig_p":8,"id.resp_h":"192.0.2.9","id.resp_p":0,"proto":"icmp","history":"SSS","orig_pkts":3}"#,
    );
    let Body::NetworkFlow(flow) = syn.body else {
        panic!()
    };
    assert_eq!(
        (flow.syn_only_pkts, flow.src.port, flow.transport.name()),
        (3, None, "icmp")
    );
}

fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[test]
fn the_path_comes_from_the_line_the_name_or_the_fields() {
    let bare = r#"{"ts":"2023-11-14T22:13:20Z","uid":"C1","id.orig_h":"10.0.0.1","id.orig_p":1,"id.resp_h":"10.0.0.2","id.resp_p":80,"method":"GET","host":"h","uri":"/a?b","status_code":404,"resp_mime_types":["text/html"],"user_agent":"x"}"#;
    let by_name = read("logs/http.2023-11-14.log", bare.as_bytes()).only();
    assert_eq!(by_name.kind(), Kind::NetworkHttp);
    let fields = bare.replace("\"uid\"", "\"trans_depth\":1,\"uid\"");
    assert_eq!(
        read("-", fields.as_bytes()).only().kind(),
        Kind::NetworkHttp
    );
    let line = bare.replace("{\"ts\"", "{\"_path\":\"http\",\"ts\"");
    let Body::NetworkHttp(http) = read("dns.log", line.as_bytes()).only().body else {
        panic!()
    };
    assert_eq!((http.status, http.query.as_deref()), (Some(404), Some("b")));
    let unknown = read("-", br#"{"ts":1,"uid":"C1"}"#);
    assert_eq!(
        unknown.reasons(),
        ["line 1 (offset 0): the mandatory field `_path` is missing"]
    );
}

#[test]
fn ids_may_be_nested() {
    let nested = event(
        r#"{"_path":"ssl","ts":1,"uid":"C1","id":{"orig_h":"10.0.0.1","orig_p":1,"resp_h":"10.0.0.2","resp_p":2},"version":"DTLSv12","cipher":"X","established":false}"#,
    );
    let Body::NetworkTls(tls) = nested.body else {
        panic!()
    };
    assert_eq!(
        (tls.src.port, tls.dtls, &*tls.version),
        (Some(1), true, "DTLS1.2")
    );
    assert_eq!(tls.established, Some(false));
}

#[test]
fn files_and_mail() {
    let file = event(
        r#"{"_path":"files","ts":1,"fuid":"F1","tx_hosts":["10.0.0.2"],"rx_hosts":["10.0.0.1"],"conn_uids":["C1"],"source":"HTTP","mime_type":"text/plain","filename":"f","seen_bytes":7,"sha256":"5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9"}"#,
    );
    let Body::NetworkFile(file) = file.body else {
        panic!()
    };
    assert_eq!(
        (file.src.ip.to_string(), file.size, file.flow),
        ("10.0.0.2".into(), 7, None)
    );
    let file = event(
        r#"{"_path":"files","ts":1,"fuid":"F1","uid":"C1","id.orig_h":"10.0.0.1","id.orig_p":9,"id.resp_h":"10.0.0.2","id.resp_p":80,"is_orig":false,"total_bytes":8}"#,
    );
    let Body::NetworkFile(file) = file.body else {
        panic!()
    };
    assert_eq!((file.src.ip.to_string(), file.size), ("10.0.0.2".into(), 8));
    assert_eq!(file.flow.unwrap().id, fnv("C1"));
    let mail = event(
        r#"{"_path":"smtp","ts":1,"uid":"C1","id.orig_h":"10.0.0.1","id.orig_p":9,"id.resp_h":"10.0.0.2","id.resp_p":25,"helo":"h","mailfrom":"a@x","rcptto":["b@x"],"from":"A","last_reply":"550 no"}"#,
    );
    let Body::NetworkMail(mail) = mail.body else {
        panic!()
    };
    assert_eq!((mail.rcpt_count, mail.outcome.name()), (1, "rejected"));
}

#[test]
fn what_zeek_found() {
    let weird = event(
        r#"{"_path":"weird","ts":1,"uid":"C1","id.orig_h":"10.0.0.1","id.orig_p":9,"id.resp_h":"10.0.0.2","id.resp_p":25,"name":"bad_TCP_checksum","notice":false,"peer":"p"}"#,
    );
    let Body::NetworkAlert(alert) = &weird.body else {
        panic!()
    };
    assert_eq!(
        (&*alert.engine, &*alert.signature_id, alert.severity.name()),
        ("zeek", "bad_TCP_checksum", "low")
    );
    let scan = event(
        r#"{"_path":"notice","ts":1,"note":"Scan::Port_Scan","msg":"m","src":"10.0.0.9","actions":["Notice::ACTION_LOG","Notice::ACTION_DROP"]}"#,
    );
    let Body::NetworkAlert(alert) = &scan.body else {
        panic!()
    };
    assert_eq!(
        (alert.src.ip.to_string(), alert.action.name()),
        ("10.0.0.9".into(), "blocked")
    );
    assert_eq!(alert.category.as_deref(), Some("Scan"));
    let intel = event(
        r#"{"_path":"intel","ts":1,"uid":"C1","seen.indicator":"evil.example","seen.indicator_type":"Intel::DOMAIN","seen.where":"DNS::IN_REQUEST","sources":["s"]}"#,
    );
    let Body::NetworkAlert(alert) = &intel.body else {
        panic!()
    };
    assert_eq!(
        (&*alert.signature_id, &*alert.signature),
        ("Intel::DOMAIN", "evil.example")
    );
}

#[test]
fn messages_of_device_protocols() {
    let detailed = event(
        r#"{"_path":"modbus_detailed","ts":1,"uid":"C1","id.orig_h":"10.0.0.1","id.orig_p":9,"id.resp_h":"10.0.0.2","id.resp_p":502,"is_orig":true,"tid":4,"unit":1,"func":"READ_HOLDING_REGISTERS","request_response":"REQUEST","address":10,"quantity":2}"#,
    );
    let Body::DeviceMessage(body) = &detailed.body else {
        panic!()
    };
    assert_eq!(
        (&*body.operation, body.direction.name()),
        ("read-holding-registers", "request")
    );
    for (name, value) in [
        ("function", 3.0),
        ("address", 10.0),
        ("quantity", 2.0),
        ("transaction", 4.0),
    ] {
        assert_eq!(
            attribute(&detailed, &format!("modbus.{name}")),
            Some(value.into()),
            "{name}"
        );
    }
    let excepted = event(
        r#"{"_path":"modbus","ts":1,"uid":"C1","func":"WRITE_SINGLE_COIL_EXCEPTION","exception":"ILLEGAL_FUNCTION"}"#,
    );
    let Body::DeviceMessage(body) = &excepted.body else {
        panic!()
    };
    assert_eq!(
        (&*body.operation, body.status.as_deref()),
        ("write-single-coil", Some("illegal-function"))
    );
    let mqtt = event(
        r#"{"_path":"mqtt_publish","ts":1,"uid":"C1","from_client":true,"retain":false,"qos":"at most once","status":"ok","topic":"a/b","payload_len":3}"#,
    );
    let Body::DeviceMessage(body) = &mqtt.body else {
        panic!()
    };
    assert_eq!(
        (&*body.protocol, &*body.operation, body.direction.name()),
        ("mqtt", "publish", "request")
    );
    assert_eq!(attribute(&mqtt, "mqtt.topic"), Some("a/b".into()));
    let dnp3 = event(
        r#"{"_path":"dnp3","ts":1,"uid":"C1","fc_request":"READ","fc_reply":"RESPONSE","iin":4096}"#,
    );
    let Body::DeviceMessage(body) = &dnp3.body else {
        panic!()
    };
    assert_eq!(&*body.operation, "read");
}

#[test]
fn all_else_becomes_an_application_event_with_its_original() {
    let ssh = event(
        r#"{"_path":"ssh","ts":1,"uid":"C1","id.orig_h":"10.0.0.1","id.orig_p":9,"id.resp_h":"10.0.0.2","id.resp_p":22,"auth_success":true,"client":"SSH-2.0-x"}"#,
    );
    let Body::NetworkApp(body) = &ssh.body else {
        panic!()
    };
    assert_eq!(
        (
            &*body.protocol,
            body.status.as_deref(),
            body.transport.name()
        ),
        ("ssh", Some("true"), "tcp")
    );
    assert_eq!(attribute(&ssh, "ssh.client"), Some("SSH-2.0-x".into()));
    assert!(body.original.as_deref().unwrap().contains("SSH-2.0-x"));
    let outcome = read("-", br#"{"_path":"my_own_log","ts":1,"a":{"b":2}}"#);
    assert!(!outcome.counts.types["my_own_log"].known);
    assert_eq!(
        attribute(&outcome.only(), "my_own_log.a.b"),
        Some(2.0.into())
    );
}
