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
    for comment in [&b"TLP:RED"[..], &wide] {
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
