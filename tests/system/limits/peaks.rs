//! What attacks on the host's memory take: each reaches its limit, and no more.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use palisade_pipeline::memory::Memory;
use palisade_state::datasets::{Dataset, DatasetLimits};
use palisade_tests::{capture, skip};

use crate::packs::Site;
use crate::run::palisade;

/// The most that any attack may take, with default limits and two workers.
const MOST: u64 = 1 << 30;

/// A capture of raw IPv4 packets, in gzip.
struct Capture(GzEncoder<Vec<u8>>);

impl Capture {
    fn new() -> Capture {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        let mut header = Vec::new();
        header.extend(0xa1b2_c3d4_u32.to_le_bytes());
        header.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        header.extend(262_144_u32.to_le_bytes());
        header.extend(101_u32.to_le_bytes());
        gzip.write_all(&header).expect("a Vec takes all");
        Capture(gzip)
    }

    /// A packet from host `from`, with what stands in the fragment field.
    fn packet(&mut self, from: u32, protocol: u8, id: u16, fragment: u16, body: &[u8]) {
        let length = u16::try_from(20 + body.len()).expect("an IPv4 packet");
        let mut packet = vec![0x45, 0];
        packet.extend(length.to_be_bytes());
        packet.extend(id.to_be_bytes());
        packet.extend(fragment.to_be_bytes());
        packet.extend([64, protocol, 0, 0]);
        packet.extend((0x0a00_0000 | from).to_be_bytes());
        packet.extend([192, 0, 2, 1]);
        packet.extend(body);
        let mut record = Vec::new();
        record.extend(1_750_000_000_u32.to_le_bytes());
        record.extend(0_u32.to_le_bytes());
        record.extend(u32::from(length).to_le_bytes());
        record.extend(u32::from(length).to_le_bytes());
        self.0.write_all(&record).expect("a Vec takes all");
        self.0.write_all(&packet).expect("a Vec takes all");
    }

    fn bytes(self) -> Vec<u8> {
        self.0.finish().expect("a Vec takes all")
    }
}

/// A segment to port 502.
fn tcp(sequence: u32, flags: u8, data: &[u8]) -> Vec<u8> {
    let mut segment = Vec::new();
    segment.extend(4000_u16.to_be_bytes());
    segment.extend(502_u16.to_be_bytes());
    segment.extend(sequence.to_be_bytes());
    segment.extend(1_u32.to_be_bytes());
    segment.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    segment.extend(data);
    segment
}

/// The most memory that a run of a capture takes, in bytes. `None`: the program is not built.
fn peak(capture: Vec<u8>) -> Option<u64> {
    let (ended, peak, said) = peak_with(capture, &[])?;
    assert!(matches!(ended.code(), Some(0 | 1)), "{ended}: {said}");
    Some(peak)
}

/// The same with more options; how it ended, and what it said.
fn peak_with(capture: Vec<u8>, more: &[String]) -> Option<(ExitStatus, u64, String)> {
    let (program, plugins) = palisade()?;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("attack.pcap.gz");
    std::fs::write(&path, capture).expect("a file in a temporary folder");
    let mut command = Command::new(program);
    command
        .args(["--quiet", "run", "--workers", "2", "--plugins"])
        .arg(plugins.join("iot-protocols"))
        .args(more)
        .arg(&path);
    Some(peak_of(&mut command))
}

/// How a command ended, the most memory that it took, in bytes, and what it said.
fn peak_of(command: &mut Command) -> (ExitStatus, u64, String) {
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("palisade runs");
    let errors = BufReader::new(child.stderr.take().expect("stderr is piped"));
    let reader =
        std::thread::spawn(move || errors.lines().map_while(Result::ok).collect::<Vec<_>>());
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let ended = loop {
        // The kernel's own high-water mark; looking now and then misses only the very end.
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
        peak = peak.max(kib.unwrap_or(0) << 10);
        if let Some(ended) = child.try_wait().expect("a child") {
            break ended;
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    };
    let said = reader.join().expect("a reader").join("\n");
    assert!(peak > 0, "the peak was seen");
    (ended, peak, said)
}

/// A capture that holds nothing much.
fn quiet() -> Vec<u8> {
    let mut quiet = Capture::new();
    quiet.packet(1, 6, 0, 0, &tcp(1, 2, &[]));
    quiet.bytes()
}

/// The peak of an attack over that of a capture that holds nothing much: it must be at least
/// half of `limit`, or the attack does not reach it, and not much more.
fn takes(attack: Capture, limit: u64) {
    let (Some(quiet), Some(peak)) = (peak(quiet()), peak(attack.bytes())) else {
        return;
    };
    let more = peak.saturating_sub(quiet);
    assert!(peak < MOST, "{peak} bytes");
    // Memory that was used for an epoch and given back stays with the allocator.
    let most = limit * 3 / 2 + (64 << 20);
    assert!(
        (limit / 2..most).contains(&more),
        "{more} bytes, where {limit} were expected"
    );
}

#[test]
fn data_that_waits_takes_what_the_table_says() {
    let mut capture = Capture::new();
    let limit = Memory::of(None, 2).reassembly;
    // Segments of a usual size, so that the epochs that carry them are small beside the limit; their
    // beginning never comes.
    let data = vec![0; 1_400];
    let segments = 700;
    for from in 0..u32::try_from(limit / 1_400).expect("few") * 3 / 2 / segments {
        capture.packet(from, 6, 0, 0, &tcp(1, 2, &[]));
        for at in 0..segments {
            capture.packet(from, 6, 0, 0, &tcp(1_000 + at * 1_400, 0x10, &data));
        }
    }
    takes(capture, limit);
}

#[test]
fn fragments_take_what_the_table_says() {
    let mut capture = Capture::new();
    let limit = Memory::of(None, 2).fragments;
    let data = vec![0; 16_000];
    for at in 0..u32::try_from(limit / 16_000).expect("few") * 4 {
        // More fragments follow, and never come.
        capture.packet(at, 17, at as u16, 0x2000, &data);
    }
    takes(capture, limit);
}

/// Writes a dataset of as many such lines as are taken, by their number or by what they hold.
fn dataset(path: &Path, line: impl Fn(usize) -> String) {
    let limits = DatasetLimits::default();
    let mut file = BufWriter::new(File::create(path).expect("a temporary file"));
    let mut left = limits.bytes - limits.bytes / 16;
    for at in 0..limits.entries {
        let line = line(at);
        let Some(rest) = left.checked_sub(line.len() as u64) else {
            break;
        };
        left = rest;
        file.write_all(line.as_bytes()).expect("there is room");
    }
    file.flush().expect("there is room");
}

fn option(path: &Path, name: &str) -> [String; 2] {
    ["--dataset".to_owned(), format!("{name}={}", path.display())]
}

/// A line of which nearly everything is held.
fn long(at: usize) -> String {
    let (value, more) = ("x".repeat(8_000), "y".repeat(1_800));
    format!("{{\"kind\":\"text\",\"value\":\"{at}{value}\",\"a\":\"{more}\"}}\n")
}

#[test]
fn datasets_take_what_they_say_they_take() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("dataset.ndjson");
    let Some(alone) = peak(quiet()) else { return };
    let tiny = |at| format!("{{\"kind\":\"text\",\"value\":\"{at}\"}}\n");
    let digest = |at| format!("{{\"kind\":\"sha256\",\"value\":\"{at:064x}\"}}\n");
    let network = |at: usize| {
        let [high, low] = [at >> 16, at & 0xffff];
        format!("{{\"kind\":\"cidr\",\"value\":\"2001:db8:{high:x}:{low:x}::/64\"}}\n")
    };
    let shapes: [(&str, &dyn Fn(usize) -> String); 4] = [
        ("tiny", &tiny),
        ("digests", &digest),
        ("networks", &network),
        ("long", &long),
    ];
    for (shape, line) in shapes {
        dataset(&path, line);
        let file = File::open(&path).expect("it was written");
        let read = Dataset::read("x", file, &DatasetLimits::default());
        let held = read.expect("it is taken").held();
        let run = peak_with(quiet(), &option(&path, "x"));
        let (ended, peak, said) = run.expect("it was there a moment ago");
        assert!(ended.success(), "{shape}: {said}");
        let more = peak.saturating_sub(alone);
        // While it is read, an index that grows is there twice.
        let expected = held * 9 / 10..held * 11 / 10 + (24 << 20);
        assert!(expected.contains(&more), "{shape}: {more} bytes for {held}");
    }
}

#[test]
fn datasets_and_a_flood_take_no_more_than_everything_may() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("dataset.ndjson");
    dataset(&path, long);
    let mut flood = Capture::new();
    for from in 0..100_000 {
        flood.packet(from, 6, 0, 0, &tcp(1, 2, &[]));
    }
    let summary = folder.path().join("summary.json");
    let mut options = option(&path, "x").to_vec();
    options.extend(["--summary".to_owned(), summary.display().to_string()]);
    let Some((ended, peak, said)) = peak_with(flood.bytes(), &options) else {
        return;
    };
    assert!(ended.success() && peak < MOST, "{peak} bytes: {said}");
    // There is less for flows than without the dataset.
    let text = std::fs::read_to_string(&summary).expect("a summary");
    let summary: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let alone = 100_000 - Memory::of(None, 2).max_flows() as u64;
    assert!(summary["evicted"].as_u64() > Some(alone), "{summary}");
    // There is no room for another.
    let two = [option(&path, "first"), option(&path, "second")].concat();
    let run = peak_with(quiet(), &two).expect("it was there a moment ago");
    let (ended, peak, said) = run;
    assert!(
        ended.code() == Some(2) && peak < MOST,
        "{peak} bytes: {said}"
    );
    for part in [
        "dataset `second`, line ",
        " bytes that are left",
        "`--memory`",
    ] {
        assert!(said.contains(part), "{said}");
    }
}

/// A module with the code of another, and lines for it: as many sequences of one row as there may
/// be rows.
fn with_lines(module: &[u8]) -> Vec<u8> {
    let mut out = wasm_encoder::Module::new();
    for payload in wasmparser::Parser::new(0).parse_all(module) {
        let payload = payload.expect("a sound module");
        let custom = matches!(payload, wasmparser::Payload::CustomSection(_));
        if let Some((id, range)) = payload.as_section().filter(|_| !custom) {
            let data = &module[range];
            out.section(&wasm_encoder::RawSection { id, data });
        }
    }
    // DWARF 4, 6.2.4: opcodes with their lengths, one file; then address 1, a row, one byte on, and
    // the end, again and again.
    let mut header = vec![1, 1, 1, 0xfb, 14, 13];
    header.extend([0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1]);
    header.extend(b"\0a.rs\0\0\0\0\0");
    let sequence = [0, 5, 2, 1, 0, 0, 0, 1, 2, 1, 0, 1, 1];
    let mut unit = 4_u16.to_le_bytes().to_vec();
    unit.extend((header.len() as u32).to_le_bytes());
    unit.extend(header);
    unit.extend(sequence.repeat(1 << 20));
    let mut lines = (unit.len() as u32).to_le_bytes().to_vec();
    lines.extend(unit);
    out.section(&wasm_encoder::CustomSection {
        name: ".debug_line".into(),
        data: lines.into(),
    });
    out.finish()
}

#[test]
fn hostile_debug_files() {
    let Some((_, plugins)) = palisade() else {
        return;
    };
    let hostile = plugins.with_file_name("hostile").join("hostile");
    let read = |name| std::fs::read(hostile.join(name));
    let (Ok(component), Ok(debug)) = (read("hostile.wasm"), read("hostile.debug.wasm")) else {
        skip("`make hostile` has not built the hostile detector");
        return;
    };
    let debug = with_lines(&debug);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut settings = String::new();
    let name = b"name = \"hostile\"";
    let at = component.windows(name.len()).position(|w| w == name);
    let at = at.expect("the component carries its manifest") + "name = \"hostil".len();
    for letter in b'a'..=b'h' {
        let mut component = component.clone();
        component[at] = letter;
        let called = format!("hostil{}", char::from(letter));
        let path = folder.path().join(&called);
        std::fs::write(path.with_extension("wasm"), component).expect("a file");
        std::fs::write(path.with_extension("debug.wasm"), &debug).expect("a file");
        settings += &format!("[{called}]\nact = \"trap\"\n");
    }
    let table = folder.path().join("settings.toml");
    std::fs::write(&table, settings).expect("a file");
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let options = [
        "--plugins".into(),
        text(folder.path()),
        "--settings".into(),
        text(&table),
    ];
    let Some((_, peak, said)) = peak_with(quiet(), &options) else {
        return;
    };
    assert!(said.contains("as told"), "every detector faults: {said}");
    assert!(peak < MOST / 2, "{peak} bytes");
}

#[test]
fn a_pack_takes_half_of_the_memory_while_it_is_loaded_and_no_more() {
    let Some(site) = Site::new() else { return };
    site.trusting();
    let file = |name: &str, text: &str| {
        std::fs::write(site.path().join(name), text).expect("a file");
    };
    // Signed by its vendor is enough here.
    file(
        "second.toml",
        "version = 2\n[[pack]]\nmatch = \"palisade/*\"\ncapabilities = [\"state\", \"timers\"]\n\
         [[pack.signed-by]]\nrole = \"vendor\"\n",
    );
    site.ok("trust policy second.toml --out second.json");
    site.ok("trust sign second.json --key me");
    site.ok("trust install second.json");
    site.pack("cdn-abuse", "0.1.0");
    // Files that are only held, and a document that is looked at in as many views as there are.
    let mut docs = Vec::new();
    for number in 0..7 {
        let name = format!("held-{number}.bin");
        let file = File::create(site.path().join("cdn-abuse").join(&name)).expect("a file");
        file.set_len(62 << 20).expect("a hole");
        docs.push(name);
    }
    let shown = "| <p>*a*</p> &amp; b<br>\n";
    file("cdn-abuse/shown.md", &shown.repeat((8 << 20) / shown.len()));
    docs.push("shown.md".to_owned());
    let manifest = site.path().join("cdn-abuse/pack.toml");
    let text = std::fs::read_to_string(&manifest).expect("pack.toml");
    let at = text.find("docs = [").expect("a list of documents") + "docs = [".len();
    let list: String = docs.iter().map(|name| format!("\"{name}\", ")).collect();
    file(
        "cdn-abuse/pack.toml",
        &format!("{}{list}{}", &text[..at], &text[at..]),
    );
    let pack = site.pack("cdn-abuse", "0.2.0");
    site.ok(&format!("pack sign {pack} --key vendor"));
    site.ok(&format!("pack install {pack}"));
    let input = capture("dns.pcap");
    let run = |more: &str| {
        let words = format!(
            "--quiet run --pack palisade/cdn-abuse {more} {}",
            input.display()
        );
        peak_of(&mut site.command(&words))
    };
    let (ended, peak, said) = run("--workers 2");
    assert!(matches!(ended.code(), Some(0 | 1)), "{ended}: {said}");
    let held = 7 * (62 << 20) + (8 << 20);
    assert!((held..MOST).contains(&peak), "{peak} bytes for {held}");
    // Of less there is less for it.
    let (ended, peak, said) = run("--memory 768MiB");
    assert_eq!(ended.code(), Some(2), "{said}");
    assert!(said.contains("of which a pack may take half"), "{said}");
    assert!(peak < 256 << 20, "{peak} bytes");
}
