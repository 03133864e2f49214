//! Settings that have to fit together: what may not be above what, why, and what to do about it. Knows no defaults.

use toml::Value;

use super::check::Check;

/// A number that another bounds.
#[derive(Debug)]
pub(super) struct Pair {
    /// What is bounded, and how many units one of it is.
    pub(super) small: (&'static str, i64),
    /// What bounds it, in the same units.
    pub(super) large: (&'static str, i64),
    /// What is in the way when it is above.
    why: &'static str,
}

const fn pair(small: (&'static str, i64), large: (&'static str, i64), why: &'static str) -> Pair {
    Pair { small, large, why }
}

const MIB: i64 = 1 << 20;

/// All of them.
pub(super) const PAIRS: &[Pair] = &[
    pair(("nakama.object_bytes_max", 1), ("nakama.request_bytes_max", 1), "no request could bring such an object"),
    pair(("nakama.rpc_bytes_max", 1), ("nakama.request_bytes_max", 1), "no request could bring such a payload"),
    // Three quarters of it are for long answers.
    pair(("modules.result_bytes_max", 4), ("nakama.answers_bytes_max", 3), "no room could be made for such an answer"),
    // A quarter of it is for short ones, and each call needs room for 16 KiB before it is begun.
    pair(("nakama.calls_max", 65_536), ("nakama.answers_bytes_max", 1), "no room could be made for the answers of so many calls"),
    // Three quarters of it are for long ones, which as base64 are a third longer.
    pair(("nakama.request_bytes_max", 2), ("nakama.requests_bytes_max", 1), "no room could be made for such a request"),
    // A quarter of it is for short ones, and each call under way may hold 16 KiB.
    pair(
        ("nakama.calls_max", 65_536),
        ("nakama.requests_bytes_max", 1),
        "no room could be made for the requests of so many calls",
    ),
    pair(
        ("modules.result_bytes_max", 1),
        ("socket.queue_bytes_max", 1),
        "a client on the socket would be closed as too slow for such an answer",
    ),
    pair(("modules.result_bytes_max", 1), ("modules.call_mib_max", MIB), "no function has the memory for such an answer"),
    pair(("modules.http_body_bytes_max", 1), ("modules.call_mib_max", MIB), "no function has the memory for such a body"),
    pair(("modules.call_mib_max", 1), ("modules.vm_mib_max", 1), "the thread of the call has no more than that"),
    pair(("modules.call_ms_max", 1), ("modules.wait_ms_max", 1), "the call would be over before"),
    pair(("modules.http_ms_max", 1), ("modules.wait_ms_max", 1), "the function that waits for it would be over before"),
    pair(
        ("modules.wait_ms_max", 1),
        ("nakama.call_ms_max", 1),
        "callers would be told that it took too long, and functions would go on for nobody",
    ),
    pair(("socket.session_calls_max", 1), ("socket.calls_max", 1), "all sessions together may not have as many"),
];

impl Check<'_> {
    /// Ranges are checked already.
    pub(super) fn pairs(&mut self) {
        for Pair { small: (small, unit), large: (large, large_unit), why } in PAIRS {
            let number = |key| self.layers.get(key).and_then(Value::as_integer).expect("a test looks for all keys");
            let (value, bound) = (number(small), number(large));
            if value * unit > bound * large_unit {
                let (most, least) = (bound * large_unit / unit, (value * unit + large_unit - 1) / large_unit);
                let text = format!(
                    "{value} is too much beside {large} = {bound}: {why}. Lower it to {most}, or raise {large} to {least}"
                );
                self.wrong_text(small, text);
            }
        }
    }
}
