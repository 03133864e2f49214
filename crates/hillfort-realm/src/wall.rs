//! The wall around a room's code: a panic becomes a fault of that room. Knows nothing of rooms.
//!
//! What it cannot stop: a native room that aborts the process, e.g. by a second panic in a destructor while the first one unwinds.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use hillfort_world::RoomFault;

/// Calls a room's code. What `code` may have left half done is thrown away by the caller, who ends the room.
///
/// # Errors
/// The fault that `code` returns, or its panic as a fault.
pub(crate) fn behind<T>(code: impl FnOnce() -> Result<T, RoomFault>) -> Result<T, RoomFault> {
    catch_unwind(AssertUnwindSafe(code)).unwrap_or_else(|payload| Err(RoomFault::crashed(&message(payload))))
}

/// Drops what holds a room's code.
///
/// # Errors
/// The room's destructor panicked.
pub(crate) fn bury<T>(remains: T) -> Result<(), RoomFault> {
    behind(|| {
        drop(remains);
        Ok(())
    })
}

fn message(payload: Box<dyn Any + Send>) -> String {
    let text = match payload.downcast_ref::<&str>() {
        Some(text) => Some((*text).to_owned()),
        None => payload.downcast_ref::<String>().cloned(),
    };
    // A payload is the room's too: dropping it may panic, and so may dropping the payload of that panic, which is therefore leaked.
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(second);
    }
    text.map_or_else(|| "panic without a message".to_owned(), |text| format!("panic: {text}"))
}

#[cfg(test)]
mod tests {
    use hillfort_world::FaultKind;

    use super::*;

    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("bomb");
        }
    }

    #[test]
    fn panics_become_faults_whatever_they_carry() {
        #[track_caller]
        fn check(code: impl FnOnce() -> Result<(), RoomFault>, expect: &str) {
            assert_eq!(behind(code).expect_err("fails").message(), expect);
        }
        check(|| panic!("plain"), "panic: plain");
        check(|| panic!("{} text", "made"), "panic: made text");
        check(|| std::panic::panic_any(7), "panic without a message");
        check(|| std::panic::panic_any(Bomb), "panic without a message");
        check(|| Err(RoomFault::new(FaultKind::Budget, "slow")), "slow");
        check(|| bury(Bomb), "panic: bomb");
    }
}
