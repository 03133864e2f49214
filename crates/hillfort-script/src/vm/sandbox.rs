//! What a fresh engine must lose and get before scripts may see it. Owns the list; `sandbox.luau` has the replacements.

use mlua::Lua;

use crate::library::Host;
use crate::program::compiler;

/// Globals that let a script see the collector, other environments, files or raw code.
const REMOVED: [&str; 9] =
    ["collectgarbage", "gcinfo", "getfenv", "setfenv", "loadstring", "newproxy", "print", "require", "_VERSION"];

/// Takes away what is dangerous and replaces what is unbounded or random.
pub(crate) fn restrict<H: Host>(lua: &Lua, globals: &mlua::Table) -> mlua::Result<()> {
    for name in REMOVED {
        globals.raw_remove(name)?;
    }
    let math: mlua::Table = globals.raw_get("math")?;
    super::math::replace(lua, &math)?;
    lua.load(include_str!("sandbox.luau")).set_name("=sandbox.luau").set_compiler(compiler()).exec()?;
    math.raw_remove("randomseed")?;
    math.raw_set("random", lua.create_function(|lua, bounds| random::<H>(lua, bounds))?)
}

/// A metatable that reads from `behind` and that scripts can neither see nor change.
pub(super) fn locked(lua: &Lua, behind: &mlua::Table) -> mlua::Result<mlua::Table> {
    behind.set_readonly(true);
    let metatable = lua.create_table()?;
    metatable.raw_set("__index", behind)?;
    metatable.raw_set("__metatable", "locked")?;
    metatable.set_readonly(true);
    Ok(metatable)
}

/// `math.random` as Luau has it: nothing → [0, 1), one → 1..=n, two → m..=n.
fn random<H: Host>(lua: &Lua, (first, second): (Option<f64>, Option<f64>)) -> mlua::Result<f64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let bits = lua.app_data_mut::<H>().expect("put in when the VM was made").random() >> 11;
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
    let unit = bits as f64 / EXACT;
    let (low, high) = match (first, second) {
        (None, _) => return Ok(unit),
        (Some(high), None) => (1.0, high),
        (Some(low), Some(high)) => (low, high),
    };
    let (low, high) = (low.trunc(), high.trunc());
    if !(low <= high && low.abs() < EXACT && high.abs() < EXACT) {
        return Err(mlua::Error::runtime("interval is empty"));
    }
    // Never above `high`, whatever the rounding of a wide interval does.
    Ok((low + (unit * (high - low + 1.0)).floor()).min(high))
}
