//! What is done before a connection has proven anything: ClientHello, JA4, JA3, PROXY header, proof of work. The hashes that a JA4
//! cannot do without are the baseline.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use hillfort_proto::client_hello::{self, Scratch, Transport};
use hillfort_proto::proxy;
use hillfort_proto::work::Puzzle;
use sha2::{Digest, Sha256};

fn main() {
    divan::main();
}

/// A ClientHello like a browser's: 16 ciphers, 18 extensions, GREASE, a post-quantum key share of 1,220 bytes; in so many records.
fn browser(records: usize) -> Vec<u8> {
    let vec16 = |body: &[u8]| [&(body.len() as u16).to_be_bytes()[..], body].concat();
    let ids = |list: &[u16]| list.iter().flat_map(|id| id.to_be_bytes()).collect::<Vec<_>>();
    let ciphers =
        [0x1A1A, 0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC013, 0xC014, 0x9C, 0x9D, 0x2F, 0x35];
    let extensions = [0x3A3A, 0x1B, 0, 0x33, 0x10, 0x4469, 0x17, 0x2D, 0xD, 5, 0x23, 0x12, 0x2B, 0xFF01, 0xB, 0xA, 0x15, 0xFAFA];
    let list: Vec<u8> = extensions
        .into_iter()
        .flat_map(|id: u16| {
            let body = match id {
                0 => vec16(&[&[0][..], &vec16(b"fort.example")].concat()),
                0x10 => vec16(b"\x02h2\x08http/1.1"),
                0xD => vec16(&ids(&[0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601])),
                0x2B => vec![6, 0x6A, 0x6A, 3, 4, 3, 3],
                0xB => vec![1, 0],
                0xA => vec16(&ids(&[0x8A8A, 4588, 29, 23, 24])),
                0x33 => vec![0; 1220],
                _ => vec![],
            };
            [&id.to_be_bytes()[..], &vec16(&body)].concat()
        })
        .collect();
    let body = [&[3, 3][..], &[9; 32], &[32], &[7; 32], &vec16(&ids(&ciphers)), &[1, 0], &vec16(&list)].concat();
    let message = [&[1][..], &(body.len() as u32).to_be_bytes()[1..], &body].concat();
    let size = message.len().div_ceil(records);
    message.chunks(size).flat_map(|fragment| [&[22, 3, 1][..], &vec16(fragment)].concat()).collect()
}

/// Read only.
#[divan::bench(args = [1, 3])]
fn client_hello_read(bencher: Bencher<'_, '_>, records: usize) {
    let (bytes, mut scratch) = (browser(records), Scratch::default());
    bencher.bench_local(|| client_hello::read(black_box(&bytes), &mut scratch).is_ok());
}

/// Read and named: the whole cost of a JA4.
#[divan::bench(sample_size = 200)]
fn ja4(bencher: Bencher<'_, '_>) {
    let (bytes, mut scratch) = (browser(1), Scratch::default());
    bencher.bench_local(|| {
        client_hello::read(black_box(&bytes), &mut scratch).map(|hello| hello.map(|hello| hello.ja4(Transport::Tcp)))
    });
}

/// Baseline: SHA-256 of the two texts.
#[divan::bench(sample_size = 200)]
fn ja4_baseline_two_hashes(bencher: Bencher<'_, '_>) {
    let texts = [[b'0'; 74], [b'1'; 74]];
    let more = [b'2'; 34];
    bencher.bench_local(|| {
        let one = Sha256::digest(black_box(&texts[0]));
        let two = Sha256::new().chain_update(black_box(&texts[1])).chain_update(more).finalize();
        (one, two)
    });
}

/// For lists that exist.
#[divan::bench(sample_size = 200)]
fn ja3(bencher: Bencher<'_, '_>) {
    let (bytes, mut scratch) = (browser(1), Scratch::default());
    bencher.bench_local(|| client_hello::read(black_box(&bytes), &mut scratch).map(|hello| hello.map(|hello| hello.ja3())));
}

/// A stranger who speaks no TLS.
#[divan::bench]
fn client_hello_foreign(bencher: Bencher<'_, '_>) {
    let mut scratch = Scratch::default();
    bencher.bench_local(|| client_hello::read(black_box(b"GET / HTTP/1.1\r\n"), &mut scratch).is_err());
}

#[divan::bench]
fn proxy_header(bencher: Bencher<'_, '_>) {
    let bytes = [&proxy::SIGNATURE[..], &[0x21, 0x11, 0, 12, 203, 0, 113, 7, 10, 0, 0, 1, 1, 2, 3, 4]].concat();
    bencher.bench_local(|| proxy::read(black_box(&bytes)));
}

/// What an answer costs the server.
#[divan::bench]
fn work_verify(bencher: Bencher<'_, '_>) {
    let puzzle = Puzzle::new([5; 16], 16);
    bencher.bench_local(|| puzzle.verify(black_box(77)));
}

/// What finding one costs a client: time for each try; 2^bits tries are expected.
#[divan::bench(args = [8, 16])]
fn work_solve(bencher: Bencher<'_, '_>, bits: u8) {
    let mut salt = 0u128;
    bencher.counter(ItemsCount::new(1u64 << bits)).bench_local(|| {
        salt += 1;
        Puzzle::new(salt.to_be_bytes(), bits).solve(0, u64::MAX)
    });
}
