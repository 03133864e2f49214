//! A generator of forged packets, and what honest connections notice of it in flood mode.

use std::time::Duration;

use hillfort_bpf::Reg::{R0, R1, R2, R3, R4, R5};
use hillfort_bpf::Size::{D, W};
use hillfort_bpf::{Asm, Cond, Live, Map, MapKind, MapSpec, Program, XdpContext, interface_index, xdp};
use hillfort_xdp::{Mode, Rung, Verdict};

use crate::hosts::{Pair, SERVER4, SERVER6, pair};
use crate::traffic::{connect, echo, serve};

const LONG: Duration = Duration::from_secs(10);

/// Packets to the server's port, each from a source of its own.
#[derive(Clone, Copy)]
pub(crate) struct Flood {
    pub(crate) frames: u32,
    pub(crate) first_source: u32,
    pub(crate) flags: u8,
}

/// Sends a flood from the client's end of the pair and returns when the last frame is out. The checksums are wrong: the filter does not
/// look, and the kernel must not get to see these packets.
pub(crate) fn flood(pair: &Pair, flood: Flood) {
    pair.client.run(move || {
        let counter = Map::create(MapSpec { name: "sent", kind: MapKind::MappedArray, key: 4, value: 8, entries: 1 }).unwrap();
        let mut frame = vec![0xFF; 6];
        frame.extend([2, 0, 0, 0, 0, 9, 8, 0, 0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0, 0, 0, 0, 0]);
        frame.extend(SERVER4.parse::<std::net::Ipv4Addr>().unwrap().octets());
        frame.extend([0x9C, 0x40, 0x1C, 0xB8, 1, 2, 3, 4, 0, 0, 0, 1, 0x50, flood.flags, 4, 0, 0, 0, 0, 0, 0, 0]);
        let mut asm = Asm::new();
        let out = asm.label("out");
        asm.load(W, R2, R1, xdp::DATA).load(W, R3, R1, xdp::DATA_END);
        asm.mov(R4, R2).add(R4, frame.len() as i32).jump(Cond::Gt, R4, R3, out);
        // All of it anew: a frame comes back as the filter left it, which may be as an answer.
        for (place, word) in frame.as_chunks::<4>().0.iter().enumerate() {
            asm.store(W, R2, 4 * place as i16, i32::from_ne_bytes(*word));
        }
        asm.load_map_value(R4, &counter, 0).load(D, R5, R4, 0).mov(R1, R5).add(R1, 1).store(D, R4, 0, R1);
        asm.load64(R1, flood.first_source.into()).add(R5, R1).swap(W, R5).store(W, R2, 26, R5);
        asm.mov(R0, xdp::TX).exit().place(out).mov(R0, xdp::DROP).exit();
        let program = Program::load_xdp("flood", asm).unwrap();
        let context = XdpContext { ifindex: interface_index("c0").unwrap(), queue: 0 };
        // In portions, so that the receiver, which shares the machine, can keep up.
        for portion in (0..flood.frames).step_by(10_000).map(|sent| (flood.frames - sent).min(10_000)) {
            program.run_live(&frame, Live { context, frames: portion, batch: 64 }).unwrap();
        }
    });
}

/// 200,000 forged ACKs in flood mode die in the kernel; an open connection and the ACKs that bring back cookies do not notice.
#[test]
fn an_ack_flood_spares_connections() {
    let Some(pair) = pair("an_ack_flood_spares_connections") else { return };
    let attached = pair.attach(Rung::Native);
    serve(&pair.server);
    let mut open = connect(&pair.client, SERVER4, LONG).unwrap();
    pair.server.sysctl("net/ipv4/tcp_syncookies", 2);
    attached.filter.set_mode(Mode::Flood);
    for round in 0..10 {
        flood(&pair, Flood { frames: 20_000, first_source: 0x3000_0000 + round * 20_000, flags: 0x10 });
        echo(&mut open, 20_000);
        for host in [SERVER4, SERVER6] {
            echo(&mut connect(&pair.client, host, LONG).unwrap(), 20_000);
        }
    }
    let counters = attached.filter.counters();
    assert!(counters.total(Verdict::DropNoSocket) >= 180_000, "{counters:?}");
    assert!(counters.total(Verdict::CookieSent) >= 20, "{counters:?}");
}

/// 200,000 forged SYNs in flood mode: each is answered by a cookie, and a player gets in between them. In
/// the driver only: what the generator sends does not reach a program in veth's stack.
#[test]
fn a_syn_flood_keeps_nobody_out() {
    let Some(pair) = pair("a_syn_flood_keeps_nobody_out") else { return };
    let attached = pair.attach(Rung::Native);
    serve(&pair.server);
    pair.server.sysctl("net/ipv4/tcp_syncookies", 2);
    attached.filter.set_mode(Mode::Flood);
    for round in 0..10 {
        flood(&pair, Flood { frames: 20_000, first_source: 0x4000_0000 + round * 20_000, flags: 0x02 });
        echo(&mut connect(&pair.client, SERVER4, LONG).unwrap(), 20_000);
    }
    let counters = attached.filter.counters();
    assert!(counters.total(Verdict::CookieSent) >= 150_000, "{counters:?}");
    assert_eq!(counters.total(Verdict::PassNoCookie), 0);
}
