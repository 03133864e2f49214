//! The bytes of hilltop's map and state, read into plain values. Total: bytes that are not a state give `None`.

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
    /// Reads the data of a `RoomState`.
    pub(crate) fn read(data: &[u8]) -> Option<Self> {
        let mut from = Bytes(data);
        if from.u8()? != 1 {
            return None;
        }
        let intermission = from.u8()? != 0;
        from.skip(6)?;
        let mut state = Self { intermission, hills: vec![], players: vec![], squads: vec![] };
        for _ in 0..from.u8()? {
            from.skip(1)?;
            let flags = from.u8()?;
            let holder = if flags & 2 != 0 {
                Some(Team::Amber)
            } else if flags & 4 != 0 {
                Some(Team::Teal)
            } else {
                None
            };
            state.hills.push(Hill { contested: flags & 1 != 0, holder });
        }
        for _ in 0..from.u8()? {
            let slot = from.u8()?;
            let team = if from.u8()? & 1 == 0 { Team::Amber } else { Team::Teal };
            from.skip(2)?;
            state.players.push(Player { slot, team });
        }
        for _ in 0..from.u8()? {
            let id = from.u8()?;
            let at = from.place()?;
            from.skip(1)?;
            let (strength, flags) = (from.u8()?, from.u8()?);
            from.skip(1)?;
            state.squads.push(Squad { slot: id / 3, index: id % 3, at, strength, moving: flags & 1 != 0, down: flags & 4 != 0 });
        }
        Some(state)
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
