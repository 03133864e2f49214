//! Passwords: right and wrong, old costs, damaged hashes, a full queue, and the same work for everybody.

use super::{Busy, Checked, PASSWORD_MAX, PasswordCost, Passwords, read};

fn small() -> PasswordCost {
    PasswordCost { memory_kib: 64, passes: 1, threads: 1, queue: 4 }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[test]
fn a_password_is_right_or_wrong() {
    let passwords = Passwords::start(&small()).unwrap();
    let hash = block_on(passwords.hash("correct horse")).unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{hash}");
    assert_ne!(hash, block_on(passwords.hash("correct horse")).unwrap(), "salts differ");
    let check = |password: &str, stored| block_on(passwords.check(password, stored)).unwrap();
    assert_eq!(check("correct horse", Some(&hash)), Checked::Right);
    for wrong in ["", "correct hors", "correct horse ", "Correct horse", "\u{7d}"] {
        assert_eq!(check(wrong, Some(&hash)), Checked::Wrong, "{wrong}");
    }
    assert_eq!(check("correct horse", None), Checked::Wrong);
}

#[test]
fn another_cost_is_taken_and_said() {
    let old = Passwords::start(&small()).unwrap();
    let hash = block_on(old.hash("correct horse")).unwrap();
    let new = Passwords::start(&PasswordCost { memory_kib: 128, passes: 2, ..small() }).unwrap();
    assert_eq!(block_on(new.check("correct horse", Some(&hash))), Ok(Checked::RightButOld));
    assert_eq!(block_on(new.check("wrong horse", Some(&hash))), Ok(Checked::Wrong));
    let hash = block_on(new.hash("correct horse")).unwrap();
    assert_eq!(block_on(new.check("correct horse", Some(&hash))), Ok(Checked::Right));
    assert_eq!(block_on(old.check("correct horse", Some(&hash))), Ok(Checked::RightButOld), "more memory than this thread had");
}

#[test]
fn a_known_vector_is_met() {
    let phc = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    let passwords = Passwords::start(&small()).unwrap();
    assert_eq!(block_on(passwords.check("password", Some(phc))), Ok(Checked::RightButOld));
}

#[test]
fn damaged_hashes_are_nobodys() {
    let passwords = Passwords::start(&small()).unwrap();
    let hash = block_on(passwords.hash("correct horse")).unwrap();
    for damaged in [
        "",
        "$argon2id$",
        "correct horse",
        &hash.replace("argon2id", "argon2d"),
        &hash.replace("m=64", "m=4294967295"),
        &hash.replace("m=64", "m=1"),
        &hash.replace("p=1", "p=4294967295"),
        &hash.replace("t=1", "t=0"),
        &hash[..hash.len() - 4],
        &format!("{hash}$x"),
    ] {
        assert!(read(damaged).is_none(), "{damaged}");
        assert_eq!(block_on(passwords.check("correct horse", Some(damaged))), Ok(Checked::Wrong));
    }
    for (threads, queue, memory_kib, passes) in
        [(0, 1, 64, 1), (65, 1, 64, 1), (1, 0, 64, 1), (1, 1, 7, 1), (1, 1, 64, 0), (1, 1, u32::MAX, 1)]
    {
        assert!(Passwords::start(&PasswordCost { memory_kib, passes, threads, queue }).is_err());
    }
}

#[test]
fn an_endless_password_is_cut() {
    let passwords = Passwords::start(&small()).unwrap();
    let long = "x".repeat(PASSWORD_MAX);
    let hash = block_on(passwords.hash(&format!("{long}y"))).unwrap();
    assert_eq!(block_on(passwords.check(&long, Some(&hash))), Ok(Checked::Right));
}

#[test]
fn a_full_queue_refuses_at_once() {
    // One thread that is held up by a large hash; two places in the queue.
    let passwords = Passwords::start(&PasswordCost { memory_kib: 1 << 18, passes: 2, threads: 1, queue: 2 }).unwrap();
    let checks: Vec<_> = (0..16).map(|_| passwords.check("password", None)).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let answers = runtime.block_on(async {
        let local = tokio::task::LocalSet::new();
        local.run_until(async { futures(checks).await }).await
    });
    let busy = answers.iter().filter(|answer| **answer == Err(Busy)).count();
    assert!((13..=15).contains(&busy), "{busy} of 16 refused: one is worked on, or none yet, and two wait");
    assert_eq!(passwords.stats.refused.load(std::sync::atomic::Ordering::Relaxed), busy as u64);
    assert!(answers.iter().filter_map(|answer| answer.ok()).all(|checked| checked == Checked::Wrong));
}

/// Polls all at once, in order.
async fn futures<T>(list: Vec<impl Future<Output = T>>) -> Vec<T> {
    use std::pin::Pin;
    use std::task::Poll;
    let mut waiting: Vec<(Pin<Box<_>>, Option<T>)> = list.into_iter().map(|one| (Box::pin(one), None)).collect();
    std::future::poll_fn(|context| {
        let mut open = false;
        for (future, answer) in waiting.iter_mut().filter(|(_, answer)| answer.is_none()) {
            match future.as_mut().poll(context) {
                Poll::Ready(done) => *answer = Some(done),
                Poll::Pending => open = true,
            }
        }
        if open { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    waiting.into_iter().map(|(_, answer)| answer.unwrap()).collect()
}
