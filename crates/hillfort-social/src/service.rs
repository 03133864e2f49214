//! The one function that takes a call: hook before, handler, hook after. Owns that order, and what doors ask before; nothing else.

use std::net::IpAddr;
use std::sync::Arc;

use hillfort_api::realtime::Envelope;
use hillfort_api::{
    Answer, ApiError, Call, CallName, Caller, Code, Credentials, Reply, Sent, Service, SessionUser, Sessions, UserId, Via, Who,
};
use hillfort_store::{ANSWER_MAX, Account, AccountUpdate, IdentityKind, OtherWays, PersonExport, SessionId, Store, WriteBehind};
use subtle::ConstantTimeEq;

use crate::backend::ModuleBackend;
use crate::budgets::{Class, Payer};
use crate::config::{Config, RouteAliases};
use crate::core::Core;
use crate::mail::{MailConfig, MailStats, Outbox};
use crate::passwords::PasswordStats;
use crate::people::PeopleStats;
use crate::ports::{Clock, Hooks, Later, Matches, Runtime};
use crate::sessions::{RefreshStats, signed_in};
use crate::signed::{SignedCall, SignedCalls};
use crate::token::TokenFault;

/// Sessions whose signed calls are counted.
const SIGNING_MAX: usize = 1 << 18;

/// Bytes that hardly a user has more of in a list.
const USER_BYTES: usize = 1024;

/// Answers calls. A clone is another handle to the same.
#[derive(Clone)]
pub struct Social {
    core: Arc<Core>,
    /// Checks signatures, where calls must be signed.
    signed: Option<Arc<SignedCalls>>,
}

impl std::fmt::Debug for Social {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Social(..)")
    }
}

impl Social {
    /// Reads or makes the secrets, and starts the threads for passwords and mail. Needs a tokio runtime: housekeeping runs on it.
    ///
    /// # Errors
    /// The configuration makes no sense, or the store cannot be reached; says which.
    pub async fn start(config: Config, store: Store, mail: MailConfig, clock: Clock) -> Result<Self, String> {
        let core = Core::start(config, store, Outbox::start(mail)?, clock).await?;
        let signed = (!core.config.signed.is_empty()).then(|| Arc::new(SignedCalls::new(core.secrets.signing, SIGNING_MAX)));
        tokio::spawn(crate::housekeeping::run(Arc::downgrade(&core)));
        Ok(Self { core, signed })
    }

    /// Sets who runs modules. Once, before the first call.
    pub fn set_runtime(&self, runtime: Arc<dyn Runtime>) {
        let _ = self.core.runtime.set(runtime);
    }

    /// Sets who knows matches. Once, before the first call.
    pub fn set_matches(&self, matches: Arc<dyn Matches>) {
        let _ = self.core.matches.set(matches);
    }

    /// Sets who has sockets. Once, before the first call.
    pub fn set_sockets(&self, sockets: Arc<dyn Sessions>) {
        let _ = self.core.sockets.set(sockets);
    }

    /// What modules ask. What is not of accounts, sessions or data (matches, streams, sockets, events) goes on to `others`.
    #[must_use]
    pub fn backend(
        &self,
        others: Option<Arc<dyn hillfort_modules::backend::Backend>>,
    ) -> Arc<dyn hillfort_modules::backend::Backend> {
        Arc::new(ModuleBackend { core: Arc::clone(&self.core), others })
    }

    /// A part of everything that is kept about a person; the first without a cursor.
    ///
    /// # Errors
    /// `NotFound`, `InvalidArgument` for a cursor that is none, or the store's.
    pub async fn export(&self, user: UserId, cursor: Option<String>) -> Result<PersonExport, ApiError> {
        self.core.export(user, cursor).await
    }

    /// Erases a person with all that it owns. With `by`, that there was one is kept.
    ///
    /// # Errors
    /// `NotFound`, or the store's.
    pub async fn erase(&self, user: UserId, by: Option<String>) -> Result<(), ApiError> {
        self.core.erase(user, by).await
    }

    /// Bans a person until then, or for good; its sessions end.
    ///
    /// # Errors
    /// `NotFound`, or the store's.
    pub async fn ban(&self, user: UserId, until_ms: Option<i64>, reason: String, by: String) -> Result<(), ApiError> {
        self.core.ban(user, until_ms, reason, by).await
    }

    /// Lifts a ban.
    ///
    /// # Errors
    /// `NotFound`, or the store's.
    pub async fn unban(&self, user: UserId) -> Result<(), ApiError> {
        self.core.unban(user).await
    }

    /// Changes what is given of a profile, metadata too: for an operator.
    ///
    /// # Errors
    /// `NotFound`, `InvalidArgument` with the field, or the store's.
    pub async fn edit(&self, user: UserId, update: AccountUpdate) -> Result<Account, ApiError> {
        self.core.edit_account(user, update).await
    }

    /// Takes a way to sign in from a person: for an operator, who shows no proof. The last one stays.
    ///
    /// # Errors
    /// `NotFound`, `FailedPrecondition` for the last one, or the store's.
    pub async fn unlink(&self, user: UserId, kind: IdentityKind, value: String) -> Result<(), ApiError> {
        self.core.take_identity(user, kind, value).await
    }

    /// Open sockets of a person.
    #[must_use]
    pub fn sockets_of(&self, user: UserId) -> usize {
        self.core.sockets.get().map_or(0, |sockets| sockets.of_user(user).len())
    }

    /// Ends all sessions of a person.
    ///
    /// # Errors
    /// The store's.
    pub async fn sign_out(&self, user: UserId, reason: &str) -> Result<(), ApiError> {
        self.core.end_all(user, reason).await.map(|_| ())
    }

    /// Sends a token for a new password to an address, if an account has it; says nothing of that.
    ///
    /// # Errors
    /// `InvalidArgument`, `FailedPrecondition` without mail, `ResourceExhausted`.
    pub async fn request_reset(&self, address: IpAddr, email: &str) -> Result<(), ApiError> {
        self.core.request_reset(address, email).await
    }

    /// Sets a new password by such a token.
    ///
    /// # Errors
    /// `InvalidArgument`, naming the field; `ResourceExhausted`.
    pub async fn reset(&self, address: IpAddr, token: &str, password: &str, others: OtherWays) -> Result<(), ApiError> {
        self.core.reset(address, token, password, others).await.map(drop)
    }

    /// Commits what modules write behind, and takes no more. Waits for a database that is away: bound it.
    pub async fn close(&self) {
        self.core.behind.close().await;
    }

    /// What modules write behind.
    #[must_use]
    pub fn written_behind(&self) -> &WriteBehind {
        &self.core.behind
    }

    /// What became of lookups.
    #[must_use]
    pub fn people_stats(&self) -> &PeopleStats {
        &self.core.people.stats
    }

    /// What became of refresh tokens.
    #[must_use]
    pub fn refresh_stats(&self) -> &RefreshStats {
        &self.core.refreshes
    }

    /// What became of passwords.
    #[must_use]
    pub fn password_stats(&self) -> &PasswordStats {
        &self.core.passwords.stats
    }

    /// What became of mails.
    #[must_use]
    pub fn mail_stats(&self) -> &MailStats {
        &self.core.mail.stats
    }
}

impl Service for Social {
    fn caller(&self, credentials: Credentials<'_>) -> Result<Who, ApiError> {
        let config = &self.core.config;
        let same = |given: &str, key: &str| !key.is_empty() && bool::from(given.as_bytes().ct_eq(key.as_bytes()));
        let who = match credentials {
            Credentials::ServerKey(key) => same(key, &config.server_key).then_some(Who::ServerKey),
            Credentials::HttpKey(key) => same(key, &config.http_key).then_some(Who::HttpKey),
            Credentials::Token(token) => self.core.bearer(token).ok().map(|user| Who::User(Arc::new(user))),
        };
        who.ok_or_else(|| credentials.refused())
    }

    fn has_ended(&self, user: &SessionUser) -> bool {
        let session = session_of(user).map_or([0; 16], |session| session.0);
        self.core.revoked.refuses(session, user.user_id.0, user.generation)
    }

    fn charge(&self, call: CallName, who: &Who, address: IpAddr) -> Result<(), ApiError> {
        let payer = Payer::new(call, who.user().map(|user| user.user_id), address);
        self.core.config.budgets.take(&self.core.budgets, payer, self.core.now_ms())
    }

    fn put_back(&self, call: CallName, who: &Who, address: IpAddr) {
        let payer = Payer::new(call, who.user().map(|user| user.user_id), address);
        self.core.config.budgets.put_back(&self.core.budgets, payer, self.core.now_ms());
    }

    fn were_good(&self, credentials: Credentials<'_>) -> bool {
        let Credentials::Token(token) = credentials else { return false };
        matches!(self.core.bearer(token), Ok(_) | Err(TokenFault::Expired | TokenFault::NotYet))
    }

    fn check_signature(&self, caller: &Caller, call: &Call, sent: &Sent<'_>) -> Result<(), ApiError> {
        // Servers have a key of their own, which says who they are, and no session.
        let (Some(signed), Who::User(user)) = (&self.signed, &caller.who) else { return Ok(()) };
        if !self.core.config.signed.covers(call) {
            return Ok(());
        }
        let text = "This call must be signed: header x-hillfort-signature, once (docs/accounts.md).";
        let signature = sent.signature.ok_or_else(|| ApiError::new(Code::Unauthenticated, text))?;
        let session = session_of(user)?;
        let call = SignedCall { method: sent.method, path: sent.path, body: sent.body, signature };
        signed.check(session.0, &call, self.core.now_ms())
    }

    fn alias(&self, who: &Who, name: &str) -> Option<CallName> {
        let session = session_of(who.user()?).ok()?;
        self.core.aliases.as_ref()?.call(session.0, name, self.core.now_ms())
    }

    fn wants_alias(&self, who: &Who, call: &Call) -> bool {
        let is_question = matches!(call, Call::RpcFunc(rpc) if rpc.id.eq_ignore_ascii_case("hillfort.routes"));
        self.core.config.route_aliases == RouteAliases::Only && who.user().is_some() && !is_question
    }

    fn answer_max(&self, call: &Call) -> usize {
        let objects = |count: usize| count.saturating_mul(self.core.config.payloads.object_bytes).min(ANSWER_MAX);
        match call {
            Call::ReadStorageObjects(request) => objects(request.object_ids.len()),
            Call::ListStorageObjects(request) => objects(request.limit.map_or(1, |limit| usize::try_from(limit).unwrap_or(0))),
            Call::GetUsers(request) => {
                // More are refused.
                let most = 3 * self.core.config.payloads.batch;
                (request.ids.len() + request.usernames.len() + request.facebook_ids.len())
                    .min(most)
                    .saturating_mul(USER_BYTES)
                    .min(ANSWER_MAX)
            }
            _ => 0,
        }
    }

    fn call(&self, caller: Caller, call: Call) -> Answer {
        // A socket has no requests that could be signed.
        if matches!(caller.via, Via::Socket(_)) && self.signed.is_some() && self.core.config.signed.covers(&call) {
            let text = "This call must be signed: make it over REST or gRPC, not over the socket.";
            return Box::pin(std::future::ready(Err(ApiError::new(Code::PermissionDenied, text))));
        }
        let core = Arc::clone(&self.core);
        Box::pin(async move {
            let user = caller.who.user().map(|user| user.user_id);
            let payer = (caller.via != Via::Console).then(|| Payer::new(call.name(), user, caller.address.ip()));
            let looked_up = looked_up(&call);
            let answer = if Class::of(call.name()) == Class::Read {
                core.answer(caller, call).await
            } else {
                // Whoever waits for the answer may go: what has begun is finished.
                let at_work = Arc::clone(&core);
                let work = tokio::spawn(async move { at_work.answer(caller, call).await });
                work.await.unwrap_or_else(|why| Err(crate::faults::internal("a call ended in a panic", &why)))
            };
            if let Some(payer) = payer {
                // What was looked up and is then too much for an answer was looked up all the same.
                let length = answer.as_ref().map_or(0, Reply::encoded_len).max(looked_up);
                core.config.budgets.take_length(&core.budgets, payer, length, core.now_ms());
            }
            answer
        })
    }

    fn message_hooks(&self, message: &'static str) -> Hooks {
        self.core.runtime.get().map_or_else(Hooks::default, |runtime| runtime.message_hooks(message))
    }

    fn before_message(&self, caller: Caller, envelope: Envelope) -> Later<Result<Option<Envelope>, ApiError>> {
        match self.core.runtime.get() {
            Some(runtime) => runtime.before_message(caller, envelope),
            None => Box::pin(std::future::ready(Ok(Some(envelope)))),
        }
    }

    fn after_message(&self, caller: Caller, reply: Option<Envelope>, envelope: Envelope) -> Later<()> {
        match self.core.runtime.get() {
            Some(runtime) => runtime.after_message(caller, reply, envelope),
            None => Box::pin(std::future::ready(())),
        }
    }
}

/// What looking objects up is worth, in bytes of an answer: 64 that are not there cost the store as much as a long answer.
fn looked_up(call: &Call) -> usize {
    match call {
        Call::ReadStorageObjects(request) => request.object_ids.len().saturating_mul(1024),
        _ => 0,
    }
}

fn session_of(user: &SessionUser) -> Result<SessionId, ApiError> {
    user.token_id.parse().map_err(|why| crate::faults::internal("a session has no id", &why))
}

impl Core {
    async fn answer(&self, caller: Caller, call: Call) -> Result<Reply, ApiError> {
        // An operator vouches for whom it calls as: there is no session to look up.
        if let (Who::User(user), false) = (&caller.who, caller.via == Via::Console) {
            self.admit(user).await?;
        }
        let name = call.name();
        let hooks = self.runtime.get().map_or_else(Hooks::default, |runtime| runtime.hooks(name));
        let call = match self.runtime.get().filter(|_| hooks.before) {
            Some(runtime) => runtime
                .before(caller.clone(), call)
                .await?
                .filter(|changed| changed.name() == name)
                .ok_or_else(|| ApiError::new(Code::NotFound, "Requested resource was not found."))?,
            None => call,
        };
        let kept = hooks.after.then(|| call.clone());
        let (reply, user) = self.handle(&caller, call).await?;
        if let (Some(runtime), Some(call)) = (self.runtime.get(), kept) {
            let caller = user.map_or_else(|| caller.clone(), |user| signed_in(&caller, user));
            runtime.after(caller, call, reply.clone()).await;
        }
        Ok(reply)
    }

    /// The handlers. With a sign-in comes who signed in.
    async fn handle(&self, caller: &Caller, call: Call) -> Result<(Reply, Option<SessionUser>), ApiError> {
        let name = call.name().row().name;
        let session = || caller.who.user().ok_or_else(|| ApiError::new(Code::Unauthenticated, "Auth token required"));
        let reply = match call {
            Call::Healthcheck(()) => Reply::Empty(()),
            call if Class::of(call.name()) == Class::SignIn => {
                let (session, user) = self.sign_in(caller, call).await?;
                return Ok((session.into(), Some(user)));
            }
            Call::SessionRefresh(request) => {
                let (session, user) = self.refresh(caller.address.ip().to_canonical(), request).await?;
                return Ok((session.into(), Some(user)));
            }
            Call::SessionLogout(request) => self.logout(session()?.user_id, request).await?.into(),
            Call::GetAccount(()) => self.account(session()?.user_id).await?.into(),
            Call::UpdateAccount(request) => self.update_account(session()?.user_id, request).await?.into(),
            Call::DeleteAccount(()) => self.erase(session()?.user_id, None).await?.into(),
            Call::GetUsers(request) => self.users(request).await?.into(),
            Call::ReadStorageObjects(request) => self.read_objects(session()?.user_id, request).await?.into(),
            Call::WriteStorageObjects(request) => self.write_objects(session()?.user_id, request).await?.into(),
            Call::DeleteStorageObjects(request) => self.delete_objects(session()?.user_id, request).await?.into(),
            Call::ListStorageObjects(request) => self.list_objects(session()?.user_id, request).await?.into(),
            Call::RpcFunc(request) => self.rpc(caller.clone(), request).await?.into(),
            Call::ListMatches(request) => self.matches(request).await?.into(),
            call if name.starts_with("Link") => self.link(session()?.user_id, call).await?.into(),
            call if name.starts_with("Unlink") => self.unlink(session()?.user_id, call).await?.into(),
            _ => return Err(ApiError::not_yet(name)),
        };
        Ok((reply, None))
    }
}
