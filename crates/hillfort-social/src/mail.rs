//! Mail to people: a queue, a thread, and two ways out, a folder (development) and SMTP. Owns how mail leaves; knows nothing of why.
//!
//! A call never waits for a mail server, and takes as long whether there is somebody to write to or not. The queue is bounded: what does
//! not fit is dropped and counted, and the person asks again.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use lettre::message::{Mailbox, header::ContentType};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{Message, SmtpTransport, Transport};

/// Mails that may wait.
const QUEUE: usize = 256;
/// Files of the folder; the oldest is written over.
const FILES: u64 = 1000;
/// How long a mail server may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// How mail leaves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum MailConfig {
    /// It does not: calls that need it are refused.
    #[default]
    None,
    /// As files in a folder, for development.
    Folder(PathBuf),
    /// By a mail server.
    Smtp(SmtpConfig),
}

/// A mail server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpConfig {
    /// Its name.
    pub host: String,
    /// 465 for TLS from the first byte, 587 for STARTTLS.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// Name to sign in with; empty for none.
    pub user: String,
    /// Password to sign in with.
    pub password: String,
    /// Sender: `Game <noreply@example.org>`.
    pub from: String,
    /// Certificates of authorities to trust beside the system's, in PEM.
    pub extra_pem: String,
}

/// How a connection to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte.
    Tls,
    /// TLS after STARTTLS, or no mail.
    StartTls,
    /// Not at all: only for a server on this machine.
    Plain,
}

/// A mail to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// To whom.
    pub to: String,
    /// What about.
    pub subject: String,
    /// What it says.
    pub text: String,
}

/// What became of mails.
#[derive(Debug, Default)]
pub struct MailStats {
    /// Taken by the folder or the mail server.
    pub sent: AtomicU64,
    /// Refused by it.
    pub failed: AtomicU64,
    /// Not taken into the queue.
    pub dropped: AtomicU64,
}

/// Where mail is put.
#[derive(Debug, Clone)]
pub struct Outbox {
    queue: Option<SyncSender<Mail>>,
    /// What became of it.
    pub stats: Arc<MailStats>,
}

enum Way {
    Folder(PathBuf, u64),
    Smtp(Box<SmtpTransport>, Mailbox),
}

impl Outbox {
    /// Starts the thread, if there is a way.
    ///
    /// # Errors
    /// The configuration makes no sense; says which part.
    pub fn start(config: MailConfig) -> Result<Self, String> {
        let stats = Arc::<MailStats>::default();
        let way = match config {
            MailConfig::None => return Ok(Self { queue: None, stats }),
            MailConfig::Folder(folder) => {
                std::fs::create_dir_all(&folder).map_err(|why| format!("mail folder {}: {why}", folder.display()))?;
                Way::Folder(folder, 0)
            }
            MailConfig::Smtp(smtp) => {
                let from = smtp.from.parse().map_err(|why| format!("mail sender {:?}: {why}", smtp.from))?;
                Way::Smtp(Box::new(transport(&smtp)?), from)
            }
        };
        let (queue, mails) = sync_channel(QUEUE);
        let counted = Arc::clone(&stats);
        let thread = thread::Builder::new().name("mail".to_owned()).spawn(move || deliver(way, &mails, &counted));
        thread.map_err(|why| format!("mail: no thread: {why}"))?;
        Ok(Self { queue: Some(queue), stats })
    }

    /// Whether there is a way for mail.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.queue.is_some()
    }

    /// Puts a mail into the queue. Whether it was taken.
    pub fn put(&self, mail: Mail) -> bool {
        let taken = self.queue.as_ref().is_some_and(|queue| queue.try_send(mail).is_ok());
        if !taken {
            self.stats.dropped.fetch_add(1, Ordering::Relaxed);
        }
        taken
    }
}

/// The thread's loop; ends when the last [`Outbox`] is dropped.
fn deliver(mut way: Way, mails: &Receiver<Mail>, stats: &MailStats) {
    let mut failing = false;
    for mail in mails {
        // A connection may break for no reason: one more try.
        let sent = way.send(&mail).or_else(|_| way.send(&mail));
        let count = if sent.is_ok() { &stats.sent } else { &stats.failed };
        count.fetch_add(1, Ordering::Relaxed);
        if let Err(why) = &sent
            && !failing
        {
            tracing::error!(%why, "mail cannot be sent; said once until it can");
        }
        failing = sent.is_err();
    }
}

impl Way {
    fn send(&mut self, mail: &Mail) -> Result<(), String> {
        match self {
            Self::Folder(folder, number) => {
                let path = folder.join(format!("{:03}.eml", *number % FILES));
                *number += 1;
                let mut open = OpenOptions::new();
                open.write(true).create(true).truncate(true);
                #[cfg(unix)]
                std::os::unix::fs::OpenOptionsExt::mode(&mut open, 0o600);
                let text = format!("To: {}\nSubject: {}\n\n{}\n", mail.to, mail.subject, mail.text);
                open.open(&path)
                    .and_then(|mut file| file.write_all(text.as_bytes()))
                    .map_err(|why| format!("{}: {why}", path.display()))
            }
            Self::Smtp(transport, from) => {
                let to: Mailbox = mail.to.parse().map_err(|why| format!("not an address: {why}"))?;
                let message = Message::builder().from(from.clone()).to(to).subject(&mail.subject).header(ContentType::TEXT_PLAIN);
                let message = message.body(mail.text.clone()).map_err(|why| why.to_string())?;
                transport.send(&message).map(|_| ()).map_err(|why| why.to_string())
            }
        }
    }
}

fn transport(smtp: &SmtpConfig) -> Result<SmtpTransport, String> {
    let parameters = || {
        let mut parameters = TlsParameters::builder(smtp.host.clone());
        if !smtp.extra_pem.is_empty() {
            let extra =
                Certificate::from_pem(smtp.extra_pem.as_bytes()).map_err(|why| format!("mail: extra certificates: {why}"))?;
            parameters = parameters.add_root_certificate(extra);
        }
        parameters.build_rustls().map_err(|why| format!("mail: TLS: {why}"))
    };
    let tls = match smtp.security {
        Security::Tls => Tls::Wrapper(parameters()?),
        Security::StartTls => Tls::Required(parameters()?),
        Security::Plain => Tls::None,
    };
    let mut transport = SmtpTransport::builder_dangerous(&smtp.host).port(smtp.port).timeout(Some(PATIENCE)).tls(tls);
    if !smtp.user.is_empty() {
        transport = transport.credentials(Credentials::new(smtp.user.clone(), smtp.password.clone()));
    }
    Ok(transport.build())
}

#[cfg(test)]
mod stand_in;
#[cfg(test)]
mod tests;
