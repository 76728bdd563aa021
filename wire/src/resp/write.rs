//! Appends replies to a buffer, in version 2 or 3 of the protocol.
//!
//! What version 2 does not have is written as what its clients expect instead: a map as a list of
//! its keys and values, a set as a list, a null and a number as a bulk string, a truth as 0 or 1.

use super::number::{float_text, integer_line, integer_text};

/// The version that a connection speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Version {
    /// RESP2, until a HELLO says otherwise.
    #[default]
    Two,
    /// RESP3.
    Three,
}

/// Writes replies of one version.
#[derive(Debug)]
pub struct Writer<'o> {
    out: &'o mut Vec<u8>,
    version: Version,
}

impl<'o> Writer<'o> {
    /// Appends to `out`.
    #[must_use]
    #[inline]
    pub const fn new(out: &'o mut Vec<u8>, version: Version) -> Self {
        Self { out, version }
    }

    /// The version that is written.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// What follows is written in this version.
    pub const fn set_version(&mut self, version: Version) {
        self.version = version;
    }

    /// Bytes that were rendered before, for the same version.
    pub fn rendered(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// `OK`, as a short text.
    #[inline]
    pub fn ok(&mut self) {
        self.out.extend_from_slice(b"+OK\r\n");
    }

    /// A short text without line ends, such as `OK`.
    #[inline]
    pub fn simple(&mut self, text: &str) {
        self.line(b'+', text.as_bytes());
    }

    /// An error: its code word first, such as `ERR`. Line ends in it become spaces.
    pub fn error(&mut self, text: impl AsRef<[u8]>) {
        self.line(b'-', text.as_ref());
    }

    fn line(&mut self, kind: u8, text: &[u8]) {
        self.out.reserve(text.len() + 3);
        self.out.push(kind);
        let printable = |byte: &u8| {
            if matches!(byte, b'\r' | b'\n') {
                b' '
            } else {
                *byte
            }
        };
        self.out.extend(text.iter().map(printable));
        self.out.extend_from_slice(b"\r\n");
    }

    /// An integer.
    #[inline]
    pub fn integer(&mut self, number: i64) {
        self.number(b':', number);
    }

    #[inline]
    fn number(&mut self, kind: u8, number: i64) {
        integer_line(kind, number, self.out);
    }

    #[inline]
    fn length(&mut self, kind: u8, length: usize) {
        self.number(kind, i64::try_from(length).unwrap_or(i64::MAX));
    }

    /// A string of any bytes.
    #[inline]
    pub fn bulk(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        self.out.reserve(bytes.len() + 16);
        self.length(b'$', bytes.len());
        self.out.extend_from_slice(bytes);
        self.out.extend_from_slice(b"\r\n");
    }

    /// A string of `length` bytes, which are `parts` one after the other.
    #[inline]
    pub fn bulk_parts<'p>(&mut self, length: usize, parts: impl Iterator<Item = &'p [u8]>) {
        self.out.reserve(length + 16);
        self.length(b'$', length);
        for part in parts {
            self.out.extend_from_slice(part);
        }
        self.out.extend_from_slice(b"\r\n");
    }

    /// An integer as a string, as counters of text are answered.
    pub fn integer_bulk(&mut self, number: i64) {
        let mut text = Vec::new();
        integer_text(number, &mut text);
        self.bulk(text);
    }

    /// Nothing where a string could be.
    #[inline]
    pub fn null(&mut self) {
        let text: &[u8] = match self.version {
            Version::Two => b"$-1\r\n",
            Version::Three => b"_\r\n",
        };
        self.out.extend_from_slice(text);
    }

    /// Nothing where a list could be.
    pub fn null_array(&mut self) {
        let text: &[u8] = match self.version {
            Version::Two => b"*-1\r\n",
            Version::Three => b"_\r\n",
        };
        self.out.extend_from_slice(text);
    }

    /// A list, whose items follow.
    pub fn array(&mut self, length: usize) {
        self.length(b'*', length);
    }

    /// A map of so many pairs, whose keys and values follow in turn.
    pub fn map(&mut self, pairs: usize) {
        match self.version {
            Version::Two => self.length(b'*', pairs * 2),
            Version::Three => self.length(b'%', pairs),
        }
    }

    /// A set, whose items follow.
    pub fn set(&mut self, length: usize) {
        match self.version {
            Version::Two => self.length(b'*', length),
            Version::Three => self.length(b'~', length),
        }
    }

    /// A message that nobody asked for, whose items follow.
    pub fn push(&mut self, length: usize) {
        match self.version {
            Version::Two => self.length(b'*', length),
            Version::Three => self.length(b'>', length),
        }
    }

    /// A floating-point number.
    pub fn double(&mut self, number: f64) {
        let mut text = Vec::new();
        float_text(number, &mut text);
        match self.version {
            Version::Two => self.bulk(text),
            Version::Three => self.line(b',', &text),
        }
    }

    /// A truth.
    pub fn boolean(&mut self, holds: bool) {
        match (self.version, holds) {
            (Version::Two, holds) => self.integer(i64::from(holds)),
            (Version::Three, true) => self.out.extend_from_slice(b"#t\r\n"),
            (Version::Three, false) => self.out.extend_from_slice(b"#f\r\n"),
        }
    }

    /// Text for people, line ends included.
    pub fn text(&mut self, text: &str) {
        match self.version {
            Version::Two => self.bulk(text),
            Version::Three => {
                self.length(b'=', text.len() + 4);
                self.out.extend_from_slice(b"txt:");
                self.out.extend_from_slice(text.as_bytes());
                self.out.extend_from_slice(b"\r\n");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(version: Version, write: impl Fn(&mut Writer<'_>)) -> String {
        let mut out = Vec::new();
        write(&mut Writer::new(&mut out, version));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_kind_of_reply_is_written_as_its_version_has_it() {
        type Write = fn(&mut Writer<'_>);
        let cases: [(Write, &str, &str); 15] = [
            (|w| w.simple("OK"), "+OK\r\n", "+OK\r\n"),
            (|w| w.ok(), "+OK\r\n", "+OK\r\n"),
            (|w| w.error("ERR a\r\nb"), "-ERR a  b\r\n", "-ERR a  b\r\n"),
            (|w| w.integer(-7), ":-7\r\n", ":-7\r\n"),
            (|w| w.bulk("ab"), "$2\r\nab\r\n", "$2\r\nab\r\n"),
            (|w| w.integer_bulk(10), "$2\r\n10\r\n", "$2\r\n10\r\n"),
            (|w| w.null(), "$-1\r\n", "_\r\n"),
            (|w| w.null_array(), "*-1\r\n", "_\r\n"),
            (|w| w.array(3), "*3\r\n", "*3\r\n"),
            (|w| w.map(3), "*6\r\n", "%3\r\n"),
            (|w| w.set(3), "*3\r\n", "~3\r\n"),
            (|w| w.push(3), "*3\r\n", ">3\r\n"),
            (|w| w.double(1.5), "$3\r\n1.5\r\n", ",1.5\r\n"),
            (|w| w.boolean(true), ":1\r\n", "#t\r\n"),
            (|w| w.text("a\n"), "$2\r\na\n\r\n", "=6\r\ntxt:a\n\r\n"),
        ];
        for (write, two, three) in cases {
            assert_eq!(written(Version::Two, write), two);
            assert_eq!(written(Version::Three, write), three);
        }
    }
}
