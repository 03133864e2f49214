//! What a recording says of itself, in text for people. Knows nothing of rules.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use hillfort_world::{Call, CellState, End, FaultKind, Recording};

pub(super) fn show(recording: &Recording, inputs: bool, out: &mut dyn Write) -> anyhow::Result<()> {
    let origin = &recording.origin;
    writeln!(out, "game      {}", origin.game)?;
    writeln!(out, "rules     {}", origin.rules)?;
    writeln!(out, "room      {:016x}, made {} ms after 1970", origin.room, origin.made_unix_ms)?;
    writeln!(out, "seed      {:016x}, {} bytes of parameters", origin.seed, origin.params.len())?;
    writeln!(out, "ticks     {}", recording.ticks)?;
    match &recording.end {
        End::Open => writeln!(out, "end       the room lived on")?,
        End::Closed => writeln!(out, "end       the room ended")?,
        End::Fault { callback, kind, message } => {
            let kind = match kind {
                FaultKind::Crashed => "crashed",
                FaultKind::Budget => "was over its budget",
                FaultKind::Memory => "was over its memory",
            };
            writeln!(out, "end       {callback} {kind}: {message}")?;
        }
    }
    if let Some(tick) = recording.stopped_at {
        writeln!(
            out,
            "stopped   after tick {tick}: the memory for the recording was used up, and the room does not save itself"
        )?;
    }
    let (mut counts, mut players, mut marks) = (BTreeMap::new(), BTreeSet::new(), Vec::new());
    for (number, segment) in recording.segments.iter().enumerate() {
        let from = match &segment.keyframe {
            Some(keyframe) => format!("a state of {} bytes", keyframe.room.len()),
            None => "the room's start".to_owned(),
        };
        let (first, last) = (segment.first_tick, segment.last_tick());
        writeln!(out, "segment   {number}: ticks {first} to {last}, {} bytes, from {from}", segment.len())?;
        let state = segment.keyframe.as_ref().and_then(|keyframe| CellState::read(&keyframe.cell).ok());
        players.extend(state.iter().flat_map(|state| &state.players).map(|player| (player.session, player.name.to_string())));
        let mut tick = first;
        for call in segment.calls() {
            let call = call?;
            *counts.entry(call.kind()).or_insert(0_u64) += if let Call::Ticks(count) = call { count } else { 1 };
            match call {
                Call::Mark(mark) => marks.push((tick, mark)),
                Call::TakeSeat(who) => drop(players.insert((who.session, who.name.to_owned()))),
                _ => {}
            }
            if inputs {
                writeln!(out, "{tick:>9} {call:?}")?;
            }
            tick = call.tick_after(tick);
        }
    }
    for (kind, count) in counts {
        writeln!(out, "{count:>9} {kind}")?;
    }
    for (session, name) in players {
        writeln!(out, "player    {session} {name}")?;
    }
    if let (Some((first, one)), Some((last, other))) = (marks.first(), marks.last()) {
        writeln!(out, "marks     {one:016x} at tick {first} to {other:016x} at tick {last}")?;
    }
    Ok(())
}
