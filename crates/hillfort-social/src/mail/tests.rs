//! Mail against stand-ins of mail servers, with TLS and without, and into a folder.

use std::net::TcpListener;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::stand_in::{MailServer, Speaks};
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

/// A way to `server` by which it must be whom `trusted` vouches for.
fn smtp(server: &MailServer, security: Security, trusted: &str) -> SmtpConfig {
    SmtpConfig {
        host: "localhost".into(),
        port: server.port,
        security,
        user: "mailer".into(),
        password: "secret".into(),
        from: "The Game <noreply@example.org>".into(),
        extra_pem: trusted.into(),
    }
}

#[test]
fn a_mail_server_takes_mail_behind_what_protects_it() {
    for (speaks, security) in
        [(Speaks::Plain, Security::Plain), (Speaks::Tls, Security::Tls), (Speaks::StartTls, Security::StartTls)]
    {
        let server = MailServer::start(speaks, "localhost");
        let outbox = Outbox::start(MailConfig::Smtp(smtp(&server, security, &server.pem))).unwrap();
        assert!(outbox.put(mail()));
        wait_for("the mail", || outbox.stats.sent.load(Ordering::Relaxed) == 1);
        let heard = server.until_the_end();
        for line in [
            "AUTH PLAIN ",
            "MAIL FROM:<noreply@example.org>",
            "RCPT TO:<ada@example.org>",
            "Subject: A new password",
            "The token: abc",
            "..hidden",
        ] {
            let heard = heard.iter().find(|heard| heard.line.starts_with(line)).unwrap_or_else(|| panic!("{line}: {heard:#?}"));
            assert_eq!(heard.protected, security != Security::Plain, "{speaks:?}: {line}");
        }
        let open = heard.iter().filter(|heard| !heard.protected).map(|heard| heard.line.split(' ').next().unwrap());
        let open: Vec<_> = open.collect();
        match security {
            Security::Plain => assert!(open.len() > 6),
            Security::StartTls => assert_eq!(open, ["EHLO", "STARTTLS"]),
            Security::Tls => assert_eq!(open, [""; 0]),
        }
    }
}

#[test]
fn nothing_is_said_to_a_mail_server_that_cannot_show_who_it_is() {
    let other = MailServer::start(Speaks::Tls, "localhost");
    for (speaks, security, name, is_trusted) in [
        (Speaks::Tls, Security::Tls, "localhost", false),
        (Speaks::StartTls, Security::StartTls, "localhost", false),
        (Speaks::Tls, Security::Tls, "mail.example", true),
        (Speaks::StartTls, Security::StartTls, "mail.example", true),
        // Somebody on the way takes STARTTLS out of what the server offers, or answers in its place.
        (Speaks::Plain, Security::StartTls, "localhost", true),
        (Speaks::StartTlsRefused, Security::StartTls, "localhost", true),
        // TLS from the first byte with a server that has none.
        (Speaks::Plain, Security::Tls, "localhost", true),
    ] {
        let what = format!("{speaks:?} {security:?} {name} {is_trusted}");
        let server = MailServer::start(speaks, name);
        let trusted = if is_trusted { &server.pem } else { &other.pem };
        let outbox = Outbox::start(MailConfig::Smtp(smtp(&server, security, trusted))).unwrap();
        assert!(outbox.put(mail()));
        wait_for(&what, || outbox.stats.failed.load(Ordering::Relaxed) == 1);
        assert_eq!(outbox.stats.sent.load(Ordering::Relaxed), 0, "{what}");
        drop(outbox);
        // It was tried twice.
        for heard in [server.until_the_end(), server.until_the_end()].concat() {
            assert!(!heard.protected, "{what}: {heard:?}");
            let word = heard.line.split(' ').next().unwrap();
            let is_tls = heard.line.bytes().any(|byte| byte.is_ascii_control());
            assert!(is_tls || ["EHLO", "STARTTLS", "QUIT"].contains(&word), "{what}: {heard:?}");
        }
    }
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
