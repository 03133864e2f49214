//! How high the filter gets, what it says of higher rungs, and that nothing is left of it when its process dies.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hillfort_xdp::{Attached, Filter, Rung, Settings, Wanted, interfaces_of};

use crate::hosts::{Pair, SERVER4, pair, settings};

/// Set, this binary is the process that is killed.
const VICTIM: &str = "HILLFORT_XDP_VICTIM";

#[test]
fn privileges() {
    if pair("all tests in namespaces").is_some() {
        eprintln!("network namespaces are allowed: the filter is tried on real interfaces");
    }
}

/// Not a test but the process that others start: attaches, says how far it got, waits to be killed.
#[test]
fn victim() {
    if std::env::var_os(VICTIM).is_some() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let attached = Filter::attach(&settings(Wanted::Highest), &[listener.as_fd()]);
        eprintln!("rung {} refused {:?}", attached.rung.label(), attached.refused);
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    }
}

/// Starts [`victim`] on the server, behind `prefix`, and gives the line that it says.
fn start_victim(pair: &Pair, prefix: &'static [&'static str]) -> (Child, String) {
    pair.server.run(move || {
        let this = std::env::current_exe().unwrap();
        let mut line: Vec<_> = prefix.iter().map(std::ffi::OsString::from).collect();
        line.push(this.into());
        let mut child = Command::new(&line[0])
            .args(&line[1..])
            .args(["--exact", "ladder::victim", "--nocapture"])
            .env(VICTIM, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let said = lines.find(|line| line.starts_with("rung ")).expect("it says how far it got");
        (child, said)
    })
}

fn has_program(pair: &Pair) -> bool {
    String::from_utf8(pair.server.ip("-details link show dev s0").stdout).unwrap().contains("xdp")
}

#[test]
fn a_killed_process_leaves_nothing_behind() {
    let Some(pair) = pair("a_killed_process_leaves_nothing_behind") else { return };
    assert!(!has_program(&pair));
    let (mut child, said) = start_victim(&pair, &[]);
    assert_eq!(said, "rung native refused []");
    assert!(has_program(&pair));
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    assert!(!has_program(&pair));
    let attached = pair.attach(Rung::Native);
    assert!(has_program(&pair));
    drop(attached);
    assert!(!has_program(&pair));
}

/// As at a restart: the one before holds the interface, is named, goes, and the new one gets on, in the driver.
#[test]
fn a_busy_interface_is_waited_for_and_its_holder_is_named() {
    let Some(pair) = pair("a_busy_interface_is_waited_for_and_its_holder_is_named") else { return };
    let (mut before, said) = start_victim(&pair, &[]);
    assert_eq!(said, "rung native refused []");
    let attach = |busy_max| {
        let settings = Settings { busy_max, ..settings(Wanted::Only(Rung::Native)) };
        pair.server.run(move || Filter::attach(&settings, &[]))
    };
    let refused = attach(Duration::from_millis(50)).refused;
    assert!(refused[0].1.contains(&format!("of process {} (", before.id())), "{refused:?}");
    std::thread::scope(|scope| {
        let next = scope.spawn(|| attach(Duration::from_secs(60)));
        before.kill().unwrap();
        before.wait().unwrap();
        let attached = next.join().unwrap();
        assert_eq!((attached.rung, &attached.refused[..]), (Rung::Native, &[][..]));
    });
}

/// With CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON it is the driver, with CAP_NET_ADMIN alone a filter on the socket, with none that or nothing (by the age
/// of the kernel), and each time it says what is missing.
#[test]
fn capabilities_decide() {
    let Some(pair) = pair("capabilities_decide") else { return };
    if Command::new("setpriv").arg("--version").output().is_err() {
        eprintln!("NOT RUN: capabilities_decide: there is no setpriv");
        return;
    }
    let check = |prefix: &'static [&'static str], rungs: &[&str], reason: &str| {
        let (mut child, said) = start_victim(&pair, prefix);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(rungs.iter().any(|rung| said.starts_with(&format!("rung {rung} "))) && said.contains(reason), "{said}");
    };
    const MISSING: &str = "needs root, or CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON";
    check(&["setpriv", "--bounding-set=-all,+bpf,+net_admin,+perfmon", "--inh-caps=-all"], &["native"], "refused []");
    check(&["setpriv", "--bounding-set=-all,+bpf,+net_admin", "--inh-caps=-all"], &["socket"], "(CAP_PERFMON is missing)");
    check(&["setpriv", "--bounding-set=-all,+net_admin", "--inh-caps=-all"], &["socket"], MISSING);
    check(&["setpriv", "--bounding-set=-all", "--inh-caps=-all"], &["socket", "off"], MISSING);
}

#[test]
fn each_rung_that_cannot_be_had_says_why() {
    let Some(pair) = pair("each_rung_that_cannot_be_had_says_why") else { return };
    let attach = |interfaces: &[&str], wanted, listening: bool| -> Attached {
        let interfaces = interfaces.iter().map(|&name| name.to_owned()).collect();
        pair.server.run(move || {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let listeners = if listening { vec![listener.as_fd()] } else { vec![] };
            Filter::attach(&Settings { interfaces, ..settings(wanted) }, &listeners)
        })
    };
    let check = |attached: &Attached, rung, reasons: &[(Rung, &str)]| {
        assert_eq!(attached.rung, rung, "{:?}", attached.refused);
        assert_eq!(attached.refused.len(), reasons.len(), "{:?}", attached.refused);
        for ((refused, said), (expect, part)) in attached.refused.iter().zip(reasons) {
            assert!(refused == expect && said.contains(part), "{refused:?} {said}");
        }
    };
    use Rung::{Generic, Native, Socket, UserSpace};
    // Loopback has no native XDP: of two interfaces the lower rung is said.
    let both = attach(&["lo", "s0"], Wanted::Highest, false);
    check(&both, Generic, &[(Native, "lo: attach to the interface")]);
    assert_eq!(both.interfaces, [("lo".to_owned(), Generic), ("s0".to_owned(), Native)]);
    // While it is there, nobody else gets on.
    let busy = [(Native, "s0: attach"), (Generic, "another XDP program is there")];
    check(&attach(&["s0"], Wanted::Highest, true), Socket, &busy);
    check(&attach(&["s0"], Wanted::Highest, false), UserSpace, &[busy[0], busy[1], (Socket, "no listening TCP socket")]);
    drop(both);
    check(&attach(&["lo"], Wanted::Only(Native), true), UserSpace, &[(Native, "lo: attach")]);
    check(&attach(&["none"], Wanted::Only(Generic), true), UserSpace, &[(Generic, "none: find the interface")]);
    check(&attach(&["s0", "none"], Wanted::Only(Native), true), UserSpace, &[(Native, "none: find the interface")]);
    check(&attach(&[], Wanted::Highest, true), Socket, &[(Generic, "no interface is named")]);
    check(&attach(&["s0"], Wanted::Only(UserSpace), true), UserSpace, &[]);
    assert!(!has_program(&pair), "what was attached half is gone");
    let found = pair
        .server
        .run(|| (interfaces_of("0.0.0.0".parse().unwrap()).unwrap(), interfaces_of(SERVER4.parse().unwrap()).unwrap()));
    assert_eq!(found, (vec!["s0".to_owned()], vec!["s0".to_owned()]));
}
