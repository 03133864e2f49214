//! What a call into a script costs, and what a room weighs. `cargo bench -p hillfort-script`

use std::time::{Duration, Instant};

use divan::{Bencher, black_box};
use hillfort_script::{Bytes, Entry, Fault, Host, Instance, Limits, Memory, Numbers, Payload, Program, Vm};

const SOURCE: &str = "
local out = buffer.create(64)
function nothing() end
function message(object, player, op, data) buffer.copy(out, 0, data) object.keep(out) end
function host(object) for i = 1, 100 do object.number(i) end end
local turned = 0
function sine() for i = 1, 100 do turned += math.sin(i) end end
function endless() while true do end end
local x, y
function columns(object) x, y = object.column(1000), object.column(1000) end
function step()
    for at = 0, 3996, 4 do
        buffer.writef32(x, at, buffer.readf32(x, at) + 0.5)
        buffer.writef32(y, at, buffer.readf32(y, at) + 0.5)
    end
end
local kept = {}
function leak() for i = 1, 500 do kept[#kept + 1] = { i, i, i, i } end end
";

#[derive(Debug, Default)]
struct Kept(Vec<u8>, Vec<Numbers>);

impl Host for Kept {
    fn random(&mut self) -> u64 {
        4
    }
}

fn main() {
    weigh();
    leak();
    divan::main();
}

fn vm() -> Vm {
    let program = Program::compile("bench.luau", SOURCE).expect("compiles");
    Vm::new(&program, Limits::default(), Kept::default(), |library| {
        library.method_with_memory("column", |host: &mut Kept, memory: &Memory<'_>, count: usize| {
            let numbers = memory.numbers(count)?;
            host.1.push(numbers.clone());
            Ok(numbers)
        })?;
        library.method("number", |_: &mut Kept, number: f64| Ok(number))?;
        library.method("keep", |host: &mut Kept, data: Bytes| {
            host.0.clear();
            data.append_to(&mut host.0);
            Ok(())
        })
    })
    .expect("builds")
}

fn start(name: &str) -> (Vm, Instance, Entry, Payload) {
    let vm = vm();
    let instance = vm.instance().expect("runs");
    let entry = instance.entry(name).expect("defined");
    let inbox = Payload::default();
    (vm, instance, entry, inbox)
}

#[expect(clippy::print_stdout, reason = "a bench prints its figures")]
fn weigh() {
    let vm = vm();
    let before = vm.stats().used_bytes;
    let all: Vec<_> = (0..vm.instances_max()).map(|_| vm.instance().expect("runs")).collect();
    println!("VM {} KiB; one room of this source {} bytes", before / 1024, (vm.stats().used_bytes - before) / all.len());
}

/// The worst case of the look for leaks: a heap of small objects.
#[expect(clippy::print_stdout, reason = "a bench prints its figures")]
#[expect(clippy::disallowed_methods, reason = "a bench has a clock")]
fn leak() {
    let (vm, instance, entry, _) = start("leak");
    let (mut longest, mut calls) = (Duration::ZERO, 0);
    let fault = loop {
        let begun = Instant::now();
        let result = vm.call::<()>(&instance, &entry, ());
        longest = longest.max(begun.elapsed());
        calls += 1;
        if let Err(fault) = result {
            break fault;
        }
    };
    println!("leak of 500 small tables a call: {fault} after {calls} calls, the longest took {longest:?}");
}

#[divan::bench]
fn call(bencher: Bencher<'_, '_>) {
    let (vm, instance, entry, _) = start("nothing");
    bencher.bench_local(|| vm.call::<()>(&instance, &entry, instance.object()));
}

#[divan::bench]
fn message_of_64_bytes_in_and_out(bencher: Bencher<'_, '_>) {
    let (vm, instance, entry, mut inbox) = start("message");
    bencher.bench_local(|| {
        vm.fill(&instance, &mut inbox, black_box(&[7; 64])).expect("small");
        vm.call::<()>(&instance, &entry, (instance.object(), 3, 1, &inbox))
    });
}

#[divan::bench]
fn a_hundred_sines(bencher: Bencher<'_, '_>) {
    let (vm, instance, entry, _) = start("sine");
    bencher.bench_local(|| vm.call::<()>(&instance, &entry, ()).expect("does not fail"));
}

#[divan::bench]
fn a_hundred_host_calls(bencher: Bencher<'_, '_>) {
    let (vm, instance, entry, _) = start("host");
    bencher.bench_local(|| vm.call::<()>(&instance, &entry, instance.object()));
}

#[divan::bench]
fn a_thousand_entities_step_two_columns(bencher: Bencher<'_, '_>) {
    let (vm, instance, columns, _) = start("columns");
    vm.call::<()>(&instance, &columns, instance.object()).expect("columns");
    let step = instance.entry("step").expect("defined");
    bencher.bench_local(|| vm.call::<()>(&instance, &step, ()));
}

#[divan::bench]
fn two_columns_of_a_thousand_copied(bencher: Bencher<'_, '_>) {
    let (vm, instance, columns, _) = start("columns");
    vm.call::<()>(&instance, &columns, instance.object()).expect("columns");
    let numbers = vm.with_host::<Kept, _>(|host| std::mem::take(&mut host.1));
    let mut out = vec![0.0; 1000];
    bencher.bench_local(|| numbers.iter().for_each(|numbers| numbers.copy_to(black_box(&mut out))));
}

#[divan::bench]
fn endless_loop_until_it_is_ended(bencher: Bencher<'_, '_>) {
    bencher.with_inputs(|| start("endless")).bench_local_values(|(vm, instance, entry, _)| {
        assert_eq!(vm.call::<()>(&instance, &entry, ()), Err(Fault::Steps));
        (vm, instance, entry)
    });
}

#[divan::bench(sample_count = 20)]
fn new_room(bencher: Bencher<'_, '_>) {
    let vm = vm();
    bencher.bench_local(|| vm.instance().expect("runs"));
}
