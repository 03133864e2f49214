//! Honest TCP: an echo server, clients, and connections through each rung and mode.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use hillfort_xdp::{Mode, Rung, Verdict};

use crate::hosts::{Host, Pair, SERVER4, SERVER6, pair};

pub(crate) const PORT: u16 = 7352;
const DEADLINE: Duration = Duration::from_secs(10);

/// Echoes on all addresses, until the test ends.
pub(crate) fn serve(host: &Host) {
    host.run(|| {
        let listener = TcpListener::bind(("::", PORT)).unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                thread::spawn(move || io::copy(&mut &stream, &mut &stream));
            }
        });
    });
}

pub(crate) fn connect(host: &Host, to: &str, patience: Duration) -> io::Result<TcpStream> {
    let to = SocketAddr::new(to.parse::<IpAddr>().unwrap(), PORT);
    host.run(move || {
        let stream = TcpStream::connect_timeout(&to, patience)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_write_timeout(Some(DEADLINE))?;
        Ok(stream)
    })
}

/// Sends and gets back so many bytes.
pub(crate) fn echo(stream: &mut TcpStream, bytes: usize) {
    let sent: Vec<u8> = (0..bytes).map(|place| place as u8).collect();
    let mut writer = stream.try_clone().unwrap();
    let mut got = vec![0; bytes];
    thread::scope(|scope| {
        scope.spawn(|| writer.write_all(&sent).unwrap());
        stream.read_exact(&mut got).unwrap();
    });
    assert_eq!(sent, got);
}

/// TCP in both modes, over both families, with cookies on demand and always: handshakes complete and data flows.
fn connections_work(pair: &Pair, rung: Rung) {
    let attached = pair.attach(rung);
    serve(&pair.server);
    let of = |verdict| attached.filter.counters().total(verdict);
    for (mode, setting, met) in [
        (Mode::Passive, 1, Verdict::Pass),
        (Mode::Passive, 2, Verdict::Pass),
        (Mode::Flood, 1, Verdict::PassNoCookie),
        (Mode::Flood, 2, Verdict::CookieSent),
    ] {
        pair.server.sysctl("net/ipv4/tcp_syncookies", setting);
        attached.filter.set_mode(mode);
        assert_eq!(attached.filter.mode(), mode);
        for host in [SERVER4, SERVER6] {
            let before = attached.filter.counters();
            let mut stream =
                connect(&pair.client, host, DEADLINE).unwrap_or_else(|e| panic!("{rung}, {mode:?}, {setting}, {host}: {e}"));
            echo(&mut stream, 300_000);
            let after = attached.filter.counters();
            assert!(after.of(mode, met) > before.of(mode, met), "{rung}, {mode:?}, {setting}, {host}: {after:?}");
            assert_eq!(after.offered_syn(), before.offered_syn() + 1);
        }
    }
    assert_eq!((of(Verdict::DropNoSocket), of(Verdict::DropMalformed), of(Verdict::DropFragment)), (0, 0, 0));
    // What is not for our ports: neighbours, and a port that nobody watches.
    assert!(of(Verdict::PassOther) > 0);
}

#[test]
fn connections_work_in_the_driver() {
    if let Some(pair) = pair("connections_work_in_the_driver") {
        connections_work(&pair, Rung::Native);
    }
}

#[test]
fn connections_work_in_the_stack() {
    if let Some(pair) = pair("connections_work_in_the_stack") {
        connections_work(&pair, Rung::Generic);
    }
}

/// The top of an epoch names who connected; a new epoch begins at zero and keeps the last one.
#[test]
fn the_top_names_who_connects() {
    let Some(pair) = pair("the_top_names_who_connects") else { return };
    let attached = pair.attach(Rung::Native);
    serve(&pair.server);
    for _ in 0..5 {
        connect(&pair.client, SERVER4, DEADLINE).unwrap();
    }
    let top = attached.filter.top();
    assert_eq!(top.sources, [("10.77.0.2".parse::<IpAddr>().unwrap(), 5)]);
    assert_eq!(top.networks, [("10.77.0.0".parse::<IpAddr>().unwrap(), 5)]);
    assert_eq!(top.signatures.len(), 1);
    let signature = top.signatures[0].0.to_string();
    assert!(
        signature.starts_with("ip4 ttl 64 window ") && signature.contains("mss 1460 options mss,sack,ts,nop,ws"),
        "{signature}"
    );
    attached.filter.next_epoch();
    assert_eq!((attached.filter.top(), attached.filter.top_of_last()), (Default::default(), top));
    connect(&pair.client, SERVER6, DEADLINE).unwrap();
    assert_eq!(attached.filter.top().sources, [("fd77::".parse::<IpAddr>().unwrap(), 1)]);
}
