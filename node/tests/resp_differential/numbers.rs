//! Numbers at their edges: what is one and what is not, the least and the greatest, and one beyond
//! them, as values, amounts, offsets and times.

use crate::common::Random;
use crate::stream::{Args, Compare};

/// The most that a value or an offset may be, as both are told.
const VALUE_BYTES_MAX: i64 = 64 << 20;

/// Texts that are integers to some readers.
const NEARLY_INTEGERS: &[&str] = &[
    "",
    " ",
    "-",
    "+",
    "+1",
    "-0",
    "+0",
    "00",
    "01",
    "-01",
    " 1",
    "1 ",
    "\t1",
    "1\n",
    "1\r\n",
    "1\0",
    "\0",
    "0x1",
    "0X1F",
    "1e0",
    "1E3",
    "1.0",
    "1.",
    ".5",
    "1,000",
    "1_000",
    "--1",
    "-+1",
    "0b1",
    "0o7",
    "inf",
    "nan",
    "true",
    "one",
    "\u{661}",
    "\u{2212}1",
    "9223372036854775807 ",
    "09223372036854775807",
    "99999999999999999999",
    "-99999999999999999999",
    "18446744073709551616",
    "18446744073709551615",
    "340282366920938463463374607431768211456",
    "000000000000000000000000000001",
];
/// Where 32 and 64 bits, and what the servers count in, end.
const ENDS: &[i64] = &[
    0,
    1 << 7,
    1 << 8,
    1 << 15,
    1 << 16,
    1 << 31,
    1 << 32,
    1 << 42,
    1 << 48,
    1 << 53,
    1 << 62,
    i64::MAX,
    i64::MIN,
    i64::MAX / 10,
    i64::MAX / 1000,
    i64::MIN / 1000,
    i64::MAX / 2,
    1_000_000_000_000_000_000,
    999_999_999_999_999_999,
];

/// Texts that are floating-point numbers to some readers; hexadecimal ones are to Redis alone.
const NEARLY_FLOATS: &[&str] = &[
    "",
    " ",
    ".",
    "-",
    "+.",
    "-.",
    "e",
    "e1",
    ".e1",
    "1e",
    "1e+",
    "1e-",
    "1e1.5",
    "1e1e1",
    "1.5.2",
    "1,5",
    "1_0",
    " 1.5",
    "1.5 ",
    "\t1.5",
    "1.5\n",
    "1.5\0",
    "\0",
    "--1.5",
    "+-1.5",
    "nan",
    "NaN",
    "-nan",
    "nan(1)",
    "infi",
    "in",
    "1.5f",
    "1.5d",
    "1.5L",
    "0b1",
    "\u{661}",
    "1e\u{661}",
    "x1.5",
];
/// Infinities, which are numbers that nothing can be counted with.
const INFINITIES: &[&str] = &[
    "inf",
    "-inf",
    "+inf",
    "INF",
    "Inf",
    "infinity",
    "-Infinity",
    "INFINITY",
];
/// Ways to write what 64 bits hold exactly, and in so few digits that sums need no more than 15: in
/// those the shortest text is Redis' text.
const FLOATS: &[&str] = &[
    "1",
    "-1",
    "1.",
    ".5",
    "-.5",
    "0.",
    "0",
    "-0",
    "-0.0",
    "00",
    "007.50",
    "1e0",
    "1E2",
    "1e+2",
    "25e-2",
    "-25E-2",
    "1e6",
    "3.0000000000000000000000000",
    "125000000000000000000e-20",
    "0.03125e0",
    "0e999",
    "0e-999",
];

/// One command about floating-point numbers, on keys of their own: what 64 bits hold as well as 80.
fn float(random: &mut Random) -> Args {
    let key = format!("{{n}}float:{}", random.below(3));
    let any = match random.below(8) {
        0 | 1 => pick(random, NEARLY_FLOATS),
        2 => pick(random, FLOATS),
        _ => {
            let number = random.below(1 << 20) as f64 - f64::from(1 << 19);
            (number / f64::from(1 << random.below(6))).to_string()
        }
    };
    let words = match random.below(6) {
        0 => vec!["SET".into(), key, any],
        1 => vec!["SET".into(), key, "0".into()],
        2 => vec!["GET".into(), key],
        3 if random.below(4) == 0 => vec!["INCRBYFLOAT".into(), key, pick(random, INFINITIES)],
        3 if random.below(2) == 0 => vec!["INCRBYFLOAT".into(), key, format!("+{any}")],
        // Long ones.
        3 => vec![
            "INCRBYFLOAT".into(),
            key,
            format!("{}{any}", "0".repeat(240 + random.below(20))),
        ],
        _ => vec!["INCRBYFLOAT".into(), key, any],
    };
    words.into_iter().map(String::into_bytes).collect()
}

/// One command about numbers, on keys of its own.
pub(crate) fn command(random: &mut Random) -> (Args, Compare) {
    if random.below(4) == 0 {
        return (float(random), Compare::Exact);
    }
    let key = format!("{{n}}{}", random.below(4));
    let words: Vec<String> = match random.below(14) {
        0..=2 => vec!["SET".into(), key, integer(random)],
        3 => vec![pick(random, &["INCR", "DECR"]), key],
        4..=6 => {
            let name = pick(random, &["INCRBY", "DECRBY"]);
            vec![name, key, integer(random)]
        }
        7 => vec!["GET".into(), key],
        8 => vec![
            "APPEND".into(),
            key,
            pick(random, &["0", " ", "1", "-", "\0"]),
        ],
        9 | 10 => {
            let name = pick(random, &["GETRANGE", "SUBSTR"]);
            vec![name, key, integer(random), integer(random)]
        }
        11 => vec![
            "SETRANGE".into(),
            key,
            offset(random),
            pick(random, &["", "", "7", "-1"]),
        ],
        12 if random.below(2) == 0 => vec!["STRLEN".into(), key],
        12 => {
            let words = vec!["TTL".into(), key.into_bytes()];
            return (words, Compare::NearOrNever(5));
        }
        _ => return (expiry(random), Compare::Exact),
    };
    (
        words.into_iter().map(String::into_bytes).collect(),
        Compare::Exact,
    )
}

fn pick(random: &mut Random, from: &[&str]) -> String {
    from[random.below(from.len())].to_owned()
}

/// One, or what is nearly one.
fn integer(random: &mut Random) -> String {
    match random.below(5) {
        0 => pick(random, NEARLY_INTEGERS),
        1 => (random.next() as i64 >> random.below(64)).to_string(),
        2 => random.below(20).to_string(),
        _ => {
            let near = ENDS[random.below(ENDS.len())];
            let near = if random.below(3) == 0 {
                near.wrapping_neg()
            } else {
                near
            };
            near.wrapping_add(random.below(5) as i64 - 2).to_string()
        }
    }
}

/// Where bytes are set: near the front, or where nothing but nothing may be.
fn offset(random: &mut Random) -> String {
    match random.below(4) {
        0 => {
            let any = integer(random);
            if any
                .parse()
                .is_ok_and(|any: i64| (1000..=VALUE_BYTES_MAX).contains(&any))
            {
                format!("-{any}")
            } else {
                any
            }
        }
        1 => (VALUE_BYTES_MAX + 1 + random.below(3) as i64).to_string(),
        _ => random.below(300).to_string(),
    }
}

/// A time to live or a deadline that is refused, or lasts: never one that ends while both are asked.
fn expiry(random: &mut Random) -> Args {
    let key = format!("{{n}}{}", random.below(4));
    let mut time = integer(random);
    if time
        .parse()
        .is_ok_and(|time: i64| (1..1_000_000).contains(&time))
    {
        time += "000000";
    }
    let words: Vec<String> = match random.below(8) {
        0 => vec!["SETEX".into(), key, time, "v".into()],
        1 => vec!["PSETEX".into(), key, time, "v".into()],
        2 => vec![
            "SET".into(),
            key,
            "v".into(),
            pick(random, &["EX", "PX", "EXAT", "PXAT"]),
            time,
        ],
        3 => vec![
            "GETEX".into(),
            key,
            pick(random, &["EX", "PX", "EXAT", "PXAT"]),
            time,
        ],
        4 => vec!["EXPIRE".into(), key, time],
        5 => vec!["PEXPIRE".into(), key, time],
        6 => vec!["EXPIREAT".into(), key, time],
        _ => vec!["PEXPIREAT".into(), key, time],
    };
    words.into_iter().map(String::into_bytes).collect()
}
