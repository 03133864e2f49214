//! The cache that all VMs of a server share.

use hillfort_script::modules::{Arguments, Charge};
use hillfort_script::{HostError, Values};

use super::check::{filled, wrong};
use super::{Function, Runs, limits, one, row};
use crate::desk::Desk;

pub(super) static FUNCTIONS: &[Function] = &[
    row("localcache_get", "key, default = nil", "value", "A value that `localcache_put` kept; a copy.", Runs::Here(get)),
    row(
        "localcache_put",
        "key, value, ttl = 0",
        "",
        "Keeps a copy of a value for `ttl` seconds, 0: until it is deleted. Bounded: the oldest go first. No functions.",
        Runs::Here(put),
    ),
    row("localcache_delete", "key", "", "Forgets a value.", Runs::Here(delete)),
    row("localcache_clear", "", "", "Forgets all.", Runs::Here(clear)),
];

fn get(desk: &mut Desk, charge: &Charge<'_>, arguments: &Arguments) -> Result<Values, HostError> {
    let key = filled(arguments, 1, "expects key string")?;
    let now_ms = desk.now_ms();
    match desk.shared().cache.get(&key, now_ms) {
        Some((value, bytes)) => {
            charge.bytes(bytes);
            Ok(one(value))
        }
        None => arguments.data(2, limits()).map(one),
    }
}

fn put(desk: &mut Desk, charge: &Charge<'_>, arguments: &Arguments) -> Result<Values, HostError> {
    let key = filled(arguments, 1, "expects key string")?;
    let value = arguments.data(2, limits())?;
    let ttl_s = arguments.integer_or(3, 0)?;
    if ttl_s < 0 {
        return Err(wrong(3, "ttl must be 0 or more"));
    }
    let expires_ms = (ttl_s > 0).then(|| desk.now_ms().saturating_add(ttl_s.saturating_mul(1000)));
    let bytes = desk.shared().cache.put(key, value, expires_ms).map_err(|what| wrong(2, what))?;
    charge.bytes(bytes);
    Ok(Values::default())
}

fn delete(desk: &mut Desk, _: &Charge<'_>, arguments: &Arguments) -> Result<Values, HostError> {
    let key = filled(arguments, 1, "expects key string")?;
    desk.shared().cache.delete(&key);
    Ok(Values::default())
}

fn clear(desk: &mut Desk, _: &Charge<'_>, _: &Arguments) -> Result<Values, HostError> {
    desk.shared().cache.clear();
    Ok(Values::default())
}
