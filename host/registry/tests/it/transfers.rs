//! What goes well.

use std::fs::File;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use palisade_registry::{Content, Credentials, Progress};

use crate::server::{LOGIN, Server, connect};
use crate::{TYPE, artifact, block_on, content, silent};

#[test]
fn what_is_pushed_is_pulled_by_tag_and_by_digest() {
    for server in [Server::start(), Server::start_at_ipv6()]
        .into_iter()
        .flatten()
    {
        push_and_pull(&server);
    }
}

fn push_and_pull(server: &Server) {
    let (registry, to) = (server.connect(), server.reference("acme/pack:1.0"));
    let bytes = content(3 << 20);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("content.bin");
    std::fs::write(&path, &bytes).unwrap();
    block_on(async {
        let file = Content::File(File::open(&path).unwrap());
        let pushed = registry.push(&to, artifact(file), &silent).await.unwrap();
        assert_eq!(pushed.artifact_type, TYPE);
        let by_tag = registry.pull_manifest(&to).await.unwrap();
        let by_digest = registry
            .pull_manifest(&to.at(&pushed.digest))
            .await
            .unwrap();
        assert_eq!(by_tag, pushed);
        assert_eq!(by_digest, pushed);
        assert_eq!(pushed.layers[0].size, bytes.len() as u64);
        assert_eq!(pushed.layers[0].title.as_deref(), Some("content.bin"));

        let config = registry
            .pull_small(&to, &pushed.config, 1 << 10)
            .await
            .unwrap();
        assert_eq!(config, br#"{"name":"a test"}"#);
        let mut pulled = tempfile::tempfile().unwrap();
        registry
            .pull_blob(&to, &pushed.layers[0], &mut pulled, 1 << 30, &silent)
            .await
            .unwrap();
        assert_eq!(read(pulled), bytes);

        // The same again is the same artifact, and sends nothing but the manifest.
        let again = artifact(Content::Bytes(bytes.into()));
        let pushed_again = registry.push(&to, again, &silent).await.unwrap();
        assert_eq!(pushed_again.digest, pushed.digest);
    });
}

#[test]
fn attached_artifacts_are_listed_by_a_registry_that_knows_nothing_of_referrers() {
    let Some(server) = Server::start() else {
        return;
    };
    let (registry, to) = (server.connect(), server.reference("acme/pack:1.0"));
    block_on(async {
        let pack = artifact(Content::Bytes("a pack".into()));
        let pack = registry.push(&to, pack, &silent).await.unwrap();
        assert!(
            registry
                .referrers(&to, &pack.digest, None)
                .await
                .unwrap()
                .is_empty()
        );
        for (kind, text) in [
            ("signature", "one"),
            ("signature", "two"),
            ("certificate", "three"),
        ] {
            let mut attached = artifact(Content::Bytes(text.into()));
            attached.artifact_type = format!("application/vnd.palisade.{kind}.v1");
            let attached = registry
                .attach((&to, &pack), attached, &silent)
                .await
                .unwrap();
            assert_eq!(attached.subject.as_ref(), Some(&pack.digest));
        }
        let all = registry.referrers(&to, &pack.digest, None).await.unwrap();
        assert_eq!(all.len(), 3);
        let kind = "application/vnd.palisade.certificate.v1";
        let certificates = registry
            .referrers(&to, &pack.digest, Some(kind))
            .await
            .unwrap();
        assert_eq!(certificates.len(), 1);
        let found = registry
            .pull_manifest(&to.at(&certificates[0].digest))
            .await
            .unwrap();
        let bytes = registry
            .pull_small(&to, &found.layers[0], 100)
            .await
            .unwrap();
        assert_eq!(bytes, b"three");
        // The tag still points to the pack.
        assert_eq!(
            registry.pull_manifest(&to).await.unwrap().digest,
            pack.digest
        );
    });
}

#[test]
fn a_download_goes_on_where_it_stopped() {
    let Some(server) = Server::start() else {
        return;
    };
    let (registry, to) = (server.connect(), server.reference("acme/pack:1.0"));
    let bytes = content(1 << 20);
    block_on(async {
        let pack = artifact(Content::Bytes(bytes.clone().into()));
        let pushed = registry.push(&to, pack, &silent).await.unwrap();
        let half = bytes.len() / 2;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("partial");
        std::fs::write(&path, &bytes[..half]).unwrap();
        let mut file = File::options().read(true).write(true).open(&path).unwrap();
        let first = AtomicU64::new(0);
        let note = |progress: Progress<'_>| {
            // Only the first report is kept.
            let _ = first.compare_exchange(0, progress.done, Ordering::SeqCst, Ordering::SeqCst);
        };
        registry
            .pull_blob(&to, &pushed.layers[0], &mut file, 1 << 30, &note)
            .await
            .unwrap();
        assert!(
            first.into_inner() > half as u64,
            "the first half came again"
        );
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    });
}

#[test]
fn a_password_opens_a_locked_registry() {
    let Some(server) = Server::start_locked() else {
        return;
    };
    let to = server.reference("acme/pack:1.0");
    block_on(async {
        let pack = || artifact(Content::Bytes("a pack".into()));
        let error = server
            .connect()
            .push(&to, pack(), &silent)
            .await
            .unwrap_err();
        assert!(!error.may_pass());
        assert!(error.to_string().contains("log in"), "{error}");
        let login = |password: &str| Credentials::Password {
            user: LOGIN.0.to_owned(),
            password: password.to_owned(),
        };
        let wrong = connect(server.port, login("open barley"));
        wrong.push(&to, pack(), &silent).await.unwrap_err();
        let registry = connect(server.port, login(LOGIN.1));
        let pushed = registry.push(&to, pack(), &silent).await.unwrap();
        assert_eq!(registry.pull_manifest(&to).await.unwrap(), pushed);
        let error = server.connect().pull_manifest(&to).await.unwrap_err();
        assert!(error.to_string().contains("log in"), "{error}");
    });
}

/// A registry that gives its one manifest for a token, and the token for the identity token in
/// the body of a form. It ends with the process.
fn registry_of_identities() -> u16 {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut from = BufReader::new(stream.try_clone().unwrap());
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                if from.read_line(&mut line).unwrap_or(0) <= 2 {
                    break;
                }
                let line = line.to_ascii_lowercase();
                if let Some(number) = line.strip_prefix("content-length:") {
                    length = number.trim().parse().unwrap();
                }
                head.push_str(&line);
            }
            let mut body = vec![0; length];
            from.read_exact(&mut body).unwrap();
            let body = String::from_utf8(body).unwrap();
            let of_form = [
                "grant_type=refresh_token",
                "refresh_token=who+i%26am",
                "service=x",
            ];
            let challenge = format!(
                "WWW-Authenticate: Bearer realm=\"http://127.0.0.1:{port}/token\",service=\"x\"\r\n"
            );
            let (status, fields, answer) = if head.starts_with("post /token ") {
                match of_form.iter().all(|part| body.contains(part)) {
                    true => ("200 OK", "", r#"{"access_token":"short"}"#),
                    false => ("400 Bad Request", "", "{}"),
                }
            } else if head.contains("authorization: bearer short") {
                ("200 OK", "", "{}")
            } else {
                ("401 Unauthorized", challenge.as_str(), "")
            };
            let length = answer.len();
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{fields}\r\n{answer}"
            );
        }
    });
    port
}

#[test]
fn an_identity_token_is_given_for_another_and_never_shown_to_the_registry() {
    let port = registry_of_identities();
    let from = crate::server::reference(port, "acme/pack:1.0");
    let pull = |token: &str| {
        let registry = connect(port, Credentials::Identity(token.to_owned()));
        block_on(registry.pull_manifest(&from))
            .unwrap_err()
            .to_string()
    };
    // It is let in, and what it gets is no manifest.
    let error = pull("who i&am");
    assert!(error.contains("is not an artifact"), "{error}");
    let error = pull("somebody else");
    assert!(error.contains("log in"), "{error}");
}

#[test]
fn skopeo_inspects_and_copies_artifacts() {
    if !std::path::Path::new("/usr/bin/skopeo").is_file() {
        #[expect(clippy::print_stderr, reason = "why a test does nothing must be seen")]
        {
            eprintln!("skipped: skopeo is not installed; run `make setup`");
        }
        return;
    }
    let Some(server) = Server::start() else {
        return;
    };
    let (registry, to) = (server.connect(), server.reference("acme/pack:1.0"));
    let bytes = content(100_000);
    block_on(async {
        let pack = artifact(Content::Bytes(bytes.clone().into()));
        let pushed = registry.push(&to, pack, &silent).await.unwrap();
        let raw = skopeo(&[
            "inspect",
            "--raw",
            "--tls-verify=false",
            &format!("docker://{to}"),
        ]);
        let raw: serde_json::Value = serde_json::from_slice(&raw).unwrap();
        assert_eq!(raw["artifactType"], TYPE);
        // Copied by another program to another repository, it is the same artifact.
        let copy = server.reference("mirror/pack:1.0");
        let (from, into) = (format!("docker://{to}"), format!("docker://{copy}"));
        skopeo(&[
            "copy",
            "--preserve-digests",
            "--src-tls-verify=false",
            "--dest-tls-verify=false",
            &from,
            &into,
        ]);
        let copied = registry.pull_manifest(&copy).await.unwrap();
        assert_eq!(copied.digest, pushed.digest);
        let mut file = tempfile::tempfile().unwrap();
        registry
            .pull_blob(&copy, &copied.layers[0], &mut file, 1 << 20, &silent)
            .await
            .unwrap();
        assert_eq!(read(file), bytes);
    });
}

fn skopeo(arguments: &[&str]) -> Vec<u8> {
    // The policy is skopeo's own trust store, which has no say here.
    let output = Command::new("/usr/bin/skopeo")
        .arg("--insecure-policy")
        .args(arguments)
        .output()
        .expect("skopeo runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "skopeo {arguments:?}: {stderr}");
    output.stdout
}

pub(crate) fn read(mut file: File) -> Vec<u8> {
    use std::io::{Read as _, Seek as _};
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}
