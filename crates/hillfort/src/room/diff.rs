//! Where two recordings begin to differ: in what was done to the rooms, or in what they put out. Knows nothing of rules.

use std::io::Write;

use hillfort_world::{Call, Recording};

use crate::exit::Exit;

pub(super) fn show(a: &Recording, b: &Recording, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let (one, other) = (&a.origin, &b.origin);
    if one.game != other.game {
        writeln!(out, "games differ: {} and {}", one.game, other.game)?;
        return Ok(Exit::Differs);
    }
    let mut same = true;
    let mut compare = |what: &str, a: String, b: String| {
        same &= a == b;
        if a == b { Ok(()) } else { writeln!(out, "{what} differ: {a} and {b}") }
    };
    compare("rules", one.rules.to_string(), other.rules.to_string())?;
    compare("seeds", format!("{:016x}", one.seed), format!("{:016x}", other.seed))?;
    compare("parameters", format!("{:02x?}", one.params), format!("{:02x?}", other.params))?;
    // What only one of them has kept cannot be compared.
    let first = |recording: &Recording| recording.segments.first().map_or(0, |segment| segment.first_tick);
    let from = first(a).max(first(b));
    let (mut calls, mut others) = (Calls::of(a, from), Calls::of(b, from));
    loop {
        match (calls.next(), others.next()) {
            (None, None) if a.end == b.end => {
                writeln!(out, "from tick {from} on the calls and what the rooms put out are the same")?;
                return Ok(if same { Exit::Ok } else { Exit::Differs });
            }
            (None, None) => writeln!(out, "the ends differ: {:?} and {:?}", a.end, b.end)?,
            (Some(one), Some(other)) if one == other => continue,
            (Some((tick, Call::Mark(_))), Some((at, Call::Mark(_)))) if tick == at => {
                writeln!(out, "tick {tick}: after the same calls the rooms put out something else")?;
            }
            (one, other) => {
                let tick = [&one, &other].into_iter().flatten().map(|(tick, _)| *tick).min().unwrap_or(from);
                let text = |side: Option<(u64, Call<'_>)>| {
                    side.map_or_else(|| "nothing more".to_owned(), |(tick, call)| format!("{call:?} after tick {tick}"))
                };
                writeln!(out, "tick {tick}: {} and {}", text(one), text(other))?;
            }
        }
        return Ok(Exit::Differs);
    }
}

/// Calls with the tick before them; ticks and saved states are no difference of their own.
struct Calls<'a>(Box<dyn Iterator<Item = (u64, Call<'a>)> + 'a>);

impl<'a> Calls<'a> {
    fn of(recording: &'a Recording, from: u64) -> Self {
        let calls = recording.segments.iter().flat_map(|segment| {
            segment.calls().map_while(Result::ok).scan(segment.first_tick, |tick, call| {
                let before = *tick;
                *tick = call.tick_after(before);
                Some((before, call))
            })
        });
        Self(Box::new(calls.filter(move |(tick, call)| *tick >= from && !matches!(call, Call::Ticks(_) | Call::Save))))
    }

    fn next(&mut self) -> Option<(u64, Call<'a>)> {
        self.0.next()
    }
}
