//! What the paths cost that strangers can take, and a sign-in: tokens, guesses with and without an account, storage. First comes what the
//! specification promises, as processor time of the process (a PostgreSQL is another process) and beside one HMAC-SHA256 of a token's bytes in
//! the same run: over the store in memory, over SQLite, and over the database of `STORE_URL`, by one caller who waits for each answer. Then
//! each path by itself, over the store in memory.
//!
//! `cargo bench -p hillfort-social`, or `cargo run -p hillfort-testkit --bin on-postgres -- cargo bench -p hillfort-social --features
//! hillfort-store/postgres`

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use divan::{Bencher, black_box};
use hillfort_api::api::*;
use hillfort_api::{Call, Caller, Credentials, Reply, Service, Via, Who};
use hillfort_social::limits::Allowance;
use hillfort_social::token::{Claims, TokenKey};
use hillfort_social::{Budgets, Config, MailConfig, Social};
use hillfort_store::{Options, Store};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tokio::runtime::Runtime;

fn main() {
    // Run as a test, it measures nothing.
    if std::env::args().any(|arg| arg == "--bench") {
        promises();
    }
    divan::main();
}

/// Processor time of all threads of the process.
fn used() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Microseconds of processor time for one call, the median of nine rounds.
fn each(calls: u32, mut call: impl FnMut()) -> f64 {
    let mut rounds = [0.0; 9];
    for round in &mut rounds {
        let from = used();
        (0..calls).for_each(|_| call());
        *round = (used() - from).as_secs_f64() * 1e6 / f64::from(calls);
    }
    rounds.sort_by(f64::total_cmp);
    rounds[4]
}

#[expect(clippy::print_stdout, reason = "a bench prints its figures")]
fn promises() {
    let key = TokenKey::new(&[7; 32]);
    let token = key.sign(&claims()).expect("short");
    let bare = Hmac::<Sha256>::new_from_slice(&[7; 32]).expect("any length");
    let mac = each(20_000, || drop(black_box(bare.clone().chain_update(black_box(&token)).finalize())));
    let row = |name, us: f64| println!("{name:<40}{us:>12.2} µs{:>12.1} ×", us / mac);
    println!("one HMAC-SHA256 of a token of {} bytes: {mac:.2} µs", token.len());
    row("token_verified", each(20_000, || drop(black_box(key.verify(black_box(&token), NOW_S)))));
    let forged = TokenKey::new(&[8; 32]).sign(&claims()).expect("short");
    let server = server();
    row(
        "bearer_of_a_refused_token",
        each(20_000, || drop(black_box(server.social.caller(Credentials::Token(black_box(&forged)))))),
    );
    drop(server);

    let folder = tempfile::tempdir().expect("a folder");
    let sqlite = format!("sqlite:{}", folder.path().join("people.db").display());
    let other = std::env::var("STORE_URL").ok();
    for url in ["memory:", &sqlite].into_iter().chain(other.as_deref()) {
        println!("\nover {}:", url.split(':').next().unwrap_or(url));
        let server = server_on(url);
        // Another device: of so many sign-ins of one account the oldest sessions end.
        let who = server.social.caller(Credentials::Token(&server.device("device-0002").token)).expect("good");
        let user = who.user().expect("a user").user_id.to_string();
        server.device("device-0001");
        row("sign_in_without_password", each(2_000, || drop(server.device("device-0001"))));
        let all: Vec<_> = (0..AT_ONCE).map(|n| format!("crowd-device-{n:04}")).collect();
        server.devices(&all);
        row("the same, 64 people at once", each(30, || server.devices(&all)) / AT_ONCE as f64);
        row("storage_write", each(2_000, || server.write(&who)));
        row("storage_read", each(2_000, || server.read(&who, &user)));
        let [known, unknown] = wrong_passwords(&server);
        println!(
            "wrong password, median by the clock of {PAIRS} in turn: {known:.2} ms for a known address, {unknown:.2} ms for an unknown"
        );
        println!("known to unknown: {:.4}", known / unknown);
    }
}

/// People who sign in at once, as a server that has much to do sees them.
const AT_ONCE: usize = 64;

/// Wrong passwords for a known address and one for an unknown that follow each other.
const PAIRS: usize = 200;

/// Milliseconds by the clock, as somebody who guesses sees them: the median of a wrong password for a known address, and of one for an unknown.
fn wrong_passwords(server: &Server) -> [f64; 2] {
    let mut times = [const { Vec::new() }; 2];
    let addresses = [server.with_password(), "bob@example.org"];
    for _ in 0..PAIRS {
        for (address, times) in addresses.iter().zip(&mut times) {
            let from = Instant::now();
            drop(server.email(address));
            times.push(from.elapsed().as_secs_f64() * 1e3);
        }
    }
    times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[PAIRS / 2]
    })
}

const NOW_S: i64 = 1_700_000_000;

fn claims() -> Claims {
    Claims {
        session: [1; 16],
        user: [2; 16],
        username: "brave-otter".into(),
        vars: BTreeMap::new(),
        expires_s: NOW_S + 60,
        issued_s: NOW_S,
        generation: 0,
        turn: 0,
        signing: String::new(),
    }
}

#[divan::bench]
fn token_verified(bencher: Bencher<'_, '_>) {
    let key = TokenKey::new(&[7; 32]);
    let token = key.sign(&claims()).expect("short");
    bencher.bench_local(|| key.verify(black_box(&token), NOW_S));
}

#[divan::bench]
fn token_refused_by_its_signature(bencher: Bencher<'_, '_>) {
    let key = TokenKey::new(&[7; 32]);
    let token = TokenKey::new(&[8; 32]).sign(&claims()).expect("short");
    bencher.bench_local(|| key.verify(black_box(&token), NOW_S));
}

#[divan::bench]
fn token_signed(bencher: Bencher<'_, '_>) {
    let key = TokenKey::new(&[7; 32]);
    bencher.bench_local(|| key.sign(black_box(&claims())));
}

struct Server {
    runtime: Runtime,
    social: Social,
    now_ms: Arc<AtomicI64>,
}

fn server() -> Server {
    server_on("memory:")
}

fn server_on(url: &str) -> Server {
    let unlimited = Allowance::new(u32::MAX, 1);
    let config = Config {
        server_key: "key".into(),
        budgets: Budgets { account: [unlimited; 6], address: [unlimited; 6] },
        guesses: hillfort_social::Guesses { pair: unlimited, account: unlimited, address: unlimited, known_days: 1 },
        ..Config::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let now_ms = Arc::new(AtomicI64::new(NOW_S * 1000));
    let clock = Arc::clone(&now_ms);
    let social = runtime.block_on(async {
        let store = Store::open(url, Options::default()).await.expect("a database");
        Social::start(config, store, MailConfig::None, Arc::new(move || clock.load(Ordering::Relaxed))).await.expect("a server")
    });
    Server { runtime, social, now_ms }
}

fn caller(who: Who) -> Caller {
    Caller { who, address: SocketAddr::from(([192, 0, 2, 1], 1)), via: Via::Rest, headers: Vec::new(), query: Vec::new() }
}

fn by_device(id: &str) -> Call {
    let account = AccountDevice { id: id.into(), ..Default::default() };
    Call::AuthenticateDevice(AuthenticateDeviceRequest { account: Some(account), ..Default::default() })
}

impl Server {
    fn call(&self, who: Who, call: Call) -> Result<Reply, hillfort_api::ApiError> {
        let caller = caller(who);
        // Time passes, so that sessions of earlier sign-ins do not pile up at one moment.
        self.now_ms.fetch_add(1, Ordering::Relaxed);
        self.social.charge(call.name(), &caller.who, caller.address.ip())?;
        self.runtime.block_on(self.social.call(caller, call))
    }

    /// Signs all of them in at once.
    fn devices(&self, ids: &[String]) {
        let calls = ids.iter().map(|id| {
            let (caller, call) = (caller(Who::ServerKey), by_device(id));
            self.social.charge(call.name(), &caller.who, caller.address.ip()).expect("no limit");
            self.social.call(caller, call)
        });
        self.now_ms.fetch_add(1, Ordering::Relaxed);
        let answers = self.runtime.block_on(futures_util::future::join_all(calls));
        assert!(answers.iter().all(|answer| matches!(answer, Ok(Reply::Session(_)))));
    }

    fn device(&self, id: &str) -> Session {
        match self.call(Who::ServerKey, by_device(id)) {
            Ok(Reply::Session(session)) => session,
            other => panic!("{other:?}"),
        }
    }

    fn email(&self, email: &str) -> Result<Reply, hillfort_api::ApiError> {
        let account = AccountEmail { email: email.into(), password: "a password".into(), ..Default::default() };
        let request = AuthenticateEmailRequest { account: Some(account), create: Some(false), username: String::new() };
        self.call(Who::ServerKey, Call::AuthenticateEmail(request))
    }
}

impl Server {
    /// An account with an address and another password than the one that is tried.
    fn with_password(&self) -> &'static str {
        let account = AccountEmail { email: "ada@example.org".into(), password: "another password".into(), ..Default::default() };
        let request = AuthenticateEmailRequest { account: Some(account), ..Default::default() };
        self.call(Who::ServerKey, Call::AuthenticateEmail(request)).expect("made");
        "ada@example.org"
    }

    fn write(&self, who: &Who) {
        let object = WriteStorageObject {
            collection: "saves".into(),
            key: "slot".into(),
            value: r#"{"level":3,"gold":120}"#.into(),
            ..Default::default()
        };
        let request = WriteStorageObjectsRequest { objects: vec![object] };
        self.call(who.clone(), Call::WriteStorageObjects(request)).expect("written");
    }

    fn read(&self, who: &Who, user: &str) {
        let id = ReadStorageObjectId { collection: "saves".into(), key: "slot".into(), user_id: user.to_owned() };
        self.call(who.clone(), Call::ReadStorageObjects(ReadStorageObjectsRequest { object_ids: vec![id] })).expect("read");
    }
}

#[divan::bench]
fn sign_in_without_password(bencher: Bencher<'_, '_>) {
    let server = server();
    server.device("device-0001");
    bencher.bench_local(|| server.device("device-0001"));
}

#[divan::bench]
fn bearer_of_a_refused_token(bencher: Bencher<'_, '_>) {
    let other = server();
    let server = server();
    let token = other.device("device-0001").token;
    bencher.bench_local(|| server.social.caller(Credentials::Token(black_box(&token))));
}

#[divan::bench]
fn bearer_of_a_token(bencher: Bencher<'_, '_>) {
    let server = server();
    let token = server.device("device-0001").token;
    bencher.bench_local(|| server.social.caller(Credentials::Token(black_box(&token))));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn wrong_password_of_a_known_address(bencher: Bencher<'_, '_>) {
    let server = server();
    let known = server.with_password();
    bencher.bench_local(|| server.email(known));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn wrong_password_of_an_unknown_address(bencher: Bencher<'_, '_>) {
    let server = server();
    bencher.bench_local(|| server.email("bob@example.org"));
}

#[divan::bench]
fn storage_write(bencher: Bencher<'_, '_>) {
    let server = server();
    let session = server.device("device-0001");
    let who = server.social.caller(Credentials::Token(&session.token)).expect("good");
    bencher.bench_local(|| server.write(&who));
}

#[divan::bench]
fn storage_read(bencher: Bencher<'_, '_>) {
    let server = server();
    let session = server.device("device-0001");
    let who = server.social.caller(Credentials::Token(&session.token)).expect("good");
    let user = who.user().expect("a user").user_id.to_string();
    server.write(&who);
    bencher.bench_local(|| server.read(&who, &user));
}
