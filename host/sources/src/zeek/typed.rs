//! Logs whose kind of event has fields of its own.

use palisade_events::{
    Body, BodyBuilder, Cert, ColumnBuilder as _, Envelope, Event, FlowPhase, Kind, NetworkFile,
    NetworkMail, Outcome, Timestamp,
};

use super::Line;
use crate::columns::{Ends, Shared, Side, app_proto, encrypted, mac, push_shared, time};
use crate::fault::{Fault, Stop};
use crate::flow_key::{fnv64, protocol_number};
use crate::names::{http_target, repeatable, tls_version};
use crate::sink::EventSink;
use crate::text::{Flag, List, Num, Raw, Text, record};

/// Whether lines of the log are read into a kind with fields of its own.
pub(super) fn is_typed(path: &str) -> bool {
    matches!(path, "conn" | "dns" | "http" | "ssl" | "files" | "smtp")
}

/// The struct of a log: what all logs of connections share, and its own fields.
macro_rules! log {
    ($name:ident { $($own:tt)* }) => {
        record! {
            struct $name<'a> {
                "ts" => ts: Raw<'a>,
                "uid" => uid: Text<'a>,
                "community_id" => community_id: Text<'a>,
                "id.orig_h" => orig_h: Text<'a>,
                "id.orig_p" => orig_p: Num,
                "id.resp_h" => resp_h: Text<'a>,
                "id.resp_p" => resp_p: Num,
                "id" => id: super::typed::Id<'a>,
                "proto" => proto: Text<'a>,
                $($own)*
            }
        }

        impl $name<'_> {
            fn ends(&self, protocol: u8) -> Result<Ends<'_>, Fault> {
                // With `id` as an object some exporters nest what Zeek writes flat.
                let id = &self.id;
                let pick = |flat, nested| if Text::get(flat).is_some() { flat } else { nested };
                let port = |flat: Num, nested: Num| Num(flat.0.or(nested.0));
                let orig = pick(&self.orig_h, &id.orig_h);
                let resp = pick(&self.resp_h, &id.resp_h);
                let mut ends = Ends {
                    src: Side::read(orig, port(self.orig_p, id.orig_p), "id.orig_h")?,
                    dst: Side::read(resp, port(self.resp_p, id.resp_p), "id.resp_h")?,
                    protocol,
                    flow: self.uid.get().map(|uid| fnv64(uid.as_bytes())),
                    community_id: self.community_id.get(),
                    ..Ends::default()
                };
                // Zeek has type and code in place of ports.
                if matches!(protocol, 1 | 58) {
                    let kind = ends.src.port.take().unwrap_or(0);
                    ends.icmp = Some((kind, ends.dst.port.take().unwrap_or(0)));
                    if ends.src.ip.to_std().is_ipv6() {
                        ends.protocol = 58;
                    }
                }
                Ok(ends)
            }
        }
    };
}

record! {
    /// The ends of a connection.
    pub(super) struct Id<'a> {
        "orig_h" => orig_h: Text<'a>,
        "orig_p" => orig_p: Num,
        "resp_h" => resp_h: Text<'a>,
        "resp_p" => resp_p: Num,
    }
}

log! { Conn {
    "service" => service: Text<'a>,
    "duration" => duration: Text<'a>,
    "orig_bytes" => orig_bytes: Num,
    "resp_bytes" => resp_bytes: Num,
    "orig_ip_bytes" => orig_ip_bytes: Num,
    "resp_ip_bytes" => resp_ip_bytes: Num,
    "orig_pkts" => orig_pkts: Num,
    "resp_pkts" => resp_pkts: Num,
    "history" => history: Text<'a>,
    "vlan" => vlan: Num,
    "orig_l2_addr" => orig_mac: Text<'a>,
    "resp_l2_addr" => resp_mac: Text<'a>,
} }

log! { Dns {
    "query" => query: Text<'a>,
    "qtype_name" => qtype_name: Text<'a>,
    "qtype" => qtype: Text<'a>,
    "rcode_name" => rcode_name: Text<'a>,
    "rcode" => rcode: Text<'a>,
    "answers" => answers: List<Text<'a>>,
    "TTLs" => ttls: List<Num>,
} }

log! { Http {
    "method" => method: Text<'a>,
    "host" => host: Text<'a>,
    "uri" => uri: Text<'a>,
    "user_agent" => user_agent: Text<'a>,
    "status_code" => status_code: Num,
    "resp_mime_types" => resp_mime_types: List<Text<'a>>,
    "tags" => tags: List<Text<'a>>,
} }

log! { Ssl {
    "version" => version: Text<'a>,
    "cipher" => cipher: Text<'a>,
    "server_name" => server_name: Text<'a>,
    "next_protocol" => next_protocol: Text<'a>,
    "established" => established: Flag,
    "ja4" => ja4: Text<'a>,
} }

log! { Files {
    "tx_hosts" => tx_hosts: List<Text<'a>>,
    "rx_hosts" => rx_hosts: List<Text<'a>>,
    "conn_uids" => conn_uids: List<Text<'a>>,
    "source" => source: Text<'a>,
    "mime_type" => mime_type: Text<'a>,
    "filename" => filename: Text<'a>,
    "total_bytes" => total_bytes: Num,
    "seen_bytes" => seen_bytes: Num,
    "sha256" => sha256: Text<'a>,
    "is_orig" => is_orig: Flag,
} }

log! { Smtp {
    "helo" => helo: Text<'a>,
    "mailfrom" => mailfrom: Text<'a>,
    "rcptto" => rcptto: List<Text<'a>>,
    "from" => from: Text<'a>,
    "reply_to" => reply_to: Text<'a>,
    "subject" => subject: Text<'a>,
    "last_reply" => last_reply: Text<'a>,
} }

/// Reads a line of the log `path` into `to`.
pub(super) fn read(
    shared: &mut Shared,
    path: &str,
    line: Line<'_>,
    to: &mut EventSink,
) -> Result<(), Stop> {
    let len = line.len();
    match path {
        "conn" => conn(shared, &line.parse()?, len, to),
        "dns" => dns(shared, &line.parse()?, len, to),
        "http" => http(shared, &line.parse()?, len, to),
        "ssl" => ssl(shared, &line.parse()?, len, to),
        "smtp" => smtp(shared, &line.parse()?, len, to),
        _ => files(shared, &line.parse()?, len, to),
    }
}

/// Nanoseconds of a duration in seconds, read digit by digit as times are.
fn duration(text: Option<&str>) -> u64 {
    let Some(text) = text else { return 0 };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole: u64 = whole.parse().unwrap_or(0);
    let nanos = fraction
        .bytes()
        .take(9)
        .filter(u8::is_ascii_digit)
        .fold((0, 9u32), |(n, left), d| {
            (n * 10 + u64::from(d - b'0'), left - 1)
        });
    whole
        .saturating_mul(1_000_000_000)
        .saturating_add(nanos.0 * 10u64.pow(nanos.1))
}

/// A connection is logged when it is over; its time is when it ended.
fn conn(shared: &mut Shared, log: &Conn<'_>, len: usize, to: &mut EventSink) -> Result<(), Stop> {
    let started = time(log.ts, "ts")?;
    let ended = Timestamp(started.0.saturating_add(duration(log.duration.get())));
    let mut ends = log
        .ends(protocol_number(log.proto.or_empty()))?
        .wanted("id.orig_h")?;
    ends.vlan = log.vlan.u16();
    ends.macs = [&log.orig_mac, &log.resp_mac].map(|text| text.get().and_then(mac));
    // A protocol that was tried and then given up is led by a minus.
    let services = log
        .service
        .or_empty()
        .split(',')
        .filter(|name| !name.starts_with('-'));
    let service = services.into_iter().find_map(app_proto);
    let sent = log.orig_pkts.or_zero();
    // The history of what the opener sent is in capitals: nothing but SYN.
    let history = log.history.or_empty();
    let only_syn = !history.is_empty() && history.bytes().all(|event| event == b'S');
    if let BodyBuilder::NetworkFlow(columns) = to.row(Kind::NetworkFlow, ended, len)? {
        let direction = push_shared!(shared, &ends, columns);
        columns.phase.add(FlowPhase::End);
        columns.transport.add(ends.transport());
        columns.direction.add(direction);
        columns.app_proto.push_str(service);
        match service.and_then(encrypted) {
            Some(encrypted) => columns.encrypted.some().add(encrypted),
            None => columns.encrypted.none::<bool>(),
        }
        columns.started.push(&started);
        columns.ended.push(&ended);
        columns.pkts_in.add(log.resp_pkts.or_zero());
        columns.pkts_out.add(sent);
        columns
            .bytes_in
            .add(log.resp_ip_bytes.0.or(log.resp_bytes.0).unwrap_or(0));
        columns
            .bytes_out
            .add(log.orig_ip_bytes.0.or(log.orig_bytes.0).unwrap_or(0));
        columns.syn_only_pkts.add(if only_syn { sent } else { 0 });
        columns.first_bytes.add(&[]);
    }
    Ok(())
}

/// The type of an answer, which Zeek leaves out, as far as its form and the question
/// tell it.
fn answer_type<'q>(data: &str, qtype: &'q str) -> &'q str {
    if data.parse::<std::net::Ipv4Addr>().is_ok() {
        return "A";
    }
    if data.contains(':') && data.parse::<std::net::Ipv6Addr>().is_ok() {
        return "AAAA";
    }
    match qtype {
        "A" | "AAAA" => "CNAME",
        other => other,
    }
}

fn dns(shared: &mut Shared, log: &Dns<'_>, len: usize, to: &mut EventSink) -> Result<(), Stop> {
    let at = time(log.ts, "ts")?;
    let protocol = if log.proto.or_empty().is_empty() {
        "udp"
    } else {
        log.proto.or_empty()
    };
    let ends = log.ends(protocol_number(protocol))?.wanted("id.orig_h")?;
    let qtype = match log.qtype_name.get().or(log.qtype.get()).unwrap_or_default() {
        "*" => "ANY",
        name => name,
    };
    if let BodyBuilder::NetworkDns(columns) = to.row(Kind::NetworkDns, at, len)? {
        push_shared!(shared, &ends, columns);
        let query = log.query.or_empty();
        columns.qname.push_str(query);
        columns.qtype.push_str(qtype);
        columns
            .rcode
            .push_str(log.rcode_name.get().or(log.rcode.get()));
        let rows = &mut columns.answers.items;
        // An alias is followed by what its target has.
        let mut name = repeatable(query);
        for (at, answer) in log.answers.iter().enumerate() {
            let data = answer.or_empty();
            let rtype = answer_type(data, qtype);
            rows.name.push_str(name);
            rows.rtype.push_str(rtype);
            rows.ttl
                .add(log.ttls.get(at).and_then(|ttl| ttl.u32()).unwrap_or(0));
            rows.rdata.push_str(data);
            if rtype == "CNAME" {
                name = repeatable(data);
            }
        }
        columns.answers.end_row();
    }
    Ok(())
}

fn http(shared: &mut Shared, log: &Http<'_>, len: usize, to: &mut EventSink) -> Result<(), Stop> {
    let at = time(log.ts, "ts")?;
    let ends = log.ends(6)?.wanted("id.orig_h")?;
    if let BodyBuilder::NetworkHttp(columns) = to.row(Kind::NetworkHttp, at, len)? {
        push_shared!(shared, &ends, columns);
        let target = http_target(log.uri.or_empty());
        columns.scheme.push_str(target.scheme.unwrap_or("http"));
        columns.http_method.push_str(log.method.or_empty());
        columns
            .host
            .push_str(log.host.get().or(target.host).unwrap_or_default());
        columns.path.push_str(target.path);
        columns.query.push_str(target.query);
        match log.status_code.u16() {
            Some(status) => columns.status.some().add(status),
            None => columns.status.none::<u16>(),
        }
        columns.user_agent.push_str(log.user_agent.get());
        columns.req_items.end_row();
        columns.resp_items.end_row();
        columns
            .resp_mime
            .push_str(log.resp_mime_types.first().and_then(Text::get));
        columns.resp_sha256.push_str(None);
        for tag in log.tags.iter().filter_map(Text::get) {
            columns.attack_tags.items.push_str(tag);
        }
        columns.attack_tags.end_row();
    }
    Ok(())
}

fn ssl(shared: &mut Shared, log: &Ssl<'_>, len: usize, to: &mut EventSink) -> Result<(), Stop> {
    let at = time(log.ts, "ts")?;
    let version = tls_version(log.version.or_empty());
    let dtls = version.starts_with("DTLS");
    let ends = log.ends(if dtls { 17 } else { 6 })?.wanted("id.orig_h")?;
    if let BodyBuilder::NetworkTls(columns) = to.row(Kind::NetworkTls, at, len)? {
        push_shared!(shared, &ends, columns);
        columns.dtls.add(dtls);
        columns.version.push_str(&version);
        columns.cipher.push_str(log.cipher.or_empty());
        columns.sni.push_str(log.server_name.get());
        columns.alpn.push_str(log.next_protocol.get());
        columns.ja4.push_str(log.ja4.get());
        match log.established.0 {
            Some(established) => columns.established.some().add(established),
            None => columns.established.none::<bool>(),
        }
        // Validity and names are in x509.log, which is another event.
        columns.server_cert.none::<Cert>();
        columns.client_cert.none::<Cert>();
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

/// What the server's last reply says of the message.
fn outcome(reply: Option<&str>) -> Outcome {
    match reply.and_then(|reply| reply.bytes().next()) {
        Some(b'2') => Outcome::Accepted,
        Some(b'4' | b'5') => Outcome::Rejected,
        _ => Outcome::Unknown,
    }
}

fn smtp(shared: &mut Shared, log: &Smtp<'_>, len: usize, to: &mut EventSink) -> Result<(), Stop> {
    to.check(Kind::NetworkMail)?;
    let at = time(log.ts, "ts")?;
    let plain = shared.values(&log.ends(6)?.wanted("id.orig_h")?);
    let owned = |text: &Text<'_>| text.get().map(str::to_owned);
    let rcpt_to: Vec<String> = log.rcptto.iter().filter_map(owned).collect();
    let mail = NetworkMail {
        owner: plain.owner,
        src: plain.src,
        dst: plain.dst,
        flow: plain.flow,
        direction: plain.direction,
        helo: owned(&log.helo),
        mail_from: owned(&log.mailfrom),
        rcpt_count: u32::try_from(rcpt_to.len()).unwrap_or(u32::MAX),
        rcpt_to,
        outcome: outcome(log.last_reply.get()),
        header_from: owned(&log.from),
        reply_to: owned(&log.reply_to),
        subject: owned(&log.subject),
        ..NetworkMail::default()
    };
    push(to, at, mail.into(), len)
}

/// The sender of a file is the source. Since Zeek 5.1 the log has a connection, before
/// that lists of hosts, of which the first counts.
fn files(shared: &mut Shared, log: &Files<'_>, len: usize, to: &mut EventSink) -> Result<(), Stop> {
    to.check(Kind::NetworkFile)?;
    let at = time(log.ts, "ts")?;
    let mut ends = log.ends(6)?;
    if ends.src.known {
        if log.is_orig.0 == Some(false) {
            ends.swap();
        }
    } else {
        let first = |hosts: &List<Text<'_>>, field| match hosts.first() {
            Some(host) => Side::read(host, Num(None), field),
            None => Ok(Side::default()),
        };
        ends.src = first(&log.tx_hosts, "tx_hosts")?;
        ends.dst = first(&log.rx_hosts, "rx_hosts")?;
    }
    ends.flow = ends.flow.or_else(|| {
        log.conn_uids
            .first()
            .and_then(Text::get)
            .map(|uid| fnv64(uid.as_bytes()))
    });
    let mut plain = shared.values(&ends);
    if ends.src.port.is_none() {
        // Without ports there is no Community ID, and so no flow to speak of.
        plain.flow = None;
    }
    let file = NetworkFile {
        owner: plain.owner,
        src: plain.src,
        dst: plain.dst,
        flow: plain.flow,
        url: None,
        name: log.filename.get().map(str::to_owned),
        mime: log.mime_type.or_empty().to_owned(),
        size: log.total_bytes.0.or(log.seen_bytes.0).unwrap_or(0),
        sha256: Fault::check_sha256("sha256", log.sha256.or_empty())?,
        scan_verdict: None,
        scan_family: None,
    };
    push(to, at, file.into(), len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, nanos) in [
            ("1.5", 1_500_000_000),
            ("0.000000001", 1),
            ("12", 12_000_000_000),
            ("0.1234567899", 123_456_789),
            ("x", 0),
            ("99999999999999999999", 0),
        ] {
            assert_eq!(duration(Some(text)), nanos, "{text}");
        }
        assert_eq!(duration(None), 0);
    }
}
