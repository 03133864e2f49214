//! What a call that fails says: gRPC's codes, and the one table of what each becomes on other doors. Knows nothing of why it failed.

use std::borrow::Cow;
use std::fmt;

/// A status code of gRPC, with gRPC's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[expect(missing_docs, reason = "named as gRPC names them")]
pub enum Code {
    Ok = 0,
    Cancelled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    DataLoss = 15,
    Unauthenticated = 16,
}

/// Code of an error on the realtime socket: `Error.Code` of the schema.
pub use crate::realtime::error::Code as RealtimeCode;

impl Code {
    /// Every code, in the order of their numbers.
    pub const ALL: [Self; 17] = [
        Self::Ok,
        Self::Cancelled,
        Self::Unknown,
        Self::InvalidArgument,
        Self::DeadlineExceeded,
        Self::NotFound,
        Self::AlreadyExists,
        Self::PermissionDenied,
        Self::ResourceExhausted,
        Self::FailedPrecondition,
        Self::Aborted,
        Self::OutOfRange,
        Self::Unimplemented,
        Self::Internal,
        Self::Unavailable,
        Self::DataLoss,
        Self::Unauthenticated,
    ];

    /// The code with gRPC's `number`; what is not known is `Unknown`, as gRPC has it. A module's error carries such a number.
    pub fn from_number(number: i64) -> Self {
        usize::try_from(number).ok().and_then(|number| Self::ALL.get(number).copied()).unwrap_or(Self::Unknown)
    }

    /// Status of the HTTP answer, as grpc-gateway maps it.
    pub fn http_status(self) -> u16 {
        match self {
            Self::Ok => 200,
            Self::InvalidArgument | Self::FailedPrecondition | Self::OutOfRange => 400,
            Self::Unauthenticated => 401,
            Self::PermissionDenied => 403,
            Self::NotFound => 404,
            Self::AlreadyExists | Self::Aborted => 409,
            Self::ResourceExhausted => 429,
            Self::Cancelled => 499,
            Self::Unknown | Self::Internal | Self::DataLoss => 500,
            Self::Unimplemented => 501,
            Self::Unavailable => 503,
            Self::DeadlineExceeded => 504,
        }
    }

    /// Code of the socket's error message. Matches and RPCs have finer ones of their own, which their handlers choose.
    pub fn realtime(self) -> RealtimeCode {
        match self {
            Self::InvalidArgument | Self::OutOfRange | Self::FailedPrecondition | Self::NotFound | Self::AlreadyExists => {
                RealtimeCode::BadInput
            }
            Self::Unimplemented => RealtimeCode::UnrecognizedPayload,
            _ => RealtimeCode::RuntimeException,
        }
    }

    /// Whether the caller can do nothing about it, so that the operator should know.
    pub fn is_fault(self) -> bool {
        matches!(self, Self::Unknown | Self::Internal | Self::DataLoss)
    }
}

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// What kind of failure.
    pub code: Code,
    /// For the developer, in English, saying what to do. Never holds what the caller must not know.
    pub message: Cow<'static, str>,
    /// Name of the field that is at fault, as the schema has it.
    pub field: Option<&'static str>,
}

impl ApiError {
    /// A failure of the whole call.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), field: None }
    }

    /// The field `field` has a value that is not allowed; `message` says which are.
    pub fn invalid(field: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code: Code::InvalidArgument, message: message.into(), field: Some(field) }
    }

    /// The call is in the table, and nothing answers it yet.
    pub fn not_yet(call: &'static str) -> Self {
        Self::new(Code::Unimplemented, format!("{call} is not served yet: docs/nakama.md lists what is"))
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.code, self.message)
    }
}

impl std::error::Error for ApiError {}

#[cfg(test)]
mod tests {
    use super::{ApiError, Code};

    #[test]
    fn codes_have_the_numbers_of_grpc() {
        for (number, code) in Code::ALL.into_iter().enumerate() {
            assert_eq!(code as usize, number);
            assert_eq!(Code::from_number(number as i64), code);
        }
        for wild in [-1, 17, i64::MAX, i64::MIN] {
            assert_eq!(Code::from_number(wild), Code::Unknown);
        }
    }

    #[test]
    fn codes_become_the_statuses_of_grpc_gateway() {
        let statuses = Code::ALL.map(Code::http_status);
        assert_eq!(statuses, [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401]);
    }

    #[test]
    fn an_invalid_field_is_named() {
        let error = ApiError::invalid("username", "username must be 1 to 128 bytes");
        assert_eq!((error.code, error.field), (Code::InvalidArgument, Some("username")));
    }
}
