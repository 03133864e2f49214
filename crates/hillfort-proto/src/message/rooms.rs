//! Lines of a list of rooms: their bytes within a Rooms message. Knows nothing of who collects them.

use super::wire::{Fields, Value, bytes_len, each, fixed64_len, put_bytes, put_fixed64, put_message, put_uint, uint_len};
use crate::ids::RoomId;
use crate::reject::Reject;

/// Number of the field that a line is.
const LINE: u8 = 3;

/// One room of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoomLine<'a> {
    /// The room.
    pub room: RoomId,
    /// Empty for a room without a name.
    pub name: &'a str,
    /// The first [`crate::limits::LIST_LABEL_BYTES_MAX`] bytes of its label.
    pub label: &'a str,
    /// Seats that are taken.
    pub seats_taken: u32,
    /// Seats in all.
    pub seats_max: u32,
    /// Ticks a second of game time.
    pub hz: u32,
}

/// The lines of a list, as they are in the payload. Made by [`RoomLine::put`] into a buffer, or read from a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoomLines<'a> {
    encoded: &'a [u8],
}

impl RoomLine<'_> {
    /// Appends the line to those of a list.
    pub fn put(&self, list: &mut Vec<u8>) {
        let numbers = [self.seats_taken, self.seats_max, self.hz].map(u64::from);
        let texts = bytes_len(self.name.as_bytes()) + bytes_len(self.label.as_bytes());
        let length = fixed64_len(self.room.0) + texts + numbers.map(uint_len).iter().sum::<usize>();
        put_message(LINE, length, list);
        put_fixed64(1, self.room.0, list);
        put_bytes(2, self.name.as_bytes(), list);
        put_bytes(3, self.label.as_bytes(), list);
        for (number, value) in (4..).zip(numbers) {
            put_uint(number, value, list);
        }
    }
}

impl<'a> RoomLines<'a> {
    /// Lines that were written by [`RoomLine::put`], one after the other.
    #[must_use]
    pub const fn new(encoded: &'a [u8]) -> Self {
        Self { encoded }
    }

    /// The lines in order.
    pub fn iter(self) -> impl Iterator<Item = RoomLine<'a>> {
        let mut fields = Fields::new(self.encoded);
        // A message that was read has been checked to its end.
        std::iter::from_fn(move || {
            loop {
                match fields.next().ok()?? {
                    (number, Value::Bytes(bytes)) if number == u32::from(LINE) => return read_line(bytes).ok(),
                    _ => {}
                }
            }
        })
    }

    pub(super) const fn encoded(self) -> &'a [u8] {
        self.encoded
    }
}

/// Fields of Rooms. The lines are what follows the first of them: other fields in between are skipped again when they are looked at.
pub(super) fn read_rooms(bytes: &[u8]) -> Result<(u32, bool, RoomLines<'_>), Reject> {
    let (mut ask, mut more, mut first) = (0, false, None);
    let mut fields = Fields::new(bytes);
    let mut at = 0;
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => ask = value.uint32()?,
            2 => more = value.uint64()? != 0,
            3 => {
                read_line(value.bytes()?)?;
                first = first.or(Some(at));
            }
            _ => {}
        }
        at = bytes.len() - fields.rest().len();
    }
    Ok((ask, more, RoomLines::new(&bytes[first.unwrap_or(bytes.len())..])))
}

fn read_line(bytes: &[u8]) -> Result<RoomLine<'_>, Reject> {
    let mut line = RoomLine { room: RoomId(0), name: "", label: "", seats_taken: 0, seats_max: 0, hz: 0 };
    each(bytes, |number, value| {
        match number {
            1 => line.room = RoomId(value.fixed64()?),
            2 => line.name = value.text()?,
            3 => line.label = value.text()?,
            4 => line.seats_taken = value.uint32()?,
            5 => line.seats_max = value.uint32()?,
            6 => line.hz = value.uint32()?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(line)
}
