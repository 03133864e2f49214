//! Modules loaded anew while calls run.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use hillfort_modules::matches::MatchOutput;

use crate::rig::{block, start, until, write};

fn version(number: u32) -> String {
    format!(
        "local nk = require('nakama')
        nk.register_rpc(function() return 'v{number}' end, 'version')
        nk.register_rpc(function() nk.storage_read({{{{ collection = 'c', key = 'k' }}}}) return 'v{number}' end, 'waits')
        nk.register_rpc(function() return 'only' end, 'only{number}')"
    )
}

#[test]
fn new_calls_see_the_new_modules_and_old_ones_end_with_the_old() {
    let rig = start(&[("a.lua", &version(1))]);
    assert_eq!(rig.says("version", ""), "v1");
    rig.memory.hold();
    std::thread::scope(|scope| {
        let waits: Vec<_> = (0..4).map(|_| scope.spawn(|| rig.says("waits", ""))).collect();
        until("four calls wait", || rig.runtime.status().load.iter().sum::<usize>() == 4);
        write(rig.folder.path(), "a.lua", &version(2));
        assert_eq!(block(rig.runtime.reload()), Ok(2));
        until("the threads have them", || (0..8).all(|_| rig.says("version", "") == "v2"));
        assert!(rig.runtime.has_rpc("only2") && !rig.runtime.has_rpc("only1"));
        rig.memory.release();
        for wait in waits {
            assert_eq!(wait.join().expect("no panic"), "v1");
        }
    });
}

#[test]
fn modules_that_do_not_load_change_nothing() {
    let rig = start(&[("a.lua", &version(1))]);
    for (text, part) in [
        ("\nlocal = 1", "b.lua:2:"),
        ("error('no')", "b.lua:1: no"),
        ("require('nakama').nothing()", "b.lua:1: Nakama has no function nk.nothing"),
    ] {
        write(rig.folder.path(), "b.lua", text);
        let findings = block(rig.runtime.reload()).expect_err("refused");
        assert!(findings[0].to_string().contains(part), "{findings:?}");
        assert_eq!(rig.runtime.status().refused, findings);
        assert_eq!((rig.runtime.status().generation, rig.says("version", "")), (1, "v1".to_owned()));
    }
    write(rig.folder.path(), "b.lua", "return 1");
    assert_eq!(block(rig.runtime.reload()), Ok(2));
    assert!(rig.runtime.status().refused.is_empty());
}

#[test]
fn no_call_is_lost_under_load() {
    let rig = start(&[("a.lua", &version(1))]);
    let (done, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        // Ones that wait, in a thread of the modules, and short ones, where their callers are.
        for id in ["waits", "waits", "version", "version"] {
            let (rig, done, stop) = (&rig, &done, &stop);
            scope.spawn(move || {
                let mut last = 1;
                while !stop.load(Ordering::Relaxed) {
                    let said = rig.says(id, "");
                    let seen: u32 = said[1..].parse().expect("a version");
                    // Two threads may be a load apart, never more.
                    assert!(seen + 1 >= last, "v{seen} after v{last}");
                    last = last.max(seen);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for number in 2..12 {
            write(rig.folder.path(), "a.lua", &version(number));
            assert_eq!(block(rig.runtime.reload()), Ok(u64::from(number)));
            let before = done.load(Ordering::Relaxed);
            until("calls go on", || done.load(Ordering::Relaxed) > before + 20);
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_match_keeps_the_module_that_it_began_with() {
    let module = |number: u32| {
        format!(
            "return {{ match_init = function() return {{}}, 1, 'v{number}' end, match_join_attempt = function(_, _, _, s) return s, true end,
            match_join = function(_, _, _, s) return s end, match_leave = function(_, _, _, s) return s end,
            match_loop = function(_, _, _, s) return s end, match_terminate = function(_, _, _, s) return s end,
            match_signal = function(_, _, _, s) return s, 'v{number}' end }}"
        )
    };
    let rig = start(&[("m.lua", &module(1))]);
    let mut old = rig.runtime.match_handler(0, "m", "m1", None).expect("a match");
    old.turn(Duration::from_secs(1));
    write(rig.folder.path(), "m.lua", &module(2));
    assert_eq!(block(rig.runtime.reload()), Ok(2));
    let mut new = rig.runtime.match_handler(0, "m", "m2", None).expect("a match");
    new.turn(Duration::from_secs(1));
    for (handler, expect) in [(&mut old, "v1"), (&mut new, "v2")] {
        handler.signal(1, String::new()).expect("room");
        handler.turn(Duration::from_secs(1));
        let outputs: Vec<_> = std::iter::from_fn(|| handler.poll_output()).collect();
        assert!(outputs.contains(&MatchOutput::Signalled { token: 1, result: expect.to_owned() }), "{outputs:?}");
    }
}

#[test]
fn a_changed_file_is_noticed_in_development() {
    let rig = start(&[("a.lua", &version(1))]);
    let watch = rig.runtime.watch().expect("a thread");
    write(rig.folder.path(), "sub/b.lua", "require('nakama').register_rpc(function() return 'new' end, 'new')");
    until("it is loaded", || rig.runtime.has_rpc("new"));
    write(rig.folder.path(), "sub/b.lua", "error('broken')");
    until("it is refused", || !rig.runtime.status().refused.is_empty());
    assert!(rig.runtime.has_rpc("new"));
    drop(watch);
}
