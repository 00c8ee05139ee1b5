use super::*;

fn label(text: &str) -> Option<Tlp> {
    read(text, false).label.map(|(colour, _)| colour)
}

fn near(text: &str) -> Option<Tlp> {
    read(text, false).near.map(|(colour, _)| colour)
}

#[test]
fn a_colour_right_behind_the_name_is_a_label() {
    for (text, colour) in [
        ("tlp:red", Tlp::Red),
        ("# TLP:RED\n", Tlp::Red),
        ("see [TLP:AMBER+STRICT], not for others", Tlp::AmberStrict),
        ("TLP:AMBER (STRICT)", Tlp::AmberStrict),
        ("Traffic Light Protocol: Red", Tlp::Red),
        ("TLP 2.0: GREEN", Tlp::Green),
        ("TLPRED", Tlp::Red),
        ("tlp:white foo", Tlp::Clear),
        ("TLP RED", Tlp::Red),
        ("TLP-RED", Tlp::Red),
        ("TLP\u{2236} RED", Tlp::Red),
        ("TLP: ROT", Tlp::Red),
        ("TLP：红色", Tlp::Red),
        (
            "T\u{332}L\u{332}P\u{332}:R\u{332}E\u{332}D\u{332}",
            Tlp::Red,
        ),
        ("ᴛʟᴘ:ʀᴇᴅ", Tlp::Red),
        ("🇹🇱🇵 🇷🇪🇩", Tlp::Red),
        ("ТLР: RЕD", Tlp::Red),
        ("TLP:GREEN TLP:RED TLP:AMBER", Tlp::Red),
        ("5e57c739-391a-4eb3-b6be-7d15ca92d5ed", Tlp::Red),
    ] {
        assert_eq!(label(text), Some(colour), "{text}");
    }
    for text in [
        "red",
        "",
        "TLP is RED",
        "tlp red",
        "TLP:AMBER+LOOSE",
        "TLP: x RED",
    ] {
        assert_eq!(label(text), None, "{text}");
    }
    let third = read("a\nTLP\n(TLP:AMBER+STRICT).", false).label;
    let place = Place {
        text: "TLP:AMBER+STRICT".to_owned(),
        line: 3,
    };
    assert_eq!(third, Some((Tlp::AmberStrict, place)));
}

#[test]
fn a_colour_near_the_name_is_found_whatever_is_between() {
    for text in [
        "TLP – RED",
        "TLP = \"RED\"",
        "⊤LP:RED",
        "TLP: 🔴",
        "交通灯协议：红色",
        "Traffic Light: RED",
        "Ampelprotokoll: rot",
        "TLP — RED",
        "TLP‑RED",
        "TLP·RED",
        "TLP\u{2800}RED",
        "T\u{2800}LP:RED",
        "RED (TLP)",
        "RED/TLP",
        "**TLP (RED)**",
        "TLP level: RED",
        "The TLP marking of this document is RED.",
        "TLP:CLEAR/RED",
        "TLP:GREEN – RED",
        "v   TLP\na   RED\n",
        "TLP      RED",
        "TLP...........RED",
        "TL\nP:RED",
        "T LP: RED",
        "T.L.P: R.E.D",
        "T L P : R E D",
        "'''T'''LP:R**E**D",
        "\\fBTLP\\fP:RED",
        "TLP红",
        "红色（TLP）",
        "本文件的TLP级别是红色",
        "tlp=>'red'",
        "xTLP:RED",
        "TLP_LEVEL=RED",
        "TLPLEVEL=RED",
        "Traffic Light Protocol (2.0), here: Red",
        "<Incident restriction=\"RED\">",
        "<x:Marking><x:Color>RED</x:Color>",
        "Marking: RED",
    ] {
        assert_eq!(near(text), Some(Tlp::Red), "{text}");
    }
    assert_eq!(near("TLP – AMBER+STRICT"), Some(Tlp::AmberStrict));
    assert_eq!(near("TLP:GREEN/AMBER"), Some(Tlp::Amber));
    assert_eq!(near("TLP is green"), Some(Tlp::Green));
    let within = |words| near(&format!("TLP{} and red here", " x".repeat(words)));
    assert_eq!((within(NEAR - 1), within(NEAR)), (Some(Tlp::Red), None));
    let before = |words| near(&format!("a red{} TLP", " x".repeat(words)));
    assert_eq!((before(NEAR), before(NEAR + 1)), (Some(Tlp::Red), None));
}

#[test]
fn a_colour_alone_belongs_to_a_name_without_one_however_far() {
    let far = " x y.\n".repeat(20);
    for (begin, end) in [
        ("# TLP\n", "RED\n"),
        ("v,tlp\n", "a,red\n"),
        ("v;t.l.p\n", "a;\"red\"\n"),
        ("<th>TLP", "<td>rot</td>"),
        ("see https://first.org/tlp\n", "**AMBER**\n"),
        ("RED\n", "Traffic Light Protocol"),
        ("v,marking\n", "a,RED\n"),
    ] {
        assert!(
            near(&format!("{begin}{far}{end}")).is_some(),
            "{begin}{end}"
        );
    }
    for (begin, end) in [
        ("TLP:CLEAR\n", "RED\n"),
        ("# TLP\n", "a red one\n"),
        ("# TLP\n", "CLEAR\n"),
        ("# LED\n", "RED\n"),
        ("v,marking\n", "a,red\n"),
        ("the marking of what is here is long\n", "RED\n"),
    ] {
        assert_eq!(near(&format!("{begin}{far}{end}")), None, "{begin}{end}");
    }
    let place = read(&format!("TLP\n{far}RED"), false).near.unwrap().1;
    assert_eq!((&*place.text, place.line), ("RED", 22));
}

#[test]
fn what_is_no_colour_behind_a_sign_is_unknown() {
    for text in [
        "tlp:ex:chr",
        "tlp:unclear",
        "It is TLP:PURPLE.",
        "tlp = 3",
        "TLP: streng",
        "TLP 2.0: x",
        "TLP:AMBER+LOOSE",
    ] {
        assert!(read(text, false).unknown.is_some(), "{text}");
    }
    for text in [
        "TLP is a protocol",
        "t.l.p: x",
        "TLP: ",
        "a:tlp",
        "tlp:red",
        "",
    ] {
        assert_eq!(read(text, false).unknown, None, "{text}");
    }
    // Of data whatever names it without a colour behind.
    assert!(read("value,tlp\n", true).unknown.is_some());
    assert_eq!(read("value: tlp:red\n", true).unknown, None);
}

#[test]
fn what_is_not_seen_hides_nothing_and_what_turns_around_is_told() {
    for sign in "\u{34f}\u{3164}\u{180b}\u{e0020}\u{e0101}\u{202a}\u{2066}\u{206a}\u{1b}".chars() {
        assert_eq!(
            label(&format!("T{sign}LP:R{sign}ED")),
            Some(Tlp::Red),
            "{sign:?}"
        );
    }
    let turned = |text: &str| read(text, false).turned.map(|place| place.line);
    assert_eq!(turned("a\n\u{202e}DER:PLT\u{202c}"), Some(2));
    assert_eq!(turned("RED\u{200f}:\u{200f}TLP"), Some(1));
    assert_eq!(turned("\u{200f}שלום\u{200f} (red)"), None);
}

#[test]
fn what_neither_names_the_protocol_nor_is_about_markings_says_nothing() {
    for text in [
        "red\namber\ngreen\n",
        "the traffic light is red",
        "a red herring, help.example, tcp",
        "LED,colour\n1,red\n",
        "t is red",
        "dYTLpQux: x and this line has more words than are near, so that it ends far away\n1\tred\n",
    ] {
        assert_eq!(read(text, true), Said::default(), "{text}");
    }
}

#[test]
fn hostile_texts_take_no_longer_than_long_ones() {
    // Each of these takes hours if all words are gone through for each.
    for part in [
        "tlp ",
        "red ",
        "tlp red ",
        "tlp:\n",
        "t ",
        "t l ",
        "tl ",
        "tlpred",
        "ΤLΡ ",
        "t\u{332}lp ",
        "tlр: rеd ",
        "红",
        "e\u{332}",
        "\u{332}",
        "amber strict ",
        "RED\n",
        "marking,",
    ] {
        let text = part.repeat((2 << 20) / part.len());
        for data in [false, true] {
            read(&text, data);
        }
    }
}
