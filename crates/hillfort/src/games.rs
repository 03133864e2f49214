//! The games that this server can run: those that ship in the binary, and those in the operator's folder, which come first.
//!
//! Owns where a game's files lie (`<game>/server/main.luau`, `<game>/sync.toml`, `<game>/client/…`); the operator's folder has such games in
//! it, or is one itself. Knows nothing of rooms or HTTP.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rust_embed::RustEmbed;

use crate::files::stays_inside;

#[derive(RustEmbed)]
#[folder = "../../games"]
struct Shipped;

#[derive(RustEmbed)]
#[folder = "../../sdk/js"]
struct Library;

/// Where a game has its rules.
const RULES: &str = "server/main.luau";

/// Bytes of a script at most: larger ones are not read.
pub const SCRIPT_BYTES_MAX: u64 = hillfort_script::SOURCE_BYTES_MAX as u64;

/// The game whose page comes first when the operator's folder is not a game itself.
const FRONT: &str = "hilltop";

/// Files of the games and of the client library.
#[derive(Debug, Clone, Default)]
pub struct Games {
    folder: Option<PathBuf>,
    /// The folder's own name, when it is a game and not a folder of games.
    own: Option<String>,
}

/// A game with rules written in Luau.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Name of the game.
    pub name: String,
    /// Where the source came from, for error messages.
    pub origin: String,
    /// Source of its rules.
    pub source: String,
    /// What its entities look like, if it has a schema.
    pub schema: Option<SchemaFile>,
}

/// A game's schema, not looked at yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaFile {
    /// Where it came from, for error messages.
    pub origin: String,
    /// Its TOML.
    pub text: String,
}

/// A game that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum GamesError {
    /// The folder cannot be listed.
    #[error("games.folder = \"{}\" cannot be read: create it, or remove the setting to use the games that ship", .0.display())]
    Folder(PathBuf, #[source] std::io::Error),
    /// A script or schema is there but unreadable or too large.
    #[error("{} cannot be read: scripts and schemas are UTF-8 text of at most {} KiB", .0.display(), SCRIPT_BYTES_MAX / 1024)]
    Script(PathBuf, #[source] std::io::Error),
    /// A folder whose name cannot be the name of a game.
    #[error("{} is not a name for a game: use 1 to 32 of a-z, 0-9 and -", .0.display())]
    Name(PathBuf),
}

impl Games {
    /// The games that ship, with those in `folder` over them, or with the one that `folder` is.
    #[must_use]
    pub fn new(folder: Option<PathBuf>) -> Self {
        let own = folder.as_deref().filter(|folder| is_game(folder)).and_then(|folder| {
            // `.` has a name, too.
            folder.canonicalize().ok()?.file_name().map(|name| name.display().to_string())
        });
        Self { folder, own }
    }

    /// The game whose page `/` leads to.
    #[must_use]
    pub fn front(&self) -> &str {
        self.own.as_deref().unwrap_or(FRONT)
    }

    /// Rules of every game, by name. A game in the folder replaces the one of its name that ships.
    ///
    /// # Errors
    /// [`GamesError`] with the path and what to do.
    pub fn scripts(&self) -> Result<Vec<Script>, GamesError> {
        let mut scripts = match (&self.folder, &self.own) {
            (Some(folder), Some(name)) => script(name, folder)?.into_iter().collect(),
            (Some(folder), None) => scripts_in(folder)?,
            (None, _) => Vec::new(),
        };
        let taken: BTreeSet<String> = scripts.iter().map(|script| script.name.clone()).collect();
        for path in Shipped::iter() {
            let Some(name) = path.strip_suffix("/server/main.luau") else { continue };
            let file = Shipped::get(&path).expect("it was listed");
            if !taken.contains(name) {
                let source = String::from_utf8(file.data.into_owned()).expect("scripts that ship are UTF-8");
                let schema = Shipped::get(&format!("{name}/sync.toml")).map(|file| SchemaFile {
                    origin: format!("games/{name}/sync.toml"),
                    text: String::from_utf8(file.data.into_owned()).expect("schemas that ship are UTF-8"),
                });
                scripts.push(Script { name: name.to_owned(), origin: format!("games/{path}"), source, schema });
            }
        }
        scripts.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(scripts)
    }

    /// A file of a game's client.
    #[must_use]
    pub fn client_file(&self, game: &str, path: &str) -> Option<Cow<'static, [u8]>> {
        if !is_name(game) || !stays_inside(path) {
            return None;
        }
        let own = self.folder_of(game).and_then(|folder| std::fs::read(folder.join("client").join(path)).ok());
        let shipped = || Shipped::get(&format!("{game}/client/{path}")).filter(|_| !is_test(path)).map(|file| file.data);
        own.map(Cow::Owned).or_else(shipped)
    }

    fn folder_of(&self, game: &str) -> Option<PathBuf> {
        let folder = self.folder.as_ref()?;
        match &self.own {
            Some(own) => (own == game).then(|| folder.clone()),
            None => Some(folder.join(game)),
        }
    }

    /// A module of the client library.
    #[must_use]
    pub fn library_file(path: &str) -> Option<Cow<'static, [u8]>> {
        let is_module = path.ends_with(".js") && !is_test(path);
        if is_module { Library::get(path).map(|file| file.data) } else { None }
    }
}

/// Whether a folder is a game, with rules in Luau or without.
fn is_game(folder: &Path) -> bool {
    folder.join(RULES).is_file() || folder.join("client/index.html").is_file()
}

fn scripts_in(folder: &Path) -> Result<Vec<Script>, GamesError> {
    let unreadable = |error| GamesError::Folder(folder.to_path_buf(), error);
    let mut scripts = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().map_or_else(String::new, |name| name.display().to_string());
        scripts.extend(script(&name, &path)?);
    }
    Ok(scripts)
}

/// Rules of the game in `folder`; `None` when it has none in Luau.
fn script(name: &str, folder: &Path) -> Result<Option<Script>, GamesError> {
    let path = folder.join(RULES);
    if !path.is_file() {
        return Ok(None);
    }
    if !is_name(name) {
        return Err(GamesError::Name(folder.to_path_buf()));
    }
    let source = read_bounded(&path).map_err(|error| GamesError::Script(path.clone(), error))?;
    let schema = schema_in(folder)?;
    Ok(Some(Script { name: name.to_owned(), origin: path.display().to_string(), source, schema }))
}

fn schema_in(game: &Path) -> Result<Option<SchemaFile>, GamesError> {
    let path = game.join("sync.toml");
    if !path.is_file() {
        return Ok(None);
    }
    let text = read_bounded(&path).map_err(|error| GamesError::Script(path.clone(), error))?;
    Ok(Some(SchemaFile { origin: path.display().to_string(), text }))
}

fn read_bounded(path: &Path) -> std::io::Result<String> {
    if std::fs::metadata(path)?.len() > SCRIPT_BYTES_MAX {
        return Err(std::io::Error::other("larger than that"));
    }
    std::fs::read_to_string(path)
}

/// Tests lie beside what they test; players have no use for them.
fn is_test(path: &str) -> bool {
    path.starts_with("tests/")
}

/// Whether a game can have this name.
pub(crate) fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=hillfort_proto::limits::GAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_games_ship() {
        let scripts = Games::default().scripts().unwrap();
        assert_eq!(scripts.iter().map(|script| script.name.as_str()).collect::<Vec<_>>(), ["hilltop", "magpie"]);
        assert!(scripts.iter().all(|script| Games::default().client_file(&script.name, "index.html").is_some()));
        assert_eq!(Games::default().front(), "hilltop");
    }

    #[test]
    fn a_folder_can_be_a_game_itself() {
        let folder = tempfile::tempdir().unwrap();
        let chess = folder.path().join("chess");
        for (path, text) in [("server/main.luau", "-- chess"), ("client/index.html", "a board")] {
            std::fs::create_dir_all(chess.join(path).parent().unwrap()).unwrap();
            std::fs::write(chess.join(path), text).unwrap();
        }
        let games = Games::new(Some(chess.join("server/..")));
        assert_eq!(games.front(), "chess");
        assert!(games.scripts().unwrap().iter().any(|script| script.name == "chess" && script.source == "-- chess"));
        assert_eq!(games.client_file("chess", "index.html").as_deref(), Some(&b"a board"[..]));
        assert!(games.client_file("server", "main.luau").is_none());
        assert!(games.client_file("hilltop", "index.html").is_some(), "those that ship are there beside it");

        // Rules in Rust have no script.
        std::fs::remove_file(chess.join("server/main.luau")).unwrap();
        let games = Games::new(Some(chess));
        assert_eq!(games.front(), "chess");
        assert!(games.scripts().unwrap().iter().all(|script| script.name != "chess"));
    }

    #[test]
    fn tests_are_not_served() {
        assert!(Shipped::get("hilltop/client/tests/format.test.js").is_some(), "else this shows nothing");
        assert!(Games::default().client_file("hilltop", "tests/format.test.js").is_none());
        assert!(Library::get("tests/rig.js").is_some(), "else this shows nothing");
        assert!(Games::library_file("tests/rig.js").is_none());
        assert!(Games::library_file("session.js").is_some());
    }

    #[test]
    fn a_folder_adds_and_replaces() {
        let folder = tempfile::tempdir().unwrap();
        for (name, source) in [("hilltop", "-- mine"), ("magpie", "-- too"), ("chess", "-- chess")] {
            std::fs::create_dir_all(folder.path().join(name).join("server")).unwrap();
            std::fs::write(folder.path().join(name).join("server/main.luau"), source).unwrap();
        }
        std::fs::write(folder.path().join("chess/sync.toml"), "# pieces").unwrap();
        let scripts = Games::new(Some(folder.path().to_path_buf())).scripts().unwrap();
        let seen: Vec<_> = scripts.iter().map(|script| (script.name.as_str(), script.source.as_str())).collect();
        assert_eq!(seen, [("chess", "-- chess"), ("hilltop", "-- mine"), ("magpie", "-- too")]);
        let schemas: Vec<_> = scripts.iter().map(|script| script.schema.as_ref().map(|file| file.text.as_str())).collect();
        assert_eq!(schemas, [Some("# pieces"), None, None]);
    }

    #[test]
    fn bad_folders_say_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let missing = Games::new(Some(folder.path().join("none"))).scripts().unwrap_err();
        assert!(missing.to_string().contains("games.folder"), "{missing}");
        std::fs::create_dir_all(folder.path().join("Bad Name/server")).unwrap();
        std::fs::write(folder.path().join("Bad Name/server/main.luau"), "").unwrap();
        let name = Games::new(Some(folder.path().to_path_buf())).scripts().unwrap_err();
        assert!(matches!(name, GamesError::Name(_)), "{name}");
    }

    #[test]
    fn scripts_have_a_size_limit() {
        let folder = tempfile::tempdir().unwrap();
        let server = folder.path().join("big/server");
        std::fs::create_dir_all(&server).unwrap();
        for (bytes, fits) in [(SCRIPT_BYTES_MAX, true), (SCRIPT_BYTES_MAX + 1, false)] {
            std::fs::write(server.join("main.luau"), vec![b' '; usize::try_from(bytes).unwrap()]).unwrap();
            assert_eq!(Games::new(Some(folder.path().to_path_buf())).scripts().is_ok(), fits, "{bytes}");
        }
    }

    #[test]
    fn no_path_leads_out() {
        for path in ["../server/main.luau", "/etc/passwd", "../../hilltop/client/index.html", "a/../../x"] {
            assert!(Games::default().client_file("hilltop", path).is_none(), "{path}");
        }
        assert!(Games::default().client_file("..", "index.html").is_none());
        assert!(Games::library_file("../../Cargo.toml").is_none());
    }
}
