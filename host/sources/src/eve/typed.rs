//! Records of EVE whose kind of event has fields of its own.

use palisade_events::{
    Body, BodyBuilder, Cert, ColumnBuilder as _, Envelope, Event, FlowPhase, Kind, NetworkFile,
    NetworkMail, Outcome, Timestamp,
};
use serde_json::value::RawValue;

use super::generic::Ether;
use crate::columns::{Ends, Shared, Side, app_proto, encrypted, mac, push_shared, time};
use crate::fault::{Fault, Stop};
use crate::flow_key::protocol_number;
use crate::names::{http_target, repeatable, tls_version};
use crate::sink::EventSink;
use crate::text::{Flag, List, Num, Raw, Text, record};
use crate::time::timestamp;

record! {
    /// What is read of a record.
    struct Record<'a> {
        "timestamp" => timestamp: Raw<'a>,
        "event_type" => event_type: Text<'a>,
        "flow_id" => flow_id: Num,
        "community_id" => community_id: Text<'a>,
        "src_ip" => src_ip: Text<'a>,
        "src_port" => src_port: Num,
        "dest_ip" => dest_ip: Text<'a>,
        "dest_port" => dest_port: Num,
        "proto" => proto: Text<'a>,
        "icmp_type" => icmp_type: Num,
        "icmp_code" => icmp_code: Num,
        "app_proto" => app_proto: Text<'a>,
        "vlan" => vlan: List<Num>,
        "ether" => ether: Ether<'a>,
        "dns" | "mdns" | "llmnr" => dns: Option<Dns<'a>>,
        "http" | "http2" => http: Option<Http<'a>>,
        "tls" => tls: Option<Tls<'a>>,
        "flow" | "netflow" => flow: Option<Flow<'a>>,
        "tcp" => tcp: Tcp<'a>,
        "fileinfo" => file: Option<File<'a>>,
        "smtp" => smtp: Smtp<'a>,
        "email" => email: Email<'a>,
    }
}

record! {
    struct Dns<'a> {
        "type" => kind: Text<'a>,
        "rrname" => rrname: Text<'a>,
        "rrtype" => rrtype: Text<'a>,
        "rcode" => rcode: Text<'a>,
        "ttl" => ttl: Num,
        "rdata" => rdata: Text<'a>,
        "queries" | "query" => queries: List<Question<'a>>,
        "answers" => answers: List<Answer<'a>>,
    }
}

record! {
    struct Question<'a> {
        "rrname" => rrname: Text<'a>,
        "rrtype" => rrtype: Text<'a>,
    }
}

record! {
    struct Answer<'a> {
        "rrname" => rrname: Text<'a>,
        "rrtype" => rrtype: Text<'a>,
        "ttl" => ttl: Num,
        "rdata" => rdata: Text<'a>,
        "soa" | "srv" | "sshfp" => parts: Option<&'a RawValue>,
    }
}

record! {
    struct Http<'a> {
        "hostname" => hostname: Text<'a>,
        "url" => url: Text<'a>,
        "http_method" => method: Text<'a>,
        "http_user_agent" => user_agent: Text<'a>,
        "http_content_type" => content_type: Text<'a>,
        "status" => status: Num,
    }
}

record! {
    struct Tls<'a> {
        "version" => version: Text<'a>,
        "sni" => sni: Text<'a>,
        "subject" => subject: Text<'a>,
        "issuerdn" => issuer: Text<'a>,
        "notbefore" => not_before: Option<&'a RawValue>,
        "notafter" => not_after: Option<&'a RawValue>,
        "ja4" => ja4: Text<'a>,
        "alpn" | "server_alpn" | "server_alpns" => alpn: List<Text<'a>>,
        "cipher" | "cipher_suite" => cipher: Text<'a>,
        "session_resumed" => resumed: Flag,
    }
}

record! {
    struct Flow<'a> {
        "pkts_toserver" | "pkts" => pkts_out: Num,
        "pkts_toclient" => pkts_in: Num,
        "bytes_toserver" | "bytes" => bytes_out: Num,
        "bytes_toclient" => bytes_in: Num,
        "start" => start: Option<&'a RawValue>,
        "end" => end: Option<&'a RawValue>,
    }
}

record! {
    struct Tcp<'a> {
        "tcp_flags_ts" | "tcp_flags" => flags_out: Text<'a>,
    }
}

record! {
    struct File<'a> {
        "filename" => filename: Text<'a>,
        "mimetype" => mime: Text<'a>,
        "size" => size: Num,
        "sha256" => sha256: Text<'a>,
    }
}

record! {
    struct Smtp<'a> {
        "helo" => helo: Text<'a>,
        "mail_from" => mail_from: Text<'a>,
        "rcpt_to" => rcpt_to: List<Text<'a>>,
    }
}

record! {
    struct Email<'a> {
        "from" => from: Text<'a>,
        "subject" => subject: Text<'a>,
        "reply_to" => reply_to: Text<'a>,
        "url" => urls: List<Text<'a>>,
    }
}

/// Reads a record of `event_type` into `to`; false when it is of another type.
pub(super) fn read(
    shared: &mut Shared,
    event_type: &str,
    text: &str,
    to: &mut EventSink,
) -> Result<bool, Stop> {
    let record: Record<'_> = serde_json::from_str(text)?;
    if record.event_type.get() != Some(event_type) {
        return Ok(false);
    }
    let at = time(record.timestamp, "timestamp")?;
    let icmp = record
        .icmp_type
        .u16()
        .map(|kind| (kind, record.icmp_code.u16().unwrap_or(0)));
    let ends = Ends {
        src: Side::read(&record.src_ip, record.src_port, "src_ip")?,
        dst: Side::read(&record.dest_ip, record.dest_port, "dest_ip")?,
        protocol: protocol_number(record.proto.or_empty()),
        flow: record.flow_id.0,
        community_id: record.community_id.get(),
        icmp,
        vlan: record.vlan.first().and_then(|vlan| vlan.u16()),
        macs: [&record.ether.src_mac, &record.ether.dest_mac].map(|t| t.get().and_then(mac)),
    }
    .wanted("src_ip")?;
    let len = text.len();
    // Without the object of its type a record says nothing.
    match event_type {
        "dns" | "mdns" | "llmnr" => {
            let own = record.dns.as_ref().ok_or(Fault::Missing("dns"))?;
            dns(shared, own, ends, at, len, to)?;
        }
        "http" | "http2" => {
            let own = record.http.as_ref().ok_or(Fault::Missing("http"))?;
            http(shared, own, &ends, at, len, to)?;
        }
        "tls" => {
            let own = record.tls.as_ref().ok_or(Fault::Missing("tls"))?;
            tls(shared, own, &ends, at, len, to)?;
        }
        "flow" | "netflow" => {
            let own = record.flow.as_ref().ok_or(Fault::Missing("flow"))?;
            flow(shared, &record, own, &ends, at, len, to)?;
        }
        "smtp" => mail(shared, &record, &ends, at, len, to)?,
        _ => {
            let own = record.file.as_ref().ok_or(Fault::Missing("fileinfo"))?;
            file(shared, &record, own, &ends, at, len, to)?;
        }
    }
    Ok(true)
}

/// Version 1 has a record for each answer, 2 a list of answers, 3 lists of questions and
/// answers. The first question is the event's.
fn dns(
    shared: &mut Shared,
    dns: &Dns<'_>,
    mut ends: Ends<'_>,
    at: Timestamp,
    len: usize,
    to: &mut EventSink,
) -> Result<(), Stop> {
    // Some versions write answers as the packet went, from the server.
    let answered = matches!(dns.kind.or_empty(), "answer" | "response");
    if answered && ends.src.port == Some(53) && ends.dst.port != Some(53) {
        ends.swap();
    }
    let first = dns.queries.first();
    let name = dns
        .rrname
        .get()
        .or(first.and_then(|q| q.rrname.get()))
        .unwrap_or_default();
    let kind = dns
        .rrtype
        .get()
        .or(first.and_then(|q| q.rrtype.get()))
        .unwrap_or_default();
    if let BodyBuilder::NetworkDns(columns) = to.row(Kind::NetworkDns, at, len)? {
        push_shared!(shared, &ends, columns);
        columns.qname.push_str(name);
        columns.qtype.push_str(kind);
        columns.rcode.push_str(dns.rcode.get());
        let rows = &mut columns.answers.items;
        let name = repeatable(name);
        for answer in &*dns.answers {
            rows.name.push_str(answer.rrname.get().unwrap_or(name));
            rows.rtype.push_str(answer.rrtype.or_empty());
            rows.ttl.add(answer.ttl.u32().unwrap_or(0));
            match (answer.rdata.get(), answer.parts) {
                (None, Some(parts)) => rows.rdata.push_str(parts.get()),
                (data, _) => rows.rdata.push_str(data.unwrap_or_default()),
            }
        }
        if answered && dns.answers.is_empty() && dns.rdata.get().is_some() {
            rows.name.push_str(name);
            rows.rtype.push_str(kind);
            rows.ttl.add(dns.ttl.u32().unwrap_or(0));
            rows.rdata.push_str(dns.rdata.or_empty());
        }
        columns.answers.end_row();
    }
    Ok(())
}

fn http(
    shared: &mut Shared,
    http: &Http<'_>,
    ends: &Ends<'_>,
    at: Timestamp,
    len: usize,
    to: &mut EventSink,
) -> Result<(), Stop> {
    if let BodyBuilder::NetworkHttp(columns) = to.row(Kind::NetworkHttp, at, len)? {
        push_shared!(shared, ends, columns);
        let target = http_target(http.url.or_empty());
        columns.scheme.push_str(target.scheme.unwrap_or("http"));
        columns.http_method.push_str(http.method.or_empty());
        columns
            .host
            .push_str(http.hostname.get().or(target.host).unwrap_or_default());
        columns.path.push_str(target.path);
        columns.query.push_str(target.query);
        match http.status.u16() {
            Some(status) => columns.status.some().add(status),
            None => columns.status.none::<u16>(),
        }
        columns.user_agent.push_str(http.user_agent.get());
        columns.req_items.end_row();
        columns.resp_items.end_row();
        columns.resp_mime.push_str(http.content_type.get());
        columns.resp_sha256.push_str(None);
        columns.attack_tags.end_row();
    }
    Ok(())
}

/// The certificate, when the record says more of it than a fingerprint in SHA-1.
fn certificate(tls: &Tls<'_>) -> Option<Cert> {
    let when = |raw: Option<&RawValue>| raw.and_then(|raw| timestamp(raw.get()));
    let (subject, issuer) = (tls.subject.get()?, tls.issuer.get()?);
    Some(Cert {
        subject: subject.to_owned(),
        issuer: issuer.to_owned(),
        sha256: String::new(),
        not_before: when(tls.not_before)?,
        not_after: when(tls.not_after)?,
        self_signed: subject == issuer,
    })
}

fn tls(
    shared: &mut Shared,
    tls: &Tls<'_>,
    ends: &Ends<'_>,
    at: Timestamp,
    len: usize,
    to: &mut EventSink,
) -> Result<(), Stop> {
    if let BodyBuilder::NetworkTls(columns) = to.row(Kind::NetworkTls, at, len)? {
        push_shared!(shared, ends, columns);
        let version = tls_version(tls.version.or_empty());
        columns.dtls.add(version.starts_with("DTLS"));
        columns.version.push_str(&version);
        columns.cipher.push_str(tls.cipher.or_empty());
        columns.sni.push_str(tls.sni.get());
        columns.alpn.push_str(tls.alpn.first().and_then(Text::get));
        columns.ja4.push_str(tls.ja4.get());
        // A certificate was seen, or an older session taken up: the handshake got so far.
        // That it ended well is not said.
        match tls.resumed.0 {
            Some(true) => columns.established.some().add(true),
            _ => columns.established.none::<bool>(),
        }
        columns.server_cert.push(&certificate(tls));
        columns.client_cert.none::<Cert>();
    }
    Ok(())
}

/// Whether only SYN was ever set, by the union of flags in hexadecimal.
fn only_syn(flags: &str) -> bool {
    u16::from_str_radix(flags.trim_start_matches("0x"), 16) == Ok(2)
}

fn flow(
    shared: &mut Shared,
    record: &Record<'_>,
    flow: &Flow<'_>,
    ends: &Ends<'_>,
    at: Timestamp,
    len: usize,
    to: &mut EventSink,
) -> Result<(), Stop> {
    let when = |raw: Option<&RawValue>| raw.and_then(|raw| timestamp(raw.get()));
    let proto = record.app_proto.get().and_then(app_proto);
    if let BodyBuilder::NetworkFlow(columns) = to.row(Kind::NetworkFlow, at, len)? {
        let direction = push_shared!(shared, ends, columns);
        columns.phase.add(FlowPhase::End);
        columns.transport.add(ends.transport());
        columns.direction.add(direction);
        columns.app_proto.push_str(proto);
        match proto.and_then(encrypted) {
            Some(encrypted) => columns.encrypted.some().add(encrypted),
            None => columns.encrypted.none::<bool>(),
        }
        let ended = when(flow.end).unwrap_or(at);
        columns.started.push(&when(flow.start).unwrap_or(ended));
        columns.ended.push(&ended);
        let sent = flow.pkts_out.or_zero();
        columns.pkts_in.add(flow.pkts_in.or_zero());
        columns.pkts_out.add(sent);
        columns.bytes_in.add(flow.bytes_in.or_zero());
        columns.bytes_out.add(flow.bytes_out.or_zero());
        columns
            .syn_only_pkts
            .add(if only_syn(record.tcp.flags_out.or_empty()) {
                sent
            } else {
                0
            });
        columns.first_bytes.add(&[]);
    }
    Ok(())
}

fn push(to: &mut EventSink, at: Timestamp, body: Body, len: usize) -> Result<(), Stop> {
    let envelope = Envelope {
        time: at,
        ingest_time: at,
        ..Envelope::default()
    };
    Ok(to.push(&Event { envelope, body }, len)?)
}

fn mail(
    shared: &mut Shared,
    record: &Record<'_>,
    ends: &Ends<'_>,
    at: Timestamp,
    len: usize,
    to: &mut EventSink,
) -> Result<(), Stop> {
    to.check(Kind::NetworkMail)?;
    let (smtp, email) = (&record.smtp, &record.email);
    let owned = |text: &Text<'_>| text.get().map(str::to_owned);
    let plain = shared.values(ends);
    let rcpt_to: Vec<String> = smtp.rcpt_to.iter().filter_map(owned).collect();
    let mail = NetworkMail {
        owner: plain.owner,
        src: plain.src,
        dst: plain.dst,
        flow: plain.flow,
        direction: plain.direction,
        helo: owned(&smtp.helo),
        mail_from: owned(&smtp.mail_from),
        rcpt_count: u32::try_from(rcpt_to.len()).unwrap_or(u32::MAX),
        rcpt_to,
        outcome: Outcome::Unknown,
        header_from: owned(&email.from),
        reply_to: owned(&email.reply_to),
        urls: email.urls.iter().filter_map(owned).collect(),
        subject: owned(&email.subject),
        ..NetworkMail::default()
    };
    push(to, at, mail.into(), len)
}

fn file(
    shared: &mut Shared,
    record: &Record<'_>,
    file: &File<'_>,
    ends: &Ends<'_>,
    at: Timestamp,
    len: usize,
    to: &mut EventSink,
) -> Result<(), Stop> {
    to.check(Kind::NetworkFile)?;
    let none = Http::default();
    let http = record.http.as_ref().unwrap_or(&none);
    let owned = |text: &Text<'_>| text.get().map(str::to_owned);
    let plain = shared.values(ends);
    let url = http.url.get().map(|url| match http.hostname.get() {
        Some(host) if url.starts_with('/') => format!("http://{host}{url}"),
        _ => url.to_owned(),
    });
    let file = NetworkFile {
        owner: plain.owner,
        src: plain.src,
        dst: plain.dst,
        flow: plain.flow,
        url,
        name: owned(&file.filename),
        mime: file
            .mime
            .get()
            .or(http.content_type.get())
            .unwrap_or_default()
            .to_owned(),
        size: file.size.or_zero(),
        sha256: Fault::check_sha256("fileinfo.sha256", file.sha256.or_empty())?,
        scan_verdict: None,
        scan_family: None,
    };
    push(to, at, file.into(), len)
}
