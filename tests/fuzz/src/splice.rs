//! Texts and bytes that are valid but for a few places that the fuzzer chooses. A fuzzer that had
//! to invent a manifest or a signed document from nothing would never get past its first line.

use arbitrary::{Result, Unstructured};

/// Words, lines and paragraphs that may stand in a text, from which [`mixed`] takes. What mere
/// bytes become is refused at the first of them; these come as far as what checks their sense.
pub struct Pool([Vec<&'static [u8]>; 3]);

impl Pool {
    /// All that is in `texts`, and `words` besides.
    pub fn new(texts: &[&'static str], words: &[&'static str]) -> Self {
        let mut pool = [Cut::Words, Cut::Lines, Cut::Paragraphs].map(|cut| {
            texts
                .iter()
                .flat_map(|text| cut.parts(text.as_bytes()))
                .collect::<Vec<_>>()
        });
        pool[0].extend(words.iter().map(|word| word.as_bytes()));
        for parts in &mut pool {
            parts.sort_unstable();
            parts.dedup();
        }
        Self(pool)
    }
}

/// Where a text is cut.
#[derive(Clone, Copy)]
enum Cut {
    Words,
    Lines,
    Paragraphs,
}

impl Cut {
    fn parts(self, text: &[u8]) -> Vec<&[u8]> {
        match self {
            Cut::Words => words(text),
            Cut::Lines => text.split_inclusive(|byte| *byte == b'\n').collect(),
            // A break is a line end with another behind it, and stays with what is before.
            Cut::Paragraphs => {
                let mut parts = Vec::new();
                let mut begin = 0;
                for at in 2..text.len() {
                    if text[at - 2..at] == *b"\n\n" {
                        parts.push(&text[begin..at]);
                        begin = at;
                    }
                }
                parts.push(&text[begin..]);
                parts
            }
        }
    }
}

/// A text with words, lines or paragraphs of it dropped, doubled, moved, or replaced by others
/// from a pool.
pub fn mixed(u: &mut Unstructured<'_>, base: &str, pool: &Pool) -> Result<String> {
    let cut = [Cut::Words, Cut::Words, Cut::Lines, Cut::Paragraphs];
    let cut = cut[usize::from(u.arbitrary::<u8>()? & 3)];
    let Pool([words, lines, paragraphs]) = pool;
    let others = match cut {
        Cut::Words => words,
        Cut::Lines => lines,
        Cut::Paragraphs => paragraphs,
    };
    let mut parts = cut.parts(base.as_bytes());
    for _ in 0..u.int_in_range(0..=4_u8)? {
        if parts.is_empty() {
            break;
        }
        let at = usize::from(u.arbitrary::<u16>()?) % parts.len();
        let act: u8 = u.arbitrary()?;
        let other = usize::from(u.arbitrary::<u16>()?);
        let own = other % parts.len();
        match act & 7 {
            0 => drop(parts.remove(at)),
            1 => parts.insert(at, parts[own]),
            2 => parts.swap(at, own),
            3 => parts.insert(at, others[other % others.len()]),
            _ => parts[at] = others[other % others.len()],
        }
    }
    Ok(String::from_utf8_lossy(&parts.concat()).into_owned())
}

/// Replaces, doubles, drops and inserts parts of `base`, which `parts` cuts.
fn splice<'a>(
    u: &mut Unstructured<'_>,
    mut parts: Vec<&'a [u8]>,
    new: &'a [u8],
) -> Result<Vec<&'a [u8]>> {
    let mut new = new;
    for _ in 0..u.int_in_range(0..=3_u8)? {
        if parts.is_empty() {
            break;
        }
        let at = usize::from(u.arbitrary::<u16>()?) % parts.len();
        let act: u8 = u.arbitrary()?;
        let length = usize::from(u.arbitrary::<u8>()?).min(new.len());
        let (piece, rest) = new.split_at(length);
        match act % 5 {
            0 => drop(parts.remove(at)),
            1 => parts.insert(at, parts[at]),
            2 => {
                let other = usize::from(act) * 31 % parts.len();
                parts.swap(at, other);
            }
            3 => {
                parts[at] = piece;
                new = rest;
            }
            _ => {
                parts.insert(at, piece);
                new = rest;
            }
        }
    }
    Ok(parts)
}

/// Cuts a text where words and marks meet.
fn words(text: &[u8]) -> Vec<&[u8]> {
    let class = |byte: &u8| match byte {
        b'\n' => 0,
        byte if byte.is_ascii_alphanumeric() || b"-_.:".contains(byte) => 1,
        b' ' => 2,
        _ => 3,
    };
    text.chunk_by(|a, b| class(a) == class(b) && class(a) != 3)
        .collect()
}

/// A text with words or lines of it changed.
pub fn text(u: &mut Unstructured<'_>, base: &str) -> Result<String> {
    let lines = u.arbitrary::<bool>()?;
    let length = u.int_in_range(0..=64_usize)?.min(u.len());
    let new = u.bytes(length)?.to_vec();
    let parts = match lines {
        true => base
            .as_bytes()
            .split_inclusive(|byte| *byte == b'\n')
            .collect(),
        false => words(base.as_bytes()),
    };
    let parts = splice(u, parts, &new)?;
    Ok(String::from_utf8_lossy(&parts.concat()).into_owned())
}

/// Bytes with stretches of `grain` bytes changed.
pub fn bytes(u: &mut Unstructured<'_>, base: &[u8], grain: usize) -> Result<Vec<u8>> {
    let length = u.int_in_range(0..=64_usize)?.min(u.len());
    let new = u.bytes(length)?.to_vec();
    Ok(splice(u, base.chunks(grain).collect(), &new)?.concat())
}
