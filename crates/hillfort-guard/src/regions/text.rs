//! One line of a text in the shape of iptoasn.com. Knows nothing of other lines.

use super::{Country, Place, Range, RegionsError};

/// The range of a line; `None` when there is none on it.
pub(super) fn range(line: usize, text: &str) -> Result<Option<Range>, RegionsError> {
    if text.is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    let mut columns = text.split('\t');
    let mut column = || columns.next().ok_or(RegionsError::Columns { line });
    let (start, end, asn, country) = (column()?, column()?, column()?, column()?);
    let address = |text: &str, column| text.parse().map_err(|_| RegionsError::Address { line, column });
    let (start, end) = (address(start, "start")?, address(end, "end")?);
    let asn = asn.parse().map_err(|_| RegionsError::Asn { line })?;
    let country = match *country.as_bytes() {
        // What is not routed has the word None.
        [] | [b'N', b'o', b'n', b'e'] => Country::UNKNOWN,
        [first, second] => Country::new([first, second]).ok_or(RegionsError::Country { line })?,
        _ => return Err(RegionsError::Country { line }),
    };
    Ok(Some(Range { start, end, place: Place { asn, country } }))
}
