//! Against the kernel of this machine: maps, trial runs, links, live frames, socket filters. Tests that need privileges say so and
//! pass where there are none.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hillfort_bpf::Reg::*;
use hillfort_bpf::Size::{B, D, W};
use hillfort_bpf::{
    Asm, ClassicAsm, Cond, Error, Helper, Live, Map, MapFull, MapKind, MapSpec, Mapping, Program, Target, XdpContext, XdpLink,
    XdpMode, attach_classic, detach_classic, interface_index, own_network, possible_cpus, xdp,
};

/// Whether this process may use bpf(2). Says so when not.
fn privileged(test: &str) -> bool {
    match Map::create(MapSpec { name: "probe", kind: MapKind::LpmTrie, key: 8, value: 1, entries: 1 }) {
        Ok(_) => true,
        Err(error) => {
            eprintln!("NOT RUN: {test}: {error}");
            false
        }
    }
}

#[test]
fn privileges() {
    if privileged("maps, programs, links and live frames of this file") {
        eprintln!("bpf(2) is allowed: all kernel tests run");
    }
}

fn hash(entries: u32) -> Map {
    Map::create(MapSpec { name: "test", kind: MapKind::Hash, key: 4, value: 8, entries }).unwrap()
}

#[test]
fn a_hash_holds_what_fits() {
    if !privileged("a_hash_holds_what_fits") {
        return;
    }
    let map = hash(4);
    for key in 0..4_u32 {
        assert_eq!(map.update(&key.to_ne_bytes(), &u64::from(key * 10).to_ne_bytes()).unwrap(), Ok(()));
    }
    assert_eq!(map.update(&9_u32.to_ne_bytes(), &[0; 8]).unwrap(), Err(MapFull));
    let mut value = [0; 8];
    assert!(map.lookup(&3_u32.to_ne_bytes(), &mut value).unwrap());
    assert_eq!(u64::from_ne_bytes(value), 30);
    assert!(!map.lookup(&9_u32.to_ne_bytes(), &mut value).unwrap());
    let (keys, values) = map.entries().unwrap();
    assert_eq!((keys.len(), values.len()), (16, 32));
    assert!(map.delete(&3_u32.to_ne_bytes()).unwrap());
    assert!(!map.delete(&3_u32.to_ne_bytes()).unwrap());
    let (mut next, mut walked) = ([0; 4], Vec::new());
    while map.next_key(walked.last().map(|key: &[u8; 4]| &key[..]), &mut next).unwrap() {
        walked.push(next);
    }
    assert_eq!(walked.len(), 3);
    assert!(matches!(map.update(&[0; 3], &[0; 8]), Err(Error::Shape(_))));
    assert!(matches!(map.lookup(&[0; 4], &mut [0; 7]), Err(Error::Shape(_))));
}

#[test]
fn batches_stop_where_they_must() {
    if !privileged("batches_stop_where_they_must") {
        return;
    }
    let map = hash(100);
    let keys: Vec<u8> = (0..120_u32).flat_map(u32::to_ne_bytes).collect();
    let values = vec![7; 120 * 8];
    assert_eq!(map.update_batch(&keys, &values, 120).unwrap(), 100);
    assert_eq!(map.entries().unwrap().0.len(), 400);
    assert_eq!(map.delete_batch(&keys[..80], 20).unwrap(), 20);
    assert_eq!(map.delete_batch(&keys[76..84], 2).unwrap(), 0, "the first key is gone already");
    assert_eq!(map.entries().unwrap().0.len(), 320);
    assert!(matches!(map.update_batch(&keys, &values, 119), Err(Error::Shape(_))));
}

#[test]
fn programs_count_in_every_kind_of_array() {
    if !privileged("programs_count_in_every_kind_of_array") {
        return;
    }
    let per_cpu = Map::create(MapSpec { name: "counts", kind: MapKind::PerCpuArray, key: 4, value: 8, entries: 2 }).unwrap();
    let mapped = Map::create(MapSpec { name: "cells", kind: MapKind::MappedArray, key: 4, value: 64, entries: 1 }).unwrap();
    let mapping = Mapping::new(&mapped).unwrap();
    let mut asm = Asm::new();
    let out = asm.label("out");
    asm.store(W, R10, -4, 1).mov(R2, R10).add(R2, -4).load_map(R1, &per_cpu).call(Helper::MAP_LOOKUP_ELEM);
    asm.jump(Cond::Eq, R0, 0, out).mov(R1, 3).atomic_add(D, R0, 0, R1);
    asm.load_map_value(R2, &mapped, 16).atomic_add(D, R2, 0, R1);
    asm.place(out).mov(R0, xdp::PASS).exit();
    let program = Program::load_xdp("counter", asm).unwrap();
    let run = program.test_run(&[0; 64], 10, None).unwrap();
    assert_eq!((run.verdict, run.packet), (xdp::PASS as u32, vec![0; 64]));
    let mut value = vec![0; per_cpu.value_len()];
    assert_eq!(value.len(), 8 * possible_cpus().unwrap());
    assert!(per_cpu.lookup(&1_u32.to_ne_bytes(), &mut value).unwrap());
    let sum: u64 = value.as_chunks::<8>().0.iter().map(|cell| u64::from_ne_bytes(*cell)).sum();
    assert_eq!(sum, 30);
    assert_eq!((mapping.cells().len(), mapping.cells()[2].load(Ordering::Relaxed)), (8, 30));
    assert!(matches!(Mapping::new(&per_cpu), Err(Error::Shape(_))));
}

#[test]
fn the_verifier_says_why() {
    if !privileged("the_verifier_says_why") {
        return;
    }
    let mut asm = Asm::new();
    asm.load(W, R2, R1, xdp::DATA).load(B, R0, R2, 0).exit();
    let error = Program::load_xdp("careless", asm).unwrap_err();
    assert!(matches!(&error, Error::Verifier { log, .. } if log.contains("invalid access to packet")), "{error}");
}

#[test]
fn a_link_lives_as_long_as_its_handle() {
    if !privileged("a_link_lives_as_long_as_its_handle") {
        return;
    }
    let program = || {
        let mut asm = Asm::new();
        asm.mov(R0, xdp::PASS).exit();
        Program::load_xdp("pass", asm).unwrap()
    };
    in_namespace(|| {
        let lo = interface_index("lo").unwrap();
        let first = XdpLink::attach(&program(), lo, XdpMode::Generic).unwrap();
        let second = XdpLink::attach(&program(), lo, XdpMode::Generic).unwrap_err();
        assert_eq!(second.os_error(), Some(libc::EBUSY), "{second}");
        drop(first);
        drop(XdpLink::attach(&program(), lo, XdpMode::Generic).unwrap());
        let native = XdpLink::attach(&program(), lo, XdpMode::Native).unwrap_err();
        assert_eq!(native.os_error(), Some(libc::EOPNOTSUPP), "{native}");
    });
    assert!(interface_index("no-such-one").is_err() && interface_index("a\0b").is_err());
}

/// Every frame is counted, and keeps what the program wrote.
#[test]
fn live_frames_are_run_in_batches() {
    if !privileged("live_frames_are_run_in_batches") {
        return;
    }
    let cells = Map::create(MapSpec { name: "cells", kind: MapKind::MappedArray, key: 4, value: 8, entries: 1 }).unwrap();
    let mapping = Mapping::new(&cells).unwrap();
    let mut asm = Asm::new();
    asm.mov(R1, 1).load_map_value(R2, &cells, 0).atomic_add(D, R2, 0, R1).mov(R0, xdp::DROP).exit();
    let program = Program::load_xdp("generator", asm).unwrap();
    in_namespace(|| {
        let context = XdpContext { ifindex: interface_index("lo").unwrap(), queue: 0 };
        program.run_live(&[0; 64], Live { context, frames: 1000, batch: 32 }).unwrap();
    });
    assert_eq!(mapping.cells()[0].load(Ordering::Relaxed), 1000);
}

#[test]
fn a_filter_on_a_datagram_socket_needs_no_privilege() {
    let mut asm = ClassicAsm::new();
    let drop = asm.label("drop");
    // The UDP header is 8 bytes: the first byte of the payload decides.
    asm.load(1, 8).jump_if(Target::Eq, u32::from(b'x'), drop).ret(u32::MAX).place(drop).ret(0);
    let code = asm.finish().unwrap();
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    let hears = |text: &[u8]| {
        sender.send_to(text, receiver.local_addr().unwrap()).unwrap();
        receiver.set_nonblocking(true).unwrap(); // loopback delivers before send_to returns
        let mut buffer = [0; 8];
        match receiver.recv(&mut buffer) {
            Ok(length) => buffer[..length] == *text,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                false
            }
        }
    };
    attach_classic(receiver.as_fd(), &code).unwrap();
    assert!(!hears(b"x") && hears(b"y"));
    detach_classic(receiver.as_fd()).unwrap();
    detach_classic(receiver.as_fd()).unwrap();
    assert!(hears(b"x"));
    assert!(attach_classic(receiver.as_fd(), &[]).is_err());
}

#[test]
fn a_listener_filter_refuses_connections() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut asm = ClassicAsm::new();
    asm.ret(0);
    if let Err(error) = attach_classic(listener.as_fd(), &asm.finish().unwrap()) {
        eprintln!("NOT RUN: a_listener_filter_refuses_connections: {error}");
        return;
    }
    let error = TcpStream::connect_timeout(&address, Duration::from_millis(50)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    detach_classic(listener.as_fd()).unwrap();
    TcpStream::connect_timeout(&address, Duration::from_secs(5)).unwrap();
}

/// Runs in a network namespace of its own, which goes away with the thread.
fn in_namespace(work: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            own_network().unwrap();
            work();
        });
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
    });
}
