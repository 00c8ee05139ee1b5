//! Colours in whatever a text is written and drawn with, and neighbours that have none.

use palisade_pack::Tlp;

use crate::labels::build;

const CLEAR: &str = "[labels]\ntlp = \"clear\"\n";

/// Whether a pack with this file stays where it is.
fn closes(path: &str, bytes: &[u8]) -> bool {
    let pack = build(CLEAR, &[(path, bytes)]).unwrap();
    pack.manifest().labels.tlp == Some(Tlp::Red) || !pack.unread().is_empty()
}

#[track_caller]
fn all_close(files: &[(&str, &str)]) {
    for (path, text) in files {
        assert!(closes(path, text.as_bytes()), "{path}: {text:?}");
    }
}

#[track_caller]
fn all_leave(files: &[(&str, &str)]) {
    for (path, text) in files {
        let pack = build(CLEAR, &[(path, text.as_bytes())]).unwrap();
        assert_eq!(pack.unread(), [], "{path}: {text}");
        assert_eq!(
            pack.manifest().labels.tlp,
            Some(Tlp::Clear),
            "{path}: {text}"
        );
    }
}

#[test]
fn tables_and_lists_hide_no_colour() {
    all_close(&[
        (
            "docs/a.html",
            "<table><tr><th>v<th>TLP<tr><td>a<td>RED</table>",
        ),
        (
            "docs/a.html",
            "<table><tr><td>v<td>TLP<tr><td>a<td>RED</table>",
        ),
        (
            "docs/a.html",
            "<table><tr><th rowspan=2>v<th colspan=2>TLP<tr><th>x<th>y<tr><td>a<td>-<td>RED</table>",
        ),
        ("docs/a.html", "<dl><dt>TLP</dt><dd>RED</dd></dl>"),
        ("docs/a.html", "<h1>TLP</h1>\n<p>RED</p>"),
        ("docs/a.html", "<meta name='tlp' content='red'>"),
        ("docs/a.html", "<p dir='rtl'>RED:TLP</p>"),
        (
            "docs/a.md",
            "<table><tr><th>TLP</th></tr><tr><td>RED</td></tr></table>",
        ),
        (
            "docs/a.rst",
            "+---+-----+\n| v | TLP |\n+===+=====+\n| a | RED |\n+---+-----+\n",
        ),
        (
            "docs/a.rst",
            "=== ===\nv   TLP\n=== ===\na   RED\n=== ===\n",
        ),
        ("docs/a.adoc", "|===\n|v |TLP\n\n|a |RED\n|===\n"),
        ("docs/a.txt", "| v | TLP |\n|---+-----|\n| a | RED |\n"),
        ("docs/a.md", "# TLP\n\nRED\n"),
        (
            "docs/a.json",
            r#"{"tlp":"clear","a":"<table><tr><th>TLP<tr><td>RED</table>"}"#,
        ),
        (
            "docs/a.xml",
            "<r><d><![CDATA[<table><tr><th>TLP<tr><td>RED</table>]]></d></r>",
        ),
        (
            "docs/a.xml",
            "<r>&lt;dl&gt;&lt;dt&gt;TLP&lt;dd&gt;RED&lt;/dl&gt;</r>",
        ),
    ]);
}

#[test]
fn what_is_beyond_what_can_be_read_closes() {
    for text in [
        "&amp;amp;amp;amp;lt;".to_owned(),
        // Documents in attributes and comments of one another.
        r#"<!-- <i a='<i b="<i c=&amp;quot;x<y&amp;quot;>">'> -->"#.to_owned(),
    ] {
        assert!(closes("docs/a.html", text.as_bytes()), "{}", &text[..20]);
    }
    for (path, text) in [
        (
            "docs/a.pdf",
            "%PDF-1.4\n1 0 obj <</Length 3>> stream\nabc\nendstream endobj\n%%EOF\n",
        ),
        ("docs/a.ps", "%!PS\n(a) show\n"),
        ("docs/a.rtf", "{\\rtf1 \\'54LP:RED}"),
        (
            "docs/a.eml",
            "Content-Transfer-Encoding: BASE64\n\nVExQOlJFRA==\n",
        ),
    ] {
        assert!(closes(path, text.as_bytes()), "{path}");
    }
    let inner = r#"<!-- <i a='<i b="x<y">'> -->"#;
    all_leave(&[("docs/a.html", "&amp;amp;lt;"), ("docs/a.html", inner)]);
}

#[test]
fn what_is_called_a_marking_hides_no_colour() {
    all_close(&[
        ("docs/a.csv", "value,marking\n192.0.2.1,RED\n"),
        ("docs/a.csv", "value,tlp,marking\na,TLP:CLEAR,red\n"),
        ("docs/a.tsv", "v\tclassification\na\tAMBER+STRICT\nb\tRED\n"),
        ("docs/a.xml", "<r><marking>RED</marking></r>"),
        (
            "docs/a.xml",
            "<r><x:Marking><x:Color>RED</x:Color></x:Marking></r>",
        ),
        ("docs/a.xml", "<r><v classification=\"RED\">a</v></r>"),
        ("docs/a.xml", "<r><handling color='RED'/></r>"),
        ("docs/a.html", "<p data-marking=RED>a</p>"),
        (
            "docs/a.json",
            r#"{"tlp":"clear","indicator.marking.tlp":"RED"}"#,
        ),
        ("docs/a.json", r#"{"tlp":"clear","x.marking.colour":"RED"}"#),
        ("docs/a.json", r#"{"tlp":"clear","event_tlp":"red"}"#),
        ("docs/a.json", r#"{"tlp":"clear","a/classification":"RED"}"#),
    ]);
    all_leave(&[
        ("docs/a.csv", "LED,colour\n1,red\n"),
        ("docs/a.csv", "value,marking\ntlp:clear,a line\n"),
        ("docs/a.xml", "<r><led colour='red'>red</led></r>"),
        (
            "docs/a.json",
            r#"{"tlp":"clear","rdfs:label":"a thing","a.b":"red"}"#,
        ),
    ]);
}

#[test]
fn links_directives_and_attributes_hide_no_colour() {
    all_close(&[
        ("docs/a.md", "[TLP](https://first.org/tlp): RED"),
        ("docs/a.md", "[T](x)[LP][y]:RED"),
        ("docs/a.adoc", "link:x[TLP]: RED"),
        ("docs/a.rst", "`TLP <https://first.org/tlp>`_: RED"),
        ("docs/a.rst", "T\\ *LP*\\ : RED"),
        (
            "docs/a.rst",
            ".. csv-table::\n   :header: \"v\", \"TLP\"\n\n   \"a\", \"red\"\n",
        ),
        (
            "docs/a.rst",
            ".. list-table::\n\n   * - v\n     - TLP\n   * - a\n     - RED\n",
        ),
        ("docs/a.adoc", ",===\nv,TLP\n\na,RED\n,===\n"),
        (
            "docs/a.html",
            "<iframe srcdoc='<table><tr><th>TLP<tr><td>RED</table>'></iframe>",
        ),
        ("docs/a.html", "<img alt=TLP><img alt=RED>"),
        (
            "docs/a.html",
            "<table><tr><th>TLP<tr><td><img src=x alt=RED></table>",
        ),
        ("docs/a.html", "<b>TLP:</b> <input value=RED>"),
        ("docs/a.html", "<!-- <dl><dt>TLP</dt><dd>RED</dd></dl> -->"),
        ("docs/a.md", "# TLP\n\nWhoever reads this:\n\n**RED**\n"),
    ]);
    let pack = build(CLEAR, &[("docs/a.md", b"# TLP\n\nSee below.\n\nRED\n")]).unwrap();
    assert_eq!(
        pack.unread()[0].to_string(),
        "docs/a.md, line 5: `TLP … RED` may be a marking, TLP:RED; write `TLP:RED` if it is, and if it \
         is not, write it otherwise or answer for it with a request"
    );
    all_leave(&[(
        "docs/a.html",
        "<img alt='a red LED'><input value=red><!-- <b>red</b> -->",
    )]);
}

#[test]
fn what_is_packed_in_a_text_hides_no_colour() {
    all_close(&[
        ("docs/a.txt", "VExQOlJFRA==\n"),
        ("docs/a.txt", "VExQ\nOlJF\nRA==\n"),
        ("docs/a.json", r#"{"tlp":"clear","a":"VExQOlJFRA"}"#),
        (
            "docs/a.html",
            "<a href='data:text/plain;base64,VExQOlJFRA=='>a</a>",
        ),
        ("docs/a.eml", "Content-Transfer-Encoding:base64\n\nAAAA\n"),
        (
            "docs/a.eml",
            "Content-Transfer-Encoding:\r\n\tbase64\r\n\r\nAAAA\r\n",
        ),
        ("docs/a.eml", "Subject: =?utf-8?B?AAAA?=\n"),
        ("docs/a.txt", "begin 644 a\n#5$Q0\n`\nend\n"),
    ]);
    all_leave(&[
        (
            "docs/a.md",
            "The digest is 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824.",
        ),
        ("docs/a.md", "Content-Transfer-Encoding: 8bit"),
    ]);
}

#[test]
fn colours_are_found_behind_any_number_of_others() {
    for (path, part) in [
        ("docs/a.md", "TLP:GREEN\n"),
        ("docs/a.csv", "TLP:GREEN,a\n"),
        ("docs/a.md", "| TLP | GREEN |\n"),
    ] {
        let text = part.repeat(20) + &part.replace("GREEN", "RED");
        assert!(closes(path, text.as_bytes()), "{part}");
    }
}

#[test]
fn what_stands_for_letters_hides_no_colour() {
    all_close(&[
        ("docs/a.html", "T&amp;#76;P:RED"),
        ("docs/a.html", "T&amp;amp;#76;P:RED"),
        ("docs/a.html", "&amp;amp;amp;amp;#84;LP:RED"),
        ("docs/a.md", "T.L.P: RED"),
        ("docs/a.md", "T L P : R E D"),
        ("docs/a.md", "TLP RED"),
        ("docs/a.md", "ᴛʟᴘ:ʀᴇᴅ"),
        ("docs/a.md", "🇹🇱🇵 🇷🇪🇩"),
        ("docs/a.txt", "+AFQATABQADo-RED"),
        ("docs/a.txt", "+AFQ-LP:R+AEU-D"),
        ("docs/a.txt", "TLP%3ARED"),
        ("docs/a.txt", "=54LP:RED"),
        ("docs/a.css", "p:after { content: \"\\54 LP:RED\" }"),
        ("docs/a.js", "say('\\x54LP:\\u0052ED')"),
        ("docs/a.yaml", "a: \"\\x54LP:RED\""),
        ("docs/a.json", r#"{"tlp":"clear","a":"T.L.P: RED"}"#),
        ("docs/a.json", r#"{"tlp":"clear","a":"+AFQATABQADo-RED"}"#),
    ]);
}

#[test]
fn what_a_terminal_shows_hides_no_colour() {
    all_close(&[
        ("docs/a.txt", "T\u{1b}[1mLP\u{1b}[0m:RED"),
        ("docs/a.txt", "T\u{1b}[31;1mLP\u{1b}[0m:R\u{9b}1mED"),
        ("docs/a.txt", "TX\u{8}LP:RED"),
        ("docs/a.txt", "T\u{8}TL\u{8}LP\u{8}P:R\u{8}RE\u{8}ED\u{8}D"),
        ("docs/a.txt", "xxx:xxx\rTLP:RED"),
        ("docs/a.txt", "\u{1b}$B#T#L#P\u{1b}(B:RED"),
        // What cannot be told closes.
        ("docs/a.txt", "PLT\u{1b}[1;1HTLP"),
        ("docs/a.txt", "\u{1b}$)C\u{e}abc\u{f}"),
        ("docs/a.json", r#"{"tlp":"clear","a":"TX\bLP:RED"}"#),
        ("docs/a.json", r#"{"tlp":"clear","a":"\u001b[1A"}"#),
    ]);
    let pack = build("", &[("docs/a.txt", b"a\x1b[1;1Hb")]).unwrap();
    let told = pack.unread()[0].to_string();
    assert!(
        told.starts_with("docs/a.txt: it has sequences of a terminal"),
        "{told}"
    );
}

#[test]
fn fields_named_a_colour_are_read_where_they_are_about_markings() {
    all_close(&[
        (
            "docs/a.json",
            r#"{"tlp":"clear","marking":{"colour":"RED"}}"#,
        ),
        (
            "docs/a.json",
            r#"{"tlp":"clear","handling":{"x":{"color":"red"}}}"#,
        ),
        ("docs/a.json", r#"{"colour":"RED"}"#),
        ("docs/a.json", r#"[{"tlp":"clear"},{"color":"Amber"}]"#),
        ("docs/a.json", r#"{"tlp":"clear","classification":"RED"}"#),
        ("docs/a.json", r#"{"tlp":"clear","sharing":"RED"}"#),
        ("docs/a.json", r#"{"tlp":"clear","label":"RED"}"#),
        ("docs/a.toml", "colour = \"tlp:red\"\n"),
        ("docs/a.toml", "[marking]\ncolour = \"RED\"\n"),
        ("docs/a.toml", "classification = \"RED\"\n"),
        ("docs/a.yaml", "marking:\n  colour: RED\n"),
        ("docs/a.yaml", "x: 1\nmarking: RED\n"),
        (
            "vectors/telnet/a/input.ndjson",
            r#"{"marking":{"colour":"RED"}}"#,
        ),
    ]);
    let pack = build(
        "",
        &[("docs/a.json", b"{\n\"a\": 1,\n\"colour\": \"RED\"\n}")],
    )
    .unwrap();
    assert_eq!(
        pack.unread()[0].to_string(),
        "docs/a.json, line 3, field `colour`: `RED` may be a colour of TLP or that of a thing; say \
         which with a field `tlp` in the same record: TLP:CLEAR if it is that of a thing"
    );
}

#[test]
fn harmless_neighbours_leave() {
    let licence = include_str!("../../../../LICENSE");
    let readme = include_str!("../../../../README.md");
    all_leave(&[
        ("docs/LICENSE", licence),
        ("docs/ABOUT.md", readme),
        (
            "docs/a.css",
            ".alert { color: red; content: '\\201C'; background: #f00 }",
        ),
        (
            "docs/a.html",
            "<p style='color: red'>a &amp;amp; b</p><font color=red>!</font>",
        ),
        (
            "docs/a.html",
            "<table><tr><th>LED<th>colour<tr><td>1<td>red</table>",
        ),
        (
            "docs/a.html",
            "<table><tr><td>TLP<td>Traffic Light Protocol</table>",
        ),
        (
            "docs/a.md",
            "| term | meaning |\n|---|---|\n| TLP | Traffic Light Protocol |\n| CTI | what is known |\n",
        ),
        ("docs/a.md", "| LED | colour |\n|---|---|\n| 1 | red |\n"),
        (
            "docs/a.md",
            "The t.l.p file; C:\\new\\x41; a+b-c; 100%25; `a=b`",
        ),
        (
            "docs/a.md",
            "$\\frac{\\epsilon}{2}$, `\\e[1m`, `\\x1b[1;1H`, `\\033[2A`, \\f \\b",
        ),
        ("docs/a.txt", "\u{1b}[32mok\u{1b}[0m\ttests pass\r\n"),
        (
            "docs/a.rst",
            "=== ===\nLED is\n=== ===\n1   red\n=== ===\n\nred\n",
        ),
        ("docs/a.js", "const s = '\\u202e'; led.color = 'red';"),
        // The colour of a thing, where the record says what it is of TLP.
        ("docs/a.json", r#"{"tlp":"clear","led":{"colour":"RED"}}"#),
        ("docs/a.toml", "[led]\ncolour = \"RED\"\n"),
        // An event of a vector tells of things.
        (
            "vectors/telnet/a/input.ndjson",
            r#"{"type":"mqtt.publish","payload":{"colour":"RED"}}"#,
        ),
    ]);
}

#[test]
fn ways_of_hostile_size_are_read_once() {
    let text = |part: &str| part.repeat((4 << 20) / part.len());
    for (path, part) in [
        ("docs/a.md", "&amp;amp;"),
        ("docs/a.md", "<table><tr><td>TLP"),
        ("docs/a.md", "| TLP "),
        ("docs/a.md", "+---+\n| TLP "),
        ("docs/a.md", "t l "),
        ("docs/a.md", "T.L.P "),
        ("docs/a.md", "](a"),
        ("docs/a.md", "`a <"),
        ("docs/a.md", "TLP,"),
        ("docs/a.md", "* - list-table TLP\n"),
        ("docs/a.md", "VExQ"),
        ("docs/a.md", "=?a?b?"),
        ("docs/a.md", "Content-Transfer-Encoding:("),
        ("docs/a.html", "<marking a='<b'>"),
        ("docs/a.txt", "a\u{8}\u{8}"),
        ("docs/a.txt", "\u{1b}[1m+AFQ\\x54"),
        ("docs/a.yaml", "x:\n "),
        ("docs/a.yaml", "colour: red\n"),
    ] {
        let pack = build("", &[(path, text(part).as_bytes())]).unwrap();
        assert!(pack.manifest().labels.tlp.is_none(), "{part}");
    }
}
