//! Real TLS clients say hello to a socket, and are read and named: curl, OpenSSL, Python, Node.js, Chromium, rustls. One that is not
//! installed is not run, and the test says so.

#![expect(clippy::unwrap_used, reason = "all of this is a test")]

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use hillfort_proto::client_hello::{self, CLIENT_HELLO_BYTES_MAX, Ja4, Scratch, Transport};
use rustix::process::{Pid, Signal, kill_process_group};

/// A browser takes this long to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What one client said.
#[derive(Debug)]
struct Seen {
    ja4: Ja4,
    raw: String,
    /// Extensions in the client's order, GREASE included.
    order: Vec<u16>,
    name: Option<String>,
    alpn: Vec<String>,
    resumes: bool,
    bytes: usize,
}

/// A socket that hands over each ClientHello that it gets, and then hangs up.
fn listen() -> (u16, Receiver<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (told, seen) = sync_channel(16);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Browsers open connections on which they say nothing.
            if let Some(hello) = take(stream)
                && told.send(hello).is_err()
            {
                return;
            }
        }
    });
    (port, seen)
}

fn take(mut stream: TcpStream) -> Option<Seen> {
    stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let (mut bytes, mut scratch, mut buffer) = (Vec::new(), Scratch::default(), [0; CLIENT_HELLO_BYTES_MAX]);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return None,
            Ok(got) => bytes.extend_from_slice(&buffer[..got]),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => return None,
        }
        if let Some(hello) = client_hello::read(&bytes, &mut scratch).expect("a good client is read") {
            return Some(Seen {
                ja4: hello.ja4(Transport::Tcp),
                raw: hello.ja4_raw(Transport::Tcp),
                order: hello.extensions().collect(),
                name: hello.server_name.map(str::to_owned),
                alpn: hello.alpn().map(|name| String::from_utf8_lossy(name).into_owned()).collect(),
                resumes: hello.resumes,
                bytes: bytes.len(),
            });
        }
    }
}

/// A program and all that it has started; ends with the value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let group = Pid::from_child(&self.0);
        // It may have ended by itself.
        let _gone_already = kill_process_group(group, Signal::KILL);
        let _reaped = self.0.wait();
    }
}

/// Starts the program twice, and gives what it said each time. `None`: it is not installed.
fn twice(program: &str, arguments: &dyn Fn(u16) -> Vec<String>) -> Option<[Seen; 2]> {
    let (port, seen) = listen();
    let once = || {
        let mut command = Command::new(program);
        command.args(arguments(port)).process_group(0);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = match child {
            Ok(child) => Running(child),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                not_run(program);
                return None;
            }
            Err(error) => panic!("{program}: {error}"),
        };
        let hello = seen.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{program} says no hello"));
        drop(child);
        // A client that tries again at once is not the next one.
        while seen.try_recv().is_ok() {}
        Some(hello)
    };
    Some([once()?, once()?])
}

fn not_run(program: &str) {
    // Not through the harness, which hides what a test that passes has printed.
    let _best_effort = writeln!(std::io::stderr(), "NOT RUN: {program} is not installed, so its ClientHello was not read");
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

/// rustls is always there.
fn rustls_twice() -> [Seen; 2] {
    let (port, seen) = listen();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth());
    [(); 2].map(|()| {
        let mut tls = rustls::ClientConnection::new(Arc::clone(&config), "fort.test".try_into().unwrap()).unwrap();
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        tls.write_tls(&mut stream).unwrap();
        seen.recv_timeout(PATIENCE).unwrap()
    })
}

#[test]
fn each_kind_of_client_has_one_name_of_its_own() {
    let chromium = std::env::var("CHROMIUM").unwrap_or_else(|_| "chromium".to_owned());
    let profile = std::env::temp_dir().join(format!("hillfort-clients-{}", std::process::id()));
    let python = "import socket, ssl, sys\n\
        context = ssl.create_default_context()\n\
        context.wrap_socket(socket.create_connection(('127.0.0.1', int(sys.argv[1]))), server_hostname='fort.test')";
    let node = "require('tls').connect({port: +process.argv[1], servername: 'fort.test', ALPNProtocols: ['http/1.1']}).on('error', () => 0)";
    let curl = |port: u16| words(&format!("-sk https://localhost:{port}/"));
    let openssl = |port: u16| words(&format!("s_client -connect 127.0.0.1:{port} -servername fort.test"));
    let tls12 = |port: u16| words(&format!("s_client -tls1_2 -noservername -connect 127.0.0.1:{port}"));
    let python = |port: u16| vec!["-c".into(), python.into(), port.to_string()];
    let node = |port: u16| vec!["-e".into(), node.into(), port.to_string()];
    let browser = |port: u16| {
        let mut all =
            words("--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking");
        all.push(format!("--user-data-dir={}", profile.display()));
        all.push(format!("https://localhost:{port}/"));
        all
    };
    // Name, first part of the JA4 as far as it does not depend on the version, server name.
    type Arguments<'a> = &'a dyn Fn(u16) -> Vec<String>;
    let clients: [(&str, &str, Arguments<'_>, &str, Option<&str>); 6] = [
        ("curl", "curl", &curl, "t13d..h2", Some("localhost")),
        ("openssl", "openssl", &openssl, "t13d..00", Some("fort.test")),
        ("openssl, TLS 1.2", "openssl", &tls12, "t12i..00", None),
        ("python", "python3", &python, "t13d..00", Some("fort.test")),
        ("node", "node", &node, "t13d..h1", Some("fort.test")),
        ("chromium", &chromium, &browser, "t13d..h2", Some("localhost")),
    ];
    let mut all: Vec<(&str, [Seen; 2])> = vec![("rustls", rustls_twice())];
    for (name, program, arguments, shape, server) in clients {
        let Some(seen) = twice(program, arguments) else { continue };
        let ja4 = seen[0].ja4.to_string();
        assert_eq!((&ja4[..4], &ja4[8..10]), (&shape[..4], &shape[6..]), "{name}");
        assert_eq!(seen[0].name.as_deref(), server, "{name}");
        all.push((name, seen));
    }
    let _left_over = std::fs::remove_dir_all(&profile);

    let mut names = BTreeMap::new();
    for (name, [one, two]) in &all {
        println!("{name}: {} in {} bytes", one.ja4, one.bytes);
        assert_eq!((one.ja4, &one.raw), (two.ja4, &two.raw), "{name}: the same client twice");
        assert!(!one.resumes, "{name}");
        if let Some(other) = names.insert(one.ja4, name) {
            panic!("{name} and {other} are both {}", one.ja4);
        }
    }
    // What others publish for rustls with ring, whose version we choose.
    assert_eq!(all[0].1[0].ja4.as_str(), "t13d101000_61a7ad8aa9b6_3fcd1a44f3e3");
    if let Some((_, [one, two])) = all.iter().find(|(name, _)| *name == "chromium") {
        assert_ne!(one.order, two.order, "Chromium shuffles its extensions");
        assert_eq!(one.alpn, ["h2", "http/1.1"]);
        // Its ciphers are those of FoxIO's example since Chrome 80 or so.
        assert_eq!(&one.ja4.as_str()[11..23], "8daaf6152771");
        assert!(one.bytes > 1_500, "a post-quantum key share is in it");
    }
}

/// OpenSSL writes down what it sends; our reader must find the same.
#[test]
fn openssl_agrees_on_every_number() {
    for (arguments, version) in [
        ("-alpn h2,http/1.1 -servername fort.test", "13d"),
        ("-tls1_3 -servername fort.test -ciphersuites TLS_CHACHA20_POLY1305_SHA256 -sigalgs ed25519:ECDSA+SHA256", "13d"),
        ("-tls1_2 -noservername -cipher ECDHE+AESGCM", "12i"),
    ] {
        let (port, seen) = listen();
        let child = Command::new("openssl")
            .args(words(&format!("s_client -trace -connect 127.0.0.1:{port} {arguments}")))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(child) = child else { return not_run("openssl") };
        let hello = seen.recv_timeout(PATIENCE).unwrap();
        let trace = child.wait_with_output().unwrap();
        let trace = String::from_utf8_lossy(&trace.stdout);
        if !trace.contains("cipher_suites") {
            return not_run("openssl with -trace");
        }
        assert_eq!(hello.raw, of_trace(&trace, version), "{arguments}\n{trace}");
    }
}

/// JA4 with its lists, out of OpenSSL's own words about its ClientHello.
fn of_trace(trace: &str, version: &str) -> String {
    let (mut ciphers, mut extensions, mut algorithms, mut alpn) = (Vec::new(), Vec::new(), Vec::new(), None);
    let mut section = 0;
    // What the peer says, if anything, comes after it.
    for line in trace.lines().map(str::trim).skip_while(|line| !line.starts_with("ClientHello")) {
        let hex = |text: &str| u16::from_str_radix(text.trim().trim_start_matches("0x"), 16).unwrap();
        if let Some((high, low)) = line.strip_prefix('{').and_then(|rest| rest.split_once('}')?.0.split_once(", ")) {
            ciphers.push(hex(high) << 8 | hex(low));
        } else if let Some(rest) = line.strip_prefix("extension_type=") {
            section = rest.split(['(', ')']).nth(1).unwrap().parse().unwrap();
            extensions.push(section);
        } else if section == 13
            && let Some((_, number)) = line.split_once("(0x")
        {
            algorithms.push(hex(number.trim_end_matches(')')));
        } else if section == 16 && alpn.is_none() {
            alpn = Some(line.to_owned());
        } else if line.is_empty() || line.starts_with("Received") {
            break;
        }
    }
    let list = |ids: &[u16]| ids.iter().map(|id| format!("{id:04x}")).collect::<Vec<_>>().join(",");
    let head = format!("t{version}{:02}{:02}{}", ciphers.len(), extensions.len(), alpn.as_deref().unwrap_or("00"));
    ciphers.sort_unstable();
    extensions.sort_unstable();
    extensions.retain(|id| ![0, 16].contains(id));
    format!("{head}_{}_{}_{}", list(&ciphers), list(&extensions), list(&algorithms))
}
