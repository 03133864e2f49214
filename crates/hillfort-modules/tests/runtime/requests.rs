//! `http_request` against a server of the test's own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};

use hillfort_modules::HttpSettings;

use crate::rig::{Rig, start_with};

/// Answers each connection by what it asks for; ends with the process.
fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().filter_map(Result::ok) {
            let mut reader = BufReader::new(&stream);
            let mut lines = Vec::new();
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|bytes| bytes > 2) {
                lines.push(std::mem::take(&mut line));
            }
            let first = lines.first().cloned().unwrap_or_default();
            let header =
                |name: &str| lines.iter().find(|line| line.to_lowercase().starts_with(name)).cloned().unwrap_or_default();
            let answer = match first.split(' ').nth(1).unwrap_or_default() {
                "/echo" => {
                    let length: usize =
                        header("content-length").trim().rsplit(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0);
                    let mut body = vec![0; length];
                    std::io::Read::read_exact(&mut reader, &mut body).expect("a body");
                    let body = format!("{} {} {}", &first[..4], header("x-mine").trim(), String::from_utf8_lossy(&body));
                    format!("HTTP/1.1 201 Created\r\nx-theirs: yes\r\ncontent-length: {}\r\n\r\n{body}", body.len())
                }
                "/moved" => "HTTP/1.1 302 Found\r\nlocation: /echo\r\ncontent-length: 0\r\n\r\n".to_owned(),
                "/round" => "HTTP/1.1 302 Found\r\nlocation: /round\r\ncontent-length: 0\r\n\r\n".to_owned(),
                "/away" => {
                    "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/secret\r\ncontent-length: 0\r\n\r\n".to_owned()
                }
                "/large" => format!("HTTP/1.1 200 OK\r\ncontent-length: 3000\r\n\r\n{}", "x".repeat(3000)),
                "/nonsense" => "nonsense\r\n\r\n".to_owned(),
                // Never answers: the connection stays open with the process.
                _ => {
                    std::mem::forget(stream);
                    continue;
                }
            };
            (&stream).write_all(answer.as_bytes()).ok();
        }
    });
    address
}

fn rig(private: bool) -> Rig {
    let text = "local nk = require('nakama')
        nk.register_rpc(function(_, payload)
            local url, method, content = payload:match('(%S+) (%S+) ?(.*)')
            local code, headers, body = nk.http_request(url, method, { ['X-Mine'] = 'a' }, content, 2000)
            return code .. ' ' .. tostring(headers['X-Theirs']) .. ' ' .. body
        end, 'ask')";
    start_with(&[("h.lua", text)], |settings| {
        let hosts = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        settings.http = HttpSettings { hosts, private, body_bytes_max: 2000, ..HttpSettings::default() };
    })
}

#[test]
fn a_request_is_answered() {
    let (rig, address) = (rig(true), server());
    assert_eq!(
        rig.says("ask", &format!("http://{address}/echo POST hello")),
        "201 yes POST X-Mine: a hello".replace("X-Mine", "x-mine")
    );
    assert!(rig.says("ask", &format!("http://localhost:{}/moved get", address.port())).starts_with("201 yes GET"));
}

#[test]
fn what_is_not_allowed_or_too_much_is_refused() {
    let (rig, address) = (rig(true), server());
    let fails = |url: &str, part: &str| {
        let error = rig.rpc("ask", &format!("{url} get")).expect_err(url);
        assert!(error.message.contains(part), "{url}: {}", error.message);
    };
    fails(&format!("http://{address}/large"), "HTTP response body error");
    fails(&format!("http://{address}/round"), "more than 5 redirects");
    fails(&format!("http://{address}/away"), "169.254.169.254 is not in the list");
    fails(&format!("http://{address}/nonsense"), "HTTP request error");
    fails(&format!("http://{address}/silent"), "no answer within");
    fails("http://user@localhost/", "a URL with a user");
    fails("ftp://localhost/", "must begin with http");
    fails("localhost", "must begin with http");
    fails("https://127.0.0.1:1/", "HTTP request error");
}

#[test]
fn private_addresses_are_refused_whatever_they_are_called() {
    let (rig, port) = (rig(false), server().port());
    for host in ["127.0.0.1", "localhost"] {
        let error = rig.rpc("ask", &format!("http://{host}:{port}/echo get")).expect_err("private");
        assert!(error.message.contains("has no public address"), "{}", error.message);
    }
}
