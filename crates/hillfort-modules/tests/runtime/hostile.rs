//! Modules that mean harm, or are broken: each call fails alone, in bounded time, and the next one goes on.

use std::time::{Duration, Instant};

use hillfort_api::Code;

use crate::rig::{start_with, until};

/// Longest time that any of these may hold its thread, in a build without optimisation on a busy machine.
const HELD_MAX: Duration = Duration::from_secs(20);

/// Runs `body` on the only VM, where the caller is; then a neighbour must answer. What the client hears.
#[track_caller]
fn run(body: &str) -> Result<String, (Code, String)> {
    let text = format!(
        "local nk = require('nakama')
        local kept = {{}}
        nk.register_rpc(function(context, payload)\n{body}\nend, 'f')
        nk.register_rpc(function() return 'well' end, 'neighbour')"
    );
    let rig =
        start_with(&[("f.lua", &text)], |settings| (settings.threads, settings.call_time_max) = (1, Duration::from_secs(1)));
    let begun = Instant::now();
    let result = rig.rpc("f", "payload");
    assert!(begun.elapsed() < HELD_MAX, "{body}: held for {:?}", begun.elapsed());
    assert_eq!(rig.says("neighbour", ""), "well", "{body}");
    until("the thread has nothing to do", || rig.runtime.status().load == [0]);
    result.map_err(|error| (error.code, error.message.into_owned()))
}

#[track_caller]
fn ends(body: &str, code: Code) {
    match run(body) {
        Err((got, _)) if got == code => {}
        other => panic!("{body}: {other:?}"),
    }
}

#[track_caller]
fn ends_somehow(body: &str) {
    assert!(run(body).is_err(), "{body}");
}

#[track_caller]
fn raises(body: &str, part: &str) {
    match run(body) {
        Err((_, message)) if message.contains(part) => {}
        other => panic!("{body}: {other:?}"),
    }
}

#[track_caller]
fn says(body: &str, expect: &str) {
    assert_eq!(run(body).as_deref(), Ok(expect), "{body}");
}

#[test]
fn loops_end() {
    ends("while true do end", Code::DeadlineExceeded);
    ends("repeat until false", Code::DeadlineExceeded);
    ends("while true do pcall(function() while true do end end) end", Code::DeadlineExceeded);
    ends("xpcall(function() while true do end end, function() while true do end end)", Code::DeadlineExceeded);
    ends("setmetatable(kept, { __index = function() while true do end end }) return kept.x", Code::DeadlineExceeded);
    ends("table.sort({ 3, 2, 1 }, function() while true do end end)", Code::DeadlineExceeded);
    ends("error(setmetatable({}, { __tostring = function() while true do end end }))", Code::Internal);
    ends("while true do nk.json_encode({ 1 }) end", Code::DeadlineExceeded);
    ends("while true do pcall(nk.storage_read, {}) end", Code::DeadlineExceeded);
    ends("pcall(function() while true do end end) return 'caught'", Code::DeadlineExceeded);
}

#[test]
fn a_key_with_code_of_its_own_runs_none_of_it() {
    let key = "setmetatable({}, { __tostring = function() nk.uuid_v4() while true do end end })";
    says(&format!("return nk.json_encode({{ [{key}] = 1 }})"), r#"{"table":1}"#);
    says("return nk.json_encode({ [true] = 1 })", r#"{"true":1}"#);
}

#[test]
fn deep_recursion_ends() {
    raises("local function f() return f() end f()", "stack overflow");
    raises("local function f(n) return n + f(n + 1) end f(1)", "stack overflow");
    ends_somehow("local function again() pcall(again) while true do pcall(again) end end again()");
    ends_somehow("local t = {} for i = 1, 100000 do t = { t } end return nk.json_encode(t)");
    ends_somehow("local t = setmetatable({}, {}) getmetatable(t).__index = t return t.x.y");
    raises("local text = ('['):rep(100000) return nk.json_decode(text)", "not a valid JSON");
}

#[test]
fn memory_bombs_end() {
    ends_somehow("local s = 'x' while true do s = s .. s end");
    ends_somehow("local s = ('x'):rep(1000000000)");
    ends_somehow("local t = {} while true do t[#t + 1] = {} end");
    ends_somehow("local t = {} while true do t[#t + 1] = function() return t end end");
    ends_somehow("local t = {} for i = 1, 60 do t = { t, t } end return nk.json_encode(t)");
    ends_somehow("local t = { [1e9] = 1 } return nk.json_encode(t)");
    ends_somehow("local s = ('x'):rep(5000000) return nk.json_encode({ s, s, s, s })");
    ends_somehow("string.format(('%99d'):rep(50000), 1)");
    ends_somehow("return string.gsub(('a'):rep(2000), 'a', ('b'):rep(40000))");
    ends_somehow("return nk.base64_encode(('x'):rep(15000000))");
    ends_somehow("return unpack(setmetatable({}, { __len = function() return 1e9 end }), 1, 1e8)");
}

#[test]
fn patterns_do_not_hang() {
    ends_somehow("return string.find(('a'):rep(200), ('a?'):rep(200) .. ('a'):rep(200))");
    ends_somehow("return string.match(('a'):rep(50000), '.-.-.-.-.-.-b')");
    ends_somehow("return string.find(('x'):rep(1000000), ('x'):rep(10000) .. 'y')");
}

#[test]
fn objects_of_the_host_cannot_be_changed() {
    raises("nk.time = nil local n = nk.time return tostring(n()) .. kept.x.y", "nil");
    raises("getmetatable(nk).__index = {}", "attempt to");
    raises("setmetatable(nk, {})", "protected");
    raises("getmetatable('').__index = nil", "attempt to");
    raises("setmetatable(string, {})", "protected");
    raises("string.rep = nil", "cannot be replaced");
    raises("context.env.greeting = 'x'", "readonly");
    says("return tostring(getmetatable(nk)) .. tostring(getmetatable(string))", "lockedlocked");
    says("rawset(string, 'rep', function() return 'mine' end) return ('x'):rep(2)", "xx");
    says("rawset(nk, 'time', function() return 7 end) return tostring(nk.time()) .. tostring(require('nakama').time())", "77");
    says(
        "return type(_G.newproxy) .. type(_G.getfenv) .. type(_G.coroutine) .. type(gcinfo) .. type(vector) .. type(buffer)",
        "nilnilnilnilnilnil",
    );
}

#[test]
fn what_waits_crosses_pcall_and_no_callback() {
    let read = "nk.storage_read({{ collection = 'c', key = 'k' }})";
    says(&format!("local ok, found = pcall(function() return {read} end) return tostring(ok) .. #found"), "true0");
    says(&format!("return tostring(select(2, xpcall(function() return #{read} end, print)))"), "0");
    says(
        &format!("local ok, err = pcall(function() local x = {read} error('after ' .. #x) end) return err:match('after %d')"),
        "after 0",
    );
    says(&format!("for i = 1, 3 do pcall(pcall, function() {read} end) end return 'thrice'"), "thrice");
    says(
        &format!(
            "local t = setmetatable({{}}, {{ __index = function() return #{read} end }}) local ok, err = pcall(function() return t.x end) return tostring(ok)"
        ),
        "false",
    );
    raises(&format!("table.sort({{ 2, 1 }}, function(a, b) {read} return a < b end)"), "yield");
    raises(&format!("return (string.gsub('x', 'x', function() {read} return 'y' end))"), "yield");
}

#[test]
fn what_cannot_wait_is_not_done() {
    let text = "local nk = require('nakama')
        nk.register_rpc(function()
            local write = function() nk.storage_write({{ collection = 'c', key = 'k', value = {} }}) return 'y' end
            return tostring(pcall(string.gsub, 'x', 'x', write)) .. #nk.storage_read({{ collection = 'c', key = 'k' }})
        end, 'f')";
    let rig = start_with(&[("f.lua", text)], |_| {});
    assert_eq!(rig.says("f", ""), "false0");
    assert_eq!(rig.memory.asked(), ["StorageRead"]);
}

#[test]
fn a_fault_after_a_wait_fails_that_call_alone() {
    let read = "nk.storage_read({{ collection = 'c', key = 'k' }})";
    ends(&format!("{read} while true do end"), Code::DeadlineExceeded);
    ends(&format!("while true do {read} end"), Code::DeadlineExceeded);
    ends_somehow(&format!("{read} local s = 'x' while true do s = s .. s end"));
    raises(&format!("{read} error('later')"), "later");
}

#[test]
fn messages_are_bounded() {
    match run("error(('é'):rep(100000))") {
        Err((Code::Internal, message)) => assert!(message.len() <= 1100, "{}", message.len()),
        other => panic!("{other:?}"),
    }
    match run("error({ ('x'):rep(100000), 5 })") {
        Err((_, message)) => assert!(message.len() <= 1100, "{}", message.len()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn modules_that_keep_too_much_begin_anew() {
    let text = "local nk = require('nakama')
        local kept = {}
        nk.register_rpc(function() kept[#kept + 1] = ('x'):rep(1000000 + #kept) return tostring(#kept) end, 'leak')
        nk.register_rpc(function() return tostring(#kept) end, 'count')";
    let rig = start_with(&[("leak.lua", text)], |settings| (settings.threads, settings.vm_bytes_max) = (1, 16 * 1024 * 1024));
    let mut most = 0;
    for _ in 0..40 {
        if let Ok(kept) = rig.rpc("leak", "") {
            most = most.max(kept.parse::<usize>().expect("a number"));
        }
    }
    assert!((15..40).contains(&most), "kept {most} MB");
    until("it began anew", || rig.says("count", "").parse::<usize>().is_ok_and(|kept| kept < 30));
}

#[test]
fn lines_in_the_log_cannot_flood() {
    // What counts is that it ends soon and the next call goes on; the bounds themselves are the log's own tests.
    assert!(run("for i = 1, 20000 do print(i) end return 'printed'").is_ok());
}
