//! `hillfort new game`: the folder that a game begins with. Owns its files; they are those of the game Magpie, which ships, under another
//! name. Knows nothing of rooms.

use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, bail};

use crate::cli::NewGameArgs;
use crate::games::is_name;

/// Name of the game in the files that are copied.
const MODEL: [&str; 2] = ["magpie", "Magpie"];
/// Stands for the folder with the source of Hillfort.
const CHECKOUT: &str = "@checkout";
/// Names that mean something else on the server.
const TAKEN: [&str; 5] = ["echo", "sdk", "session", "v2", "ws"];

macro_rules! files {
    ($($path:literal = $from:literal),* $(,)?) => { &[$(($path, include_str!($from))),*] };
}

const BOTH: &[(&str, &str)] = files![
    "client/index.html" = "../../../games/magpie/client/index.html",
    "client/main.js" = "../../../games/magpie/client/main.js",
    "hillfort.toml" = "create/hillfort.toml.txt",
];
const LUA: &[(&str, &str)] = files!["README.md" = "create/lua.md", "server/main.luau" = "../../../games/magpie/server/main.luau"];
const RUST: &[(&str, &str)] = files![
    "Cargo.toml" = "create/Cargo.toml.txt",
    "README.md" = "create/rust.md",
    "clippy.toml" = "create/clippy.toml.txt",
    "src/main.rs" = "../examples/magpie/main.rs",
    "src/room.rs" = "../examples/magpie/room.rs",
];

/// Makes the folder, and says on `out` how to go on.
///
/// # Errors
/// The name cannot be a game's, the folder is there or cannot be written, or `--checkout` has no source of Hillfort. Nothing is left behind.
pub(crate) fn game(args: &NewGameArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let folder = args.folder.as_path();
    let name = folder.file_name().and_then(|name| name.to_str()).filter(|name| is_name(name));
    let Some(name) = name else {
        bail!("{} is not a name for a game: use 1 to 32 of a-z, 0-9 and -", folder.display());
    };
    if TAKEN.contains(&name) {
        bail!("{name} means something else on the server: take another name");
    }
    let checkout = if args.rust { Some(source(&args.checkout)?) } else { None };
    std::fs::create_dir(folder).with_context(|| match folder.try_exists() {
        Ok(true) => format!("{} is there already, and is left as it is", folder.display()),
        _ => format!("{} cannot be made", folder.display()),
    })?;
    let files = BOTH.iter().chain(if args.rust { RUST } else { LUA });
    let written = files.copied().try_for_each(|(path, model)| write(folder, path, &named(path, model, name, checkout.as_ref())));
    let written = written.and_then(|()| write(folder, ".gitignore", if args.rust { "/data/\n/target/\n" } else { "/data/\n" }));
    let written = written.and_then(|()| match &checkout {
        Some(source) => write(folder, "Cargo.lock", &source.lock),
        None => Ok(()),
    });
    if let Err(error) = written {
        // It was made above, and by nobody else.
        let _left = std::fs::remove_dir_all(folder);
        return Err(error).with_context(|| format!("{} cannot be written", folder.display()));
    }
    let run = if args.rust { "cargo run --release" } else { "hillfort" };
    writeln!(out, "{} is made. To play it:\n\n  cd {}\n  {run}\n", folder.display(), folder.display())?;
    writeln!(out, "Then open http://127.0.0.1:7350/. README.md says how to go on.")?;
    Ok(())
}

/// The source of Hillfort.
struct Source {
    folder: String,
    lock: String,
}

fn source(folder: &Path) -> anyhow::Result<Source> {
    let whole = || format!("{} has no source of Hillfort: --checkout FOLDER says where it lies", folder.display());
    let lock = std::fs::read_to_string(folder.join("Cargo.lock")).with_context(whole)?;
    if !folder.join("crates/hillfort/Cargo.toml").is_file() {
        bail!(whole());
    }
    let folder = folder.canonicalize().with_context(whole)?;
    let folder = folder.to_str().context("the path to the source of Hillfort is not UTF-8")?.to_owned();
    if folder.contains(['"', '\\']) {
        bail!("{folder} cannot be written into Cargo.toml: move the source of Hillfort");
    }
    Ok(Source { folder, lock })
}

fn named(path: &str, model: &str, name: &str, source: Option<&Source>) -> String {
    let title = if path.ends_with(".rs") { type_name(name) } else { capital(name) };
    let text = model.replace(MODEL[0], name).replace(MODEL[1], &title);
    source.map_or_else(|| text.clone(), |source| text.replace(CHECKOUT, &source.folder))
}

/// A name that Rust has no other use for, whatever the game is called: `GameCoinRush`.
fn type_name(name: &str) -> String {
    name.split('-').fold("Game".to_owned(), |sum, word| sum + &capital(word))
}

fn capital(word: &str) -> String {
    word.chars().enumerate().map(|(at, letter)| if at == 0 { letter.to_ascii_uppercase() } else { letter }).collect()
}

fn write(folder: &Path, path: &str, text: &str) -> io::Result<()> {
    let path = folder.join(path);
    path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
    std::fs::write(path, text)
}

#[cfg(test)]
mod tests;
