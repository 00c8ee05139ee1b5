//! Records of logs for the benchmarks: the third-party logs beside the repository, and the
//! same events as Palisade writes them.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use palisade_events::json::EventJson;
use palisade_events::{Batch, Source};
use palisade_sources::{
    DeadLetters, EventReader as _, EventSink, Limits, LogReader, SourcePolicy, open,
};

/// Where the third-party logs lie, if they are there: `../shared/data` beside the
/// repository.
pub fn shared_logs() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    root.join("zeek-json").is_dir().then_some(root)
}

/// The first `lines` lines of a log of Zeek, such as `dns`.
///
/// # Errors
/// When it cannot be read.
pub fn zeek(root: &Path, log: &str, lines: usize) -> io::Result<Vec<u8>> {
    let file = File::open(root.join(format!("zeek-json/{log}.json.gz")))?;
    let mut all = Vec::new();
    flate2::read::MultiGzDecoder::new(file).read_to_end(&mut all)?;
    let end = memchr::memchr_iter(b'\n', &all).nth(lines.saturating_sub(1));
    all.truncate(end.map_or(all.len(), |end| end + 1));
    Ok(all)
}

/// The lines of a log of Zeek in JSON as Zeek writes them in columns.
///
/// # Errors
/// When a line is no object.
pub fn zeek_columns(log: &str, json: &[u8]) -> io::Result<Vec<u8>> {
    use serde_json::{Map, Value};
    let lines = serde_json::Deserializer::from_slice(json).into_iter::<Map<String, Value>>();
    let lines: Vec<Map<String, Value>> = lines.collect::<Result<_, _>>()?;
    let mut fields: std::collections::BTreeMap<&str, &str> = std::collections::BTreeMap::new();
    for (name, value) in lines
        .iter()
        .flatten()
        .filter(|(name, _)| !name.starts_with('_'))
    {
        let of = match value {
            Value::Bool(_) => "bool",
            Value::Number(number) if number.is_f64() => "interval",
            Value::Number(_) => "count",
            Value::Array(items) if items.iter().any(Value::is_number) => "vector[interval]",
            Value::Array(_) => "vector[string]",
            _ => "string",
        };
        let of = if name == "ts" { "time" } else { of };
        let known = fields.entry(name).or_insert(of);
        if of == "vector[interval]" {
            *known = of;
        }
    }
    let names: Vec<&str> = fields.keys().copied().collect();
    let types: Vec<&str> = fields.values().copied().collect();
    let mut out = format!(
        "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\t{log}\n\
         #fields\t{}\n#types\t{}\n",
        names.join("\t"),
        types.join("\t"),
    );
    let text = |value: &Value, of_set: bool| -> String {
        let text = match value {
            Value::String(text) => text.replace('\\', "\\\\").replace('\t', "\\x09"),
            Value::Bool(true) => "T".to_owned(),
            Value::Bool(false) => "F".to_owned(),
            other => other.to_string(),
        };
        match &*text {
            "" => "(empty)".to_owned(),
            _ if of_set => text.replace(',', "\\x2c"),
            _ => text,
        }
    };
    for line in &lines {
        let cells = names.iter().map(|name| match line.get(*name) {
            None => "-".to_owned(),
            Some(Value::String(time)) if *name == "ts" => {
                let time: Option<palisade_events::Timestamp> = time.parse().ok();
                let nanos = time.unwrap_or_default().0;
                format!("{}.{:06}", nanos / 1_000_000_000, nanos / 1_000 % 1_000_000)
            }
            Some(Value::Array(items)) if items.is_empty() => "(empty)".to_owned(),
            Some(Value::Array(items)) => {
                let items: Vec<String> = items.iter().map(|item| text(item, true)).collect();
                items.join(",")
            }
            Some(value) => text(value, false),
        });
        out += &cells.collect::<Vec<String>>().join("\t");
        out.push('\n');
    }
    Ok(out.into_bytes())
}

/// The alerts of Suricata's EVE, one a line as Suricata writes them, repeated until there
/// are `lines`.
///
/// # Errors
/// When they cannot be read.
pub fn eve(root: &Path, lines: usize) -> io::Result<Vec<u8>> {
    let mut records: Vec<String> = Vec::new();
    for sample in [
        "first-org-conf-2015",
        "honeypot-2018",
        "wrccdc-2017",
        "wrccdc-2018",
    ] {
        let path = format!("eve/suricata-sample-data/samples/{sample}/alerts-only.json");
        let text = std::fs::read(root.join(path))?;
        let values: Vec<serde_json::Value> = serde_json::from_slice(&text)?;
        records.extend(values.iter().map(ToString::to_string));
    }
    let mut all = Vec::new();
    for record in records.iter().cycle().take(lines) {
        all.extend_from_slice(record.as_bytes());
        all.push(b'\n');
    }
    Ok(all)
}

/// The source of the benchmarks' events.
pub fn source() -> Arc<Source> {
    Arc::new(Source {
        slot: 1,
        name: "bench".to_owned(),
        tenant: "bench".to_owned(),
    })
}

/// From bytes to batches, as `palisade run` reads them: recognised, decompressed, cut into
/// records, put into columns.
///
/// # Panics
/// When a record is bad.
pub fn to_batches(bytes: &Arc<[u8]>) -> Vec<Batch> {
    let limits = Limits::default();
    let input = open("bench", Cursor::new(Arc::clone(bytes)), &limits);
    let input = input.unwrap_or_else(|error| panic!("{error}"));
    let reader = LogReader::new(input, &limits, None, DeadLetters::none());
    let mut reader = reader.unwrap_or_else(|input| panic!("{input:?} is no JSON"));
    let mut sink = EventSink::new(SourcePolicy::new(source()));
    let mut batches = Vec::new();
    loop {
        let progress = reader.read(&mut sink, 4096);
        let progress = progress.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(progress.bad, 0, "{:?}", reader.reports());
        batches.extend(sink.take_full());
        if progress.ended {
            break;
        }
    }
    let rest = sink.finish();
    batches.extend(rest.unwrap_or_else(|error| panic!("{error}")));
    batches
}

/// The events of batches as Palisade writes them, one a line.
///
/// # Panics
/// When an event cannot be written.
pub fn ndjson(batches: &[Batch]) -> Vec<u8> {
    let mut all = Vec::new();
    for event in batches
        .iter()
        .flat_map(|b| (0..b.len()).filter_map(|row| b.event(row)))
    {
        let json = EventJson {
            event: &event,
            id: None,
        };
        let written = serde_json::to_writer(&mut all, &json);
        written.unwrap_or_else(|error| panic!("{error}"));
        all.push(b'\n');
    }
    all
}
