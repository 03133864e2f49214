//! Numbers and byte strings as recordings and saved states write them: LEB128 and lengths. Reading is total: any bytes give a value or
//! [`Damaged`]. Knows nothing of what they mean.

/// The bytes are not what was written, or not all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("damaged or cut off")]
pub struct Damaged;

/// Appends a number in 1 to 10 bytes.
pub(crate) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends a length and the bytes.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// What is left to read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], Damaged> {
        let (head, rest) = self.0.split_at_checked(len).ok_or(Damaged)?;
        self.0 = rest;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Damaged> {
        let (head, rest) = self.0.split_first_chunk().ok_or(Damaged)?;
        self.0 = rest;
        Ok(*head)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Damaged> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    /// Refuses what is above `max`.
    pub(crate) fn number(&mut self, max: u64) -> Result<u64, Damaged> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if part << shift >> shift != part {
                return Err(Damaged);
            }
            number |= part << shift;
            if byte < 0x80 {
                return if number <= max { Ok(number) } else { Err(Damaged) };
            }
        }
        Err(Damaged)
    }

    /// Refuses lengths above `max`.
    pub(crate) fn bytes(&mut self, max: usize) -> Result<&'a [u8], Damaged> {
        let len = self.number(max as u64)?;
        self.take(len as usize)
    }

    pub(crate) fn text(&mut self, max: usize) -> Result<&'a str, Damaged> {
        std::str::from_utf8(self.bytes(max)?).map_err(|_| Damaged)
    }

    pub(crate) fn flag(&mut self) -> Result<bool, Damaged> {
        Ok(self.number(1)? == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_bounds_hold() {
        for number in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut out = Vec::new();
            put_number(&mut out, number);
            let mut read = Reader(&out);
            assert_eq!(read.number(u64::MAX), Ok(number));
            assert!(read.is_empty());
            assert_eq!(Reader(&out[..out.len() - 1]).number(u64::MAX), Err(Damaged));
            if number > 0 {
                assert_eq!(Reader(&out).number(number - 1), Err(Damaged));
            }
        }
        assert_eq!(Reader(&[0xff; 11]).number(u64::MAX), Err(Damaged), "too long");
        assert_eq!(Reader(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]).number(u64::MAX), Err(Damaged));
        assert_eq!(Reader(&[3, 1, 2]).bytes(9), Err(Damaged));
        assert_eq!(Reader(&[1, 0xff]).text(9), Err(Damaged));
    }
}
