//! Colours that markup, entities and pictures would hide, and where what restricts a pack stands.

use palisade_pack::Tlp;

use crate::labels::build;

#[test]
fn entities_and_tags_hide_no_colour_in_any_file() {
    for (path, text) in [
        ("docs/a.xml", "<?xml version='1.0'?><x>&#84;LP:RED</x>"),
        ("docs/a.xml", "<x>T<!-- -->LP:RED</x>"),
        ("docs/a.xml", "<x>T<![CDATA[LP:RED]]></x>"),
        ("docs/a.yaml", "note: \"TL&#x50;:RED\""),
        (
            "docs/a.json",
            r#"{"tlp":"clear","note":"&Tab;TLP&colon;RED"}"#,
        ),
        (
            "docs/a.json",
            r#"{"tlp":"clear","note":["<td>TLP</td><td>RED</td>"]}"#,
        ),
        ("docs/a.toml", "note = \"T&shyLP:RED\""),
        ("docs/a.html", "T<!-- x -->LP:RED"),
        ("docs/a.html", "TLP:R&#x45<b></b>D"),
        ("docs/a.html", "<img alt='TLP&colon;RED'>"),
        ("docs/a.md", "&ThinSpace;TLP&colon;RED"),
        ("docs/a.md", "T</>LP:RED"),
    ] {
        let pack = build("", &[(path, text.as_bytes())]).unwrap();
        let closed = pack.manifest().labels.tlp == Some(Tlp::Red) || !pack.unread().is_empty();
        assert!(closed, "{path}: {text}");
    }
    let own = "<!DOCTYPE x [\n<!ENTITY a 'TL'>]><x>&a;P:RED</x>";
    let pack = build("", &[("docs/a.xml", own.as_bytes())]).unwrap();
    let told = pack.unread()[0].to_string();
    assert!(
        told.starts_with("docs/a.xml, line 2: it defines entities"),
        "{told}"
    );
    let open = build(
        "[labels]\ntlp = \"clear\"\n",
        &[("docs/a.json", br#"{"note":"a < b && c &lt; d"}"#)],
    );
    assert!(open.unwrap().unread().is_empty());
}

#[test]
fn what_begins_like_a_picture_is_none() {
    let wide: Vec<u8> = "TLP:RED"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    for head in [
        &b"\xff\xd8\xff"[..],
        b"GIF89a",
        b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR",
        b"RIFF\0\0\0\0WEBPVP8",
    ] {
        let file = [head, &wide].concat();
        let pack = build("", &[("docs/a.jpg", &file)]).unwrap();
        assert!(!pack.unread().is_empty(), "{head:?}");
    }
    // A whole one is read for what it says of itself, also in UTF-16.
    let image = b"\xff\xc0\0\x03x\xff\xda\0\x02\x01\x02\xff\xd9";
    let picture = |comment: &[u8]| {
        let length = u16::try_from(comment.len() + 2).unwrap().to_be_bytes();
        [b"\xff\xd8\xff\xfe", &length[..], comment, image].concat()
    };
    let plain = build("", &[("docs/a.jpg", &picture(b"a door"))]).unwrap();
    assert!(plain.unread().is_empty() && plain.manifest().labels.tlp.is_none());
    let exif = [b"UNICODE\0", &wide[..]].concat();
    for comment in [&b"TLP:RED"[..], &wide, &exif] {
        let pack = build("", &[("docs/a.jpg", &picture(comment))]).unwrap();
        assert_eq!(pack.manifest().labels.tlp, Some(Tlp::Red), "{comment:?}");
    }
}

#[test]
fn what_restricts_a_pack_has_a_place() {
    let text = "{\n  \"a\": [\n    {\"tlp\": \"green\"},\n    {\"tlp\": \"amber\"}\n  ]\n}";
    let pack = build(
        "",
        &[
            ("docs/a.json", text.as_bytes()),
            ("docs/b.md", b"x\nTLP:AMBER\n"),
        ],
    )
    .unwrap();
    let told: Vec<String> = pack.grounds().iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "docs/a.json, line 4, field `tlp`: `amber`, which is TLP:AMBER",
            "docs/b.md, line 2: `TLP:AMBER`"
        ]
    );
    let pack = build("[labels]\ntlp = \"red\"\n", &[]).unwrap();
    assert_eq!(
        pack.grounds()[0].to_string(),
        "pack.toml, field `tlp`: `TLP:RED`"
    );
}

#[test]
fn what_is_not_seen_hides_no_colour() {
    let sign = '\u{2066}';
    let entry = |fields: &str| format!(r#"{{"tlp":"clear",{fields}}}"#);
    for (path, text) in [
        ("docs/a.md", format!("T{sign}LP:R\u{e0101}ED")),
        ("docs/a.md", "\u{202e}DER:PLT\u{202c}".to_owned()),
        ("docs/a.html", "&#x202e;DER:PLT".to_owned()),
        ("docs/a.html", "<bdo dir=rtl>DER:PLT</bdo>".to_owned()),
        ("docs/a.md", "RED\u{200f}:\u{200f}TLP".to_owned()),
        ("docs/a.md", "T\u{332}LP: R\u{332}ED".to_owned()),
        ("docs/a.json", entry(r#""a":"T\u034fLP:R\u3164ED""#)),
        ("docs/a.json", entry(r#""t\u180blp":"red""#)),
        ("docs/a.json", entry(r#""a":"\u202eDER:PLT""#)),
        ("docs/a.json", entry(r#""\u202eDER:PLT":"a""#)),
        ("docs/a.json", entry(r#""labels":"R\u2069ED""#)),
        // Within tags, and in names of fields.
        ("docs/a.json", entry(r#""a":"<img alt='T&#76;P:R&#69;D'>""#)),
        ("docs/a.json", entry(r#""T&#76;P:R&#69;D":"yes""#)),
        ("docs/a.json", entry(r#""T&#76;P":"red""#)),
        ("docs/a.json", entry(r#""<i>T</i>LP":"red""#)),
        ("docs/a.json", entry(r#""x TLP:RED":"yes""#)),
        ("docs/a.json", entry(r#""tlp":{"x TLP:RED":"clear"}"#)),
        // A field that is written as two.
        ("docs/a.json", entry(r#""a":{"name":"TLP","value":"RED"}"#)),
        ("docs/a.json", entry(r#""a":["TLP","RED"]"#)),
        (
            "docs/a.toml",
            "a = \"<img alt='T&#76;P:R&#69;D'>\"".to_owned(),
        ),
        ("docs/a.toml", "\"T&#76;P:R&#69;D\" = 1".to_owned()),
        // As browsers and readers of Markdown show it.
        ("docs/a.html", "T<b title=\">\"></b>LP:RED".to_owned()),
        ("docs/a.html", "T<![CDATA[ x>LP:RED]]>".to_owned()),
        ("docs/a.md", "**T**LP:RED".to_owned()),
        (
            "docs/a.md",
            "> | v | TLP |\r> |---|---|\r> | x | RED |\r".to_owned(),
        ),
    ] {
        let pack = build("[labels]\ntlp = \"clear\"\n", &[(path, text.as_bytes())]).unwrap();
        let closed = pack.manifest().labels.tlp == Some(Tlp::Red) || !pack.unread().is_empty();
        assert!(closed, "{path}: {text:?}");
    }
    for text in [
        "\u{200f}שלום\u{200f} (red)",
        "a👩‍💻b ✔️ é tłumaczenie",
        "a * b ~ `c`",
    ] {
        let pack = build("", &[("docs/a.md", text.as_bytes())]).unwrap();
        assert_eq!(pack.unread(), [], "{text}");
    }
}

#[test]
fn texts_of_hostile_size_are_read_once() {
    // Each takes hours if something is gone through again for each of its parts.
    let text = |part: &str| part.repeat((7 << 20) / part.len());
    for json in [
        format!(r#"{{"tlp":"clear","a":"{}"}}"#, text("tlp x ")),
        format!(r#"{{"tlp":"clear","a":"{}"}}"#, text("<a b='>")),
        format!(
            r#"{{"tlp":{{"{}":{{{}"z":"clear"}}}}}}"#,
            "x".repeat(3 << 20),
            r#""a":"clear","#.repeat(1 << 18)
        ),
    ] {
        let pack = build("", &[("docs/a.json", json.as_bytes())]).unwrap();
        assert_eq!(pack.manifest().labels.tlp, Some(Tlp::Clear));
    }
}
