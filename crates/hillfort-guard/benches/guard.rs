//! What a verdict costs. `cargo bench -p hillfort-guard`.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use divan::Bencher;
use divan::counter::ItemsCount;
use hillfort_guard::{
    Class, ClientHelloFacts, Config, Country, Guard, InputBuckets, Place, Places, Range, Rate, RegionRules, Regions,
};
use hillfort_proto::hello::{AppId, Hello, HelloKey, KeyId, KeyRing};
use hillfort_proto::limits::HELLO_BYTES;
use hillfort_proto::reject::Reject;
use hillfort_proto::time::{Time, UnixMs};

const WALL: UnixMs = UnixMs(1_800_000_000_000);
/// Between two connections, so that the global budget is kept.
const BETWEEN: Duration = Duration::from_micros(334);
const BATCH: u32 = 4096;

fn main() {
    divan::main();
}

fn rate(per_s: u32, burst: u32) -> Rate {
    Rate::new(per_s, burst).expect("in range")
}

fn key() -> HelloKey {
    HelloKey::new(AppId(1), KeyId(1), &[7; 32]).expect("32 bytes")
}

fn config() -> Config {
    let mut keys = KeyRing::default();
    keys.insert(key()).expect("room for one");
    Config {
        connect: rate(3_000, 5_000),
        source_connect: rate(100, 1_000),
        source_open_max: 4_096,
        open_max: 65_536,
        unbannable: vec!["127.0.0.1/32".parse().expect("a prefix"), "::1/128".parse().expect("a prefix")],
        tolerance: rate(10, 1_000),
        ..Config::new(keys)
    }
}

/// Addresses in an order that no cache can guess.
fn scattered(n: u32, of: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(0x0100_0000_u32.wrapping_add(n.wrapping_mul(2_654_435_761) % of)))
}

/// A guard that has seen a million sources, and the time after that.
fn crowded() -> (Guard, Time) {
    let mut guard = Guard::new(config(), 99);
    let mut now = Time::ZERO;
    for n in 0..1_000_000 {
        now = now + BETWEEN;
        if let Ok(proof) = guard.on_connect(now, scattered(n, 1_000_000)) {
            guard.on_close(proof);
        }
    }
    (guard, now)
}

/// With a million sources the time is that of one cache miss in 16 MiB; with a thousand, that of the work.
#[divan::bench(args = [1_000, 1_000_000])]
fn connect_and_close(bencher: Bencher, sources: u32) {
    let (mut guard, mut now) = crowded();
    let mut n = 0;
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        for _ in 0..BATCH {
            (n, now) = (n + 1, now + BETWEEN);
            if let Ok(proof) = guard.on_connect(now, black_box(scattered(n, sources))) {
                guard.on_close(proof);
            }
        }
    });
}

#[divan::bench]
fn connect_refused_by_ban(bencher: Bencher) {
    let (mut guard, now) = crowded();
    for n in 0..4_000 {
        guard.ban(now, scattered(n, 1_000_000), Duration::from_secs(1_000)).expect("bannable");
    }
    let mut n = 0;
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        for _ in 0..BATCH {
            n = (n + 1) % 4_000;
            let _refused = black_box(guard.on_connect(now, black_box(scattered(n, 1_000_000))));
        }
    });
}

fn with_proof(bencher: Bencher<'_, '_>, make: impl Fn(u64) -> [u8; HELLO_BYTES], count: u64) {
    let mut guard = Guard::new(config(), 99);
    let proof = guard.on_connect(Time::ZERO, IpAddr::V4(Ipv4Addr::LOCALHOST)).expect("the first is let in");
    let hellos: Vec<_> = (0..count).map(make).collect();
    let (mut at, mut now) = (0, Time::ZERO);
    bencher.counter(ItemsCount::new(1024_u32)).bench_local(|| {
        for _ in 0..1024 {
            at = (at + 1) % hellos.len();
            if at == 0 {
                // All of them are forgotten before the first comes again.
                now = now + Duration::from_secs(30);
            }
            let _verdict = black_box(guard.on_hello(now, WALL, &proof, black_box(&hellos[at])));
        }
    });
}

fn signed(n: u64) -> [u8; HELLO_BYTES] {
    let mut nonce = [0; 16];
    nonce[..8].copy_from_slice(&n.to_be_bytes());
    Hello::sign(WALL, nonce, &key())
}

#[divan::bench]
fn hello_good(bencher: Bencher) {
    with_proof(bencher, signed, 30_000);
}

#[divan::bench]
fn hello_of_a_stranger(bencher: Bencher) {
    with_proof(bencher, |_| [0; HELLO_BYTES], 16);
}

#[divan::bench]
fn hello_with_wrong_mac(bencher: Bencher) {
    with_proof(
        bencher,
        |n| {
            let mut bytes = signed(n);
            bytes[71] ^= 1;
            bytes
        },
        16,
    );
}

/// A million different addresses while everything is in use: known sources, offenders, bans, lists of regions.
#[divan::bench]
fn connect_under_attack(bencher: Bencher) {
    let mut guard = Guard::new(Config { regions: rules(), ..config() }, 99);
    guard.set_regions(Arc::new(regions(500_000)));
    let mut now = Time::from_millis(60_000);
    for n in 0..50_000 {
        if let Ok(mut proof) = guard.on_connect(now, scattered(n, 50_000)) {
            guard.on_settled(now + Duration::from_secs(60), &mut proof, 1);
            guard.on_offence(now, proof.peer(), Reject::HelloMac);
            guard.on_close(proof);
        }
        now = now + BETWEEN;
    }
    for n in 0..4_000 {
        guard.ban(now, scattered(n, 50_000), Duration::from_secs(100_000)).expect("bannable");
    }
    let mut n = 0;
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        for _ in 0..BATCH {
            (n, now) = (n + 1, now + Duration::from_micros(25));
            if let Ok(proof) = guard.on_connect(now, black_box(scattered(n, 1_000_000))) {
                guard.on_close(proof);
            }
        }
    });
}

#[divan::bench]
fn client_hello(bencher: Bencher) {
    let (mut guard, mut now) = crowded();
    let proofs: Vec<_> = (0..1_000).filter_map(|n| guard.on_connect(now + BETWEEN * n, scattered(n, 1_000_000)).ok()).collect();
    let facts = ClientHelloFacts { ja4: *b"t13d1516h2_8daaf6152771_e5627efa2ab1", ja3: None, resumes: false };
    bencher.counter(ItemsCount::new(proofs.len())).bench_local(|| {
        for proof in &proofs {
            now = now + BETWEEN;
            let _verdict = black_box(guard.on_client_hello(now, proof, black_box(&facts)));
            let _verdict = black_box(guard.on_handshake(now, proof, false));
        }
    });
}

/// As many ranges as the routed Internet has prefixes.
#[divan::bench(args = [500_000])]
fn region_of_an_address(bencher: Bencher, ranges: u32) {
    let regions = regions(ranges);
    let mut n = 0;
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        for _ in 0..BATCH {
            n += 1;
            black_box(regions.place(black_box(scattered(n, u32::MAX))));
        }
    });
}

/// The baseline for it: a plain binary search over all of them.
#[divan::bench(args = [500_000])]
fn region_by_plain_search(bencher: Bencher, ranges: u32) {
    let width = u32::MAX / ranges;
    let starts: Vec<u32> = (0..ranges).map(|n| n * width).collect();
    let mut n = 0;
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        for _ in 0..BATCH {
            n += 1;
            let IpAddr::V4(addr) = black_box(scattered(n, u32::MAX)) else { continue };
            black_box(starts.partition_point(|start| *start <= addr.to_bits()));
        }
    });
}

fn rules() -> RegionRules {
    RegionRules { refuse: Places::new(vec![77], Vec::new()), ..RegionRules::default() }
}

fn regions(ranges: u32) -> Regions {
    let width = u32::MAX / ranges;
    let range = |n: u32| Range {
        start: Ipv4Addr::from_bits(n * width).into(),
        end: Ipv4Addr::from_bits(n * width + width - 1).into(),
        place: Place { asn: n % 70_000, country: Country::UNKNOWN },
    };
    Regions::from_ranges((0..ranges).map(range)).expect("they do not overlap")
}

#[divan::bench]
fn input(bencher: Bencher) {
    let (rates, mut now) = (config().inputs, Time::ZERO);
    let mut buckets = InputBuckets::new(now);
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        for op in 0..BATCH {
            now = Time(now.0 + 1_000_000);
            black_box(buckets.on_input(&rates, now, Class::input(op), 1));
        }
    });
}
