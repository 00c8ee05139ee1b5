//! Documents, vectors and datasets of a pack that are read for what restricts passing them on:
//! prose with markup, tables, JSON, TOML, captures and pictures, with signs that nobody sees.

#![no_main]

use std::sync::OnceLock;

use arbitrary::{Result, Unstructured};
use palisade_fuzz::{MIB, splice, text, worlds};
use palisade_pack::{Content, Pack, PackSource, Tlp};

const SOURCE: &str = "vendor = \"acme\"\nname = \"hostile\"\nversion = \"1.0.0\"\n\
                      description = \"d\"\nlicence = \"MIT\"\nrequirements = [\"TI-1.1\"]\n\
                      [changelog]\n\"1.0.0\" = \"c\"\n";

/// Where a file lies and how its name ends says as what it is read.
const PLACES: [&str; 16] = [
    "docs/a.md",
    "docs/a.html",
    "docs/a.svg",
    "docs/a.txt",
    "docs/a.rst",
    "docs/LICENSE",
    "docs/a.csv",
    "docs/a.xml",
    "docs/a.yaml",
    "docs/a.json",
    "docs/a.ndjson",
    "docs/a.toml",
    "docs/a.png",
    "docs/a.pcap",
    "vectors/everything/a.ndjson",
    "vectors/everything/datasets/a.ndjson",
];

/// What documents that speak of the protocol are made of, and what hides it.
const PIECES: [&str; 96] = [
    "TLP:RED",
    "TLP:AMBER+STRICT",
    "TLP:GREEN",
    "TLP:WHITE",
    "TLP",
    "tlp_red",
    "TLPv2:",
    "Traffic Light Protocol: ",
    "AMBER",
    "RED",
    "strict",
    "red?",
    "PURPLE",
    ":",
    " ",
    "\n",
    "\r\n",
    "\n\n",
    "\t",
    "=",
    "/",
    "|",
    "\\|",
    "| TLP | RED |\n|---|---|\n",
    "|:--|--:|\n",
    "+---+\n",
    "*",
    "**",
    "_",
    "`",
    "```\n",
    "# ",
    "> ",
    "- ",
    "\\",
    "![TLP:RED](",
    "](a)",
    "[",
    "<b>",
    "</b>",
    "<br>",
    "<p>",
    "<td>",
    "</td><td>",
    "<tr>",
    "<span title=\"",
    "<img alt='",
    "\">",
    "'>",
    "<",
    ">",
    "</",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<script>",
    "</script>",
    "<style>",
    "</style>",
    "<textarea>",
    "<wbr>",
    "<svg><text>",
    "<!ENTITY a \"TLP:RED\">",
    "<?a ?>",
    "&#84;&#76;&#80;",
    "&#x54",
    "&colon;",
    "&Tab;",
    "&shy;",
    "&amp;lt;",
    "&lt;",
    "&#xfffffff;",
    "&zwj",
    "\u{200b}",
    "\u{202e}",
    "\u{202c}",
    "\u{2066}",
    "\u{2069}",
    "\u{200f}",
    "\u{ad}",
    "\u{301}",
    "\u{feff}",
    "\u{ff34}\u{ff2c}\u{ff30}\u{ff1a}",
    "\u{422}LP:RED",
    "DER:PLT",
    "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed",
    "not to be passed on before 2025-06-01",
    "embargo: 2025-06-01T10:00:00Z",
    "{\"tlp\":\"red\"}",
    "{\"object_marking_refs\":[\"marking-definition--",
    "\"definition\":{\"tlp\":",
    "intel-derived-data",
    "derived_from",
    "\0",
    "\u{1f534}",
];

const CAPTURE: &[u8] = include_bytes!("../../captures/coap-on-dtls-port.pcap");

/// A picture of one pixel, with a text.
const PICTURE: &[u8] = include_bytes!("../seeds/picture.png");

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    everything();
    palisade_fuzz::run(64 * MIB, || {
        let _ = check(&mut Unstructured::new(data));
    });
});

/// What every pack of this target is made from.
fn everything() -> &'static (PackSource, Vec<u8>) {
    static EVERYTHING: OnceLock<(PackSource, Vec<u8>)> = OnceLock::new();
    EVERYTHING.get_or_init(|| {
        let source = PackSource::parse(SOURCE).expect("a description of a pack");
        (source, worlds::everything())
    })
}

/// A pack with these files beside its plugin. What a file says restricts the pack, and never
/// makes it a wrong one.
fn pack(files: &[(&str, &[u8])]) -> Pack {
    let (source, plugin) = everything();
    let mut content = Content::default();
    for (path, bytes) in [("plugins/everything.wasm", &plugin[..])]
        .iter()
        .chain(files)
    {
        content.add(path, bytes.to_vec()).expect("a path of a pack");
    }
    Pack::build(source, content).expect("what a document says refuses no pack")
}

fn check(u: &mut Unstructured<'_>) -> Result<()> {
    let place = PLACES[usize::from(u.arbitrary::<u8>()?) % PLACES.len()];
    let document = document(u, place)?;
    let alone = pack(&[(place, &document)]);
    // Another file adds to what restricts the pack and takes nothing away.
    let both = pack(&[(place, &document), ("docs/mark.txt", b"TLP:RED\n")]);
    let (alone, both) = (&alone.manifest().labels, &both.manifest().labels);
    assert_eq!(both.tlp, Some(Tlp::Red), "a plain mark is seen");
    assert_eq!(both.lacks(alone), None, "what one file says stays said");
    Ok(())
}

fn document(u: &mut Unstructured<'_>, place: &str) -> Result<Vec<u8>> {
    let shape: u8 = u.arbitrary()?;
    if shape < 0x20 {
        let base = if place.ends_with("png") {
            PICTURE
        } else {
            CAPTURE
        };
        return splice::bytes(u, base, 1 + usize::from(shape & 7));
    }
    if shape < 0x48 && place.ends_with("json") {
        let mut lines = String::new();
        for _ in 0..u.int_in_range(1..=3_u8)? {
            let field = PIECES[usize::from(u.arbitrary::<u8>()?) % PIECES.len()];
            let field = serde_json::Value::from(field);
            let label = [
                "tlp",
                "embargo",
                "marking",
                "labels",
                "x_tlp",
                "distribution",
            ];
            let label = label[usize::from(u.arbitrary::<u8>()?) % label.len()];
            let value = text::json(u, 2)?;
            lines.push_str(&format!(
                "{{\"{label}\":{field},\"{label}s\":{value},{field}:1}}\n"
            ));
        }
        return Ok(lines.into_bytes());
    }
    let mut text = String::new();
    while !u.is_empty() && text.len() < 4_000 {
        let piece: u8 = u.arbitrary()?;
        match usize::from(piece) {
            at if at < 2 * PIECES.len() => text.push_str(PIECES[at % PIECES.len()]),
            at => {
                let length = (at & 7).min(u.len());
                text.push_str(&String::from_utf8_lossy(u.bytes(length)?));
            }
        }
    }
    // Some write in UTF-16.
    Ok(match shape {
        0xf8.. => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        _ => text.into_bytes(),
    })
}
