//! Secrets from files and the environment, and who holds a token.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::config::TokenConfig;

/// The longest secret.
const MAX_SECRET: u64 = 4096;
/// The shortest token: one that cannot be guessed is longer.
const MIN_TOKEN: usize = 16;

/// Reads a secret: the first line of a file that nobody else may write to, or a variable.
///
/// # Errors
/// What is wrong, without the secret.
pub(crate) fn read(file: Option<&Path>, env: Option<&str>) -> Result<Option<String>, String> {
    let (text, from) = match (file, env) {
        (Some(path), _) => {
            let bytes = closed(path, MAX_SECRET)?;
            let text = String::from_utf8(bytes);
            let from = path.display().to_string();
            (text.map_err(|_| format!("{from} is no text"))?, from)
        }
        (None, Some(name)) => {
            let text = std::env::var(name);
            let from = format!("the environment variable {name}");
            (
                text.map_err(|_| format!("{from} is not set, or is no text"))?,
                from,
            )
        }
        (None, None) => return Ok(None),
    };
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    match line.is_empty() || line.contains(char::is_control) {
        true => Err(format!(
            "{from} is not one line of text with a secret in it"
        )),
        false => Ok(Some(line.to_owned())),
    }
}

/// Reads a file that nobody else may write to, and that not everybody may read.
///
/// # Errors
/// What is wrong.
pub(crate) fn closed(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    let metadata = std::fs::metadata(path);
    let open = metadata.is_ok_and(|found| found.permissions().mode() & 0o007 != 0);
    if open {
        let path = path.display();
        return Err(format!(
            "everybody may read {path}; run `chmod o-rwx {path}`"
        ));
    }
    let read = palisade_private::read_private(path, limit);
    read.map_err(|error| error.to_string())
}

/// A token, of which only the digest is held.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    digest: blake3::Hash,
    /// When it stops being good, in nanoseconds since 1970.
    expires: Option<u64>,
    /// Position of its tenant among those of the source.
    pub(crate) tenant: usize,
}

/// Why a token is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoToken {
    Unknown,
    Expired,
}

impl Token {
    /// Reads one; `tenant` is whose it is.
    ///
    /// # Errors
    /// Where it cannot be read, or is too short.
    pub(crate) fn read(config: &TokenConfig, tenant: usize) -> Result<Token, String> {
        let text = read(config.token_file.as_deref(), config.token_env.as_deref())?;
        let text = text.unwrap_or_default();
        if text.len() < MIN_TOKEN || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!(
                "a token has at least {MIN_TOKEN} visible ASCII characters; `openssl rand -hex 32` \
                 makes one"
            ));
        }
        Ok(Token {
            digest: blake3::hash(text.as_bytes()),
            expires: config.end(),
            tenant,
        })
    }
}

/// The tenant of a token. How long it takes does not depend on what is right in it: digests
/// are compared, each whole, and all of them.
pub(crate) fn tenant(tokens: &[Token], given: &str, now: u64) -> Result<usize, NoToken> {
    let given = blake3::hash(given.as_bytes());
    let mut found = Err(NoToken::Unknown);
    for token in tokens {
        // Digests are compared in constant time.
        if token.digest == given {
            found = match token.expires.is_none_or(|end| now < end) {
                true => Ok(token.tenant),
                false => Err(NoToken::Expired),
            };
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_from_a_file_and_good_until_it_expires() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let config = |path: &Path| TokenConfig {
            token_file: Some(path.to_owned()),
            token_env: None,
            tenant: None,
            expires: Some("2026-01-01T00:00:00Z".to_owned()),
        };
        std::fs::write(&path, "0123456789abcdef\n").unwrap();
        let mode = |mode| {
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(&path, mode).unwrap();
        };
        mode(0o644);
        let error = Token::read(&config(&path), 0).unwrap_err();
        assert!(error.contains("chmod o-rwx"), "{error}");
        mode(0o600);
        let tokens = [Token::read(&config(&path), 3).unwrap()];
        let end = config(&path).end().unwrap();
        assert_eq!(tenant(&tokens, "0123456789abcdef", end - 1), Ok(3));
        assert_eq!(
            tenant(&tokens, "0123456789abcdef", end),
            Err(NoToken::Expired)
        );
        assert_eq!(
            tenant(&tokens, "0123456789abcdeg", 0),
            Err(NoToken::Unknown)
        );
        assert!(!format!("{tokens:?}").contains("0123456789abcdef"));
        for (text, says) in [
            ("short\n", "at least 16"),
            ("", "not one line"),
            ("0123456789abcdef\n0123456789abcdef\n", "not one line"),
            ("0123456789 abcdef", "visible"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = Token::read(&config(&path), 0).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
        std::fs::write(&path, "x".repeat(5000)).unwrap();
        let error = Token::read(&config(&path), 0).unwrap_err();
        assert!(error.contains("4096"), "{error}");
        assert!(Token::read(&config(&dir.path().join("none")), 0).is_err());
    }
}
