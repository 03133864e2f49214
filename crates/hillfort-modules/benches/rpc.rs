//! What a call into a module costs. `cargo bench -p hillfort-modules`

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use divan::Bencher;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use hillfort_api::{Caller, SessionUser, UserId, Via, Who};
use hillfort_modules::backend::{Answer, Ask, Backend, Fault};
use hillfort_modules::matches::{MatchHandler, MatchMessage, Presence};
use hillfort_modules::{Runtime, Settings};

const MODULE: &str = r#"
local nk = require("nakama")
nk.register_rpc(function(context, payload) return payload end, "echo")
nk.register_rpc(function(context, payload)
  local request = nk.json_decode(payload)
  return nk.json_encode({ user = context.user_id, sum = request.a + request.b })
end, "json")
nk.register_rpc(function(context, payload)
  nk.storage_read({ { collection = "c", key = "k", user_id = context.user_id } })
  return payload
end, "storage")
local M = {}
function M.match_init() return { n = 0 }, 10, "" end
function M.match_join_attempt(_, _, _, state) return state, true end
function M.match_join(_, _, _, state) return state end
function M.match_leave(_, _, _, state) return state end
function M.match_loop(_, dispatcher, _, state, messages)
  for _, message in ipairs(messages) do
    dispatcher.broadcast_message(message.op_code, message.data, { message.sender })
  end
  return state
end
function M.match_terminate(_, _, _, state) return state end
function M.match_signal(_, _, _, state) return state end
return M
"#;

struct Nothing;

impl Backend for Nothing {
    fn ask(&self, _: Ask) -> BoxFuture<'static, Result<Answer, Fault>> {
        Box::pin(async { Ok(Answer::Objects(Vec::new())) })
    }
}

fn runtime(threads: usize) -> (Runtime, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("bench.lua"), MODULE).expect("writes");
    let settings = Settings { folder: Path::new(folder.path()).to_owned(), threads, ..Settings::default() };
    (Runtime::start(settings, Arc::new(Nothing)).expect("loads"), folder)
}

fn caller() -> Caller {
    let user = SessionUser {
        user_id: UserId([7; 16]),
        username: "somebody".to_owned(),
        vars: std::collections::BTreeMap::new(),
        expires_s: 4_000_000_000,
        issued_s: 0,
        token_id: "t".to_owned(),
        generation: 0,
    };
    let address = "192.0.2.1:4567".parse().expect("an address");
    Caller { who: Who::User(Arc::new(user)), address, via: Via::Rest, headers: Vec::new(), query: Vec::new() }
}

fn main() {
    weigh();
    for threads in [1, 2] {
        for id in ["echo", "json", "storage"] {
            processor_time(threads, id);
        }
    }
    divan::main();
}

/// Resident memory of the process.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}

/// What matches weigh: 16 share a VM.
#[expect(clippy::print_stdout, reason = "a bench prints its figures")]
fn weigh() {
    const MATCHES: usize = 1600;
    let (runtime, _folder) = runtime(1);
    let before = resident();
    let all: Vec<_> = (0..MATCHES).map(|_| a_match(&runtime)).collect();
    println!("a match with one player: {} bytes resident, its share of a VM included", (resident() - before) / all.len());
}

fn used() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Processor time of the whole process for a call, with 64 calls under way: handing over and coming back included.
#[expect(clippy::print_stdout, reason = "a bench prints its figures")]
fn processor_time(threads: usize, id: &str) {
    const CALLS: u32 = 200_000;
    let (runtime, _folder) = runtime(threads);
    let caller = caller();
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let run = |calls: u32| {
        tokio.block_on(async {
            let call = || runtime.rpc(&caller, id, r#"{"a":1,"b":2}"#.to_owned());
            let mut under_way: FuturesUnordered<_> = (0..64).map(|_| call()).collect();
            for _ in 0..calls {
                under_way.next().await.expect("under way").expect("an RPC").expect("goes well");
                under_way.push(call());
            }
        });
    };
    run(1000);
    let (begun, from) = (Instant::now(), used());
    run(CALLS);
    let (took, cpu) = (begun.elapsed(), used() - from);
    println!(
        "rpc {id}, {threads} threads: {:.2} µs of processor time a call, {:.0} calls/s",
        cpu.as_secs_f64() * 1e6 / f64::from(CALLS),
        f64::from(CALLS) / took.as_secs_f64()
    );
}

fn a_match(runtime: &Runtime) -> (Box<dyn MatchHandler>, Presence) {
    let mut handler = runtime.match_handler(0, "bench", "m", None).expect("a match");
    handler.turn(Duration::from_secs(1));
    let presence = Presence { user_id: [1; 16], session_id: [1; 16], username: "a".into(), node: "n".into() };
    handler.join(vec![presence.clone()]).expect("room");
    handler.turn(Duration::from_secs(1));
    (handler, presence)
}

/// A tick of a match with so many messages, each echoed to its sender.
#[divan::bench(args = [0, 1, 10, 100])]
fn a_tick_that_echoes(bencher: Bencher<'_, '_>, messages: usize) {
    let (runtime, _folder) = runtime(1);
    let (mut handler, sender) = a_match(&runtime);
    let mut now = Duration::from_secs(2);
    bencher.bench_local(|| {
        for _ in 0..messages {
            let message =
                MatchMessage { sender: sender.clone(), op_code: 1, data: vec![7; 64], reliable: true, receive_time_ms: 1 };
            handler.message(message).expect("room");
        }
        now += Duration::from_millis(100);
        handler.turn(now);
        while handler.poll_output().is_some() {}
    });
}

#[divan::bench]
fn new_match(bencher: Bencher<'_, '_>) {
    let (runtime, _folder) = runtime(1);
    bencher.bench_local(|| a_match(&runtime));
}

#[divan::bench(sample_count = 10)]
fn reload(bencher: Bencher<'_, '_>) {
    let (runtime, _folder) = runtime(1);
    bencher.bench_local(|| runtime.reload_blocking().expect("loads"));
}
