//! Labels go from data to packs and are not lost, however they are written (H-10, TI-7.2,
//! RMSV-9.7).

use palisade_pack::{Content, Pack, PackSource, Refusal, Tlp};

use crate::site::*;

const LABELLED: &str = r#"{"kind":"ipv4","value":"192.0.2.1","tlp":"TLP:RED","labels":"intel-derived-data","derived_from":"N-12"}"#;

pub(crate) fn build(extra: &str, files: &[(&str, &[u8])]) -> Result<Pack, Refusal> {
    let text = format!(
        "vendor = \"acme\"\nname = \"guard\"\nversion = \"1.0.0\"\ndescription = \"Test\"\n\
         licence = \"Apache-2.0\"\nrequirements = [\"IOT-2.3c\"]\n{extra}"
    );
    let mut content = inputs();
    for (path, bytes) in files {
        content.add(path, bytes.to_vec()).unwrap();
    }
    Pack::build(&PackSource::parse(&text).unwrap(), content)
}

/// A pack with a dataset of these lines.
fn of_lines(lines: &str) -> Pack {
    build("", &[("datasets/bad.ndjson", lines.as_bytes())])
        .unwrap_or_else(|e| panic!("{lines}: {e}"))
}

/// A pack with a dataset of one entry that has these fields besides.
fn of_entry(fields: &str) -> Pack {
    of_lines(&format!(
        r#"{{"kind":"ipv4","value":"192.0.2.1",{fields}}}"#
    ))
}

fn labelled(extra: &str) -> Pack {
    build(extra, &[("datasets/bad.ndjson", LABELLED.as_bytes())]).unwrap()
}

/// Another manifest for the files of a pack.
fn with_manifest(pack: &Pack, from: &str, to: &str) -> Result<Pack, Refusal> {
    let mut files = files(pack);
    let text = String::from_utf8(files["pack.toml"].clone()).unwrap();
    let other = text.replace(from, to);
    assert_ne!(text, other);
    files.insert("pack.toml".into(), other.into_bytes());
    Pack::open(content(&files, &Default::default()))
}

#[test]
fn a_pack_carries_the_labels_of_what_it_was_built_from() {
    let pack = labelled("[labels]\ntlp = \"green\"\nmarks = [\"own\"]\n");
    let labels = &pack.manifest().labels;
    assert_eq!(labels.tlp, Some(Tlp::Red));
    assert_eq!(labels.marks, set(&["intel-derived-data", "own"]));
    assert_eq!(labels.derived_from, set(&["N-12"]));
    // The rule takes packs up to AMBER.
    refused(&Site::new().verify(&attested(pack)), "label-denied");
}

#[test]
fn a_label_cannot_be_taken_off() {
    let pack = labelled("");
    let refusal = with_manifest(&pack, "tlp = \"red\"", "tlp = \"clear\"").unwrap_err();
    assert_eq!(refusal.code(), "label-dropped");
    let unmarked = of_entry("\"confidence\":90");
    let stated = "[labels]\nunmarked = true\n";
    let refusal = with_manifest(&unmarked, stated, "[labels]\nmarks = [\"x\"]\n").unwrap_err();
    assert_eq!(refusal.code(), "label-dropped");
    let file = [(
        "docs/list.json",
        &br#"{"name":"x","tags":["tlp:amber"]}"#[..],
    )];
    let refusal = with_manifest(
        &build("", &file).unwrap(),
        "tlp = \"amber\"",
        "tlp = \"clear\"",
    );
    assert_eq!(refusal.unwrap_err().code(), "label-dropped");
}

#[test]
fn a_colour_is_read_in_every_spelling_and_place() {
    use Tlp::*;
    for (fields, colour) in [
        (r#""tlp":"TLP:RED""#, Red),
        (r#""TLP":"RED""#, Red),
        (r#""Tlp-Level":"tlp:white""#, Clear),
        (r#""labels":"tlp:red""#, Red),
        (r#""comment":"ΤLΡ:RED""#, Red),
        (r#""labels":"phishing TLP: AMBER""#, Amber),
        (r#""labels":["a","tlp:red"]"#, Red),
        (r#""tags":"tlp:amber+strict""#, AmberStrict),
        (r#""Tag":[{"name":"tlp:green","colour":"green"}]"#, Green),
        (r#""a":{"b":[{"c":{"TLP_LABEL":"TLP:AMBER"}}]}"#, Amber),
        (r#""tlp":"clear","tlp":"red""#, Red),
        (r#""tlp":"red","tlp":"clear""#, Red),
        (r#""tlp":"green","labels":"tlp:amber""#, Amber),
        (r#""comment":"[TLP:AMBER+STRICT] for us""#, AmberStrict),
        (r#""trafficLightProtocol":"Red""#, Red),
        (r#""comment":"Traffic Light Protocol: Red""#, Red),
        (r#""distribution":"0""#, AmberStrict),
        (r#""distribution":1"#, Green),
        (
            r#""distribution":{"tlp":{"label":"RED","url":"https://www.first.org/tlp/"}}"#,
            Red,
        ),
        (
            r#""sharing_group":{"id":"00000000-0000-0000-0000-000000000000"}"#,
            Red,
        ),
        (r#""classification":"TLP:AMBER""#, Amber),
        (
            r#""object_marking_refs":["marking-definition--f88d31f6-486f-44da-b317-01333bde0b82"]"#,
            Amber,
        ),
        (
            r#""object_marking_refs":["marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003"]"#,
            AmberStrict,
        ),
        (
            r#""granular_markings":[{"marking_ref":"marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1","selectors":["x"]}]"#,
            Red,
        ),
        (
            r#""extensions":{"extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d":{"extension_type":"property-extension","tlp_2_0":"amber+strict"}}"#,
            AmberStrict,
        ),
        (
            r#""type":"marking-definition","definition_type":"tlp","definition":{"tlp":"green"}"#,
            Green,
        ),
    ] {
        let pack = of_entry(fields);
        assert_eq!(pack.manifest().labels.tlp, Some(colour), "{fields}");
        assert_eq!(pack.unread(), [], "{fields}");
        assert!(!pack.manifest().labels.unmarked, "{fields}");
    }
    // A byte-order mark, and the strictest of several lines.
    let pack = of_lines(
        "\u{feff}{\"kind\":\"text\",\"value\":\"a\",\"tlp\":\"red\"}\r\n{\"kind\":\"text\",\"value\":\"b\",\"tlp\":\"clear\"}\n",
    );
    assert_eq!(pack.manifest().labels.tlp, Some(Red));
}

#[test]
fn what_is_not_understood_is_told_and_denied() {
    for fields in [
        r#""tlp":"PURPLE""#,
        r#""tlp":3"#,
        r#""tlp":true"#,
        r#""tlp":{"label":"amber?"}"#,
        r#""labels":"tlp:ex:chr""#,
        r#""labels":"tlp:unclear""#,
        r#""labels":["confidential"]"#,
        r#""labels":[7]"#,
        r#""tags":"nato:classification=\"secret\"""#,
        r#""labels":"class:personal""#,
        r#""labels":"embargo:V-24""#,
        r#""embargo":"next year""#,
        r#""embargo":true"#,
        r#""tlp":"rеd""#,
        r#""tlр":"red""#,
        r#""nоtice":"N-1""#,
        r#""distribution":4"#,
        r#""distribution":{"text":"for members only"}"#,
        r#""sharing_group_id":"12""#,
        r#""SharingGroup":{"name":"x","uuid":"4f2c9ab1-1111-2222-3333-444455556666"}"#,
        r#""classification":"VS-NfD""#,
        r#""recipients":["org-b"]"#,
        r#""shareable":false"#,
        r#""object_marking_refs":["marking-definition--11111111-2222-4333-8444-555555555555"]"#,
        r#""type":"marking-definition","definition_type":"statement","definition":{"statement":"(c) X"}"#,
        r#""derived_from":{"id":"N-1"}"#,
        r#""notice":true"#,
        r#""tlp:red":true"#,
        r#""comment":"tlp = 3""#,
    ] {
        // A colour beside it does not help.
        let pack = of_entry(&format!(r#"{fields},"comment2":"TLP:CLEAR""#));
        let unread = pack.unread();
        assert!(!unread.is_empty(), "{fields}");
        assert!(
            unread
                .iter()
                .any(|told| told.to_string().starts_with("datasets/bad.ndjson")),
            "{unread:?}"
        );
        let report = Site::new().verify(&attested(pack));
        refused(&report, "label-denied");
    }
    let long = format!(r#""derived_from":"{}""#, "n".repeat(257));
    assert!(!of_entry(&long).unread().is_empty());
}

#[test]
fn data_that_names_no_colour_is_not_clear() {
    let marked = |pack: &Pack| !pack.manifest().labels.unmarked;
    assert!(marked(&build("", &[]).unwrap()));
    assert!(marked(&build("", &[("datasets/bad.ndjson", b"")]).unwrap()));
    let none = of_entry("\"confidence\":90");
    assert!(!marked(&none));
    refused(&Site::new().verify(&attested(none)), "label-denied");
    for fields in [
        r#""tlp":null"#,
        r#""tlp":"""#,
        r#""distribution":"3""#,
        r#""labels":"phishing""#,
        r#""labels":"white""#,
        r#""comment":"not like the TLP:CLEAR notes""#,
    ] {
        assert!(!marked(&of_entry(fields)), "{fields}");
    }
    // One entry of several.
    let some = of_lines(
        "{\"kind\":\"text\",\"value\":\"a\",\"tlp\":\"clear\"}\n{\"kind\":\"text\",\"value\":\"b\"}\n",
    );
    assert_eq!(some.manifest().labels.tlp, Some(Tlp::Clear));
    assert!(!marked(&some));
    // Its vendor answers for all of it, or for the dataset.
    let line: &[u8] = br#"{"kind":"text","value":"a"}"#;
    for stated in [
        "[labels]\ntlp = \"clear\"\n",
        "[labels]\ntlp = \"TLP:CLEAR\"\n",
        "[datasets.bad]\nfile = \"x\"\nlabels = { tlp = \"clear\" }\n",
    ] {
        let pack = build(stated, &[("datasets/bad.ndjson", line)]).unwrap();
        assert_eq!(pack.manifest().labels.tlp, Some(Tlp::Clear), "{stated}");
        assert!(marked(&pack), "{stated}");
    }
    let red: &[u8] = br#"{"kind":"text","value":"a","tlp":"red"}"#;
    let pack = build(
        "[labels]\ntlp = \"clear\"\n",
        &[("datasets/bad.ndjson", red)],
    )
    .unwrap();
    assert_eq!(pack.manifest().labels.tlp, Some(Tlp::Red));
}

#[test]
fn notices_and_agreements_are_origins() {
    for (fields, origins) in [
        (r#""notice":"N-1""#, vec!["N-1"]),
        (r#""Notice":"N-1 N-2""#, vec!["N-1", "N-2"]),
        (r#""notice":12"#, vec!["12"]),
        (r#""notices":["N-1",["N-2"]]"#, vec!["N-1", "N-2"]),
        (r#""agreement":"AG-2025""#, vec!["AG-2025"]),
        (r#""labels":["agreement:AG-1"]"#, vec!["AG-1"]),
        (r#""a":{"notice_id":"N-3"}"#, vec!["N-3"]),
    ] {
        let labels = of_entry(fields).manifest().labels.clone();
        assert_eq!(labels.derived_from, set(&origins), "{fields}");
        // It was received, whoever knows of that notice.
        assert!(labels.marks.contains("intel-derived-data"), "{fields}");
    }
    let labels = of_entry(r#""derived-from":["V-1"],"notice":null"#)
        .manifest()
        .labels
        .clone();
    assert_eq!(
        (labels.derived_from, labels.marks),
        (set(&["V-1"]), set(&[]))
    );
}

#[test]
fn an_embargo_is_read_as_a_time_of_any_zone() {
    for (text, until) in [
        ("2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("2027-01-01T08:00:00+08:00", "2027-01-01T00:00:00Z"),
        ("2027-01-01T00:00:00.5Z", "2027-01-01T00:00:01Z"),
    ] {
        let pack = of_entry(&format!(r#""embargo":"{text}""#));
        let found = pack.manifest().labels.embargo.unwrap();
        assert_eq!(found.to_string(), until, "{text}");
        let as_mark = of_entry(&format!(r#""labels":"embargo:{text}""#));
        assert_eq!(as_mark.manifest().labels.embargo, Some(found), "{text}");
    }
}

const STIX: &str = r#"{"type":"bundle","id":"bundle--1","objects":[
  {"type":"identity","id":"identity--1","name":"us"},
  {"type":"marking-definition","id":"marking-definition--11111111-2222-4333-8444-555555555555","definition_type":"tlp","definition":{"tlp":"amber"}},
  {"type":"indicator","id":"indicator--1","object_marking_refs":["marking-definition--11111111-2222-4333-8444-555555555555"]}
]}"#;
const CSAF: &str = r#"{"document":{"category":"csaf_base","distribution":{"text":"Public","tlp":{"label":"AMBER+STRICT","url":"https://www.first.org/tlp/"}}}}"#;
const MISP: &str = r#"{"Event":{"info":"x","distribution":"3","sharing_group_id":"0","Tag":[{"name":"tlp:amber"}],"Attribute":[{"value":"x","distribution":"5","Tag":[{"name":"tlp:red"}]}]}}"#;

#[test]
fn data_in_documents_and_vectors_is_read_as_well() {
    use Tlp::*;
    for (path, text, colour) in [
        ("docs/bundle.json", STIX, Some(Amber)),
        ("docs/advisory.json", CSAF, Some(AmberStrict)),
        ("docs/event.json", MISP, Some(Red)),
        (
            "docs/list.txt",
            "{\"tlp\":\"green\"}\n{\"tlp\":\"amber\"}\n",
            Some(Amber),
        ),
        (
            "docs/list.csv",
            "value;tlp:amber\n192.0.2.1;x\n",
            Some(Amber),
        ),
        ("docs/NOTES.md", "# Report\n\nTLP:RED\n", Some(Red)),
        ("docs/NOTES.md", "TLP is a protocol of FIRST.\n", None),
        (
            "vectors/telnet/a/datasets/x.ndjson",
            r#"{"kind":"text","value":"a","tlp":"amber"}"#,
            Some(Amber),
        ),
        (
            "vectors/telnet/a/events.ndjson",
            r#"{"kind":"network.dns","labels":["tlp:red"]}"#,
            Some(Red),
        ),
        (
            "vectors/telnet/a/events.ndjson",
            r#"{"kind":"report.intel","notice":"N-1","recipients":[]}"#,
            None,
        ),
        (
            "vectors/telnet/a/settings.toml",
            "colour = \"tlp:red\"\n",
            Some(Red),
        ),
    ] {
        let pack = build("", &[(path, text.as_bytes())]).unwrap();
        assert_eq!(pack.manifest().labels.tlp, colour, "{path}: {text}");
        assert_eq!(pack.unread(), [], "{path}: {text}");
        assert!(!pack.manifest().labels.unmarked, "{path}: {text}");
        assert_eq!(
            pack.manifest().labels.derived_from,
            set(&[]),
            "{path}: {text}"
        );
    }
    let description = "description = \"Test\"";
    let source = |text: &str| format!("[changelog]\n\"1.0.0\" = \"{text}\"\n");
    assert!(!source(description).is_empty());
    let pack = build(&source("For TLP:AMBER data."), &[]).unwrap();
    assert_eq!(pack.manifest().labels.tlp, Some(Amber));
    let marks = build("[labels]\nmarks = [\"tlp:red\"]\n", &[]).unwrap();
    assert_eq!(marks.manifest().labels.tlp, Some(Red));
}

#[test]
fn files_that_cannot_be_read_for_labels_are_told() {
    let zip: &[u8] = b"PK\x03\x04\x14\x00\x00\x00\x08\x00\xff\xfe";
    let gzip: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xff\xff";
    let utf16: Vec<u8> = "\u{feff}TLP:RED"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let tar = {
        let mut content = Content::default();
        content.add("docs/a.json", b"{}".to_vec()).unwrap();
        let mut bytes = Vec::new();
        content.write_archive(&mut bytes).unwrap();
        bytes
    };
    for (path, bytes) in [
        ("docs/data.zip", zip),
        ("docs/data.gz", gzip),
        ("docs/data.txt", &utf16),
        ("docs/data.tar", &tar),
        ("docs/data.csv", b"value,tlp\n192.0.2.1,RED\n"),
        (
            "docs/data.xml",
            b"<m color=\"RED\" xsi:type=\"tlpMarking:TLPMarkingStructureType\"/>",
        ),
        ("vectors/telnet/a/datasets/x.ndjson", b"{\"tlp\":\"red\"\n"),
        ("docs/NOTES.md", b"It is TLP:PURPLE.\n"),
    ] {
        let pack = build("", &[(path, bytes)]).unwrap();
        assert!(!pack.unread().is_empty(), "{path}");
        assert_eq!(pack.unread()[0].file, path);
    }
    // Captures and pictures hold none.
    for (path, bytes) in [
        (
            "vectors/telnet/a/input.pcap",
            &b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00\0\0\0\0\0\0\0\0\xff\xff\0\0\x01\0\0\0"[..],
        ),
        // Bytes of packets shift sets of characters and move cursors by chance.
        (
            "vectors/telnet/a/input.pcap",
            b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00\0\0\0\0\0\0\0\0\xff\xff\0\0\x01\0\0\0\
              \0\0\0\0\0\0\0\0\x04\0\0\0\x04\0\0\0\x0e\x1b[A",
        ),
        (
            "docs/figure.png",
            b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0cccc\0\0\0\0IEND\xff\xff\xff\xff",
        ),
    ] {
        let pack = build("", &[(path, bytes)]).unwrap();
        assert_eq!(pack.unread(), [], "{path}");
        assert!(!pack.manifest().labels.unmarked, "{path}");
    }
    // Their first bytes alone are before anything.
    for (path, bytes) in [
        ("docs/figure.png", &b"\x89PNG\xff tlp red"[..]),
        ("docs/figure.webp", b"RIFF\xff tlp,red"),
        (
            "vectors/telnet/a/input.pcap",
            b"\xd4\xc3\xb2\xa1\xff tlp,red",
        ),
        (
            "vectors/telnet/a/input.pcap",
            b"\xd4\xc3\xb2\xa1\x02\0\x04\0T\0L\0P\0:\0R\0E\0D\0",
        ),
    ] {
        let pack = build("", &[(path, bytes)]).unwrap();
        assert_eq!(pack.unread().len(), 1, "{path}");
    }
    // Data without a colour, wherever it is.
    for path in [
        "docs/list.csv",
        "docs/list.json",
        "vectors/telnet/a/datasets/x.ndjson",
    ] {
        let pack = build("", &[(path, b"[{\"value\":\"192.0.2.1\"}]")]).unwrap();
        assert!(pack.manifest().labels.unmarked, "{path}");
    }
}

#[test]
fn what_is_too_large_to_be_understood_closes() {
    let closes = |path: &str, text: &str| {
        let pack = build("[labels]\ntlp = \"clear\"\n", &[(path, text.as_bytes())]).unwrap();
        let told: Vec<_> = pack.unread().iter().map(ToString::to_string).collect();
        told.join("\n")
    };
    // Over several lines, so that no line is a record by itself.
    let document = |bytes: usize| {
        let (begin, end) = ("{\n\"tlp\": \"clear\", \"a\": \"", "\"}");
        format!(
            "{begin}{}{end}",
            "x".repeat(bytes - begin.len() - end.len())
        )
    };
    assert_eq!(closes("docs/a.json", &document(8 << 20)), "");
    let told = closes("docs/a.json", &document((8 << 20) + 1));
    assert!(told.contains("more than 8388608 bytes"), "{told}");
    for (field, says) in [
        ("labels", "a label has more than 256 bytes"),
        ("derived_from", "an id has more than 256 bytes"),
    ] {
        let of = |bytes: usize| {
            let word = "x".repeat(bytes);
            format!("{{\"tlp\":\"clear\",\"{field}\":[\"{word}\"]}}\n")
        };
        assert_eq!(closes("docs/a.ndjson", &of(256)), "");
        let told = closes("docs/a.ndjson", &of(257));
        assert!(told.contains(says), "{told}");
    }
}

#[test]
fn a_colour_is_read_from_what_a_text_shows() {
    for (path, bytes) in [
        (
            "docs/NOTES.md",
            "marked marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed",
        ),
        ("docs/NOTES.md", "| TLP | RED |\n"),
        (
            "docs/NOTES.md",
            "| value | TLP |\n|---|---|\n| 192.0.2.1 | RED |\n",
        ),
        ("docs/page.html", "<p>&#84;LP&colon;RED</p>"),
        ("docs/page.html", "TLP<b>:R</b>ED"),
        ("docs/page.html", "<tr><td>TLP</td><td>RED</td></tr>"),
        (
            "docs/figure.svg",
            "<svg><text>TLP<tspan>:RED</tspan></text></svg>",
        ),
        ("vectors/telnet/a/settings.toml", "port = 23 # TLP:RED\n"),
    ] {
        let pack = build("", &[(path, bytes.as_bytes())]).unwrap();
        let near = pack.unread().first().and_then(|unread| unread.perhaps);
        assert_eq!(
            pack.manifest().labels.tlp.or(near),
            Some(Tlp::Red),
            "{bytes}"
        );
    }
    for (path, bytes) in [
        (
            "docs/NOTES.md",
            "| value | note |\n|---|---|\n| 192.0.2.1 | red |\n",
        ),
        ("docs/NOTES.md", "spoken of by TLP, and a herring"),
        ("docs/page.html", "<p>helps &amp; more</p><p>red</p>"),
        (
            "vectors/telnet/a/settings.toml",
            "port = 23 # a red herring\n",
        ),
    ] {
        let pack = build("", &[(path, bytes.as_bytes())]).unwrap();
        assert_eq!(pack.manifest().labels.tlp, None, "{bytes}");
        assert_eq!(pack.unread(), [], "{bytes}");
    }
}
