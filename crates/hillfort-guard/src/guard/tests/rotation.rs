//! Memory: a hard bound, whatever comes.

use super::*;

/// What over a million rotating sources leave behind, with hellos, offences, bans and lasting sessions.
#[test]
fn a_million_sources_and_more_cost_at_most_32_megabytes() {
    let mut made = None;
    let memory = allocation_counter::measure(|| {
        made = Some(Guard::new(Config { open_max: 60_512, ..Config::new(config().keys) }, 42));
    });
    assert!(memory.bytes_current <= 32_000_000, "{} bytes", memory.bytes_current);
    let mut guard = made.unwrap();
    let (mut tried, mut refused) = (0, 0);
    let rotation = allocation_counter::measure(|| {
        for n in 0..1_150_000_u32 {
            let now = NOW + Duration::from_micros(400) * n;
            let addr = if n % 5 == 0 { IpAddr::V6(std::net::Ipv6Addr::from_bits(u128::from(n) << 66)) } else { v4(n) };
            tried += 1;
            let Ok(mut proof) = guard.on_connect(now, addr) else {
                refused += 1;
                continue;
            };
            match n % 16 {
                0 => assert!(guard.on_hello(now, WALL, &proof, &[0; HELLO_BYTES]).is_err()),
                1 => assert!(guard.on_settled(now + Duration::from_secs(30), &mut proof, u64::from(n))),
                2 => {
                    for _ in 0..3 {
                        guard.on_offence(now, proof.peer(), Reject::InputFlood);
                    }
                }
                _ => {}
            }
            guard.on_close(proof);
        }
    });
    let stats = guard.stats(NOW + Duration::from_secs(601));
    assert_eq!((rotation.count_total, rotation.bytes_current), (0, 0), "nothing is allocated on the way");
    assert!(stats.sources > 1_000_000 && stats.settled > 50_000 && stats.bans_made > 5_000, "{stats:?}");
    assert!(refused < tried / 2, "{refused} of {tried}");
}
