use super::*;

fn shown(text: &str) -> String {
    read(text, Reading::Html).shown
}

#[test]
fn tags_and_entities_are_read_as_they_are_shown() {
    for (text, expected) in [
        ("&#84;LP&colon;R&#x45;D", "TLP:RED"),
        ("TLP<b>:RE</b>D", "TLP:RED"),
        ("<td>TLP</td><td>RED</td>", "::TLP:::RED:"),
        ("<p>a</p>b", " . a . b"),
        ("a<b\nc='d'>e", "a\ne"),
        ("1 < 2 && x &unknown;", "1 < 2 && x &unknown;"),
        ("&", "&"),
        ("ü&#252;<ü>", "üü<ü>"),
        ("&Tab;T&shyL&lowbar;P", "\tT\u{ad}L_P"),
        ("R&#x45<b></b>D", "RED"),
        ("T<!-- > -->L<?x?>P<!x></>:RED", "TLP:RED"),
        ("a<!-- \n -->b\r\nc", "a\nb\nc"),
        ("plain", "plain"),
    ] {
        assert_eq!(shown(text), expected, "{text}");
    }
    let xml = read("T<![CDATA[L<P]]>", Reading::Xml);
    assert_eq!(xml.shown, "TL<P");
}

#[test]
fn scripts_are_not_shown_and_what_has_no_tags_is() {
    for text in [
        "T<b title=\">\"></b>LP:RED",
        "T<b don't>LP:RED",
        "T<!-- x --!>LP:RED<!-- -->",
        "T<!-->LP:RED<p>--></p>",
        "T<!--->LP:RED<p>--></p>",
        "<script><!-- </script>TLP:R<b></b>ED<!-- -->",
        "TLP<script>a = \"</b>\"</script>:RED",
        "<textarea><!--</textarea>TLP:R<b></b>ED<!-- -->",
        "<title>TLP&colon;RED</title>",
    ] {
        assert!(shown(text).contains("TLP:RED"), "{text}: {}", shown(text));
    }
    assert!(shown("<bdo dir=rtl>DER:PLT</bdo>").contains('\u{202e}'));
    assert!(shown("<p dir=RTL>RED:TLP</p>").contains('\u{202b}'));
}

#[test]
fn what_structure_says_of_the_protocol_is_told_on_its_line() {
    for text in [
        "<table><tr><th>v<th>TLP<tr><td>a<td>RED</table>",
        "<table><thead><tr><td>v</td><td>TLP</td></tr></thead><tr><td>a</td><td>RED</td></tr></table>",
        "<table><tr><th>v</th><th colspan=2>TLP</th></tr><tr><td>a</td><td>-</td><td>RED</td></tr></table>",
        "<table><tr><th rowspan=2>v<th>TLP<tr><td>RED</table>",
        "<table><tr><td rowspan=2>TLP<td>-<tr><td>RED</table>",
        "<table><tr><th>TLP<td>RED</table>",
        "<table><tr><th>v<th>Classification<tr><td>a<td>RED</table>",
        "<table><tr><th>v<th><a href=x>Traffic Light Protocol</a><tr><td>a<td><b>RED</b></table>",
        "<table><tr><td><table><tr><th>TLP<tr><td>RED</table><td>x</table>",
        "<dl><dt>TLP<dd>RED</dl>",
        "<dl><dt>TLP</dt><dd>none</dd><dd>RED</dd></dl>",
        "<h2>TLP</h2><p>RED</p>",
        "<div>TLP</div>\n<div> RED </div>",
        "<meta name=tlp content=red>",
        "<meta content=red property='TLP'>",
        "<div data-tlp=red>",
        "<span class='label tlp-red'>",
    ] {
        for text in [text.to_owned(), text.replace("RED", "R<i>E</i>&#68;")] {
            let aside = read(&text, Reading::Html).aside.to_uppercase();
            assert!(aside.contains("TLP:RED"), "{text}: {aside}");
        }
    }
    let page = read(
        "<table>\n<tr><th>v\n<th>TLP\n<tr><td>a\n<td>RED\n</table>",
        Reading::Html,
    );
    assert_eq!(page.aside, "\n\n\n\nTLP:RED . ");
}

#[test]
fn harmless_structure_says_nothing() {
    for text in [
        "<table><tr><th>LED<th>colour<tr><td>1<td>red</table>",
        "<table><tr><td>TLP<td>Traffic Light Protocol<tr><td>CTI<td>what is known</table>",
        "<table><tr><th>TLP<th>meaning<tr><td><td>who may read it</table>",
        "<dl><dt>TLP<dd>says who may read it<dt>LED<dd>red</dl>",
        "<div class='red'>TLP</div><div>and more</div>",
        "<h2>TLP</h2><p>Red is the worst.</p>",
        "<meta name=theme-color content=red>",
    ] {
        let page = read(text, Reading::Html);
        assert_eq!(page.aside, "", "{text}");
    }
}

#[test]
fn hostile_texts_take_no_longer_than_long_ones() {
    // Each of these takes hours if it is gone through again from every place.
    for part in [
        "<a",
        "<a b='>",
        "<a b='><a c=\">",
        "<a b ",
        "<script>",
        "<title></",
        "<!-- --!>",
        "<!-- -->",
        "<!--",
        "<![CDATA[ ]]>",
        "<![CDATA[",
        "<",
        "< &",
        "&",
        "&#",
        "&colo",
        "</",
        "<!",
        "<table>",
        "<table><tr><td>",
        "<td rowspan=9>",
        "<td colspan=999>TLP",
        "<tr><td rowspan=0>",
        "<tr><th>TLP<td rowspan=3>",
        "<dl><dt>TLP<dd>x",
        "<p>TLP",
        "<b data-tlp=red>",
    ] {
        for end in ["", "'>", "-->"] {
            let text = part.repeat((1 << 20) / part.len()) + end;
            for reading in [Reading::Html, Reading::Xml] {
                let page = read(&text, reading);
                assert!(page.shown.len() <= 8 * text.len() + 8, "{part}");
            }
        }
    }
    // Cells that each are moved past all those above.
    let mut text = String::from("<table><tr>");
    for rows in 0..20_000 {
        text.push_str(&format!("<td rowspan={}>", 30_000 + rows % 2));
    }
    text.push_str(&"<tr><td>".repeat(20_000));
    assert!(read(&text, Reading::Html).tangled);
}
