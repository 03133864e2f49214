//! What `on_save` may return, and what `on_restore` gets.

use super::*;

const TABLES: &str = "
    local state = { round = 1, name = 'den', at = { 1, 2.5, -3 }, flags = { on = true }, map = buffer.fromstring('xyz') }
    function on_message(ctx, player, op, data) state.at[op] = buffer.len(data) end
    function on_tick(ctx) state.round += 1 end
    function on_save(ctx) return state end
    function on_restore(ctx, saved) state = saved end
    function on_signal(ctx) return `{state.round} {state.name} {table.concat(state.at, ',')} {state.flags.on} {buffer.tostring(state.map)}` end
";

impl Rig {
    fn saved(&mut self) -> Result<Vec<u8>, RoomFault> {
        let mut out = Vec::new();
        self.cell.on_save(&mut out, &mut self.out).map(|_| out)
    }

    fn said(&mut self) -> String {
        let mut reply = Vec::new();
        self.cell.on_signal(b"", &mut reply, &mut self.out).expect("no fault");
        String::from_utf8(reply).expect("text")
    }
}

#[test]
fn a_table_is_kept_and_comes_back() {
    let mut first = Rig::new(TABLES);
    let seat = first.join("ann");
    first.cell.push_input(seat, 2, &[0; 9]);
    first.tick();
    let saved = first.saved().expect("fits");
    assert_eq!(first.said(), "2 den 1,9,-3 true xyz");
    let mut second = Rig::new(TABLES);
    assert_eq!(second.cell.on_restore(&saved, &mut second.out), Ok(Stored::Done));
    assert_eq!(second.said(), "2 den 1,9,-3 true xyz");
    second.tick();
    assert_eq!(second.said(), "3 den 1,9,-3 true xyz", "it is the script's own");
    assert_eq!(first.saved(), Ok(saved), "the same state is the same bytes");
}

#[test]
fn what_cannot_be_kept_ends_the_room_with_a_reason() {
    #[track_caller]
    fn check(returned: &str, expect: &str) {
        let source = format!("function on_tick() end function on_save() {returned} end function on_restore() end");
        let fault = Rig::new(&source).saved().expect_err("a fault");
        assert!(fault.message().contains(expect), "{fault}");
    }
    check("return print", "on_save: must return a table, a buffer or a string");
    check("return", "on_save: must return a table, a buffer or a string");
    check("return { print }", "on_save: a function cannot be kept");
    check("local t = {} t[1] = t return t", "one is in itself");
    check("return { string.rep('x', 1048576) }", "more than 1048576 bytes");
    check("return '\\0tree\\1' .. 'x'", "must not begin like a table");
}

#[test]
fn damaged_states_and_large_ones_end_only_their_room() {
    let mut rig = Rig::new(TABLES);
    let saved = rig.saved().expect("fits");
    let mut other = Rig::new(TABLES);
    let fault = other.cell.on_restore(&saved[..saved.len() - 1], &mut other.out).expect_err("cut off");
    assert!(fault.message().contains("no tree of values"), "{fault}");
    // Many small tables take far more memory than bytes, and still within what a call may add.
    let mut table = TREE_MAGIC.to_vec();
    table.push(5);
    table.extend(8_000_u32.to_le_bytes());
    for n in 0..8_000 {
        table.push(2);
        table.extend(f64::from(n).to_le_bytes());
        table.extend([5, 0, 0, 0, 0]);
    }
    let mut bomb = Rig::new(TABLES);
    let result = bomb.cell.on_restore(&table, &mut bomb.out);
    assert!(result.is_ok_and(|stored| stored == Stored::Done));
}
