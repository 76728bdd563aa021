//! Replies find their requests, whatever comes in whatever order.

use super::*;

const LIMITS: SessionLimits = SessionLimits {
    without_crc: true,
    in_flight_max: 4,
    output_bytes_max: 1 << 16,
    value_bytes_max: 1 << 20,
};

fn session() -> Session<u32> {
    let mut session = Session::new(LIMITS, 0);
    session.take_output(&mut Vec::new());
    session
}

fn get(session: &mut Session<u32>, tag: u32) -> u32 {
    let operation = Operation::keyed(Opcode::Get, b"", b"key").unwrap();
    session
        .send(
            &operation,
            Target {
                partition: 0,
                epoch: 0,
            },
            tag,
            0,
        )
        .unwrap()
}

fn reply(id: u32, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Reply {
        value,
        ..Reply::new(Opcode::Get, Status::Ok, id)
    }
    .encode(&mut out, Crc::On)
    .unwrap();
    out
}

fn tags(session: &mut Session<u32>, bytes: &[u8]) -> Vec<u32> {
    let mut replies = Vec::new();
    session.receive(bytes, &mut replies).unwrap();
    replies.iter().map(|received| received.tag).collect()
}

#[test]
fn replies_out_of_order_find_their_requests() {
    let mut session = session();
    let ids = [10, 20, 30].map(|tag| get(&mut session, tag));
    let bytes = [reply(ids[2], b"c"), reply(ids[0], b"a")].concat();
    assert_eq!(tags(&mut session, &bytes), [30, 10]);
    assert_eq!(tags(&mut session, &reply(ids[1], b"b")), [20]);
    assert_eq!(session.in_flight(), 1, "only the hello is open");
}

#[test]
fn a_reply_in_single_bytes_is_one_reply() {
    let mut session = session();
    let id = get(&mut session, 7);
    let frame = reply(id, b"value");
    for byte in &frame[..frame.len() - 1] {
        assert!(tags(&mut session, &[*byte]).is_empty());
    }
    assert_eq!(tags(&mut session, &frame[frame.len() - 1..]), [7]);
}

#[test]
fn a_late_or_foreign_reply_is_dropped_and_never_given_to_another() {
    let mut session = session();
    let id = get(&mut session, 7);
    session.forget(id);
    let next = get(&mut session, 8);
    assert_ne!(id, next);
    assert!(tags(&mut session, &reply(id, b"late")).is_empty());
    assert!(tags(&mut session, &reply(0, b"foreign")).is_empty());
    assert!(tags(&mut session, &reply(999, b"foreign")).is_empty());
    assert_eq!(tags(&mut session, &reply(next, b"own")), [8]);
    assert!(tags(&mut session, &reply(next, b"twice")).is_empty());
}

#[test]
fn a_reply_to_another_operation_breaks_the_session() {
    let mut session = session();
    let id = get(&mut session, 7);
    let mut out = Vec::new();
    Reply::new(Opcode::Put, Status::Ok, id)
        .encode(&mut out, Crc::On)
        .unwrap();
    assert!(session.receive(&out, &mut Vec::new()).is_err());
}

#[test]
fn the_window_is_bounded_and_ids_survive_their_wrap() {
    let mut session = session();
    session.base = u32::MAX;
    session.window.clear();
    let ids: Vec<u32> = (0..4).map(|tag| get(&mut session, tag)).collect();
    assert_eq!(ids, [u32::MAX, 0, 1, 2]);
    assert!(!session.has_room());
    assert_eq!(tags(&mut session, &reply(0, b"")), [1]);
    assert!(
        !session.has_room(),
        "the first is still open: the window does not move"
    );
    assert_eq!(tags(&mut session, &reply(u32::MAX, b"")), [0]);
    assert!(session.has_room());
}

#[test]
fn what_no_socket_has_seen_is_told_apart_when_the_connection_ends() {
    let mut session = session();
    get(&mut session, 1);
    session.take_output(&mut Vec::new());
    get(&mut session, 2);
    let orphans: Vec<_> = session.into_orphans().map(|o| (o.tag, o.unsent)).collect();
    assert_eq!(orphans, [(1, false), (2, true)]);
}

#[test]
fn checksums_go_off_only_when_both_sides_agreed() {
    let hello = |crc_on| {
        let hello = HelloReply {
            protocol: 1,
            crc_on,
            epoch: 1,
            core: 0,
            cores: 1,
            partition_count: 1024,
            value_bytes_max: 1 << 26,
            member: 1,
        };
        let mut out = Vec::new();
        let reply = Reply {
            value: &hello.encode(),
            ..Reply::new(Opcode::Hello, Status::Ok, 1)
        };
        reply.encode(&mut out, Crc::On).unwrap();
        out
    };
    for (asks, grants) in [(false, false), (false, true), (true, true), (true, false)] {
        let mut session: Session<u32> = Session::new(
            SessionLimits {
                without_crc: asks,
                ..LIMITS
            },
            0,
        );
        session.receive(&hello(!grants), &mut Vec::new()).unwrap();
        let off = session.crc == Crc::Off;
        assert_eq!(off, asks && grants, "asks {asks} grants {grants}");
        assert_eq!(
            session.hello().map(|hello| hello.value_bytes_max),
            Some(1 << 26)
        );
    }
}
