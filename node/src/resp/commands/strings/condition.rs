//! SET, DELEX and DELIFEQ under a condition on the value that is there, and DIGEST: as Redis 8.4
//! has them, whose IFEQ is Valkey's too.
//!
//! The owner compares and changes at one moment. What is wrong with a condition is looked at only
//! where there is a value to compare with, as Redis does: an absent key differs from everything.

use jerboa_wire::{Conditional, Opcode, Request, RequestFlags, ValueCondition};

use super::Result;
use crate::resp::call::{Asked, Call};
use crate::resp::form::{Absent, Form, Late};
use crate::resp::refusal::Refusal;

/// Characters of a digest.
const DIGEST_CHARACTERS: usize = 16;

/// What a condition compares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Word {
    Equals,
    Differs,
    DigestEquals,
    DigestDiffers,
}

/// A condition as it was given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Given<'a> {
    word: Word,
    operand: &'a [u8],
}

/// What is to be compared.
enum Meaning<'a> {
    Compare(ValueCondition<'a>),
    /// It holds for no value, and not without one.
    Never,
    /// It holds always: no value has such a digest.
    Always,
    /// It is wrong wherever there is a value.
    Wrong,
}

impl<'a> Given<'a> {
    /// The condition of this name.
    pub(super) fn of(name: &[u8], operand: &'a [u8]) -> Option<Self> {
        const WORDS: [(&str, Word); 4] = [
            ("ifeq", Word::Equals),
            ("ifne", Word::Differs),
            ("ifdeq", Word::DigestEquals),
            ("ifdne", Word::DigestDiffers),
        ];
        let mut words = WORDS.iter();
        let (_, word) = words.find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()))?;
        let word = *word;
        Some(Self { word, operand })
    }

    /// Whether it holds where there is no entry.
    fn wants_no_entry(self) -> bool {
        matches!(self.word, Word::Differs | Word::DigestDiffers)
    }

    fn meaning(self) -> Meaning<'a> {
        let is_equality = !self.wants_no_entry();
        match self.word {
            Word::Equals => Meaning::Compare(ValueCondition::Equals(self.operand)),
            Word::Differs => Meaning::Compare(ValueCondition::Differs(self.operand)),
            _ if self.operand.len() != DIGEST_CHARACTERS => Meaning::Wrong,
            // Only the length is looked at: other characters are a digest that no value has.
            _ => match digest(self.operand) {
                Some(digest) if is_equality => {
                    Meaning::Compare(ValueCondition::DigestEquals(digest))
                }
                Some(digest) => Meaning::Compare(ValueCondition::DigestDiffers(digest)),
                None if is_equality => Meaning::Never,
                None => Meaning::Always,
            },
        }
    }
}

/// The number that a digest is the text of.
fn digest(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    let is_hexadecimal = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    u64::from_str_radix(text, 16)
        .ok()
        .filter(|_| is_hexadecimal)
}

/// A put that is done where a condition holds; `tells_old`: with the value that was there.
pub(super) fn put_if<'a>(
    put: Request<'a>,
    given: Given<'_>,
    tells_old: bool,
    section: &mut Vec<u8>,
) -> Result<'a> {
    let (flags, form) = if tells_old {
        (put.flags | RequestFlags::RETURN_OLD, Form::Old)
    } else {
        (put.flags, Form::Stored)
    };
    let alone = |opcode, form| {
        let key = put.key;
        let request = Request {
            key,
            ..Request::new(opcode)
        };
        Asked::plain(request, form)
    };
    let condition = match given.meaning() {
        Meaning::Compare(condition) => condition,
        Meaning::Always => return Ok(Asked::plain(Request { flags, ..put }, form)),
        Meaning::Never if tells_old => return Ok(alone(Opcode::Get, Form::Value)),
        Meaning::Never => return Ok(alone(Opcode::Exists, Form::Nothing)),
        Meaning::Wrong if given.wants_no_entry() => {
            let flags = put.flags | RequestFlags::IF_ABSENT;
            let form = if tells_old {
                Form::Unless(Late::NoDigest, Absent::Nothing)
            } else {
                Form::Unless(Late::NoDigest, Absent::Done)
            };
            return Ok(Asked::plain(Request { flags, ..put }, form));
        }
        Meaning::Wrong => {
            return Ok(alone(
                Opcode::Exists,
                Form::Unless(Late::NoDigest, Absent::Nothing),
            ));
        }
    };
    let new = put.value;
    if !(Conditional { condition, new }).encode(section) {
        return Err(Refusal::VALUE_TOO_LARGE);
    }
    let request = Request {
        opcode: Opcode::PutIf,
        value: &[],
        flags,
        ..put
    };
    Ok(Asked::composed(request, form))
}

/// DELEX: without a condition as DEL of one key.
pub(super) fn delete_if<'a>(call: &Call<'_, 'a>, section: &mut Vec<u8>) -> Result<'a> {
    match call.len() {
        2 => return call.on_key(Opcode::Delete, Form::Flag),
        4 => {}
        _ => return Err(call.wrong_arity()),
    }
    let Some(given) = Given::of(call.at(2), call.at(3)) else {
        return call.on_key(
            Opcode::Exists,
            Form::Unless(Late::NoCondition, Absent::Zero),
        );
    };
    let condition = match given.meaning() {
        Meaning::Compare(condition) => condition,
        Meaning::Always => return call.on_key(Opcode::Delete, Form::Flag),
        Meaning::Never => return call.on_key(Opcode::Exists, Form::Zero),
        Meaning::Wrong => {
            return call.on_key(Opcode::Exists, Form::Unless(Late::NoDigest, Absent::Zero));
        }
    };
    deletion(call, condition, section)
}

/// DELIFEQ.
pub(super) fn delete_if_equal<'a>(call: &Call<'_, 'a>, section: &mut Vec<u8>) -> Result<'a> {
    deletion(call, ValueCondition::Equals(call.at(2)), section)
}

fn deletion<'a>(
    call: &Call<'_, 'a>,
    condition: ValueCondition<'_>,
    section: &mut Vec<u8>,
) -> Result<'a> {
    let new = b"";
    if !(Conditional { condition, new }).encode(section) {
        return Err(Refusal::VALUE_TOO_LARGE);
    }
    let asked = call.on_key(Opcode::DeleteIf, Form::Flag)?;
    Ok(Asked::composed(asked.request, asked.form))
}

/// DIGEST.
pub(super) fn digest_of<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    call.on_key(Opcode::Digest, Form::Digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_sixteen_digits_of_either_case_and_nothing_else() {
        assert_eq!(digest(b"9555e8555c62dcfd"), Some(0x9555_E855_5C62_DCFD));
        assert_eq!(digest(b"9555E8555C62DCFD"), Some(0x9555_E855_5C62_DCFD));
        assert_eq!(digest(b"+555e8555c62dcfd"), None);
        assert_eq!(digest(b"zzzzzzzzzzzzzzzz"), None);
        assert_eq!(digest(&[0xFF; 16]), None);
        let meaning = |name: &[u8], operand| Given::of(name, operand).map(Given::meaning);
        assert!(matches!(
            meaning(b"IFDEQ", b"+555e8555c62dcfd"),
            Some(Meaning::Never)
        ));
        assert!(matches!(
            meaning(b"ifdne", b"+555e8555c62dcfd"),
            Some(Meaning::Always)
        ));
        assert!(matches!(
            meaning(b"IfDnE", b"1234567890"),
            Some(Meaning::Wrong)
        ));
        assert!(meaning(b"ifx", b"").is_none());
    }
}
