//! Runs a command beside a private PostgreSQL, for tests in other languages: the URL of an empty database is in `STORE_URL`. Ends as the
//! command does. Knows nothing of what it runs.

use std::process::{Command, ExitCode};

use hillfort_testkit::postgres::Server;

#[expect(clippy::print_stderr, reason = "a command line tool says what is wrong with its command")]
fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    let Some(program) = words.next() else {
        eprintln!("usage: on-postgres COMMAND [ARGUMENT]...");
        return ExitCode::from(64);
    };
    // Where it is not installed, that was said, as by every test.
    let Some(server) = Server::start() else { return ExitCode::SUCCESS };
    let ended = Command::new(&program).args(words).env("STORE_URL", server.database()).status();
    match ended {
        Ok(status) => ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)),
        Err(error) => {
            eprintln!("cannot start {}: {error}", program.display());
            ExitCode::from(127)
        }
    }
}
