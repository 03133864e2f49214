//! Players of the client API by the load tool, as a user runs both.

use serde_json::Value;

use crate::server::{Server, hillfort, run};

/// Reports of `hillfort load people` on a server; it has to succeed.
fn people(server: &Server, flags: &[&str]) -> Value {
    people_of(server, &format!("http://{}", server.http), flags)
}

fn people_of(server: &Server, url: &str, flags: &[&str]) -> Value {
    let results = server.folder().join("results");
    let mut command = hillfort(server.folder());
    command.args(["load", "people", "--url", url, "--results"]).arg(&results).args(flags);
    let output = run(&mut command);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let files = std::fs::read_dir(&results).unwrap().map(|file| file.unwrap().path());
    let json = files.filter(|file| file.extension().is_some_and(|extension| extension == "json")).max().unwrap();
    serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap()
}

/// Nothing fails: a machine that is held up holds players back, or is refused for the moment.
fn all_are_answered(report: &Value) {
    let classes = report["steps"][0]["classes"].as_array().unwrap();
    for class in classes {
        assert_eq!(class["failed"], 0, "{class}");
        assert!(class["ok"].as_u64().unwrap() > 0, "{class}");
    }
}

#[test]
fn people_register_sign_in_and_keep_objects() {
    let postgres = hillfort_testkit::postgres::Server::start();
    let urls = ["memory:".to_owned(), "sqlite:people.db".to_owned()];
    for url in urls.into_iter().chain(postgres.as_ref().map(|server| server.database())) {
        let server = Server::start(&[("store.url", &url)]);
        let mix = "register=1,login=1,write=2,read=4";
        let report = people(&server, &["--count", "20", "--rate", "100", "--seconds", "1", "--mix", mix]);
        all_are_answered(&report);
    }
}

/// The modules that ship with the load tool.
const MODULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../bench/people/modules");

#[test]
fn people_call_functions_and_play() {
    let server = Server::start(&[("modules.folder", MODULES)]);
    let mix = "register=1,login=1,write=1,read=1,rpc=2,echo=4";
    let report = people(&server, &["--count", "20", "--rate", "100", "--seconds", "2", "--mix", mix]);
    all_are_answered(&report);
}

#[test]
fn people_play_over_tls_and_believe_no_stranger() {
    let server = Server::start(&[("modules.folder", MODULES), ("edge.tls_self_signed", "true"), ("bots.hilltop", "0")]);
    let certificate = server.data().join("development-certificate.pem");
    let url = format!("https://localhost:{}", server.http.port());
    let mix = "login=1,rpc=1,echo=2";
    let flags = ["--count", "10", "--rate", "40", "--seconds", "1", "--mix", mix];
    let http_key = ["--http-key", "defaulthttpkey"];
    let trusting = ["--ca", certificate.to_str().unwrap()];
    for trust in [&trusting[..], &["--insecure"]] {
        let report = people_of(&server, &url, &[&flags[..], &http_key, trust].concat());
        all_are_answered(&report);
    }
    let mut wary = hillfort(server.folder());
    wary.args(["load", "people", "--url", &url]).args(flags);
    let output = run(&mut wary);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("--insecure"), "{said}");
}
