//! The bytes of a MaxMind database as ranges. Knows nothing of files.

use hillfort_guard::{Country, Place, RANGES_MAX, Range, RegionsError};
use maxminddb::{MaxMindDbError, Reader, WithinOptions, path};

/// Why bytes give no ranges.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MaxMindError {
    #[error("not a good MaxMind database: {0}")]
    Bytes(#[from] MaxMindDbError),
    #[error(transparent)]
    Ranges(#[from] RegionsError),
}

/// The ranges of a MaxMind database of autonomous systems or of countries (GeoLite2, DB-IP and others name these fields alike).
pub(crate) fn ranges(bytes: Vec<u8>) -> Result<Vec<Range>, MaxMindError> {
    let reader = Reader::from_source(bytes)?;
    let mut ranges = Vec::new();
    for found in reader.networks(WithinOptions::default().skip_empty_values())? {
        let found = found?;
        let asn = found.decode_path::<u32>(&path!["autonomous_system_number"])?.unwrap_or(0);
        let country = match found.decode_path::<&str>(&path!["country", "iso_code"])? {
            Some(code) => Some(code),
            None => found.decode_path::<&str>(&path!["country_code"])?,
        };
        let country = country.and_then(|code| Country::new(code.as_bytes().try_into().ok()?)).unwrap_or_default();
        let place = Place { asn, country };
        if place == Place::default() {
            continue;
        }
        if ranges.len() == RANGES_MAX {
            return Err(RegionsError::TooMany.into());
        }
        let network = found.network()?;
        ranges.push(Range { start: network.network(), end: network.broadcast(), place });
    }
    Ok(ranges)
}
