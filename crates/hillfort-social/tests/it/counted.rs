//! A store whose questions about accounts and sessions are noted before they are passed on. Knows no call.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use hillfort_store::*;

/// What a store was asked, in order, by the port's names.
pub(crate) type Asked = Arc<Mutex<Vec<&'static str>>>;

#[derive(Debug)]
pub(crate) struct Counted<T: ?Sized> {
    pub(crate) inner: Arc<T>,
    pub(crate) asked: Asked,
}

macro_rules! pass_on {
    ($port:ident: $(fn $name:ident($($given:ident: $type:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl $port for Counted<dyn $port> {
            $(async fn $name(&self, $($given: $type),*) -> Result<$answer> {
                self.asked.lock().unwrap().push(stringify!($name));
                self.inner.$name($($given),*).await
            })*
        }
    };
}

pass_on! {
    Accounts:
    fn register_or_find(identity: Identity, new: Option<NewAccount>, now: Millis) -> Found;
    fn link(user: UserId, identity: Identity, password_hash: Option<String>, now: Millis) -> ();
    fn unlink(user: UserId, kind: IdentityKind, value: Option<String>, now: Millis) -> ();
    fn get(user: UserId) -> Account;
    fn get_many(users: Vec<UserId>) -> Vec<Account>;
    fn by_usernames(usernames: Vec<String>) -> Vec<Account>;
    fn by_identities(identities: Vec<Identity>) -> Vec<Account>;
    fn update(user: UserId, update: AccountUpdate, now: Millis) -> Account;
    fn password(email: String) -> (UserId, Option<String>);
    fn set_password(user: UserId, hash: Option<String>, others: OtherWays, now: Millis) -> i64;
    fn rehash(user: UserId, old: String, new: String) -> bool;
    fn set_verified(user: UserId, now: Millis) -> ();
    fn disable(user: UserId, ban: Ban, now: Millis) -> i64;
    fn enable(user: UserId, now: Millis) -> ();
    fn delete(user: UserId, tombstone: Option<String>, now: Millis) -> ();
    fn tombstone(user: UserId) -> Option<Tombstone>;
    fn export(user: UserId, cursor: Option<String>) -> PersonExport;
    fn list(filter: AccountFilter, limit: usize, cursor: Option<String>) -> Page<Account>;
    fn count() -> u64;
}

pass_on! {
    Sessions:
    fn create(user: UserId, new: NewSession, now: Millis) -> Session;
    fn sign_in(identity: Identity, new: Option<NewAccount>, session: NewSession, now: Millis) -> SignedIn;
    fn rotate(rotate: Rotate, now: Millis) -> Rotation;
    fn get(id: SessionId, now: Millis) -> Option<Session>;
    fn of_user(user: UserId, now: Millis) -> Vec<Session>;
    fn revoke(id: SessionId) -> bool;
    fn revoke_all(user: UserId, now: Millis) -> i64;
    fn generation(user: UserId) -> i64;
    fn purge(now: Millis, limit: usize) -> u64;
    fn create_reset(user: UserId, token: TokenHash, expires: Millis, now: Millis) -> ();
    fn use_reset(token: TokenHash, password_hash: String, others: OtherWays, now: Millis) -> UserId;
}
