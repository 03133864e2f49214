//! Owns copies of a whole database in one file, made while it is used, and how a database is made of one again.

use rusqlite::Connection;
use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, BufWriter, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::sqlite::open_to_write;
use crate::store::Place;
use crate::{Options, Result, StoreError, import, transfer};

/// First bytes of a file of SQLite.
const SQLITE_HEAD: &[u8; 16] = b"SQLite format 3\0";

/// Brings the tables of a database up to date, and makes it when it is not there.
pub async fn migrate(url: &str, options: Options) -> Result<()> {
    Place::read(url)?.open(Options { migrate: true, ..options }).await.map(drop)
}

/// Copies the database into a new file, as it is at one moment; others may use it meanwhile. SQLite gives a database file, PostgreSQL an
/// export. The file holds the server's keys: it is a secret.
pub async fn backup(url: &str, options: Options, file: &Path) -> Result<()> {
    if file.exists() {
        return Err(StoreError::Invalid(format!("{} is there already: a backup goes into a new file", file.display())));
    }
    match Place::read(url)? {
        Place::Sqlite(path) => {
            let file = file.to_owned();
            blocking(move || vacuum_into(&path, &options, &file)).await
        }
        place => {
            let sql = place.open(Options { migrate: false, ..options }).await?;
            let part = beside(file, "part");
            // Left by a backup that was killed.
            let _ = fs::remove_file(&part);
            let out = create_private(&part)?;
            let kept = out.try_clone().map_err(|error| unavailable(&part, &error))?;
            transfer::export_from(&sql, Box::new(BufWriter::new(out))).await?;
            finish(&kept, &part, file)
        }
    }
}

/// Makes a database of a backup. Nothing is overwritten: the file of SQLite must not be there, the database of PostgreSQL be empty.
pub async fn restore(url: &str, options: Options, file: &Path) -> Result<()> {
    let mut head = [0; 16];
    let mut from = File::open(file).map_err(|error| unavailable(file, &error))?;
    let is_sqlite = from.read_exact(&mut head).is_ok() && head == *SQLITE_HEAD;
    match Place::read(url)? {
        Place::Sqlite(path) if is_sqlite => {
            let file = file.to_owned();
            blocking(move || copy_database(&file, &path, &options)).await
        }
        _ if is_sqlite => {
            let why = "is a backup of SQLite: restore it to a sqlite: URL, then export that and import it here";
            Err(StoreError::Invalid(format!("{} {why}", file.display())))
        }
        _ => {
            let from = File::open(file).map_err(|error| unavailable(file, &error))?;
            import(url, options, Box::new(BufReader::new(from))).await.map(drop)
        }
    }
}

/// Makes a new file that its owner alone may read.
pub fn create_private(file: &Path) -> Result<File> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    made.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            StoreError::Invalid(format!("{} is there already: a new file is made, none overwritten", file.display()))
        }
        _ => unavailable(file, &error),
    })
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| StoreError::Unavailable(error.to_string()))?
}

fn unavailable(path: &Path, error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Unavailable(format!("{}: {error}", path.display()))
}

/// A name for a file that is not whole yet.
fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

/// Gives a file its name when all of it is on the disk.
fn finish(written: &File, part: &Path, file: &Path) -> Result<()> {
    written.sync_all().map_err(|error| unavailable(part, &error))?;
    fs::rename(part, file).map_err(|error| unavailable(file, &error))?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| unavailable(folder, &error))
}

fn vacuum_into(path: &Path, options: &Options, file: &Path) -> Result<()> {
    if !path.exists() {
        return Err(StoreError::Invalid(format!("{} is not there", path.display())));
    }
    let part = beside(file, "part");
    // Left by a backup that was killed.
    let _ = fs::remove_file(&part);
    // SQLite writes into an empty file that is there.
    create_private(&part)?;
    let connection = open_to_write(path, options.busy_timeout)?;
    let name = part.to_str().ok_or_else(|| StoreError::Invalid(format!("{} is not Unicode", part.display())))?;
    connection.execute("VACUUM INTO ?1", [name]).map_err(|error| unavailable(&part, &error))?;
    let written = File::open(&part).map_err(|error| unavailable(&part, &error))?;
    finish(&written, &part, file)
}

fn copy_database(file: &Path, path: &Path, options: &Options) -> Result<()> {
    for there in [path.to_owned(), beside_sqlite(path, "-wal"), beside_sqlite(path, "-journal")] {
        if there.exists() {
            return Err(StoreError::Invalid(format!("{} is there already: move it away first", there.display())));
        }
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(|error| unavailable(folder, &error))?;
    }
    let part = beside(path, "part");
    fs::copy(file, &part).map_err(|error| unavailable(&part, &error))?;
    let sound = Connection::open(&part).and_then(|connection| {
        let check: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        Ok(check == "ok" && connection.table_exists(None, "accounts")?)
    });
    if !sound.as_ref().is_ok_and(|sound| *sound) {
        let _ = fs::remove_file(&part);
        return Err(StoreError::Invalid(format!("{} is damaged, or no backup of Hillfort", file.display())));
    }
    let written = File::open(&part).map_err(|error| unavailable(&part, &error))?;
    finish(&written, &part, path)?;
    // The tables may be older than this program.
    let mut connection = open_to_write(path, options.busy_timeout)?;
    crate::schema::sqlite(&mut connection, options.migrate)
}

fn beside_sqlite(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
