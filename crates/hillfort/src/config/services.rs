//! Nakama's API and what answers it: raw values of `[nakama]`, `[accounts]` and `[mail]` into settings. Knows no defaults but
//! the keys that everybody knows.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use hillfort_social::limits::Allowance;
use hillfort_social::passwords::PasswordCost;
use hillfort_social::{
    Budgets, Class, Guesses, MailConfig, MustSign, Payloads, ResetConfig, RouteAliases, Security, SessionConfig, SmtpConfig,
};

use super::check::Check;
use super::raw;

/// Keys that everybody knows, by their settings.
const KNOWN_KEYS: [(&str, &str); 2] = [("nakama.server_key", "defaultkey"), ("nakama.http_key", "defaulthttpkey")];

/// Settings of what answers calls.
#[derive(Clone)]
pub struct Services {
    /// Threads that answer.
    pub threads: usize,
    /// Bounds of the doors.
    pub doors: hillfort_nakama::Settings,
    /// What calls mean.
    pub social: hillfort_social::Config,
    /// How mail goes.
    pub mail: MailConfig,
}

impl fmt::Debug for Services {
    /// Secrets stay out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services").field("threads", &self.threads).field("doors", &self.doors).finish_non_exhaustive()
    }
}

fn number(budgets: &BTreeMap<String, u32>, name: &str) -> u32 {
    *budgets.get(name).expect("default.toml has it: a test reads all")
}

fn a_minute(budgets: &BTreeMap<String, u32>, name: &str) -> Allowance {
    Allowance::a_minute(number(budgets, &format!("{name}_burst")), number(budgets, &format!("{name}_per_min")))
}

fn an_hour(budgets: &BTreeMap<String, u32>, name: &str) -> Allowance {
    Allowance::an_hour(number(budgets, &format!("{name}_burst")), number(budgets, &format!("{name}_per_h")))
}

impl Check<'_> {
    pub(super) fn services(
        &mut self,
        raw: &raw::Raw,
        data_folder: Option<&Path>,
        development: bool,
        address: Option<IpAddr>,
    ) -> Option<Services> {
        let nakama = &raw.nakama;
        let is_public = !development && address.is_some_and(|address| !address.to_canonical().is_loopback());
        for (key, known) in KNOWN_KEYS {
            let value = if key == "nakama.server_key" { &nakama.server_key } else { &nakama.http_key };
            if is_public && value == known {
                let text = "everybody knows its default, which does not do on an address for others: put a key of your own there \
                            (openssl rand -hex 16), or \"\"";
                self.wrong_text(key, text.to_owned());
            }
        }
        // A proxy on this machine brings strangers: the key that makes a caller a server is nobody's by default outside development.
        let http_key = if development || nakama.http_key != KNOWN_KEYS[1].1 { nakama.http_key.clone() } else { String::new() };
        let mail = self.mail(&raw.mail, data_folder);
        let outside = self.outside(&raw.accounts);
        let signed = MustSign::parse(&nakama.signed).map_err(|text| self.wrong_text("nakama.signed", text)).ok();
        let aliases = self.one_of("nakama.route_aliases", &nakama.route_aliases, &["off", "on", "only"]);
        let accounts = &raw.accounts;
        let defaults = hillfort_social::Config::default();
        let social = hillfort_social::Config {
            server_key: nakama.server_key.clone(),
            http_key,
            sessions: SessionConfig {
                token_s: nakama.token_s,
                refresh_s: nakama.refresh_token_s,
                single: nakama.single_session,
                ..defaults.sessions
            },
            passwords: PasswordCost { memory_kib: accounts.password_kib, passes: accounts.password_passes, ..defaults.passwords },
            hide_unknown: accounts.hide_unknown,
            payloads: Payloads {
                object_bytes: nakama.object_bytes_max,
                rpc_bytes: nakama.rpc_bytes_max,
                batch: nakama.batch_max,
                vars_bytes: nakama.vars_bytes_max,
            },
            budgets: Budgets {
                account: Class::ALL.map(|class| a_minute(&raw.budgets, &format!("account_{}", class.name()))),
                address: Class::ALL.map(|class| a_minute(&raw.budgets, &format!("address_{}", class.name()))),
            },
            guesses: Guesses {
                pair: an_hour(&raw.budgets, "guess_pair"),
                account: an_hour(&raw.budgets, "guess_account"),
                address: an_hour(&raw.budgets, "guess_address"),
                known_days: number(&raw.budgets, "known_days"),
            },
            outside: outside?,
            signed: signed?,
            // Other servers may make accounts in the same PostgreSQL; nobody else opens the file of SQLite.
            alone: !raw.store.url.starts_with("postgres"),
            route_aliases: [RouteAliases::Off, RouteAliases::On, RouteAliases::Only][aliases?],
            reset: ResetConfig {
                link: raw.mail.reset_link.clone(),
                game: raw.mail.game.clone(),
                allowance: an_hour(&raw.budgets, "mail"),
                ..defaults.reset
            },
            ..defaults
        };
        let doors = hillfort_nakama::Settings {
            request_bytes_max: nakama.request_bytes_max,
            patience: Duration::from_millis(nakama.call_ms_max),
            calls_max: nakama.calls_max,
            wait_max: Duration::from_millis(nakama.wait_ms_max),
            answers_bytes_max: nakama.answers_bytes_max,
            requests_bytes_max: nakama.requests_bytes_max,
        };
        Some(Services { threads: nakama.threads, doors, social, mail: mail? })
    }

    fn mail(&mut self, mail: &raw::Mail, data_folder: Option<&Path>) -> Option<MailConfig> {
        let way = self.one_of("mail.way", &mail.way, &["none", "folder", "smtp"])?;
        let security = self.one_of("mail.security", &mail.security, &["tls", "starttls", "plain"])?;
        match way {
            0 => Some(MailConfig::None),
            1 => Some(MailConfig::Folder(data_folder?.join("mails"))),
            _ => {
                for (key, value) in [("mail.host", &mail.host), ("mail.from", &mail.from)] {
                    if value.is_empty() {
                        self.wrong_text(key, "mail.way = \"smtp\" needs it".to_owned());
                    }
                }
                let extra_pem = self.authorities("mail.authorities", &mail.authorities)?;
                Some(MailConfig::Smtp(SmtpConfig {
                    host: mail.host.clone(),
                    port: mail.port,
                    security: [Security::Tls, Security::StartTls, Security::Plain][security],
                    user: mail.user.clone(),
                    password: mail.password.clone(),
                    from: mail.from.clone(),
                    extra_pem,
                }))
            }
        }
    }
}
