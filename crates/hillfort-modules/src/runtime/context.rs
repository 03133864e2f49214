//! Who calls, as modules see it in `context`. Owns the fields' form.

use hillfort_api::{Caller, Via, Who};
use hillfort_script::modules::Held;
use hillfort_script::{Data, Entry, IntoScript, Values};

use crate::desk::Kind;
use crate::id::id_to_text;

/// What of a call's context does not come from the server itself.
#[derive(Debug, Default)]
pub(crate) struct Context {
    headers: Data,
    query: Data,
    user_id: Option<String>,
    username: Option<String>,
    vars: Data,
    expires_s: Option<f64>,
    session_id: Option<String>,
    lang: Option<String>,
    client_ip: Option<String>,
    client_port: Option<String>,
}

impl Context {
    pub(crate) fn of(caller: &Caller) -> Self {
        let mut context = Self {
            headers: lists(&caller.headers, true),
            query: lists(&caller.query, false),
            client_ip: Some(caller.address.ip().to_string()),
            client_port: Some(caller.address.port().to_string()),
            ..Self::default()
        };
        if let Who::User(user) = &caller.who {
            context.user_id = Some(id_to_text(&user.user_id.0));
            context.username = Some(user.username.clone());
            context.vars = Data::map(user.vars.iter().map(|(name, value)| (name.as_str(), Data::text(value.as_str()))));
            #[expect(clippy::cast_precision_loss, reason = "seconds of this age are exact")]
            let expires_s = user.expires_s as f64;
            context.expires_s = Some(expires_s);
            if let Via::Socket(session) = caller.via {
                context.session_id = Some(id_to_text(&session.0));
                context.lang = Some("en".to_owned());
            }
        }
        context
    }

    /// The prelude's arguments for a call.
    pub(crate) fn arguments<'a>(
        &'a self,
        record: &'a Held,
        function: &'a Entry,
        kind: Kind,
        rest: Values,
    ) -> impl IntoScript + 'a {
        let mode = match kind {
            Kind::Rpc => "rpc",
            Kind::ReqBefore | Kind::RtBefore => "before",
            Kind::ReqAfter | Kind::RtAfter => "after",
            Kind::Shutdown => "shutdown",
        };
        (
            record,
            function,
            mode,
            &self.headers,
            &self.query,
            self.user_id.as_deref(),
            self.username.as_deref(),
            &self.vars,
            self.expires_s,
            self.session_id.as_deref(),
            self.lang.as_deref(),
            self.client_ip.as_deref(),
            self.client_port.as_deref(),
            rest,
        )
    }
}

/// Values by name, each a list; nothing when there are none. Headers are titled, as Nakama shows them.
fn lists(pairs: &[(String, String)], titled: bool) -> Data {
    if pairs.is_empty() {
        return Data::Nil;
    }
    let mut lists: Vec<(String, Vec<Data>)> = Vec::new();
    for (name, value) in pairs {
        let name = if titled { crate::http::titled(name) } else { name.clone() };
        let value = Data::text(value.as_str());
        match lists.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value),
            None => lists.push((name, vec![value])),
        }
    }
    Data::map(lists.into_iter().map(|(name, values)| (name, Data::List(values))))
}
