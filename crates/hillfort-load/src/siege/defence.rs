//! What stands between the attacker and the server: Hillfort's kernel filter, nftables, or the kernel alone. Owns the rules of nftables and
//! their counters.

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use clap::ValueEnum;
use hillfort_bpf::XdpLink;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::lab::{BOTS, Lab, Side};
use super::victim::PORT;
use super::{generator, program};

/// Who defends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Defence {
    /// Hillfort with its kernel filter
    Hillfort,
    /// Hillfort without it, behind rules of nftables: a set of known bots and a limit for each source
    Nftables,
    /// Hillfort without it, and what the kernel does by itself
    Kernel,
    /// No defence: a program that knows the attackers' addresses drops theirs at once. What a packet costs on such a pair by itself
    Floor,
}

/// A defence in its place. Gone when dropped.
#[derive(Debug)]
pub(crate) struct Standing {
    defence: Defence,
    side: Side,
    _gate: Option<XdpLink>,
}

impl Defence {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Hillfort => "hillfort",
            Self::Nftables => "nftables",
            Self::Kernel => "kernel",
            Self::Floor => "floor",
        }
    }

    /// `kernel.filter` of the server.
    pub(crate) const fn filter(self) -> &'static str {
        match self {
            Self::Hillfort => "auto",
            Self::Nftables | Self::Kernel | Self::Floor => "off",
        }
    }

    /// Why it cannot be had on this machine.
    pub(crate) fn missing(self) -> Option<&'static str> {
        let nft = || Command::new("nft").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        (self == Self::Nftables && nft().is_err()).then_some("the program `nft` is missing (Debian: apt-get install nftables)")
    }

    /// Puts it in its place, before the server starts. `known` bots are told to it beforehand; Hillfort is told by its console.
    pub(crate) fn stand(self, lab: &Lab, known: u32) -> anyhow::Result<Standing> {
        let gate = match self {
            Self::Hillfort => None,
            Self::Nftables | Self::Kernel => Some(generator::attach(&lab.victim, &program::open_gate()?)?),
            Self::Floor => Some(generator::attach(&lab.victim, &program::floor()?)?),
        };
        if self == Self::Nftables {
            nft(&lab.victim, &rules(known))?;
        }
        Ok(Standing { defence: self, side: lab.victim.clone(), _gate: gate })
    }
}

impl Standing {
    /// Packets that nftables dropped so far, by rule: known bots, too many of one source.
    pub(crate) fn dropped(&self) -> anyhow::Result<Option<[u64; 2]>> {
        if self.defence != Defence::Nftables {
            return Ok(None);
        }
        let output = self.side.command("nft".as_ref()).args(["-j", "list", "counters", "table", "ip", "siege"]).output()?;
        ensure!(output.status.success(), "nft: {}", String::from_utf8_lossy(&output.stderr).trim());
        counters(&String::from_utf8_lossy(&output.stdout)).map(Some)
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        if self.defence == Defence::Nftables {
            // The rules end with the namespace at the latest.
            let _gone = nft(&self.side, "delete table ip siege\n");
        }
    }
}

/// Bots of the generator that are known, the first `count`.
pub(crate) fn known_bots(count: u32) -> impl Iterator<Item = Ipv4Addr> + Send {
    (0..count).map(|n| Ipv4Addr::from_bits(BOTS.to_bits() + n))
}

fn rules(known: u32) -> String {
    let bots: Vec<String> = known_bots(known).map(|bot| bot.to_string()).collect();
    let elements = if bots.is_empty() { String::new() } else { format!("elements = {{ {} }}\n", bots.join(", ")) };
    format!(
        "table ip siege {{\n\
         counter known {{ }}\n\
         counter limited {{ }}\n\
         set bots {{ type ipv4_addr\n{elements}}}\n\
         set sources {{ type ipv4_addr\nsize 65536\nflags dynamic\ntimeout 10s\n}}\n\
         chain early {{\n\
         type filter hook prerouting priority raw; policy accept;\n\
         ip saddr @bots counter name known drop\n\
         tcp dport {PORT} tcp flags & (syn | ack) == syn \
         update @sources {{ ip saddr limit rate over 100/second burst 1000 packets }} counter name limited drop\n\
         }}\n}}\n"
    )
}

fn nft(side: &Side, rules: &str) -> anyhow::Result<()> {
    let mut command = side.command("nft".as_ref());
    let mut child = command.args(["-f", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().context("nft")?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(rules.as_bytes()).context("telling nft its rules")?;
    }
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "nft: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}

fn counters(json: &str) -> anyhow::Result<[u64; 2]> {
    let list: Value = serde_json::from_str(json).context("counters of nft")?;
    let rows = list["nftables"].as_array().context("counters of nft")?;
    let packets = |name: &str| {
        let row = rows.iter().map(|row| &row["counter"]).find(|row| row["name"] == name);
        row.and_then(|row| row["packets"].as_u64()).with_context(|| format!("counter {name} of nft"))
    };
    Ok([packets("known")?, packets("limited")?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_name_the_bots() {
        assert!(rules(2).contains("elements = { 198.19.128.0, 198.19.128.1 }"));
        assert!(!rules(0).contains("elements"));
        assert!(rules(0).contains("tcp dport 7352"));
    }

    #[test]
    fn counters_are_read() {
        let row = |name: &str, n: u64| format!(r#"{{"counter":{{"family":"ip","name":"{name}","packets":{n},"bytes":1}}}}"#);
        let list = format!(r#"{{"nftables":[{{"metainfo":{{}}}},{},{}]}}"#, row("known", 7), row("limited", 9));
        assert_eq!(counters(&list).expect("both are there"), [7, 9]);
        assert!(counters(r#"{"nftables":[]}"#).is_err());
        assert!(counters("").is_err());
    }
}
