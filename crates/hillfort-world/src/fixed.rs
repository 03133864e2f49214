//! Numbers with a fixed point, for rooms in Rust that want their sums to be the same in whatever order they are added: 32 bits before the point and 32
//! behind it. What does not fit becomes the nearest that does. Knows nothing of angles: for those go by `f64` and [`crate::math`], which are
//! the same everywhere, too.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Rem, Sub, SubAssign};

/// Bits behind the point.
const FRACTION: u32 = 32;
const ONE: i64 = 1 << FRACTION;

/// A number between −2³¹ and 2³¹ in steps of 2⁻³². Every operation is exact or rounded towards −∞, and saturates.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Fixed(i64);

impl Fixed {
    /// 0.
    pub const ZERO: Self = Self(0);
    /// 1.
    pub const ONE: Self = Self(ONE);
    /// The highest.
    pub const MAX: Self = Self(i64::MAX);
    /// The lowest.
    pub const MIN: Self = Self(i64::MIN);

    /// The number whose 2³²-fold is `bits`: what [`Fixed::to_bits`] gave, e.g. in a saved state.
    #[must_use]
    pub const fn from_bits(bits: i64) -> Self {
        Self(bits)
    }

    /// Its 2³²-fold.
    #[must_use]
    pub const fn to_bits(self) -> i64 {
        self.0
    }

    /// `numerator / denominator`: constants of a game are best written as such. 0 when the denominator is 0.
    #[must_use]
    pub const fn ratio(numerator: i32, denominator: i32) -> Self {
        if denominator == 0 {
            return Self::ZERO;
        }
        let (above, below) = ((numerator as i128) << FRACTION, denominator as i128);
        let whole = above / below;
        Self(clamp(if above % below != 0 && (above < 0) != (below < 0) { whole - 1 } else { whole }))
    }

    /// The nearest number that is not above `value`; 0 for what is no number.
    #[must_use]
    pub fn from_f64(value: f64) -> Self {
        // The cast saturates and has 0 for what is no number.
        Self((value * ONE as f64).floor() as i64)
    }

    /// The nearest `f64`: exact below 2²⁰.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / ONE as f64
    }

    /// The nearest whole number that is not above it.
    #[must_use]
    pub const fn floor(self) -> i32 {
        (self.0 >> FRACTION) as i32
    }

    /// Without its sign.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }

    /// The square root, rounded down; 0 of what is below 0.
    #[must_use]
    pub const fn sqrt(self) -> Self {
        if self.0 <= 0 {
            return Self::ZERO;
        }
        Self(((self.0 as u128) << FRACTION).isqrt() as i64)
    }

    /// Length of the way (`self`, `other`), without overflow on the way there.
    #[must_use]
    pub const fn hypot(self, other: Self) -> Self {
        let (x, y) = (self.0.unsigned_abs() as u128, other.0.unsigned_abs() as u128);
        Self(clamp((x * x + y * y).isqrt() as i128))
    }
}

const fn clamp(wide: i128) -> i64 {
    if wide > i64::MAX as i128 {
        i64::MAX
    } else if wide < i64::MIN as i128 {
        i64::MIN
    } else {
        wide as i64
    }
}

impl Add for Fixed {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Fixed {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Mul for Fixed {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self(clamp((i128::from(self.0) * i128::from(other.0)) >> FRACTION))
    }
}

impl Div for Fixed {
    type Output = Self;
    /// By 0: the highest or the lowest, 0 for 0.
    fn div(self, other: Self) -> Self {
        let (above, below) = (i128::from(self.0) << FRACTION, i128::from(other.0));
        if below == 0 {
            return [Self::MIN, Self::ZERO, Self::MAX][(self.0.signum() + 1) as usize];
        }
        let inexact = above % below != 0 && (above < 0) != (below < 0);
        Self(clamp(above / below - i128::from(inexact)))
    }
}

impl Rem for Fixed {
    type Output = Self;
    /// With the sign of `other`; 0 when that is 0.
    fn rem(self, other: Self) -> Self {
        if other.0 == 0 {
            return Self::ZERO;
        }
        let (rest, by) = (i128::from(self.0) % i128::from(other.0), i128::from(other.0));
        Self(clamp(if rest != 0 && (rest < 0) != (by < 0) { rest + by } else { rest }))
    }
}

impl Neg for Fixed {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl AddAssign for Fixed {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Fixed {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl MulAssign for Fixed {
    fn mul_assign(&mut self, other: Self) {
        *self = *self * other;
    }
}

impl DivAssign for Fixed {
    fn div_assign(&mut self, other: Self) {
        *self = *self / other;
    }
}

impl Sum for Fixed {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::ZERO, Add::add)
    }
}

impl From<i32> for Fixed {
    fn from(whole: i32) -> Self {
        Self(i64::from(whole) << FRACTION)
    }
}

impl fmt::Display for Fixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_f64().fmt(f)
    }
}

impl fmt::Debug for Fixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_f64().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    fn fixed(value: f64) -> Fixed {
        Fixed::from_f64(value)
    }

    #[test]
    fn sums_products_and_quotients() {
        assert_eq!(fixed(1.5) + fixed(2.25) - Fixed::ONE, fixed(2.75));
        assert_eq!(fixed(-1.5) * fixed(2.5), fixed(-3.75));
        assert_eq!(fixed(-7.0) / fixed(2.0), fixed(-3.5));
        assert_eq!((fixed(-7.0) % fixed(3.0), fixed(7.0) % fixed(-3.0)), (fixed(2.0), fixed(-2.0)));
        assert_eq!(Fixed::ratio(1, 3).to_bits(), 0x5555_5555);
        assert_eq!(Fixed::ratio(-1, 3).to_bits(), -0x5555_5556, "towards minus infinity");
        assert_eq!((Fixed::from(-1) / Fixed::from(3)).to_bits(), -0x5555_5556);
        assert_eq!((fixed(2.0).sqrt().to_bits(), fixed(9.0).sqrt()), (0x1_6a09_e667, fixed(3.0)));
        assert_eq!(fixed(-3.0).hypot(fixed(4.0)), fixed(5.0));
        assert_eq!((fixed(-1.25).floor(), fixed(-1.25).abs(), -fixed(1.25)), (-2, fixed(1.25), fixed(-1.25)));
        assert_eq!([0.1, 0.2, 0.3].map(fixed).into_iter().sum::<Fixed>(), [0.3, 0.1, 0.2].map(fixed).into_iter().sum());
        assert_eq!((format!("{}", fixed(0.5)), format!("{:?}", Fixed::from(-2))), ("0.5".into(), "-2.0".into()));
    }

    #[test]
    fn what_does_not_fit_is_the_nearest_that_does() {
        let most = Fixed::MAX;
        assert_eq!([most + Fixed::ONE, most * most, most / fixed(0.5), fixed(1e30), Fixed::ONE / Fixed::ZERO], [most; 5]);
        let least = Fixed::MIN;
        assert_eq!([least - Fixed::ONE, least * most, least / fixed(0.5), fixed(-1e30), -Fixed::ONE / Fixed::ZERO], [least; 5]);
        assert_eq!([-least, least.abs(), least.hypot(least), least / -Fixed::ONE], [most; 4]);
        assert_eq!(
            [Fixed::ZERO / Fixed::ZERO, least % -fixed(f64::EPSILON), fixed(f64::NAN), Fixed::MIN.sqrt(), Fixed::ratio(1, 0)],
            [Fixed::ZERO; 5]
        );
        assert_eq!(Fixed::ONE % Fixed::ZERO, Fixed::ZERO);
    }

    /// Values that recordings of rooms may count on.
    #[test]
    fn bits_do_not_change() {
        let (mut rng, mut sum) = (Rng::new(7), Fixed::ZERO);
        for _ in 0..10_000 {
            let mut draw = || Fixed::from_bits((rng.next_u64() >> 12) as i64 - (1 << 51));
            let (a, b) = (draw(), draw());
            sum = (sum + a * b / (b + Fixed::ONE) - a.hypot(b).sqrt()) % Fixed::from(1_000_003);
        }
        assert_eq!(sum.to_bits(), 3_256_521_402_489_083);
    }
}
