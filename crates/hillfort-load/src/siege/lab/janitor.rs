//! Cleans up after a laboratory, whatever its owner died of: a process of its own that waits for its stdin to end and then removes the
//! namespaces and what runs in them. Removes those of earlier runs too, whose owner is gone.

use std::fs;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::process::{self, Command, Stdio};

use anyhow::{Context as _, ensure};
use clap::Args;
use rustix::process::{Pid, Signal, kill_process};

use super::{NAMESPACES, PREFIX, run};
use crate::child::OwnProgram;

#[derive(Debug, Args)]
pub(crate) struct JanitorArgs {
    /// Process whose laboratory it is
    owner: u32,
}

/// The process that waits for our end. Dropping it has it do its work now.
#[derive(Debug)]
pub(super) struct Janitor {
    process: process::Child,
}

impl Janitor {
    pub(super) fn start(own: &OwnProgram, owner: u32) -> anyhow::Result<Self> {
        let mut command = own.command(&["janitor", &owner.to_string()]);
        // In a group of its own: Ctrl-C is for the others.
        command.stdin(Stdio::piped()).stdout(Stdio::null()).process_group(0);
        Ok(Self { process: command.spawn().context("starting the janitor")? })
    }
}

impl Drop for Janitor {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        // It says on stderr what it could not do.
        let _reaped = self.process.wait();
    }
}

/// Waits for the owner's end, then removes its namespaces.
pub(crate) fn sweep(args: &JanitorArgs) -> anyhow::Result<()> {
    // An error ends the waiting as well as an end does.
    let _ended = std::io::stdin().lock().read_to_end(&mut vec![]);
    each(names()?.into_iter().filter(|name| owner(name) == Some(args.owner)), remove)
}

/// Removes the namespaces of owners that are gone.
pub(crate) fn remove_stale() -> anyhow::Result<()> {
    let is_gone = |pid: u32| !std::path::Path::new(&format!("/proc/{pid}")).exists();
    each(names()?.into_iter().filter(|name| owner(name).is_some_and(is_gone)), remove)
}

/// Does `work` to each, also after one has failed, and then says what is left.
fn each(names: impl Iterator<Item = String>, mut work: impl FnMut(&str) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let left: Vec<String> = names.filter_map(|name| work(&name).err().map(|error| format!("{name}: {error:#}"))).collect();
    ensure!(left.is_empty(), "left behind: {}", left.join("; "));
    Ok(())
}

fn remove(name: &str) -> anyhow::Result<()> {
    // A namespace lives as long as a process in it. Only ours are in one of ours.
    let pids = Command::new("ip").args(["netns", "pids", name]).output().context("asking who is in a namespace")?;
    let pids = String::from_utf8_lossy(&pids.stdout).into_owned();
    let pids =
        pids.lines().filter_map(|line| line.trim().parse().ok()).filter(|pid| Some(*pid) != owner(name).map(u32::cast_signed));
    for pid in pids.filter_map(Pid::from_raw) {
        // It may have ended in this moment.
        let _gone = kill_process(pid, Signal::KILL);
    }
    run(Command::new("ip").args(["netns", "delete", name]))
}

/// Names of all namespaces of ours.
fn names() -> anyhow::Result<Vec<String>> {
    match fs::read_dir(NAMESPACES) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(vec![]),
        entries => {
            let names = entries.context(NAMESPACES)?.flatten().filter_map(|entry| entry.file_name().into_string().ok());
            Ok(names.filter(|name| owner(name).is_some()).collect())
        }
    }
}

/// Process number in a name of ours; `None` for a name that is not.
fn owner(name: &str) -> Option<u32> {
    let (pid, side) = name.strip_prefix(PREFIX)?.split_once('-')?;
    ["victim", "outside"].contains(&side).then(|| pid.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_are_known() {
        let check = |name: &str, expect: Option<u32>| assert_eq!(owner(name), expect, "{name}");
        check("hillfort-siege-17-victim", Some(17));
        check("hillfort-siege-17-outside", Some(17));
        check("hillfort-siege-17-other", None);
        check("hillfort-siege--victim", None);
        check("hillfort-siege-x-victim", None);
        check("hillfort-test-17-victim", None);
        check("victim", None);
    }

    #[test]
    fn one_that_stays_keeps_no_other_from_going() {
        let mut tried = vec![];
        let result = each(["a", "b", "c", "d"].map(str::to_owned).into_iter(), |name| {
            tried.push(name.to_owned());
            ensure!(!["a", "c"].contains(&name), "busy");
            Ok(())
        });
        assert_eq!(tried, ["a", "b", "c", "d"]);
        assert_eq!(result.expect_err("two are left").to_string(), "left behind: a: busy; c: busy");
        assert!(each(std::iter::empty(), |_| Ok(())).is_ok());
    }
}
