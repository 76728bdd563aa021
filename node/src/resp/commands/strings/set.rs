//! SET with its options, and its older relatives.

use jerboa_wire::{Opcode, Request, RequestFlags, limits};

use super::Result;
use super::condition::{Given, put_if};
use crate::resp::call::{Asked, Call};
use crate::resp::form::{Absent, Form, Late};
use crate::resp::refusal::Refusal;

/// How an expiry is given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unit {
    Seconds,
    Milliseconds,
    AtSeconds,
    AtMilliseconds,
}

impl Unit {
    /// By the word of the option.
    pub(crate) fn of(word: &[u8]) -> Option<Self> {
        const WORDS: [(&str, Unit); 4] = [
            ("ex", Unit::Seconds),
            ("px", Unit::Milliseconds),
            ("exat", Unit::AtSeconds),
            ("pxat", Unit::AtMilliseconds),
        ];
        let found = WORDS
            .iter()
            .find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()));
        found.map(|(_, unit)| *unit)
    }

    pub(crate) const fn is_absolute(self) -> bool {
        matches!(self, Self::AtSeconds | Self::AtMilliseconds)
    }

    pub(crate) const fn in_seconds(self) -> bool {
        matches!(self, Self::Seconds | Self::AtSeconds)
    }

    /// The flag of a request whose `arg` is such a time.
    pub(crate) const fn flag(self) -> RequestFlags {
        if self.is_absolute() {
            RequestFlags::TTL_ABSOLUTE
        } else {
            RequestFlags::TTL_RELATIVE
        }
    }

    /// The flag and `arg` of a request for the expiry that an argument gives: positive, and no
    /// later than time can be told. The protocol's time ends earlier than Redis'; what lies beyond
    /// is brought forward to its end, which is as good as never.
    pub(crate) fn expiry(
        self,
        call: &Call<'_, '_>,
        index: usize,
    ) -> std::result::Result<(RequestFlags, u64), Refusal> {
        let given = call.integer(index)?;
        let scale = if self.in_seconds() { 1000 } else { 1 };
        let base_ms = if self.is_absolute() { 0 } else { call.now_ms };
        let until_ms = given
            .checked_mul(scale)
            .filter(|ms| *ms > 0)
            .ok_or_else(|| call.invalid_expiry())?;
        if until_ms.checked_add_unsigned(base_ms).is_none() {
            return Err(call.invalid_expiry());
        }
        Ok((
            self.flag(),
            until_ms.unsigned_abs().min(limits::EXPIRY_MS_MAX),
        ))
    }
}

/// The options of SET as they were given.
#[derive(Default)]
struct Options<'a> {
    if_absent: bool,
    if_present: bool,
    get: bool,
    keep: bool,
    expiry: Option<(Unit, usize)>,
    condition: Option<Given<'a>>,
}

impl<'a> Options<'a> {
    fn read(call: &Call<'_, 'a>) -> std::result::Result<Self, Refusal> {
        let mut options = Self::default();
        let mut index = 3;
        while index < call.len() {
            let has_next = index + 1 < call.len();
            let conditions = (
                options.if_absent,
                options.if_present,
                options.condition.is_some(),
            );
            let given = has_next
                .then(|| Given::of(call.at(index), call.at(index + 1)))
                .flatten();
            let unit = Unit::of(call.at(index));
            if call.is(index, "nx") && matches!(conditions, (_, false, false)) {
                options.if_absent = true;
            } else if call.is(index, "xx") && matches!(conditions, (false, _, false)) {
                options.if_present = true;
            } else if call.is(index, "get") {
                options.get = true;
            } else if call.is(index, "keepttl") && options.expiry.is_none() {
                options.keep = true;
            } else if given.is_some() && conditions == (false, false, false) {
                index += 1;
                options.condition = given;
            } else if let Some(unit) = unit
                && has_next
                && !options.keep
                && options.expiry.is_none_or(|(other, _)| other == unit)
            {
                index += 1;
                options.expiry = Some((unit, index));
            } else {
                return Err(Refusal::SYNTAX);
            }
            index += 1;
        }
        Ok(options)
    }
}

pub(super) fn set<'a>(call: &Call<'_, 'a>, section: &mut Vec<u8>) -> Result<'a> {
    let mut request = Request {
        key: call.key(1)?,
        value: call.value(2)?,
        ..Request::new(Opcode::Put)
    };
    if call.len() == 3 {
        return Ok(Asked::plain(request, Form::Stored));
    }
    let options = Options::read(call)?;
    if options.keep {
        request.flags = request.flags | RequestFlags::KEEP_TTL;
    }
    if let Some((unit, index)) = options.expiry {
        let (flag, arg) = unit.expiry(call, index)?;
        request.flags = request.flags | flag;
        request.arg = arg;
    }
    if let Some(given) = options.condition {
        return put_if(request, given, options.get, section);
    }
    let flags = [
        (options.if_absent, RequestFlags::IF_ABSENT),
        (options.if_present, RequestFlags::IF_PRESENT),
        (options.get, RequestFlags::RETURN_OLD),
    ];
    for (is_set, flag) in flags {
        if is_set {
            request.flags = request.flags | flag;
        }
    }
    let form = if options.get { Form::Old } else { Form::Stored };
    Ok(Asked::plain(request, form))
}

pub(super) fn set_if_absent<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    let request = Request {
        key: call.key(1)?,
        value: call.value(2)?,
        flags: RequestFlags::IF_ABSENT,
        ..Request::new(Opcode::Put)
    };
    Ok(Asked::plain(request, Form::Flag))
}

pub(super) fn set_for_seconds<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    set_for(call, Unit::Seconds)
}

pub(super) fn set_for_milliseconds<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    set_for(call, Unit::Milliseconds)
}

fn set_for<'a>(call: &Call<'_, 'a>, unit: Unit) -> Result<'a> {
    let (flags, arg) = unit.expiry(call, 2)?;
    let request = Request {
        key: call.key(1)?,
        value: call.value(3)?,
        flags,
        arg,
        ..Request::new(Opcode::Put)
    };
    Ok(Asked::plain(request, Form::Stored))
}

/// GETEX: the options are read before the key is looked at, what they say only if it is there.
pub(super) fn get_and_expire<'a>(call: &Call<'_, 'a>, _: &mut Vec<u8>) -> Result<'a> {
    let (mut expiry, mut persist) = (None, false);
    let mut index = 2;
    while index < call.len() {
        let has_next = index + 1 < call.len();
        if call.is(index, "persist") && expiry.is_none() {
            persist = true;
        } else if let Some(unit) = Unit::of(call.at(index))
            && has_next
            && !persist
            && expiry.is_none_or(|(other, _)| other == unit)
        {
            index += 1;
            expiry = Some((unit, index));
        } else {
            return Err(Refusal::SYNTAX);
        }
        index += 1;
    }
    let Some((unit, index)) = expiry else {
        let opcode = if persist {
            Opcode::GetExpire
        } else {
            Opcode::Get
        };
        return call.on_key(opcode, Form::Value);
    };
    match unit.expiry(call, index) {
        Ok((flags, arg)) => {
            let mut asked = call.on_key(Opcode::GetExpire, Form::Value)?;
            asked.request.flags = flags;
            asked.request.arg = arg;
            Ok(asked)
        }
        Err(refusal) => {
            let late = if refusal == Refusal::NOT_AN_INTEGER {
                Late::NotAnInteger
            } else {
                Late::InvalidExpiry
            };
            call.on_key(Opcode::Exists, Form::Unless(late, Absent::Nothing))
        }
    }
}
