//! Tags of HTML, as far as they are looked at.

/// Elements that begin a new line; whatever else stands in `<…>` parts no letters.
pub(super) const BLOCKS: [&[u8]; 34] = [
    b"address",
    b"article",
    b"aside",
    b"blockquote",
    b"body",
    b"br",
    b"caption",
    b"dd",
    b"div",
    b"dl",
    b"dt",
    b"figure",
    b"footer",
    b"form",
    b"h1",
    b"h2",
    b"h3",
    b"h4",
    b"h5",
    b"h6",
    b"header",
    b"hr",
    b"legend",
    b"li",
    b"main",
    b"nav",
    b"ol",
    b"option",
    b"p",
    b"pre",
    b"section",
    b"table",
    b"tr",
    b"ul",
];

/// A start tag, as far as it is looked at.
#[derive(Default)]
pub(super) struct Tag {
    pub(super) name: Vec<u8>,
    pub(super) attribute: String,
    /// Whether an attribute says that this is about the protocol, and the value beside it.
    pub(super) names: bool,
    pub(super) value: String,
    /// What of its attributes is shown as text, and one that is a colour.
    pub(super) shown: String,
    pub(super) hue: Option<String>,
    pub(super) rightward: bool,
    pub(super) columns: usize,
    pub(super) rows: usize,
}
