//! A server of our own: started on its core with free ports and an empty data folder, gone when dropped. Knows its settings and doors,
//! nothing else.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use hillfort_proto::hello::HelloKey;

use crate::bots::{self, Idle, PATIENCE};
use crate::child::Child;
use crate::credentials::Credentials;
use crate::crowd::Crowd;
use crate::gauge;
use crate::link::{Door, Wire};
use crate::machine::Cores;

/// Longest wait for a server to open its doors.
const START_MAX: Duration = Duration::from_secs(20);
/// What the server says, in its folder.
const LOG: &str = "server.log";
/// Settings that lift what a session may say, for measurements of speed.
pub(super) const UNBOUND_INPUTS: &str = "
[inputs]
session_per_s = 200000
session_burst = 200000
kind_per_s = 200000
kind_burst = 200000
control_per_s = 200000
control_burst = 200000
";

/// A running server.
#[derive(Debug)]
pub(super) struct Fort {
    child: Child,
    folder: PathBuf,
    tcp: SocketAddr,
    http: SocketAddr,
    /// From the start of the process to the first player logged in.
    pub(super) ready_after: Duration,
}

impl Fort {
    pub(super) fn start(program: &Path, cores: &Cores, more: &str) -> anyhow::Result<Self> {
        let ports = free_ports()?;
        let folder = std::env::temp_dir().join(format!("hillfort-report-{}-{}", std::process::id(), ports[0]));
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let config = folder.join("hillfort.toml");
        std::fs::write(&config, settings(&folder, ports, more)).with_context(|| config.display().to_string())?;
        let mut command = Command::new(program);
        let log = std::fs::File::create(folder.join(LOG)).context("a log file for the server")?;
        command.arg("--config").arg(&config).current_dir(&folder).stdout(Stdio::null()).stderr(log);
        let begun = Instant::now();
        let child = cores.on_server_core(|| Child::start(command))?;
        let [tcp, http, _console] = ports.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let mut fort = Self { child, folder, tcp, http, ready_after: Duration::ZERO };
        fort.await_doors(begun)?;
        Crowd::new(fort.door(Wire::Frames), signer()?, &bots::names(1), &bots::sources(1))?.open_all(
            &mut Idle,
            PATIENCE,
            |_| (),
        )?;
        fort.ready_after = begun.elapsed();
        Ok(fort)
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.pid()
    }

    pub(super) fn door(&self, wire: Wire) -> Door {
        let address = if wire == Wire::Frames { self.tcp } else { self.http };
        Door { address, wire }
    }

    pub(super) fn memory(&self) -> anyhow::Result<gauge::Memory> {
        gauge::memory(self.pid())
    }

    fn await_doors(&mut self, begun: Instant) -> anyhow::Result<()> {
        for door in [self.tcp, self.http] {
            while TcpStream::connect(door).is_err() {
                if let Some(status) = self.child.ended()? {
                    let log = std::fs::read_to_string(self.folder.join(LOG)).unwrap_or_default();
                    bail!("the server ended at once ({status}): {}", log.trim());
                }
                if begun.elapsed() > START_MAX {
                    bail!("the server did not open {door} within {} s", START_MAX.as_secs());
                }
                pause(Duration::from_millis(1));
            }
        }
        Ok(())
    }
}

impl Drop for Fort {
    fn drop(&mut self) {
        // Left-overs in the folder for temporary files hurt nobody.
        let _left_over = std::fs::remove_dir_all(&self.folder);
    }
}

/// The key that such a server accepts.
pub(super) fn signer() -> anyhow::Result<HelloKey> {
    Credentials::development().signer()
}

/// Waits for something that gives no sign.
#[expect(clippy::disallowed_methods, reason = "settling of another process is waited for by time")]
pub(crate) fn pause(wait: Duration) {
    std::thread::sleep(wait);
}

/// Clients of measurements come from 127.7.0.0/16, which is trusted; honest bots and attackers are strangers as in life.
fn settings(folder: &Path, [tcp, http, console]: [u16; 3], more: &str) -> String {
    let data = folder.join("data");
    format!(
        "[data]\nfolder = {:?}\n\n[edge]\ntcp_port = {tcp}\nhttp_port = {http}\n\n[nakama]\ngrpc_port = 0\n\n[console]\nport = {console}\n\n[guard]\n\
         trusted = [\"127.7.0.0/16\"]\n\n[bots]\nhilltop = 0\n\n[log]\nfilter = \"warn\"\n{more}",
        data.display().to_string()
    )
}

/// Three ports that were free a moment ago.
fn free_ports() -> anyhow::Result<[u16; 3]> {
    let listeners: Vec<TcpListener> =
        (0..3).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).collect::<Result<_, _>>().context("free ports")?;
    let mut ports = [0; 3];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}
