//! The shape of a message as data: which fields it has, of what kind, under which names. Knows nothing of their values.

/// A message type of the schema.
#[derive(Debug)]
pub struct Message {
    /// Full name: `nakama.api.Account`.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub about: &'static str,
    /// Its fields, in the order of the schema; at most 64.
    pub fields: &'static [Field],
}

/// A field of a message.
#[derive(Debug)]
pub struct Field {
    /// As the schema has it: `user_id`.
    pub name: &'static str,
    /// The other name that JSON may use: `userId`.
    pub json: &'static str,
    /// On the wire.
    pub number: u32,
    /// Of the value, or of each value.
    pub kind: Kind,
    /// How many values.
    pub shape: Shape,
    /// Number of the group of which only one field may be set.
    pub oneof: Option<u32>,
    /// What it is, in a sentence. May be empty.
    pub about: &'static str,
}

/// How many values a field has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One, or none.
    One,
    /// Any number, in order.
    List,
    /// Any number, each under a string.
    Map,
}

/// Kind of a value.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Set to its default is the same as not set.
    Scalar(Scalar),
    /// Set to its default differs from not set.
    Wrapped(Scalar),
    /// A number with names.
    Enum(&'static Enum),
    /// Another message.
    Message(&'static Message),
    /// A time.
    Timestamp,
}

/// Kind of a value without parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as in the schema")]
pub enum Scalar {
    Bool,
    Int32,
    Uint32,
    Int64,
    Double,
    String,
    Bytes,
}

/// Numbers with names.
#[derive(Debug)]
pub struct Enum {
    /// Full name: `nakama.api.Operator`.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub about: &'static str,
    /// Names and numbers.
    pub values: &'static [(&'static str, i32)],
}

/// A message that the table knows.
pub trait Described: prost::Message + Default + std::fmt::Debug {
    /// Its shape.
    const TABLE: &'static Message;
}

/// A message without fields.
pub static EMPTY: Message = Message { name: "google.protobuf.Empty", about: "Nothing.", fields: &[] };

impl Described for () {
    const TABLE: &'static Message = &EMPTY;
}

impl Message {
    /// The field that JSON calls `name`, in either form.
    pub fn field(&self, name: &str) -> Option<(usize, &'static Field)> {
        let found = self.fields.iter().position(|field| field.name == name || field.json == name)?;
        Some((found, &self.fields[found]))
    }

    /// The field with this number on the wire.
    pub(crate) fn numbered(&self, number: u32) -> Option<&'static Field> {
        // Nearly always in place, since fields are numbered from 1.
        let near = self.fields.get(number.wrapping_sub(1) as usize).filter(|field| field.number == number);
        near.or_else(|| self.fields.iter().find(|field| field.number == number))
    }

    /// Last part of its name: `Account`.
    pub fn short(&self) -> &'static str {
        self.name.rsplit('.').next().unwrap_or(self.name)
    }
}
