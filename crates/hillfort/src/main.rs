//! The `hillfort` command: reads what is asked, does it, says how it ended.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command speaks to the person who typed it")]

use clap::Parser;
use hillfort::cli::{Cli, Command, ConfigArgs, ConfigCommand};
use hillfort::config::{self, Settings};
use hillfort::exit::Exit;
use hillfort::logging::{self, Format};
use hillfort::serve;

fn main() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Ok };
            let _closed_pipe = error.print();
            return exit;
        }
    };
    match cli.into_command() {
        Command::Serve(args) => run(args),
        Command::Check(args) => with_settings(args, |settings| match serve::check(&settings) {
            Ok(()) => {
                println!("the configuration is valid{}", if settings.development { " (development mode)" } else { "" });
                Exit::Ok
            }
            Err(error) => complain(error),
        }),
        Command::Config(ConfigCommand::Print(args)) => with_settings(args, |settings| {
            print!("{}", settings.print());
            Exit::Ok
        }),
        Command::Load(command) => match command.run(&["load"]) {
            Ok(()) => Exit::Ok,
            Err(error) => {
                eprintln!("error: {error:#}");
                Exit::System
            }
        },
        Command::Room(command) => match hillfort::room::run(&command, &mut std::io::stdout().lock()) {
            Ok(exit) => exit,
            Err(error) => {
                eprintln!("error: {error:#}");
                Exit::Io
            }
        },
        Command::Version => {
            println!("hillfort {}", env!("CARGO_PKG_VERSION"));
            Exit::Ok
        }
    }
}

fn with_settings(args: ConfigArgs, then: impl FnOnce(Settings) -> Exit) -> Exit {
    match config::load(&args.into(), std::env::vars(), &config::Disk) {
        Ok(settings) => then(settings),
        Err(error) => {
            eprintln!("{error}");
            Exit::Config
        }
    }
}

fn run(args: ConfigArgs) -> Exit {
    let overrides = args.into();
    let load = || config::load(&overrides, std::env::vars(), &config::Disk);
    let settings = match load() {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("{error}");
            return Exit::Config;
        }
    };
    let format = if settings.log.json { Format::Json } else { Format::Text };
    if let Err(error) = logging::start(format, &settings.log.filter) {
        eprintln!("{error:#}");
        return Exit::Config;
    }
    if let Some(banner) = settings.banner() {
        eprintln!("\n{banner}\n");
    }
    match serve::serve(&settings, &load) {
        Ok(()) => Exit::Ok,
        Err(error) => complain(error),
    }
}

fn complain(error: serve::ServeError) -> Exit {
    let exit = error.exit;
    eprintln!("error: {:#}", anyhow::Error::from(error));
    exit
}
