//! `hillfort operator`: a new password for an operator of the console, or a new operator. Writes a line into the audit log. Knows nothing of how
//! operators sign in.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command speaks to the person who typed it")]

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use hillfort_social::passwords::{PasswordCost, Passwords};
use hillfort_store::{Conflict, Missing, NewAuditEntry, Operator, OperatorUpdate, Role, Store, StoreError};
use serde_json::json;

use crate::config::Settings;
use crate::console::{COMMAND, check_name, new_password};
use crate::exit::Exit;

/// Names that are told to who mistyped one.
const NAMES_TOLD_MAX: usize = 20;

/// Does it, and says how it ended.
pub(crate) fn run(settings: &Settings, name: &str, role: Option<Role>, create: bool) -> Exit {
    if settings.store.url == "memory:" {
        eprintln!("error: operators end with the server: store.url says where they last");
        return Exit::Config;
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: {error}");
            return Exit::System;
        }
    };
    match runtime.block_on(work(settings, name, role, create)) {
        Ok(said) => {
            println!("{said}");
            Exit::Ok
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            Exit::Io
        }
    }
}

async fn work(settings: &Settings, name: &str, role: Option<Role>, create: bool) -> anyhow::Result<String> {
    if create {
        check_name(name).map_err(anyhow::Error::msg)?;
    }
    let store = Store::open(&settings.store.url, settings.store.options.clone()).await?;
    let there = store.operators.get(name.to_owned()).await;
    match (&there, create) {
        (Err(StoreError::NotFound(Missing::Operator)), false) => bail!(unknown(name, &store.operators.list().await?)),
        (Ok(_), true) => bail!("there is an operator {name} already: without --create it gets a new password"),
        _ => {}
    }
    let password = new_password()?;
    let cost = PasswordCost { threads: 1, ..settings.services.social.passwords.clone() };
    let hash = Passwords::start(&cost).map_err(anyhow::Error::msg)?.hash(&password).await?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
    // Somebody else may have made or removed it meanwhile: then the store says so.
    let operator = match role.filter(|_| create) {
        Some(role) => match store.operators.create(name.to_owned(), role, hash, now).await {
            Err(StoreError::Conflict(Conflict::Operator)) => bail!("somebody has made an operator {name} just now"),
            made => made?,
        },
        None => {
            let update = OperatorUpdate { role, password_hash: Some(hash) };
            store.operators.update(name.to_owned(), update, now).await?
        }
    };
    let detail = json!({
        "outcome": "done", "role": role.map(Role::name), "password": true, "uid": rustix::process::getuid().as_raw(),
    });
    let line = NewAuditEntry {
        actor: COMMAND.to_owned(),
        action: if create { "operator.create" } else { "operator.update" }.to_owned(),
        subject: operator.name.clone(),
        address: "this machine".to_owned(),
        detail: detail.to_string(),
    };
    let written = store.audit.append(line, now).await;
    let said = format!("{} ({}) signs in with the password {password}", operator.name, operator.role.name());
    written.with_context(|| format!("{said}\nbut the audit log could not be written")).map(|_| said)
}

/// There is none of this name.
fn unknown(name: &str, all: &[Operator]) -> String {
    let mut names: Vec<_> = all.iter().take(NAMES_TOLD_MAX).map(|operator| operator.name.as_str()).collect();
    if all.len() > names.len() {
        names.push("...");
    }
    let known = if names.is_empty() { "there is none yet".to_owned() } else { format!("there are: {}", names.join(", ")) };
    format!("there is no operator {name} ({known}). --create --role ROLE makes one")
}
