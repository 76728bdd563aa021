//! Text answers: whole, cut, refused, and bytes that are no answer.
use super::*;
use crate::target::Batch;
use crate::target::testing::{expect, refuses, whole};
use proptest::prelude::*;

fn encoded(command: Command<'_>) -> String {
    let mut out = Vec::new();
    Memcached.encode(command, 0, Route::default(), &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn commands_are_lines() {
    assert_eq!(encoded(Command::Noop), "mn\r\n");
    assert_eq!(encoded(Command::Get(b"key")), "get key\r\n");
    assert_eq!(
        encoded(Command::Set(b"k", b"value", 0)),
        "set k 0 0 5\r\nvalue\r\n"
    );
    assert_eq!(
        encoded(Command::Set(b"k", b"v", 1001)),
        "set k 0 2 1\r\nv\r\n"
    );
    assert_eq!(encoded(Command::Delete(b"k")), "delete k\r\n");
    assert_eq!(encoded(Command::Incr(b"k")), "incr k 1\r\n");
    let mut batch = Batch::default();
    batch.push(b"a", b"1");
    batch.push(b"bc", b"");
    assert_eq!(encoded(Command::MultiGet(&batch)), "get a bc\r\n");
    assert_eq!(
        encoded(Command::MultiSet(&batch, 0)),
        "set a 0 0 1\r\n1\r\nset bc 0 0 0\r\n\r\n"
    );
}

#[test]
fn answers_are_read_cut_at_every_byte() {
    let get = expect(Operation::Get, 1);
    let hit = b"VALUE key 0 5\r\nEND\r\n\r\nEND\r\n";
    assert_eq!(whole(&Memcached, hit, get), Answer::Value(b"END\r\n"));
    assert_eq!(whole(&Memcached, b"END\r\n", get), Answer::Missing);
    assert_eq!(
        whole(&Memcached, b"STORED\r\n", expect(Operation::Set, 1)),
        Answer::Done
    );
    let delete = expect(Operation::Delete, 1);
    assert_eq!(whole(&Memcached, b"DELETED\r\n", delete), Answer::Number(1));
    assert_eq!(
        whole(&Memcached, b"NOT_FOUND\r\n", delete),
        Answer::Number(0)
    );
    let incr = expect(Operation::Incr, 1);
    assert_eq!(whole(&Memcached, b"18\r\n", incr), Answer::Number(18));
    assert_eq!(whole(&Memcached, b"NOT_FOUND\r\n", incr), Answer::Missing);
    assert_eq!(
        whole(&Memcached, b"MN\r\n", expect(Operation::Noop, 0)),
        Answer::Done
    );
    assert_eq!(
        whole(
            &Memcached,
            b"SERVER_ERROR out of memory storing object\r\n",
            expect(Operation::Set, 1)
        ),
        Answer::Refused(
            Refusal::OutOfMemory,
            b"SERVER_ERROR out of memory storing object"
        )
    );
    assert_eq!(
        whole(&Memcached, b"ERROR\r\n", get),
        Answer::Refused(Refusal::Other, b"ERROR")
    );
}

#[test]
fn keys_passed_over_in_a_multi_get_are_misses() {
    let bytes = b"VALUE b 0 1\r\nx\r\nVALUE d 0 0\r\n\r\nEND\r\n";
    let Answer::Items(mut items) = whole(&Memcached, bytes, expect(Operation::MultiGet, 5)) else {
        panic!("no items");
    };
    let answers = [b"a", b"b", b"c", b"d", b"e"].map(|key| Memcached.item(&mut items, key));
    let (hit, empty) = (Answer::Value(b"x"), Answer::Value(b""));
    assert_eq!(
        answers,
        [
            Answer::Missing,
            hit,
            Answer::Missing,
            empty,
            Answer::Missing
        ]
    );
}

#[test]
fn a_multi_set_is_answered_set_by_set() {
    let bytes = b"STORED\r\nSERVER_ERROR out of memory storing object\r\n";
    let Answer::Items(mut items) = whole(&Memcached, bytes, expect(Operation::MultiSet, 2)) else {
        panic!("no items");
    };
    assert_eq!(Memcached.item(&mut items, b"a"), Answer::Done);
    assert!(matches!(
        Memcached.item(&mut items, b"b"),
        Answer::Refused(Refusal::OutOfMemory, _)
    ));
}

#[test]
fn an_answer_of_the_wrong_kind_or_shape_ends_the_connection() {
    for (operation, bytes) in [
        (Operation::Get, &b"STORED\r\n"[..]),
        (Operation::Get, b"VALUE k 0\r\n"),
        (Operation::Get, b"VALUE k 0 x\r\n"),
        (Operation::Get, b"VALUE k 0 -1\r\n"),
        (Operation::Get, b"VALUE k 0 99999999999\r\n"),
        (Operation::Get, b"VALUE k 0 1\r\nabc\r\n"),
        (
            Operation::Get,
            b"VALUE k 0 0\r\n\r\nVALUE k 0 0\r\n\r\nEND\r\n",
        ),
        (Operation::Set, b"END\r\n"),
        (Operation::Incr, b"twelve\r\n"),
        (Operation::Delete, b"+OK\r\n"),
    ] {
        refuses(&Memcached, bytes, expect(operation, 1));
    }
}

proptest! {
    #[test]
    fn any_value_round_trips_and_any_bytes_are_read_without_panic(
        value in prop::collection::vec(any::<u8>(), 0..300),
        noise in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let mut bytes = format!("VALUE key 0 {}\r\n", value.len()).into_bytes();
        bytes.extend_from_slice(&value);
        bytes.extend_from_slice(b"\r\nEND\r\n");
        let whole = whole(&Memcached, &bytes, expect(Operation::Get, 1));
        prop_assert_eq!(whole, Answer::Value(&value));
        for operation in Operation::ALL {
            let _ = Memcached.parse(&noise, expect(operation, 3));
        }
    }
}
