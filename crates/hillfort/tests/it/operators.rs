//! The console outside of development mode: the first password, the key of commands, a lost password.

use std::net::{SocketAddr, TcpStream};

use std::io::{Read, Write};

use serde_json::json;
use tempfile::TempDir;

use crate::PATIENCE;
use crate::server::{Server, hillfort, run};
use crate::web::get;

const SETTINGS: &str = "[store]\nurl = \"sqlite:data/hillfort.db\"\n[accounts]\npassword_kib = 1024\npassword_passes = 1\n\
     [[keys]]\napp = 7\nkey = 2\nsecret_hex = \"00112233445566778899aabbccddeeff\"\n";

/// Over what other servers of these tests are given.
const LASTS: (&str, &str) = ("store.url", "sqlite:data/hillfort.db");

/// Asks with these headers beside `Host`; the whole answer.
fn ask(console: SocketAddr, line: &str, headers: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(console).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    let request = format!(
        "{line} HTTP/1.1\r\nhost: {console}\r\norigin: http://{console}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn sign_in(console: SocketAddr, password: &str) -> String {
    ask(console, "POST /api/sign-in", "", &json!({ "name": "admin", "password": password }).to_string())
}

fn password_in(text: &str) -> String {
    text.split_once("password ").unwrap().1.split_whitespace().next().unwrap().to_owned()
}

#[test]
fn the_first_start_prints_a_password_once() {
    let folder: TempDir = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("hillfort.toml"), SETTINGS).unwrap();
    let server = Server::start_in(folder, &[LASTS]);
    let password = password_in(&server.logged("FIRST START"));
    assert!(!server.log().iter().any(|line| line.contains("INFO") && line.contains(&password)), "no log has it");
    assert!(ask(server.console, "GET /api/rooms", "", "").starts_with("HTTP/1.1 401"));
    assert!(sign_in(server.console, "wrong").starts_with("HTTP/1.1 401"));
    let answer = sign_in(server.console, &password);
    let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap_or_else(|| panic!("{answer}"));
    let cookie = format!("cookie: {}\r\n", cookie.split(';').next().unwrap());
    assert!(ask(server.console, "GET /api/rooms", &cookie, "").starts_with("HTTP/1.1 200"));
    let warnings = ask(server.console, "GET /api/configuration", &cookie, "");
    assert!(warnings.contains("mail.way") && warnings.contains("password_kib") && !warnings.contains("00112233"), "{warnings}");

    // Commands on this machine show the key in the data folder.
    assert_eq!(get(server.console, "/api/rooms").status, 200);
    let console = server.console.to_string();
    let list = |key: &str| run(hillfort(server.folder()).args(["room", "list", "--console", &console, "--key", key]));
    assert!(list("data/console.key").status.success());
    let refused = list("nothing.key");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--key FILE"), "{refused:?}");

    let server = Server::start_in(server.kill(), &[LASTS]);
    assert!(!server.log().iter().any(|line| line.contains("FIRST START")), "{:?}", server.log());
    assert!(ask(server.console, "GET /api/rooms", &cookie, "").starts_with("HTTP/1.1 401"), "a restart signs out");

    // Whoever lost it makes a new one, also while the server runs.
    let said = run(hillfort(server.folder()).args(["operator", "admin"]));
    assert!(said.status.success(), "{said:?}");
    assert!(sign_in(server.console, &password).starts_with("HTTP/1.1 401"));
    let new = password_in(&String::from_utf8_lossy(&said.stdout));
    assert!(sign_in(server.console, &new).starts_with("HTTP/1.1 200"));
    let command = |args: &[&str]| {
        let ended = run(hillfort(server.folder()).arg("operator").args(args));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (ended.status.success(), text(&ended.stdout), text(&ended.stderr))
    };
    let (made, said, _) = command(&["vera", "--create", "--role", "viewer"]);
    assert!(made && said.starts_with("vera (viewer) signs in"), "{said}");
    // A mistyped name makes nobody an administrator.
    for (args, why) in [
        (&["admn"][..], "there is no operator admn (there are: admin, vera). --create --role ROLE makes one"),
        (&["vrea", "--role", "administrator"], "there is no operator vrea"),
        (&["vera", "--create", "--role", "viewer"], "already"),
        (&["nobody", "--create", "--role", "viewer"], "choose another name"),
        (&["carl", "--create"], "--role"),
    ] {
        let (made, _, said) = command(args);
        assert!(!made && said.contains(why), "{args:?}: {said}");
    }
    let admin = sign_in(server.console, &new);
    let cookie = admin.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    let cookie = format!("cookie: {}\r\n", cookie.split(';').next().unwrap());
    let operators = ask(server.console, "GET /api/operators", &cookie, "");
    assert_eq!(operators.matches("\"created\"").count(), 2, "{operators}");
    let audit = ask(server.console, "GET /api/audit?actor=command%20line", &cookie, "");
    for line in
        [r#""action":"operator.create","#, r#""action":"operator.update","#, r#""subject":"vera""#, r#""subject":"admin""#]
    {
        assert!(audit.contains(line), "{line}: {audit}");
    }
    assert!(!audit.contains(&new), "no password is written down");
    let forgetful = run(hillfort(server.folder()).args(["operator", "admin", "--set", "store.url=memory:"]));
    assert!(!forgetful.status.success() && String::from_utf8_lossy(&forgetful.stderr).contains("store.url"), "{forgetful:?}");
}
