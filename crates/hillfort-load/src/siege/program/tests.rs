//! Packets are whole and differ in every field that should; bots say what they should. Tried in the kernel, so it needs root.

use std::collections::BTreeSet;

use hillfort_bpf::Mapping;

use super::*;

fn sides() -> (Side, Side) {
    let side = |mac| Side { namespace: String::new(), interface: String::new(), mac: [2, 0, 0, 0, 0, mac] };
    (side(1), side(2))
}

/// `None` where the kernel does not let us.
fn map() -> Option<Map> {
    match cells() {
        Ok(map) => Some(map),
        Err(error) => {
            eprintln!("NOT RUN, programs of the generator: {error}");
            None
        }
    }
}

#[test]
fn every_packet_is_right_and_new() {
    let Some(map) = map() else { return };
    let (victim, outside) = sides();
    let check = |packet: Packet, flags: u8, sources: std::ops::RangeInclusive<usize>, varies: bool| {
        let program = generator(&map, (&victim, &outside), packet, 7352).expect("the verifier takes it");
        let mut seen: [BTreeSet<u32>; 5] = Default::default();
        let mut frame = first_frame(packet);
        for n in 0..400 {
            let run = program.test_run(&frame, 1, None).expect("a trial");
            assert_eq!(run.verdict, xdp::TX as u32);
            // The next one begins with what is left of this one, turned around or spoilt.
            frame.clone_from(&run.packet);
            frame.extend([0x5a; TRIMMED as usize]);
            if n % 2 == 1 {
                frame.reverse();
            }
            assert_eq!(run.packet[..12], [&victim.mac[..], &outside.mac].concat());
            assert_eq!(run.packet[12..14], [8, 0]);
            let segment = Segment::read(&run.packet[14..]).expect("whole and with good checksums");
            let expect = Mould::of(packet, (&victim, &outside), 7352).frame;
            assert_eq!((run.packet.len(), segment.to.port(), *segment.to.ip()), (expect.len(), 7352, VICTIM));
            assert_eq!((segment.flags, segment.from.port() >= 1024), (flags, true));
            let options = &run.packet[54..];
            let timestamp = options.get(8..12).map_or(0, |bytes| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
            let fields = [
                segment.from.ip().to_bits(),
                segment.from.port().into(),
                segment.id.into(),
                segment.seq,
                segment.ack ^ timestamp,
            ];
            fields.into_iter().zip(&mut seen).for_each(|(field, seen)| {
                seen.insert(field);
            });
        }
        let counts = seen.map(|seen| seen.len());
        assert!(sources.contains(&counts[0]), "{packet:?}: {counts:?}");
        assert!(counts[1..4].iter().all(|&count| count > 380), "{packet:?}: {counts:?}");
        assert_eq!(counts[4] > 380, varies, "{packet:?}: {counts:?}");
    };
    check(Packet::SynSpoofed, SYN, 398..=400, true);
    check(Packet::Ack, ACK, 398..=400, true);
    check(Packet::SynBots(64), SYN, 60..=64, true);
    check(Packet::SynMixed(64), SYN, 200..=300, true);
    check(Packet::SynCompleting(1024), SYN, 250..=400, false);
}

#[test]
fn it_waits_for_its_time_in_bursts() {
    let Some(map) = map() else { return };
    let (victim, outside) = sides();
    let packet = Packet::SynSpoofed;
    let program = generator(&map, (&victim, &outside), packet, 7352).expect("the verifier takes it");
    let mapping = Mapping::new(&map).expect("an array made for it");
    let cell = |cell: Cell| &mapping.cells()[cell as usize];
    // An hour between bursts: one burst and no more.
    cell(Cell::Interval).store(3_600_000_000_000, std::sync::atomic::Ordering::Relaxed);
    cell(Cell::Lag).store(1, std::sync::atomic::Ordering::Relaxed);
    for n in 0..200 {
        let run = program.test_run(&first_frame(packet), 1, None).expect("a trial");
        assert_eq!(run.verdict, if n < BURST { xdp::TX } else { xdp::DROP } as u32, "round {n}");
    }
    assert_eq!(cell(Cell::Made).load(std::sync::atomic::Ordering::Relaxed), BURST as u64);
}

#[test]
fn bots_answer_as_they_should() {
    let Some(map) = map() else { return };
    let (victim, outside) = sides();
    let frame = |to: &str, flags: u8| {
        let (from, to) = (SocketAddrV4::new(VICTIM, 7352), to.parse().expect("an address"));
        let packet = Segment { from, to, id: 1, seq: 0xffff_ffff, ack: 77, flags }.write(&SYN_OPTIONS[..4]);
        [&outside.mac[..], &victim.mac, &[8, 0], &packet].concat()
    };
    let check = |answers: bool, frame: &[u8], verdict: i32, flags: Option<u8>| {
        let program = answerer(&map, (&victim, &outside), 7352, answers).expect("the verifier takes it");
        let run = program.test_run(frame, 1, None).expect("a trial");
        assert_eq!(run.verdict, verdict as u32, "{frame:?}");
        let Some(flags) = flags else { return };
        let segment = Segment::read(&run.packet[14..]).expect("whole and with good checksums");
        assert_eq!(run.packet.len(), BARE as usize);
        assert_eq!((segment.seq, segment.ack, segment.flags), (77, 0, flags), "the sequence number wraps");
        assert_eq!((segment.from.to_string(), segment.to.to_string()), ("198.19.128.9:4000".into(), "198.18.0.1:7352".into()));
    };
    let bot = "198.19.128.9:4000";
    check(true, &frame(bot, SYN | ACK), xdp::TX, Some(ACK));
    check(false, &frame(bot, SYN | ACK), xdp::DROP, None);
    check(true, &frame(bot, FIN | ACK), xdp::TX, Some(RST | ACK));
    check(true, &frame(bot, RST | ACK), xdp::DROP, None);
    check(true, &frame(bot, ACK), xdp::DROP, None);
    check(true, &frame("198.19.0.2:4000", SYN | ACK), xdp::PASS, None);
    check(true, &frame("198.19.64.1:4000", ACK), xdp::PASS, None);
    check(true, &frame("40.1.2.3:4000", SYN | ACK), xdp::DROP, None);
    let mut arp = frame(bot, ACK);
    arp[12..14].copy_from_slice(&[8, 6]);
    check(true, &arp, xdp::PASS, None);
    check(true, &arp[..30], xdp::PASS, None);
}
