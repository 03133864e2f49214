//! The kernel filter of the whole product, in network namespaces that each test makes and takes away. Needs root and `ip`: without them each
//! test says loudly that it showed nothing.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::PATIENCE;
use crate::server::{hillfort, run, set};

const KEY: &str =
    "[[keys]]\napp = 1\nkey = 1\nsecret_hex = \"5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a\"\n";

/// Two namespaces with a cable between them; gone when dropped.
struct Lab {
    victim: String,
    player: String,
}

impl Lab {
    /// `None`, said loudly: this machine does not let us.
    fn new(name: &str) -> Option<Self> {
        let own = std::process::id();
        let lab = Self { victim: format!("hf-it-{name}-v-{own}"), player: format!("hf-it-{name}-p-{own}") };
        let lines = [
            format!("netns add {}", lab.victim),
            format!("netns add {}", lab.player),
            format!("-n {} link add door type veth peer name cable netns {}", lab.victim, lab.player),
            format!("-n {} addr add 10.77.0.1/24 dev door", lab.victim),
            format!("-n {} addr add 10.77.0.2/24 dev cable", lab.player),
            format!("-n {} link set lo up", lab.victim),
            format!("-n {} link set door up", lab.victim),
            format!("-n {} link set cable up", lab.player),
        ];
        for line in lines {
            if let Err(error) = ip(&line) {
                println!("NOT RUN: the test of the kernel filter needs root and `ip`: ip {line}: {error}");
                return None;
            }
        }
        Some(lab)
    }

    fn server(&self, folder: &Path, settings: &[(&str, &str)]) -> Running {
        std::fs::write(folder.join("hillfort.toml"), KEY).unwrap();
        let program = hillfort(folder);
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.victim])
            .arg(program.get_program())
            .arg("serve")
            .args(set(&[("edge.address", "10.77.0.1"), ("edge.hello_ms_max", "60000")]));
        command.args(set(settings)).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(std::fs::File::create(folder.join("log")).unwrap());
        Running(command.spawn().unwrap())
    }

    /// What a command prints that runs in a namespace.
    fn within(namespace: &str, line: &str) -> Output {
        run(Command::new("ip")
            .args(["netns", "exec", namespace])
            .args(line.split_ascii_whitespace())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped()))
    }

    fn get(namespace: &str, url: &str) -> String {
        String::from_utf8(Self::within(namespace, &format!("curl -s -m 2 {url}")).stdout).unwrap()
    }

    /// Asks until the answer has it.
    fn until(namespace: &str, url: &str, part: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = Self::get(namespace, url);
            if answer.contains(part) {
                return answer;
            }
            assert!(Instant::now() < deadline, "waited in vain for {part} of {url}: {answer}");
        }
    }

    fn door(&self) -> String {
        String::from_utf8(ip_output(&format!("-n {} link show door", self.victim)).stdout).unwrap()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for namespace in [&self.victim, &self.player] {
            let _never_made = ip(&format!("netns del {namespace}"));
        }
    }
}

/// A server process that is killed when dropped.
struct Running(Child);

impl Running {
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _waited = self.0.wait();
    }
}

fn ip_output(line: &str) -> Output {
    let none = |error: std::io::Error| Output {
        status: std::os::unix::process::ExitStatusExt::from_raw(1),
        stdout: Vec::new(),
        stderr: error.to_string().into_bytes(),
    };
    Command::new("ip").args(line.split_ascii_whitespace()).stdin(Stdio::null()).output().unwrap_or_else(none)
}

fn ip(line: &str) -> Result<(), String> {
    let output = ip_output(line);
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()) }
}

const HEALTH: &str = "http://10.77.0.1:7350/healthz";

#[test]
fn kill_9_leaves_no_filter_and_bans_come_back() {
    let Some(lab) = Lab::new("kill") else { return };
    let folder: TempDir = tempfile::tempdir().unwrap();
    let mut server = lab.server(folder.path(), &[]);
    let health = Lab::until(&lab.player, HEALTH, "\"status\":\"ok\"");
    assert!(health.contains("\"rung\":\"native\"") && health.contains("\"mode\":\"passive\""), "{health}");
    assert!(lab.door().contains("prog/xdp"), "{}", lab.door());

    // A connection from before the ban goes on; a new one gets nowhere.
    let ban = "curl -s -m 2 -H Content-Type:application/json \
               -d {\"address\":\"10.77.0.2\",\"reason\":\"test\",\"seconds\":600} http://127.0.0.1:7351/api/ban";
    let answer = Lab::within(&lab.victim, ban);
    Lab::until(&lab.victim, "http://127.0.0.1:7351/metrics", "hillfort_ladder_addresses{step=\"ban\"} 1");
    let (begin, refused) = (Instant::now(), Lab::get(&lab.player, HEALTH));
    assert_eq!(refused, "", "the console answered {}", String::from_utf8_lossy(&answer.stdout));
    assert!(begin.elapsed() > Duration::from_secs(1), "dropped, not reset: the kernel never saw it");

    server.kill();
    assert!(!lab.door().contains("xdp"), "{}", lab.door());

    // Nobody lifted the ban.
    let _second = lab.server(folder.path(), &[]);
    Lab::until(&lab.victim, HEALTH, "\"status\":\"ok\"");
    Lab::until(&lab.victim, "http://127.0.0.1:7351/metrics", "hillfort_ladder_addresses{step=\"ban\"} 1");
    assert_eq!(Lab::get(&lab.player, HEALTH), "");
}

#[test]
fn each_rung_can_be_asked_for_and_is_told() {
    let Some(lab) = Lab::new("rung") else { return };
    for (wish, rung) in [("generic", "generic"), ("socket", "socket"), ("off", "user_space")] {
        let folder = tempfile::tempdir().unwrap();
        let _server = lab.server(folder.path(), &[("kernel.filter", wish)]);
        let health = Lab::until(&lab.player, HEALTH, "\"status\":\"ok\"");
        assert!(health.contains(&format!("\"rung\":\"{rung}\"")), "{wish}: {health}");
        assert_eq!(lab.door().contains("xdp"), wish == "generic", "{}", lab.door());
        let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
        assert_eq!(log.matches("packets  refused by").count(), 1, "said once: {log}");
    }
}
