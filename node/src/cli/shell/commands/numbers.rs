//! Commands that count.

use jerboa_wire::{Opcode, Request};

use crate::cli::shell::answer::{Answer, Field};
use crate::cli::shell::arguments::Arguments;
use crate::cli::shell::command::{Command, Group};
use crate::cli::shell::fault::Fault;
use crate::cli::shell::session::{Session, answered};

pub(crate) const GROUP: Group = Group {
    title: "Numbers",
    commands: &[
        Command {
            name: "incr",
            aliases: &["incrby"],
            words: "KEY [AMOUNT]",
            summary: "add to a counter, 1 unless told otherwise (Incr)",
            details: "An absent key counts from 0; the expiry stays.\n",
            run: |session, words| count(session, words, Opcode::Incr),
        },
        Command {
            name: "decr",
            aliases: &["decrby"],
            words: "KEY [AMOUNT]",
            summary: "subtract from a counter, 1 unless told otherwise (Decr)",
            details: "",
            run: |session, words| count(session, words, Opcode::Decr),
        },
        Command {
            name: "incrfloat",
            aliases: &["incrbyfloat"],
            words: "KEY AMOUNT",
            summary: "add to a number that need not be whole (IncrFloat)",
            details: "",
            run: count_float,
        },
    ],
};

fn count(session: &mut Session, mut words: Arguments, opcode: Opcode) -> Result<Answer, Fault> {
    let key = words.key()?;
    let amount: i64 = words.number_or("AMOUNT", 1)?;
    words.end()?;
    let answer = session.ask_in_map(&Request {
        key: &key,
        arg: amount.cast_unsigned(),
        ..Request::new(opcode)
    })?;
    Ok(answered(&answer, |answer| {
        Answer::One("value", Field::Signed(answer.arg.cast_signed()))
    }))
}

fn count_float(session: &mut Session, mut words: Arguments) -> Result<Answer, Fault> {
    let key = words.key()?;
    let amount: f64 = words.number("AMOUNT")?;
    words.end()?;
    if !amount.is_finite() {
        return Err(words.fault("AMOUNT is a finite number"));
    }
    let answer = session.ask_in_map(&Request {
        key: &key,
        arg: amount.to_bits(),
        ..Request::new(Opcode::IncrFloat)
    })?;
    Ok(answered(&answer, |answer| {
        Answer::One("value", Field::Float(f64::from_bits(answer.arg)))
    }))
}
