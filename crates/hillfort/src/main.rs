//! The `hillfort` command: reads what is asked, does it, says how it ended.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command speaks to the person who typed it")]

use std::path::Path;

use clap::Parser;
use hillfort::cli::{Cli, Command, ConfigArgs, ConfigCommand, SchemaCommand};
use hillfort::config::{self, Settings};
use hillfort::exit::Exit;
use hillfort::logging::{self, Format};
use hillfort::{schema_js, serve};

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
        Command::Schema(command) => schema(command),
        Command::Load(command) => match command.run(&["load"]) {
            Ok(()) => Exit::Ok,
            Err(error) => {
                eprintln!("error: {error:#}");
                Exit::System
            }
        },
        Command::Room(command) => match hillfort::room::run(&command, &mut std::io::stdout().lock()) {
            Ok(exit) => exit,
            // Who reads has seen enough, as `head` does.
            Err(error)
                if error.downcast_ref().is_some_and(|error: &std::io::Error| error.kind() == std::io::ErrorKind::BrokenPipe) =>
            {
                Exit::Ok
            }
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
