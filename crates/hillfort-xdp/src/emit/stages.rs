//! The stages for our ports: malformed TCP and UDP, allow list, bans, counting, and the two modes.

use hillfort_bpf::Cond::{Eq, Gt, Lt, Ne, Set};
use hillfort_bpf::Helper;
use hillfort_bpf::Reg::{R0, R1, R2, R3, R4, R5, R6, R7, R8, R10};
use hillfort_bpf::Size::{B, D, H, W};

use super::ip::beyond;
use super::{Emit, Family, slot};
use crate::hints::{HINT_BITS, HINT_BYTES};
use crate::layout::row;
use crate::sketch::{SAMPLE, SIGNATURES, SOURCES};
use crate::verdict::Verdict;

pub(crate) const FIN: i32 = 0x01;
pub(crate) const SYN: i32 = 0x02;
pub(crate) const RST: i32 = 0x04;
pub(crate) const ACK: i32 = 0x10;

/// `TCP_LISTEN`, and where `struct bpf_sock` has the state.
const LISTEN: i32 = 10;
const STATE: i16 = 72;

impl Emit<'_> {
    /// TCP (RFC 9293). In: `R8` header of which 20 bytes are there, `R5` its length by what IP says.
    pub(super) fn tcp(&mut self, family: Family) {
        let bad = self.to(Verdict::DropMalformed);
        let asm = &mut self.asm;
        asm.load(B, R1, R8, 12).rsh(R1, 4).lsh(R1, 2).jump(Lt, R1, 20, bad).jump(Gt, R1, R5, bad);
        asm.mov(R0, R8).add(R0, R1).jump(Gt, R0, R3, bad);

        // A SYN neither ends nor resets; all but a SYN acknowledge or reset.
        let (no_syn, fair) = (asm.label("no syn"), asm.label("fair"));
        asm.load(B, R2, R8, 13).mov(R4, R2).and(R4, SYN | RST | ACK).jump(Eq, R4, 0, bad);
        asm.mov(R4, R2).and(R4, SYN).jump(Eq, R4, 0, no_syn).jump(Set, R2, FIN | RST, bad).place(no_syn);
        // No port 0, and nobody writes to himself ("land", 1997).
        asm.load(H, R4, R8, 0).jump(Eq, R4, 0, bad).load(H, R5, R8, 2).jump(Ne, R4, R5, fair);
        match family {
            Family::V4 => asm.load(W, R4, R7, 12).load(W, R5, R7, 16).jump(Eq, R4, R5, bad),
            Family::V6 => asm
                .load(D, R4, R7, 8)
                .load(D, R5, R7, 24)
                .jump(Ne, R4, R5, fair)
                .load(D, R4, R7, 16)
                .load(D, R5, R7, 32)
                .jump(Eq, R4, R5, bad),
        };
        let syn = asm.label("syn");
        asm.place(fair).and(R2, SYN | ACK).jump(Eq, R2, SYN, syn);
        self.established(family);
        self.asm.place(syn);
        self.syn(family);
    }

    /// A SYN that is well formed.
    fn syn(&mut self, family: Family) {
        let pass = self.to(Verdict::Pass);
        self.count(row::OFFERED_SYN);
        self.allow(family);
        self.bans();
        self.signature(family);
        let (counted, all) = (self.asm.label("counted"), self.asm.label("all"));
        let asm = &mut self.asm;
        asm.load(D, R1, R10, slot::MODE).mov(R2, 1).jump(Eq, R1, 0, all);
        asm.call(Helper::GET_PRANDOM_U32).and(R0, SAMPLE - 1).jump(Ne, R0, 0, counted).mov(R2, SAMPLE);
        asm.place(all).store(D, R10, slot::WEIGHT, R2);
        self.network(family);
        self.touch(&self.maps.sources, slot::SOURCE, SOURCES, false);
        self.touch(&self.maps.networks, slot::NETWORK, SOURCES, false);
        self.touch(&self.maps.signatures, slot::SIGNATURE, SIGNATURES, true);
        self.asm.place(counted).load(D, R1, R10, slot::MODE).jump(Eq, R1, 0, pass);
        self.find_socket(family);
        self.answer(family);
    }

    /// TCP that is no SYN: left alone in passive mode; in flood mode it must belong to a connection, or bring back a cookie.
    fn established(&mut self, family: Family) {
        let (pass, stray) = (self.to(Verdict::Pass), self.to(Verdict::DropNoSocket));
        self.asm.load(D, R1, R10, slot::MODE).jump(Eq, R1, 0, pass);
        self.find_socket(family);
        let asm = &mut self.asm;
        asm.mov(R1, R0).mov(R2, R7).mov(R3, family.ip_bytes()).mov(R4, R8).mov(R5, 20).call(Helper::TCP_CHECK_SYNCOOKIE);
        asm.store(D, R10, slot::ANSWER, R0).load(D, R1, R10, slot::SOCKET).call(Helper::SK_RELEASE);
        asm.load(D, R0, R10, slot::ANSWER).jump(Eq, R0, 0, pass).goto(stray);
    }

    /// The listener for this packet, in `R0` and `slot::SOCKET`, to be released. Our doors always have one, so packets without any socket
    /// are for other machines behind this one, or other namespaces: they are left alone. Those of a connection that exists go to the
    /// kernel.
    fn find_socket(&mut self, family: Family) {
        let (pass, other) = (self.to(Verdict::Pass), self.to(Verdict::PassOther));
        let asm = &mut self.asm;
        let (from, words) = family.addresses();
        for word in 0..words {
            asm.load(D, R1, R7, from + 8 * word).store(D, R10, slot::TUPLE + 8 * word, R1);
        }
        asm.load(W, R1, R8, 0).store(W, R10, slot::TUPLE + 8 * words, R1);
        asm.mov(R1, R6).mov(R2, R10).add(R2, i32::from(slot::TUPLE)).mov(R3, i32::from(8 * words + 4));
        asm.mov(R4, -1).mov(R5, 0).call(Helper::SKC_LOOKUP_TCP).jump(Eq, R0, 0, other);
        let listener = asm.label("listener");
        asm.store(D, R10, slot::SOCKET, R0).load(W, R1, R0, STATE).jump(Eq, R1, LISTEN, listener);
        asm.mov(R1, R0).call(Helper::SK_RELEASE).goto(pass).place(listener);
    }

    /// UDP (RFC 768). A long header begins a QUIC connection (RFC 9000 §17.2).
    pub(super) fn udp(&mut self, family: Family) {
        let (bad, pass) = (self.to(Verdict::DropMalformed), self.to(Verdict::Pass));
        let asm = &mut self.asm;
        asm.load(H, R1, R8, 4).swap(H, R1).jump(Lt, R1, 8, bad).jump(Gt, R1, R5, bad).jump(Lt, R1, 9, pass);
        beyond(asm, R8, 9, pass);
        asm.load(B, R1, R8, 8).and(R1, 0x80).jump(Eq, R1, 0, pass);
        self.count(row::OFFERED_QUIC);
        self.allow(family);
        self.bans();
        self.asm.store(D, R10, slot::WEIGHT, 1);
        self.network(family);
        self.touch(&self.maps.sources, slot::SOURCE, SOURCES, false);
        self.touch(&self.maps.networks, slot::NETWORK, SOURCES, false);
        self.asm.goto(pass);
    }

    /// The allow list; not there at all when it is empty.
    fn allow(&mut self, family: Family) {
        if !self.rules.allow {
            return;
        }
        let asm = &mut self.asm;
        asm.store(W, R10, slot::ALLOW, 128);
        match family {
            Family::V4 => {
                asm.store(D, R10, slot::ALLOW + 4, 0).store(W, R10, slot::ALLOW + 12, i32::from_ne_bytes([0, 0, 0xFF, 0xFF]));
                asm.load(W, R1, R7, 12).store(W, R10, slot::ALLOW + 16, R1);
            }
            Family::V6 => {
                for word in 0..4 {
                    asm.load(W, R1, R7, 8 + 4 * word).store(W, R10, slot::ALLOW + 4 + 4 * word, R1);
                }
            }
        }
        let allowed = self.to(Verdict::Allow);
        self.asm.load_map(R1, &self.maps.allow).mov(R2, R10).add(R2, i32::from(slot::ALLOW));
        self.asm.call(Helper::MAP_LOOKUP_ELEM).jump(Ne, R0, 0, allowed);
    }

    /// Active bans: the value is when it ends, in the kernel's monotonic time. The table is asked only where a hint says so, see
    /// [`crate::hints`].
    fn bans(&mut self) {
        let banned = self.to(Verdict::DropBanned);
        self.hash(slot::SOURCE);
        let asm = &mut self.asm;
        let free = asm.label("not banned");
        asm.rsh(R2, 64 - HINT_BITS as i32).mov(R1, R2).rsh(R1, 6).and(R1, HINT_BYTES as i32 / 8 - 1).lsh(R1, 3);
        asm.load_map_value(R4, &self.maps.ban_hints, 0).add(R4, R1).load(D, R4, R4, 0).and(R2, 63).rsh(R4, R2);
        asm.and(R4, 1).jump(Eq, R4, 0, free);
        asm.load_map(R1, &self.maps.bans).mov(R2, R10).add(R2, i32::from(slot::SOURCE));
        asm.call(Helper::MAP_LOOKUP_ELEM).jump(Eq, R0, 0, free);
        asm.load(D, R1, R0, 0).store(D, R10, slot::ANSWER, R1).call(Helper::KTIME_GET_COARSE_NS);
        asm.load(D, R1, R10, slot::ANSWER).jump(Gt, R1, R0, banned).place(free);
    }

    /// Key of the network, see [`crate::layout::network_key`].
    fn network(&mut self, family: Family) {
        let asm = &mut self.asm;
        asm.load(D, R1, R10, slot::SOURCE).store(D, R10, slot::NETWORK, R1);
        match family {
            Family::V4 => asm.store(B, R10, slot::NETWORK + 7, 0),
            Family::V6 => asm.store(H, R10, slot::NETWORK + 6, 0),
        };
    }
}

impl Family {
    /// Bytes of the IP header without options and extensions.
    pub(super) const fn ip_bytes(self) -> i32 {
        match self {
            Self::V4 => 20,
            Self::V6 => 40,
        }
    }

    /// Where the two addresses begin, and how many 8-byte words they are.
    pub(super) const fn addresses(self) -> (i16, i16) {
        match self {
            Self::V4 => (12, 1),
            Self::V6 => (8, 4),
        }
    }
}
