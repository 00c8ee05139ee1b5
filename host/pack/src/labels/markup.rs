//! What a text that is written for people shows of itself: HTML without its tags and entities,
//! emphasis of Markdown, comments of TOML. It is read beside the text as it stands.

/// Elements that begin a new line; whatever else stands in `<…>` parts no letters.
const BLOCKS: [&str; 27] = [
    "article",
    "blockquote",
    "body",
    "br",
    "dd",
    "div",
    "dl",
    "dt",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "li",
    "ol",
    "p",
    "pre",
    "section",
    "table",
    "tr",
    "ul",
];

/// The longest name of a tag that is looked at.
const NAME_LENGTH: usize = 16;

/// What follows the first `#` of each line of TOML. In a string that is no comment, but nobody
/// who means no colour writes one there.
pub(super) fn comments(text: &str) -> String {
    let comments = text.lines().map(|line| line.split_once('#'));
    let comments: Vec<&str> = comments.map(|c| c.map_or("", |(_, c)| c)).collect();
    comments.join("\n")
}

/// A text with its entities replaced, by number and by name, as browsers do: old names, such as
/// `&shy`, do without the `;`. Its lines are where they were. `None`: it has none.
pub(super) fn decoded(text: &str) -> Option<String> {
    text.contains('&').then(|| {
        let mut out = String::with_capacity(text.len());
        decode(text, &mut out);
        out
    })
}

fn decode(text: &str, out: &mut String) {
    for line in text.split_inclusive('\n') {
        let (line, end) = match line.strip_suffix('\n') {
            Some(line) => (line, "\n"),
            None => (line, ""),
        };
        let decoded = htmlize::unescape(line);
        // `&NewLine;` begins no line of the file.
        out.extend(decoded.chars().map(|c| if c == '\n' { ' ' } else { c }));
        out.push_str(end);
    }
}

/// A text with its entities replaced, and as it is shown, as far as that is another text.
pub(super) fn views(text: &str) -> Vec<String> {
    let mut views: Vec<String> = decoded(text).into_iter().collect();
    views.extend(shown(text));
    views
}

/// A text of Markdown without the signs of emphasis, and of what they are written with to stand
/// for themselves. `None`: it has none.
pub(super) fn unemphasised(text: &str) -> Option<String> {
    const SIGNS: [char; 4] = ['*', '`', '~', '\\'];
    text.contains(SIGNS).then(|| text.replace(SIGNS, ""))
}

/// A text of HTML, SVG, XML or Markdown in all ways that it is shown, with its lines where they
/// were. None: it has neither tags nor entities.
pub(super) fn shown(text: &str) -> Vec<String> {
    if !text.contains(['<', '&']) {
        return Vec::new();
    }
    let mut all = Vec::new();
    for reading in [Reading::Loose, Reading::Xml, Reading::Html] {
        let shown = read(text, reading);
        if !all.contains(&shown) {
            all.push(shown);
        }
    }
    all
}

/// How markup is read, where readers differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// As XML, but a tag ends at the first `>`, also within quotes.
    Loose,
    /// With sections of text without tags.
    Xml,
    /// As browsers do: with scripts and texts that have no tags, comments that end with `--!>`.
    Html,
}

fn read(text: &str, reading: Reading) -> String {
    let mut out = String::with_capacity(text.len());
    let mut ends = Ends::of(text, reading);
    // What is shown goes in runs between tags, as no entity goes beyond one.
    let (mut run, mut at) = (0, 0);
    let mut instead = String::new();
    while let Some(found) = text.get(at..).and_then(|rest| rest.find('<')) {
        let from = at + found;
        instead.clear();
        match piece(text, from, &mut ends, &mut instead) {
            // No tag: the run goes on.
            0 => at = from + 1,
            read => {
                decode(&text[run..from], &mut out);
                out.push_str(&instead);
                at = from + read;
                run = at;
            }
        }
    }
    decode(&text[run..], &mut out);
    out
}

/// Behind these places nothing ends any more, and looking for an end from each `<` would take for
/// ever.
struct Ends {
    reading: Reading,
    tag: usize,
    comment: usize,
    data: usize,
    /// Whether quotes in tags, and texts without tags, were closed so far. Browsers show nothing
    /// behind what is not.
    quotes: bool,
    raw: bool,
}

impl Ends {
    fn of(text: &str, reading: Reading) -> Ends {
        let last = |end: &str| text.rfind(end).unwrap_or(0);
        let html = reading == Reading::Html;
        Ends {
            reading,
            tag: last(">"),
            comment: last("-->").max(if html { last("--!>") } else { 0 }),
            data: if html { 0 } else { last("]]>") },
            quotes: reading != Reading::Loose,
            raw: html,
        }
    }
}

/// Reads what begins with `<`, and what is shown instead: how long it is; 0: it is text.
fn piece(text: &str, from: usize, ends: &mut Ends, out: &mut String) -> usize {
    let rest = &text[from..];
    let before = |last: usize| last > from;
    if rest.starts_with("<!--")
        && before(ends.comment)
        && let Some(end) = comment_end(rest, ends.reading)
    {
        return skipped(rest, end, out);
    }
    if rest.starts_with(CDATA)
        && before(ends.data)
        && let Some(end) = rest.find("]]>")
    {
        out.push_str(&rest[CDATA.len()..end]);
        return end + 3;
    }
    if !before(ends.tag) {
        return 0;
    }
    match rest.as_bytes().get(1) {
        // Declarations, and what browsers take for comments.
        Some(b'!' | b'?') => comment(rest, out),
        Some(b'/') if !rest.as_bytes().get(2).is_some_and(u8::is_ascii_alphabetic) => {
            comment(rest, out)
        }
        _ => tag(rest, ends, out),
    }
}

/// Where a comment ends, which every second reader takes to begin with its own `--`.
fn comment_end(text: &str, reading: Reading) -> Option<usize> {
    let mut ends = memchr::memchr_iter(b'>', text.as_bytes());
    let end = ends.find(|at| {
        let inner = &text.as_bytes()[..*at];
        inner.ends_with(b"--") || (reading == Reading::Html && inner.ends_with(b"--!"))
    });
    end.map(|at| at + 1)
}

/// Leaves out what is up to the next `>`.
fn comment(text: &str, out: &mut String) -> usize {
    text.find('>').map_or(0, |end| skipped(text, end + 1, out))
}

/// Where text of XML stands that has no tags.
const CDATA: &str = "<![CDATA[";

/// Leaves out so much, of which lines remain.
fn skipped(text: &str, length: usize, out: &mut String) -> usize {
    let lines = text[..length].bytes().filter(|b| *b == b'\n');
    out.extend(lines.map(|_| '\n'));
    length
}

/// Reads a tag, of which lines remain, and the borders of cells as a `:`. How long it is.
fn tag(text: &str, ends: &mut Ends, out: &mut String) -> usize {
    let opens = !text[1..].starts_with('/');
    let inner = &text[if opens { 1 } else { 2 }..];
    let name: String = inner
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .take(NAME_LENGTH)
        .collect::<String>()
        .to_ascii_lowercase();
    if name.is_empty() {
        return 0;
    }
    let Some(end) = tag_end(text, &mut ends.quotes) else {
        return 0;
    };
    skipped(text, end, out);
    match name.as_str() {
        "td" | "th" => out.push(':'),
        // It writes its text from the right or the left, whatever it is.
        "bdo" => out.push('\u{202e}'),
        name if BLOCKS.contains(&name) => {
            // No line of its own, so that lines keep their numbers; what parts words is enough.
            out.push_str(" . ");
        }
        _ => {}
    }
    let after = &text[end + 1..];
    let hidden = matches!(name.as_str(), "script" | "style");
    if !(ends.raw && opens && (hidden || matches!(name.as_str(), "textarea" | "title"))) {
        return end + 1;
    }
    let Some(length) = raw_length(after, &name) else {
        ends.raw = false;
        return end + 1;
    };
    match hidden {
        true => drop(skipped(after, length, out)),
        false => decode(&after[..length], out),
    }
    end + 1 + length
}

/// Where a tag ends: at a `>` that is not within the quotes of a value.
fn tag_end(text: &str, quotes: &mut bool) -> Option<usize> {
    let (mut open, mut value) = (None, false);
    for (at, byte) in text.bytes().enumerate() {
        match (open, byte) {
            _ if !*quotes => break,
            (Some(quote), _) if quote == byte => (open, value) = (None, false),
            (Some(_), _) => {}
            (None, b'>') => return Some(at),
            (None, b'=') => value = true,
            (None, b'"' | b'\'') if value => open = Some(byte),
            (None, byte) => value &= byte.is_ascii_whitespace(),
        }
    }
    *quotes = false;
    text.find('>')
}

/// How long a text is that has no tags but the one that ends it.
fn raw_length(text: &str, name: &str) -> Option<usize> {
    memchr::memchr_iter(b'<', text.as_bytes()).find(|at| {
        let end = text.as_bytes()[at + 1..].strip_prefix(b"/");
        let end = end.and_then(|end| end.get(..name.len()));
        end.is_some_and(|end| end.eq_ignore_ascii_case(name.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_entities_are_read_as_they_are_shown() {
        for (text, expected) in [
            ("&#84;LP&colon;R&#x45;D", "TLP:RED"),
            ("TLP<b>:RE</b>D", "TLP:RED"),
            ("<td>TLP</td><td>RED</td>", ":TLP::RED:"),
            ("<p>a</p>b", " . a . b"),
            ("a<b\nc='d'>e", "a\ne"),
            (
                "1 < 2 && x &unknown; &#xffffffff;",
                "1 < 2 && x &unknown; \u{fffd}",
            ),
            ("<b", "<b"),
            ("&", "&"),
            ("ü&#252;<ü>", "üü<ü>"),
            // As browsers do: old names without `;`, no entity beyond a tag, other comments.
            ("&Tab;T&shyL&lowbar;P&NewLine;", "\tT\u{ad}L_P "),
            ("R&#x45<b></b>D", "RED"),
            ("T<!-- > -->L<?x?>P<!x></>:<![CDATA[R<E]]>D", "TLP:R<ED"),
            ("<!-- a\nb", "<!-- a\nb"),
        ] {
            assert_eq!(shown(text)[0], expected, "{text}");
        }
        assert_eq!(shown("plain"), [""; 0]);
        assert_eq!(
            decoded("a<b title='TLP&colon;RED'>").unwrap(),
            "a<b title='TLP:RED'>"
        );
        assert_eq!(decoded("<plain>"), None);
    }

    #[test]
    fn hostile_texts_take_no_longer_than_long_ones() {
        // Each of these takes hours if it is gone through again from every place.
        let open = shown(&"<a".repeat(8 << 20));
        assert_eq!(open[0].len(), 16 << 20);
        for part in [
            "<a b='>",
            "<a b='><a c=\">",
            "<script>",
            "<title></",
            "<!-- --!>",
            "<!-- -->",
            "<![CDATA[ ]]>",
        ] {
            for end in ["", "'", "\"", ">", "'>", "\">", "-->", "]]>"] {
                let text = part.repeat((1 << 20) / part.len()) + end;
                assert!(!shown(&text).is_empty(), "{part} {end}");
            }
        }
        for sign in [
            "<!--",
            "<![CDATA[",
            "<",
            "< &",
            "&",
            "&#",
            "&colo",
            "</",
            "<!",
        ] {
            let text = sign.repeat((8 << 20) / sign.len());
            assert_eq!(shown(&text)[0].len(), text.len(), "{sign}");
        }
    }

    #[test]
    fn markup_is_read_as_browsers_and_as_other_readers_do() {
        for text in [
            "T<b title=\">\"></b>LP:RED",
            "T<b title = '>'>LP:RED",
            "T<b don't>LP:RED",
            "T<!-- x --!>LP:RED<!-- -->",
            "T<!-->LP:RED<p>--></p>",
            "T<!--->LP:RED<p>--></p>",
            "T<![CDATA[ x>LP:RED]]>",
            "T<![CDATA[LP:RED]]>",
            "<script><!-- </script>TLP:R<b></b>ED<!-- -->",
            "TLP<script>a = \"</b>\"</script>:RED",
            "<textarea><!--</textarea>TLP:R<b></b>ED<!-- -->",
            "<title>TLP&colon;RED</title>",
        ] {
            let shown = shown(text);
            assert!(
                shown.iter().any(|shown| shown.contains("TLP:RED")),
                "{text}: {shown:?}"
            );
        }
        assert!(shown("<bdo dir=rtl>DER:PLT</bdo>")[0].contains('\u{202e}'));
        assert_eq!(unemphasised("**T**LP\\:`RED`").unwrap(), "TLP:RED");
        assert_eq!(unemphasised("TLP_RED"), None);
    }
}
