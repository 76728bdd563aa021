//! RESP answers: whole, cut, refused, and bytes that are no answer.
use super::*;
use crate::target::testing::{expect, refuses, whole};
use proptest::prelude::*;

const REDIS: Redis = Redis::new(false);

fn encoded(command: Command<'_>) -> String {
    let mut out = Vec::new();
    let mut redis = REDIS;
    redis.encode(command, 0, Route::default(), &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn commands_are_arrays_of_bulk_strings() {
    assert_eq!(encoded(Command::Noop), "*1\r\n$4\r\nPING\r\n");
    assert_eq!(
        encoded(Command::Get(b"key")),
        "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n"
    );
    assert_eq!(
        encoded(Command::Set(b"k", b"value", 0)),
        "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nvalue\r\n"
    );
    assert_eq!(
        encoded(Command::Set(b"k", b"v", 1500)),
        "*5\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n$2\r\nPX\r\n$4\r\n1500\r\n"
    );
    assert_eq!(
        encoded(Command::Delete(b"k")),
        "*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n"
    );
    assert_eq!(
        encoded(Command::Incr(b"k")),
        "*2\r\n$4\r\nINCR\r\n$1\r\nk\r\n"
    );
    let mut batch = Batch::default();
    batch.push(b"a", b"1");
    batch.push(b"bc", b"");
    assert_eq!(
        encoded(Command::MultiGet(&batch)),
        "*3\r\n$4\r\nMGET\r\n$1\r\na\r\n$2\r\nbc\r\n"
    );
    assert_eq!(
        encoded(Command::MultiSet(&batch, 0)),
        "*5\r\n$4\r\nMSET\r\n$1\r\na\r\n$1\r\n1\r\n$2\r\nbc\r\n$0\r\n\r\n"
    );
}

#[test]
fn answers_are_read_cut_at_every_byte() {
    let get = expect(Operation::Get, 1);
    assert_eq!(
        whole(&REDIS, b"$5\r\nva\r\ne\r\n", get),
        Answer::Value(b"va\r\ne")
    );
    assert_eq!(whole(&REDIS, b"$0\r\n\r\n", get), Answer::Value(b""));
    assert_eq!(whole(&REDIS, b"$-1\r\n", get), Answer::Missing);
    assert_eq!(
        whole(&REDIS, b"+OK\r\n", expect(Operation::Set, 1)),
        Answer::Done
    );
    assert_eq!(
        whole(&REDIS, b":-12\r\n", expect(Operation::Incr, 1)),
        Answer::Number(-12)
    );
    assert_eq!(
        whole(&REDIS, b"+PONG\r\n", expect(Operation::Noop, 0)),
        Answer::Done
    );
    let oom = b"-OOM command not allowed\r\n";
    let refusal = Answer::Refused(Refusal::OutOfMemory, &oom[1..oom.len() - 2]);
    assert_eq!(whole(&REDIS, oom, expect(Operation::Set, 1)), refusal);
    assert_eq!(whole(&REDIS, oom, expect(Operation::MultiGet, 3)), refusal);
}

#[test]
fn a_multi_get_answers_key_by_key() {
    let bytes = b"*3\r\n$1\r\na\r\n$-1\r\n$2\r\n\r\n\r\n";
    let Answer::Items(mut items) = whole(&REDIS, bytes, expect(Operation::MultiGet, 3)) else {
        panic!("no items");
    };
    assert_eq!(REDIS.item(&mut items, b"x"), Answer::Value(b"a"));
    assert_eq!(REDIS.item(&mut items, b"y"), Answer::Missing);
    assert_eq!(REDIS.item(&mut items, b"z"), Answer::Value(b"\r\n"));
    assert!(matches!(REDIS.item(&mut items, b"w"), Answer::Refused(..)));
}

#[test]
fn a_multi_set_with_ttl_is_answered_set_by_set() {
    let redis = Redis::new(true);
    let bytes = b"+OK\r\n-OOM no\r\n";
    let Answer::Items(mut items) = whole(&redis, bytes, expect(Operation::MultiSet, 2)) else {
        panic!("no items");
    };
    assert_eq!(redis.item(&mut items, b"a"), Answer::Done);
    assert_eq!(
        redis.item(&mut items, b"b"),
        Answer::Refused(Refusal::OutOfMemory, b"OOM no")
    );
}

#[test]
fn an_answer_of_the_wrong_kind_or_shape_ends_the_connection() {
    for (operation, bytes) in [
        (Operation::Get, &b"+OK\r\n"[..]),
        (Operation::Set, b":1\r\n"),
        (Operation::Incr, b"$1\r\n1\r\n"),
        (Operation::Get, b"$x\r\n"),
        (Operation::Get, b"$-2\r\n"),
        (Operation::Get, b"$99999999999\r\n"),
        (Operation::Get, b"$1\r\nabc\r\n"),
        (Operation::Get, b"HTTP/1.1 400\r\n"),
        (Operation::Get, b"\n"),
        (Operation::MultiGet, b"*1\r\n$-1\r\n"),
        (Operation::MultiGet, b"*2\r\n:1\r\n:2\r\n"),
        (Operation::MultiGet, b"$-1\r\n"),
    ] {
        refuses(&REDIS, bytes, expect(operation, 2));
    }
}

proptest! {
    #[test]
    fn any_value_round_trips_and_any_bytes_are_read_without_panic(
        value in prop::collection::vec(any::<u8>(), 0..300),
        noise in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let mut bytes = Vec::new();
        push_bulk(&mut bytes, &value);
        let whole = whole(&REDIS, &bytes, expect(Operation::Get, 1));
        prop_assert_eq!(whole, Answer::Value(&value));
        for operation in Operation::ALL {
            let _ = REDIS.parse(&noise, expect(operation, 3));
        }
    }
}
