//! TLS fingerprints as people write them. Knows nothing of how they are made.

/// A JA4: `t13d1516h2_8daaf6152771_e5627efa2ab1`.
pub(crate) fn ja4(text: &str) -> Option<[u8; 36]> {
    let bytes: [u8; 36] = text.as_bytes().try_into().ok()?;
    let is_good = |at: usize, byte: u8| match at {
        10 | 23 => byte == b'_',
        0..10 => byte.is_ascii_alphanumeric(),
        _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
    };
    bytes.iter().enumerate().all(|(at, &byte)| is_good(at, byte)).then_some(bytes)
}

/// A JA3: the 32 hexadecimal digits of an MD5.
pub(crate) fn ja3(text: &str) -> Option<[u8; 16]> {
    if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u128::from_str_radix(text, 16).ok().map(u128::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_fingerprints_are_taken() {
        for (text, good) in [
            ("t13d1516h2_8daaf6152771_e5627efa2ab1", true),
            ("t13i190800_9dc949149365_97f8aa674fd9", true),
            ("t13d1516h2_8daaf6152771_e5627efa2ab", false),
            ("t13d1516h2-8daaf6152771-e5627efa2ab1", false),
            ("t13d1516h2_8DAAF6152771_e5627efa2ab1", false),
            ("t13d1516h2_8daaf6152771_e5627efa2abg", false),
            ("", false),
        ] {
            assert_eq!(ja4(text).is_some(), good, "{text}");
        }
        assert_eq!(ja3("e7d705a3286e19ea42f587b344ee6865").map(|ja3| ja3[..2].to_vec()), Some(vec![0xe7, 0xd7]));
        assert_eq!(ja3("00000000000000000000000000000001").map(|ja3| ja3[15]), Some(1));
        for text in
            ["", "e7d705a3286e19ea42f587b344ee686", "+7d705a3286e19ea42f587b344ee6865", "g7d705a3286e19ea42f587b344ee6865"]
        {
            assert_eq!(ja3(text), None, "{text}");
        }
    }
}
