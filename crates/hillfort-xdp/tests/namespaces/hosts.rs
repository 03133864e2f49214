//! Two hosts: threads, each in a network namespace of its own, that run what they are given.

use std::fs;
use std::process::{Command, Output};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hillfort_bpf::Reg::R0;
use hillfort_bpf::{Asm, Program, XdpLink, XdpMode, interface_index, own_network, xdp};
use hillfort_xdp::{Attached, Filter, Rung, Settings, Wanted};

type Work = Box<dyn FnOnce() + Send>;

/// A thread in a network namespace of its own.
pub(crate) struct Host {
    work: Option<SyncSender<Work>>,
    thread: Option<JoinHandle<()>>,
    pub(crate) tid: String,
}

impl Host {
    fn new() -> Self {
        let (work, jobs) = sync_channel::<Work>(0);
        let (told, tid) = sync_channel(1);
        let thread = thread::spawn(move || {
            own_network().unwrap();
            let path = fs::read_link("/proc/thread-self").unwrap();
            told.send(path.file_name().unwrap().to_str().unwrap().to_owned()).unwrap();
            jobs.iter().for_each(|job| job());
        });
        Self { work: Some(work), thread: Some(thread), tid: tid.recv().unwrap() }
    }

    /// Runs something in the namespace and waits for it.
    pub(crate) fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (done, result) = sync_channel(1);
        self.work.as_ref().unwrap().send(Box::new(move || drop(done.send(job())))).expect("the host lives");
        result.recv().expect("the job did not panic")
    }

    pub(crate) fn ip(&self, line: &str) -> Output {
        let line = line.to_owned();
        let output = self.run(move || Command::new("ip").args(line.split_whitespace()).output().unwrap());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output
    }

    pub(crate) fn sysctl(&self, path: &'static str, value: u32) {
        self.run(move || fs::write(format!("/proc/sys/{path}"), value.to_string()).unwrap());
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        drop(self.work.take());
        let _panicked_already = self.thread.take().map(JoinHandle::join);
    }
}

/// Server and client. The client's end of the pair has a program too: without one veth does not take in what XDP sends.
pub(crate) struct Pair {
    pub(crate) server: Host,
    pub(crate) client: Host,
    _receiver: XdpLink,
}

pub(crate) const SERVER4: &str = "10.77.0.1";
pub(crate) const CLIENT4: &str = "10.77.0.2";
pub(crate) const SERVER6: &str = "fd77::1";
pub(crate) const CLIENT6: &str = "fd77::2";

/// `None`, and said so, where there are no privileges.
pub(crate) fn pair(test: &str) -> Option<Pair> {
    if let Err(error) = thread::spawn(own_network).join().unwrap() {
        eprintln!("NOT RUN: {test}: network namespaces: {error}");
        return None;
    }
    let (server, client) = (Host::new(), Host::new());
    server.ip("link set lo up");
    server.ip(&format!("link add s0 type veth peer name c0 netns {}", client.tid));
    for (host, name, v4, v6) in [(&server, "s0", SERVER4, SERVER6), (&client, "c0", CLIENT4, CLIENT6)] {
        host.ip(&format!("addr add {v4}/16 dev {name}"));
        host.ip(&format!("addr add {v6}/64 dev {name} nodad"));
        host.ip(&format!("link set {name} up"));
    }
    let receiver = client.run(|| {
        let mut asm = Asm::new();
        asm.mov(R0, xdp::PASS).exit();
        let program = Program::load_xdp("pass", asm).unwrap();
        XdpLink::attach(&program, interface_index("c0").unwrap(), XdpMode::Native).unwrap()
    });
    Some(Pair { server, client, _receiver: receiver })
}

impl Pair {
    /// Attaches on the server.
    pub(crate) fn attach(&self, rung: Rung) -> Attached {
        let attached = self.server.run(move || Filter::attach(&settings(Wanted::Only(rung)), &[]));
        assert_eq!(attached.rung, rung, "{:?}", attached.refused);
        attached
    }
}

pub(crate) fn settings(wanted: Wanted) -> Settings {
    Settings {
        wanted,
        interfaces: vec!["s0".to_owned()],
        tcp_ports: vec![7350, 7352],
        udp_ports: vec![],
        allow: vec![],
        seed: 42,
        busy_max: Duration::ZERO,
    }
}
