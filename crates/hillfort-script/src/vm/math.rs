//! Functions of `math` whose last bit differs from one system's C library to the next, in software instead: the `libm` crate, pinned by `Cargo.lock`.
//! Knows nothing of `^`, which the engine works out by itself: as products and a root where the exponent is written 2, 3 or 0.5, else by the
//! C library.

use mlua::{Lua, Table};

/// Names that the compiler must neither fold nor call past the table.
pub(crate) const REPLACED: [&str; 15] = [
    "math.acos",
    "math.asin",
    "math.atan",
    "math.atan2",
    "math.cos",
    "math.cosh",
    "math.exp",
    "math.log",
    "math.log10",
    "math.pow",
    "math.sin",
    "math.sinh",
    "math.tan",
    "math.tanh",
    "vector.angle",
];

type OfOne = (&'static str, fn(f64) -> f64);

/// Puts them into `math`.
pub(super) fn replace(lua: &Lua, math: &Table) -> mlua::Result<()> {
    let of_one: [OfOne; 11] = [
        ("acos", libm::acos),
        ("asin", libm::asin),
        ("atan", libm::atan),
        ("cos", libm::cos),
        ("cosh", libm::cosh),
        ("exp", libm::exp),
        ("log10", libm::log10),
        ("sin", libm::sin),
        ("sinh", libm::sinh),
        ("tan", libm::tan),
        ("tanh", libm::tanh),
    ];
    for (name, function) in of_one {
        math.raw_set(name, lua.create_function(move |_, x: f64| Ok(function(x)))?)?;
    }
    math.raw_set("atan2", lua.create_function(|_, (y, x): (f64, f64)| Ok(libm::atan2(y, x)))?)?;
    math.raw_set("pow", lua.create_function(|_, (base, exponent): (f64, f64)| Ok(libm::pow(base, exponent)))?)?;
    math.raw_set("log", lua.create_function(|_, (x, base): (f64, Option<f64>)| Ok(log(x, base)))?)
}

fn log(x: f64, base: Option<f64>) -> f64 {
    match base {
        None => libm::log(x),
        Some(2.0) => libm::log2(x),
        Some(10.0) => libm::log10(x),
        Some(base) => libm::log(x) / libm::log(base),
    }
}
