//! What one client sees and what it knows of it: a small number, its *slot*, for each entity in sight. Owns slots, acknowledgements and the
//! client's budget; knows nothing of how packets are written.

use crate::column::View;
use crate::frame::Frame;
use crate::history::HISTORY;
use crate::packet::PACKET_BYTES_MAX;

/// Most entities that one client sees at once; of more, the nearest.
pub const SLOTS_MAX: usize = 1 << SLOT_BITS_MAX;
pub(crate) const SLOT_BITS_MAX: u32 = 14;

/// How packets travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// All arrive, in order: a stream. Differences are from what was sent last. When a packet is not sent after all, [`Viewer::reset`] must be
    /// called.
    Ordered,
    /// Some get lost or overtake each other: datagrams. Differences are from what the client acknowledged by [`Viewer::on_ack`].
    Lossy,
}

/// How far a client sees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interest {
    /// Entities come into sight within this distance of the client's place, and leave it beyond 1.1 times as much. `None`: it sees all.
    pub radius: Option<f32>,
    /// It looks around once in so many ticks, at least 1; clients take turns.
    pub every: u32,
}

/// From where a client looks.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Focus {
    /// From its own entity, the first one that stands somewhere. Without one: from nowhere.
    #[default]
    Owned,
    /// From a fixed place, as spectators do.
    Place([f32; 2]),
}

/// Settings of a client.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ViewerConfig {
    pub delivery: Delivery,
    pub interest: Interest,
    /// Bytes a tick that packets have on average; what is left over is kept for a quarter of a second.
    pub budget: u32,
    /// Longest packet in bytes, 512 to [`crate::PACKET_BYTES_MAX`], brought into these bounds; for datagrams 1,200 or less.
    pub packet: u32,
    /// Ticks a second.
    pub hz: u32,
}

/// One client.
#[derive(Debug)]
pub struct Viewer {
    pub(crate) config: ViewerConfig,
    pub(crate) seat: u16,
    pub(crate) groups: u64,
    pub(crate) team: u8,
    pub(crate) focus: Focus,
    pub(crate) slots: Vec<Slot>,
    free: Vec<u16>,
    /// Slots in these states.
    pub(crate) fresh: usize,
    pub(crate) leaving: usize,
    /// Bits that it may get.
    pub(crate) tokens: i64,
    /// Bits of a change, as it was of late, in 1/16.
    pub(crate) change_bits: u32,
    /// Tick for which a packet was written last, or nothing was to say.
    pub(crate) tick: Option<u32>,
    /// Newest tick that was acknowledged since the last reset.
    pub(crate) base: Option<u32>,
    /// Datagrams: ticks that had a packet since the last reset, bit 0 for [`Viewer::tick`].
    pub(crate) written: u64,
    /// Whether the next packet tells the client to forget all, and the number of that time.
    pub(crate) resetting: bool,
    pub(crate) epoch: u8,
    pub(crate) epoch_tick: Option<u32>,
    /// Population and standings of the frame at which it looked around last, and its tick.
    pub(crate) population: Option<u64>,
    pub(crate) standings: u64,
    pub(crate) looked: u32,
    /// How often ids had come round when it was written last.
    pub(crate) rounds: u64,
}

/// What a client knows of one entity.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    /// Ticks whose packets had something of this slot: bit 0 is that of [`Viewer::tick`].
    pub(crate) sent: u64,
    pub(crate) row: u32,
    /// The client has the numbers of this tick.
    pub(crate) known: u32,
    pub(crate) generation: u16,
    /// Grows while something waits.
    pub(crate) urgency: u16,
    pub(crate) state: State,
    pub(crate) view: View,
    pub(crate) weight: u8,
    /// When a packet last had something else of it than the one before, in ticks modulo 255 and one more; 0: none had anything, and the client
    /// need not be told when it goes.
    pub(crate) told: u8,
}

impl Slot {
    /// The packet of `tick` has something else of it than the one before.
    pub(crate) const fn tell(&mut self, tick: u32) {
        self.told = (tick % 255) as u8 + 1;
    }

    /// Tick of the last packet that had something of it, while that is asked before the one of `tick` has.
    pub(crate) const fn last_sent(&self, tick: u32) -> Option<u32> {
        if self.sent == 0 { None } else { Some(tick.wrapping_sub(self.sent.trailing_zeros())) }
    }

    /// Whether the client may hold something else than it had at `known`: it was told so since, and has not said whether it heard. Once in 255
    /// ticks also what was told long ago seems new, which costs a few bits.
    pub(crate) const fn is_unsettled(&self, tick: u32) -> bool {
        let passed = tick.wrapping_sub(self.known);
        let ago = (tick % 255 + 256 - self.told as u32) % 255;
        let since = match 1_u64.checked_shl(passed) {
            Some(bit) => bit - 1,
            None => u64::MAX,
        };
        self.told != 0 && ago < passed && self.sent & since != 0
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Free,
    /// In sight; the client knows nothing of it yet.
    Fresh,
    /// In sight and known.
    Known,
    /// Out of sight; the client does not know that yet.
    Leaving,
}

impl Viewer {
    /// The client on a seat. `groups`: see [`crate::Scene::set_seen_by`].
    #[must_use]
    pub fn new(seat: u16, mut config: ViewerConfig) -> Self {
        config.packet = config.packet.clamp(512, PACKET_BYTES_MAX as u32);
        Self {
            config,
            seat,
            groups: 1,
            team: 0,
            focus: Focus::Owned,
            slots: Vec::new(),
            free: Vec::new(),
            fresh: 0,
            leaving: 0,
            tokens: 0,
            change_bits: 16 * 24,
            tick: None,
            base: None,
            written: 0,
            resetting: true,
            epoch: 0,
            epoch_tick: None,
            population: None,
            standings: 0,
            looked: 0,
            rounds: 0,
        }
    }

    /// Of which groups the client is, a bit each: it sees entities that are shown to one of them.
    pub fn set_groups(&mut self, groups: u64) {
        if self.groups != groups {
            self.groups = groups;
            self.population = None;
        }
    }

    /// Of which team it is; 0 is none. It gets the fields for the team of all entities of that team.
    pub fn set_team(&mut self, team: u8) {
        if self.team != team {
            self.team = team;
            self.population = None;
        }
    }

    /// Whose owner's fields it gets, instead of those of its own seat.
    pub fn look_as(&mut self, seat: u16) {
        if self.seat != seat {
            self.seat = seat;
            self.population = None;
        }
    }

    /// Of which team it is.
    #[must_use]
    pub const fn team(&self) -> u8 {
        self.team
    }

    /// From where it looks.
    pub const fn set_focus(&mut self, focus: Focus) {
        self.focus = focus;
    }

    /// The client is told to forget all and gets everything anew: after a packet could not be sent, or its connection was made anew.
    pub fn reset(&mut self) {
        self.slots.clear();
        self.free.clear();
        self.fresh = 0;
        self.leaving = 0;
        self.base = None;
        self.written = 0;
        self.resetting = true;
        self.epoch = self.epoch.wrapping_add(1);
        self.epoch_tick = None;
        self.population = None;
    }

    /// The client has the packet of `tick`, and those of the 64 ticks before whose bits are set, the lowest for `tick - 1`.
    ///
    /// Ignored, so that nothing changes: on a stream; a tick without a packet since the last reset, one to come, or one that is [`HISTORY`] ticks old
    /// or older; a tick that is not newer than the newest that was acknowledged. Bits of ticks without a packet count for nothing. Whoever claims packets that it does not have is
    /// sent differences from them, and harms itself alone.
    pub fn on_ack(&mut self, tick: u32, mask: u64) {
        let Some(newest) = self.tick else { return };
        let age = newest.wrapping_sub(tick);
        let was_written = age < HISTORY && self.written >> age & 1 == 1;
        let newer = self.base.is_none_or(|base| tick.wrapping_sub(base).wrapping_sub(1) < u32::MAX / 2);
        if !was_written || !newer {
            return;
        }
        self.base = Some(tick);
        self.resetting = false;
        let received = (mask << 1 | 1) << age;
        for at in 0..self.slots.len() {
            let slot = &mut self.slots[at];
            let arrived = slot.sent & received;
            if arrived == 0 {
                continue;
            }
            match slot.state {
                State::Fresh | State::Known => {
                    self.fresh -= usize::from(slot.state == State::Fresh);
                    slot.state = State::Known;
                    slot.known = newest.wrapping_sub(arrived.trailing_zeros());
                }
                State::Leaving => self.free(at),
                State::Free => {}
            }
        }
    }

    /// Whether the next packet tells the client to forget all.
    #[must_use]
    pub const fn is_resetting(&self) -> bool {
        self.resetting
    }

    /// Whether it is time to look around: clients take turns, but who owns what and who is whose mate counts at once.
    pub(crate) fn looks(&self, frame: &Frame) -> bool {
        let passed = frame.tick.wrapping_sub(self.looked);
        self.population.is_none() || self.standings != frame.standings || passed >= self.config.interest.every.max(1)
    }

    /// Entities in sight.
    #[must_use]
    pub const fn in_sight(&self) -> usize {
        self.slots.len() - self.free.len() - self.leaving
    }

    /// Entities of which it is still to hear that they came, or that they went.
    #[must_use]
    pub const fn waiting(&self) -> usize {
        self.fresh + self.leaving
    }

    /// Bytes that it holds.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        size_of::<Self>() + self.slots.capacity() * size_of::<Slot>() + self.free.capacity() * 2
    }

    /// Gives an entity that came into sight a slot. `false`: there is none.
    pub(crate) fn enter(&mut self, row: u32, generation: u16, view: View, weight: u8, urgency: u16) -> bool {
        let fresh = Slot { sent: 0, row, known: 0, generation, urgency, state: State::Fresh, view, weight, told: 0 };
        match self.free.pop() {
            Some(at) => self.slots[usize::from(at)] = fresh,
            None if self.slots.len() < SLOTS_MAX => self.slots.push(fresh),
            None => return false,
        }
        self.fresh += 1;
        true
    }

    /// An entity went out of sight. One of which the client never heard is forgotten at once.
    pub(crate) fn leave(&mut self, at: usize) {
        let slot = &mut self.slots[at];
        self.fresh -= usize::from(slot.state == State::Fresh);
        if slot.told != 0 {
            slot.state = State::Leaving;
            slot.sent = 0;
            self.leaving += 1;
        } else {
            self.free(at);
        }
    }

    /// The client is to get the entity as if it were new: its view of it is another.
    pub(crate) fn renew(&mut self, at: usize, view: View) {
        let slot = &mut self.slots[at];
        self.fresh += usize::from(slot.state != State::Fresh);
        slot.state = State::Fresh;
        slot.view = view;
        // What is on its way was for the old view.
        slot.sent = 0;
    }

    pub(crate) fn free(&mut self, at: usize) {
        let slot = &mut self.slots[at];
        self.leaving -= usize::from(slot.state == State::Leaving);
        slot.state = State::Free;
        slot.sent = 0;
        self.free.push(at as u16);
    }

    /// Bits of a slot's number.
    pub(crate) fn slot_bits(&self) -> u32 {
        (usize::BITS - self.slots.len().saturating_sub(1).leading_zeros()).max(1)
    }
}
