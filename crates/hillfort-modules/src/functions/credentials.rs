//! Signing in, and adding and taking away ways to sign in.

use hillfort_script::modules::{Arguments, Charge};
use hillfort_script::{Data, HostError, Values};

use super::check::{filled_text, id, strings, wrong};
use super::{Function, Outcome, Runs, number, row, text};
use crate::backend::{Answer, Ask, Credential};
use crate::desk::{Desk, Want};
use crate::id::id_to_text;

const WHO: &str = "user_id, username, created";
const SIGNS_IN: &str = "Signs in, and makes the account when there is none and `create` is not false.";
const LINKS: &str = "Adds a way to sign in.";
const UNLINKS: &str = "Takes a way to sign in. Without the last argument: whatever there is of this kind.";

pub(super) static FUNCTIONS: &[Function] = &[
    row(
        "authenticate_apple",
        "token, username = nil, create = true",
        WHO,
        SIGNS_IN,
        Runs::Elsewhere("Authenticate", |_, _, a| authenticate(a, apple(a, 1, true)?, 2, 3)),
    ),
    row(
        "authenticate_custom",
        "id, username = nil, create = true",
        WHO,
        SIGNS_IN,
        Runs::Elsewhere("Authenticate", |_, _, a| authenticate(a, Credential::Custom { id: named(a, 1, 6)? }, 2, 3)),
    ),
    row(
        "authenticate_device",
        "id, username = nil, create = true",
        WHO,
        SIGNS_IN,
        Runs::Elsewhere("Authenticate", |_, _, a| authenticate(a, Credential::Device { id: named(a, 1, 10)? }, 2, 3)),
    ),
    row(
        "authenticate_email",
        "email, password, username = nil, create = true",
        WHO,
        "As the others. Without an address: by name and password.",
        Runs::Elsewhere("Authenticate", authenticate_email),
    ),
    row(
        "authenticate_facebook",
        "token, import = true, username = nil, create = true",
        WHO,
        SIGNS_IN,
        Runs::Elsewhere("Authenticate", |_, _, a| {
            authenticate(
                a,
                Credential::Facebook { token: filled_text(a, 1, "expects access token string")?, import: a.flag_or(2, true)? },
                3,
                4,
            )
        }),
    ),
    row(
        "authenticate_facebook_instant_game",
        "player_info, username = nil, create = true",
        WHO,
        SIGNS_IN,
        Runs::Elsewhere("Authenticate", |_, _, a| {
            authenticate(
                a,
                Credential::FacebookInstantGame { player_info: filled_text(a, 1, "expects signed player info")? },
                2,
                3,
            )
        }),
    ),
    row(
        "authenticate_game_center",
        "player_id, bundle_id, timestamp, salt, signature, public_key_url, username = nil, create = true",
        WHO,
        SIGNS_IN,
        Runs::Elsewhere("Authenticate", |_, _, a| authenticate(a, game_center(a, 1)?, 7, 8)),
    ),
    row(
        "authenticate_google",
        "token, username = nil, create = true",
        WHO,
        SIGNS_IN,
        Runs::Elsewhere("Authenticate", |_, _, a| {
            authenticate(a, Credential::Google { token: filled_text(a, 1, "expects ID token string")? }, 2, 3)
        }),
    ),
    row(
        "authenticate_steam",
        "token, import = true, username = nil, create = true",
        WHO,
        SIGNS_IN,
        Runs::Elsewhere("Authenticate", |_, _, a| {
            authenticate(
                a,
                Credential::Steam { token: filled_text(a, 1, "expects access token string")?, import: a.flag_or(2, true)? },
                3,
                4,
            )
        }),
    ),
    row(
        "authenticate_token_generate",
        "user_id, username, expires_at = nil, vars = nil",
        "token, expires_at",
        "A session token for a user.",
        Runs::Elsewhere("TokenGenerate", token_generate),
    ),
    row("link_apple", "user_id, token", "", LINKS, Runs::Elsewhere("Link", |_, _, a| link(a, apple(a, 2, true)?))),
    row(
        "link_custom",
        "user_id, id",
        "",
        LINKS,
        Runs::Elsewhere("Link", |_, _, a| link(a, Credential::Custom { id: filled_text(a, 2, "expects custom ID string")? })),
    ),
    row("link_device", "user_id, id", "", LINKS, Runs::Elsewhere("Link", |_, _, a| link(a, device(a)?))),
    row(
        "link_email",
        "user_id, email, password",
        "",
        LINKS,
        Runs::Elsewhere("Link", |_, _, a| {
            link(
                a,
                Credential::Email {
                    email: filled_text(a, 2, "expects email string")?,
                    password: filled_text(a, 3, "expects password string")?,
                },
            )
        }),
    ),
    row(
        "link_facebook",
        "user_id, username, token, import = true",
        "",
        LINKS,
        Runs::Elsewhere("Link", |_, _, a| {
            link(a, Credential::Facebook { token: filled_text(a, 3, "expects token string")?, import: a.flag_or(4, true)? })
        }),
    ),
    row(
        "link_facebook_instant_game",
        "user_id, player_info",
        "",
        LINKS,
        Runs::Elsewhere("Link", |_, _, a| {
            link(a, Credential::FacebookInstantGame { player_info: filled_text(a, 2, "expects signed player info string")? })
        }),
    ),
    row(
        "link_gamecenter",
        "user_id, player_id, bundle_id, timestamp, salt, signature, public_key_url",
        "",
        LINKS,
        Runs::Elsewhere("Link", |_, _, a| link(a, game_center(a, 2)?)),
    ),
    row(
        "link_google",
        "user_id, token",
        "",
        LINKS,
        Runs::Elsewhere("Link", |_, _, a| link(a, Credential::Google { token: filled_text(a, 2, "expects token string")? })),
    ),
    row(
        "link_steam",
        "user_id, username, token, import = true",
        "",
        LINKS,
        Runs::Elsewhere("Link", |_, _, a| {
            link(a, Credential::Steam { token: filled_text(a, 3, "expects token string")?, import: a.flag_or(4, true)? })
        }),
    ),
    row("unlink_apple", "user_id, token = nil", "", UNLINKS, Runs::Elsewhere("Unlink", |_, _, a| unlink(a, apple(a, 2, false)?))),
    row(
        "unlink_custom",
        "user_id, id = nil",
        "",
        UNLINKS,
        Runs::Elsewhere("Unlink", |_, _, a| unlink(a, Credential::Custom { id: maybe(a, 2)? })),
    ),
    row("unlink_device", "user_id, id", "", UNLINKS, Runs::Elsewhere("Unlink", |_, _, a| unlink(a, device(a)?))),
    row(
        "unlink_email",
        "user_id, email = nil",
        "",
        UNLINKS,
        Runs::Elsewhere("Unlink", |_, _, a| unlink(a, Credential::Email { email: maybe(a, 2)?, password: String::new() })),
    ),
    row(
        "unlink_facebook",
        "user_id, token = nil",
        "",
        UNLINKS,
        Runs::Elsewhere("Unlink", |_, _, a| unlink(a, Credential::Facebook { token: maybe(a, 2)?, import: false })),
    ),
    row(
        "unlink_facebook_instant_game",
        "user_id, player_info = nil",
        "",
        UNLINKS,
        Runs::Elsewhere("Unlink", |_, _, a| unlink(a, Credential::FacebookInstantGame { player_info: maybe(a, 2)? })),
    ),
    row(
        "unlink_gamecenter",
        "user_id, player_id, bundle_id, timestamp, salt, signature, public_key_url",
        "",
        UNLINKS,
        Runs::Elsewhere("Unlink", |_, _, a| unlink(a, if a.is_nil(2) { no_game_center() } else { game_center(a, 2)? })),
    ),
    row(
        "unlink_google",
        "user_id, token = nil",
        "",
        UNLINKS,
        Runs::Elsewhere("Unlink", |_, _, a| unlink(a, Credential::Google { token: maybe(a, 2)? })),
    ),
    row(
        "unlink_steam",
        "user_id, token = nil",
        "",
        UNLINKS,
        Runs::Elsewhere("Unlink", |_, _, a| unlink(a, Credential::Steam { token: maybe(a, 2)?, import: false })),
    ),
];

fn maybe(arguments: &Arguments, place: usize) -> Result<String, HostError> {
    arguments.optional_text(place).map(Option::unwrap_or_default)
}

/// An id that a client made up.
fn named(arguments: &Arguments, place: usize, bytes_min: usize) -> Result<String, HostError> {
    let id = filled_text(arguments, place, "expects id string")?;
    if id.chars().any(|character| character.is_control() || character.is_whitespace()) {
        return Err(wrong(place, "expects id to be valid, no spaces or control characters allowed"));
    }
    if !(bytes_min..=128).contains(&id.len()) {
        return Err(wrong(place, &format!("expects id to be valid, must be {bytes_min}-128 bytes")));
    }
    Ok(id)
}

fn device(arguments: &Arguments) -> Result<Credential, HostError> {
    filled_text(arguments, 2, "expects device ID string").map(|id| Credential::Device { id })
}

fn apple(arguments: &Arguments, place: usize, needed: bool) -> Result<Credential, HostError> {
    let token = if needed { filled_text(arguments, place, "expects token string")? } else { maybe(arguments, place)? };
    Ok(Credential::Apple { token })
}

fn game_center(arguments: &Arguments, from: usize) -> Result<Credential, HostError> {
    let timestamp_s = arguments.integer(from + 2)?;
    if timestamp_s == 0 {
        return Err(wrong(from + 2, "expects timestamp value"));
    }
    Ok(Credential::GameCenter {
        player_id: filled_text(arguments, from, "expects player ID string")?,
        bundle_id: filled_text(arguments, from + 1, "expects bundle ID string")?,
        timestamp_s,
        salt: filled_text(arguments, from + 3, "expects salt string")?,
        signature: filled_text(arguments, from + 4, "expects signature string")?,
        public_key_url: filled_text(arguments, from + 5, "expects public key URL string")?,
    })
}

fn no_game_center() -> Credential {
    let none = String::new;
    Credential::GameCenter {
        player_id: none(),
        bundle_id: none(),
        timestamp_s: 0,
        salt: none(),
        signature: none(),
        public_key_url: none(),
    }
}

fn username(arguments: &Arguments, place: usize) -> Result<Option<String>, HostError> {
    let Some(name) = arguments.optional_text(place)?.filter(|name| !name.is_empty()) else { return Ok(None) };
    if name.chars().any(|character| character.is_control() || character.is_whitespace()) {
        return Err(wrong(place, "expects username to be valid, no spaces or control characters allowed"));
    }
    if name.len() > 128 {
        return Err(wrong(place, "expects id to be valid, must be 1-128 bytes"));
    }
    Ok(Some(name))
}

fn authenticate(arguments: &Arguments, credential: Credential, name: usize, create: usize) -> Result<Outcome, HostError> {
    let username = username(arguments, name)?;
    let create = arguments.flag_or(create, true)?;
    Outcome::later(Want::ask(Ask::Authenticate { credential, username, create }, "error authenticating", |answer| match answer {
        Answer::Authenticated(who) => {
            Some(Ok(Values(vec![text(id_to_text(&who.user_id)), text(who.username), Data::Bool(who.created)])))
        }
        _ => None,
    }))
}

fn authenticate_email(_: &mut Desk, _: &Charge<'_>, arguments: &Arguments) -> Result<Outcome, HostError> {
    let email = maybe(arguments, 1)?;
    let password = filled_text(arguments, 2, "expects password string")?;
    if password.len() < 8 {
        return Err(wrong(2, "expects password to be valid, must be longer than 8 characters"));
    }
    if email.is_empty() {
        let username = username(arguments, 3)?.ok_or_else(|| wrong(1, "expects username string when email is not supplied"))?;
        return authenticate(arguments, Credential::Username { username, password }, 3, 4);
    }
    let invalid = |character: char| character.is_control() || character.is_whitespace();
    if email.chars().any(invalid) || !(10..=255).contains(&email.len()) || !email.contains('@') {
        return Err(wrong(1, "expects email to be valid, must be an address of 10-255 bytes without spaces"));
    }
    authenticate(arguments, Credential::Email { email: email.to_lowercase(), password }, 3, 4)
}

fn token_generate(_: &mut Desk, _: &Charge<'_>, arguments: &Arguments) -> Result<Outcome, HostError> {
    let user_id = id(arguments, 1, "expects valid user id")?;
    let username = arguments.text(2)?;
    let expires_s = Some(arguments.integer_or(3, 0)?).filter(|expires| *expires != 0);
    let vars = strings(arguments, 4, "vars")?;
    Outcome::later(Want::ask(Ask::TokenGenerate { user_id, username, expires_s, vars }, "error generating token", |answer| {
        match answer {
            Answer::Token(token) => Some(Ok(Values(vec![text(token.token), number(token.expires_s)]))),
            _ => None,
        }
    }))
}

fn link(arguments: &Arguments, credential: Credential) -> Result<Outcome, HostError> {
    let user_id = id(arguments, 1, "user ID must be a valid identifier")?;
    Outcome::later(Want::ask(Ask::Link { user_id, credential }, "error linking", Want::nothing))
}

fn unlink(arguments: &Arguments, credential: Credential) -> Result<Outcome, HostError> {
    let user_id = id(arguments, 1, "user ID must be a valid identifier")?;
    Outcome::later(Want::ask(Ask::Unlink { user_id, credential }, "error unlinking", Want::nothing))
}
