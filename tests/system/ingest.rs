//! Logs that are posted to `palisade serve`, by curl and by clients that kill it, withhold what they
//! said they would send, or have no right to.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use palisade_tests::skip;
use serde_json::Value;

use crate::order::event;
use crate::site::{Chance, PATIENCE, Site, stderr, stop};

/// A token of the tenant of the source.
pub(crate) const TOKEN: &str = "token-of-the-tests-0123456789";

/// A port that is free, for a moment at least.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its number").port()
}

/// An event of an address of its own, of which the puppet tells.
pub(crate) fn numbered(number: u64) -> String {
    let ip = format!(
        "10.{}.{}.{}",
        1 + number / 62_500,
        number / 250 % 250,
        1 + number % 250
    );
    event(number * 7 % 3_000_000, 1, "find").replace("10.0.0.1", &ip)
}

/// How often each address is told of.
pub(crate) fn told(site: &Site) -> BTreeMap<String, usize> {
    let mut told = BTreeMap::new();
    for finding in site.findings() {
        if finding["rule"] == "told" {
            let subject = finding["subject"].as_str().unwrap_or_default().to_owned();
            *told.entry(subject).or_default() += 1;
        }
    }
    told
}

/// Asserts that each of these events was found once, and no other.
pub(crate) fn assert_once(site: &Site, count: u64) {
    let told = told(site);
    let more: Vec<_> = told.iter().filter(|(_, times)| **times != 1).collect();
    assert!(more.is_empty(), "found more than once: {more:?}");
    for number in 0..count {
        let event: Value = serde_json::from_str(&numbered(number)).expect("JSON");
        let subject = format!(
            "address:{}",
            event["src"]["ip"].as_str().expect("an address")
        );
        assert!(told.contains_key(&subject), "event {number} is lost");
    }
    assert_eq!(told.len() as u64, count);
}

impl Site {
    /// Writes a secret that nobody else may read, in a file of this name.
    pub(crate) fn secret(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::write(&path, text).expect("a file can be written");
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&path, mode).expect("it is ours");
    }

    /// Adds to the configuration; `{at}` is the site's folder.
    pub(crate) fn configure(&self, more: &str) {
        let more = more.replace("{at}", &self.path("").display().to_string());
        self.append("palisade.toml", &more);
    }

    /// A site with a listener, and these lines about it.
    pub(crate) fn posted(lines: &str) -> Option<(Site, u16)> {
        let site = Site::new(&[])?;
        let port = free_port();
        site.secret("token", TOKEN);
        site.configure(&format!(
            "[snapshot]\nevery_seconds = 1\n\
             [[source]]\nname = \"edge\"\nkind = \"http\"\n[source.http]\n\
             listen = \"127.0.0.1:{port}\"\n{lines}\n\
             [[source.http.token]]\ntoken_file = \"{{at}}/token\"\n"
        ));
        Some((site, port))
    }

    /// What the control interface answers.
    pub(crate) fn control(&self, path: &str) -> String {
        let output = Command::new("curl")
            .args(["--silent", "--max-time", "10", "--unix-socket"])
            .arg(self.path("data/control/palisade.sock"))
            .arg(format!("http://palisade{path}"))
            .output()
            .expect("curl runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// What `ctl status` says of a network source.
    pub(crate) fn link(&self, name: &str) -> Value {
        let status: Value = serde_json::from_str(&self.control("/v1/status")).unwrap_or_default();
        let links = status["links"].as_array().cloned().unwrap_or_default();
        let link = links.into_iter().find(|link| link["name"] == name);
        link.unwrap_or_default()
    }

    /// Waits until something holds.
    pub(crate) fn until(&self, what: &str, mut holds: impl FnMut(&Site) -> bool) {
        let began = Instant::now();
        while !holds(self) {
            let status = self.control("/v1/status");
            assert!(began.elapsed() < PATIENCE, "not {what}: {status}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// How many events the server has seen.
    pub(crate) fn events(&self) -> u64 {
        let status: Value = serde_json::from_str(&self.control("/v1/status")).unwrap_or_default();
        status["events"].as_u64().unwrap_or_default()
    }
}

/// `curl`, which says the status and then the answer.
fn curl(arguments: &[&str]) -> (u16, String) {
    let output = Command::new("curl")
        .args([
            "--silent",
            "--max-time",
            "30",
            "--write-out",
            "\n%{http_code}",
        ])
        .args(arguments)
        .output()
        .expect("curl runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (answer, status) = text.rsplit_once('\n').unwrap_or_default();
    (status.parse().unwrap_or_default(), answer.to_owned())
}

fn has_curl() -> bool {
    let there = Command::new("curl").arg("--version").output().is_ok();
    if !there {
        skip("there is no curl; `make setup` installs it");
    }
    there
}

/// A request as it goes over the wire.
fn request(body: &str, length: usize, more: &str) -> String {
    format!(
        "POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Type: application/x-ndjson\r\nContent-Length: {length}\r\n{more}\r\n{body}"
    )
}

/// Posts once; the head and body of the answer, if there is one.
fn post(port: u16, body: &str, key: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let more = format!("Idempotency-Key: {key}\r\nConnection: close\r\n");
    stream
        .write_all(request(body, body.len(), &more).as_bytes())
        .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.contains("\r\n\r\n").then_some(answer)
}

#[test]
fn what_is_acknowledged_is_found_once_whatever_kills_the_server() {
    let Some((site, port)) = Site::posted("") else {
        return;
    };
    if !has_curl() {
        return;
    }
    const CLIENTS: u64 = 4;
    const BODIES: u64 = 60;
    const EVENTS: u64 = 5;
    let done = AtomicBool::new(false);
    let body = |number: u64| -> String {
        (number * EVENTS..(number + 1) * EVENTS)
            .map(numbered)
            .collect()
    };
    let kills = std::thread::scope(|scope| {
        let killer = scope.spawn(|| {
            let mut chance = Chance(3);
            let mut kills = 0;
            let mut server = site.start();
            loop {
                std::thread::sleep(Duration::from_millis(250 + chance.below(600)));
                let over = done.load(Ordering::Relaxed);
                let output = stop(server, if over { "-TERM" } else { "-KILL" });
                assert!(!stderr(&output).contains("panicked"), "{}", stderr(&output));
                assert!(
                    !stderr(&output).contains("made something else be said"),
                    "{}",
                    stderr(&output)
                );
                if over {
                    return kills;
                }
                kills += 1;
                server = site.start();
            }
        });
        let clients = (0..CLIENTS).map(|client| {
            let body = &body;
            scope.spawn(move || {
                for number in client * BODIES..(client + 1) * BODIES {
                    let began = Instant::now();
                    // A client that does not know whether it was kept asks again.
                    loop {
                        match post(port, &body(number), &format!("body-{number}")) {
                            Some(answer) if answer.starts_with("HTTP/1.1 202") => {
                                assert!(answer.contains("\"events\":5"), "{answer}");
                                break;
                            }
                            Some(answer) => assert!(answer.starts_with("HTTP/1.1 503"), "{answer}"),
                            None => {}
                        }
                        assert!(began.elapsed() < PATIENCE, "body {number} is not taken");
                        std::thread::sleep(Duration::from_millis(20));
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
            })
        });
        let clients: Vec<_> = clients.collect();
        clients
            .into_iter()
            .for_each(|client| client.join().expect("a client"));
        done.store(true, Ordering::Relaxed);
        killer.join().expect("the server was killed")
    });
    assert!(kills >= 2, "{kills} kills");
    let events = CLIENTS * BODIES * EVENTS;
    assert_once(&site, events);
    // After a snapshot, and once more after the journal: the same answers, and no event more.
    for signal in ["-KILL", "-TERM"] {
        let server = site.start();
        site.until("there", |site| site.link("edge")["state"] == "listening");
        for number in 0..CLIENTS * BODIES {
            let answer = post(port, &body(number), &format!("body-{number}")).expect("an answer");
            assert!(answer.contains("idempotent-replayed: true"), "{answer}");
            assert!(answer.contains("\"events\":5"), "{answer}");
        }
        let other = post(port, &body(1), "body-0").expect("an answer");
        assert!(other.starts_with("HTTP/1.1 422"), "{other}");
        site.until("evaluated", |site| site.events() == events);
        stop(server, signal);
    }
    assert_once(&site, events);
}

#[test]
fn whoever_posts_is_told_what_became_of_it() {
    let Some((site, port)) = Site::posted("max_body_bytes = 4096\nqueue_bytes = 65536") else {
        return;
    };
    if !has_curl() {
        return;
    }
    site.secret("other", "token-of-another-tenant-0123");
    site.secret("old", "token-that-has-expired-0123");
    site.configure(
        "[[source.http.token]]\ntoken_file = \"{at}/other\"\ntenant = \"plant-2\"\n\
         [[source.http.token]]\ntoken_file = \"{at}/old\"\nexpires = \"2026-01-01T00:00:00Z\"\n",
    );
    let printed = Command::new(&site.program)
        .args(["config", "print"])
        .arg(site.path("palisade.toml"))
        .output()
        .expect("palisade runs");
    let printed = String::from_utf8_lossy(&printed.stdout).into_owned();
    assert!(
        printed.contains("token_file") && !printed.contains(TOKEN),
        "{printed}"
    );
    let server = site.start();
    site.until("there", |site| site.link("edge")["state"] == "listening");
    let at = format!("http://127.0.0.1:{port}/v1/events");
    let by = |token: &str| format!("Authorization: Bearer {token}");
    let (own, other) = (by(TOKEN), by("token-of-another-tenant-0123"));
    let json = "Content-Type: application/x-ndjson";
    let two = numbered(0) + "junk\n" + &numbered(1);
    let posted = |header: &str, body: &str, more: &[&str]| {
        std::fs::write(site.path("body"), body).expect("a body");
        let data = format!("@{}", site.path("body").display());
        let all = ["-H", header, "-H", json, "--data-binary", &data];
        let place = if more.iter().any(|m| m.starts_with("http")) {
            ""
        } else {
            &at
        };
        let place = Some(place).filter(|place| !place.is_empty());
        curl(&[&all[..], more, &place.into_iter().collect::<Vec<_>>()].concat())
    };
    // What can be read of it is taken, and what cannot is told with its line.
    let (status, answer) = posted(&own, &two, &[]);
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    assert_eq!(
        (status, &answer["events"], &answer["bad"]),
        (202, &2.into(), &1.into())
    );
    assert_eq!(answer["errors"][0]["line"], 2);
    // Whatever an event says, it is of the tenant whose token it came with.
    let foreign = numbered(2).replace(
        "{\"kind\"",
        "{\"source\":\"x\",\"tenant\":\"default\",\"kind\"",
    );
    assert_eq!(posted(&other, &foreign, &[]).0, 202);
    let eve = "{\"timestamp\":\"2025-06-01T10:00:00.000000+0000\",\"event_type\":\"dns\",\
               \"src_ip\":\"10.0.0.9\",\"src_port\":1,\"dest_ip\":\"10.0.0.1\",\"dest_port\":53,\
               \"proto\":\"UDP\",\"dns\":{\"type\":\"query\",\"id\":1,\"rrname\":\"a.example\",\
               \"rrtype\":\"A\"}}\n";
    assert_eq!(posted(&own, eve, &[]).0, 202);
    let zeek = "{\"ts\":1748772000.1,\"uid\":\"C1\",\"id.orig_h\":\"10.0.0.9\",\"id.orig_p\":1,\
                \"id.resp_h\":\"10.0.0.1\",\"id.resp_p\":53,\"proto\":\"udp\",\"query\":\"a.example\",\
                \"qtype_name\":\"A\"}\n";
    assert_eq!(posted(&own, zeek, &[&format!("{at}?log=dns.log")]).0, 202);
    let header = ["-H"];
    let with = |header_text: &'static str| [header[0], header_text];
    let control = numbered(3).replace("network.app", "control.ops");
    for (expected, says, answer) in [
        (
            400,
            "nothing in it could be read",
            posted(&own, &control, &[]),
        ),
        (
            400,
            "column 1",
            posted(&own, &("{\"kind\":1,\"time\":2}\n".repeat(2) + "x"), &[]),
        ),
        (400, "is none of the inputs", posted(&own, "{\"a\":1}", &[])),
        (400, "no record", posted(&own, "\n \n", &[])),
        (
            400,
            "Idempotency-Key",
            posted(&own, &two, &with("Idempotency-Key: a b")),
        ),
        (
            400,
            "log=NAME",
            posted(&own, &two, &[&format!("{at}?log=../x")]),
        ),
        (401, "not known", posted(&by("guessed"), &two, &[])),
        (401, "say `Authorization", posted("X: y", &two, &[])),
        (
            401,
            "expired",
            posted(&by("token-that-has-expired-0123"), &two, &[]),
        ),
        (
            404,
            "POST to /v1/events",
            posted(&own, &two, &[&format!("http://127.0.0.1:{port}/")]),
        ),
        (405, "POST", curl(&["-H", &own, &at])),
        (413, "4096 bytes", posted(&own, &two.repeat(40), &[])),
        (
            413,
            "4096 bytes",
            posted(&own, &two.repeat(40), &with("Transfer-Encoding: chunked")),
        ),
        (
            415,
            "send application/x-ndjson",
            curl(&["-H", &own, "--data-binary", "{}", &at]),
        ),
        (
            415,
            "send it as it is",
            posted(&own, &two, &with("Content-Encoding: gzip")),
        ),
        (415, "is a capture", {
            let pcap = palisade_tests::root().join("tests/captures/sample.txt");
            assert!(pcap.is_file());
            let head = "\u{a}\u{d}\u{d}\u{a}\u{1c}\0\0\0M<+\u{1a}\u{1}\0\0\0";
            posted(&own, head, &[])
        }),
    ] {
        assert_eq!(answer.0, expected, "{says}: {}", answer.1);
        assert!(answer.1.contains(says), "{says}: {}", answer.1);
    }
    // A key is that of a tenant.
    let key = with("Idempotency-Key: one");
    assert_eq!(posted(&own, &numbered(4), &key).0, 202);
    assert_eq!(posted(&other, &numbered(5), &key).0, 202);
    assert_eq!(posted(&own, &numbered(4), &key).0, 202);
    assert_eq!(posted(&own, &numbered(6), &key).0, 422);
    let link = site.link("edge");
    for (cause, count) in [
        ("accepted", 6),
        ("repeated", 1),
        ("unauthorized", 2),
        ("expired-token", 1),
        ("key", 1),
    ] {
        assert_eq!(link["counts"][cause], count, "{cause}: {link}");
    }
    let metrics = site.control("/metrics");
    let row = "palisade_link_results_total{source=\"edge\",kind=\"http\",result=\"accepted\"} 6";
    assert!(metrics.contains(row), "{metrics}");
    assert!(!metrics.contains(TOKEN) && !site.control("/v1/status").contains(TOKEN));
    let output = stop(server, "-TERM");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(!stderr(&output).contains(TOKEN), "{}", stderr(&output));
    let tenants: Vec<(Value, Value)> = site
        .findings()
        .into_iter()
        .filter(|finding| finding["rule"] == "told")
        .map(|finding| (finding["subject"].clone(), finding["tenant"].clone()))
        .collect();
    let of = |number: u64| {
        let event: Value = serde_json::from_str(&numbered(number)).expect("JSON");
        let subject = format!(
            "address:{}",
            event["src"]["ip"].as_str().expect("an address")
        );
        let mut found = tenants.iter().filter(|(of, _)| *of == subject);
        let tenant = found.next().expect("a finding").1.clone();
        assert!(found.next().is_none());
        tenant
    };
    let found: Vec<Value> = [0, 1, 2, 4, 5].map(of).into();
    assert_eq!(
        found,
        ["default", "default", "plant-2", "default", "plant-2"]
    );
    assert_eq!(tenants.len(), 5, "{tenants:?}");
}

#[test]
fn what_cannot_be_kept_now_is_refused_and_taken_later() {
    let Some((site, port)) = Site::posted("queue_requests = 20") else {
        return;
    };
    if !has_curl() {
        return;
    }
    let server = site.start();
    site.until("there", |site| site.link("edge")["state"] == "listening");
    // Somebody holds the database, so that nothing can be kept.
    let database =
        rusqlite::Connection::open(site.path("data/findings.sqlite")).expect("a database");
    database
        .execute_batch("begin immediate")
        .expect("the database is free");
    let answers = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..60)
            .map(|number| {
                scope.spawn(move || {
                    let body = numbered(number);
                    post(port, &body, &format!("key-{number}")).expect("an answer")
                })
            })
            .collect();
        site.until("busy", |site| {
            site.link("edge")["counts"]["busy"]
                .as_u64()
                .is_some_and(|busy| busy >= 40)
        });
        let link = site.link("edge");
        assert_eq!(link["waiting"], 20, "{link}");
        database
            .execute_batch("rollback")
            .expect("the database is let go");
        let joined = clients
            .into_iter()
            .map(|client| client.join().expect("a client"));
        joined.collect::<Vec<_>>()
    });
    let taken = |answer: &String| answer.starts_with("HTTP/1.1 202");
    assert_eq!(answers.iter().filter(|answer| taken(answer)).count(), 20);
    for answer in answers.iter().filter(|answer| !taken(answer)) {
        assert!(answer.starts_with("HTTP/1.1 429"), "{answer}");
        assert!(answer.contains("retry-after: 1"), "{answer}");
    }
    // Later there is room for what was refused, and none is taken twice.
    for number in 0..60 {
        let answer = post(port, &numbered(number), &format!("key-{number}")).expect("an answer");
        assert!(taken(&answer), "{answer}");
    }
    site.until("evaluated", |site| site.events() == 60);
    assert_eq!(site.link("edge")["waiting"], 0);
    stop(server, "-TERM");
    assert_once(&site, 60);
}

#[test]
fn a_body_of_more_than_an_epoch_takes_is_refused_and_leaves_nothing() {
    let Some((site, port)) = Site::posted("max_body_bytes = 8388608") else {
        return;
    };
    if !has_curl() {
        return;
    }
    let server = site.start();
    site.until("there", |site| site.link("edge")["state"] == "listening");
    const CLIENTS: u64 = 8;
    const BODIES: u64 = 25;
    let first = CLIENTS * BODIES;
    let most: String = (first..first + 16_383).map(numbered).collect();
    let more = most.clone() + &numbered(0);
    let answer = post(port, &more, "more").expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    let answer = post(port, &most, "most").expect("an answer");
    assert!(
        answer.starts_with("HTTP/1.1 202") && answer.contains("16383"),
        "{answer}"
    );
    // Small ones that make an epoch together, of which some do not fit.
    let bad = "x\n".repeat(20_000);
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let bad = &bad;
            scope.spawn(move || {
                for number in client * BODIES..(client + 1) * BODIES {
                    let wrong = numbered(number) + bad;
                    let answer = post(port, &wrong, &format!("bad-{number}")).expect("an answer");
                    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
                    let body = numbered(number);
                    let answer = post(port, &body, &format!("{number}")).expect("an answer");
                    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
                }
            });
        }
    });
    let all = first + 16_383;
    site.until("evaluated", |site| site.events() == all);
    stop(server, "-KILL");
    let server = site.start();
    site.until("there again", |site| site.events() == all);
    let output = stop(server, "-TERM");
    let said = stderr(&output);
    assert!(!said.contains("made something else be said"), "{said}");
    assert_once(&site, all);
}

#[test]
fn slow_half_closed_and_oversized_requests_harm_nobody_else() {
    let lines = "max_body_bytes = 4096\nmax_connections = 4\nidle_seconds = 1\nbody_seconds = 3";
    let Some((site, port)) = Site::posted(lines) else {
        return;
    };
    if !has_curl() {
        return;
    }
    let server = site.start();
    site.until("there", |site| site.link("edge")["state"] == "listening");
    let open = |text: &str| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        // One that is closed at once takes nothing.
        let _ = stream.write_all(text.as_bytes());
        stream
    };
    let rest = |mut stream: TcpStream| {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    };
    // Nothing, half a head, half a body, and a body whose sender has nothing more to say.
    let silent = open("");
    let head = open("POST /v1/events HTTP/1.1\r\nHost: x\r\n");
    let body = open(&request(&numbered(0), 4000, ""));
    let half = open(&request(&numbered(0), 4000, ""));
    half.shutdown(Shutdown::Write).expect("a socket");
    // No more than there may be at a time.
    site.until("all taken", |site| {
        let link = site.link("edge");
        link["connections"]
            .as_u64()
            .is_some_and(|connections| connections >= 3)
    });
    let too_many: Vec<TcpStream> = (0..4).map(|_| open("")).collect();
    site.until("too many", |site| {
        site.link("edge")["counts"]["connections"]
            .as_u64()
            .is_some_and(|count| count >= 1)
    });
    // Whoever has a token gets in all the same: the first without one goes.
    let answer = post(port, &numbered(0), "meanwhile").expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    drop(too_many);
    assert_eq!(rest(silent), "");
    assert!(!rest(head).starts_with("HTTP/1.1 202"));
    assert!(rest(body).starts_with("HTTP/1.1 408"));
    assert!(!rest(half).starts_with("HTTP/1.1 202"));
    // A drop now and then does not keep a body going for ever, either.
    site.until("free", |site| site.link("edge")["connections"] == 0);
    let mut dripping = open(&request("{", 4000, ""));
    let began = Instant::now();
    while dripping.write_all(b" ").is_ok() && began.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(300));
    }
    assert!(began.elapsed() < PATIENCE);
    // A head without end, and a body that is said to be larger than all there is.
    let long = "x".repeat(1 << 20);
    let head = open(&format!("POST /v1/events HTTP/1.1\r\nX: {long}\r\n\r\n"));
    assert!(!rest(head).starts_with("HTTP/1.1 202"));
    let large = open(&request("", 1 << 40, ""));
    assert!(rest(large).contains("413"));
    // Nor does anybody without one stay for another request.
    let answer = rest(open("GET /x HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    let odd = open("GET / HTTP/9.9\r\n\r\n\0\0\0");
    assert!(!rest(odd).starts_with("HTTP/1.1 202"));
    site.until("free", |site| site.link("edge")["connections"] == 0);
    let answer = post(port, &numbered(1), "after").expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    assert_eq!(site.link("edge")["waiting"], 0);
    let output = stop(server, "-TERM");
    assert!(!stderr(&output).contains("panicked"), "{}", stderr(&output));
    assert_once(&site, 2);
}

/// A key and a certificate of 127.0.0.1 that vouches for itself, as `NAME.key` and `NAME.pem`.
pub(crate) fn certificate(folder: &Path, name: &str) -> bool {
    let config = "[req]\ndistinguished_name = dn\nx509_extensions = v3\nprompt = no\n[dn]\n\
                  CN = palisade-test\n[v3]\nbasicConstraints = critical,CA:FALSE\n\
                  subjectAltName = IP:127.0.0.1,DNS:localhost\n";
    let path = folder.join(format!("{name}.cnf"));
    std::fs::write(&path, config).expect("a configuration");
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "30"])
        .args(["-pkeyopt", "ec_paramgen_curve:prime256v1", "-config"])
        .arg(path)
        .arg("-keyout")
        .arg(folder.join(format!("{name}.key")))
        .arg("-out")
        .arg(folder.join(format!("{name}.pem")))
        .output();
    let Ok(made) = made else {
        skip("there is no openssl; `make setup` installs it");
        return false;
    };
    assert!(made.status.success(), "{}", stderr(&made));
    true
}

fn check(site: &Site) -> Output {
    Command::new(&site.program)
        .args(["config", "check"])
        .arg(site.path("palisade.toml"))
        .output()
        .expect("palisade runs")
}

#[test]
fn a_listener_speaks_tls_and_clear_text_only_where_it_may() {
    let lines = "tls_cert = \"{at}/a.pem\"\ntls_key = \"{at}/a.key\"";
    let Some((site, port)) = Site::posted(lines) else {
        return;
    };
    if !has_curl() || !certificate(&site.path(""), "a") || !certificate(&site.path(""), "b") {
        return;
    }
    let server = site.start();
    site.until("there", |site| site.link("edge")["state"] == "listening");
    let by = format!("Authorization: Bearer {TOKEN}");
    let body = numbered(0);
    let posted = |ca: &str, scheme: &str| {
        let ca = site.path(ca).display().to_string();
        let at = format!("{scheme}://127.0.0.1:{port}/v1/events");
        let json = "Content-Type: application/x-ndjson";
        curl(&[
            "--cacert",
            &ca,
            "-H",
            &by,
            "-H",
            json,
            "--data-binary",
            &body,
            &at,
        ])
    };
    assert_eq!(posted("a.pem", "https").0, 202);
    assert_eq!(posted("b.pem", "https").0, 0);
    assert_eq!(posted("a.pem", "http").0, 0);
    site.until("counted", |site| {
        site.link("edge")["counts"]["handshake"] == 2
    });
    stop(server, "-TERM");
    assert_once(&site, 1);
    // What is wrong is told before anything is served.
    let config = site.path("palisade.toml");
    let good = std::fs::read_to_string(&config).expect("the configuration");
    assert!(check(&site).status.success(), "{}", stderr(&check(&site)));
    let folder = site.path("").display().to_string();
    for (wrong, says) in [
        (good.replace("/a.key", "/b.key"), "source `edge`: tls_key"),
        (
            good.replace("/a.pem", "/palisade.toml"),
            "source `edge`: tls_cert",
        ),
        (
            good.replace("/token\"", "/none\""),
            "source `edge`: token 1",
        ),
        (
            good.replace(
                &format!("token_file = \"{folder}/token\""),
                "token_env = \"PALISADE_NOT_SET\"",
            ),
            "source `edge`: token 1: the environment variable PALISADE_NOT_SET is not set",
        ),
        (
            good.replace(
                &format!("tls_cert = \"{folder}/a.pem\"\ntls_key = \"{folder}/a.key\""),
                "",
            )
            .replace("listen = \"127.0.0.1", "listen = \"0.0.0.0"),
            "http: listen: is not loopback",
        ),
    ] {
        assert_ne!(wrong, good, "{says}");
        std::fs::write(&config, wrong).expect("a configuration");
        let checked = check(&site);
        assert_eq!(checked.status.code(), Some(2), "{says}");
        assert!(
            stderr(&checked).contains(says),
            "{says}: {}",
            stderr(&checked)
        );
        let served = site.command().output().expect("palisade runs");
        assert_eq!(served.status.code(), Some(2), "{says}");
        assert!(stderr(&served).contains(says), "{}", stderr(&served));
    }
    std::fs::write(&config, &good).expect("a configuration");
    let mode = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(site.path("token"), mode).expect("it is ours");
    assert!(
        stderr(&check(&site)).contains("chmod o-rwx"),
        "{}",
        stderr(&check(&site))
    );
}
