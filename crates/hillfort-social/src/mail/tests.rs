//! Mail against a stand-in of a mail server, and into a folder.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::atomic::Ordering;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use super::{Mail, MailConfig, Outbox, Security, SmtpConfig};

fn mail() -> Mail {
    Mail { to: "ada@example.org".into(), subject: "A new password".into(), text: "The token: abc\n.hidden\n".into() }
}

/// Waits for a condition that a thread brings about.
fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_folder_takes_mail() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = Outbox::start(MailConfig::Folder(folder.path().join("mail"))).unwrap();
    assert!(outbox.is_open() && outbox.put(mail()));
    wait_for("the mail", || outbox.stats.sent.load(Ordering::Relaxed) == 1);
    let text = std::fs::read_to_string(folder.path().join("mail/000.eml")).unwrap();
    assert_eq!(text, "To: ada@example.org\nSubject: A new password\n\nThe token: abc\n.hidden\n\n");
}

#[test]
fn without_a_way_mail_is_dropped() {
    let outbox = Outbox::start(MailConfig::None).unwrap();
    assert!(!outbox.is_open() && !outbox.put(mail()));
    assert_eq!(outbox.stats.dropped.load(Ordering::Relaxed), 1);
}

#[test]
fn a_mail_server_takes_mail() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (said, heard) = sync_channel(64);
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let mut stream = stream;
        stream.write_all(b"220 stand-in\r\n").unwrap();
        let mut in_data = false;
        while let Some(Ok(line)) = lines.next() {
            let answer: &[u8] = match line.as_str() {
                "." if in_data => {
                    in_data = false;
                    b"250 taken\r\n"
                }
                _ if in_data => b"",
                "DATA" => {
                    in_data = true;
                    b"354 go on\r\n"
                }
                "QUIT" => b"221 bye\r\n",
                _ if line.starts_with("EHLO") => b"250-stand-in\r\n250 AUTH PLAIN LOGIN\r\n",
                _ if line.starts_with("AUTH") => b"235 welcome\r\n",
                _ => b"250 ok\r\n",
            };
            said.send(line).unwrap();
            stream.write_all(answer).unwrap();
        }
    });
    let smtp = SmtpConfig {
        host: "127.0.0.1".into(),
        port,
        security: Security::Plain,
        user: "mailer".into(),
        password: "secret".into(),
        from: "The Game <noreply@example.org>".into(),
        extra_pem: String::new(),
    };
    let outbox = Outbox::start(MailConfig::Smtp(smtp)).unwrap();
    assert!(outbox.put(mail()));
    wait_for("the mail", || outbox.stats.sent.load(Ordering::Relaxed) == 1);
    drop(outbox);
    server.join().unwrap();
    let lines: Vec<String> = heard.iter().collect();
    for line in
        ["MAIL FROM:<noreply@example.org>", "RCPT TO:<ada@example.org>", "Subject: A new password", "The token: abc", "..hidden"]
    {
        assert!(lines.iter().any(|heard| heard.starts_with(line)), "{line} in {lines:#?}");
    }
    assert!(lines.iter().any(|line| line.starts_with("AUTH PLAIN ")));
}

#[test]
fn a_mail_server_that_is_not_there_is_counted() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let smtp = SmtpConfig {
        host: "127.0.0.1".into(),
        port,
        security: Security::StartTls,
        user: String::new(),
        password: String::new(),
        from: "noreply@example.org".into(),
        extra_pem: String::new(),
    };
    let outbox = Outbox::start(MailConfig::Smtp(smtp.clone())).unwrap();
    assert!(outbox.put(mail()));
    wait_for("the failure", || outbox.stats.failed.load(Ordering::Relaxed) == 1);
    // No header can be smuggled in by an address.
    assert!(outbox.put(Mail { to: "ada@example.org\r\nBcc: all@example.org".into(), ..mail() }));
    wait_for("the failure", || outbox.stats.failed.load(Ordering::Relaxed) == 2);
    assert!(Outbox::start(MailConfig::Smtp(SmtpConfig { from: "nobody".into(), ..smtp })).is_err());
}
