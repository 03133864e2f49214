//! Which calls have to be signed: classes, calls by name, functions of modules by id. Owns how that is written; knows nothing of MACs.

use std::collections::HashSet;

use hillfort_api::calls::Auth;
use hillfort_api::{Call, CallName};

use crate::budgets::Class;

/// What has to be signed. `Default` is nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MustSign {
    classes: Vec<Class>,
    calls: HashSet<CallName>,
    rpcs: HashSet<String>,
}

impl MustSign {
    /// From texts: the name of a class (`write`), of a call (`GetAccount`), or `rpc:` and the id of a function (`rpc:buy`). The error names
    /// the text that is none of these, or means calls that no session makes.
    ///
    /// # Errors
    /// Says what is wrong with which text.
    pub fn parse(texts: &[String]) -> Result<Self, String> {
        let mut rules = Self::default();
        for text in texts {
            if let Some(id) = text.strip_prefix("rpc:") {
                if id.is_empty() || id.len() > 128 {
                    return Err(format!("{text:?}: the id of a function is 1 to 128 bytes"));
                }
                rules.rpcs.insert(id.to_lowercase());
            } else if let Some(class) = Class::parse(text) {
                if class == Class::SignIn {
                    return Err(format!("{text:?}: who signs in has no session yet, and so no key"));
                }
                rules.classes.push(class);
            } else if let Some(call) = CallName::parse(text) {
                if !has_session(call) {
                    return Err(format!("{text:?}: it is made without a session, and so without a key"));
                }
                rules.calls.insert(call);
            } else {
                let classes = Class::ALL.into_iter().filter(|class| *class != Class::SignIn).map(Class::name);
                let classes = classes.collect::<Vec<_>>().join(", ");
                return Err(format!("{text:?} is no class ({classes}), no call as GetAccount, and no function as rpc:buy"));
            }
        }
        Ok(rules)
    }

    /// Whether nothing has to be.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty() && self.calls.is_empty() && self.rpcs.is_empty()
    }

    /// Whether this call of a session has to be.
    #[must_use]
    pub fn covers(&self, call: &Call) -> bool {
        let name = call.name();
        let is_named = self.calls.contains(&name) || self.classes.contains(&Class::of(name));
        let is_function =
            matches!(call, Call::RpcFunc(rpc) if !self.rpcs.is_empty() && self.rpcs.contains(&rpc.id.to_lowercase()));
        has_session(name) && (is_named || is_function)
    }
}

fn has_session(call: CallName) -> bool {
    matches!(call.row().auth, Auth::User | Auth::HttpKeyOrUser)
}

#[cfg(test)]
mod tests {
    use super::MustSign;
    use hillfort_api::api::{AuthenticateDeviceRequest, Rpc, SessionRefreshRequest, WriteStorageObjectsRequest};
    use hillfort_api::{CALLS, Call};

    fn parse(texts: &[&str]) -> Result<MustSign, String> {
        MustSign::parse(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_named_is_covered_and_nothing_else() {
        let rpc = |id: &str| Call::RpcFunc(Rpc { id: id.into(), ..Default::default() });
        let write = || Call::WriteStorageObjects(WriteStorageObjectsRequest::default());
        for (texts, covered, free) in [
            (&["write"][..], vec![write()], vec![Call::GetAccount(()), rpc("buy")]),
            (&["GetAccount", "rpc:Buy"], vec![Call::GetAccount(()), rpc("buy"), rpc("BUY")], vec![write(), rpc("sell")]),
            (&["rpc", "session"], vec![rpc("any")], vec![Call::SessionRefresh(SessionRefreshRequest::default())]),
            (&[], vec![], vec![write(), rpc("buy"), Call::AuthenticateDevice(AuthenticateDeviceRequest::default())]),
        ] {
            let rules = parse(texts).unwrap();
            assert_eq!(rules.is_empty(), texts.is_empty());
            assert!(covered.iter().all(|call| rules.covers(call)), "{texts:?}");
            assert!(!free.iter().any(|call| rules.covers(call)), "{texts:?}");
        }
    }

    #[test]
    fn what_means_nothing_is_refused_with_its_text() {
        for bad in [
            "",
            "sign_in",
            "AuthenticateDevice",
            "SessionRefresh",
            "Healthcheck",
            "Wirte",
            "rpc:",
            &format!("rpc:{}", "x".repeat(129)),
        ] {
            let error = parse(&["read", bad]).unwrap_err();
            assert!(error.starts_with(&format!("{bad:?}")), "{error}");
        }
        for row in CALLS {
            let has_session = super::has_session(row.call);
            assert_eq!(parse(&[row.name]).is_ok(), has_session, "{}", row.name);
        }
    }
}
