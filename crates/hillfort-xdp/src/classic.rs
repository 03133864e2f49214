//! The bans as a classic program on a listening socket, for processes without CAP_BPF. Owns the program; drops nothing but SYNs of banned
//! sources, since sockets that are accepted inherit it. Older kernels take it from anybody; those since June 2026 want CAP_NET_ADMIN.

use std::net::IpAddr;

use hillfort_bpf::{ClassicAsm, ClassicInsn, Result, Target};

use crate::layout::address_of;

/// Most bans in a classic program. With IPv6 alone that is up to 3,400 of the 4,096 instructions that the kernel takes.
pub const CLASSIC_BANS_MAX: usize = 512;

/// Keys that are compared one after the other; more are divided by their order first.
const LEAF: usize = 8;
/// Offsets in the network header.
const NET: i32 = ClassicAsm::NET;
const KEEP: u32 = u32::MAX;

/// One ban: the word that is searched for, and for IPv6 the one after it.
type Key = (u32, u32);

/// The program that drops SYNs of these sources. A TCP socket's filter sees the packet from its TCP header on.
pub(crate) fn filter(bans: impl Iterator<Item = u64>) -> Result<Vec<ClassicInsn>> {
    let (mut v4, mut v6): (Vec<Key>, Vec<Key>) = (Vec::new(), Vec::new());
    for key in bans {
        match address_of(key) {
            IpAddr::V4(address) => v4.push((address.to_bits(), 0)),
            IpAddr::V6(address) => v6.push(((address.to_bits() >> 96) as u32, (address.to_bits() >> 64) as u32)),
        }
    }
    v4.sort_unstable();
    v6.sort_unstable();
    let mut asm = ClassicAsm::new();
    let (keep, not_v4) = (asm.label("keep"), asm.label("not IPv4"));
    // Flags: SYN without ACK, RST or FIN.
    asm.load(1, 13).and(0x17).jump_unless(Target::Eq, 0x02, keep).load(1, NET).rsh(4).jump_unless(Target::Eq, 4, not_v4);
    let branch = asm.label("IPv4");
    asm.goto(branch).place(not_v4);
    let v6_branch = asm.label("IPv6");
    asm.jump_unless(Target::Eq, 6, keep).goto(v6_branch).place(keep).ret(KEEP);
    asm.place(branch).load(4, NET + 12);
    tree(&mut asm, &v4, None);
    asm.place(v6_branch).load(4, NET + 8);
    tree(&mut asm, &v6, Some(NET + 12));
    Ok(asm.finish()?)
}

/// Looks for the accumulator among sorted keys. `second` is where the word after it stands, when keys have two.
fn tree(asm: &mut ClassicAsm, keys: &[Key], second: Option<i32>) {
    // Equal first words stay together: the parting is at the first key of its group.
    let middle = keys.len() / 2;
    let at = keys.get(middle).map_or(0, |pivot| keys.partition_point(|key| key.0 < pivot.0));
    if keys.len() > LEAF && at > 0 {
        let (low, high) = (asm.label("low"), asm.label("high"));
        asm.jump_unless(Target::Ge, keys[at].0, low).goto(high).place(low);
        tree(asm, &keys[..at], second);
        asm.place(high);
        return tree(asm, &keys[at..], second);
    }
    match second {
        None => leaf_v4(asm, keys),
        Some(offset) => leaf_v6(asm, keys, offset),
    }
}

fn leaf_v4(asm: &mut ClassicAsm, keys: &[Key]) {
    let drop = asm.label("drop");
    for (word, _) in keys {
        asm.jump_if(Target::Eq, *word, drop);
    }
    asm.ret(KEEP).place(drop).ret(0);
}

/// The first word is in the accumulator; groups with the same first word may be long.
fn leaf_v6(asm: &mut ClassicAsm, keys: &[Key], offset: i32) {
    for group in keys.chunk_by(|a, b| a.0 == b.0) {
        let (same, next) = (asm.label("same"), asm.label("next"));
        asm.jump_if(Target::Eq, group[0].0, same).goto(next).place(same).load(4, offset);
        let seconds: Vec<Key> = group.iter().map(|key| (key.1, 0)).collect();
        tree(asm, &seconds, None);
        asm.place(next);
    }
    asm.ret(KEEP);
}

#[cfg(test)]
mod tests {
    use super::{CLASSIC_BANS_MAX, filter};
    use crate::layout::source_key;
    use crate::model::{parse, socket_filter_drops};
    use crate::packets::Frame;
    use std::net::{Ipv4Addr, Ipv6Addr};

    fn check(keys: impl Iterator<Item = u64>, most: usize) {
        let code = filter(keys.take(CLASSIC_BANS_MAX)).unwrap();
        assert!(code.len() <= most, "{} instructions", code.len());
    }

    #[test]
    fn the_largest_lists_fit() {
        check(std::iter::empty(), 16);
        check((0..).map(|n: u32| source_key(Ipv4Addr::from(n.wrapping_mul(0x9E37_79B9)).into())), 1_000);
        // All in one /32, and each in a /32 of its own.
        check((0..).map(|n: u128| source_key(Ipv6Addr::from(0x2001_0db8 << 96 | n << 64).into())), 1_000);
        check((0..).map(|n: u128| source_key(Ipv6Addr::from((0x2000_0000 + n) << 96).into())), 3_400);
    }

    /// What a listener may get to see, from sources that are banned, their neighbours and others.
    #[test]
    fn only_what_opens_a_connection_is_dropped() {
        const US4: &str = "203.0.113.1:7352";
        const US6: &str = "[2001:db8:ff::1]:7352";
        let banned = ["198.51.100.7", "198.51.100.9", "2001:db8:1:2::", "2001:db8:1:4::"].map(|ip| ip.parse().unwrap());
        let check = |frame: &Frame, expect: bool| {
            let bytes = frame.bytes();
            let packet = parse(&bytes, &[7352], &[]).unwrap_or_else(|verdict| panic!("{verdict:?}: {frame:?}"));
            assert_eq!(socket_filter_drops(&banned, &bytes, &packet).unwrap(), expect, "{frame:?}");
        };
        // SYN, also with urgent data, push and the bits of ECN; not SYN and ACK, RST, ACK, FIN.
        for (flags, opens) in
            [(0x02, true), (0x2A, true), (0xC2, true), (0x12, false), (0x04, false), (0x10, false), (0x11, false)]
        {
            check(&Frame::tcp("198.51.100.7:40000", US4, flags), opens);
            check(&Frame::tcp("[2001:db8:1:2::9]:40000", US6, flags), opens);
            for other in ["198.51.100.6:1", "198.51.100.8:1", "198.51.100.10:1", "7.100.51.198:1"] {
                check(&Frame::tcp(other, US4, flags), false);
            }
            for other in ["[2001:db8:1:1::9]:1", "[2001:db8:1:3::9]:1", "[2001:db9:1:2::9]:1", "[2001:db8::]:1"] {
                check(&Frame::tcp(other, US6, flags), false);
            }
        }
        let syn4 = Frame::tcp("198.51.100.9:40000", US4, 2);
        // Options move the TCP header, which a socket's filter counts from.
        check(&Frame { ip_extra: vec![1; 8], ..syn4.clone() }, true);
        check(&Frame { tags: vec![0x8100], ..syn4.clone() }, true);
        check(&Frame { options: vec![], payload: vec![0; 500], ..syn4 }, true);
        let behind =
            Frame { ip_extra: vec![6, 0, 1, 4, 0, 0, 0, 0], first_next: Some(0), ..Frame::tcp("[2001:db8:1:4::1]:4", US6, 2) };
        check(&behind, true);
    }
}
