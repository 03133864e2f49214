//! Operators who are signed in: random tokens in a table of fixed size. In memory alone, so a restart signs everybody out. Knows nothing of
//! passwords and cookies; the clock is an argument.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use hillfort_store::{Operator, Role};

/// How long a sign-in is good.
pub(super) const SESSION_LIFE: Duration = Duration::from_secs(12 * 3600);
/// Sessions of one operator; one more ends the oldest.
const OF_ONE_MAX: usize = 8;
/// Sessions in all; one more ends the oldest.
const SESSIONS_MAX: usize = 256;

/// What a browser shows to be let in. Its digits are a secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Token([u8; 32]);

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SignedIn {
    pub(super) name: String,
    pub(super) role: Role,
    /// Of the operator when it signed in: a change of the operator ends the session.
    pub(super) generation: i64,
    began: Instant,
}

/// All sessions.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<HashMap<Token, SignedIn>>);

impl Sessions {
    /// Signs an operator in.
    pub(super) fn begin(&self, operator: &Operator, now: Instant) -> Token {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).expect("the system has random numbers");
        let mut held = self.held();
        held.retain(|_, session| session.is_open(now));
        if held.values().filter(|session| session.name == operator.name).count() >= OF_ONE_MAX {
            remove_oldest(&mut held, |session| session.name == operator.name);
        }
        if held.len() >= SESSIONS_MAX {
            remove_oldest(&mut held, |_| true);
        }
        let (name, role, generation) = (operator.name.clone(), operator.role, operator.generation);
        held.insert(Token(bytes), SignedIn { name, role, generation, began: now });
        Token(bytes)
    }

    /// Who shows this token.
    pub(super) fn find(&self, token: &Token, now: Instant) -> Option<SignedIn> {
        self.held().get(token).filter(|session| session.is_open(now)).cloned()
    }

    /// Signs one out.
    pub(super) fn end(&self, token: &Token) {
        self.held().remove(token);
    }

    /// Ends the sessions of an operator that began before its `generation`; without one, all.
    pub(super) fn end_of(&self, name: &str, generation: Option<i64>) {
        self.held().retain(|_, session| session.name != name || Some(session.generation) == generation);
    }

    /// Names of those who are signed in, each once.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.held().values().map(|session| session.name.clone()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Token, SignedIn>> {
        self.0.lock().expect("no holder panics")
    }
}

fn remove_oldest(held: &mut HashMap<Token, SignedIn>, of: impl Fn(&SignedIn) -> bool) {
    let oldest = held.iter().filter(|(_, session)| of(session)).min_by_key(|(_, session)| session.began).map(|(token, _)| *token);
    oldest.map(|token| held.remove(&token));
}

impl SignedIn {
    fn is_open(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.began) < SESSION_LIFE
    }
}

impl Token {
    /// As a cookie has it.
    pub(super) fn text(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(super) fn read(text: &str) -> Option<Self> {
        crate::console_key::bytes(text).map(Self)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operator(name: &str, generation: i64) -> Operator {
        let (name, password_hash) = (name.to_owned(), String::new());
        Operator { name, role: Role::Operator, password_hash, create_time: 0, update_time: 0, generation }
    }

    #[test]
    fn a_session_lasts_half_a_day() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let token = sessions.begin(&operator("anna", 0), now);
        assert_eq!(Token::read(&token.text()), Some(token));
        assert_eq!(sessions.find(&token, now + SESSION_LIFE - Duration::from_secs(1)).unwrap().name, "anna");
        assert_eq!(sessions.find(&token, now + SESSION_LIFE), None);
        for bad in ["", "00", &"g".repeat(64), &"0".repeat(66), &"é".repeat(32)] {
            assert_eq!(Token::read(bad), None, "{bad}");
        }
        sessions.end(&token);
        assert_eq!(sessions.find(&token, now), None);
    }

    #[test]
    fn the_oldest_gives_way() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let at = |n: usize| now + Duration::from_millis(n as u64);
        let first = sessions.begin(&operator("ben", 0), now);
        let annas: Vec<_> = (1..=OF_ONE_MAX + 1).map(|n| sessions.begin(&operator("anna", 0), at(n))).collect();
        assert!(sessions.find(&annas[0], now).is_none() && sessions.find(&annas[1], now).is_some());
        assert!(sessions.find(&first, now).is_some(), "whoever signs in often pushes out no other");
        for n in 0..SESSIONS_MAX {
            sessions.begin(&operator(&format!("o{n}"), 0), at(100 + n));
        }
        assert!(sessions.find(&first, now).is_none());
        assert_eq!(sessions.held().len(), SESSIONS_MAX);
    }

    #[test]
    fn a_change_of_the_operator_ends_its_sessions() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let (old, new) = (sessions.begin(&operator("anna", 0), now), sessions.begin(&operator("anna", 1), now));
        let other = sessions.begin(&operator("ben", 0), now);
        sessions.end_of("anna", Some(1));
        assert!(sessions.find(&old, now).is_none() && sessions.find(&new, now).is_some());
        sessions.end_of("anna", None);
        assert!(sessions.find(&new, now).is_none() && sessions.find(&other, now).is_some());
        assert_eq!(sessions.names(), ["ben"]);
    }
}
