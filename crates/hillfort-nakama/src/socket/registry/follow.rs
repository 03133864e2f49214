//! Who follows whose status.

use std::collections::HashSet;

use hillfort_api::realtime::UserPresence;
use hillfort_api::{SessionId, UserId};

use super::streams::StreamKey;
use super::{Here, Registry, TooMany, presence};

impl Registry {
    /// Has a session hear of these users' status. All or none are followed.
    pub(crate) fn follow(&self, session: SessionId, users: &[UserId]) -> Result<(), TooMany> {
        let (most, mut here) = (self.bounds.follows, self.here());
        let Some(entry) = here.sessions.get_mut(&session) else { return Ok(()) };
        let own = entry.user.user_id;
        // A user hears of the own status anyway.
        let followed: HashSet<UserId> = entry.follows.iter().copied().collect();
        let mut new: Vec<UserId> = users.iter().copied().filter(|user| *user != own && !followed.contains(user)).collect();
        new.sort_unstable();
        new.dedup();
        if entry.follows.len() + new.len() > most {
            return Err(TooMany("users that one session follows"));
        }
        entry.follows.extend_from_slice(&new);
        for user in new {
            here.followers.entry(user).or_default().push(session);
        }
        Ok(())
    }

    pub(crate) fn unfollow(&self, session: SessionId, users: &[UserId]) {
        let mut here = self.here();
        let Some(entry) = here.sessions.get_mut(&session) else { return };
        let users: HashSet<&UserId> = users.iter().collect();
        let (gone, kept) = entry.follows.iter().copied().partition(|user| users.contains(user));
        entry.follows = kept;
        let gone: Vec<UserId> = gone;
        for user in gone {
            here.forget_follower(user, session);
        }
    }

    /// What these users say about themselves, on each of their sockets that says anything.
    pub(crate) fn status_of(&self, users: &[UserId]) -> Vec<UserPresence> {
        let here = self.here();
        let of = |user: &UserId| {
            here.streams
                .get(&StreamKey::status(*user))
                .into_iter()
                .flatten()
                .filter_map(|member| {
                    let entry = here.sessions.get(&member.session())?;
                    Some(UserPresence { status: Some(member.status().to_owned()), ..presence(&entry.user, member.session()) })
                })
                .collect::<Vec<_>>()
        };
        users.iter().flat_map(of).collect()
    }
}

impl Here {
    pub(super) fn forget_follower(&mut self, user: UserId, session: SessionId) {
        let Some(followers) = self.followers.get_mut(&user) else { return };
        followers.retain(|other| *other != session);
        if followers.is_empty() {
            self.followers.remove(&user);
        }
    }
}
