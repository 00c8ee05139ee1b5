//! Findings, decisions and the end of a run, as text and as JSON.

use std::io::Write as _;
use std::time::Duration;

use anyhow::Result;
use palisade_events::{Action, Attribution, Decision, Event, Verdict, counted};
use palisade_pipeline::engine::{Notice, Summary};
use palisade_sources::LetterCounts;
use serde_json::{Value, json};

use crate::host::Loaded;
use crate::output::{Table, size};

/// What should be done, in a few words.
pub(crate) fn action(action: &Action) -> String {
    match action {
        Action::Block(scopes) => {
            let scopes: Vec<&str> = scopes.iter().map(|scope| scope.name()).collect();
            format!("block {}", scopes.join("+"))
        }
        Action::Quarantine(subject) => format!("quarantine {subject}"),
        Action::Lift(subject) => format!("lift {subject}"),
        Action::RequireApproval(ask) => format!("approval by {}", ask.approver_role),
        Action::Escalate(to) => format!("escalate to {to}"),
        Action::OpenObligation(o) => format!("{} by {}", o.duty, o.due),
        Action::DischargeObligation(id) => format!("discharge {id}"),
        Action::HoldEvidence => "hold evidence".to_owned(),
    }
}

fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Permit => "permit".to_owned(),
        Verdict::Redact(items) => format!("redact {}", items.join(", ")),
        Verdict::RequireApproval(asks) => {
            let roles: Vec<&str> = asks.iter().map(|ask| ask.approver_role.as_str()).collect();
            format!("require approval by {}", roles.join(", "))
        }
        Verdict::Deny => "deny".to_owned(),
    }
}

/// A decision and its reasons.
pub(crate) fn decision_lines(request: &Event, decision: &Decision) -> Vec<String> {
    let mut lines = vec![format!(
        "{}: {}",
        request.request_name(),
        verdict(&decision.verdict)
    )];
    for judgement in &decision.judgements {
        let by = &judgement.by;
        let shared = |other: &Attribution| other.rule == by.rule && other.digest != by.digest;
        let rule = match decision.judgements.iter().any(|other| shared(&other.by)) {
            true => format!("{}/{}/{}", by.pack, by.plugin, by.rule),
            false => by.rule.clone(),
        };
        lines.push(format!(
            "    {:<10} {}: {}",
            rule,
            verdict(&judgement.verdict),
            judgement.reason
        ));
    }
    if decision.judgements.is_empty() {
        lines.push("    no rule applies".to_owned());
    }
    lines
}

/// Something that the operator should know, with the guest's backtrace in lines of its own.
pub(crate) fn notice(notice: Notice) -> String {
    match notice {
        Notice::Input { name, problem } => format!("{name}: {problem}"),
        Notice::Record { name, problem } => format!("{name}, {problem}"),
        Notice::Unparsed {
            parser,
            flow,
            problem,
        } => format!("flow {flow:016x} is not parsed on by `{parser}`: {problem}"),
        Notice::Datagram {
            parser,
            flow,
            problem,
        } => format!(
            "flow {flow:016x}: `{parser}` passes over a datagram and goes on: {problem}; others \
             of the flow are only counted"
        ),
        Notice::TooDeep { plugin, rule } => format!(
            "plugin `{plugin}`: a finding of rule `{rule}` is refused: more than four findings \
             would rest one on another"
        ),
        Notice::Quarantined { plugin } => {
            format!("plugin `{plugin}` is in quarantine: it has faulted too often")
        }
        Notice::Fault {
            plugin: _,
            problem,
            backtrace,
            packets,
        } => {
            let mut text = problem;
            if let Some(packets) = packets {
                text.push_str(&format!(
                    "\n    on {} of its capture",
                    told_packets(packets)
                ));
            }
            for line in crate::output::frames(&backtrace) {
                text.push_str("\n    ");
                text.push_str(&line);
            }
            text
        }
    }
}

/// Packets of a capture by their numbers, from 1: the first and the last.
pub(crate) fn told_packets((first, last): (u64, u64)) -> String {
    match first == last {
        true => format!("packet {first}"),
        false => format!("packets {first} to {last}"),
    }
}

/// A decision for a program.
pub(crate) fn decision_json(request: &Event, decision: &Decision) -> Value {
    json!({ "request": request.request_name(), "decision": decision })
}

fn seconds(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}

/// Writes what a run did and cost to stderr.
pub(crate) fn print(done: &Summary, loaded: &Loaded, letters: LetterCounts) -> Result<()> {
    let mut err = std::io::stderr().lock();
    let total = done.total_events();
    let wall = done.elapsed.as_secs_f64().max(1e-9);
    writeln!(err)?;
    writeln!(
        err,
        "{} in {} ({:.0} events/s{}); {}, {} of which {} do not permit",
        counted(total, "event"),
        seconds(done.elapsed),
        total as f64 / wall,
        if done.packets > 0 {
            format!(
                ", {}, {:.0} packets/s",
                counted(done.packets, "packet"),
                done.packets as f64 / wall
            )
        } else {
            String::new()
        },
        counted(done.findings, "finding"),
        counted(done.decisions, "decision"),
        done.denied,
    )?;
    let kinds: Vec<String> = done
        .events
        .iter()
        .map(|(kind, count)| format!("{count} {}", kind.name()))
        .collect();
    if !kinds.is_empty() {
        writeln!(err, "events: {}", kinds.join(", "))?;
    }
    if !done.packets_skipped.is_empty() {
        let skipped: Vec<String> = done
            .packets_skipped
            .iter()
            .map(|(reason, n)| format!("{n} {reason}"))
            .collect();
        writeln!(err, "packets in no flow: {}", skipped.join(", "))?;
    }
    for (what, count) in [
        (
            "inputs that could not be read to their end",
            done.broken_inputs,
        ),
        ("records that became no event", done.bad_records),
        (
            "records that were read after something in them was mended",
            done.mended_records,
        ),
        ("events that name no address of an end", done.endless),
        ("flows that are parsed no further", done.unparsed),
        ("datagrams that were passed over", done.bad_datagrams),
        ("faults of plugins", done.faults),
        (
            "events left out because a plugin faults on them",
            done.poison,
        ),
        (
            "events, requests, timers and pieces of flows not shown to plugins that had used up \
             what they may of an epoch",
            done.unevaluated,
        ),
        ("the same, because the run was ended", done.interrupted),
        (
            "flows left alone because too much was held of others that nobody knew",
            done.crowded,
        ),
        (
            "flows ended early to make room for newer ones",
            done.evicted,
        ),
        (
            "sessions of parsers ended early to make place for newer ones",
            done.displaced,
        ),
        (
            "findings refused because more than four would rest one on another",
            done.too_deep,
        ),
        ("events dated too far ahead of the clock", done.clamped),
        ("dead letters kept", letters.kept),
        ("dead letters dropped for want of room", letters.dropped),
    ] {
        if count > 0 {
            writeln!(err, "{what}: {count}")?;
        }
    }
    writeln!(
        err,
        "time: ingest {}, routing {}, guests {}; {} of {} plugins compiled anew; {} read",
        seconds(done.ingest),
        seconds(done.routing),
        seconds(done.guests()),
        loaded.compiled,
        loaded.plugins.len(),
        size(done.bytes),
    )?;
    let mut plugins = Table::new([
        "plugin", "time", "events", "ns each", "calls", "yielded", "faults",
    ]);
    for column in 1..7 {
        plugins = plugins.right(column);
    }
    for plugin in &done.plugins {
        let time = plugin.cost.time + plugin.parse.time;
        // A parser is shown chunks.
        let shown = plugin.parse.chunks + plugin.cost.events;
        let each = time.as_nanos() as f64 / (shown.max(1)) as f64;
        plugins.row([
            plugin.title.clone(),
            seconds(time),
            if plugin.parse.calls > 0 {
                counted(shown, "chunk")
            } else {
                shown.to_string()
            },
            format!("{each:.0}"),
            (plugin.cost.calls + plugin.parse.calls).to_string(),
            plugin.yielded.to_string(),
            if plugin.quarantined {
                format!("{}, quarantined", plugin.cost.faults)
            } else {
                plugin.cost.faults.to_string()
            },
        ]);
    }
    plugins.write(&mut err)?;
    Ok(())
}

/// What a run did and cost, for a program. Times are in nanoseconds.
pub(crate) fn json(done: &Summary) -> Value {
    let nanos = |d: Duration| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX);
    let kinds: serde_json::Map<String, Value> = done
        .events
        .iter()
        .map(|(k, n)| (k.name().to_owned(), json!(n)))
        .collect();
    let plugins: Vec<Value> = done
        .plugins
        .iter()
        .map(|p| {
            json!({
                "name": p.name,
                "pack": p.pack,
                "time": nanos(p.cost.time + p.parse.time),
                "calls": p.cost.calls + p.parse.calls,
                "events": p.cost.events,
                "chunks": p.parse.chunks,
                "yielded": p.yielded,
                "faults": p.cost.faults,
                "quarantined": p.quarantined,
                "unevaluated": p.cost.unevaluated,
                "host_calls": p.cost.host_calls,
                "peak_fuel": p.peaks().fuel,
                "peak_memory": p.peaks().memory,
            })
        })
        .collect();
    json!({
        "events": kinds,
        "partition_key": done.partition_key,
        "packets": done.packets,
        "packets_skipped": done.packets_skipped,
        "bytes": done.bytes,
        "bad_records": done.bad_records,
        "mended_records": done.mended_records,
        "endless": done.endless,
        "broken_inputs": done.broken_inputs,
        "empty_inputs": done.empty_inputs,
        "findings": done.findings,
        "decisions": done.decisions,
        "denied": done.denied,
        "poison": done.poison,
        "faults": done.faults,
        "unevaluated": done.unevaluated,
        "interrupted": done.interrupted,
        "crowded": done.crowded,
        "evicted": done.evicted,
        "displaced": done.displaced,
        "cuts": done.cuts,
        "too_deep": done.too_deep,
        "unparsed": done.unparsed,
        "bad_datagrams": done.bad_datagrams,
        "clamped": done.clamped,
        "elapsed": nanos(done.elapsed),
        "ingest": nanos(done.ingest),
        "routing": nanos(done.routing),
        "guests": nanos(done.guests()),
        "plugins": plugins,
    })
}
