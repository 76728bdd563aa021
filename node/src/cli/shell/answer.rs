//! What a command answers, as people read it and as programs do.
//!
//! For programs it is one JSON object a line: `"ok"` says whether the answer is yes, and the fields
//! of the answer follow. Bytes that are UTF-8 are a string; others are base64, under the field's name
//! with `_base64` behind it.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::fault::Fault;
use super::words::quoted;

/// One thing that an answer tells.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Field {
    Bytes(Vec<u8>),
    Text(String),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Yes(bool),
    Nothing,
}

impl From<u64> for Field {
    fn from(number: u64) -> Self {
        Self::Unsigned(number)
    }
}

/// What a command answers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    /// One thing, by its name.
    One(&'static str, Field),
    /// Several, each by its name.
    Record(Vec<(&'static str, Field)>),
    /// Text for people, whose lines a program gets as one string.
    Text(&'static str, String),
    /// Rows under named columns; more of them follow where `more` tells from where.
    Table {
        name: &'static str,
        columns: &'static [&'static str],
        rows: Vec<Vec<Field>>,
        more: Option<u64>,
    },
    /// No: the word for it.
    No(&'static str, Vec<(&'static str, Field)>),
}

impl Answer {
    /// It is done, and there is nothing else to tell.
    pub(crate) const DONE: Self = Self::Record(Vec::new());

    /// Whether the answer is yes.
    pub(crate) const fn is_yes(&self) -> bool {
        !matches!(self, Self::No(..))
    }

    /// Writes it for a program.
    pub(crate) fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        let mut object = Map::new();
        object.insert("ok".to_owned(), json!(self.is_yes()));
        match self {
            Self::One(name, field) => insert(&mut object, name, field),
            Self::Text(name, text) => insert(&mut object, name, &Field::Text(text.clone())),
            Self::Record(fields) => insert_all(&mut object, fields),
            Self::No(reason, fields) => {
                object.insert("reason".to_owned(), json!(reason));
                insert_all(&mut object, fields);
            }
            Self::Table {
                name,
                columns,
                rows,
                more,
            } => {
                let row = |row: &Vec<Field>| {
                    let mut object = Map::new();
                    for (column, field) in columns.iter().zip(row) {
                        insert(&mut object, column, field);
                    }
                    Value::Object(object)
                };
                let rows = rows.iter().map(row).collect();
                object.insert((*name).to_owned(), Value::Array(rows));
                if let Some(cursor) = more {
                    object.insert("cursor".to_owned(), json!(cursor));
                }
            }
        }
        writeln!(out, "{}", Value::Object(object))
    }

    /// Writes it for people. A value alone is written as it is where nobody looks at it (`raw`),
    /// so that it can go into a file.
    pub(crate) fn write_text(&self, out: &mut impl Write, raw: bool) -> io::Result<()> {
        match self {
            Self::One(_, Field::Bytes(bytes)) if raw => {
                out.write_all(bytes)?;
                writeln!(out)
            }
            Self::One(_, field) => writeln!(out, "{}", shown(field)),
            Self::Text(_, text) => {
                out.write_all(text.as_bytes())?;
                if text.ends_with('\n') {
                    return Ok(());
                }
                writeln!(out)
            }
            Self::Record(fields) if fields.is_empty() => writeln!(out, "ok"),
            Self::Record(fields) => write_fields(out, fields),
            Self::No(reason, fields) => {
                writeln!(out, "no: {}", spaced(reason))?;
                write_fields(out, fields)
            }
            Self::Table {
                columns,
                rows,
                more,
                ..
            } => {
                write_table(out, columns, rows)?;
                match more {
                    Some(cursor) => writeln!(out, "(more from cursor {cursor})"),
                    None => Ok(()),
                }
            }
        }
    }
}

/// Writes a failure for a program, onto the line where the answer would be.
pub(crate) fn write_json_fault(fault: &Fault, out: &mut impl Write) -> io::Result<()> {
    let advice = fault.advice();
    let error = json!({"code": fault.code(), "message": fault.to_string(), "advice": advice});
    writeln!(out, "{}", json!({"ok": false, "error": error}))
}

fn insert_all(object: &mut Map<String, Value>, fields: &[(&'static str, Field)]) {
    for (name, field) in fields {
        insert(object, name, field);
    }
}

fn insert(object: &mut Map<String, Value>, name: &str, field: &Field) {
    let (name, value) = match field {
        Field::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => (name.to_owned(), json!(text)),
            Err(_) => (format!("{name}_base64"), json!(base64(bytes))),
        },
        Field::Text(text) => (name.to_owned(), json!(text)),
        Field::Signed(number) => (name.to_owned(), json!(number)),
        Field::Unsigned(number) => (name.to_owned(), json!(number)),
        Field::Float(number) => (name.to_owned(), json!(number)),
        Field::Yes(yes) => (name.to_owned(), json!(yes)),
        Field::Nothing => (name.to_owned(), Value::Null),
    };
    object.insert(name, value);
}

/// A field on one line, whatever is in it.
pub(crate) fn shown(field: &Field) -> String {
    match field {
        Field::Bytes(bytes) => quoted(bytes),
        Field::Text(text) => text.clone(),
        Field::Signed(number) => number.to_string(),
        Field::Unsigned(number) => number.to_string(),
        Field::Float(number) => number.to_string(),
        Field::Yes(true) => "yes".to_owned(),
        Field::Yes(false) => "no".to_owned(),
        Field::Nothing => "-".to_owned(),
    }
}

/// `NotFound` as "not found".
fn spaced(word: &str) -> String {
    let mut out = String::new();
    for c in word.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push(' ');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

fn write_fields(out: &mut impl Write, fields: &[(&'static str, Field)]) -> io::Result<()> {
    let width = fields.iter().map(|(name, _)| name.len()).max();
    for (name, field) in fields {
        writeln!(
            out,
            "{name:<width$}  {}",
            shown(field),
            width = width.unwrap_or(0)
        )?;
    }
    Ok(())
}

fn write_table(out: &mut impl Write, columns: &[&str], rows: &[Vec<Field>]) -> io::Result<()> {
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(shown).collect())
        .collect();
    let width = |column: usize| {
        let cells = cells.iter().filter_map(|row| row.get(column));
        let longest = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
        longest.max(columns[column].len())
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let is_number = |row: &Vec<Field>, column: usize| {
        let number = |field: &Field| {
            matches!(
                field,
                Field::Signed(_) | Field::Unsigned(_) | Field::Float(_)
            )
        };
        row.get(column).is_some_and(number)
    };
    let right: Vec<bool> = (0..columns.len())
        .map(|column| rows.iter().any(|row| is_number(row, column)))
        .collect();
    let header: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
    for row in std::iter::once(&header).chain(&cells) {
        let mut line = String::new();
        for ((cell, width), right) in row.iter().zip(&widths).zip(&right) {
            let gap = if line.is_empty() { "" } else { "  " };
            let cell = if *right {
                format!("{gap}{cell:>width$}")
            } else {
                format!("{gap}{cell:<width$}")
            };
            line.push_str(&cell);
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// Base64 with the usual alphabet and padding (RFC 4648).
pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut group = [0; 3];
        group[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from(group[0]) << 16 | u32::from(group[1]) << 8 | u32::from(group[2]);
        for place in 0..4 {
            let digit = (bits >> (18 - 6 * place)) as usize & 63;
            out.push(if place <= chunk.len() {
                DIGITS[digit].into()
            } else {
                '='
            });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(answer: &Answer) -> String {
        let mut out = Vec::new();
        answer.write_text(&mut out, false).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn base64_is_that_of_the_standard() {
        for (bytes, expected) in [
            (&b""[..], ""),
            (b"f", "Zg=="),
            (b"fo", "Zm8="),
            (b"foo", "Zm9v"),
            (b"foob", "Zm9vYg=="),
            (b"\xff\xfe\xfd", "//79"),
        ] {
            assert_eq!(base64(bytes), expected);
        }
    }

    #[test]
    fn tables_line_up_and_a_key_cannot_break_a_line() {
        let rows = vec![
            vec![Field::Bytes(b"a\nb".to_vec()), 7.into()],
            vec![Field::Bytes(b"plain".to_vec()), 12_345.into()],
        ];
        let table = Answer::Table {
            name: "keys",
            columns: &["key", "uses"],
            rows,
            more: Some(9),
        };
        let expected = "key      uses\n\"a\\nb\"      7\nplain   12345\n(more from cursor 9)\n";
        assert_eq!(text(&table), expected);
        let mut json = Vec::new();
        table.write_json(&mut json).unwrap();
        let value: Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(value["keys"][0]["key"], "a\nb");
        assert_eq!(value["cursor"], 9);
    }

    #[test]
    fn an_answer_is_one_line_for_programs_whatever_the_bytes() {
        let answer = Answer::One("value", Field::Bytes(vec![0xff, b'\n', 0]));
        let mut json = Vec::new();
        answer.write_json(&mut json).unwrap();
        assert_eq!(json, b"{\"ok\":true,\"value_base64\":\"/woA\"}\n");
        let no = Answer::No("NotFound", Vec::new());
        assert_eq!(text(&no), "no: not found\n");
        assert_eq!(text(&Answer::DONE), "ok\n");
    }
}
