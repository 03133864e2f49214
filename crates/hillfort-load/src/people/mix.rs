//! The mix: which classes of calls there are, how often each is made, and the draw. Knows nothing of how a call is made.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::random::Random;

/// A class of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Class {
    /// A device that nobody knows makes an account.
    Register,
    /// The player's own device signs in.
    Login,
    /// An object is written.
    Write,
    /// The same object is read.
    Read,
    /// A function of a module is called.
    Rpc,
    /// A message goes through a match and back.
    Echo,
}

/// How many shares each class has, in the order of [`Class::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Mix([u32; 6]);

impl Class {
    /// All classes.
    pub(crate) const ALL: [Self; 6] = [Self::Register, Self::Login, Self::Write, Self::Read, Self::Rpc, Self::Echo];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Login => "login",
            Self::Write => "write",
            Self::Read => "read",
            Self::Rpc => "rpc",
            Self::Echo => "echo",
        }
    }
}

impl Mix {
    /// A player that reads more than it writes, plays, and signs in now and then.
    pub(crate) const DEFAULT: &str = "register=1,login=4,write=15,read=40,rpc=20,echo=20";

    pub(crate) const fn has(&self, class: Class) -> bool {
        self.0[class as usize] > 0
    }

    /// One class, each as often as its share says.
    pub(crate) fn draw(&self, random: &mut Random) -> Class {
        let all: u64 = self.0.iter().map(|&share| u64::from(share)).sum();
        let mut at = random.next() % all.max(1);
        for class in Class::ALL {
            let share = u64::from(self.0[class as usize]);
            if at < share {
                return class;
            }
            at -= share;
        }
        Class::Read
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let some = Class::ALL.iter().filter(|class| self.has(**class));
        let parts: Vec<_> = some.map(|class| format!("{}={}", class.name(), self.0[*class as usize])).collect();
        to.write_str(&parts.join(","))
    }
}

impl FromStr for Mix {
    type Err = String;

    /// `read=40,write=15`: classes that are not named have no share.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut shares = [0; 6];
        for part in text.split(',') {
            let (name, share) = part.split_once('=').ok_or_else(|| format!("`{part}`: write it as read=40"))?;
            let class = Class::ALL.into_iter().find(|class| class.name() == name.trim());
            let names = || Class::ALL.map(Class::name).join(", ");
            let class = class.ok_or_else(|| format!("`{name}` is no class of calls; there are {}", names()))?;
            let share: u32 = share.trim().parse().map_err(|error| format!("`{part}`: {error}"))?;
            if share > 1_000_000 {
                return Err(format!("`{part}`: at most 1000000 shares"));
            }
            shares[class as usize] = share;
        }
        if shares.iter().all(|&share| share == 0) {
            return Err("at least one class needs a share".to_owned());
        }
        Ok(Self(shares))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_drawn_as_they_are_written() {
        let mix: Mix = "read=3, write=1".parse().expect("a mix");
        assert_eq!(mix.to_string(), "write=1,read=3");
        assert!(mix.has(Class::Read) && !mix.has(Class::Echo));
        let mut random = Random::new(7);
        let reads = (0..10_000).filter(|_| mix.draw(&mut random) == Class::Read).count();
        assert!((7_300..7_700).contains(&reads), "{reads}");
        assert_eq!(Mix::DEFAULT.parse::<Mix>().expect("the default").to_string(), Mix::DEFAULT);
    }

    #[test]
    fn what_is_no_mix_says_why() {
        for (text, part) in [
            ("", "read=40"),
            ("read", "read=40"),
            ("fly=1", "there are register, login"),
            ("read=x", "invalid digit"),
            ("read=-1", "invalid digit"),
            ("read=0", "at least one"),
            ("read=1000001", "at most"),
        ] {
            let error = text.parse::<Mix>().expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
