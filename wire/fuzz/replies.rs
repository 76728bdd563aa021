//! What must hold for any replies whatever that are written. The fuzz target and a test on the stable
//! toolchain both run this.
//!
//! * What the writer writes is read back, by a reader that knows the protocol and nothing of the
//!   writer, as what was to be said: in version 3 each kind as it is, in version 2 as its clients
//!   expect it instead.
//! * Nothing is left over behind it, and no part of it that ends early is taken for the whole.
//!
//! ```text
//! bytes     a tree of replies: a kind, then what it says or how many are in it, one after the other
//! ```

use jerboa_wire::resp::{Version, Writer};

/// Lists within lists, and items of one list.
const DEPTH_MAX: usize = 6;
const ITEMS_MAX: usize = 9;

/// What is to be said.
#[derive(Clone, Debug)]
enum Say {
    Simple(String),
    Error(Vec<u8>),
    Integer(i64),
    IntegerBulk(i64),
    Bulk(Vec<u8>),
    Parts(Vec<Vec<u8>>),
    Null,
    NullArray,
    Double(f64),
    Boolean(bool),
    Text(String),
    Array(Vec<Self>),
    Set(Vec<Self>),
    Push(Vec<Self>),
    Map(Vec<(Self, Self)>),
}

/// What was read.
#[derive(Clone, Debug, PartialEq)]
enum Heard {
    Simple(Vec<u8>),
    Error(Vec<u8>),
    Integer(i64),
    Bulk(Vec<u8>),
    /// Version 2 tells a string that is absent from a list that is.
    NullBulk,
    NullArray,
    Null,
    Double(u64),
    Boolean(bool),
    Verbatim([u8; 3], Vec<u8>),
    Array(Vec<Self>),
    Set(Vec<Self>),
    Push(Vec<Self>),
    Map(Vec<Self>),
}

/// Checks the replies that the bytes describe; returns how many there were, those within others
/// included.
pub(crate) fn check(bytes: &[u8]) -> usize {
    let mut source = Source(bytes);
    let mut count = 0;
    while !source.0.is_empty() {
        let say = source.say(0, &mut count);
        for version in [Version::Two, Version::Three] {
            let mut out = Vec::new();
            write(&say, &mut Writer::new(&mut out, version));
            let mut reader = Reader(&out);
            let heard = reader.next();
            assert_eq!(heard, Some(expected(&say, version)), "{version:?} {say:?}");
            assert!(reader.0.is_empty(), "{version:?} {say:?}");
            // Some cuts, the last byte's among them.
            for cut in [out.len() - 1, out.len() / 2, bytes.len() % out.len()] {
                assert_eq!(Reader(&out[..cut]).next(), None, "{version:?} {say:?}");
            }
        }
    }
    count
}

/// Bytes that are turned into what is to be said.
struct Source<'b>(&'b [u8]);

impl Source<'_> {
    fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *byte
    }

    fn eight(&mut self) -> [u8; 8] {
        std::array::from_fn(|_| self.byte())
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = usize::from(self.byte()).min(self.0.len());
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        bytes.to_vec()
    }

    fn text(&mut self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    fn number(&mut self) -> i64 {
        // Small ones and those of all 64 bits.
        let bits = i64::from_le_bytes(self.eight());
        bits >> (self.byte() % 64)
    }

    fn list(&mut self, depth: usize, count: &mut usize) -> Vec<Say> {
        let items = usize::from(self.byte()) % ITEMS_MAX;
        (0..items).map(|_| self.say(depth + 1, count)).collect()
    }

    fn say(&mut self, depth: usize, count: &mut usize) -> Say {
        *count += 1;
        // The kinds that hold others come last.
        let kinds = if depth < DEPTH_MAX { 15 } else { 11 };
        match self.byte() % kinds {
            0 => Say::Simple(self.text()),
            1 => Say::Error(self.bytes()),
            2 => Say::Integer(self.number()),
            3 => Say::IntegerBulk(self.number()),
            4 => Say::Bulk(self.bytes()),
            5 => {
                let parts = usize::from(self.byte()) % ITEMS_MAX;
                Say::Parts((0..parts).map(|_| self.bytes()).collect())
            }
            6 => Say::Null,
            7 => Say::NullArray,
            8 => Say::Double(f64::from_le_bytes(self.eight())),
            9 => Say::Boolean(self.byte() & 1 == 1),
            10 => Say::Text(self.text()),
            11 => Say::Array(self.list(depth, count)),
            12 => Say::Set(self.list(depth, count)),
            13 => Say::Push(self.list(depth, count)),
            _ => {
                let items = usize::from(self.byte()) % ITEMS_MAX;
                let pair = |_| (self.say(depth + 1, count), self.say(depth + 1, count));
                Say::Map((0..items).map(pair).collect())
            }
        }
    }
}

fn write(say: &Say, out: &mut Writer<'_>) {
    let list = |items: &[Say], out: &mut Writer<'_>| items.iter().for_each(|item| write(item, out));
    match say {
        Say::Simple(text) => out.simple(text),
        Say::Error(text) => out.error(text),
        Say::Integer(number) => out.integer(*number),
        Say::IntegerBulk(number) => out.integer_bulk(*number),
        Say::Bulk(bytes) => out.bulk(bytes),
        Say::Parts(parts) => {
            let length = parts.iter().map(Vec::len).sum();
            out.bulk_parts(length, parts.iter().map(Vec::as_slice));
        }
        Say::Null => out.null(),
        Say::NullArray => out.null_array(),
        Say::Double(number) => out.double(*number),
        Say::Boolean(holds) => out.boolean(*holds),
        Say::Text(text) => out.text(text),
        Say::Array(items) => {
            out.array(items.len());
            list(items, out);
        }
        Say::Set(items) => {
            out.set(items.len());
            list(items, out);
        }
        Say::Push(items) => {
            out.push(items.len());
            list(items, out);
        }
        Say::Map(pairs) => {
            out.map(pairs.len());
            for (key, value) in pairs {
                write(key, out);
                write(value, out);
            }
        }
    }
}

/// What a client of that version is to hear.
fn expected(say: &Say, version: Version) -> Heard {
    let all = |items: &[Say]| items.iter().map(|item| expected(item, version)).collect();
    let line = |text: &[u8]| -> Vec<u8> {
        let shown = |byte: &u8| if b"\r\n".contains(byte) { b' ' } else { *byte };
        text.iter().map(shown).collect()
    };
    match (say, version) {
        (Say::Simple(text), _) => Heard::Simple(line(text.as_bytes())),
        (Say::Error(text), _) => Heard::Error(line(text)),
        (Say::Integer(number), _) => Heard::Integer(*number),
        (Say::IntegerBulk(number), _) => Heard::Bulk(number.to_string().into_bytes()),
        (Say::Bulk(bytes), _) => Heard::Bulk(bytes.clone()),
        (Say::Parts(parts), _) => Heard::Bulk(parts.concat()),
        (Say::Null, Version::Two) => Heard::NullBulk,
        (Say::NullArray, Version::Two) => Heard::NullArray,
        (Say::Null | Say::NullArray, Version::Three) => Heard::Null,
        (Say::Double(number), Version::Two) => Heard::Bulk(plain(*number).into_bytes()),
        (Say::Double(number), Version::Three) => Heard::Double(same_bits(*number)),
        (Say::Boolean(holds), Version::Two) => Heard::Integer((*holds).into()),
        (Say::Boolean(holds), Version::Three) => Heard::Boolean(*holds),
        (Say::Text(text), Version::Two) => Heard::Bulk(text.clone().into_bytes()),
        (Say::Text(text), Version::Three) => Heard::Verbatim(*b"txt", text.clone().into_bytes()),
        (Say::Array(items), _) | (Say::Set(items) | Say::Push(items), Version::Two) => {
            Heard::Array(all(items))
        }
        (Say::Set(items), Version::Three) => Heard::Set(all(items)),
        (Say::Push(items), Version::Three) => Heard::Push(all(items)),
        (Say::Map(pairs), version) => {
            let both =
                |(key, value): &(Say, Say)| [expected(key, version), expected(value, version)];
            let items = pairs.iter().flat_map(both).collect();
            match version {
                Version::Two => Heard::Array(items),
                Version::Three => Heard::Map(items),
            }
        }
    }
}

/// The text of a number without exponent.
fn plain(number: f64) -> String {
    match number {
        _ if number.is_nan() => "nan".into(),
        f64::INFINITY => "inf".into(),
        f64::NEG_INFINITY => "-inf".into(),
        // No sign of zero.
        _ => format!("{}", number + 0.0),
    }
}

/// The bits of a number, all those that are none alike, and both zeros.
fn same_bits(number: f64) -> u64 {
    if number.is_nan() {
        f64::NAN.to_bits()
    } else {
        (number + 0.0).to_bits()
    }
}

/// Reads replies as a client of either version does, strictly.
struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    /// The next reply; `None` where it is not all there, or is none.
    fn next(&mut self) -> Option<Heard> {
        let (kind, line) = self.line()?.split_first()?;
        Some(match *kind {
            b'+' => Heard::Simple(line.to_vec()),
            b'-' => Heard::Error(line.to_vec()),
            b':' => Heard::Integer(integer(line)?),
            b'$' if line == b"-1" => Heard::NullBulk,
            b'$' => Heard::Bulk(self.string(line)?.to_vec()),
            b'=' => {
                let (form, text) = self.string(line)?.split_first_chunk::<4>()?;
                let [a, b, c, b':'] = *form else { return None };
                Heard::Verbatim([a, b, c], text.to_vec())
            }
            b'*' if line == b"-1" => Heard::NullArray,
            b'*' => Heard::Array(self.items(line, 1)?),
            b'~' => Heard::Set(self.items(line, 1)?),
            b'>' => Heard::Push(self.items(line, 1)?),
            b'%' => Heard::Map(self.items(line, 2)?),
            b'_' if line.is_empty() => Heard::Null,
            b'#' => Heard::Boolean(match line {
                b"t" => true,
                b"f" => false,
                _ => return None,
            }),
            b',' => Heard::Double(double(line)?),
            _ => return None,
        })
    }

    /// Up to the next line end, which is both bytes, neither of which is in it.
    fn line(&mut self) -> Option<&'b [u8]> {
        let end = self.0.iter().position(|byte| b"\r\n".contains(byte))?;
        let (line, rest) = self.0.split_at(end);
        self.0 = rest.strip_prefix(b"\r\n")?;
        Some(line)
    }

    fn string(&mut self, line: &[u8]) -> Option<&'b [u8]> {
        let length = usize::try_from(integer(line)?).ok()?;
        let (string, rest) = self.0.split_at_checked(length)?;
        self.0 = rest.strip_prefix(b"\r\n")?;
        Some(string)
    }

    fn items(&mut self, line: &[u8], each: usize) -> Option<Vec<Heard>> {
        let count = usize::try_from(integer(line)?).ok()?.checked_mul(each)?;
        (0..count).map(|_| self.next()).collect()
    }
}

/// An integer in its one spelling.
fn integer(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let number: i64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// A number as version 3 has it: these three words, or digits.
fn double(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    let is_digits = text.bytes().all(|byte| b"-.0123456789".contains(&byte));
    if !is_digits && !["inf", "-inf", "nan"].contains(&text) {
        return None;
    }
    Some(same_bits(text.parse().ok()?))
}
