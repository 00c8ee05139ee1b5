//! In which ways a text may be read: as it is written with what stands for letters replaced, and as
//! it is shown.

use super::html::{self, Page, Reading};
use super::terminal::{self, Shown};
use super::{bare, coded, links, packed};

/// How often what stands for letters is replaced: `&amp;amp;#84;` takes three.
const MAX_ROUNDS: usize = 3;
/// How deep documents may stand in attributes and comments of others.
const MAX_INNER: usize = 3;

/// Takes a way to read a text; whether there is room for more.
pub(super) type Give<'a> = &'a mut dyn FnMut(&str) -> bool;

/// Reads a text in all ways but as it stands. What of it cannot be read, and what to do about it.
///
/// Each way is made, given and forgotten; their number does not depend on the text.
pub(super) fn each(text: &str, give: Give<'_>) -> Option<&'static str> {
    let mut problem = None;
    if let Some(packed) = packed::base64(text)
        && !give(&packed)
    {
        return problem;
    }
    let mut written = None::<String>;
    for round in 0..=MAX_ROUNDS {
        let now = written.as_deref().unwrap_or(text);
        if let Some(shown) = links::unlinked(now)
            && !give(&shown)
        {
            return problem;
        }
        for bare in bare::without_signs(now) {
            if !give(&bare) {
                return problem;
            }
        }
        if now.contains(['<', '&']) && !markup(now, give, 0, &mut problem) {
            return problem;
        }
        let mut next = None::<String>;
        match terminal::shown(now) {
            Shown::Same => {}
            Shown::Text(seen) => {
                if !give(&seen) {
                    return problem;
                }
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
                && !give(&own)
            {
                return problem;
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
        if !give(&next) {
            return problem;
        }
        written = Some(next);
    }
    problem
}

/// Reads a text as markup that stands so deep within other; whether there is room for more.
fn markup(text: &str, give: Give<'_>, depth: usize, problem: &mut Option<&'static str>) -> bool {
    let as_html = html::read(text, Reading::Html);
    if !page(&as_html, give, depth, problem) {
        return false;
    }
    let as_xml = html::read(text, Reading::Xml);
    if as_html == as_xml {
        return true;
    }
    drop(as_html);
    // Feeds carry HTML in sections of text.
    let feed = as_xml.shown.contains('<') && as_xml.shown.contains('>');
    page(&as_xml, give, depth, problem)
        && (!feed
            || page(
                &html::read(&as_xml.shown, Reading::Html),
                give,
                depth,
                problem,
            ))
}

fn page(page: &Page, give: Give<'_>, depth: usize, problem: &mut Option<&'static str>) -> bool {
    if !give(&page.shown) {
        return false;
    }
    if page.inner.is_empty() {
        return true;
    }
    if depth == MAX_INNER {
        *problem = Some(
            "documents stand in its attributes and comments, within one another beyond what can be \
             read; write them one by one",
        );
        return true;
    }
    give(&page.inner) && markup(&page.inner, give, depth + 1, problem)
}
