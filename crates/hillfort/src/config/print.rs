//! The effective configuration as text: the lines of `default.toml` with the values in force, and where each comes from.

use std::fmt::Write as _;

use toml::Value;

use super::DEFAULT;
use super::keys::{DEVELOPMENT_SECRET_HEX, HIDDEN};
use super::layers::{Layers, shown};

/// Where the list of keys begins in `default.toml`; it comes last.
const KEYS: &str = "[[keys]]";

/// Values that are not shown, but for their defaults.
const SECRETS: &[&str] = &[
    "nakama.server_key",
    "nakama.http_key",
    "store.url",
    "accounts.facebook_app_secret",
    "accounts.facebook_instant_secret",
    "accounts.steam_publisher_key",
    "mail.password",
];

pub(super) fn print(layers: &Layers) -> String {
    let defaults = Layers::defaults();
    let mut text = String::new();
    let mut section = "";
    let (settings, _) = DEFAULT.split_once(&format!("\n{KEYS}\n")).expect("the keys come last: a test reads the result");
    for line in settings.lines() {
        let name = line.split_once(" = ").map(|(name, _)| name).filter(|name| !name.starts_with('#'));
        if let Some(name) = name {
            let key = format!("{section}.{name}");
            let secret = SECRETS.contains(&key.as_str()) && layers.get(&key) != defaults.get(&key);
            let value = if secret { shown(&HIDDEN.into()) } else { layers.get(&key).map(shown).unwrap_or_default() };
            line_of(&mut text, format_args!("{name} = {value}  # {}", layers.origin(&key)));
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
        }
        line_of(&mut text, format_args!("{line}"));
    }
    for key in layers.get("keys").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table) {
        line_of(&mut text, format_args!("{KEYS}  # {}", layers.origin("keys")));
        for (name, value) in key {
            let secret = name == "secret_hex" && !matches!(value.as_str(), Some("" | DEVELOPMENT_SECRET_HEX));
            let value = if secret { shown(&HIDDEN.into()) } else { shown(value) };
            line_of(&mut text, format_args!("{name} = {value}"));
        }
        text.push('\n');
    }
    text
}

fn line_of(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a String takes everything");
}
