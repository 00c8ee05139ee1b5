//! A registry of the test's own.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use palisade_registry::{Credentials, Limits, Reference, Registry};

/// Name, password, and how an htpasswd file writes both.
pub(crate) const LOGIN: (&str, &str) = ("vendor", "open sesame");
const HTPASSWD: &str = "vendor:$2b$05$9VfiWskmIRYe1.S70bSw4.XR0nO8x.i4.4.VJTPdC2H9lEcZmgXAW\n";

/// A running registry, stopped and removed when dropped.
pub(crate) struct Server {
    process: Child,
    folder: tempfile::TempDir,
    pub(crate) port: u16,
    host: &'static str,
}

impl Server {
    /// Starts one. `None`, and a line that says so, where the program is not installed.
    pub(crate) fn start() -> Option<Server> {
        Server::start_with("127.0.0.1", "")
    }

    /// Starts one at `[::1]`, and none where this machine has no such address.
    pub(crate) fn start_at_ipv6() -> Option<Server> {
        if TcpListener::bind("[::1]:0").is_err() {
            #[expect(clippy::print_stderr, reason = "why a test does nothing must be seen")]
            {
                eprintln!("skipped: this machine has no address ::1");
            }
            return None;
        }
        Server::start_with("[::1]", "")
    }

    /// Starts one that lets nobody in without a password.
    pub(crate) fn start_locked() -> Option<Server> {
        Server::start_with(
            "127.0.0.1",
            "auth:\n  htpasswd:\n    realm: test\n    path: htpasswd\n",
        )
    }

    fn start_with(host: &'static str, more: &str) -> Option<Server> {
        let program = Path::new("/usr/bin/docker-registry");
        if !program.is_file() {
            // Tests may print.
            #[expect(clippy::print_stderr, reason = "why a test does nothing must be seen")]
            {
                eprintln!("skipped: docker-registry is not installed; run `make setup`");
            }
            return None;
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        // The port is free now; the server binds it again at once.
        let port = TcpListener::bind(format!("{host}:0"))
            .and_then(|socket| socket.local_addr())
            .expect("a free port")
            .port();
        let config = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: blobs\n  \
             delete:\n    enabled: true\nhttp:\n  addr: \"{host}:{port}\"\n{more}"
        );
        std::fs::write(folder.path().join("config.yml"), config).expect("the configuration");
        std::fs::write(folder.path().join("htpasswd"), HTPASSWD).expect("the passwords");
        let process = Command::new(program)
            .args(["serve", "config.yml"])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker-registry starts");
        let server = Server {
            process,
            folder,
            port,
            host,
        };
        let until = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(format!("{host}:{port}")).is_err() {
            assert!(Instant::now() < until, "docker-registry does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(server)
    }

    /// A reference to something in it.
    pub(crate) fn reference(&self, name: &str) -> Reference {
        let text = format!("{}:{}/{name}", self.host, self.port);
        text.parse().expect("a reference")
    }

    /// A connection to it.
    pub(crate) fn connect(&self) -> Registry {
        connect_to(&self.reference("any"), Credentials::Anonymous)
    }

    /// The file in which it keeps a blob.
    pub(crate) fn blob(&self, digest: &str) -> PathBuf {
        let hex = digest.trim_start_matches("sha256:");
        self.folder
            .path()
            .join("blobs/docker/registry/v2/blobs/sha256")
            .join(&hex[..2])
            .join(hex)
            .join("data")
    }
}

pub(crate) fn reference(port: u16, name: &str) -> Reference {
    format!("127.0.0.1:{port}/{name}")
        .parse()
        .expect("a reference")
}

pub(crate) fn connect(port: u16, credentials: Credentials) -> Registry {
    connect_to(&reference(port, "any"), credentials)
}

fn connect_to(place: &Reference, credentials: Credentials) -> Registry {
    Registry::new(place, credentials, false, Vec::new(), Limits::default()).expect("a connection")
}

impl Drop for Server {
    fn drop(&mut self) {
        // It is gone already, or goes now.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
