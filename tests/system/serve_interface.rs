//! `palisade serve` capturing on an interface: one end of a pair in a network namespace of its own,
//! at whose other end real captures are replayed.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use palisade_tests::{capture, skip};

use crate::site::{PATIENCE, Site, stderr, stop};
use crate::tap::{gists, tap};

/// A network namespace with a pair of interfaces, `tap` and `net`; gone with this.
struct Namespace(String);

impl Namespace {
    /// `None`: it may not be made here.
    fn new(name: &str) -> Option<Namespace> {
        let name = format!("palisade-{name}-{}", std::process::id());
        let made = Command::new("ip").args(["netns", "add", &name]).output();
        match made {
            Ok(output) if output.status.success() => {}
            Ok(output) => {
                skip(&format!(
                    "no network namespace can be made: {}",
                    stderr(&output).trim()
                ));
                return None;
            }
            Err(_) => {
                skip("`ip` is not installed");
                return None;
            }
        }
        let namespace = Namespace(name);
        if Command::new("tcpreplay").arg("--version").output().is_err() {
            skip("`tcpreplay` is not installed");
            return None;
        }
        // Nobody in it shall say anything by itself.
        for what in ["all", "default"] {
            let setting = format!("/proc/sys/net/ipv6/conf/{what}/disable_ipv6");
            namespace.run("sh", &["-c", &format!("echo 1 > {setting} || true")]);
        }
        namespace.plug();
        Some(namespace)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.0, program]);
        command
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let output = self
            .command(program)
            .args(arguments)
            .output()
            .expect("ip runs");
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            stderr(&output)
        );
    }

    /// Makes the pair.
    fn plug(&self) {
        self.run(
            "ip",
            &["link", "add", "tap", "type", "veth", "peer", "name", "net"],
        );
        for end in ["tap", "net"] {
            self.run("ip", &["link", "set", end, "mtu", "9000", "up"]);
        }
        self.wait_until_plugged();
    }

    /// Waits until packets pass from one end to the other, which they do some time after both are
    /// up.
    fn wait_until_plugged(&self) {
        let began = Instant::now();
        let show = || {
            self.command("ip")
                .args(["-o", "link", "show", "up"])
                .output()
        };
        let up = || {
            String::from_utf8_lossy(&show().expect("ip runs").stdout)
                .matches("state UP")
                .count()
        };
        while up() < 2 {
            assert!(began.elapsed() < PATIENCE, "the pair does not come up");
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// Replays a capture of this repository.
    fn replay(&self, name: &str, more: &[&str]) {
        let path = capture(name).display().to_string();
        let arguments = [&["--intf1=net"], more, &[&path]].concat();
        self.run("tcpreplay", &arguments);
    }

    /// Starts the server of a site in it, which writes what it says to a file.
    fn serve(&self, site: &Site, said: &PathBuf) -> Child {
        let to = File::options()
            .append(true)
            .create(true)
            .open(said)
            .expect("a file");
        let mut command = self.command(&site.program.display().to_string());
        command
            .args(["serve", "--config"])
            .arg(site.path("palisade.toml"));
        command.stdin(Stdio::null()).stderr(to);
        command.spawn().expect("palisade runs")
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).output();
    }
}

fn says(path: &PathBuf, text: &str) {
    let began = Instant::now();
    loop {
        let said = std::fs::read_to_string(path).unwrap_or_default();
        if said.contains(text) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "no `{text}`: {said}");
        std::thread::sleep(Duration::from_millis(30));
    }
}

#[test]
fn what_passes_is_found_also_when_the_interface_comes_back_and_after_a_kill() {
    let Some(site) = tap(
        "kind = \"interface\"\ninterface = \"tap\"",
        "[snapshot]\nevery_seconds = 1",
    ) else {
        return;
    };
    let Some(namespace) = Namespace::new("live") else {
        return;
    };
    let said = site.path("said");
    let server = namespace.serve(&site, &said);
    site.wait_for_tap(|tap| tap["state"] == "reading");
    namespace.replay("mqtt.pcap", &["--pps=2000"]);
    let tap = site.wait_for_tap(|tap| tap["packets"] == 489);
    assert_eq!(tap["drops"]["kernel"], 0, "{tap}");
    // The interface goes, and comes back.
    namespace.run("ip", &["link", "del", "tap"]);
    site.wait_for_tap(|tap| tap["state"] == "down");
    let mut ready = site.ctl(&["status"]);
    assert!(ready.status.success(), "{}", stderr(&ready));
    says(&said, "source `tap`: ");
    namespace.plug();
    site.wait_for_tap(|tap| tap["state"] == "reading");
    says(&said, "is captured from again");
    namespace.replay("modbus.pcap", &["--pps=2000"]);
    site.wait_for_tap(|tap| tap["packets"] == 611);
    // What was captured is in the journal: what is killed finds it there.
    let expected = gists(&site.expected_of(&[capture("mqtt.pcap"), capture("modbus.pcap")]));
    site.wait_for(expected.len());
    stop(server, "-KILL");
    let server = namespace.serve(&site, &said);
    site.wait_for_tap(|tap| tap["state"] == "reading");
    namespace.replay("http.pcap", &["--pps=2000"]);
    site.wait_for_tap(|tap| tap["packets"] == 328);
    let all = ["mqtt.pcap", "modbus.pcap", "http.pcap"].map(capture);
    let expected = gists(&site.expected_of(&all));
    site.wait_for(expected.len());
    ready = stop(server, "-TERM");
    assert_eq!(ready.status.code(), Some(0));
    assert_eq!(gists(&site.findings()), expected);
    let said = std::fs::read_to_string(&said).expect("it said something");
    assert!(!said.contains("made something else be said"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn what_the_kernel_drops_is_counted_and_told() {
    let source = "kind = \"interface\"\ninterface = \"tap\"\nbuffer_bytes = 4096\nfilter = \"ip\"";
    let Some(site) = tap(source, "") else {
        return;
    };
    let Some(namespace) = Namespace::new("drops") else {
        return;
    };
    let said = site.path("said");
    let server = namespace.serve(&site, &said);
    site.wait_for_tap(|tap| tap["state"] == "reading");
    namespace.replay("busy.pcap", &["--topspeed", "--loop=200"]);
    let tap = site.wait_for_tap(|tap| tap["drops"]["kernel"].as_u64() > Some(0));
    let read = tap["packets"].as_u64().expect("a number");
    assert!(read > 0 && read < 200 * 730, "{tap}");
    says(&said, "packets were dropped since it was told last");
    assert_eq!(stop(server, "-TERM").status.code(), Some(0));
}

#[test]
fn an_interface_that_cannot_be_captured_from_is_told() {
    let Some(site) = tap("kind = \"interface\"\ninterface = \"nowhere0\"", "") else {
        return;
    };
    let server = site.start();
    site.wait_for_tap(|tap| tap["state"] == "down");
    let output = stop(server, "-TERM");
    let told = stderr(&output);
    assert!(told.contains("cannot capture on `nowhere0`"), "{told}");
    assert_eq!(output.status.code(), Some(0), "{told}");
    // A filter that is none.
    let config = site.path("palisade.toml");
    let text = std::fs::read_to_string(&config).expect("the configuration");
    let text = text.replace("\"nowhere0\"", "\"lo\"\nfilter = \"tcp prot 80\"");
    std::fs::write(&config, text).expect("a configuration");
    let server = site.start();
    site.wait_for_tap(|tap| tap["state"] == "down");
    let told = stderr(&stop(server, "-TERM"));
    let permitted = !told.contains("needs root or CAP_NET_RAW");
    assert!(
        !permitted || told.contains("the filter `tcp prot 80` is none"),
        "{told}"
    );
}
