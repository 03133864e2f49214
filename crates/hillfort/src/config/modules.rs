//! The server runtime: raw values of `[modules]` into its settings. Knows no defaults.

use std::path::PathBuf;
use std::time::Duration;

use hillfort_modules::source::Unsupported;
use hillfort_modules::{HttpSettings, Settings};

use super::check::Check;
use super::keys::HIDDEN;
use super::raw;

const MIB: usize = 1 << 20;

impl Check<'_> {
    pub(super) fn modules(&mut self, modules: &raw::Modules, node: &str) -> Option<Settings> {
        let unsupported = self.one_of("modules.unsupported", &modules.unsupported, &["refuse", "warn"]);
        let env = self.module_env(&modules.env);
        let millis = Duration::from_millis;
        Some(Settings {
            folder: PathBuf::from(&modules.folder),
            threads: modules.threads,
            env: env?,
            node: node.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            unsupported: [Unsupported::Refuse, Unsupported::Warn][unsupported?],
            call_steps_max: modules.call_steps_max,
            load_steps_max: modules.load_steps_max,
            call_time_max: millis(modules.call_ms_max),
            call_bytes_max: modules.call_mib_max * MIB,
            vm_bytes_max: modules.vm_mib_max * MIB,
            match_steps_max: modules.match_steps_max,
            match_time_max: millis(modules.match_ms_max),
            match_bytes_max: modules.match_kib_max << 10,
            queue_max: modules.queue_max,
            waiting_max: modules.waiting_max,
            call_wait_max: millis(modules.wait_ms_max),
            result_bytes_max: modules.result_bytes_max,
            stacktrace: modules.stacktrace,
            http: HttpSettings {
                hosts: modules.http_hosts.clone(),
                private: modules.http_private,
                body_bytes_max: modules.http_body_bytes_max,
                timeout_max: millis(modules.http_ms_max),
                requests_max: modules.http_requests_max,
            },
        })
    }

    fn module_env(&mut self, texts: &[String]) -> Option<Vec<(String, String)>> {
        let mut env = Vec::new();
        for text in texts {
            match text.split_once('=') {
                _ if text == HIDDEN => {
                    self.wrong_text("modules.env", "the values were hidden when this was printed: put them back".to_owned());
                }
                Some((name, value)) if !name.is_empty() => env.push((name.to_owned(), value.to_owned())),
                // The text is not shown: it may be a secret.
                _ => self.wrong_text("modules.env", "NAME=VALUE is expected".to_owned()),
            }
        }
        (env.len() == texts.len()).then_some(env)
    }
}
