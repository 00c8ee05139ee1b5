//! `palisade serve` as a subscriber of a real mosquitto, both of them killed while messages come.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use palisade_tests::skip;

use crate::ingest::{assert_once, certificate, free_port, numbered};
use crate::site::{Chance, PATIENCE, Site, stderr, stop};

/// Where Debian has it, which need not be in the path of a user.
fn mosquitto() -> Option<PathBuf> {
    let places = [
        "/usr/sbin/mosquitto",
        "/usr/bin/mosquitto",
        "/usr/local/sbin/mosquitto",
    ];
    let found = places.iter().map(PathBuf::from).find(|path| path.is_file());
    if found.is_none() {
        skip("there is no mosquitto; `make setup` installs it");
    }
    found
}

/// A broker that keeps sessions over a restart, ended when it is dropped.
struct Broker {
    port: u16,
    folder: PathBuf,
    child: Option<Child>,
    /// What a publisher says beside the rest.
    publisher: Vec<String>,
}

impl Broker {
    /// A broker with these lines about it.
    fn new(site: &Site, lines: &str) -> Option<Broker> {
        let program = mosquitto()?;
        let folder = site.path("broker");
        std::fs::create_dir(&folder).expect("a folder");
        let port = free_port();
        let at = folder.display();
        let lines = lines.replace("{at}", &site.path("").display().to_string());
        // It gives up root by itself otherwise, and cannot read what is ours then.
        let user = std::env::var("USER").unwrap_or_else(|_| "root".to_owned());
        let config = format!(
            "listener {port} 127.0.0.1\n{lines}\nuser {user}\npersistence true\n\
             persistence_location {at}/\nautosave_on_changes true\nautosave_interval 1\n\
             max_queued_messages 0\n"
        );
        std::fs::write(folder.join("mosquitto.conf"), config).expect("a configuration");
        let mut broker = Broker {
            port,
            folder,
            child: None,
            publisher: Vec::new(),
        };
        broker.start(&program);
        Some(broker)
    }

    fn start(&mut self, program: &PathBuf) {
        let log = std::fs::File::create(self.folder.join("log")).expect("a file");
        let child = Command::new(program)
            .arg("-c")
            .arg(self.folder.join("mosquitto.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.child = Some(child.expect("mosquitto runs"));
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(
                began.elapsed() < PATIENCE,
                "mosquitto does not start: {log}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn stop(&mut self) {
        if let Some(child) = self.child.take() {
            stop(child, "-TERM");
        }
    }

    /// Publishes, each of them to this topic.
    fn publish(&self, topic: &str, more: &[&str], messages: &[String]) {
        for message in messages {
            let published = Command::new("mosquitto_pub")
                .args([
                    "-h",
                    "127.0.0.1",
                    "-q",
                    "1",
                    "-t",
                    topic,
                    "-m",
                    message.trim_end(),
                ])
                .args(["-p", &self.port.to_string()])
                .args(&self.publisher)
                .args(more)
                .output()
                .expect("mosquitto_pub runs");
            assert!(published.status.success(), "{}", stderr(&published));
        }
    }

    /// Publishes a line a message, by one connection.
    fn publish_lines(&self, topic: &str, text: &str) {
        let mut child = Command::new("mosquitto_pub")
            .args(["-h", "127.0.0.1", "-q", "1", "-l", "-t", topic])
            .args(["-p", &self.port.to_string()])
            .stdin(Stdio::piped())
            .spawn()
            .expect("mosquitto_pub runs");
        let mut input = child.stdin.take().expect("a pipe");
        std::io::Write::write_all(&mut input, text.as_bytes()).expect("it reads");
        drop(input);
        assert!(child.wait().expect("it ends").success());
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Adds a subscription at a broker to a site.
fn subscribe(site: &Site, broker: &Broker, lines: &str) {
    let lines = match lines.contains("broker = ") {
        true => lines.to_owned(),
        false => format!("broker = \"mqtt://127.0.0.1:{}\"\n{lines}", broker.port),
    };
    site.configure(&format!(
        "[snapshot]\nevery_seconds = 1\n\
         [[source]]\nname = \"plant\"\nkind = \"mqtt\"\n[source.mqtt]\n\
         client_id = \"palisade-test\"\ntopics = [\"logs/#\"]\n{lines}\n"
    ));
}

fn connected(site: &Site) {
    site.until("connected", |site| {
        site.link("plant")["state"] == "connected"
    });
}

#[test]
fn each_message_is_found_once_whatever_kills_the_server() {
    let Some(site) = Site::new(&[]) else {
        return;
    };
    let Some(broker) = Broker::new(&site, "allow_anonymous true") else {
        return;
    };
    subscribe(&site, &broker, "");
    let mut first = Some(site.start());
    connected(&site);
    const MESSAGES: u64 = 3_000;
    let server = std::thread::scope(|scope| {
        let mut server = first.take().expect("it runs");
        let publisher = scope.spawn(|| {
            for first in (0..MESSAGES).step_by(100) {
                let text: String = (first..first + 100).map(numbered).collect();
                broker.publish_lines("logs/a", &text);
                std::thread::sleep(Duration::from_millis(60));
            }
        });
        let mut chance = Chance(9);
        let mut kills = 0;
        while !publisher.is_finished() || kills < 3 {
            std::thread::sleep(Duration::from_millis(200 + chance.below(500)));
            let output = stop(server, "-KILL");
            assert!(!stderr(&output).contains("panicked"), "{}", stderr(&output));
            kills += 1;
            server = site.start();
        }
        server
    });
    site.until("all found", |site| {
        site.count() as u64 >= MESSAGES && site.events() >= MESSAGES
    });
    // What would come twice would come by now.
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(site.events(), MESSAGES);
    let output = stop(server, "-TERM");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(
        !stderr(&output).contains("made something else be said"),
        "{}",
        stderr(&output)
    );
    assert_once(&site, MESSAGES);
}

#[test]
fn a_message_that_was_kept_and_not_acknowledged_is_not_taken_twice() {
    let Some(site) = Site::new(&[]) else {
        return;
    };
    let Some(broker) = Broker::new(&site, "allow_anonymous true") else {
        return;
    };
    subscribe(&site, &broker, "in_flight = 5");
    let server = site.start();
    connected(&site);
    // While somebody holds the database, what is in the journal is not acknowledged.
    let database =
        rusqlite::Connection::open(site.path("data/findings.sqlite")).expect("a database");
    database
        .execute_batch("begin immediate")
        .expect("the database is free");
    let text: String = (0..40).map(numbered).collect();
    broker.publish_lines("logs/a", &text);
    // As many as may be are taken, and no more.
    site.until("waiting", |site| site.link("plant")["waiting"] == 5);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(site.link("plant")["waiting"], 5);
    stop(server, "-KILL");
    database
        .execute_batch("rollback")
        .expect("the database is let go");
    drop(database);
    let server = site.start();
    site.until("all found", |site| {
        site.count() >= 40 && site.events() >= 40
    });
    // Those in the journal came again, and were known.
    let link = site.link("plant");
    let repeated = link["counts"]["repeated"].as_u64().unwrap_or_default();
    assert!((1..=5).contains(&repeated), "{link}");
    stop(server, "-TERM");
    assert_once(&site, 40);
    // After a snapshot nothing is left to come again.
    let server = site.start();
    connected(&site);
    assert_eq!(site.events(), 40);
    stop(server, "-TERM");
}

#[test]
fn a_broker_that_is_gone_is_told_and_holds_up_nobody_else() {
    let Some(site) = Site::new(&["app.log"]) else {
        return;
    };
    let Some(mut broker) = Broker::new(&site, "allow_anonymous true") else {
        return;
    };
    subscribe(&site, &broker, "");
    let server = site.start();
    connected(&site);
    assert_eq!(site.control("/readyz"), "ready\n");
    broker.publish("logs/a", &[], &[numbered(0)]);
    site.until("found", |site| site.events() == 1);
    broker.stop();
    site.until("down", |site| site.link("plant")["state"] == "down");
    assert!(site.control("/readyz").contains("source `plant` is down"));
    assert!(
        site.control("/metrics")
            .contains("palisade_link_up{source=\"plant\",kind=\"mqtt\"} 0")
    );
    site.append("app.log", &numbered(1));
    site.until("found", |site| site.events() == 2);
    broker.start(&mosquitto().expect("it was there a moment ago"));
    connected(&site);
    broker.publish("logs/a", &[], &[numbered(2)]);
    site.until("found", |site| site.events() == 3);
    let output = stop(server, "-TERM");
    let said = stderr(&output);
    assert!(
        said.contains("source `plant`") && said.contains("it is tried again"),
        "{said}"
    );
    assert_once(&site, 3);
}

#[test]
fn what_is_no_event_is_kept_told_and_acknowledged() {
    let Some(site) = Site::new(&[]) else {
        return;
    };
    let Some(broker) = Broker::new(&site, "allow_anonymous true") else {
        return;
    };
    broker.publish("logs/retained", &["-r"], &[numbered(100)]);
    subscribe(&site, &broker, "");
    let server = site.start();
    connected(&site);
    let two = numbered(0) + &numbered(1);
    let pretty = numbered(2).replace(',', ",\n");
    let messages = [
        "junk".to_owned(),
        two,
        "{\"kind\":\"network.app\"}".to_owned(),
        pretty,
    ];
    broker.publish("logs/é/b", &[], &messages);
    broker.publish(
        "logs/zeek/dns",
        &[],
        &["{\"ts\":1,\"uid\":\"C1\",\"query\":\"a\"}".to_owned()],
    );
    broker.publish("logs/c", &[], &[String::new()]);
    broker.publish("other", &[], &[numbered(7)]);
    broker.publish("logs/a", &[], &[numbered(3)]);
    site.until("found", |site| site.count() >= 4);
    let link = site.link("plant");
    assert_eq!(link["counts"]["retained"], 1, "{link}");
    assert!(
        link["bad_records"].as_u64().is_some_and(|bad| bad >= 2),
        "{link}"
    );
    site.until("acknowledged", |site| site.link("plant")["waiting"] == 0);
    let output = stop(server, "-KILL");
    assert!(
        stderr(&output).contains("a message of `logs/é/b` could not be read"),
        "{}",
        stderr(&output)
    );
    // It was acknowledged, so it does not come again; and redo passes it over.
    let server = site.start();
    connected(&site);
    broker.publish("logs/a", &[], &[numbered(4)]);
    site.until("found", |site| site.count() >= 5);
    // It is counted once it was acknowledged, which comes after it is in the database.
    site.until("counted", |site| {
        site.link("plant")["counts"]["accepted"] == 1
    });
    assert!(site.link("plant")["counts"]["unreadable"].is_null());
    let output = stop(server, "-TERM");
    assert!(
        !stderr(&output).contains("made something else be said"),
        "{}",
        stderr(&output)
    );
    assert_once(&site, 5);
}

#[test]
fn a_broker_is_spoken_to_by_tls_with_a_password() {
    let Some(site) = Site::new(&[]) else {
        return;
    };
    if !certificate(&site.path(""), "a") || !certificate(&site.path(""), "b") {
        return;
    }
    let made = Command::new("mosquitto_passwd")
        .args(["-c", "-b"])
        .arg(site.path("users"))
        .args(["palisade", "the-password"])
        .output();
    if !made.is_ok_and(|made| made.status.success()) {
        return skip("there is no mosquitto_passwd; `make setup` installs it");
    }
    let lines = "allow_anonymous false\npassword_file {at}/users\n\
                 certfile {at}/a.pem\nkeyfile {at}/a.key";
    let Some(mut broker) = Broker::new(&site, lines) else {
        return;
    };
    let ca = site.path("a.pem").display().to_string();
    let as_user = ["--cafile", &ca, "-u", "palisade", "-P", "the-password"];
    broker.publisher = as_user.map(str::to_owned).into();
    site.secret("password", "the-password\n");
    let address = format!("broker = \"mqtts://localhost:{}\"\n", broker.port);
    let more = "ca_file = \"{at}/a.pem\"\nuser = \"palisade\"\npassword_file = \"{at}/password\"";
    subscribe(&site, &broker, &(address + more));
    let config = site.path("palisade.toml");
    let good = std::fs::read_to_string(&config).expect("the configuration");
    for (wrong, says) in [
        (good.replace("/a.pem", "/b.pem"), "certificate"),
        (
            good.replace("user = \"palisade\"", "user = \"other\""),
            "NotAuthorized",
        ),
    ] {
        std::fs::write(&config, wrong).expect("a configuration");
        let server = site.start();
        site.until("refused", |site| {
            site.link("plant")["last_problem"]
                .as_str()
                .is_some_and(|said| said.contains(says))
        });
        let output = stop(server, "-TERM");
        assert!(stderr(&output).contains(says), "{}", stderr(&output));
        assert!(
            !stderr(&output).contains("the-password"),
            "{}",
            stderr(&output)
        );
    }
    std::fs::write(&config, &good).expect("a configuration");
    let server = site.start();
    connected(&site);
    broker.publish("logs/a", &[], &[numbered(0)]);
    site.until("found", |site| site.events() == 1);
    stop(server, "-TERM");
    assert_once(&site, 1);
}
