//! The whole program: reads what is asked, does it, says how it ended. A binary of yours with rooms in Rust calls it with these.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command speaks to the person who typed it")]

use std::path::{Path, PathBuf};

use clap::Parser;
use hillfort_realm::Game;

use crate::cli::{Cli, Command, ConfigArgs, ConfigCommand, FileArgs, NewCommand, SchemaCommand};
use crate::config::{self, Settings};
use crate::exit::Exit;
use crate::logging::{self, Format};
use crate::{create, database, operator, room, schema_js, serve};

/// Does what the command line says. `natives` are games in Rust, served beside those in Luau.
#[must_use]
pub fn run(natives: &[Game]) -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Ok };
            let _closed_pipe = error.print();
            return exit;
        }
    };
    match cli.into_command() {
        Command::Serve(args) => serve(args, natives),
        Command::Check(args) => with_settings(args, |settings| match serve::check(&settings, natives) {
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
        Command::Schema(command) => schema(command),
        Command::Load(command) => match command.run(&["load"]) {
            Ok(()) => Exit::Ok,
            Err(error) => {
                eprintln!("error: {error:#}");
                Exit::System
            }
        },
        Command::Room(command) => match room::run(&command, natives, &mut std::io::stdout().lock()) {
            Ok(exit) => exit,
            // Who reads has seen enough, as `head` does.
            Err(error)
                if error.downcast_ref().is_some_and(|error: &std::io::Error| error.kind() == std::io::ErrorKind::BrokenPipe) =>
            {
                Exit::Ok
            }
            Err(error) => {
                eprintln!("error: {error:#}");
                let served = error.downcast_ref::<serve::ServeError>().map(|error| error.exit);
                served.or_else(|| error.is::<config::ConfigError>().then_some(Exit::Config)).unwrap_or(Exit::Io)
            }
        },
        Command::Migrate(args) => with_settings(args, |settings| database::run(&settings.store, &database::Task::Migrate)),
        Command::Backup(args) => on_file(args, database::Task::Backup),
        Command::Restore(args) => on_file(args, database::Task::Restore),
        Command::Export(args) => on_file(args, database::Task::Export),
        Command::Import(args) => on_file(args, database::Task::Import),
        Command::Operator(args) => {
            with_settings(args.config, |settings| operator::run(&settings, &args.name, args.role, args.create))
        }
        Command::New(NewCommand::Game(args)) => match create::game(&args, &mut std::io::stdout().lock()) {
            Ok(()) => Exit::Ok,
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

fn on_file(args: FileArgs, task: impl FnOnce(PathBuf) -> database::Task) -> Exit {
    let task = task(args.file);
    with_settings(args.config, |settings| database::run(&settings.store, &task))
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

fn schema(command: SchemaCommand) -> Exit {
    let (SchemaCommand::Check { file } | SchemaCommand::Js { file, .. }) = &command;
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => return fail(file, &error, Exit::Io),
    };
    let read = match hillfort_sync::read_schema(&text) {
        Ok(read) => read,
        Err(error) => return fail(file, &error, Exit::Config),
    };
    let named = |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into_owned()).unwrap_or_default();
    let files = match schema_js::write(&read, &named(file.file_name())) {
        Ok(files) => files,
        Err(error) => return fail(file, &error, Exit::Config),
    };
    let SchemaCommand::Js { out, .. } = &command else {
        print!("{}", schema_js::describe(&read));
        return Exit::Ok;
    };
    let name = named(file.file_stem());
    for (ending, text) in [("js", files.tables), ("d.ts", files.types)] {
        let path = out.join(format!("{name}.schema.{ending}"));
        if let Err(error) = std::fs::write(&path, text) {
            return fail(&path, &error, Exit::Io);
        }
        println!("{}", path.display());
    }
    Exit::Ok
}

fn fail(file: &Path, error: &dyn std::fmt::Display, exit: Exit) -> Exit {
    eprintln!("error: {}: {error}", file.display());
    exit
}

fn serve(args: ConfigArgs, natives: &[Game]) -> Exit {
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
    match serve::serve(&settings, natives, &load) {
        Ok(()) => Exit::Ok,
        Err(error) => complain(error),
    }
}

fn complain(error: serve::ServeError) -> Exit {
    let exit = error.exit;
    eprintln!("error: {:#}", anyhow::Error::from(error));
    exit
}
