//! Functions of `math`: in software, so that a script gives the same on every machine.

use std::time::Duration;

use hillfort_script::{Host, Instance, Limits, Program, Vm};

struct Quiet;

impl Host for Quiet {
    fn random(&mut self) -> u64 {
        0
    }
}

fn start(source: &str) -> (Vm, Instance) {
    let program = Program::compile("math.luau", source).expect("compiles");
    let limits = Limits { steps_max: u32::MAX, time_max: Duration::from_secs(60), ..Limits::default() };
    let vm = Vm::new(&program, limits, Quiet, |_| Ok(())).expect("builds");
    let instance = vm.instance().expect("top level is fine");
    (vm, instance)
}

/// Compares `call` of two numbers with `expect`, bit for bit.
#[track_caller]
fn check(call: &str, expect: fn(f64, f64) -> f64) {
    let (vm, instance) = start(&format!("function go(x, y) return {call} end"));
    let entry = instance.entry("go").expect("is there");
    for step in -300..300_i32 {
        for y in [-2.5, 0.0, 0.3, 1.0, 2.0, 3.0, 7.5, 10.0] {
            let x = f64::from(step) * 0.173;
            let got = vm.call::<f64>(&instance, &entry, (x, y)).expect("fine");
            let wanted = expect(x, y);
            assert!(
                got.to_bits() == wanted.to_bits() || got.is_nan() && wanted.is_nan(),
                "{call} of {x}, {y}: {got} is not {wanted}"
            );
        }
    }
}

#[test]
fn functions_are_those_of_libm_bit_for_bit() {
    check("math.sin(x)", |x, _| libm::sin(x));
    check("math.cos(x)", |x, _| libm::cos(x));
    check("math.tan(x)", |x, _| libm::tan(x));
    check("math.asin(x / 52)", |x, _| libm::asin(x / 52.0));
    check("math.acos(x / 52)", |x, _| libm::acos(x / 52.0));
    check("math.atan(x)", |x, _| libm::atan(x));
    check("math.atan2(x, y)", libm::atan2);
    check("math.sinh(x)", |x, _| libm::sinh(x));
    check("math.cosh(x)", |x, _| libm::cosh(x));
    check("math.tanh(x)", |x, _| libm::tanh(x));
    check("math.exp(x)", |x, _| libm::exp(x));
    check("math.pow(x, y)", libm::pow);
    check("math.log(x)", |x, _| libm::log(x));
    check("math.log(x, 2)", |x, _| libm::log2(x));
    check("math.log(x, 10)", |x, _| libm::log10(x));
    check("math.log(x, y)", |x, y| match y {
        2.0 => libm::log2(x),
        10.0 => libm::log10(x),
        _ => libm::log(x) / libm::log(y),
    });
    check("math.log10(x)", |x, _| libm::log10(x));
    // Also where it is called by another name.
    check("select(2, pcall(math.sin, x))", |x, _| libm::sin(x));
    check("(function() local f = math.exp return f(x) end)()", |x, _| libm::exp(x));
}

#[test]
fn powers_with_these_exponents_are_products_and_a_root() {
    check("x ^ 2", |x, _| x * x);
    check("x ^ 3", |x, _| x * x * x);
    check("x ^ 0.5", |x, _| x.sqrt());
    check("2 ^ 53 + x", |x, _| 9_007_199_254_740_992.0 + x);
}

#[test]
fn constants_are_not_folded_by_the_compiler() {
    // For these the C library of Debian 12 and `libm` differ in the last bit: the compiler would have asked the former.
    let (vm, instance) = start("function go() return math.pow(0.15, 2.7), math.exp(1), math.tan(0.36), math.cos(0.24) end");
    let entry = instance.entry("go").expect("is there");
    let got = vm.call::<(f64, f64, f64, f64)>(&instance, &entry, ()).expect("fine");
    let wanted = (libm::pow(0.15, 2.7), libm::exp(1.0), libm::tan(0.36), libm::cos(0.24));
    assert_eq!(format!("{got:?}"), format!("{wanted:?}"));
}

#[test]
fn an_angle_between_vectors() {
    let (vm, instance) = start(
        "local function v(x, y, z) return vector.create(x, y, z) end
        function go() return vector.angle(v(1, 0, 0), v(0, 2, 0)), vector.angle(v(1, 0, 0), v(0, 2, 0), v(0, 0, -1)), vector.angle(v(1, 1, 0), v(1, 1, 0)) end",
    );
    let entry = instance.entry("go").expect("is there");
    let quarter = std::f64::consts::FRAC_PI_2;
    assert_eq!(vm.call::<(f64, f64, f64)>(&instance, &entry, ()).expect("fine"), (quarter, -quarter, 0.0));
}

/// Values that recordings may count on: a change of the library that changes a bit is a change of every recording.
#[test]
fn bits_do_not_change() {
    let source = "function go()
        local sum, x = 0, -40
        while x < 40 do
            sum = (sum + math.sin(x) + math.cos(x) + math.tan(x) + math.atan2(x, 3.7) + math.exp(x / 9) + math.log(x * x + 1) + math.pow(x * x, 0.7)) % 1e6
            x += 0.0173
        end
        return sum
    end";
    let (vm, instance) = start(source);
    let entry = instance.entry("go").expect("is there");
    let sum = vm.call::<f64>(&instance, &entry, ()).expect("fine");
    assert_eq!(sum.to_bits(), 4_690_634_712_263_004_132);
}
