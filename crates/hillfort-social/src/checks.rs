//! What a client may write into a field. Each check names the field and says what is allowed; the bounds are Nakama's.

use hillfort_api::{ApiError, UserId};

use crate::passwords::PASSWORD_MAX;

/// Longest username, bytes.
pub(crate) const USERNAME_MAX: usize = 128;
/// Shortest password, bytes.
pub(crate) const PASSWORD_MIN: usize = 8;
/// Most ids or objects in one call.
pub(crate) const BATCH_MAX: usize = 1024;
/// Longest variables of a session, keys and values together, bytes.
pub(crate) const VARS_MAX: usize = 2048;

/// An id that a device or a game made: no spaces, no control characters.
pub(crate) fn identity(field: &'static str, what: &str, id: &str, least: usize) -> Result<(), ApiError> {
    if id.is_empty() {
        return Err(ApiError::invalid(field, format!("{what} is required.")));
    }
    if id.chars().any(|char| char.is_whitespace() || is_hidden(char)) {
        return Err(ApiError::invalid(field, format!("{what} invalid, no spaces or control characters allowed.")));
    }
    if !(least..=128).contains(&id.len()) {
        return Err(ApiError::invalid(field, format!("{what} invalid, must be {least}-128 bytes.")));
    }
    Ok(())
}

/// A username of a new account, or a new one.
pub(crate) fn username(username: &str) -> Result<(), ApiError> {
    if username.is_empty() || username.len() > USERNAME_MAX {
        return Err(ApiError::invalid("username", "Username invalid, must be 1-128 bytes."));
    }
    if username.chars().any(is_hidden) || username.trim().is_empty() {
        return Err(ApiError::invalid("username", "Username invalid, no control or invisible characters allowed."));
    }
    Ok(())
}

/// An address to sign in with.
pub(crate) fn email(email: &str) -> Result<(), ApiError> {
    if email.chars().any(|char| char.is_whitespace() || is_hidden(char)) {
        return Err(ApiError::invalid("email", "Invalid email address, no spaces or control characters allowed."));
    }
    let shaped = email.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty()
            && !host.contains('@')
            && host.split_once('.').is_some_and(|(first, rest)| !first.is_empty() && !rest.is_empty())
    });
    if !shaped {
        return Err(ApiError::invalid("email", "Invalid email address format."));
    }
    if !(10..=255).contains(&email.len()) {
        return Err(ApiError::invalid("email", "Invalid email address, must be 10-255 bytes."));
    }
    Ok(())
}

/// A password to sign in with, or a new one.
pub(crate) fn password(password: &str) -> Result<(), ApiError> {
    if password.len() < PASSWORD_MIN {
        return Err(ApiError::invalid("password", "Password must be at least 8 characters long."));
    }
    if password.len() > PASSWORD_MAX {
        return Err(ApiError::invalid("password", format!("Password must be at most {PASSWORD_MAX} bytes long.")));
    }
    Ok(())
}

/// Text of a profile: at most `most` characters.
pub(crate) fn profile(field: &'static str, text: &str, most: usize) -> Result<(), ApiError> {
    if text.len() > most && text.chars().nth(most).is_some() {
        return Err(ApiError::invalid(field, format!("{field} must be at most {most} characters.")));
    }
    if text.chars().any(|char| char.is_control() && char != '\n') {
        return Err(ApiError::invalid(field, format!("{field} must not have control characters.")));
    }
    Ok(())
}

/// A list of a bounded length.
pub(crate) fn batch<T>(field: &'static str, list: &[T], most: usize) -> Result<(), ApiError> {
    if list.len() > most {
        return Err(ApiError::invalid(field, format!("{field} has {} items, at most {most} are allowed.", list.len())));
    }
    Ok(())
}

/// An account's id.
pub(crate) fn user_id(field: &'static str, text: &str) -> Result<UserId, ApiError> {
    UserId::parse(text).ok_or_else(|| ApiError::invalid(field, "Invalid user ID - make sure user ID is a valid UUID."))
}

/// Variables of a session.
pub(crate) fn vars(vars: &std::collections::BTreeMap<String, String>, most: usize) -> Result<(), ApiError> {
    let bytes: usize = vars.iter().map(|(key, value)| key.len() + value.len()).sum();
    if bytes > most {
        return Err(ApiError::invalid("vars", format!("vars has {bytes} bytes, at most {most} are allowed.")));
    }
    Ok(())
}

/// A number within bounds, or the default.
pub(crate) fn limit(given: Option<i32>, default: usize, most: usize) -> Result<usize, ApiError> {
    let Some(given) = given else { return Ok(default) };
    usize::try_from(given)
        .ok()
        .filter(|limit| (1..=most).contains(limit))
        .ok_or_else(|| ApiError::invalid("limit", format!("Invalid limit - limit must be between 1 and {most}.")))
}

/// Characters that are not seen, or turn what is seen around: names must not differ in them alone.
fn is_hidden(char: char) -> bool {
    char.is_control()
        || matches!(
            char,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::{email, identity, password, username};

    #[test]
    fn usernames() {
        for good in ["a", "Ada Lovelace", "вася", "小明", "o'; DROP TABLE users;--", &"x".repeat(128)] {
            assert!(username(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            " ",
            "a\nb",
            "a\0b",
            "a\u{7f}",
            "a\u{85}",
            "a\u{202e}b",
            "a\u{200b}",
            "\u{feff}a",
            "a\tb",
            &"x".repeat(129),
            &"é".repeat(65),
        ] {
            assert_eq!(username(bad).unwrap_err().field, Some("username"), "{bad:?}");
        }
    }

    #[test]
    fn addresses() {
        for good in [
            "ada@example.org",
            "a+b@b.example",
            "ADA@EXAMPLE.ORG",
            "o'neil@example.org",
            &format!("{}@example.org", "a".repeat(243)),
        ] {
            assert!(email(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "a@b.c",
            "ada.example.org",
            "ada@example",
            "@example.org",
            "ada@.example",
            "ada@example.",
            "ada@two@example.org",
            "ada @example.org",
            "ada@example.org\n",
            "ada@exam\0ple.org",
            &format!("{}@example.org", "a".repeat(244)),
        ] {
            assert_eq!(email(bad).unwrap_err().field, Some("email"), "{bad:?}");
        }
    }

    #[test]
    fn ids_and_passwords() {
        assert!(
            identity("id", "Device ID", "0123456789", 10).is_ok() && identity("id", "Device ID", &"x".repeat(128), 10).is_ok()
        );
        for bad in ["", "012345678", "01234 6789", "01234\u{a0}56789", "0123456789\n", &"x".repeat(129)] {
            assert_eq!(identity("id", "Device ID", bad, 10).unwrap_err().field, Some("id"), "{bad:?}");
        }
        assert!(password("12345678").is_ok() && password(&"x".repeat(1024)).is_ok());
        assert!(password("1234567").is_err() && password(&"x".repeat(1025)).is_err() && password("").is_err());
    }
}
