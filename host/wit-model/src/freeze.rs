//! Whether the package is still what plugins were built against.

use std::path::Path;

use crate::ModelError;

/// The digest that `wit/v0.1` must have once it is frozen. It is off: the package is a
/// draft until plugins in all languages of the SDK pass their vectors. Then the digest
/// goes here, and every later change goes into a directory of its own.
pub const FROZEN: Option<&str> = None;

/// BLAKE3 over the declarations of all `.wit` files of a directory, as 64 hexadecimal
/// digits. Comments, indentation and empty lines do not count, so that documentation can
/// still be improved.
///
/// The input is, for each file in the order of names, name and text, each led by its
/// length as 8 bytes little-endian. The text is without comments, and without space but
/// for one between words that would run together.
///
/// # Errors
/// When the directory or a file cannot be read.
pub fn package_digest(dir: &Path) -> Result<String, ModelError> {
    let fail =
        |error: std::io::Error| ModelError::Parse(dir.display().to_string(), error.to_string());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if name.ends_with(".wit") {
            files.push((
                name.to_owned(),
                std::fs::read_to_string(&path).map_err(fail)?,
            ));
        }
    }
    files.sort();
    let mut hasher = blake3::Hasher::new();
    for (name, text) in &files {
        for part in [name, &declarations(text)] {
            hasher.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            hasher.update(part.as_bytes());
        }
    }
    Ok(hasher.finalize().to_hex().to_string())
}

/// The text without line comments, and without space but where two words would run
/// together. WIT has no string in which `//` could stand.
fn declarations(text: &str) -> String {
    let is_word = |letter: char| letter.is_alphanumeric() || "-_%".contains(letter);
    let code = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    let mut kept = String::with_capacity(text.len());
    for word in code.flat_map(str::split_whitespace) {
        if kept.ends_with(is_word) && word.starts_with(is_word) {
            kept.push(' ');
        }
        kept.push_str(word);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(files: &[(&str, &str)]) -> String {
        let dir = tempfile::tempdir().expect("a directory");
        for (name, text) in files {
            std::fs::write(dir.path().join(name), text).expect("written");
        }
        package_digest(dir.path()).expect("read")
    }

    #[test]
    fn only_declarations_count() {
        let one = digest(&[("a.wit", "package a:b;\n\n/// Says much.\ninterface i {}\n")]);
        let same = digest(&[
            ("a.wit", "package a:b; // draft\r\ninterface\ti{\n}"),
            ("README.md", "not WIT"),
        ]);
        let other = digest(&[("a.wit", "package a:b;\ninterface j {}\n")]);
        let moved = digest(&[("b.wit", "package a:b;\ninterface i {}\n")]);
        assert_eq!(one.len(), 64);
        assert_eq!(one, same);
        assert_ne!(one, other);
        assert_ne!(one, moved);
    }
}
