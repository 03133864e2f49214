//! Plain values that cross between a script and its caller: copied, bounded, in the shape that JSON has. Owns the rules by which a table is a list or a
//! map, which are those of Nakama's runtime; knows no JSON.

use mlua::{IntoLua, IntoLuaMulti, Lua};

use crate::convert;
use crate::library::HostError;

/// A value that a script gave or gets. A copy: what happens to it later the other side does not see.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Data {
    /// `nil`.
    #[default]
    Nil,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A string: any bytes.
    Text(Vec<u8>),
    /// A table with whole numbers from 1 among its keys; places between that hold nothing are [`Data::Nil`].
    List(Vec<Data>),
    /// Any other table, the empty one too. Sorted by key, each key once.
    Map(Vec<(Vec<u8>, Data)>),
}

/// How much one value may hold.
#[derive(Debug, Clone, Copy)]
pub struct DataLimits {
    /// Values in it, tables and places between included.
    pub values_max: usize,
    /// Bytes of its strings and keys together.
    pub bytes_max: usize,
    /// Tables within tables.
    pub depth_max: usize,
}

impl Default for DataLimits {
    /// 100,000 values, 4 MiB, 64 tables deep.
    fn default() -> Self {
        Self { values_max: 100_000, bytes_max: 4 * 1024 * 1024, depth_max: 64 }
    }
}

impl Data {
    /// A string.
    #[must_use]
    pub fn text(text: impl Into<Vec<u8>>) -> Self {
        Self::Text(text.into())
    }

    /// A map of these fields, whatever their order. Of two with the same key the later one stays.
    #[must_use]
    pub fn map<K: Into<Vec<u8>>>(fields: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::sorted(fields.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    /// The field `key` of a map; [`Data::Nil`] when there is none.
    #[must_use]
    pub fn get(&self, key: &str) -> &Self {
        const NIL: &Data = &Data::Nil;
        match self {
            Self::Map(fields) => {
                fields.binary_search_by(|(name, _)| name.as_slice().cmp(key.as_bytes())).map_or(NIL, |at| &fields[at].1)
            }
            _ => NIL,
        }
    }

    /// Whether it is [`Data::Nil`].
    #[must_use]
    pub const fn is_nil(&self) -> bool {
        matches!(self, Self::Nil)
    }

    /// What Lua calls its type.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "boolean",
            Self::Number(_) => "number",
            Self::Text(_) => "string",
            Self::List(_) | Self::Map(_) => "table",
        }
    }

    fn sorted(mut fields: Vec<(Vec<u8>, Self)>) -> Self {
        // Stable, so that the later of two equals stays when the earlier ones go.
        fields.sort_by(|one, other| one.0.cmp(&other.0));
        fields.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                std::mem::swap(later, kept);
            }
            same
        });
        Self::Map(fields)
    }

    /// A copy of a script's value. Functions, threads and buffers are text that says so.
    pub(crate) fn copy(value: &mlua::Value, limits: DataLimits) -> Result<Self, HostError> {
        Copy { left: limits }.value(value, limits.depth_max)
    }
}

struct Copy {
    left: DataLimits,
}

impl Copy {
    fn value(&mut self, value: &mlua::Value, depth: usize) -> Result<Data, HostError> {
        self.count(1)?;
        Ok(match value {
            mlua::Value::Nil => Data::Nil,
            mlua::Value::Boolean(flag) => Data::Bool(*flag),
            #[expect(clippy::cast_precision_loss, reason = "scripts have no other numbers")]
            mlua::Value::Integer(number) => Data::Number(*number as f64),
            mlua::Value::Number(number) => Data::Number(*number),
            mlua::Value::String(text) => Data::Text(self.bytes(&text.as_bytes())?),
            mlua::Value::Table(table) => match depth.checked_sub(1) {
                Some(depth) => self.table(table, depth)?,
                None => return Err(HostError("a table is too deep, or contains itself".to_owned())),
            },
            other => Data::text(other.type_name()),
        })
    }

    fn table(&mut self, table: &mlua::Table, depth: usize) -> Result<Data, HostError> {
        let mut list: Vec<Data> = Vec::new();
        let mut fields = Vec::new();
        let mut fault = None;
        let walked = table.for_each::<mlua::Value, mlua::Value>(|key, value| {
            self.field(&key, &value, depth, &mut list, &mut fields).map_err(|error| {
                fault = Some(error);
                mlua::Error::runtime("ended")
            })
        });
        match (fault, walked) {
            (Some(error), _) => Err(error),
            (None, Err(error)) => Err(HostError(error.to_string())),
            (None, Ok(())) if list.is_empty() => Ok(Data::sorted(fields)),
            (None, Ok(())) => Ok(Data::List(list)),
        }
    }

    fn field(
        &mut self,
        key: &mlua::Value,
        value: &mlua::Value,
        depth: usize,
        list: &mut Vec<Data>,
        fields: &mut Vec<(Vec<u8>, Data)>,
    ) -> Result<(), HostError> {
        if let Some(place) = place(key) {
            if place > list.len() {
                // A sparse list pays for the places between.
                self.count(place - list.len() - 1)?;
                list.resize(place, Data::Nil);
            }
            list[place - 1] = self.value(value, depth)?;
            return Ok(());
        }
        if list.is_empty() {
            let key = self.key(key)?;
            fields.push((key, self.value(value, depth)?));
        }
        Ok(())
    }

    fn key(&mut self, key: &mlua::Value) -> Result<Vec<u8>, HostError> {
        match key {
            mlua::Value::String(text) => self.bytes(&text.as_bytes()),
            other => self.bytes(convert::plain_text(other).as_bytes()),
        }
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<Vec<u8>, HostError> {
        match self.left.bytes_max.checked_sub(bytes.len()) {
            Some(left) => self.left.bytes_max = left,
            None => return Err(HostError("a value has too many bytes".to_owned())),
        }
        Ok(bytes.to_vec())
    }

    fn count(&mut self, values: usize) -> Result<(), HostError> {
        match self.left.values_max.checked_sub(values) {
            Some(left) => self.left.values_max = left,
            None => return Err(HostError("a table has too many values".to_owned())),
        }
        Ok(())
    }
}

/// The place in a list that a key names.
fn place(key: &mlua::Value) -> Option<usize> {
    match key {
        mlua::Value::Integer(number) => usize::try_from(*number).ok().filter(|place| *place > 0),
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked before")]
        mlua::Value::Number(number) if *number >= 1.0 && *number <= 1e15 && number.fract() == 0.0 => Some(*number as usize),
        _ => None,
    }
}

impl IntoLua for &Data {
    fn into_lua(self, lua: &Lua) -> mlua::Result<mlua::Value> {
        Ok(match self {
            Data::Nil => mlua::Value::Nil,
            Data::Bool(flag) => mlua::Value::Boolean(*flag),
            Data::Number(number) => mlua::Value::Number(*number),
            Data::Text(text) => mlua::Value::String(lua.create_string(text)?),
            Data::List(list) => {
                let table = lua.create_table_with_capacity(list.len(), 0)?;
                for (at, value) in list.iter().enumerate().filter(|(_, value)| !value.is_nil()) {
                    table.raw_set(at + 1, value)?;
                }
                mlua::Value::Table(table)
            }
            Data::Map(fields) => {
                let table = lua.create_table_with_capacity(0, fields.len())?;
                for (key, value) in fields.iter().filter(|(_, value)| !value.is_nil()) {
                    table.raw_set(lua.create_string(key)?, value)?;
                }
                mlua::Value::Table(table)
            }
        })
    }
}

impl IntoLua for Data {
    fn into_lua(self, lua: &Lua) -> mlua::Result<mlua::Value> {
        (&self).into_lua(lua)
    }
}

/// Several values, as arguments or results.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Values(pub Vec<Data>);

impl IntoLuaMulti for Values {
    fn into_lua_multi(self, lua: &Lua) -> mlua::Result<mlua::MultiValue> {
        self.0.into_iter().map(|value| value.into_lua(lua)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copied(source: &str, limits: DataLimits) -> Result<Data, HostError> {
        let lua = Lua::new();
        Data::copy(&lua.load(source).eval::<mlua::Value>().expect("a value"), limits)
    }

    #[track_caller]
    fn check(source: &str, expect: Data) {
        assert_eq!(copied(source, DataLimits::default()), Ok(expect), "{source}");
    }

    #[test]
    fn tables_are_lists_or_maps_as_nakama_has_them() {
        let number = Data::Number;
        check("return {}", Data::Map(vec![]));
        check("return { 1, 2 }", Data::List(vec![number(1.0), number(2.0)]));
        check("return { 1, x = 2 }", Data::List(vec![number(1.0)]));
        check("return { x = 2, 1 }", Data::List(vec![number(1.0)]));
        check("return { [3] = 1 }", Data::List(vec![Data::Nil, Data::Nil, number(1.0)]));
        check("return { [0] = 1, [-1] = 2 }", Data::map([("0", number(1.0)), ("-1", number(2.0))]));
        check(
            "return { b = { 'x' }, a = false }",
            Data::map([("a", Data::Bool(false)), ("b", Data::List(vec![Data::text("x")]))]),
        );
        check("return { f = print }", Data::map([("f", Data::text("function"))]));
        check("return '\\0\\255'", Data::Text(vec![0, 255]));
    }

    #[test]
    fn values_are_bounded_at_their_edges() {
        let limits = DataLimits { values_max: 4, bytes_max: 5, depth_max: 2 };
        assert!(copied("return { 1, 2, 3 }", limits).is_ok());
        assert!(copied("return { 1, 2, 3, 4 }", limits).is_err());
        assert!(copied("return { [3] = 1 }", limits).is_ok());
        assert!(copied("return { [4] = 1 }", limits).is_err());
        assert!(copied("return { [1e15] = 1 }", limits).is_err());
        assert!(copied("return { ab = 'cde' }", limits).is_ok());
        assert!(copied("return { ab = 'cdef' }", limits).is_err());
        assert!(copied("return { {} }", limits).is_ok());
        assert!(copied("return { {{}} }", limits).is_err());
        assert!(copied("local t = {} t[1] = t return t", DataLimits::default()).is_err());
        let wide = "local t = {} for i = 1, 60 do t = { t, t } end return t";
        assert!(copied(wide, DataLimits::default()).is_err(), "2^60 values in 60 tables");
    }

    #[test]
    fn the_last_of_equal_keys_stays() {
        let map = Data::map([("a", Data::Number(1.0)), ("b", Data::Nil), ("a", Data::Number(2.0)), ("a", Data::Number(3.0))]);
        assert_eq!(map.get("a"), &Data::Number(3.0));
        assert_eq!(map.get("c"), &Data::Nil);
    }

    #[test]
    fn what_goes_in_comes_out() {
        let lua = Lua::new();
        let data =
            Data::map([("list", Data::List(vec![Data::Bool(true), Data::Nil, Data::text("x")])), ("n", Data::Number(0.5))]);
        let value = (&data).into_lua(&lua).expect("small");
        assert_eq!(Data::copy(&value, DataLimits::default()), Ok(data));
    }
}
