//! `hillfort operator`: a new password for an operator of the console, who is made when there is none of that name. Knows nothing of how
//! operators sign in.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command speaks to the person who typed it")]

use std::time::{SystemTime, UNIX_EPOCH};

use hillfort_social::passwords::{PasswordCost, Passwords};
use hillfort_store::{Missing, OperatorUpdate, Role, Store, StoreError};

use crate::config::Settings;
use crate::console::new_password;
use crate::exit::Exit;

/// Does it, and says how it ended.
pub(crate) fn run(settings: &Settings, name: &str, role: Option<Role>) -> Exit {
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
    match runtime.block_on(work(settings, name, role)) {
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

async fn work(settings: &Settings, name: &str, role: Option<Role>) -> anyhow::Result<String> {
    let store = Store::open(&settings.store.url, settings.store.options.clone()).await?;
    let password = new_password()?;
    let cost = PasswordCost { threads: 1, ..settings.services.social.passwords.clone() };
    let hash = Passwords::start(&cost).map_err(anyhow::Error::msg)?.hash(&password).await?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
    let update = OperatorUpdate { role, password_hash: Some(hash.clone()) };
    let operator = match store.operators.update(name.to_owned(), update, now).await {
        Err(StoreError::NotFound(Missing::Operator)) => {
            store.operators.create(name.to_owned(), role.unwrap_or(Role::Administrator), hash, now).await?
        }
        changed => changed?,
    };
    Ok(format!("{} ({}) signs in with the password {password}", operator.name, operator.role.name()))
}
