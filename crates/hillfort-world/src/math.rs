//! Functions whose last bit differs from one system's library to the next, computed in software instead: the same on every machine.
//!
//! `+ − × ÷`, `sqrt`, `floor` and their kin are exact everywhere and need no replacement. What stands here is the `libm` crate (the port of
//! musl's), pinned by `Cargo.lock`: rooms in Rust use it in place of `f64::sin` and the like, which the lints of the pure crates ban.
//! Never rely on `f32` and `f64` giving the same.

pub use libm::{acos, asin, atan, atan2, cbrt, cos, exp, exp2, hypot, log as ln, log2, log10, pow, sin, tan, tanh};
pub use libm::{
    acosf, asinf, atan2f, atanf, cbrtf, cosf, exp2f, expf, hypotf, log2f, log10f, logf as lnf, powf, sinf, tanf, tanhf,
};

#[cfg(test)]
mod tests {
    /// Values that this crate's users may count on: a change of the library that changes a bit is a change of every recording.
    #[test]
    fn bits_do_not_change() {
        let mut hash = 0;
        for step in -2_000..2_000_i32 {
            let x = f64::from(step) * 0.173;
            for value in [
                super::sin(x),
                super::cos(x),
                super::atan2(x, 3.7),
                super::exp(x * 0.05),
                super::pow(x.abs(), 1.3),
                super::ln(x.abs()),
            ] {
                hash = xxhash_rust::xxh3::xxh3_64_with_seed(&value.to_bits().to_le_bytes(), hash);
            }
        }
        assert_eq!(hash, 2_597_254_470_406_587_608);
    }
}
