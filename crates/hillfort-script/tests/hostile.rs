//! Scripts that mean harm. Each is ended with its stated fault within a bound of time, and its neighbour on the same VM goes on.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use hillfort_script::{Bytes, Entry, Fault, Host, HostError, Instance, Limits, Payload, Program, Vm};

/// Longest time that any of the scripts below may hold the thread, in a build without optimisation on a busy machine.
const HELD_MAX: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
struct Counter {
    next: u64,
    kept: Vec<u8>,
}

impl Host for Counter {
    fn random(&mut self) -> u64 {
        self.next = self.next.wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.next
    }
}

#[expect(clippy::disallowed_methods, reason = "the test is the caller who has a clock")]
fn clock() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed()
}

fn vm(source: &str, limits: Limits) -> Vm {
    let source = format!("{source}\nfunction neighbour(n) return n * 2 + 2 end");
    let program = Program::compile("test.luau", &source).expect("compiles");
    Vm::new(&program, limits, Counter::default(), |library| {
        library.method("keep", |host: &mut Counter, data: Bytes| {
            data.append_to(&mut host.kept);
            Ok(())
        })?;
        library.global("refuse", |_: &mut Counter, ()| Err::<(), _>(HostError("not today".to_owned())))
    })
    .expect("library is sound")
}

fn timed() -> Limits {
    // Long enough that a preempted test does not meet it where another limit is meant to.
    Limits { clock, busy_clock: clock, time_max: Duration::from_millis(250), ..Limits::default() }
}

fn start(vm: &Vm, entry: &str) -> (Instance, Entry) {
    let instance = vm.instance().expect("top level is fine");
    let entry = instance.entry(entry).expect("defined");
    (instance, entry)
}

/// Calls `go()`, up to `calls` times, until it faults.
#[track_caller]
fn go(source: &str, calls: u32) -> Result<(), Fault> {
    let vm = vm(source, timed());
    let (neighbour, answer) = start(&vm, "neighbour");
    let (instance, entry) = start(&vm, "go");
    let mut result = Ok(());
    for _ in 0..calls {
        let begun = clock();
        result = vm.call::<()>(&instance, &entry, instance.object());
        let held = clock() - begun;
        assert!(held < HELD_MAX, "held the thread for {held:?}");
        assert_eq!(vm.call::<f64>(&neighbour, &answer, 20.0), Ok(42.0), "the neighbour goes on");
        if result.is_err() {
            assert!(vm.call::<()>(&instance, &entry, ()).is_err(), "what has ended runs no more");
            break;
        }
    }
    result
}

#[track_caller]
fn check(source: &str, expect: Fault) {
    assert_eq!(go(source, 1), Err(expect), "{source}");
}

/// Ends by any fault: which one depends on what is met first.
#[track_caller]
fn check_ends(source: &str) {
    assert!(go(source, 1).is_err(), "{source}");
}

#[track_caller]
fn check_error(source: &str, text: &str) {
    match go(source, 1) {
        Err(Fault::Script(message)) if message.contains(text) => {}
        other => panic!("{source}: expected an error with {text:?}, got {other:?}"),
    }
}

#[test]
fn loops_end() {
    check("function go() while true do end end", Fault::Steps);
    check("function go() for i = 1, math.huge do end end", Fault::Steps);
    check("function go() repeat local x = 1 until false end", Fault::Steps);
    check_error("local function f() return f() end go = f", "stack overflow");
    check("function go() for _ in function() return 1 end do end end", Fault::Steps);
}

#[test]
fn coroutines_hide_no_loop() {
    check("function go() coroutine.wrap(function() while true do end end)() end", Fault::Steps);
    check(
        "function go() while true do coroutine.resume(coroutine.create(function() while true do end end)) end end",
        Fault::Steps,
    );
    check(
        "function go() local c = coroutine.wrap(function() while true do coroutine.yield() end end) while true do c() end end",
        Fault::Steps,
    );
    check_error("function go() coroutine.yield(1) end", "yielded");
    check_ends("local function deep() return coroutine.wrap(deep)() end function go() coroutine.wrap(deep)() deep() end");
    check_ends("function go() local function nest() coroutine.wrap(nest)() end nest() end");
}

#[test]
fn caught_budget_stays_spent() {
    check("function go() pcall(function() while true do end end) end", Fault::Steps);
    check("function go() while true do pcall(function() while true do end end) end end", Fault::Steps);
    check_ends("function go() local function again() pcall(again) while true do pcall(again) end end again() end");
    check("function go() xpcall(function() while true do end end, function() while true do end end) end", Fault::Steps);
    check("function go() coroutine.resume(coroutine.create(function() while true do end end)) end", Fault::Steps);
    check("function go() error(setmetatable({}, { __tostring = function() while true do end end })) end", Fault::Steps);
}

#[test]
fn metamethods_sorts_and_callbacks_are_counted() {
    check(
        "function go() local t = setmetatable({}, { __index = function(t, k) while true do end end }) local _ = t.x end",
        Fault::Steps,
    );
    check("function go() string.gsub(('x'):rep(10), 'x', function() while true do end end) end", Fault::Steps);
    check("function go() table.sort({3, 2, 1}, function(a, b) while true do end end) end", Fault::Steps);
    check("function go() local t = table.create(200000, 1) for i = 1, 200000 do t[i] = -i end table.sort(t) end", Fault::Steps);
    check("function go() local t = {} for i = 1, 50000 do t[i] = (i * 7919) % 50021 end table.sort(t) end", Fault::Steps);
    check(
        "function go() local t = setmetatable({}, { __lt = function() while true do end end }) local _ = t < t end",
        Fault::Steps,
    );
}

#[test]
fn patterns_end() {
    check("function go() string.find(('a'):rep(30000), ('a*'):rep(20) .. 'b') end", Fault::Steps);
    check("function go() string.find(('a'):rep(200000), '.-.-.-b') end", Fault::Steps);
    check("function go() string.match(('('):rep(100000), '%b()') end", Fault::Time);
    check("function go() for _ in string.gmatch(('a'):rep(100000), 'a-a-b') do end end", Fault::Steps);
    check("function go() string.gsub(('a'):rep(100000), 'a-a-b', '') end", Fault::Steps);
    check_error(
        "function go() string.find(('b'):rep(100000), '[' .. ('a'):rep(100000) .. 'b]*c') end",
        "too long for this pattern",
    );
    check_error(
        "function go() local s = ('a'):rep(1000000) string.find(s, s .. 'b', 1, true) string.find(s, ('a'):rep(500000) .. 'b', 1, true) end",
        "too long",
    );
    check_error("function go() string.split(('a'):rep(1000000), ('a'):rep(1000) .. 'b') end", "too long");
    check_error("function go() local s = ('a'):rep(1000000) s:find(s .. 'b', 1, true) end", "too long");
}

#[test]
fn slow_operations_meet_the_clock() {
    check(
        "function go() local t = table.create(200000, 0) while true do table.insert(t, 1, 0) table.remove(t, 1) end end",
        Fault::Time,
    );
    check(
        "function go() local a = ('x'):rep(1000000) .. 'a' local b = ('x'):rep(1000000) .. 'b' local n = 0 while true do if a < b then n += 1 end end end",
        Fault::Time,
    );
    check("function go() local b = buffer.create(2000000) while true do buffer.fill(b, 0, 1) end end", Fault::Time);
    // Nothing, two thousand million times, is nothing.
    assert_eq!(go("function go() local _ = string.rep('', 2147483647), table.concat({}, 'x', 2147483647, 1) end", 1), Ok(()));
    check_ends("function go() table.concat({}, '', 1, 2147483647) end");
    check_ends("function go() table.unpack({}, 1, 2147483647) end");
    check_ends("function go() string.byte(('x'):rep(1000000), 1, -1) end");
    check_error("function go() table.move({}, 1, 2000000000, 1, {}) end", "too many elements");
    check_error("function go() table.move({}, -2000000000, 0, 1, {}) end", "too many elements");
    check_error("function go() table.move({}, '1', '2000000000', 1, {}) end", "too many elements");
}

#[test]
fn memory_bombs_end() {
    check("function go() local s = ('x'):rep(1000000000) end", Fault::Memory);
    check("function go() local s = 'x' while true do s = s .. s end end", Fault::Memory);
    check("function go() local t = table.create(10000000, 0) end", Fault::Memory);
    check_error("function go() local t = table.create(100000000, 0) end", "table overflow");
    check("function go() local b = buffer.create(1000000000) end", Fault::Memory);
    check("local t = {} function go() for i = 1, 90000 do t[i] = { i, i, i, i } end end", Fault::Memory);
    check("function go() local t = {} for i = 1, 90000 do t[i] = coroutine.create(function() end) end end", Fault::Memory);
    check_ends("function go() local t = {} while true do t[#t + 1] = function() return t end end end");
    check_ends("function go() local t = table.create(5000, ('x'):rep(1000)) table.concat(t) end");
    check_ends("function go() string.rep(('x'):rep(1000), 2147483647) end");
    check_ends("function go() string.format(('%99d'):rep(50000), 1) end");
    check_ends("function go() local function f(n) return n + f(n + 1) end f(1) end");
    check_ends("function go() local function f(...) return f(1, ...) end f() end");
    check_ends("function go() table.unpack(table.create(200000, 1)) end");
    check_ends("function go() local s = ('a'):rep(2000000) local t = {} for i = 1, 10 do t[i] = s .. i end end");
    check_ends("function go() string.gsub(('a'):rep(2000), 'a', ('b'):rep(4000)) end");
}

#[test]
fn caught_memory_errors_leave_the_room_within_its_limit() {
    let source = "kept = {} function go() pcall(function() while true do kept[#kept + 1] = buffer.create(100000) end end) end";
    // One call can add 4 MiB and keep it for a while; it is found when the VM is half full.
    assert!(go(source, 20).is_err());
}

#[test]
fn slow_leak_ends_the_leaker_alone() {
    // 64 KiB a call: no single call is near the limit.
    let source = "local kept = {} function go() kept[#kept + 1] = buffer.create(65536) end";
    let vm = vm(source, timed());
    let (leaker, leak) = start(&vm, "go");
    let honest: Vec<_> = (0..8).map(|_| start(&vm, "go")).collect();
    // Honest rooms hold what they may and stay.
    for (instance, entry) in &honest {
        (0..3).for_each(|_| vm.call::<()>(instance, entry, ()).expect("within the limit"));
    }
    let calls = (0..10_000).take_while(|_| vm.call::<()>(&leaker, &leak, ()).is_ok()).count();
    let leaked = calls * 65_536;
    assert!(leaked > Limits::default().room_bytes_max, "ended early, at {leaked} bytes");
    assert!(leaked < Limits::default().vm_bytes_max, "ended late, at {leaked} bytes");
    assert_eq!(vm.call::<()>(&leaker, &leak, ()), Err(Fault::Memory));
    for (instance, entry) in &honest {
        assert_eq!(vm.call::<()>(instance, entry, ()), Ok(()), "goes on");
    }
    drop((leaker, leak));
}

#[test]
fn garbage_is_no_leak() {
    let vm = vm("function go() for i = 1, 100 do local b = buffer.create(10000) end end", timed());
    let (instance, entry) = start(&vm, "go");
    (0..300).for_each(|_| vm.call::<()>(&instance, &entry, ()).expect("300 MB of garbage is fine"));
    assert!(vm.stats().used_bytes < Limits::default().vm_bytes_max, "{}", vm.stats().used_bytes);
}

#[test]
fn dangerous_names_are_gone() {
    for name in [
        "io",
        "os",
        "debug",
        "package",
        "require",
        "loadstring",
        "load",
        "dofile",
        "loadfile",
        "collectgarbage",
        "gcinfo",
        "getfenv",
        "setfenv",
        "newproxy",
        "print",
        "_VERSION",
        "math.randomseed",
        "string.dump",
        "os and os.clock",
        "os and os.time",
    ] {
        let source = format!("function go() local found = {name} assert(not found, 'found it') end");
        assert_eq!(go(&source, 1), Ok(()), "{name}");
    }
}

#[test]
fn libraries_and_metatables_are_read_only() {
    check_error("function go() string.rep = nil end", "readonly");
    check_error("function go() math.random = function() return 4 end end", "readonly");
    check_error("function go() getmetatable('').__index = {} end", "readonly");
    check_error("function go() _G.shared = 1 end", "readonly");
    check_error("function go() rawset(_G, 'shared', 1) end", "readonly");
    check_error("function go() rawset(string, 'rep', 1) end", "readonly");
    check_error("function go() setmetatable(string, {}) end", "");
    check_error("function go(object) setmetatable(object, {}) end", "protected");
    check_error("function go(object) getmetatable(object).__index.keep = 1 end", "");
    check_error("function go() refuse() end", "not today");
}

#[test]
fn globals_do_not_leak() {
    let vm = vm("function go() secret = (secret or 0) + 1 return secret end", timed());
    let (one, count_one) = start(&vm, "go");
    let (two, count_two) = start(&vm, "go");
    for expect in 1..4 {
        assert_eq!(vm.call::<f64>(&one, &count_one, ()), Ok(f64::from(expect)));
    }
    assert_eq!(vm.call::<f64>(&two, &count_two, ()), Ok(1.0));
}

#[test]
fn shadowed_libraries_stay_in_their_room() {
    let vm =
        vm("function go(own) if own then math = { abs = function() return 'mine' end } end return math.abs(-1) end", timed());
    let (one, go_one) = start(&vm, "go");
    let (two, go_two) = start(&vm, "go");
    assert_eq!(vm.call::<String>(&one, &go_one, true).as_deref(), Ok("mine"));
    assert_eq!(vm.call::<f64>(&two, &go_two, false), Ok(1.0));
}

#[test]
fn messages_are_bounded_and_name_the_place() {
    check_error("\n\nfunction go() error('here') end", "test.luau:3: here");
    match go("function go() error(('x'):rep(100000)) end", 1) {
        Err(Fault::Script(message)) => assert!(message.len() <= hillfort_script::MESSAGE_BYTES_MAX + 4, "{}", message.len()),
        other => panic!("{other:?}"),
    }
    check_ends("function go() error({}) end");
    check_ends("function go() error() end");
}

#[test]
fn sources_that_do_not_compile_say_where() {
    #[track_caller]
    fn refused(source: &str, expect: &str) {
        match Program::compile("room.luau", source) {
            Err(Fault::Source(message)) => assert!(message.starts_with(expect), "{message}"),
            other => panic!("{other:?}"),
        }
    }
    refused("function on_tick(", "room.luau:1:");
    refused("local a = 1\nlocal b = = 2", "room.luau:2:");
    refused("goto x", "room.luau:1:");
    refused(&"(".repeat(100_000), "room.luau:1:");
    refused(&"x".repeat(hillfort_script::SOURCE_BYTES_MAX + 1), "room.luau: longer than");
    // Bytecode is text like any other here.
    refused("\u{6}\u{3}\u{0}", "room.luau:1:");
}

#[test]
fn top_level_has_its_own_budget() {
    let program = Program::compile("top.luau", "while true do end").expect("compiles");
    let vm = Vm::new(&program, Limits::default(), Counter::default(), |_| Ok(())).expect("builds");
    assert_eq!(vm.instance().err(), Some(Fault::Steps));
    let program = Program::compile("top.luau", "\nlocal t = nil\nt.x = 1").expect("compiles");
    let vm = Vm::new(&program, timed(), Counter::default(), |_| Ok(())).expect("builds");
    assert!(matches!(vm.instance().err(), Some(Fault::Script(message)) if message.contains("top.luau:3:")));
    assert_eq!(vm.stats().instances, 0, "a failed instance gives its place back");
}

#[test]
fn random_numbers_are_the_hosts() {
    let source = "function go() return math.random(), math.random(6), math.random(-3, 3) end";
    let draw = || {
        let vm = vm(source, timed());
        let (instance, entry) = start(&vm, "go");
        (0..200).map(|_| vm.call::<(f64, f64, f64)>(&instance, &entry, ()).expect("fine")).collect::<Vec<_>>()
    };
    let first = draw();
    assert_eq!(first, draw());
    assert!(
        first.iter().all(|&(unit, die, around)| (0.0..1.0).contains(&unit)
            && (1.0..=6.0).contains(&die)
            && (-3.0..=3.0).contains(&around))
    );
    check_error("function go() math.random(0) end", "interval is empty");
    check_error("function go() math.random(2, 1) end", "interval is empty");
    check_error("function go() math.random(0/0) end", "interval is empty");
}

#[test]
fn payloads_keep_their_memory_and_come_back() {
    let vm = vm("function go(object, data) object.keep(data) buffer.writeu8(data, 0, 9) return data end", timed());
    let (instance, entry) = start(&vm, "go");
    let mut inbox = Payload::default();
    for data in [&b"abc"[..], b"xyz", b"longer", b"\0"] {
        vm.fill(&instance, &mut inbox, data).expect("small");
        let back = vm.call::<Bytes>(&instance, &entry, (instance.object(), &inbox)).expect("fine").to_vec();
        assert_eq!((back[0], &back[1..]), (9, &data[1..]));
    }
    vm.with_host::<Counter, _>(|host| assert_eq!(host.kept, b"abcxyzlonger\0"));
}

#[test]
fn a_vm_takes_as_many_instances_as_it_can_tell_apart() {
    let vm = vm("function go() end", timed());
    assert_eq!(vm.instances_max(), 64);
    let mut all: Vec<_> = (0..vm.instances_max()).map(|_| vm.instance().expect("room")).collect();
    assert_eq!(vm.instance().err(), Some(Fault::VmFull));
    all.pop();
    assert!(vm.instance().is_ok());
}
