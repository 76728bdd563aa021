//! Durations and times, exact to the nanosecond: whole nanoseconds as decimal text.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::number::{parse, push};
use super::{Decode, Encode, Unencodable, WrongType};

const NANOS_PER_SECOND: u128 = 1_000_000_000;

impl Encode for Duration {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), Unencodable> {
        push(out, self.as_nanos())
    }
}

impl Decode for Duration {
    fn expected() -> Cow<'static, str> {
        "a duration in nanoseconds".into()
    }

    fn decode(bytes: Vec<u8>) -> Result<Self, WrongType> {
        let duration = parse(&bytes).and_then(duration_of);
        duration.ok_or_else(|| WrongType::of::<Self>(bytes))
    }
}

impl Encode for SystemTime {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), Unencodable> {
        match self.duration_since(UNIX_EPOCH) {
            Ok(since) => push(out, since.as_nanos()),
            Err(before) => {
                out.push(b'-');
                push(out, before.duration().as_nanos())
            }
        }
    }
}

impl Decode for SystemTime {
    fn expected() -> Cow<'static, str> {
        "a time in nanoseconds since 1970".into()
    }

    fn decode(bytes: Vec<u8>) -> Result<Self, WrongType> {
        let time = parse(&bytes).and_then(|nanos: i128| {
            let distance = duration_of(nanos.unsigned_abs())?;
            if nanos < 0 {
                UNIX_EPOCH.checked_sub(distance)
            } else {
                UNIX_EPOCH.checked_add(distance)
            }
        });
        time.ok_or_else(|| WrongType::of::<Self>(bytes))
    }
}

fn duration_of(nanos: u128) -> Option<Duration> {
    let seconds = u64::try_from(nanos / NANOS_PER_SECOND).ok()?;
    let rest = u32::try_from(nanos % NANOS_PER_SECOND).ok()?;
    Some(Duration::new(seconds, rest))
}
