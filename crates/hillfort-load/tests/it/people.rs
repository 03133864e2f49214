//! `people` against a stand-in of Nakama's client API: every class of calls, every way in which one can end, and the report.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Output};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tungstenite::Message;

/// How the stand-in behaves.
#[derive(Debug, Clone, Copy, Default)]
struct Ways {
    /// Every so many-th call of a connection is refused with code 14, if it reads; 0 refuses none.
    refuse_each: usize,
    /// It has no functions.
    no_functions: bool,
    /// It ends each connection after an answer without a word.
    hangs_up: bool,
    /// It answers who reads with nothing.
    lies: bool,
}

/// Starts it; a thread for each connection, all of which end with the test.
fn start(ways: Ways) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("a port");
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || serve(stream, ways));
        }
    });
    address
}

/// Ends with the connection.
fn serve(mut stream: TcpStream, ways: Ways) -> Option<()> {
    let mut first = [0; 7];
    while stream.peek(&mut first).ok()? < first.len() {
        std::thread::yield_now();
    }
    if &first == b"GET /ws" {
        return play(stream);
    }
    let (mut input, mut calls) = (Vec::new(), 0);
    loop {
        let mut chunk = [0; 4096];
        let head = loop {
            if let Some(at) = input.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            let read = stream.read(&mut chunk).ok().filter(|&read| read > 0)?;
            input.extend_from_slice(&chunk[..read]);
        };
        let text = String::from_utf8(input[..head].to_vec()).ok()?;
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: "))?.parse::<usize>().ok()?;
        while input.len() < head + length {
            let read = stream.read(&mut chunk).ok().filter(|&read| read > 0)?;
            input.extend_from_slice(&chunk[..read]);
        }
        let body: Value = serde_json::from_slice(&input[head..head + length]).ok()?;
        input.drain(..head + length);
        calls += 1;
        let (status, answer) = answer(&text, &body, calls, ways);
        let answer = answer.to_string();
        write!(stream, "HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n{answer}", answer.len()).ok()?;
        if ways.hangs_up {
            return Some(());
        }
    }
}

fn answer(head: &str, body: &Value, calls: usize, ways: Ways) -> (u16, Value) {
    let line = head.lines().next().unwrap_or_default();
    let user = head.lines().find_map(|line| line.strip_prefix("authorization: Bearer h."));
    let user = user.and_then(|rest| URL_SAFE_NO_PAD.decode(rest.split('.').next()?).ok());
    let user = user.and_then(|claims| Some(serde_json::from_slice::<Value>(&claims).ok()?["uid"].as_str()?.to_owned()));
    if line.starts_with("POST /v2/account/authenticate/device?create=") {
        if !head.contains("authorization: Basic ZGVmYXVsdGtleTo=") {
            return (401, json!({ "code": 16, "message": "Server key invalid" }));
        }
        let claims = URL_SAFE_NO_PAD.encode(json!({ "uid": body["id"] }).to_string());
        return (200, json!({ "token": format!("h.{claims}.s") }));
    }
    let Some(user) = user else { return (401, json!({ "code": 16, "message": "Auth token invalid" })) };
    let is_storage = line.contains(" /v2/storage ");
    if line.starts_with("POST /v2/storage ") && ways.refuse_each > 0 && calls.is_multiple_of(ways.refuse_each) {
        return (503, json!({ "code": 14, "message": "busy" }));
    }
    if is_storage && ways.lies && line.starts_with("POST") {
        return (200, json!({ "objects": [] }));
    }
    match line.split(' ').take(2).collect::<Vec<_>>()[..] {
        ["PUT", "/v2/storage"] => (200, json!({ "acks": [{ "key": body["objects"][0]["key"] }] })),
        ["POST", "/v2/storage"] => {
            assert_eq!(body["object_ids"][0]["user_id"], user.as_str(), "players read what is theirs");
            (200, json!({ "objects": [{ "key": body["object_ids"][0]["key"] }] }))
        }
        ["POST", "/v2/rpc/people.greet"] if !ways.no_functions => {
            (200, json!({ "payload": json!({ "user_id": user }).to_string() }))
        }
        ["POST", "/v2/rpc/people.table"] if !ways.no_functions => {
            (200, json!({ "payload": json!({ "match_id": "m" }).to_string() }))
        }
        _ => (404, json!({ "code": 5, "message": "RPC function not found", "error": "RPC function not found" })),
    }
}

/// Lets whoever comes into the match, and sends messages back.
fn play(stream: TcpStream) -> Option<()> {
    let mut socket = tungstenite::accept(stream).ok()?;
    loop {
        let Message::Text(text) = socket.read().ok()? else { continue };
        let envelope: Value = serde_json::from_str(&text).ok()?;
        let reply = match envelope.get("match_data_send") {
            Some(sent) => json!({ "match_data": sent }),
            None => json!({ "cid": envelope["cid"], "match": { "match_id": envelope["match_join"]["match_id"] } }),
        };
        socket.send(Message::text(reply.to_string())).ok()?;
    }
}

fn people(address: SocketAddr, flags: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hillfort-load"))
        .args(["people", "--url", &format!("http://{address}")])
        .args(flags)
        .output()
        .expect("the load tool starts")
}

/// The report of a run, which is to succeed.
fn reported(address: SocketAddr, name: &str, flags: &[&str]) -> (Value, String) {
    let folder: PathBuf = std::env::temp_dir().join(format!("hillfort-people-{}-{name}", std::process::id()));
    let output = people(address, &[flags, &["--results", &folder.display().to_string()]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut files: Vec<_> = std::fs::read_dir(&folder).expect("the folder").map(|file| file.expect("a file").path()).collect();
    files.sort();
    assert_eq!(files.iter().filter_map(|file| file.extension()?.to_str()).collect::<Vec<_>>(), ["json", "md"]);
    let read = |file: &PathBuf| std::fs::read_to_string(file).expect("a file of ours");
    let report = serde_json::from_str(&read(&files[0])).expect("JSON");
    let markdown = read(&files[1]);
    std::fs::remove_dir_all(&folder).expect("the folder is ours");
    (report, markdown)
}

fn of<'a>(report: &'a Value, class: &str) -> &'a Value {
    let classes = report["steps"][0]["classes"].as_array().expect("classes");
    classes.iter().find(|of| of["class"] == class).unwrap_or_else(|| panic!("no {class} in {report}"))
}

fn count(of: &Value, name: &str) -> u64 {
    of[name].as_u64().unwrap_or_else(|| panic!("no {name} in {of}"))
}

#[test]
fn every_class_is_called_and_reported() {
    let flags = ["--count", "20", "--rate", "400", "--seconds", "1", "--mix", "register=1,login=1,write=1,read=1,rpc=1,echo=1"];
    let (report, markdown) = reported(start(Ways::default()), "all", &flags);
    for class in ["register", "login", "write", "read", "rpc", "echo", "all"] {
        let of = of(&report, class);
        assert!(count(of, "offered") > 0, "{of}");
        // A machine that is held up holds players back; nothing is lost by it.
        assert_eq!(count(of, "ok") + count(of, "held"), count(of, "offered"), "{of}");
        assert_eq!(
            of["histogram"].as_array().expect("buckets").iter().filter_map(|bucket| bucket[1].as_u64()).sum::<u64>(),
            count(of, "ok")
        );
        assert!(markdown.contains(&format!("| {class} |")), "{markdown}");
    }
    assert_eq!(count(of(&report, "all"), "offered"), 400);
}

#[test]
fn refusals_are_told_from_failures() {
    let flags = ["--count", "10", "--rate", "200", "--seconds", "1", "--mix", "read=1"];
    let (report, _) = reported(start(Ways { refuse_each: 3, ..Ways::default() }), "refused", &flags);
    let all = of(&report, "all");
    assert!(count(all, "refused") > 0 && count(all, "ok") > 0 && count(all, "failed") == 0, "{all}");
    assert_eq!(all["ends"]["code 14"], all["refused"], "{all}");

    let (report, _) = reported(start(Ways { lies: true, ..Ways::default() }), "lies", &flags);
    let all = of(&report, "all");
    assert!(count(all, "ok") == 0 && all["ends"]["wrong answer"] == all["failed"], "{all}");
}

#[test]
fn a_server_that_hangs_up_between_calls_loses_none() {
    let flags = ["--count", "10", "--rate", "100", "--seconds", "1", "--mix", "write=1,read=1"];
    let (report, _) = reported(start(Ways { hangs_up: true, ..Ways::default() }), "hangs-up", &flags);
    let all = of(&report, "all");
    assert_eq!((count(all, "failed"), count(all, "refused")), (0, 0), "{all}");
    assert!(count(all, "ok") > 0, "{all}");
}

#[test]
fn a_server_without_the_modules_says_so() {
    let bare = || start(Ways { no_functions: true, ..Ways::default() });
    let (report, _) = reported(bare(), "no-rpc", &["--count", "4", "--rate", "40", "--seconds", "0.5", "--mix", "rpc=1"]);
    let all = of(&report, "all");
    assert!(count(all, "ok") == 0 && all["ends"]["code 5"] == all["failed"], "{all}");
    let output = people(bare(), &["--count", "4", "--mix", "echo=1"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && error.contains("code 5") && error.contains("bench/people"), "{error}");
}

#[test]
fn a_sweep_ends_three_steps_past_saturation() {
    let flags = ["--sweep", "--count", "4", "--rate", "20", "--seconds", "0.2", "--mix", "read=1"];
    let (report, markdown) = reported(start(Ways { refuse_each: 1, ..Ways::default() }), "sweep", &flags);
    assert_eq!(report["steps"].as_array().map(Vec::len), Some(4), "{report}");
    assert_eq!((&report["figures"][0]["name"], &report["figures"][0]["met"]), (&json!("people-goodput"), &json!(false)));
    assert!(markdown.contains("**missed**"), "{markdown}");
}

#[test]
fn what_makes_no_sense_is_refused_with_a_reason() {
    let address = start(Ways::default());
    for (flags, part) in [
        (&["--mix", "fly=1"][..], "no class of calls"),
        (&["--nakama-key", "wrong", "--count", "1"], "code 16"),
        (&["--count", "0"], "0 is not in"),
        (&["--rate", "nan"], "calls a second"),
        (&["--count", "1", "--rate", "2000"], "more players"),
    ] {
        let output = people(address, flags);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains(part), "{flags:?}: {error}");
    }
    let output = Command::new(env!("CARGO_BIN_EXE_hillfort-load")).args(["people", "--url", "ftp://x"]).output().expect("starts");
    assert!(String::from_utf8_lossy(&output.stderr).contains("http://host:port"));
}
