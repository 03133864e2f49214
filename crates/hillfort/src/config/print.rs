//! The effective configuration as text: the lines of `default.toml` with the values in force, and where each comes from.

use std::fmt::Write as _;

use serde::Serialize;
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
    "modules.env",
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
            let value = value_of(layers, &defaults, &key);
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

/// A value in one line, secrets hidden.
fn value_of(layers: &Layers, defaults: &Layers, key: &str) -> String {
    let secret = SECRETS.contains(&key) && layers.get(key) != defaults.get(key);
    match layers.get(key) {
        Some(Value::String(url)) if key == "store.url" => shown(&without_password(url).into()),
        Some(Value::Array(_)) if secret => shown(&Value::Array(vec![HIDDEN.into()])),
        _ if secret => shown(&HIDDEN.into()),
        value => value.map(shown).unwrap_or_default(),
    }
}

/// A setting in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// Its key.
    pub key: String,
    /// Its value as in TOML, secrets hidden.
    pub value: String,
    /// Where it was written.
    pub origin: String,
    /// Whether it is what everybody has who sets nothing.
    pub default: bool,
    /// What it does.
    pub about: String,
}

/// All settings but the keys of the hello, in the order of `default.toml`.
pub(super) fn settings(layers: &Layers) -> Vec<Setting> {
    let defaults = Layers::defaults();
    let (mut found, mut section, mut about, mut is_fresh) = (Vec::new(), "", String::new(), true);
    for line in DEFAULT.lines().take_while(|line| *line != KEYS) {
        if let Some(text) = line.strip_prefix('#') {
            // Comments stand before the settings that they are about, of which there may be several.
            if !is_fresh {
                about.clear();
            }
            is_fresh = true;
            about = format!("{about} {}", text.trim()).trim().to_owned();
        } else if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
            about.clear();
        } else if let Some((name, _)) = line.split_once(" = ") {
            let key = format!("{section}.{name}");
            found.push(Setting {
                value: value_of(layers, &defaults, &key),
                origin: layers.origin(&key).to_string(),
                default: layers.get(&key) == defaults.get(&key),
                about: about.clone(),
                key,
            });
            is_fresh = false;
        }
    }
    found
}

/// The URL with its password hidden.
pub(super) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    // A password may have any character, `?` and `@` too: all that could be of it is hidden.
    let user = rest.split([':', '/', '?', '@']).next().unwrap_or_default();
    let (who, rest) = match rest[user.len()..].strip_prefix(':').and_then(|rest| rest.rsplit_once('@')) {
        Some((_, rest)) => (format!("{user}:{HIDDEN}@"), rest),
        None => (String::new(), rest),
    };
    let (place, more) = rest.split_once('?').map_or((rest, ""), |(place, more)| (place, more));
    let place = format!("{who}{place}");
    // libpq takes one there, too.
    let more =
        more.split('&').map(|part| if part.starts_with("password=") { format!("password={HIDDEN}") } else { part.to_owned() });
    let more = more.collect::<Vec<_>>().join("&");
    if more.is_empty() { format!("{scheme}://{place}") } else { format!("{scheme}://{place}?{more}") }
}

fn line_of(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a String takes everything");
}

#[cfg(test)]
mod tests {
    use super::without_password;

    #[test]
    fn passwords_are_hidden() {
        for (url, shown) in [
            ("sqlite:data/hillfort.db", "sqlite:data/hillfort.db"),
            ("postgres://host/db", "postgres://host/db"),
            ("postgres://me@host:5432/db", "postgres://me@host:5432/db"),
            ("postgres://me:secret@host:5432/db", "postgres://me:(hidden)@host:5432/db"),
            ("postgres://me:se:cr@et@host/db?sslmode=require", "postgres://me:(hidden)@host/db?sslmode=require"),
            ("postgres://me:se?cr/et@host/db", "postgres://me:(hidden)@host/db"),
            ("postgres://me:secret@host/db?options=a@b", "postgres://me:(hidden)@b"),
            ("postgres://host/db?password=a@b:c", "postgres://host/db?password=(hidden)"),
            ("postgres://host/db?user=me&password=secret&x=1", "postgres://host/db?user=me&password=(hidden)&x=1"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }
}
