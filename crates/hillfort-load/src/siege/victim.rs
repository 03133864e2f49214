//! The server under siege: started inside the victim's namespace on its core, with a key of its own, gone when dropped. Knows its settings,
//! doors and console; nothing of attacks.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use hillfort_proto::hello::{AppId, HelloKey, KeyId};
use rustls::ClientConfig;

use super::honest::Entrance;
use super::lab::{Lab, Side, VICTIM};
use crate::child::Child;
use crate::gauge;
use crate::link::{Door, Wire, trust};
use crate::machine::Cores;
use crate::report::pause;

/// Door for frames.
pub(crate) const PORT: u16 = 7352;
const CONSOLE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 7351);
/// Longest wait for the doors.
const START_MAX: Duration = Duration::from_secs(20);
/// Longest wait for an answer of the console.
const ANSWER_MAX: Duration = Duration::from_secs(3);
const LOG: &str = "server.log";

/// Honest players measure by control messages, more of them than a game needs.
const INPUTS: &str = "[inputs]\ncontrol_per_s = 200\ncontrol_burst = 400\n";

/// How a server is to be.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// `kernel.filter`.
    pub(crate) filter: &'static str,
    /// Whether its doors speak TLS.
    pub(crate) tls: bool,
    /// Further settings of the doors, and others.
    pub(crate) edge: &'static str,
    pub(crate) more: &'static str,
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Victim {
    child: Child,
    folder: PathBuf,
    side: Side,
    secret: [u8; 32],
    /// How clients speak TLS with it, if its doors do.
    tls: Option<Arc<ClientConfig>>,
}

impl Victim {
    pub(crate) fn start(program: &Path, lab: &Lab, cores: &Cores, wanted: &Wanted) -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(format!("hillfort-siege-{}", std::process::id()));
        // What an earlier server of this run has left.
        let _none = std::fs::remove_dir_all(&folder);
        make_private(&folder).with_context(|| folder.display().to_string())?;
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|error| anyhow::anyhow!("no random bytes: {error}"))?;
        let tls = if wanted.tls { Some(trust(&certify(&folder)?)?) } else { None };
        let config = folder.join("hillfort.toml");
        std::fs::write(&config, settings(&folder, &lab.victim, wanted, &secret)).with_context(|| config.display().to_string())?;
        let log = std::fs::File::create(folder.join(LOG)).context("a log file for the server")?;
        let mut command = lab.victim.command(program);
        command.arg("--config").arg(&config).current_dir(&folder).stdout(Stdio::null()).stderr(log);
        let child = cores.on_server_core(|| Child::start(command))?;
        let mut victim = Self { child, folder, side: lab.victim.clone(), secret, tls };
        victim.await_doors()?;
        Ok(victim)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.pid()
    }

    pub(crate) fn door(&self) -> Door {
        Door { address: SocketAddr::from((VICTIM, PORT)), wire: Wire::Frames }
    }

    /// How honest people get in.
    pub(crate) fn entrance(&self) -> anyhow::Result<Entrance> {
        let signer = HelloKey::new(AppId(1), KeyId(1), &self.secret).context("32 bytes are a secret")?;
        Ok(Entrance { door: self.door(), tls: self.tls.clone(), signer })
    }

    /// The secret as flags and settings take it.
    pub(crate) fn secret_hex(&self) -> String {
        hex(&self.secret)
    }

    /// Its metrics, names with labels.
    pub(crate) fn metrics(&self) -> anyhow::Result<BTreeMap<String, f64>> {
        Ok(parse_metrics(&self.ask("GET", "/metrics", "")?))
    }

    /// Has it ban `addresses`, as an operator would by the console.
    pub(crate) fn ban(&self, addresses: impl Iterator<Item = Ipv4Addr> + Send) -> anyhow::Result<()> {
        self.side.within(|| {
            let (mut stream, key) = (visit()?, self.console_key()?);
            for address in addresses {
                let body = format!(r#"{{"address":"{address}","reason":"known bot","seconds":600}}"#);
                write!(stream, "{}", request("POST", "/api/ban", &body, &key, "keep-alive"))?;
                let status = read_head(&mut stream)?;
                ensure!(status.starts_with("HTTP/1.1 202"), "the console does not ban {address}: {status}");
            }
            Ok(())
        })
    }

    /// By which commands on its machine are let in.
    fn console_key(&self) -> anyhow::Result<String> {
        let file = self.folder.join("data/console.key");
        let key = std::fs::read_to_string(&file).with_context(|| format!("{}: the key of its console", file.display()))?;
        Ok(key.trim().to_owned())
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> anyhow::Result<String> {
        self.side.within(|| {
            let mut stream = visit()?;
            write!(stream, "{}", request(method, path, body, &self.console_key()?, "close"))?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).context("an answer of the console")?;
            let (head, body) = answer.split_once("\r\n\r\n").context("an answer of the console without an end of its head")?;
            ensure!(head.starts_with("HTTP/1.1 2"), "the console says {}", head.lines().next().unwrap_or_default());
            Ok(body.to_owned())
        })
    }

    fn await_doors(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        // Both doors first, then the console, which opens last.
        loop {
            let open = TcpStream::connect_timeout(&(VICTIM, PORT).into(), Duration::from_millis(200)).is_ok();
            if open && self.metrics().is_ok() {
                return Ok(());
            }
            if let Some(status) = self.child.ended()? {
                bail!("the server ended at once ({status}): {}", self.log());
            }
            ensure!(begun.elapsed() < START_MAX, "the server opened no door within {} s: {}", START_MAX.as_secs(), self.log());
            pause(Duration::from_millis(20));
        }
    }

    /// What it has said.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join(LOG)).unwrap_or_default().trim().to_owned()
    }

    /// Processor time of all its threads.
    pub(crate) fn processor_time(&self) -> anyhow::Result<Duration> {
        gauge::processor_time(self.pid())
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        // Left-overs in the folder for temporary files hurt nobody.
        let _left_over = std::fs::remove_dir_all(&self.folder);
    }
}

/// A new folder that nobody else looks into: the key that signs hellos is in it.
fn make_private(folder: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().mode(0o700).create(folder)
}

fn settings(folder: &Path, side: &Side, wanted: &Wanted, secret: &[u8]) -> String {
    let path = |name: &str| format!("{:?}", folder.join(name).display().to_string());
    let tls = if wanted.tls {
        format!("tls_certificate = {}\ntls_key = {}\n", path("certificate.pem"), path("key.pem"))
    } else {
        String::new()
    };
    format!(
        "[data]\nfolder = {}\n\n[edge]\naddress = \"{VICTIM}\"\ntcp_port = {PORT}\n{tls}{}\n[kernel]\nfilter = \"{}\"\ninterfaces = [{:?}]\n\n\
         [bots]\nhilltop = 0\n\n[nakama]\nserver_key = \"siege\"\nhttp_key = \"\"\n\n{INPUTS}\n{}\n[log]\nfilter = \"warn\"\n\n[[keys]]\napp = 1\nkey = 1\nsecret_hex = \"{}\"\n",
        path("data"),
        wanted.edge,
        wanted.filter,
        side.interface,
        wanted.more,
        hex(secret)
    )
}

/// A certificate for the victim's address, in the folder; the same in DER.
fn certify(folder: &Path) -> anyhow::Result<Vec<u8>> {
    let made = rcgen::generate_simple_self_signed([VICTIM.to_string()]).context("a certificate")?;
    std::fs::write(folder.join("certificate.pem"), made.cert.pem()).context("writing the certificate")?;
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).context("writing the key")?;
    Ok(made.cert.der().to_vec())
}

fn visit() -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&CONSOLE, ANSWER_MAX).context("the console")?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    // Small questions in turn would wait for acknowledgements.
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn request(method: &str, path: &str, body: &str, key: &str, connection: &str) -> String {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: {CONSOLE}\r\nConnection: {connection}\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// Reads one answer of a connection that goes on, and returns its first line.
fn read_head(stream: &mut TcpStream) -> anyhow::Result<String> {
    let mut answer = vec![];
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\n") && answer.len() < 4096 {
        stream.read_exact(&mut byte).context("an answer of the console")?;
        answer.push(byte[0]);
    }
    let text = String::from_utf8_lossy(&answer).into_owned();
    let length = text.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0).min(65_536)];
    stream.read_exact(&mut body).context("an answer of the console")?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn parse_metrics(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.rsplit_once(' ').and_then(|(name, value)| Some((name.to_owned(), value.parse().ok()?))))
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_names_and_numbers() {
        let text = "# HELP a b\na_total{verdict=\"cookie\"} 12\nhillfort_sessions{state=\"open\"} 0.5\nbroken\n";
        let metrics = parse_metrics(text);
        assert_eq!(metrics.len(), 2);
        assert_eq!(metrics.get("a_total{verdict=\"cookie\"}"), Some(&12.0));
    }

    #[test]
    fn nobody_else_looks_into_the_folder() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = std::env::temp_dir().join(format!("hillfort-load-test-{}", std::process::id()));
        make_private(&folder).expect("a new folder");
        let mode = std::fs::metadata(&folder).expect("it is there").permissions().mode();
        let again = make_private(&folder).map_err(|error| error.kind());
        std::fs::remove_dir(&folder).expect("it is empty");
        assert_eq!((mode & 0o777, again), (0o700, Err(std::io::ErrorKind::AlreadyExists)), "and it takes no folder of others");
    }

    #[test]
    fn settings_say_what_is_wanted() {
        let side = Side { namespace: "n".into(), interface: "hfv1".into(), mac: [0; 6] };
        let check = |tls: bool| {
            settings(
                Path::new("/x"),
                &side,
                &Wanted { filter: "off", tls, edge: "unproven_max = 7\n", more: "[guard]\nplayed_s = 1\n" },
                &[0xab; 2],
            )
        };
        assert!(
            check(false).contains("filter = \"off\"\ninterfaces = [\"hfv1\"]") && check(false).contains("secret_hex = \"abab\"")
        );
        assert!(check(true).contains("key.pem\"\nunproven_max = 7\n\n[kernel]"));
        assert!(check(true).contains("[guard]\nplayed_s = 1"));
        assert!(!check(false).contains("tls_") && check(true).contains("tls_key = \"/x/key.pem\""));
    }
}
