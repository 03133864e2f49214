//! Hilltop's map and entities, read into plain values. Total: bytes that are no map give `None`.

use hillfort_sync::Mirror;

/// One of the two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Team {
    Amber,
    Teal,
}

/// A place on the map, in units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Place {
    pub(crate) x: f32,
    pub(crate) y: f32,
}

/// What does not change in a room.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Map {
    pub(crate) own_slot: u8,
    pub(crate) hills: Vec<HillPlace>,
    pub(crate) bases: [Place; 2],
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct HillPlace {
    pub(crate) at: Place,
    pub(crate) radius: f32,
}

/// What a tick says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct State {
    pub(crate) intermission: bool,
    pub(crate) hills: Vec<Hill>,
    pub(crate) players: Vec<Player>,
    pub(crate) squads: Vec<Squad>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hill {
    pub(crate) contested: bool,
    pub(crate) holder: Option<Team>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Player {
    pub(crate) slot: u8,
    pub(crate) team: Team,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Squad {
    pub(crate) slot: u8,
    /// 0 to 2 within its player.
    pub(crate) index: u8,
    pub(crate) at: Place,
    pub(crate) strength: u8,
    pub(crate) moving: bool,
    pub(crate) down: bool,
}

impl Team {
    /// From its number; every other is nobody's.
    fn of(number: f32) -> Option<Self> {
        match number as u8 {
            0 => Some(Self::Amber),
            1 => Some(Self::Teal),
            _ => None,
        }
    }

    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Amber => 0,
            Self::Teal => 1,
        }
    }
}

impl Place {
    pub(crate) fn distance(self, other: Self) -> f32 {
        (self.x - other.x).hypot(self.y - other.y)
    }
}

impl Map {
    /// Reads the data of event 1.
    pub(crate) fn read(data: &[u8]) -> Option<Self> {
        let mut from = Bytes(data);
        let own_slot = from.u8()?;
        from.skip(8)?;
        let mut hills = vec![];
        for _ in 0..from.u8()? {
            hills.push(HillPlace { at: from.place()?, radius: f32::from(from.u8()?) });
            let name_bytes = from.u8()?;
            from.skip(usize::from(name_bytes))?;
        }
        Some(Self { own_slot, hills, bases: [from.place()?, from.place()?] })
    }
}

impl State {
    /// What is seen of the room; `None` before the first packet.
    pub(crate) fn read(mirror: &Mirror) -> Option<Self> {
        let mut hills = vec![];
        let mut state = Self { intermission: false, hills: vec![], players: vec![], squads: vec![] };
        let mut is_there = false;
        for seen in mirror.seen() {
            let schema = mirror.schema();
            let get = |name| schema.field(seen.kind(), name).and_then(|field| seen.value(field)).unwrap_or_default();
            match schema.kinds()[usize::from(seen.kind())].name.as_str() {
                "round" => {
                    is_there = true;
                    state.intermission = get("phase") != 0.0;
                }
                "hill" => {
                    let holder = Team::of(get("holder"));
                    hills.push((get("number") as u8, Hill { contested: get("contested") != 0.0, holder }));
                }
                "player" => {
                    let team = Team::of(get("team")).unwrap_or(Team::Amber);
                    state.players.push(Player { slot: get("slot") as u8, team });
                }
                _ => {
                    let number = get("number") as u8;
                    state.squads.push(Squad {
                        slot: number / 3,
                        index: number % 3,
                        at: Place { x: get("x"), y: get("y") },
                        strength: get("strength") as u8,
                        moving: get("moving") != 0.0,
                        down: get("down") != 0.0,
                    });
                }
            }
        }
        hills.sort_by_key(|(number, _)| *number);
        state.hills.extend(hills.into_iter().map(|(_, hill)| hill));
        is_there.then_some(state)
    }

    /// Side of the player in `slot`.
    pub(crate) fn team(&self, slot: u8) -> Option<Team> {
        self.players.iter().find(|player| player.slot == slot).map(|player| player.team)
    }
}

struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn skip(&mut self, count: usize) -> Option<()> {
        self.0 = self.0.get(count..)?;
        Some(())
    }

    fn u8(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn place(&mut self) -> Option<Place> {
        let (bytes, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        let [xl, xh, yl, yh] = *bytes;
        let units = |low, high| f32::from(u16::from_le_bytes([low, high])) / 256.0;
        Some(Place { x: units(xl, xh), y: units(yl, yh) })
    }
}

#[cfg(test)]
pub(super) mod tests;
