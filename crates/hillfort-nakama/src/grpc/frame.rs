//! Messages in the bodies of gRPC: a flag, a length, the bytes; in gRPC-Web also as base64, and with trailers as a frame of their own.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut, Bytes};
use hillfort_api::{ApiError, Code};

/// Flag and length.
const HEAD: usize = 5;
const PACKED: u8 = 1;
const TRAILERS: u8 = 0x80;

/// What a body looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Grpc,
    Web,
    WebText,
}

impl Form {
    /// By its `Content-Type`.
    pub(super) fn of(content_type: &[u8]) -> Option<Self> {
        let plain = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        match plain.strip_suffix(b"+proto").unwrap_or(plain) {
            b"application/grpc" => Some(Self::Grpc),
            b"application/grpc-web" => Some(Self::Web),
            b"application/grpc-web-text" => Some(Self::WebText),
            _ => None,
        }
    }

    /// The same, said of an answer.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Grpc => "application/grpc",
            Self::Web => "application/grpc-web+proto",
            Self::WebText => "application/grpc-web-text+proto",
        }
    }

    /// Longest body of a message of `most` bytes.
    pub(super) fn wire_max(self, most: usize) -> usize {
        match self {
            Self::Grpc | Self::Web => most + HEAD,
            Self::WebText => (most + HEAD).div_ceil(3) * 4,
        }
    }
}

/// The one message of a body, and whether it is packed.
pub(super) fn read(form: Form, body: Bytes) -> Result<(bool, Bytes), ApiError> {
    let broken = |what| ApiError::new(Code::InvalidArgument, what);
    let mut body = match form {
        Form::Grpc | Form::Web => body,
        Form::WebText => STANDARD.decode(&body).map_err(|_| broken("the body is no base64"))?.into(),
    };
    let Some((head, _)) = body.split_first_chunk::<HEAD>() else { return Err(broken("the body holds no message")) };
    let [flag, length @ ..] = *head;
    if flag > PACKED {
        return Err(broken("the flag of a message is 0 or 1"));
    }
    let message = body.split_off(HEAD);
    if u32::from_be_bytes(length) as usize != message.len() {
        return Err(broken("the body must be one message, as long as it says"));
    }
    Ok((flag == PACKED, message))
}

/// The body of an answer to a call that went well; on the web it says so itself.
pub(super) fn answer(form: Form, message: &[u8]) -> Vec<u8> {
    match form {
        Form::Grpc => framed(&[(0, message)]),
        Form::Web | Form::WebText => web(form, Some(message), "grpc-status:0\r\n"),
    }
}

/// A body of gRPC-Web: a message, if there is one, and trailers.
pub(super) fn web(form: Form, message: Option<&[u8]>, trailers: &str) -> Vec<u8> {
    let trailers = (TRAILERS, trailers.as_bytes());
    let out = message.map_or_else(|| framed(&[trailers]), |message| framed(&[(0, message), trailers]));
    if form == Form::WebText { STANDARD.encode(&out).into_bytes() } else { out }
}

fn framed(parts: &[(u8, &[u8])]) -> Vec<u8> {
    let mut out = Vec::with_capacity(parts.iter().map(|(_, bytes)| HEAD + bytes.len()).sum());
    for (flag, bytes) in parts {
        out.put_u8(*flag);
        out.put_u32(u32::try_from(bytes.len()).expect("answers are far below 4 GiB"));
        out.extend_from_slice(bytes);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Form, answer, read, web};
    use bytes::Bytes;

    #[test]
    fn bodies_are_one_message() {
        let check = |form, body: &[u8], wanted: Option<(bool, &[u8])>| {
            let found = read(form, Bytes::copy_from_slice(body)).ok();
            assert_eq!(found.as_ref().map(|(packed, message)| (*packed, &message[..])), wanted, "{body:?}");
        };
        check(Form::Grpc, b"\0\0\0\0\0", Some((false, b"")));
        check(Form::Web, b"\x01\0\0\0\x02ab", Some((true, b"ab")));
        check(Form::WebText, b"AAAAAAJhYg==", Some((false, b"ab")));
        for bad in
            [&b""[..], b"\0\0\0\0", b"\x02\0\0\0\0", b"\0\0\0\0\x01", b"\0\0\0\0\0a", b"\0\xff\xff\xff\xff", b"\x80\0\0\0\0"]
        {
            check(Form::Grpc, bad, None);
        }
        check(Form::WebText, b"!", None);
    }

    #[test]
    fn the_web_has_trailers_in_the_body() {
        assert_eq!(answer(Form::Grpc, b"ab"), b"\0\0\0\0\x02ab");
        assert_eq!(answer(Form::Web, b"ab"), b"\0\0\0\0\x02ab\x80\0\0\0\x0fgrpc-status:0\r\n");
        assert_eq!(web(Form::WebText, None, "x"), b"gAAAAAF4");
    }

    #[test]
    fn forms_are_told_by_their_type() {
        assert_eq!(Form::of(b"application/grpc"), Some(Form::Grpc));
        assert_eq!(Form::of(b"application/grpc+proto; x=y"), Some(Form::Grpc));
        assert_eq!(Form::of(b"application/grpc-web-text+proto"), Some(Form::WebText));
        assert_eq!(Form::of(b"application/grpc+json"), None);
        assert_eq!(Form::of(b""), None);
    }
}
