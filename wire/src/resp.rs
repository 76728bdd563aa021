//! RESP, the protocol of Redis' clients, as a node reads and writes it: versions 2 and 3.
//!
//! A set of pure functions over bytes, like the rest of this crate: [`Parser`] finds commands in
//! received bytes and borrows their arguments from there, [`Writer`] appends replies to a buffer.
//! What the commands mean is not known here.
//!
//! ```text
//! command   *2\r\n $3\r\nGET\r\n $3\r\nkey\r\n        or, for people, one line: GET key\r\n
//! ```
//!
//! The texts of the errors are those of Redis, because clients and tests compare them.

mod arguments;
mod inline;
mod number;
mod parse;
mod write;

pub use arguments::{Arguments, Span};
pub use inline::split_inline;
pub use number::{float_text, integer_text, parse_float, parse_integer};
pub use parse::{Parsed, Parser, ParserLimits, ProtocolError};
pub use write::{Version, Writer};
