//! Names of the bots that play.

const NAMES: [&str; 24] = [
    "Asha", "Bram", "Cleo", "Dario", "Edda", "Fenn", "Gita", "Hugo", "Ines", "Jori", "Kaia", "Levi", "Mira", "Nilo", "Orla",
    "Pavel", "Quin", "Runa", "Sami", "Tove", "Umar", "Vera", "Wim", "Yuki",
];

/// Name of bot `index`: the list first, then the list with numbers.
pub(crate) fn name(index: usize) -> String {
    let name = NAMES[index % NAMES.len()];
    match index / NAMES.len() {
        0 => name.to_owned(),
        lap => format!("{name} {}", lap + 1),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_differ_and_fit() {
        let names: HashSet<String> = (0..1_000).map(name).collect();
        assert_eq!(names.len(), 1_000);
        assert!(names.iter().all(|name| name.chars().count() <= hillfort_proto::limits::NAME_CHARS_MAX));
    }
}
