//! Targets of what an operator gives the replay: files of recordings, and the states in them.

use hillfort_world::{CellState, Recording};
use xxhash_rust::xxh3::xxh3_64;

/// A file: any bytes give a recording or an error, and a recording is written and read back as it was. The bytes are read once as they
/// are, once as a header and a segment (the first two bytes say how long the header is) with checksums that fit, once as a state.
pub fn recording(data: &[u8]) {
    read(data);
    if let Some((len, rest)) = data.split_first_chunk() {
        let header = rest.len().min(usize::from(u16::from_le_bytes(*len)));
        let (header, segment) = rest.split_at(header);
        let mut file = b"HILLREC\n\x01\0".to_vec();
        for block in [header, segment] {
            let len = (block.len() as u32).to_le_bytes();
            file.extend([len, len].concat());
            file.extend(xxh3_64(block).to_le_bytes());
            file.extend(block);
        }
        read(&file);
    }
    if let Ok(state) = CellState::read(data) {
        let mut again = Vec::new();
        state.write(&mut again);
        assert_eq!(CellState::read(&again), Ok(state));
    }
}

fn read(file: &[u8]) {
    let Ok(recording) = Recording::from_file(file) else { return };
    assert_eq!(Recording::from_file(&recording.to_file()), Ok(recording));
}
