//! What is run where its caller is.

use std::future::ready;

use futures_util::future::BoxFuture;

use super::*;
use crate::backend::{Answer, Ask, Fault};

struct Empty;

impl Backend for Empty {
    fn ask(&self, _: Ask) -> BoxFuture<'static, Result<Answer, Fault>> {
        Box::pin(ready(Ok(Answer::Objects(Vec::new()))))
    }
}

#[test]
fn one_short_call_at_a_time_runs_where_its_caller_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "local nk = require('nakama')
        nk.register_rpc(function() return 'here' end, 'short')
        nk.register_rpc(function() nk.storage_read({{ collection = 'c', key = 'k' }}) return 'there' end, 'waits')";
    std::fs::write(folder.path().join("s.lua"), text).expect("writes");
    let settings = Settings { folder: folder.path().to_owned(), threads: 2, ..Settings::default() };
    let Runtime(inner) = Runtime::start(settings, Arc::new(Empty)).expect("loads");
    let habit = Habit::default();
    let tried = |name: &str| {
        let key = (Kind::Rpc, name.to_owned());
        inner.try_here(CallJob { key, context: Context::default(), arguments: Values::default(), begun: Instant::now() }, &habit)
    };
    // Both VMs are free.
    let other = inner.here.lock().expect("no panic");
    assert!(matches!(tried("short"), Tried::Not(_)));
    drop(other);
    assert!(matches!(tried("short"), Tried::Over(Ok(Data::Text(text))) if text == b"here"));
    // One that waits does so elsewhere, and leaves its place.
    let Tried::Goes(replied) = tried("waits") else { panic!("waits") };
    assert!(matches!(tried("short"), Tried::Over(Ok(_))));
    assert!(matches!(replied.blocking_recv(), Ok(Ok(Data::Text(text))) if text == b"there"));
}
