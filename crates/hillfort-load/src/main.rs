//! The load tool without the server: `hillfort-load …` is `hillfort load …`.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    match hillfort_load::Command::parse().run(&[]) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut stderr = std::io::stderr().lock();
            // Nobody is left to tell when stderr is closed.
            let _closed = std::io::Write::write_fmt(&mut stderr, format_args!("error: {error:#}\n"));
            ExitCode::FAILURE
        }
    }
}
