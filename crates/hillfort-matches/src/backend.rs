//! What modules ask about matches and open sockets, answered by who has them. Everything else is another backend's.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use hillfort_api::api::{ListMatchesRequest, Match};
use hillfort_api::matches::Matches;
use hillfort_api::{ApiError, Close, Code, SessionId, Sessions};
use hillfort_modules::backend::{Answer, Ask, Backend, Fault, MatchInfo, MatchQuery};

/// See the module.
#[derive(Clone)]
pub struct MatchBackend {
    /// Matches that run.
    pub matches: Arc<dyn Matches>,
    /// Open sockets.
    pub sessions: Arc<dyn Sessions>,
}

impl Backend for MatchBackend {
    fn ask(&self, ask: Ask) -> BoxFuture<'static, Result<Answer, Fault>> {
        match ask {
            Ask::MatchCreate { module, params } => {
                let made = self.matches.create(module, params);
                made.map(|made| made.map(Answer::Text).map_err(fault)).boxed()
            }
            Ask::MatchGet(id) => {
                let found = self.matches.get(id);
                found.map(|found| found.map(|found| Answer::Match(found.map(info))).map_err(fault)).boxed()
            }
            Ask::MatchList(query) => {
                let found = self.matches.list(request(query));
                found
                    .map(|found| found.map(|found| Answer::Matches(found.into_iter().map(info).collect())).map_err(fault))
                    .boxed()
            }
            Ask::MatchSignal { match_id, data } => {
                let answer = self.matches.signal(match_id, data);
                answer.map(|answer| answer.map(Answer::Text).map_err(fault)).boxed()
            }
            Ask::SessionDisconnect { session_id, .. } => {
                // One that is gone is what was wanted.
                self.sessions.close(SessionId(session_id), Close::SessionEnded, "disconnected by the server");
                ready(Ok(Answer::Done)).boxed()
            }
            _ => ready(Err(fault(ApiError::new(Code::Unimplemented, "this server does not serve it yet")))).boxed(),
        }
    }
}

fn request(query: MatchQuery) -> ListMatchesRequest {
    ListMatchesRequest {
        limit: Some(i32::try_from(query.limit).unwrap_or(i32::MAX)),
        authoritative: query.authoritative,
        label: query.label,
        min_size: query.min_size,
        max_size: query.max_size,
        query: query.query,
    }
}

fn info(found: Match) -> MatchInfo {
    let number = |number: i32| u32::try_from(number).unwrap_or_default();
    MatchInfo {
        match_id: found.match_id,
        authoritative: found.authoritative,
        label: found.label,
        size: number(found.size),
        tick_rate: found.authoritative.then(|| number(found.tick_rate)),
        handler_name: found.authoritative.then_some(found.handler_name),
    }
}

fn fault(error: ApiError) -> Fault {
    Fault { code: error.code as u8, message: error.message.into_owned() }
}

impl std::fmt::Debug for MatchBackend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MatchBackend")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use hillfort_api::UserId;
    use hillfort_api::matches::Later;
    use hillfort_api::realtime::Envelope;

    use super::*;

    #[derive(Default)]
    struct Asked(Mutex<Vec<String>>);

    impl Asked {
        fn note<T: Send + 'static>(&self, what: String, answer: Result<T, ApiError>) -> Later<Result<T, ApiError>> {
            self.0.lock().unwrap().push(what);
            Box::pin(ready(answer))
        }
    }

    fn found() -> Match {
        Match {
            match_id: "id".to_owned(),
            authoritative: true,
            label: Some("label".to_owned()),
            size: 3,
            tick_rate: 10,
            handler_name: "arena".to_owned(),
        }
    }

    impl Matches for Asked {
        fn create(&self, handler: String, params: Option<String>) -> Later<Result<String, ApiError>> {
            self.note(format!("create {handler} {params:?}"), Ok("id".to_owned()))
        }

        fn get(&self, match_id: String) -> Later<Result<Option<Match>, ApiError>> {
            self.note(format!("get {match_id}"), Ok(Some(Match { authoritative: false, ..found() })))
        }

        fn list(&self, request: ListMatchesRequest) -> Later<Result<Vec<Match>, ApiError>> {
            self.note(format!("list {:?} {:?}", request.limit, request.query), Ok(vec![found()]))
        }

        fn signal(&self, match_id: String, _: String) -> Later<Result<String, ApiError>> {
            self.note(format!("signal {match_id}"), Err(ApiError::new(Code::NotFound, "match not found")))
        }
    }

    impl Sessions for Asked {
        fn send(&self, _: &[SessionId], _: &Envelope) -> usize {
            0
        }

        fn close(&self, session: SessionId, code: Close, _: &str) -> bool {
            self.0.lock().unwrap().push(format!("close {session} {code:?}"));
            false
        }

        fn of_user(&self, _: UserId) -> Vec<SessionId> {
            Vec::new()
        }
    }

    #[test]
    fn modules_reach_matches_and_sockets() {
        let asked = Arc::new(Asked::default());
        let (matches, sessions) = (Arc::clone(&asked) as Arc<dyn Matches>, Arc::clone(&asked) as Arc<dyn Sessions>);
        let backend = MatchBackend { matches, sessions };
        let answer = |ask| backend.ask(ask).now_or_never().expect("answers at once");
        let query = MatchQuery {
            limit: 5,
            authoritative: None,
            label: None,
            min_size: None,
            max_size: None,
            query: Some("+label.a:b".to_owned()),
        };
        assert_eq!(answer(Ask::MatchCreate { module: "arena".to_owned(), params: None }), Ok(Answer::Text("id".to_owned())));
        let Ok(Answer::Match(Some(relayed))) = answer(Ask::MatchGet("id".to_owned())) else { panic!("is found") };
        assert_eq!((relayed.tick_rate, relayed.handler_name), (None, None), "a relayed match has neither");
        let Ok(Answer::Matches(list)) = answer(Ask::MatchList(query)) else { panic!("is listed") };
        assert_eq!((list[0].size, list[0].tick_rate, list[0].handler_name.as_deref()), (3, Some(10), Some("arena")));
        let refused = answer(Ask::MatchSignal { match_id: "id".to_owned(), data: String::new() });
        assert_eq!(refused, Err(Fault { code: 5, message: "match not found".to_owned() }));
        assert_eq!(answer(Ask::SessionDisconnect { session_id: [1; 16], reason: 0 }), Ok(Answer::Done));
        assert_eq!(answer(Ask::UsersRandom(1)).unwrap_err().code, 12);
        let expect = [
            "create arena None",
            "get id",
            "list Some(5) Some(\"+label.a:b\")",
            "signal id",
            "close 01010101-0101-0101-0101-010101010101 SessionEnded",
        ];
        assert_eq!(*asked.0.lock().unwrap(), expect);
    }
}
