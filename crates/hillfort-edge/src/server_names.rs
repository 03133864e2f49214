//! Under which names the doors answer to TLS. Pure; knows nothing of certificates.

use thiserror::Error;

/// Names on one list at most.
pub const SERVER_NAMES_MAX: usize = 256;

/// Names that TLS clients may ask for. Empty, as by default: any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerNames {
    exact: Vec<Box<str>>,
    /// What follows `*`, the dot included.
    wild: Vec<Box<str>>,
    /// Whether a client may name no server.
    unnamed: bool,
}

/// The list cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ServerNamesError {
    /// Neither a host name nor `*.` and one.
    #[error("\"{0}\" is no name of a server: give host names, or *. and one for all names that have one part more")]
    Name(String),
    /// More than [`SERVER_NAMES_MAX`].
    #[error("a list has at most {SERVER_NAMES_MAX} names")]
    TooMany,
}

impl Default for ServerNames {
    fn default() -> Self {
        Self { exact: Vec::new(), wild: Vec::new(), unnamed: true }
    }
}

impl ServerNames {
    /// A list of host names and of patterns such as `*.example.com`, whose star stands for one part. `unnamed`: clients that name no
    /// server are let in, too; those that connect to an address have no name to give.
    ///
    /// # Errors
    /// [`ServerNamesError`].
    pub fn new<T: AsRef<str>>(names: &[T], unnamed: bool) -> Result<Self, ServerNamesError> {
        if names.len() > SERVER_NAMES_MAX {
            return Err(ServerNamesError::TooMany);
        }
        let mut list = Self { unnamed, ..Self::default() };
        for name in names.iter().map(AsRef::as_ref) {
            let (place, host) = match name.strip_prefix('*') {
                Some(rest) => (&mut list.wild, rest.strip_prefix('.')),
                None => (&mut list.exact, Some(name)),
            };
            if !host.is_some_and(is_host) {
                return Err(ServerNamesError::Name(name.to_owned()));
            }
            place.push(name.trim_start_matches('*').to_ascii_lowercase().into());
        }
        Ok(list)
    }

    /// Whether a client that asks for this name is let in. Upper and lower case are the same; a dot at the end does not count.
    #[must_use]
    pub fn allow(&self, name: Option<&str>) -> bool {
        let Some(name) = name else { return self.unnamed };
        if self.exact.is_empty() && self.wild.is_empty() {
            return true;
        }
        let name = name.strip_suffix('.').unwrap_or(name);
        let below = name.find('.').map(|dot| (dot, &name[dot..]));
        self.exact.iter().any(|known| known.eq_ignore_ascii_case(name))
            || below.is_some_and(|(part, rest)| part > 0 && self.wild.iter().any(|known| known.eq_ignore_ascii_case(rest)))
    }
}

/// Parts of letters, digits, `-` and `_`, with dots between them.
fn is_host(name: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && part.len() <= 63
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    name.len() <= 253 && name.split('.').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_whatever_their_case() {
        let list = ServerNames::new(&["fort.example", "*.play.example"], false).unwrap();
        let check = |name: Option<&str>, expect| assert_eq!(list.allow(name), expect, "{name:?}");
        check(Some("fort.example"), true);
        check(Some("FORT.Example"), true);
        check(Some("fort.example."), true);
        check(Some("eu.play.example"), true);
        check(Some("EU.PLAY.EXAMPLE"), true);
        check(Some("play.example"), false);
        check(Some(".play.example"), false);
        check(Some("a.eu.play.example"), false);
        check(Some("www.fort.example"), false);
        check(Some("xfort.example"), false);
        check(Some("example"), false);
        check(Some("."), false);
        check(None, false);
    }

    #[test]
    fn without_a_list_any_name_is_good() {
        assert!(ServerNames::default().allow(Some("anything")) && ServerNames::default().allow(None));
        let named = ServerNames::new::<&str>(&[], false).unwrap();
        assert!(named.allow(Some("anything")) && !named.allow(None));
        assert!(ServerNames::new(&["fort.example"], true).unwrap().allow(None));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for name in
            ["", "*", "*.", "*fort.example", "a.*.example", "fort..example", "fort.example.", "a b", "ä.example", "http://a"]
        {
            assert_eq!(ServerNames::new(&[name], true), Err(ServerNamesError::Name(name.to_owned())));
        }
        assert!(ServerNames::new(&["a"; SERVER_NAMES_MAX], true).is_ok());
        assert_eq!(ServerNames::new(&["a"; SERVER_NAMES_MAX + 1], true), Err(ServerNamesError::TooMany));
    }
}
