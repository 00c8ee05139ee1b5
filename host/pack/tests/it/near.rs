//! Colours near the name of the Traffic Light Protocol, however the two are written together.

use palisade_pack::Tlp;

use crate::labels::build;

const CLEAR: &str = "[labels]\ntlp = \"clear\"\n";

/// What keeps a pack of the colour CLEAR with this file: the label that was read, or the strictest
/// that may be there.
fn kept(path: &str, text: &str) -> Option<Tlp> {
    let pack = build(CLEAR, &[(path, text.as_bytes())]).unwrap();
    let read = pack.manifest().labels.tlp.filter(|tlp| *tlp > Tlp::Clear);
    let may = pack
        .unread()
        .iter()
        .map(|it| it.perhaps.unwrap_or(Tlp::Red));
    read.max(may.max())
}

#[test]
fn what_stands_near_the_name_keeps_a_pack_whatever_is_between() {
    for (path, text) in [
        ("docs/a.md", "TLP – RED"),
        ("docs/a.md", "TLP — RED"),
        ("docs/a.md", "TLP‑RED"),
        ("docs/a.md", "TLP·RED"),
        ("docs/a.md", "TLP\u{2800}RED"),
        ("docs/a.md", "RED (TLP)"),
        ("docs/a.md", "RED/TLP"),
        ("docs/a.md", "**TLP (RED)**"),
        ("docs/a.md", "TLP level: RED"),
        ("docs/a.md", "TLP marking: RED"),
        ("docs/a.md", "The TLP marking of this document is RED."),
        ("docs/a.txt", "TLP = \"RED\""),
        ("docs/a.md", "TLP:CLEAR/RED"),
        ("docs/a.txt", "v   TLP\na   RED\n"),
        ("docs/a.txt", "TLP      RED\n"),
        ("docs/a.txt", "TL\nP:RED"),
        ("docs/a.1", "\\fBTLP\\fP:RED"),
        ("docs/a.1", "T\\fBLP\\fR:RED"),
        ("docs/a.tex", "T\\kern0pt LP:RED"),
        ("docs/a.wiki", "'''T'''LP:RED"),
        ("docs/a.wiki", "[b]T[/b]LP:RED"),
        ("docs/a.xml", "<Incident restriction=\"RED\"/>"),
        ("docs/a.md", "TLP: ROT"),
        ("docs/a.md", "TLP: streng"),
        ("docs/a.md", "TLP红"),
        ("docs/a.md", "TLP:КРАСНЫЙ"),
        ("docs/TLP-RED.md", "ok\n"),
        ("docs/TLP_RED/report.md", "ok\n"),
        (
            "docs/a.json",
            r#"{"columns":["v","tlp"],"rows":[["a","RED"]]}"#,
        ),
        (
            "docs/a.json",
            r#"{"tlp":"clear","marking":{"level":"RED"}}"#,
        ),
        ("docs/a.json", r#"[["v","tlp"],["a","RED"]]"#),
        (
            "docs/a.json",
            "{\n\"tlp\": \"clear\",\n\"a\": \"TLP:\",\n\"b\": \"RED\"\n}",
        ),
        (
            "docs/a.json",
            r#"{"tlp":"clear","note":"T<b>LP</b> – R&#69;D"}"#,
        ),
        ("docs/a.toml", "a = [[\"v\", \"tlp\"], [\"x\", \"RED\"]]\n"),
        ("docs/a.csv", "v,\"t\nlp\"\na,RED\n"),
        ("docs/a.csv", "v,restriction\na,RED\n"),
        ("docs/a.html", "<i class='tlp red'>a</i>"),
        ("docs/a.html", "<select><option selected>RED</select> TLP"),
        ("docs/a.org", "* TLP\n** RED\n"),
        ("docs/a.txt", "metadata: tlp red;"),
    ] {
        assert_eq!(kept(path, text), Some(Tlp::Red), "{path}: {text}");
    }
    assert_eq!(
        kept("docs/a.md", "TLP – AMBER+STRICT"),
        Some(Tlp::AmberStrict)
    );
    assert_eq!(kept("docs/a.md", "TLP:GREEN/AMBER"), Some(Tlp::Amber));
    assert_eq!(kept("docs/a.md", "TLP:GREEN – RED"), Some(Tlp::Red));
}

#[test]
fn a_colour_that_the_label_covers_keeps_no_pack() {
    let unread = |label: &str, text: &str| {
        let label = format!("[labels]\ntlp = \"{label}\"\n");
        let pack = build(&label, &[("docs/a.md", text.as_bytes())]).unwrap();
        pack.unread().len()
    };
    assert_eq!(unread("green", "The TLP marking is GREEN."), 0);
    assert_eq!(unread("green", "The TLP marking is AMBER."), 1);
    assert_eq!(unread("red", "The TLP marking is AMBER. TLP: streng"), 0);
}

#[test]
fn data_that_neither_names_the_protocol_nor_is_about_markings_leaves() {
    for (path, text) in [
        ("docs/a.csv", "LED,colour\n1,red\n2,GREEN\n3,AMBER\n"),
        (
            "docs/a.ndjson",
            "{\"tlp\":\"clear\",\"kind\":\"text\",\"value\":\"red\"}\n",
        ),
        ("docs/a.md", "The light is red: stop. GREEN is go.\n"),
        (
            "docs/a.md",
            "What is here is TLP:CLEAR and may go to everybody.\n",
        ),
        ("docs/a.md", "TLP (FIRST) says who may read it.\n"),
    ] {
        assert_eq!(kept(path, text), None, "{path}: {text}");
    }
}
