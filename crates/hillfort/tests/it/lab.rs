//! A laboratory for tests of the kernel filter: two network namespaces with a cable between them, a server in one, players and attackers in
//! the other. Needs root and `ip`: without them a test says loudly that it showed nothing. Knows nothing of what is tested.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hillfort_bpf::Reg::R0;
use hillfort_bpf::{Asm, Program, XdpLink, XdpMode, interface_index, xdp};
use hillfort_proto::hello::{AppId, HelloKey, KeyId};
use rustix::net::{AddressFamily, SendFlags, SocketType, ipproto, sendto, socket};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::PATIENCE;
use crate::server::{hillfort, run, set};

const KEY: &str =
    "[[keys]]\napp = 1\nkey = 1\nsecret_hex = \"5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a\"\n";

pub(crate) const HEALTH: &str = "http://10.77.0.1:7350/healthz";
/// The key that its settings name.
pub(crate) fn key() -> HelloKey {
    HelloKey::new(AppId(1), KeyId(1), &[0x5a; 32]).unwrap()
}

/// Where the server's frames door is.
pub(crate) const FRAMES: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 77, 0, 1), 7352);

/// Two namespaces with a cable between them; gone when dropped.
pub(crate) struct Lab {
    pub(crate) victim: String,
    pub(crate) player: String,
    /// Without a program at this end a cable of this kind does not take in what the filter answers.
    answers: Option<XdpLink>,
}

/// Of the server, inside of its namespace.
pub(crate) const CONSOLE: &str = "127.0.0.1:7351";

impl Lab {
    /// `None`, said loudly: this machine does not let us.
    pub(crate) fn new(name: &str) -> Option<Self> {
        let own = std::process::id();
        let (victim, player) = (format!("hf-it-{name}-v-{own}"), format!("hf-it-{name}-p-{own}"));
        let mut lab = Self { victim, player, answers: None };
        let lines = [
            format!("netns add {}", lab.victim),
            format!("netns add {}", lab.player),
            format!("-n {} link add door type veth peer name cable netns {}", lab.victim, lab.player),
            format!("-n {} addr add 10.77.0.1/24 dev door", lab.victim),
            format!("-n {} addr add 10.77.0.2/24 dev cable", lab.player),
            format!("-n {} link set lo up", lab.victim),
            format!("-n {} link set door up", lab.victim),
            format!("-n {} link set cable up", lab.player),
            // The way to addresses that nobody has.
            format!("-n {} route add default via 10.77.0.2", lab.victim),
        ];
        for line in lines {
            if let Err(error) = ip(&line) {
                println!("NOT RUN: the test of the kernel filter needs root and `ip`: ip {line}: {error}");
                return None;
            }
        }
        for namespace in [&lab.victim, &lab.player] {
            for name in ["all", "default", "door", "cable"] {
                // Of the two ends each namespace has one.
                let path = format!("net/ipv4/conf/{name}/rp_filter");
                lab.inside(namespace, || drop(std::fs::write(Path::new("/proc/sys").join(path), "0")));
            }
        }
        lab.answers = Some(lab.inside(&lab.player, || {
            let mut asm = Asm::new();
            asm.mov(R0, xdp::PASS).exit();
            let program = Program::load_xdp("pass", asm).unwrap();
            XdpLink::attach(&program, interface_index("cable").unwrap(), XdpMode::Native).unwrap()
        }));
        Some(lab)
    }

    /// Does `work` on a thread in a namespace. Sockets that it opens stay there.
    pub(crate) fn inside<T: Send>(&self, namespace: &str, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                enter(namespace);
                work()
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Sets what a file under `/proc/sys` of the victim says.
    pub(crate) fn sysctl(&self, name: &str, value: u32) {
        self.inside(&self.victim, || std::fs::write(Path::new("/proc/sys").join(name), value.to_string()).unwrap());
    }

    /// What the victim's kernel says of its connections that are half open, and of those that it could not take.
    pub(crate) fn half_open(&self) -> HalfOpen {
        self.inside(&self.victim, || {
            let read = |name: &str| std::fs::read_to_string(format!("/proc/thread-self/net/{name}")).unwrap();
            let lines = [read("tcp"), read("tcp6")].concat();
            let sockets = lines.lines().filter(|line| line.split_whitespace().nth(3) == Some(SYN_RECV)).count();
            let netstat = read("netstat");
            let mut extensions = netstat.lines().filter(|line| line.starts_with("TcpExt:"));
            let (names, values) = (extensions.next().unwrap(), extensions.next().unwrap());
            let of = |wanted: &str| {
                let mut pairs = names.split_whitespace().zip(values.split_whitespace());
                pairs.find(|(name, _)| *name == wanted).unwrap().1.parse().unwrap()
            };
            HalfOpen { sockets, listen_drops: of("ListenDrops"), queue_drops: of("TCPReqQFullDrop") }
        })
    }

    /// Sends SYNs to the frames door, each from an address and port that nobody else has used, until it is dropped or has sent so many.
    pub(crate) fn flood(&self, most: u64) -> Flood {
        // Of 198.18.0.0/15 (RFC 2544).
        let forged = |number: u32| Ipv4Addr::from_bits(0xC612_0000 | (number & 0x1_FFFF));
        self.flood_as(most, move |number| SocketAddrV4::new(forged(number), 1024 + (number >> 17) as u16))
    }

    /// The same from what `forged` says of each one's number.
    pub(crate) fn flood_as(&self, most: u64, forged: impl Fn(u32) -> SocketAddrV4 + Send + 'static) -> Flood {
        let (stop, stopped) = sync_channel(0);
        let sent = Arc::new(AtomicU64::new(0));
        let (namespace, counter) = (self.player.clone(), Arc::clone(&sent));
        let thread = std::thread::spawn(move || {
            enter(&namespace);
            let raw = socket(AddressFamily::INET, SocketType::RAW, Some(ipproto::RAW)).unwrap();
            // 50,000 a second at most, so that the machine's other work goes on.
            while stopped.recv_timeout(Duration::from_millis(1)) == Err(RecvTimeoutError::Timeout) {
                for _ in 0..50 {
                    let number = counter.load(Ordering::Relaxed);
                    if number == most {
                        return;
                    }
                    // No room in the kernel for this one: it is as lost as on a wire.
                    let _lost = sendto(&raw, &forged_syn(forged(number as u32), number as u32), SendFlags::empty(), &FRAMES);
                    counter.store(number + 1, Ordering::Relaxed);
                }
            }
        });
        Flood { stop: Some(stop), sent, thread: Some(thread) }
    }

    pub(crate) fn server(&self, folder: &Path, settings: &[(&str, &str)]) -> Running {
        std::fs::write(folder.join("hillfort.toml"), KEY).unwrap();
        let program = hillfort(folder);
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.victim])
            .arg(program.get_program())
            .arg("serve")
            .args(set(&[("edge.address", "10.77.0.1"), ("edge.hello_ms_max", "60000")]))
            .args(set(&[("nakama.server_key", "lab"), ("nakama.http_key", "lab")]));
        command.args(set(settings)).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(File::create(folder.join("log")).unwrap());
        crate::web::show_key(CONSOLE.parse().unwrap(), folder.join("data/console.key"));
        Running(command.spawn().unwrap())
    }

    /// Gives the players' end further addresses.
    pub(crate) fn add_players(&self, addresses: &[Ipv4Addr]) {
        for address in addresses {
            ip(&format!("-n {} addr add {address}/24 dev cable", self.player)).unwrap();
        }
    }

    /// What a command prints that runs in a namespace.
    pub(crate) fn within(namespace: &str, line: &str) -> Output {
        run(Command::new("ip")
            .args(["netns", "exec", namespace])
            .args(line.split_ascii_whitespace())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped()))
    }

    pub(crate) fn get(namespace: &str, url: &str) -> String {
        String::from_utf8(Self::within(namespace, &format!("curl -s -m 2 {url}")).stdout).unwrap()
    }

    /// Asks until the answer has it.
    pub(crate) fn until(namespace: &str, url: &str, part: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = Self::get(namespace, url);
            if answer.contains(part) {
                return answer;
            }
            assert!(Instant::now() < deadline, "waited in vain for {part} of {url}: {answer}");
        }
    }

    pub(crate) fn door(&self) -> String {
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

/// Says in every run whether the tests that need a laboratory were run.
#[test]
fn privileges() {
    match Lab::new("may") {
        Some(_lab) => println!("tests in network namespaces (flood, kernel, panel, shared) run: this process may make them"),
        None => println!("NOT RUN: none of the tests in network namespaces (flood, kernel, panel, shared) has shown anything"),
    }
}

/// State of a connection whose SYN came and whose handshake did not, in `/proc/net/tcp`.
const SYN_RECV: &str = "03";

/// See [`Lab::half_open`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HalfOpen {
    /// Sockets that wait for the last part of a handshake.
    pub(crate) sockets: usize,
    /// SYNs and handshakes that a listener did not take.
    pub(crate) listen_drops: u64,
    /// SYNs that it dropped because the queue was full.
    pub(crate) queue_drops: u64,
}

/// A flood under way; over when dropped.
pub(crate) struct Flood {
    stop: Option<SyncSender<()>>,
    sent: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Flood {
    /// SYNs that were sent up to now.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Waits until all are out.
    pub(crate) fn all_sent(mut self) -> u64 {
        self.thread.take().unwrap().join().unwrap();
        self.sent()
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

/// A SYN as Linux sends it, with a right checksum: the kernel must not drop it for anything but what it is.
fn forged_syn(from: SocketAddrV4, number: u32) -> Vec<u8> {
    let (from, port) = (*from.ip(), from.port());
    let mut tcp = [port.to_be_bytes(), FRAMES.port().to_be_bytes()].concat();
    tcp.extend(number.wrapping_mul(0x9E37_79B9).to_be_bytes());
    tcp.extend([0, 0, 0, 0, 0xA0, 0x02, 0xFA, 0xF0, 0, 0, 0, 0]);
    tcp.extend([2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7]);
    let pseudo = [&from.octets()[..], &FRAMES.ip().octets(), &[0, 6, 0, 40]].concat();
    let words = [&pseudo[..], &tcp].concat();
    let sum: u32 = words.as_chunks::<2>().0.iter().map(|word| u32::from(u16::from_be_bytes(*word))).sum();
    let folded = (sum & 0xFFFF) + (sum >> 16);
    tcp[16..18].copy_from_slice(&(!((folded & 0xFFFF) + (folded >> 16)) as u16).to_be_bytes());
    // The kernel fills in length, identification and checksum.
    let mut packet = vec![0x45, 0, 0, 60, 0, 0, 0x40, 0, 64, 6, 0, 0];
    packet.extend(from.octets());
    packet.extend(FRAMES.ip().octets());
    packet.extend(tcp);
    packet
}

fn enter(namespace: &str) {
    let file = File::open(format!("/run/netns/{namespace}")).unwrap();
    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
}

/// A server process that is killed when dropped.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn kill(&mut self) {
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
