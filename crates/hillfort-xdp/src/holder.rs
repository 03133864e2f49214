//! Who else holds an interface: processes with a link of an XDP program to it, as `/proc` tells of them. Decides nothing.

use std::fs;
use std::path::Path;

/// A process, by number and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) pid: u32,
    pub(crate) name: String,
}

/// Processes in our network namespace that hold a link to this interface, as far as we may look.
pub(crate) fn find(index: u32) -> Vec<Holder> {
    let Ok(ours) = fs::read_link("/proc/thread-self/ns/net") else { return Vec::new() };
    let mut holders = Vec::new();
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let folder = process.path();
        if holds(&folder, index) && fs::read_link(folder.join("ns/net")).is_ok_and(|theirs| theirs == ours) {
            let name = fs::read_to_string(folder.join("comm")).unwrap_or_default().trim().to_owned();
            holders.push(Holder { pid, name });
        }
    }
    holders
}

/// What an operator is to know and do.
pub(crate) fn words(interface: &str, holders: &[Holder]) -> String {
    let names: Vec<String> = holders.iter().map(|Holder { pid, name }| format!("process {pid} ({name})")).collect();
    if names.is_empty() {
        return format!(
            "another XDP program is there, and no process that can be seen holds it: `ip link show {interface}` names it, `ip link set \
             {interface} xdp off` takes it away unless it is a pinned link"
        );
    }
    format!("another XDP program is there, of {}: end it, or name other interfaces in kernel.interfaces", names.join(" and "))
}

fn holds(process: &Path, index: u32) -> bool {
    let descriptors = fs::read_dir(process.join("fdinfo")).into_iter().flatten().flatten();
    descriptors.into_iter().any(|descriptor| fs::read_to_string(descriptor.path()).is_ok_and(|text| is_link_to(&text, index)))
}

/// Whether what the kernel says of a descriptor is a link of XDP to this interface.
fn is_link_to(text: &str, index: u32) -> bool {
    let is = |name: &str, value: &str| {
        text.lines().any(|line| line.split_once(':').is_some_and(|(n, v)| n == name && v.trim() == value))
    };
    is("link_type", "xdp") && is("ifindex", &index.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_other_interfaces_are_no_matter() {
        let link = "pos:\t0\nflags:\t02000000\nlink_type:\txdp\nlink_id:\t3\nprog_tag:\tab\nprog_id:\t9\nifindex:\t12\n";
        let check = |text: &str, index: u32, expect: bool| assert_eq!(is_link_to(text, index), expect, "{text} {index}");
        check(link, 12, true);
        check(link, 1, false);
        check(&link.replace("xdp", "tcx"), 12, false);
        check("pos:\t0\n", 12, false);
    }

    #[test]
    fn words_say_who_it_is_and_what_to_do() {
        let one = Holder { pid: 7, name: "hillfort".into() };
        assert!(words("eth0", &[one]).contains("of process 7 (hillfort): end it"));
        assert!(words("eth0", &[]).contains("`ip link set eth0 xdp off`"));
    }
}
