//! The file of a recording: magic, version, header, segments, each with its length and checksum, compressed. Reading is total: any bytes
//! give a recording or an error, and need no more memory than their number allows. Knows nothing of disks.

use std::sync::Arc;

use hillfort_proto::limits::GAME_BYTES_MAX;
use xxhash_rust::xxh3::xxh3_64;

use super::{End, Keyframe, Origin, Recording, Segment};
use crate::fault::{FAULT_BYTES_MAX, FaultKind};
use crate::state::CellState;
use crate::wire::{Damaged, Reader, put_bytes, put_number};

/// Largest file that is read, and most bytes that it unfolds to.
pub const FILE_BYTES_MAX: usize = 256 * 1024 * 1024;

const MAGIC: [u8; 8] = *b"HILLREC\n";
const VERSION: u16 = 1;
const SEGMENTS_MAX: u64 = 4096;
const TEXT_BYTES_MAX: usize = 256;
/// LZ4 makes no more than so many bytes of one.
const UNFOLD_MAX: usize = 255;

/// Why a file is no recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It does not begin like one.
    #[error("this is no recording of a room")]
    Magic,
    /// It was written by a version that writes differently.
    #[error("written in version {0} of the format; this program reads version {VERSION}")]
    Version(u16),
    /// Larger than [`FILE_BYTES_MAX`], or unfolding to more.
    #[error("larger than {FILE_BYTES_MAX} bytes")]
    TooLarge,
    /// A checksum is wrong, something is cut off, or it says what no recorder writes.
    #[error("the recording is damaged or cut off")]
    Damaged,
}

impl From<Damaged> for ReadError {
    fn from(_: Damaged) -> Self {
        Self::Damaged
    }
}

impl Recording {
    /// The file.
    #[must_use]
    pub fn to_file(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        let mut block = Vec::new();
        self.write_header(&mut block);
        put_block(&mut out, &block);
        for segment in &self.segments {
            block.clear();
            write_segment(segment, &mut block);
            put_block(&mut out, &block);
        }
        out
    }

    /// Reads a file, and all its calls.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn from_file(bytes: &[u8]) -> Result<Self, ReadError> {
        if bytes.len() > FILE_BYTES_MAX {
            return Err(ReadError::TooLarge);
        }
        let mut read = Reader(bytes);
        if read.array() != Ok(MAGIC) {
            return Err(ReadError::Magic);
        }
        let version = u16::from_le_bytes(read.array()?);
        if version != VERSION {
            return Err(ReadError::Version(version));
        }
        let mut unfolded = 0;
        let header = take_block(&mut read, &mut unfolded)?;
        let (mut recording, segments) = Self::read_header(&header)?;
        for number in 0..segments {
            let block = take_block(&mut read, &mut unfolded)?;
            let segment = read_segment(&block)?;
            let follows = recording.segments.last().is_none_or(|last| last.last_tick() == segment.first_tick);
            if !follows || (number > 0 && segment.keyframe.is_none()) {
                return Err(ReadError::Damaged);
            }
            recording.segments.push(Arc::new(segment));
        }
        if read.is_empty() && segments > 0 { Ok(recording) } else { Err(ReadError::Damaged) }
    }

    fn write_header(&self, out: &mut Vec<u8>) {
        put_bytes(out, self.origin.game.as_bytes());
        put_bytes(out, self.origin.rules.as_bytes());
        put_number(out, self.origin.room);
        put_number(out, self.origin.made_unix_ms);
        out.extend_from_slice(&self.origin.seed.to_le_bytes());
        put_bytes(out, &self.origin.params);
        put_number(out, self.ticks);
        put_number(out, self.stopped_at.map_or(0, |tick| tick + 1));
        match &self.end {
            End::Open => put_number(out, 0),
            End::Closed => put_number(out, 1),
            End::Fault { callback, kind, message } => {
                let kind = match kind {
                    FaultKind::Crashed => 2,
                    FaultKind::Budget => 3,
                    FaultKind::Memory => 4,
                };
                put_number(out, kind);
                put_bytes(out, callback.as_bytes());
                put_bytes(out, message.as_bytes());
            }
        }
        put_number(out, self.segments.len() as u64);
    }

    fn read_header(bytes: &[u8]) -> Result<(Self, u64), Damaged> {
        let mut read = Reader(bytes);
        let origin = Origin {
            game: read.text(GAME_BYTES_MAX)?.into(),
            rules: read.text(TEXT_BYTES_MAX)?.into(),
            room: read.number(u64::MAX)?,
            made_unix_ms: read.number(u64::MAX)?,
            seed: u64::from_le_bytes(read.array()?),
            params: read.bytes(bytes.len())?.into(),
        };
        let (ticks, stopped_at) = (read.number(u64::MAX)?, read.number(u64::MAX)?.checked_sub(1));
        let kind = read.number(4)?;
        let mut fault = |kind| -> Result<End, Damaged> {
            Ok(End::Fault { kind, callback: read.text(TEXT_BYTES_MAX)?.into(), message: read.text(FAULT_BYTES_MAX)?.into() })
        };
        let end = match kind {
            0 => End::Open,
            1 => End::Closed,
            2 => fault(FaultKind::Crashed)?,
            3 => fault(FaultKind::Budget)?,
            _ => fault(FaultKind::Memory)?,
        };
        let segments = read.number(SEGMENTS_MAX)?;
        if !read.is_empty() {
            return Err(Damaged);
        }
        Ok((Self { origin, end, ticks, stopped_at, segments: Vec::new() }, segments))
    }
}

fn write_segment(segment: &Segment, out: &mut Vec<u8>) {
    put_number(out, segment.first_tick);
    out.extend_from_slice(&segment.chain.to_le_bytes());
    put_number(out, u64::from(segment.keyframe.is_some()));
    if let Some(keyframe) = &segment.keyframe {
        put_bytes(out, &keyframe.room);
        put_bytes(out, &keyframe.cell);
    }
    out.extend_from_slice(&segment.calls);
}

fn read_segment(bytes: &[u8]) -> Result<Segment, Damaged> {
    let mut read = Reader(bytes);
    let (first_tick, chain) = (read.number(u64::MAX >> 1)?, u64::from_le_bytes(read.array()?));
    let keyframe = if read.flag()? {
        let keyframe = Keyframe { room: read.bytes(bytes.len())?.to_vec(), cell: read.bytes(bytes.len())?.to_vec() };
        if CellState::read(&keyframe.cell)?.tick != first_tick {
            return Err(Damaged);
        }
        Some(keyframe)
    } else if first_tick > 0 {
        return Err(Damaged);
    } else {
        None
    };
    let segment = Segment { first_tick, chain, keyframe, calls: read.0.to_vec() };
    segment.calls().try_for_each(|call| call.map(drop))?;
    Ok(segment)
}

/// Stored length, unfolded length, checksum of what is stored, and that: compressed when that is shorter.
fn put_block(out: &mut Vec<u8>, block: &[u8]) {
    let folded = lz4_flex::block::compress(block);
    let stored = if folded.len() < block.len() { &folded } else { block };
    out.extend_from_slice(&u32::try_from(stored.len()).expect("segments are below 4 GiB").to_le_bytes());
    out.extend_from_slice(&u32::try_from(block.len()).expect("segments are below 4 GiB").to_le_bytes());
    out.extend_from_slice(&xxh3_64(stored).to_le_bytes());
    out.extend_from_slice(stored);
}

fn take_block(read: &mut Reader<'_>, unfolded: &mut usize) -> Result<Vec<u8>, ReadError> {
    let (stored, len) = (u32::from_le_bytes(read.array()?) as usize, u32::from_le_bytes(read.array()?) as usize);
    let sum = u64::from_le_bytes(read.array()?);
    let stored = read.take(stored)?;
    if xxh3_64(stored) != sum || len < stored.len() || len > stored.len().saturating_mul(UNFOLD_MAX) {
        return Err(ReadError::Damaged);
    }
    *unfolded += len;
    if *unfolded > FILE_BYTES_MAX {
        return Err(ReadError::TooLarge);
    }
    if len == stored.len() {
        return Ok(stored.to_vec());
    }
    let mut block = vec![0; len];
    let written = lz4_flex::block::decompress_into(stored, &mut block).map_err(|_| ReadError::Damaged)?;
    if written == len { Ok(block) } else { Err(ReadError::Damaged) }
}
