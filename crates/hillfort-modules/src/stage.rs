//! What a match's dispatcher does while one of its callbacks runs: players by place, outputs in order, broadcasts that were put off. Owns their bounds.

use std::collections::VecDeque;

use hillfort_script::HostError;
use hillfort_script::modules::Arguments;

use crate::id::{Id, id_from_text};
use crate::matches::{Broadcast, DEFERRED_MAX, LABEL_BYTES_MAX, MatchOutput, OUTPUTS_MAX, Presence};

/// Bytes of data in one broadcast.
const DATA_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of data in broadcasts that nobody has taken yet.
const OUTPUT_BYTES_MAX: usize = 16 * 1024 * 1024;

#[derive(Debug, Default)]
pub(crate) struct Stage {
    /// Players by place; places of those who left are used again.
    presences: Vec<Option<Presence>>,
    pub(crate) outputs: VecDeque<MatchOutput>,
    deferred: Vec<Broadcast>,
    /// Of what was broadcast or put off, and not taken.
    bytes: usize,
    pub(crate) label: String,
}

impl Stage {
    /// A place for a player who has none.
    pub(crate) fn place(&mut self, presence: &Presence) -> usize {
        let place = self.presences.iter().position(Option::is_none).unwrap_or(self.presences.len());
        if place == self.presences.len() {
            self.presences.push(None);
        }
        self.presences[place] = Some(presence.clone());
        place
    }

    /// Gives a place back; says whose it was.
    pub(crate) fn forget(&mut self, place: usize) -> Option<Id> {
        self.presences.get_mut(place)?.take().map(|presence| presence.session_id)
    }

    /// Sends what was put off, at the end of a tick.
    pub(crate) fn flush(&mut self) {
        self.outputs.extend(self.deferred.drain(..).map(MatchOutput::Broadcast));
    }

    /// Whose a place is. Scripts count from 1.
    fn presence(&self, place: i64) -> Option<&Presence> {
        self.presences.get(usize::try_from(place.checked_sub(1)?).ok()?)?.as_ref()
    }

    fn sessions(&self, arguments: &Arguments, place: usize) -> Result<Option<Vec<Id>>, HostError> {
        if arguments.is_nil(place) {
            return Ok(None);
        }
        arguments.integers(place).map(|places| {
            let presences = places.into_iter().filter_map(|place| self.presence(place));
            Some(presences.map(|presence| presence.session_id).collect())
        })
    }

    /// The next output.
    pub(crate) fn take(&mut self) -> Option<MatchOutput> {
        let output = self.outputs.pop_front()?;
        if let MatchOutput::Broadcast(broadcast) = &output {
            self.bytes -= broadcast.data.len();
        }
        Some(output)
    }

    fn put(&mut self, output: MatchOutput) -> Result<(), HostError> {
        if self.outputs.len() >= OUTPUTS_MAX {
            return Err(HostError(format!("more than {OUTPUTS_MAX} broadcasts in one callback")));
        }
        self.outputs.push_back(output);
        Ok(())
    }

    /// `broadcast(deferred, op_code, data, reliable, places, sender place)`, or with the sender's three texts.
    pub(crate) fn broadcast(&mut self, arguments: &Arguments) -> Result<usize, HostError> {
        let wrong = |place: usize, what: &str| Arguments::wrong(place, what);
        let op_code = arguments.integer(2).map_err(|_| wrong(1, "number expected"))?;
        let data = if arguments.is_nil(3) {
            Vec::new()
        } else {
            arguments.bytes(3).map_err(|_| wrong(2, "expects data to be a string or nil"))?
        };
        if data.len() > DATA_BYTES_MAX {
            return Err(wrong(2, &format!("expects at most {DATA_BYTES_MAX} bytes")));
        }
        let reliable = arguments.flag_or(4, true).map_err(|_| wrong(5, "boolean expected"))?;
        let to = self.sessions(arguments, 5)?;
        let sender = match arguments.len() {
            8.. => Some(sender(arguments)?),
            _ if arguments.is_nil(6) => None,
            _ => self.presence(arguments.integer(6)?).cloned(),
        };
        let bytes = data.len();
        if self.bytes + bytes > OUTPUT_BYTES_MAX {
            return Err(HostError(format!("more than {OUTPUT_BYTES_MAX} bytes of broadcasts at a time")));
        }
        let broadcast = Broadcast { op_code, data, to, sender, reliable };
        if !arguments.flag_or(1, false)? {
            self.put(MatchOutput::Broadcast(broadcast))?;
        } else if self.deferred.len() >= DEFERRED_MAX {
            return Err(HostError(format!("error deferring message broadcast: more than {DEFERRED_MAX} in one tick")));
        } else {
            self.deferred.push(broadcast);
        }
        self.bytes += bytes;
        Ok(bytes)
    }

    pub(crate) fn kick(&mut self, arguments: &Arguments) -> Result<(), HostError> {
        let sessions = self.sessions(arguments, 1)?.unwrap_or_default();
        if sessions.is_empty() { Ok(()) } else { self.put(MatchOutput::Kick(sessions)) }
    }

    pub(crate) fn label(&mut self, arguments: &Arguments) -> Result<(), HostError> {
        let label = arguments.optional_text(1)?.unwrap_or_default();
        check_label(&label).map_err(|error| HostError(format!("error updating match label: {error}")))?;
        self.label.clone_from(&label);
        self.put(MatchOutput::Label(label))
    }
}

/// What is wrong with a label.
pub(crate) fn check_label(label: &str) -> Result<(), String> {
    if label.len() > LABEL_BYTES_MAX {
        return Err(format!("match label too long, must be 0-{LABEL_BYTES_MAX} bytes"));
    }
    Ok(())
}

/// A sender that is not in the match.
fn sender(arguments: &Arguments) -> Result<Presence, HostError> {
    let wrong = || Arguments::wrong(4, "expects presence to have a valid user_id, session_id, and username");
    let id = |place: usize| arguments.bytes(place).ok().and_then(|text| id_from_text(&text)).ok_or_else(wrong);
    let username = arguments.text(8).ok().filter(|name| !name.is_empty()).ok_or_else(wrong)?;
    Ok(Presence { user_id: id(6)?, session_id: id(7)?, username: username.into(), node: "".into() })
}
