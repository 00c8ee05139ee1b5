//! Everything that an engine remembers, as text.

use serde_json::{Value, json};

use crate::engine::config::EngineError;
use crate::engine::run::Engine;

impl Engine {
    /// Everything that decides what comes next, as lines of JSON in their order as texts: the same
    /// for the same input, whatever the number of workers and however the engine came to it. To be
    /// asked when everything was [collected](Self::collect).
    ///
    /// | `what` | a line is |
    /// | --- | --- |
    /// | `key` | a key of a table: `pack`, `plugin`, `table`, `tenant`, `part`, `key` (hexadecimal), `rank` (keys of the same list that were touched later), `value` |
    /// | `timer` | a pending timer: `pack`, `plugin`, `tenant`, `name`, `key`, `due` |
    /// | `plugin` | a plugin's latest `faults`, and whether it is `quarantined` |
    /// | `source` | a source: `tenant`, `name`, `slot`, the number of its `next` event, the latest time that it `reached` and when it was `heard` |
    /// | `watermark` | where the watermark is (`seconds`), the `latest` time of an event, and how many were too far ahead (`clamped`) |
    /// | `findings` | how many findings there were, by `level` |
    /// | `marking` | what findings that cite an `event` inherit, and its `rank` from the oldest |
    ///
    /// # Errors
    /// When the engine cannot go on.
    pub fn export(&mut self) -> Result<Vec<String>, EngineError> {
        let shards = self.workers.visit(|_, _, evaluate| evaluate.export())?;
        let mut lines: Vec<String> = shards.into_iter().flatten().collect();
        let mut line = |value: Value| lines.push(value.to_string());
        let image = self.image();
        let watermark = &image.watermark;
        line(json!({
            "what": "watermark",
            "seconds": watermark.tick,
            "latest": watermark.latest,
            "clamped": watermark.clamped,
        }));
        for source in &image.sources {
            let reach = watermark
                .sources
                .iter()
                .find(|reach| reach.0 == source.slot);
            line(json!({
                "what": "source",
                "tenant": source.tenant,
                "name": source.name,
                "slot": source.slot,
                "next": source.next.unwrap_or(0),
                "reached": reach.map(|reach| reach.1),
                "heard": reach.map(|reach| reach.2),
            }));
        }
        for plugin in &image.plugins {
            line(json!({
                "what": "plugin",
                "pack": plugin.pack,
                "plugin": plugin.name,
                "faults": plugin.faults,
                "quarantined": plugin.quarantined,
            }));
        }
        for (count, level) in image
            .findings
            .iter()
            .zip(1..)
            .filter(|(count, _)| **count > 0)
        {
            line(json!({ "what": "findings", "level": level, "count": count }));
        }
        for (marking, rank) in self.findings.image().zip(0..) {
            line(json!({
                "what": "marking",
                "event": marking.event,
                "rank": rank,
                "tlp": marking.tlp,
                "labels": marking.labels,
                "depth": marking.depth,
            }));
        }
        lines.sort_unstable();
        Ok(lines)
    }
}

impl crate::engine::evaluate::EvaluateWorker {
    fn export(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        for seat in &mut self.seats {
            let key = seat.member.key.clone();
            let (pack, plugin) = (&*key.pack, &*key.name);
            let Some((keys, timers)) = seat.shard().map(|shard| shard.export()) else {
                continue;
            };
            for key in keys {
                let line = json!({
                    "what": "key",
                    "pack": pack,
                    "plugin": plugin,
                    "table": key.table,
                    "tenant": key.tenant,
                    "part": key.part,
                    "key": hex(&key.key),
                    "rank": key.rank,
                    "value": key.value.to_json(),
                });
                lines.push(line.to_string());
            }
            for (tenant, timers) in timers.tenants {
                for (name, key, due) in timers {
                    let line = json!({
                        "what": "timer",
                        "pack": pack,
                        "plugin": plugin,
                        "tenant": tenant,
                        "name": name,
                        "key": key,
                        "due": due,
                    });
                    lines.push(line.to_string());
                }
            }
        }
        lines
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
