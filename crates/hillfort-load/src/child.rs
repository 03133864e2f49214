//! Child processes: this program again with another subcommand, or a server. They end when we do: each waits for its stdin to close, and
//! dropping the handle kills it. Knows nothing of what they do.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{self, ChildStdin, ChildStdout, Stdio};

use anyhow::{Context as _, bail};

/// How this program can be called again.
#[derive(Debug, Clone)]
pub(crate) struct OwnProgram {
    path: PathBuf,
    prefix: Vec<OsString>,
}

/// A running child; killed when dropped.
#[derive(Debug)]
pub(crate) struct Child {
    process: process::Child,
    /// Open as long as the child is wanted.
    _stdin: Option<ChildStdin>,
    stdout: Option<BufReader<ChildStdout>>,
}

impl OwnProgram {
    pub(crate) fn new(prefix: &[&str]) -> anyhow::Result<Self> {
        let path = std::env::current_exe().context("where is this program")?;
        Ok(Self { path, prefix: prefix.iter().map(OsString::from).collect() })
    }

    /// The server: this program when it is the server, else the one beside it.
    pub(crate) fn server(&self) -> anyhow::Result<PathBuf> {
        if !self.prefix.is_empty() {
            return Ok(self.path.clone());
        }
        let beside = self.path.with_file_name("hillfort");
        if beside.is_file() { Ok(beside) } else { bail!("no server beside this program: say --server PATH") }
    }

    /// Calls this program with `args`.
    pub(crate) fn start(&self, args: &[&str]) -> anyhow::Result<Child> {
        let mut command = self.command(args);
        command.stdout(Stdio::piped());
        Child::start(command)
    }

    /// How to call this program with `args`.
    pub(crate) fn command(&self, args: &[&str]) -> process::Command {
        let mut command = process::Command::new(&self.path);
        command.args(&self.prefix).args(args);
        command
    }
}

impl Child {
    /// Starts `command` with stdin connected to us.
    pub(crate) fn start(mut command: process::Command) -> anyhow::Result<Self> {
        command.stdin(Stdio::piped());
        let mut process = command.spawn().with_context(|| format!("starting {}", command.get_program().to_string_lossy()))?;
        let (stdin, stdout) = (process.stdin.take(), process.stdout.take().map(BufReader::new));
        Ok(Self { process, _stdin: stdin, stdout })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Its exit status, if it has ended.
    pub(crate) fn ended(&mut self) -> anyhow::Result<Option<process::ExitStatus>> {
        self.process.try_wait().context("asking for a child process")
    }

    /// Next line that the child prints, without its end.
    pub(crate) fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        let stdout = self.stdout.as_mut().context("stdout is with somebody else")?;
        if stdout.read_line(&mut line).context("reading from a child process")? == 0 {
            bail!("the child process ended without an answer ({})", self.process.wait()?);
        }
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Both fail only when it has ended already, which is what we want.
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}
