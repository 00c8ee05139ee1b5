//! A digest has one form: what is written otherwise is refused where it is read, so that no policy
//! takes an artefact that it knows for one that it does not.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use palisade_tests::{root, skip};

const VECTOR: &str = "plugins/vuln-disclosure/attack-tools/vectors/what-was-found-stays-found";
const KNOWN: &str = "\"ee02\"";

struct Site {
    folder: tempfile::TempDir,
    program: PathBuf,
    plugins: PathBuf,
    given: String,
    request: String,
}

impl Site {
    /// What a scanner found once, and a request to share it.
    fn new() -> Option<Site> {
        let program = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| root().join("target"), PathBuf::from)
            .join("release/palisade");
        let plugins = root().join("target/plugins/vuln-disclosure/attack-tools.wasm");
        if !program.is_file() || !plugins.is_file() {
            skip("`make plugins` has not built the program and the plugins");
            return None;
        }
        let vector = root().join(VECTOR);
        let read = |name: &str| std::fs::read_to_string(vector.join(name)).expect("a vector");
        let requests = read("request.ndjson");
        let request = requests.lines().find(|line| line.contains(KNOWN));
        Some(Site {
            folder: tempfile::tempdir().expect("a folder"),
            program,
            plugins,
            given: read("given.ndjson"),
            request: request.expect("a request").to_owned() + "\n",
        })
    }

    fn check(&self, given: &str, request: &str) -> (Option<i32>, String, String) {
        let file = |name: &str, text: &str| {
            let path = self.folder.path().join(name);
            std::fs::write(&path, text).expect("a file");
            path
        };
        let ran: Output = Command::new(&self.program)
            .current_dir(self.folder.path())
            .env("XDG_DATA_HOME", self.folder.path())
            .args(["policy", "check", "--now", "events", "--format", "ndjson"])
            .args([Path::new("--plugins"), &self.plugins])
            .args([Path::new("--given"), &file("given.ndjson", given)])
            .args([Path::new("--request"), &file("request.ndjson", request)])
            .output()
            .expect("the program runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (ran.status.code(), text(&ran.stdout), text(&ran.stderr))
    }
}

#[test]
fn what_was_found_stays_found_however_its_digest_is_written() {
    let Some(site) = Site::new() else { return };
    let (code, out, said) = site.check(&site.given, &site.request);
    assert_eq!(code, Some(1), "{said}");
    assert!(out.contains("\"deny\""), "{out}");
    let request = site.request.replace(KNOWN, "\"EE02\"");
    assert_eq!(site.check(&site.given, &request).0, Some(1));
    for written in [
        " ee02",
        "ee02 ",
        "sha256:ee02",
        "0xee02",
        "ee02\u{200b}",
        "ee02\\u0000",
        "ｅｅ02",
        "ee0x",
    ] {
        let other = format!("\"{written}\"");
        let (code, out, said) = site.check(&site.given, &site.request.replace(KNOWN, &other));
        assert_eq!(code, Some(2), "{written}: {out}");
        assert!(!out.contains("permit"), "{written}: {out}");
        for what in ["line 1", "attachments[0].sha256", "no SHA-256 digest"] {
            assert!(said.contains(what), "{written}: {said}");
        }
        // What is given cannot be read: nothing is permitted.
        let (code, out, said) = site.check(&site.given.replace(KNOWN, &other), &site.request);
        assert_eq!(code, Some(2), "{written}: {out}");
        assert!(
            !out.contains("\"permit\"") && out.contains("\"deny\""),
            "{out}"
        );
        assert!(said.contains("nothing is permitted"), "{said}");
    }
}

#[test]
fn every_word_of_a_scanner_that_is_not_clean_counts() {
    let Some(site) = Site::new() else { return };
    for word in [
        "Malicious",
        "MALICIOUS",
        "infected",
        "malware",
        " malicious",
        "??",
    ] {
        let given = site.given.replace("\"malicious\"", &format!("\"{word}\""));
        let (code, out, said) = site.check(&given, &site.request);
        assert_eq!(code, Some(1), "{word}: {said}");
        assert!(out.contains("\"deny\""), "{word}: {out}");
    }
}
