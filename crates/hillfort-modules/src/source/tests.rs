//! What is found in sources before they run.

use super::*;

fn source(text: &str) -> Source {
    Source { name: "shop.items".to_owned(), file: "shop/items.lua".to_owned(), text: text.to_owned() }
}

#[track_caller]
fn finds(text: &str, expect: &[(u32, &str)]) {
    let found = match compile(&[source(text)], Unsupported::Refuse) {
        Ok(_) => Vec::new(),
        Err(found) => found,
    };
    let lines: Vec<_> = found.iter().map(|finding| (finding.line, finding.text.as_str())).collect();
    assert_eq!(lines.len(), expect.len(), "{text}\n{lines:?}");
    for ((line, message), (expect_line, part)) in lines.iter().zip(expect) {
        assert!(line == expect_line && message.contains(part), "{text}\n{lines:?}");
    }
}

#[test]
fn functions_that_work_are_no_finding() {
    finds("local nk = require('nakama')\nnk.register_rpc(function() return nk.json_encode({}) end, 'x')", &[]);
    finds("local nk = require \"nakama\" return { nk.time(), nk['uuid_v4']() }", &[]);
    finds("return require('other').storage_raed()", &[]);
}

#[test]
fn what_does_not_work_is_named_with_its_line() {
    finds("local nk = require('nakama')\n\nnk.leaderboard_create('x')", &[(3, "nk.leaderboard_create does not work yet")]);
    finds("local server = require('nakama')\nlocal f = server.storage_raed", &[(2, "did you mean nk.storage_read?")]);
    finds("require(\"nakama\").sql_exec('drop')", &[(1, "nk.sql_exec does not work yet")]);
    finds("local nk = require('nakama')\nlocal other = nk\nother['groups_list']()", &[(3, "nk.groups_list")]);
    finds("local M = {}\nM.nk = require('nakama')\nfunction M.f() return M.nk.friends_list() end", &[(3, "nk.friends_list")]);
    finds("local nk = require('nakama')\n-- nk.sql_exec()\nlocal s = 'nk.sql_exec' --[[ nk.sql_exec ]]", &[]);
    finds("local nk = require('nakama')\nnk.twice = function(n) return n * 2 end\nreturn nk.twice(2)", &[]);
}

#[test]
fn each_name_of_an_assignment_of_many_stands_for_its_own_value() {
    let no = |line| [(line, "nk.sql_exec does not work yet")];
    finds("local nk, limit = require(\"nakama\"), 10\nnk.sql_exec() limit.sql_exec()", &no(2));
    finds("local limit, nk = { 1, 2, x = f(3, 4) }, require('nakama')\nlimit.sql_exec()\nnk.sql_exec()", &no(3));
    finds(
        "local M, f, nk = {}, function(a, b) local c, d = a, b return c, d end, require 'nakama'\nnk.sql_exec() f.sql_exec()",
        &no(2),
    );
    finds("M.limits.x, M.nk = 1, require('nakama')\nM.x.sql_exec()\nreturn M.nk.sql_exec()", &no(3));
    finds("local nk = require('nakama')\nlocal a, b = b or 1, nk\na.sql_exec()\nb.sql_exec()", &no(4));
    finds("local t = { a = x, b = require('nakama') }\nx.sql_exec()", &[]);
    // A list of values ends where they do.
    finds("local nk = require('nakama')\nlocal a, b = 1\nnk, c = nk, b\nb.sql_exec()", &[]);
    finds("local nk = require('nakama')\nlocal a, b = f(), t.x for _, v in pairs(t), nk do end\nb.sql_exec()", &[]);
    finds("local a, t[1], nk = require('nakama'), 1, 2\nnk.sql_exec()", &[(1, "")]);
    let nested = "local a, b = function() ".repeat(10_000);
    let found = compile(&[source(&nested)], Unsupported::Refuse);
    assert!(found.is_err_and(|found| found.len() == 1), "an error of syntax alone");
}

#[test]
fn hooks_that_hear_of_nothing_are_named_with_their_line() {
    let hook = |text: &str| format!("local nk = require('nakama')\n{text}");
    finds(&hook("nk.register_rt_before(function(c, e) return (e) end, 'MatchCreate')"), &[]);
    finds(&hook("nk.register_req_before(f('x'), \"getaccount\") nk.register_rpc(f, 'PartyCreate')"), &[]);
    finds(
        &hook("nk.register_rt_before(f(), 'PartyCreate')"),
        &[(2, "PartyCreate is never called: the message is not served yet")],
    );
    finds(&hook("\nnk.register_rt_after(f,\n'match_data')"), &[(3, "the API has no message match_data")]);
    finds(&hook("nk.register_rt_after(f, 'MatchData')"), &[(2, "MatchData is never called: clients do not send")]);
    finds(&hook("nk.register_req_after(f, 'AddFriends')"), &[(2, "AddFriends is never called: the call is not served yet")]);
    finds(&hook("local register = nk.register_rt_before\nregister(f, name .. 'x') nk.register_rt_before(f"), &[(3, "")]);
}

#[test]
fn names_of_hooks_that_are_made_of_parts_are_not_judged() {
    let hook = |text: &str| format!("local nk = require('nakama')\n{text}");
    finds(&hook("nk.register_rt_before(f, kind .. 'Create')"), &[]);
    finds(&hook("nk.register_rt_before(f, 'Match' .. 'Join')"), &[]);
    finds(&hook("nk.register_rt_before(f, kind or 'PartyCreate') nk.register_rt_after(f, name'PartyCreate')"), &[]);
    finds(&hook("nk.register_rt_before(f, (kind .. 'x'))\nnk.register_rt_after(f, [[PartyCreate]])"), &[(3, "PartyCreate")]);
}

#[test]
fn brackets_that_nobody_closes_take_no_longer_for_each_of_them() {
    let calls = "nk.register_rpc(f ".repeat(14_000);
    let found = compile(&[source(&format!("local nk = require('nakama')\n{calls}"))], Unsupported::Refuse);
    assert!(found.is_err_and(|found| found.len() == 1 && found[0].line == 2), "an error of syntax alone");
}

#[test]
fn globals_of_lua_that_are_not_there_are_named() {
    finds("setfenv(1, {})", &[(1, "setfenv is not there")]);
    finds("\nlocal f = loadstring('return 1')", &[(2, "loadstring is not there")]);
    finds("module('shop', package.seeall)", &[(1, "module is not there")]);
    finds("os.execute('ls')", &[(1, "os.execute is not there")]);
    finds("print(os.time(), os.date('!%Y'))", &[]);
    finds("local module = {} function module.load() end return module", &[]);
    finds("local t = { load = 1, io = 2 } t.load = t.io t:debug()", &[]);
    finds("local function run(io, debug) return io, debug end", &[]);
    finds("for _, module in pairs({}) do print(module) end", &[]);
}

#[test]
fn errors_of_syntax_say_where() {
    finds("local a = 1\nlocal b = = 2", &[(2, "")]);
    finds("if x then", &[(1, "")]);
}

#[test]
fn warnings_do_not_refuse() {
    let text = "local nk = require('nakama') nk.sql_exec('x')";
    let compiled = compile(&[source(text)], Unsupported::Warn).expect("only warned of");
    assert_eq!(compiled.warnings.len(), 1);
}

#[test]
fn jumps_to_the_end_of_a_loop_go_on_with_it() {
    let check = |text: &str, expect: &str| {
        let text = skip::goto_continue(&source(text)).expect("a loop's end");
        assert_eq!(text.split_whitespace().collect::<Vec<_>>().join(" "), expect);
    };
    check(
        "for i = 1, 3 do if i == 2 then goto next end f(i) ::next:: end",
        "for i = 1, 3 do if i == 2 then continue end f(i) end",
    );
    check("while a do for b in c do goto inner ::inner:: end ::outer:: end", "while a do for b in c do continue end end");
    check("repeat goto on ::on:: until done()", "repeat continue until done()");
    check("x.goto = 1 return x.goto", "x.goto = 1 return x.goto");
    finds("for i = 1, 3 do\nif i == 2 then goto next end\n::next::\nend", &[]);
}

#[test]
fn other_jumps_are_refused() {
    finds("::top::\ngoto top", &[(2, "goto top works only")]);
    finds("for i = 1, 2 do for j = 1, 2 do\ngoto outer end ::outer:: end", &[(2, "goto outer")]);
    finds("for i = 1, 2 do local f = function()\ngoto next end ::next:: end", &[(2, "goto next")]);
    finds("for i = 1, 2 do goto next ::next:: print(i) end", &[(1, "goto next")]);
}

#[test]
fn a_folder_is_read_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |file: &str, text: &str| {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().expect("in the folder")).expect("makes folders");
        fs::write(path, text).expect("writes");
    };
    write("b.lua", "return 1");
    write("a/z.lua", "return 2");
    write("a.LUA", "return 3");
    write("readme.md", "no module");
    write(".hidden.lua", "no module");
    let names: Vec<_> = read(folder.path()).expect("reads").into_iter().map(|source| (source.name, source.file)).collect();
    let expect = [("a", "a.LUA"), ("a.z", "a/z.lua"), ("b", "b.lua")];
    assert_eq!(names, expect.map(|(name, file)| (name.to_owned(), file.to_owned())));
    assert_eq!(read(&folder.path().join("none")), Ok(Vec::new()));
    write("a.lua", "return 4");
    assert!(read(folder.path()).is_err_and(|faults| faults[0].text.contains("same name")));
}

#[test]
fn what_is_too_long_or_no_text_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("long.lua"), "-".repeat(SOURCE_BYTES_MAX + 1)).expect("writes");
    fs::write(folder.path().join("raw.lua"), [0xff, 0xfe]).expect("writes");
    let mut faults = read(folder.path()).expect_err("two faults");
    faults.sort();
    assert!(faults[0].text.contains("longer than") && faults[1].text.contains("no UTF-8"), "{faults:?}");
}

/// Words that the readers look for, so that chance meets them.
const WORDS: [&str; 34] = [
    "local",
    "nk",
    "=",
    "require",
    "(",
    ")",
    "\"nakama\"",
    ".",
    ":",
    "[",
    "]",
    "'x'",
    "[[",
    "]]",
    "--",
    "--[[",
    "goto",
    "::",
    "a",
    "for",
    "do",
    "while",
    "repeat",
    "until",
    "end",
    "function",
    "if",
    "then",
    "{",
    "}",
    ",",
    "\n",
    "os",
    "1e",
];

proptest::proptest! {
    #[test]
    fn any_text_is_read(text in ".{0,200}") {
        // Whatever comes of it: no panic, and findings within the text.
        let lines = text.matches('\n').count() as u32 + 1;
        if let Err(findings) = compile(&[source(&text)], Unsupported::Refuse) {
            assert!(findings.iter().all(|finding| finding.line <= lines), "{findings:?}");
        }
    }

    #[test]
    fn any_words_are_read(words in proptest::collection::vec(0..WORDS.len(), 0..60)) {
        let text: Vec<_> = words.iter().map(|word| WORDS[*word]).collect();
        let text = text.join(" ");
        let lines = text.matches('\n').count() as u32 + 1;
        if let Err(findings) = compile(&[source(&text)], Unsupported::Refuse) {
            assert!(findings.iter().all(|finding| finding.line <= lines), "{findings:?}");
        }
    }
}
