//! RPCs: what they see, what they return, how they fail, and that one which waits holds up nobody.

use std::future::ready;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use hillfort_api::api::GetUsersRequest;
use hillfort_api::realtime::envelope::Message;
use hillfort_api::realtime::{Envelope, StatusUpdate};
use hillfort_api::{ApiError, Call, Caller, Code, SessionId, Via};
use hillfort_modules::backend::{Answer, Ask, Backend, Fault};
use hillfort_modules::source::Unsupported;
use hillfort_modules::{Runtime, Settings};

use crate::rig::{ANN, block, caller, folder, settings, start, start_with, try_start, until};

#[test]
fn an_rpc_sees_who_calls() {
    let rig = start(&[(
        "who.lua",
        r#"local nk = require("nakama")
        nk.register_rpc(function(context, payload)
            return nk.json_encode({ context.user_id, context.username, (context.vars or {}).locale, context.session_id, context.user_session_exp,
                context.client_ip, context.client_port, context.headers["X-A"][1], context.execution_mode, context.node, payload,
                context.env.greeting, type(context.query_params), context.lang })
        end, "WhoAmI")"#,
    )]);
    let id = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa";
    let session = "07070707-0707-0707-0707-070707070707";
    let expect =
        format!(r#"["{id}","ann","eo","{session}",4000000000,"192.0.2.1","4567","1","rpc","node1","x","hello","table","en"]"#);
    assert_eq!(rig.says("whoami", "x"), expect);
    assert!(rig.runtime.has_rpc("WHOAMI") && !rig.runtime.has_rpc("whoami2"));
    let nobody = block(rig.runtime.rpc(&caller(None), "whoami", String::new()));
    assert!(nobody.is_some_and(|result| result.is_ok_and(|text| text.contains("null"))), "no user");
    assert!(block(rig.runtime.rpc(&caller(None), "other", String::new())).is_none());
}

#[test]
fn what_is_returned_is_the_last_value_and_a_string() {
    let rig = start(&[(
        "r.lua",
        r#"local nk = require("nakama")
        nk.register_rpc(function() end, "nothing")
        nk.register_rpc(function() return nil end, "nil")
        nk.register_rpc(function() return 1, "two" end, "two")
        nk.register_rpc(function() return {} end, "table")
        nk.register_rpc(function(_, payload) return type(payload) end, "payload")
        nk.register_rpc(function() return ("x"):rep(2000000) end, "much")"#,
    )]);
    assert_eq!(rig.says("nothing", ""), "");
    assert_eq!(rig.says("nil", ""), "");
    assert_eq!(rig.says("two", ""), "two");
    assert_eq!(rig.says("payload", ""), "string", "empty, as Nakama has it");
    assert_eq!(rig.says("payload", "x"), "string");
    assert!(
        rig.rpc("table", "")
            .is_err_and(|error| error.code == Code::Internal && error.message.contains("only allowed one return"))
    );
    assert!(rig.rpc("much", "").is_err_and(|error| error.message.contains("too much")));
}

#[test]
fn errors_have_nakamas_shape() {
    let rig = start(&[(
        "e.lua",
        "local nk = require('nakama')
        nk.register_rpc(function() error('plain') end, 'plain')
        nk.register_rpc(function() error({ 'not yours', 7 }) end, 'coded')
        nk.register_rpc(function() error({ 'one' }) end, 'one')
        nk.register_rpc(function() local t = nil; return t.x end, 'engine')
        nk.register_rpc(function() nk.json_decode('{') end, 'host')
        nk.register_rpc(function() local ok, err = pcall(nk.json_decode, '{'); return type(err) .. ':' .. err end, 'caught')
        nk.register_rpc(function() local ok, err = pcall(nk.account_get_id, 'x'); return err end, 'argument')",
    )]);
    let fails = |id: &str| rig.rpc(id, "").expect_err("an error");
    assert_eq!(fails("plain"), ApiError::new(Code::Internal, "plain"));
    assert_eq!(fails("coded"), ApiError::new(Code::PermissionDenied, "not yours"));
    assert_eq!(fails("one"), ApiError::new(Code::Internal, "one"));
    assert!(fails("engine").message.contains("attempt to index nil"));
    assert!(fails("host").message.starts_with("not a valid JSON string"), "{}", fails("host").message);
    assert!(rig.says("caught", "").starts_with("string:"), "{}", rig.says("caught", ""));
    assert!(rig.says("argument", "").contains("bad argument #1 (invalid user id)"));
    // The developer sees the place; what was raised on purpose is not reported.
    let faults = rig.runtime.status().faults;
    assert!(faults.iter().any(|fault| fault.place == "plain" && fault.text.contains("e.lua:2: plain")), "{faults:?}");
    assert!(faults.iter().any(|fault| fault.place == "host" && fault.text.contains("e.lua:6:")), "{faults:?}");
    assert!(!faults.iter().any(|fault| fault.place == "coded"));
    let traced = start_with(&[("e.lua", "require('nakama').register_rpc(function() error('plain') end, 'plain')")], |settings| {
        settings.stacktrace = true
    });
    assert!(traced.rpc("plain", "").is_err_and(|error| error.message.contains("e.lua:1")));
}

#[test]
fn a_call_that_waits_holds_up_nobody() {
    let rig = start_with(
        &[(
            "w.lua",
            "local nk = require('nakama')
            nk.register_rpc(function(context)
                local ok, objects = pcall(nk.storage_read, {{ collection = 'c', key = 'k', user_id = context.user_id }})
                return tostring(ok) .. #objects
            end, 'waits')
            nk.register_rpc(function() return 'here' end, 'quick')",
        )],
        |settings| settings.threads = 1,
    );
    rig.memory.hold();
    std::thread::scope(|scope| {
        let waits: Vec<_> = (0..20).map(|_| scope.spawn(|| rig.says("waits", ""))).collect();
        until("twenty calls wait", || rig.runtime.status().load[0] >= 20);
        for _ in 0..50 {
            assert_eq!(rig.says("quick", ""), "here");
        }
        rig.memory.release();
        for wait in waits {
            assert_eq!(wait.join().expect("no panic"), "true0");
        }
    });
    assert_eq!(rig.runtime.status().load, [0]);
}

/// Answers when its lock is free, and holds the thread that asks until then.
#[derive(Default)]
struct Stuck {
    lock: Mutex<()>,
    asked: AtomicBool,
}

impl Backend for Stuck {
    fn ask(&self, _: Ask) -> BoxFuture<'static, Result<Answer, Fault>> {
        self.asked.store(true, Relaxed);
        drop(self.lock.lock());
        Box::pin(ready(Ok(Answer::Objects(Vec::new()))))
    }
}

#[test]
fn short_calls_run_where_their_caller_is_and_hooks_of_sockets_do_not() {
    let text = "local nk = require('nakama')
        nk.register_rpc(function(context, payload) return payload end, 'short')
        nk.register_rpc(function() while true do end end, 'long')
        nk.register_rpc(function() return #nk.storage_read({{ collection = 'c', key = 'k' }}) .. '' end, 'waits')
        nk.register_req_before(function(context, request) return request end, 'GetUsers')
        nk.register_rt_before(function(context, envelope) return envelope end, 'StatusUpdate')";
    let folder = folder(&[("s.lua", text)]);
    let settings = Settings { threads: 1, ..settings(folder.path()) };
    let stuck = Arc::new(Stuck::default());
    let runtime = Runtime::start(settings, Arc::clone(&stuck) as Arc<dyn Backend>).expect("loads");
    let socket = Via::Socket(SessionId([7; 16]));
    let of = |via: Via| Caller { via, ..caller(None) };
    // Polled once, while the thread of the modules is held: what is over was done here.
    let once = |id: &str| runtime.rpc(&of(socket), id, "x".to_owned()).now_or_never();
    let users = || Call::GetUsers(GetUsersRequest::default());
    let status = Envelope { cid: String::new(), message: Some(Message::StatusUpdate(StatusUpdate::default())) };
    let held = stuck.lock.lock().expect("no panic");
    assert_eq!(once("waits"), None);
    until("the thread is held", || stuck.asked.load(Relaxed));
    // One that takes long by chance is tried again later.
    let short_is_over = || once("short") == Some(Some(Ok("x".to_owned())));
    until("a short call is over here", short_is_over);
    assert!(matches!(once("long"), Some(Some(Err(_)))), "it was not known that it is long");
    assert_eq!(once("long"), None, "now it is");
    assert_eq!(once("waits"), None);
    until("the long one changed nothing for it", short_is_over);
    until("a hook of a request is over here", || {
        runtime.before(&of(Via::Rest), users()).now_or_never() == Some(Ok(Some(users())))
    });
    assert_eq!(runtime.before(&of(socket), users()).now_or_never(), None);
    assert_eq!(runtime.realtime_before(&of(socket), status).now_or_never(), None);
    drop(held);
    assert_eq!(block(runtime.rpc(&of(socket), "waits", String::new())), Some(Ok("0".to_owned())));
    until("the thread has nothing to do", || runtime.status().load == [0]);
}

/// Panics at once, or when it is waited for.
struct Broken {
    waits: bool,
}

impl Backend for Broken {
    fn ask(&self, _: Ask) -> BoxFuture<'static, Result<Answer, Fault>> {
        assert!(self.waits, "at once");
        Box::pin(async {
            tokio::task::yield_now().await;
            panic!("later")
        })
    }
}

#[test]
fn a_panic_in_what_a_call_waits_for_ends_the_call_alone() {
    let text = "local nk = require('nakama')
        nk.register_rpc(function(context, payload) return payload end, 'short')
        nk.register_rpc(function() return #nk.storage_read({{ collection = 'c', key = 'k' }}) .. '' end, 'waits')
        nk.register_rpc(function() return tostring((pcall(nk.storage_read, {{ collection = 'c', key = 'k' }}))) end, 'catches')";
    for waits in [false, true] {
        let folder = folder(&[("s.lua", text)]);
        let settings = Settings { threads: 1, ..settings(folder.path()) };
        let runtime = Runtime::start(settings, Arc::new(Broken { waits })).expect("loads");
        let call = |id: &str| block(runtime.rpc(&caller(None), id, "x".to_owned())).expect("is registered");
        for _ in 0..3 {
            let fault = call("waits").expect_err("what it waits for panics");
            assert!(fault.message.contains("the server failed"), "{fault:?}");
            assert_eq!(call("catches").as_deref(), Ok("false"));
            assert_eq!(call("short").as_deref(), Ok("x"));
        }
        until("the thread has nothing to do", || runtime.status().load == [0]);
    }
}

#[test]
fn a_queue_that_is_full_says_so() {
    let rig = start_with(
        &[(
            "w.lua",
            "local nk = require('nakama')
            nk.register_rpc(function(context) nk.storage_read({{ collection = 'c', key = 'k' }}) end, 'waits')",
        )],
        |settings| (settings.threads, settings.queue_max, settings.waiting_max) = (1, 4, 2),
    );
    rig.memory.hold();
    block(async {
        let caller = caller(None);
        let calls: Vec<_> = (0..20).map(|_| rig.runtime.rpc(&caller, "waits", String::new())).collect();
        let mut calls: futures_util::stream::FuturesUnordered<_> = calls.into_iter().collect();
        use futures_util::StreamExt as _;
        // Four are in queue, and up to three more may have been taken meanwhile: the rest is refused at once.
        let mut refused = 0;
        while refused < 13 {
            let result = calls.next().await.expect("a call").expect("an RPC").expect_err("refused");
            assert_eq!(result.code, Code::Unavailable);
            refused += 1;
        }
        rig.memory.release();
        let mut done = 0;
        while let Some(result) = calls.next().await {
            match result.expect("an RPC") {
                Ok(_) => done += 1,
                Err(error) => assert_eq!(error.code, Code::Unavailable),
            }
        }
        assert!(done >= 4, "{done}");
    });
}

#[test]
fn a_backend_that_never_answers_ends_the_call() {
    let rig = start_with(
        &[(
            "w.lua",
            "local nk = require('nakama') nk.register_rpc(function() nk.storage_read({{ collection = 'c', key = 'k' }}) end, 'waits')",
        )],
        |settings| settings.call_wait_max = std::time::Duration::from_secs(2),
    );
    rig.memory.hold();
    let error = rig.rpc("waits", "").expect_err("no answer");
    assert!(error.message.contains("failed to read storage objects: no answer for"), "{}", error.message);
}

#[test]
fn modules_may_ask_while_they_load() {
    let rig = start(&[
        (
            "a.lua",
            "local nk = require('nakama')
            local b = require('b')
            nk.storage_write({{ collection = 'boot', key = 'a', value = { from = b.name } }})",
        ),
        (
            "b.lua",
            "local nk = require('nakama') local acks = nk.storage_write({{ collection = 'boot', key = 'b', value = {} }}) return { name = acks[1].key }",
        ),
        (
            "c.lua",
            "local nk = require('nakama')
            nk.register_rpc(function()
                return nk.storage_read({{ collection = 'boot', key = 'a' }})[1].value.from
            end, 'boot')",
        ),
    ]);
    assert_eq!(rig.says("boot", ""), "b");
}

#[test]
fn what_is_written_behind_gives_nothing_back() {
    let rig = start(&[(
        "hot.lua",
        "local nk = require('nakama')
        nk.register_rpc(function()
            local given = select('#', nk.storage_write_behind({{ collection = 'hot', key = 'at', value = { x = 7 } }}))
            nk.storage_write_behind({})
            return given .. ' ' .. nk.storage_read({{ collection = 'hot', key = 'at' }})[1].value.x
        end, 'hot')
        nk.register_rpc(function() nk.storage_write_behind() end, 'nothing')",
    )]);
    assert_eq!(rig.says("hot", ""), "0 7");
    let error = rig.rpc("nothing", "").expect_err("no objects");
    assert!(error.message.contains("expects a valid set of data"), "{}", error.message);
}

#[test]
fn what_cannot_load_says_where() {
    #[track_caller]
    fn refused(files: &[(&str, &str)], expect: &[&str]) {
        let findings = match try_start(files, |_| {}) {
            Ok(_) => panic!("loads"),
            Err(findings) => findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        };
        assert_eq!(findings.len(), expect.len(), "{findings:?}");
        for (finding, part) in findings.iter().zip(expect) {
            assert!(finding.contains(part), "{findings:?}");
        }
    }
    refused(
        &[("a.lua", "local nk = require('nakama')\nnk.leaderboard_create('x')\nnk.sql_query('y')")],
        &["a.lua:2: nk.leaderboard_create does not work yet", "a.lua:3: nk.sql_query"],
    );
    refused(&[("a.lua", "\nlocal x = = 1"), ("b.lua", "setfenv(1, {})")], &["a.lua:2:", "b.lua:1: setfenv"]);
    refused(&[("a/b.lua", "local c = require('c')"), ("c.lua", "\n\nerror('broken')")], &["c.lua:3: broken"]);
    refused(&[("a.lua", "local b = require('nowhere')")], &["a.lua:1: module nowhere not found: there is no file nowhere.lua"]);
    refused(&[("a.lua", "require('b')"), ("b.lua", "require('a')")], &["modules require each other in a circle"]);
    refused(
        &[("a.lua", "require('nakama').register_req_before(function() end, 'AuthenticateDevise')")],
        &["a.lua:1: the API has no message AuthenticateDevise"],
    );
    // Where no look through the source sees the name.
    refused(
        &[("a.lua", "local nk, name = require('nakama'), 'Party' .. 'Create'\nnk.register_rt_before(function() end, name)")],
        &["a.lua:2: a hook of PartyCreate is never called: the message is not served yet"],
    );
    refused(&[("a.lua", "require('nakama').register_rpc('x', 'y')")], &["a.lua:1: bad argument #1 (function expected)"]);
    refused(&[("a.lua", "while true do end")], &["a.lua: ran over its budget of steps"]);
    refused(&[("a.lua", "string.format = nil")], &["a.lua:1: string.format cannot be replaced"]);
}

#[test]
fn unsupported_functions_may_be_left_to_fail() {
    let text = "local nk = require('nakama')
        nk.register_rpc(function() nk.sql_query('x') end, 'sql')
        nk.register_rt_before(function() end, 'PartyCreate')";
    let rig = start_with(&[("a.lua", text)], |settings| settings.unsupported = Unsupported::Warn);
    let lines: Vec<_> = rig.runtime.status().warnings.iter().map(|warning| warning.line).collect();
    assert_eq!(lines, [2, 3]);
    assert!(
        rig.rpc("sql", "")
            .is_err_and(|error| error.message.contains("nk.sql_query does not work yet: modules do not see the tables"))
    );
}

#[test]
fn no_modules_are_fine() {
    let rig = start(&[]);
    assert!(rig.runtime.status().modules.is_empty());
    let missing = settings(&rig.folder.path().join("none"));
    let backend = Arc::new(crate::memory::Shared::default());
    assert!(Runtime::start(missing, backend).is_ok());
}

#[test]
fn each_vm_keeps_its_own_variables_and_all_share_the_cache() {
    let rig = start(&[(
        "n.lua",
        "local nk = require('nakama')
        local n = 0
        nk.register_rpc(function() n = n + 1 nk.localcache_put('n', (nk.localcache_get('n', 0)) + 1) return tostring(nk.localcache_get('n')) end, 'count')",
    )]);
    for expect in 1..10 {
        assert_eq!(rig.says("count", ""), expect.to_string());
    }
    let _ = ANN;
}
