//! Whatever comes: properties that hold for any order of events and any bytes.

use super::*;
use proptest::prelude::*;

proptest! {
    /// Hostile bytes give a verdict, and only bytes that a key signed are let in.
    #[test]
    fn any_hello_gets_a_verdict(mut bytes in prop::array::uniform32(any::<u8>()), from in 0..=40_usize) {
        let mut guard = guard(config());
        let proof = guard.on_connect(NOW, v4(1)).unwrap();
        let mut mixed = hello(1);
        bytes[0] ^= u8::from(mixed[from] == bytes[0]);
        mixed[from..from + 32].copy_from_slice(&bytes);
        prop_assert!(guard.on_hello(NOW, WALL, &proof, &mixed).is_err());
    }

    /// Whatever comes and goes: counts add up, a source has never fewer than it opened, and none when all are closed.
    #[test]
    fn opens_and_closes_add_up(steps in prop::collection::vec((any::<bool>(), 0..40_u32), 0..500)) {
        let mut guard = guard(config());
        let mut held: Vec<Admitted> = Vec::new();
        for (open, n) in steps {
            if open {
                held.extend(guard.on_connect(NOW, v4(n)).ok());
            } else if !held.is_empty() {
                let at = n as usize % held.len();
                guard.on_close(held.swap_remove(at));
            }
            prop_assert_eq!(guard.stats(NOW).open as usize, held.len());
        }
        for n in 0..40 {
            let source = guard.secret.source(v4(n));
            let count = held.iter().filter(|proof| proof.peer().addr() == v4(n)).count();
            prop_assert!(guard.open.of_source(source.hash()) as usize >= count, "never too few");
        }
        held.drain(..).for_each(|proof| guard.on_close(proof));
        for n in 0..40 {
            prop_assert_eq!(guard.open.of_source(guard.secret.source(v4(n)).hash()), 0);
        }
    }
}
