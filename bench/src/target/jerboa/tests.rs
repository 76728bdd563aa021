//! Frames: what is asked decodes as meant, answers are read whole and cut at every byte.
use super::*;
use crate::target::testing::{expect, refuses, whole};
use jerboa_wire::decode_request;

fn codec(crc: Crc) -> Jerboa {
    let lanes = (0..4096).map(|partition| partition % 3).collect();
    Jerboa::new(Arc::new(View {
        lanes,
        partition_count: 4096,
        epoch: 7,
        crc,
    }))
}

fn encoded(command: Command<'_>, route: Route) -> Vec<u8> {
    let mut out = Vec::new();
    codec(Crc::On).encode(command, 99, route, &mut out);
    out
}

fn request(bytes: &[u8]) -> Request<'_> {
    match decode_request(bytes, &DecodeOptions::default()) {
        Ok(Decoded::Frame { frame, consumed }) if consumed == bytes.len() => frame,
        other => panic!("{other:?}"),
    }
}

#[test]
fn commands_decode_as_the_requests_they_mean() {
    let route = Route {
        lane: 1,
        partition: 1234,
    };
    let head = |opcode| Request {
        request_id: 99,
        epoch: 7,
        partition: 1234,
        ..Request::new(opcode)
    };
    let bytes = encoded(Command::Get(b"key"), route);
    assert_eq!(
        request(&bytes),
        Request {
            key: b"key",
            ..head(Opcode::Get)
        }
    );
    let bytes = encoded(Command::Set(b"key", b"value", 0), route);
    assert_eq!(
        request(&bytes),
        Request {
            key: b"key",
            value: b"value",
            ..head(Opcode::Put)
        }
    );
    let bytes = encoded(Command::Set(b"key", b"value", 1500), route);
    let timed = Request {
        flags: RequestFlags::TTL_RELATIVE,
        arg: 1500,
        ..head(Opcode::Put)
    };
    assert_eq!(
        request(&bytes),
        Request {
            key: b"key",
            value: b"value",
            ..timed
        }
    );
    let bytes = encoded(Command::Delete(b"key"), route);
    assert_eq!(
        request(&bytes),
        Request {
            key: b"key",
            ..head(Opcode::Delete)
        }
    );
    let bytes = encoded(Command::Incr(b"key"), route);
    assert_eq!(
        request(&bytes),
        Request {
            key: b"key",
            arg: 1,
            ..head(Opcode::Incr)
        }
    );
    let bytes = encoded(Command::Noop, route);
    assert_eq!(
        request(&bytes),
        Request {
            partition: 0,
            ..head(Opcode::Noop)
        }
    );
}

#[test]
fn commands_with_many_keys_carry_them_all_in_order() {
    let mut batch = Batch::default();
    batch.push(b"a", b"1");
    batch.push(b"bc", b"");
    let bytes = encoded(Command::MultiGet(&batch), Route::default());
    assert_eq!(
        request(&bytes).keys().collect::<Vec<_>>(),
        [&b"a"[..], b"bc"]
    );
    let bytes = encoded(Command::MultiSet(&batch, 5), Route::default());
    let put = request(&bytes);
    assert_eq!((put.arg, put.flags), (5, RequestFlags::TTL_RELATIVE));
    let entries: Vec<_> = put
        .entries()
        .map(|entry| (entry.key, entry.value))
        .collect();
    assert_eq!(entries, [(&b"a"[..], &b"1"[..]), (b"bc", b"")]);
}

fn reply(reply: Reply<'_>, crc: Crc) -> Vec<u8> {
    let mut out = Vec::new();
    reply.encode(&mut out, crc).unwrap();
    out
}

#[test]
fn answers_are_read_cut_at_every_byte_with_and_without_checksum() {
    for crc in [Crc::On, Crc::Off] {
        let ask = |operation, frame: Reply<'_>| {
            let bytes = reply(frame, crc);
            format!("{:?}", whole(&codec(crc), &bytes, expect(operation, 1)))
        };
        let head = |opcode, status| Reply::new(opcode, status, 3);
        let hit = Reply {
            value: b"value",
            version: 4,
            ..head(Opcode::Get, Status::Ok)
        };
        assert_eq!(
            ask(Operation::Get, hit),
            format!("{:?}", Answer::Value(b"value"))
        );
        let miss = head(Opcode::Get, Status::NotFound);
        assert_eq!(ask(Operation::Get, miss), "Missing");
        assert_eq!(ask(Operation::Noop, head(Opcode::Noop, Status::Ok)), "Done");
        let stored = Reply {
            version: 9,
            ..head(Opcode::Put, Status::Ok)
        };
        assert_eq!(ask(Operation::Set, stored), "Done");
        let removed = Reply {
            arg: 1,
            ..head(Opcode::Delete, Status::Ok)
        };
        assert_eq!(ask(Operation::Delete, removed), "Number(1)");
        assert_eq!(
            ask(Operation::Delete, head(Opcode::Delete, Status::NotFound)),
            "Number(0)"
        );
        let counted = Reply {
            arg: 5,
            version: 9,
            ..head(Opcode::Incr, Status::Ok)
        };
        assert_eq!(ask(Operation::Incr, counted), "Number(5)");
        let full = head(Opcode::Put, Status::OutOfMemory);
        assert!(ask(Operation::Set, full).starts_with("Refused(OutOfMemory"));
    }
}

#[test]
fn many_answers_are_read_key_by_key() {
    let mut section = Vec::new();
    multi::push_fetched(&mut section, Status::Ok, 7, [&b"ab"[..]].into_iter());
    multi::push_fetched(&mut section, Status::NotFound, 0, std::iter::empty());
    multi::push_fetched(&mut section, Status::Ok, 8, [&b""[..]].into_iter());
    let head = Reply {
        count: 3,
        arg: 2,
        ..Reply::new(Opcode::MultiGet, Status::Ok, 1)
    };
    let bytes = reply(
        Reply {
            value: &section,
            ..head
        },
        Crc::On,
    );
    let codec = codec(Crc::On);
    let Answer::Items(mut items) = whole(&codec, &bytes, expect(Operation::MultiGet, 3)) else {
        panic!("no items");
    };
    let answers = [b"a", b"b", b"c"].map(|key| codec.item(&mut items, key));
    assert_eq!(
        answers,
        [Answer::Value(b"ab"), Answer::Missing, Answer::Value(b"")]
    );
    assert!(matches!(codec.item(&mut items, b"d"), Answer::Refused(..)));

    let mut section = Vec::new();
    multi::push_stored(&mut section, Status::Ok, 7);
    multi::push_stored(&mut section, Status::OutOfMemory, 0);
    let head = Reply {
        count: 2,
        arg: 1,
        ..Reply::new(Opcode::MultiPut, Status::Ok, 1)
    };
    let bytes = reply(
        Reply {
            value: &section,
            ..head
        },
        Crc::On,
    );
    let Answer::Items(mut items) = whole(&codec, &bytes, expect(Operation::MultiSet, 2)) else {
        panic!("no items");
    };
    assert_eq!(codec.item(&mut items, b"a"), Answer::Done);
    assert!(matches!(
        codec.item(&mut items, b"b"),
        Answer::Refused(Refusal::OutOfMemory, _)
    ));
}

#[test]
fn a_damaged_frame_or_an_answer_never_asked_for_ends_the_connection() {
    let codec = codec(Crc::On);
    let mut bytes = reply(Reply::new(Opcode::Noop, Status::Ok, 3), Crc::On);
    refuses(
        &codec,
        &reply(Reply::new(Opcode::Noop, Status::Ok, 3), Crc::Off),
        expect(Operation::Noop, 0),
    );
    bytes[9] ^= 1;
    refuses(&codec, &bytes, expect(Operation::Noop, 0));
    refuses(&codec, b"-ERR\r\n", expect(Operation::Noop, 0));
    let ttl = Reply {
        arg: 5,
        version: 1,
        ..Reply::new(Opcode::Ttl, Status::Ok, 3)
    };
    refuses(&codec, &reply(ttl, Crc::On), expect(Operation::Get, 1));
}

#[test]
fn keys_are_routed_by_their_partition() {
    let codec = codec(Crc::On);
    for key in [&b"a"[..], b"kk0000001", b"another"] {
        let partition = partition_of(key, 4096);
        assert_eq!(
            codec.route(key),
            Route {
                lane: partition % 3,
                partition
            }
        );
    }
}
