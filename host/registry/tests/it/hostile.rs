//! Registries that lie, never end, or take for ever. Nothing of this needs a real registry.

use std::io::{BufRead as _, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use palisade_registry::{Content, Credentials, Descriptor, Limits, Registry, RegistryError};

use crate::server::reference;
use crate::{artifact, block_on, silent};

const DIGEST: &str = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

/// What a hostile registry answers to a request for this path.
type Answer = fn(&str, &mut TcpStream) -> std::io::Result<()>;

/// A registry of the test's own; its threads end with the process.
struct Hostile {
    port: u16,
    requests: Arc<AtomicU64>,
}

impl Hostile {
    fn start(answer: Answer) -> Hostile {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let counted = Arc::clone(&counted);
                std::thread::spawn(move || {
                    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                    let first = lines.next().and_then(Result::ok).unwrap_or_default();
                    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
                    // The rest of the head; a GET has no body.
                    while lines
                        .next()
                        .and_then(Result::ok)
                        .is_some_and(|l| !l.is_empty())
                    {}
                    counted.fetch_add(1, Ordering::SeqCst);
                    let mut stream = stream;
                    // It may be hung up on, which is what is wanted.
                    let _ = answer(&path, &mut stream);
                });
            }
        });
        Hostile { port, requests }
    }

    fn connect(&self, credentials: Credentials) -> Registry {
        let limits = Limits {
            manifest: 1 << 20,
            retries: 1,
            answer: Duration::from_secs(2),
            ..Limits::default()
        };
        let place = reference(self.port, "acme/pack:1.0");
        Registry::new(&place, credentials, false, Vec::new(), limits).unwrap()
    }

    /// What pulling a manifest, listing referrers and pulling a small blob come to.
    fn ask(&self) -> Vec<(&'static str, RegistryError)> {
        let from = reference(self.port, "acme/pack:1.0");
        let registry = self.connect(Credentials::Anonymous);
        let blob = Descriptor {
            media_type: "application/octet-stream".into(),
            digest: DIGEST.into(),
            size: 5,
            title: None,
        };
        let mut file = tempfile::tempfile().unwrap();
        let found = block_on(async {
            vec![
                ("manifest", registry.pull_manifest(&from).await.err()),
                (
                    "referrers",
                    registry.referrers(&from, DIGEST, None).await.err(),
                ),
                (
                    "small blob",
                    registry.pull_small(&from, &blob, 100).await.err(),
                ),
                (
                    "blob",
                    registry
                        .pull_blob(&from, &blob, &mut file, 100, &silent)
                        .await
                        .err(),
                ),
            ]
        });
        assert!(file.metadata().unwrap().len() <= 5);
        found
            .into_iter()
            .map(|(what, error)| (what, error.unwrap_or_else(|| panic!("{what} is accepted"))))
            .collect()
    }
}

fn head(to: &mut TcpStream, status: &str, fields: &str) -> std::io::Result<()> {
    write!(to, "HTTP/1.1 {status}\r\nConnection: close\r\n{fields}\r\n")
}

/// Sends for ever, as fast as it is read.
fn endless(to: &mut TcpStream) -> std::io::Result<()> {
    let part = vec![b' '; 1 << 16];
    loop {
        to.write_all(&part)?;
    }
}

/// Sends a byte now and then.
fn drip(to: &mut TcpStream) -> std::io::Result<()> {
    loop {
        to.write_all(b" ")?;
        to.flush()?;
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Bytes of this process's memory at its largest.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        << 10
}

#[test]
fn endless_answers_are_not_read_to_their_end() {
    let before = peak();
    let chunked = Hostile::start(|_, to| {
        head(to, "200 OK", "Transfer-Encoding: chunked\r\n")?;
        let part = [&b"10000\r\n"[..], &[b' '; 1 << 16], b"\r\n"].concat();
        loop {
            to.write_all(&part)?;
        }
    });
    let until_closed = Hostile::start(|_, to| {
        head(to, "200 OK", "")?;
        endless(to)
    });
    for hostile in [chunked, until_closed] {
        for (what, error) in hostile.ask() {
            match (what, &error) {
                ("blob", RegistryError::Digest { .. }) => {}
                (_, RegistryError::TooLarge { .. }) => {}
                (what, other) => panic!("{what}: {other}"),
            }
        }
    }
    // Other tests run beside this one; what an endless answer would cost is far more.
    assert!(
        peak() - before < 256 << 20,
        "{} bytes more",
        peak() - before
    );
}

#[test]
fn a_length_that_is_too_large_is_believed_and_one_that_is_too_small_is_not() {
    let large = Hostile::start(|_, to| {
        head(to, "200 OK", "Content-Length: 1099511627776\r\n")?;
        endless(to)
    });
    for (what, error) in large.ask() {
        let refused = matches!(
            error,
            RegistryError::TooLarge { .. } | RegistryError::Digest { .. }
        );
        assert!(refused, "{what}: {error}");
    }
    // What comes after the stated length is not part of the answer.
    let small = Hostile::start(|_, to| {
        head(to, "200 OK", "Content-Length: 2\r\n")?;
        to.write_all(b"hello")
    });
    for (what, error) in small.ask() {
        assert!(
            !matches!(error, RegistryError::TooLarge { .. }),
            "{what}: {error}"
        );
    }
    // Less than was stated.
    let short = Hostile::start(|_, to| {
        head(to, "200 OK", "Content-Length: 1000\r\n")?;
        to.write_all(b"he")
    });
    for (what, error) in short.ask() {
        let told = match what {
            "small blob" => matches!(error, RegistryError::TooLarge { .. }),
            _ => matches!(error, RegistryError::Registry { .. }),
        };
        assert!(told, "{what}: {error}");
    }
}

#[test]
fn slow_answers_end_in_time() {
    let dripping = Hostile::start(|_, to| {
        head(to, "200 OK", "Transfer-Encoding: identity\r\n")?;
        drip(to)
    });
    let silent = Hostile::start(|_, _| {
        std::thread::sleep(Duration::from_secs(60));
        Ok(())
    });
    for hostile in [dripping, silent] {
        let began = Instant::now();
        for (what, error) in hostile.ask() {
            // Five bytes of a blob are soon there, and are not what was asked for.
            let told = matches!(
                error,
                RegistryError::Slow { .. }
                    | RegistryError::Digest { .. }
                    | RegistryError::TooLarge { .. }
            );
            assert!(told, "{what}: {error}");
        }
        let took = began.elapsed();
        assert!(took < Duration::from_secs(40), "{took:?}");
    }
}

#[test]
fn redirects_end() {
    let around = Hostile::start(|path, to| {
        let place = format!("Location: {path}x\r\nContent-Length: 0\r\n");
        head(to, "307 Temporary Redirect", &place)
    });
    for (what, error) in around.ask() {
        assert!(
            error.to_string().contains("redirects more than 5 times"),
            "{what}: {error}"
        );
    }
    // Each of the four was asked for six times, and blobs were tried twice.
    assert!(around.requests.load(Ordering::SeqCst) <= 6 * 6);
    // To something that is no address, or no HTTP.
    let nowhere = Hostile::start(|_, to| {
        head(
            to,
            "302 Found",
            "Location: file:///etc/passwd\r\nContent-Length: 0\r\n",
        )
    });
    for (what, error) in nowhere.ask() {
        assert!(
            matches!(error, RegistryError::Registry { .. }),
            "{what}: {error}"
        );
    }
}

#[test]
fn places_for_tokens_that_lie_are_no_way_in() {
    fn challenge(to: &mut TcpStream) -> std::io::Result<()> {
        // The registry names itself by what it was asked as.
        let port = to.local_addr()?.port();
        let fields = format!(
            "WWW-Authenticate: Bearer realm=\"http://127.0.0.1:{port}/token\",service=\"x\"\r\n\
             Content-Length: 0\r\n"
        );
        head(to, "401 Unauthorized", &fields)
    }
    let answers: [(Answer, &str); 6] = [
        (
            |path, to| match path.starts_with("/token") {
                true => head(to, "200 OK", "").and_then(|()| endless(to)),
                false => challenge(to),
            },
            "at most 65536",
        ),
        (
            |path, to| match path.starts_with("/token") {
                true => head(to, "200 OK", "").and_then(|()| drip(to)),
                false => challenge(to),
            },
            "too slowly",
        ),
        (
            |path, to| match path.starts_with("/token") {
                true => head(to, "403 Forbidden", "").and_then(|()| endless(to)),
                false => challenge(to),
            },
            "log in",
        ),
        // A token that would be two header fields.
        (
            |path, to| match path.starts_with("/token") {
                true => {
                    head(to, "200 OK", "")?;
                    to.write_all(br#"{"token":"a\r\nX-Evil: b"}"#)
                }
                false => challenge(to),
            },
            "log in",
        ),
        (
            |path, to| match path.starts_with("/token") {
                true => {
                    head(to, "200 OK", "")?;
                    to.write_all(b"[[[[[[[[")
                }
                false => challenge(to),
            },
            "log in",
        ),
        // A token that does not help: it is not asked for again and again.
        (
            |path, to| match path.starts_with("/token") {
                true => {
                    head(to, "200 OK", "")?;
                    to.write_all(br#"{"token":"good"}"#)
                }
                false => challenge(to),
            },
            "log in",
        ),
    ];
    for (number, (answer, told)) in answers.into_iter().enumerate() {
        let hostile = Hostile::start(answer);
        let from = reference(hostile.port, "acme/pack:1.0");
        let user = Credentials::Password {
            user: "me".into(),
            password: "secret".into(),
        };
        let registry = hostile.connect(user);
        let error = block_on(registry.pull_manifest(&from)).unwrap_err();
        assert!(error.to_string().contains(told), "case {number}: {error}");
        assert!(
            hostile.requests.load(Ordering::SeqCst) <= 4,
            "case {number}"
        );
        // Who pushes asks for another token in the same way.
        let pack = artifact(Content::Bytes("pushed".into()));
        let error = block_on(registry.push(&from, pack, &silent)).unwrap_err();
        let useless = number == 5;
        assert!(
            useless || error.to_string().contains(told),
            "case {number}: {error}"
        );
    }
    let garbage = Hostile::start(|_, to| {
        head(
            to,
            "401 Unauthorized",
            "WWW-Authenticate: ,,=\"\r\nContent-Length: 0\r\n",
        )
    });
    for (what, error) in garbage.ask() {
        assert!(
            matches!(error, RegistryError::Registry { .. }),
            "{what}: {error}"
        );
    }
}

#[test]
fn endless_reasons_are_cut() {
    let hostile = Hostile::start(|_, to| {
        head(to, "500 Internal Server Error", "")?;
        endless(to)
    });
    for (what, error) in hostile.ask() {
        assert!(error.to_string().len() < 10_000, "{what}");
        assert!(error.may_pass(), "{what}: {error}");
    }
}

#[test]
fn who_pushes_is_not_held_up_or_fed_without_end_either() {
    let before = peak();
    let busy = Hostile::start(|_, to| {
        head(to, "500 Internal Server Error", "")?;
        endless(to)
    });
    // Takes the upload without saying where.
    let nowhere = Hostile::start(|path, to| {
        let known = !path.contains("/uploads/");
        head(
            to,
            if known {
                "404 Not Found"
            } else {
                "202 Accepted"
            },
            "",
        )?;
        endless(to)
    });
    let refusing = Hostile::start(|path, to| {
        let known = path.contains("/blobs/");
        head(to, if known { "200 OK" } else { "400 Bad Request" }, "")?;
        endless(to)
    });
    let silent_one = Hostile::start(|_, to| drip(to));
    let push = |hostile: &Hostile| {
        let registry = hostile.connect(Credentials::Anonymous);
        let to = reference(hostile.port, "acme/pack:1.0");
        let pushed = artifact(Content::Bytes("hello".into()));
        let error = block_on(registry.push(&to, pushed, &silent)).unwrap_err();
        assert!(error.to_string().len() < 10_000);
        error
    };
    assert!(push(&busy).may_pass());
    let error = push(&nowhere).to_string();
    assert!(
        error.contains("no place where the upload goes on"),
        "{error}"
    );
    let error = push(&refusing).to_string();
    assert!(error.contains("code: 400"), "{error}");
    let began = Instant::now();
    let error = push(&silent_one);
    assert!(began.elapsed() < Duration::from_secs(30), "{error}");
    assert!(peak() - before < 256 << 20);
}

#[test]
fn an_index_with_too_many_entries_or_none_that_can_be_read() {
    let many = Hostile::start(|_, to| {
        head(to, "200 OK", "")?;
        let entry = format!(
            r#"{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{DIGEST}","size":1}}"#
        );
        let entries = vec![entry; 300].join(",");
        write!(to, r#"{{"schemaVersion":2,"manifests":[{entries}]}}"#)
    });
    let deep = Hostile::start(|_, to| {
        head(to, "200 OK", "")?;
        to.write_all(&[b'['; 1 << 19])
    });
    let list = |hostile: &Hostile| {
        let registry = hostile.connect(Credentials::Anonymous);
        let from = reference(hostile.port, "acme/pack:1.0");
        block_on(registry.referrers(&from, DIGEST, None)).unwrap_err()
    };
    assert!(matches!(
        list(&many),
        RegistryError::TooMany { count: 300, .. }
    ));
    assert!(matches!(list(&deep), RegistryError::Manifest { .. }));
}

#[test]
fn a_list_that_somebody_else_keeps_writing_is_written_five_times() {
    static WRITTEN: AtomicU64 = AtomicU64::new(0);
    // Takes everything, and lists nothing.
    let forgetful = Hostile::start(|path, to| {
        if path.contains("/manifests/sha256-") {
            WRITTEN.fetch_add(1, Ordering::SeqCst);
        }
        let status = match path.contains("/manifests/") {
            true => "201 Created",
            false => "200 OK",
        };
        let list = r#"{"schemaVersion":2,"manifests":[]}"#;
        head(to, status, &format!("Content-Length: {}\r\n", list.len()))?;
        to.write_all(list.as_bytes())?;
        to.shutdown(std::net::Shutdown::Write)?;
        // What was sent and is not read would cut off the answer.
        std::io::copy(to, &mut std::io::sink()).map(drop)
    });
    let registry = forgetful.connect(Credentials::Anonymous);
    let to = reference(forgetful.port, "acme/pack:1.0");
    let error = block_on(async {
        let pack = artifact(Content::Bytes("a pack".into()));
        let pack = registry.push(&to, pack, &silent).await.unwrap();
        let signature = artifact(Content::Bytes("a signature".into()));
        registry.attach((&to, &pack), signature, &silent).await
    });
    let error = error.unwrap_err().to_string();
    assert!(error.contains("does not stay in it"), "{error}");
    assert_eq!(WRITTEN.load(Ordering::SeqCst), 5);
}

#[test]
fn a_registry_that_takes_no_connection_is_given_up() {
    // A queue that nobody empties: beyond it the kernel leaves who calls without an answer.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&place, Duration::from_millis(300)) {
        waiting.push(stream);
    }
    let limits = Limits {
        retries: 0,
        answer: Duration::from_secs(600),
        ..Limits::default()
    };
    let from = reference(place.port(), "acme/pack:1.0");
    let registry = Registry::new(&from, Credentials::Anonymous, false, Vec::new(), limits);
    let error = block_on(registry.unwrap().pull_manifest(&from)).unwrap_err();
    assert!(error.may_pass(), "{error}");
}
