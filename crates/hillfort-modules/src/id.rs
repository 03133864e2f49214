//! Ids of users, sessions and matches as text. Owns the one form that is written and the forms that are read.

/// A UUID.
pub type Id = [u8; 16];

/// The usual 36 characters, in lower case.
#[must_use]
pub fn id_to_text(id: &Id) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(36);
    for (at, byte) in id.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// Reads 36 characters with hyphens, or 32 hexadecimal digits; upper and lower case.
#[must_use]
pub fn id_from_text(text: &[u8]) -> Option<Id> {
    let hyphens_stand = match text.len() {
        32 => true,
        36 => [8, 13, 18, 23].iter().all(|at| text[*at] == b'-'),
        _ => false,
    };
    if !hyphens_stand {
        return None;
    }
    let long = text.len() == 36;
    let mut digits = text.iter().enumerate().filter(|(at, _)| !(long && matches!(at, 8 | 13 | 18 | 23)));
    let mut next =
        || digits.next().and_then(|(_, digit)| char::from(*digit).to_digit(16)).and_then(|digit| u8::try_from(digit).ok());
    let mut id = [0; 16];
    for byte in &mut id {
        *byte = next()? << 4 | next()?;
    }
    Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_they_are_written() {
        let id: Id = std::array::from_fn(|at| (at * 17) as u8);
        let text = id_to_text(&id);
        assert_eq!(text, "00112233-4455-6677-8899-aabbccddeeff");
        assert_eq!(id_from_text(text.as_bytes()), Some(id));
        assert_eq!(id_from_text(text.to_uppercase().as_bytes()), Some(id));
        assert_eq!(id_from_text(text.replace('-', "").as_bytes()), Some(id));
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in [
            "",
            "x",
            "00112233-4455-6677-8899-aabbccddeef",
            "00112233-4455-6677-8899-aabbccddeegg",
            "0011223344-55-6677-8899-aabbccddeeff",
        ] {
            assert_eq!(id_from_text(text.as_bytes()), None, "{text}");
        }
        assert_eq!(id_from_text(&[b'-'; 36]), None);
        assert_eq!(id_from_text(&[0xff; 32]), None);
    }
}
