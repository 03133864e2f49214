//! What a verdict costs. `cargo bench -p hillfort-guard`.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use divan::Bencher;
use divan::counter::ItemsCount;
use hillfort_guard::{Class, Config, Guard, InputBuckets, Rate};
use hillfort_proto::hello::{AppId, Hello, HelloKey, KeyId, KeyRing};
use hillfort_proto::limits::HELLO_BYTES;
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
    IpAddr::V4(Ipv4Addr::from_bits(0x0100_0000 + n.wrapping_mul(2_654_435_761) % of))
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
