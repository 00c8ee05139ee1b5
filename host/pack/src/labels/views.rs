//! In which ways a text may be read: as it is written with what stands for letters replaced, and as
//! it is shown.

use super::coded;
use super::html::{self, Page, Reading};
use super::packed;
use super::terminal::{self, Shown};

/// How often what stands for letters is replaced: `&amp;amp;#84;` takes three.
const MAX_ROUNDS: usize = 3;

/// One way to read a text.
pub(super) enum View<'a> {
    /// As it is written, with its tags.
    Written(&'a str),
    /// As people see it.
    Seen(&'a str),
    /// What its structure says of the protocol.
    Aside(&'a str),
}

/// Reads a text in all ways but as it stands. What of it cannot be read, and what to do about it.
///
/// Each way is made, given and forgotten; their number does not depend on the text.
pub(super) fn each(text: &str, give: &mut dyn FnMut(View<'_>)) -> Option<&'static str> {
    let mut problem = None;
    if let Some(packed) = packed::base64(text) {
        give(View::Written(&packed));
    }
    let mut written = None::<String>;
    for round in 0..=MAX_ROUNDS {
        let now = written.as_deref().unwrap_or(text);
        if now.contains(['<', '&']) {
            let pages = markup(now, give);
            problem = problem.or(pages);
        }
        let mut next = None::<String>;
        match terminal::shown(now) {
            Shown::Same => {}
            Shown::Text(seen) => {
                give(View::Seen(&seen));
                next = Some(seen);
            }
            Shown::Unknown(what) => problem = problem.or(Some(what)),
        }
        for decode in [
            coded::utf7,
            coded::escapes,
            coded::style_escapes,
            coded::entities,
        ] {
            // By itself, as another may spoil it, and after the others.
            if next.is_some()
                && let Some(own) = decode(now)
            {
                give(View::Written(&own));
            }
            next = decode(next.as_deref().unwrap_or(now)).or(next);
        }
        let Some(next) = next else {
            return problem;
        };
        if round == MAX_ROUNDS {
            // A backslash or `%` more is not worth a refusal.
            let more = coded::entities(now).is_some();
            return problem.or(more.then_some(
                "its entities stand for entities, more than three times over, so what it says cannot \
                 be read; write out what they stand for",
            ));
        }
        give(View::Written(&next));
        written = Some(next);
    }
    problem
}

/// Reads a text as markup.
fn markup(text: &str, give: &mut dyn FnMut(View<'_>)) -> Option<&'static str> {
    let as_html = html::read(text, Reading::Html);
    let as_xml = html::read(text, Reading::Xml);
    let mut tangled = as_html.tangled || as_xml.tangled;
    let same = as_html == as_xml;
    page(&as_html, give);
    drop(as_html);
    if !same {
        page(&as_xml, give);
        // Feeds carry HTML in sections of text.
        if as_xml.shown.contains('<') && as_xml.shown.contains('>') {
            let inner = html::read(&as_xml.shown, Reading::Html);
            tangled |= inner.tangled;
            page(&inner, give);
        }
    }
    tangled.then_some(
        "its tables stand in one another, or have cells of several rows, beyond what can be read; \
         write them one by one",
    )
}

fn page(page: &Page, give: &mut dyn FnMut(View<'_>)) {
    give(View::Seen(&page.shown));
    if !page.aside.is_empty() {
        give(View::Aside(&page.aside));
    }
}
