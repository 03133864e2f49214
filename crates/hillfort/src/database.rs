//! Owns the commands over the whole database: tables, backup, restore, export, import. Knows nothing of what is in it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command speaks to the person who typed it")]

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};

use hillfort_store::StoreError;

use crate::config::Store;
use crate::exit::Exit;

/// What to do.
#[derive(Debug)]
pub(crate) enum Task {
    Migrate,
    Backup(PathBuf),
    Restore(PathBuf),
    Export(PathBuf),
    Import(PathBuf),
}

/// Does it, and says how it ended.
pub(crate) fn run(store: &Store, task: &Task) -> Exit {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: {error}");
            return Exit::System;
        }
    };
    match runtime.block_on(work(store, task)) {
        Ok(said) => {
            println!("{said}");
            Exit::Ok
        }
        Err(error) => {
            eprintln!("error: {error}");
            if matches!(error, StoreError::Invalid(_)) { Exit::Config } else { Exit::Io }
        }
    }
}

async fn work(store: &Store, task: &Task) -> Result<String, StoreError> {
    let (url, options) = (store.url.as_str(), store.options.clone());
    match task {
        Task::Migrate => {
            hillfort_store::migrate(url, options).await?;
            Ok("the tables are up to date".to_owned())
        }
        Task::Backup(file) => {
            hillfort_store::backup(url, options, file).await?;
            Ok(format!("{} holds everything, secrets too: keep it as you keep the database", file.display()))
        }
        Task::Restore(file) => {
            hillfort_store::restore(url, options, file).await?;
            Ok("the database is as it was".to_owned())
        }
        Task::Export(file) => {
            let to = hillfort_store::create_private(file)?;
            let moved = hillfort_store::export(url, options, Box::new(BufWriter::new(to))).await.inspect_err(|_| {
                // What is there is a part, and was made here.
                let _ = std::fs::remove_file(file);
            })?;
            Ok(format!("{} rows are in {}, secrets too: keep it as you keep the database", moved.rows, file.display()))
        }
        Task::Import(file) => {
            let moved = hillfort_store::import(url, options, Box::new(BufReader::new(open(file)?))).await?;
            Ok(format!("{} rows are in the database", moved.rows))
        }
    }
}

fn open(file: &Path) -> Result<File, StoreError> {
    File::open(file).map_err(|error| StoreError::Unavailable(format!("{}: {error}", file.display())))
}
