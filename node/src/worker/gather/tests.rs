//! Splitting, and putting together what came back: in order, complete, within the limits.

use super::*;

fn request(keys: &[&[u8]], section: &mut Vec<u8>) -> u32 {
    for key in keys {
        assert!(multi::push_key(section, key));
    }
    keys.len() as u32
}

fn fetched(statuses: &[(Status, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    let begun = begin_reply(
        &Reply::new(Opcode::MultiGet, Status::Ok, 0),
        &mut out,
        Crc::On,
    );
    for (status, value) in statuses {
        multi::push_fetched(&mut out, *status, 9, std::iter::once(*value));
    }
    finish_reply(begun, statuses.len() as u32, 0, &mut out).unwrap();
    out
}

#[test]
fn items_come_back_in_request_order_and_a_refused_part_marks_each_of_its_items() {
    let mut section = Vec::new();
    let count = request(&[b"a0", b"b1", b"c2", b"d1", b"e0"], &mut section);
    let request = Request {
        count,
        value: &section,
        ..Request::new(Opcode::MultiGet)
    };
    let owner = |key: &[u8]| u16::from(key[1] - b'0');
    let (parts, places) = split(&request, 1 << 20, owner).unwrap();
    assert_eq!(
        parts.iter().map(|part| part.core).collect::<Vec<_>>(),
        [0, 1, 2]
    );
    assert_eq!(places, [0, 1, 2, 1, 0]);

    let head = Reply::new(Opcode::MultiGet, Status::Ok, 77);
    let mut gather = Gather::new(head, Crc::On, 1 << 20, places, parts.len());
    gather.fill(2, fetched(&[(Status::NotFound, b"")]));
    gather.fill(0, fetched(&[(Status::Ok, b"first"), (Status::Ok, b"last")]));
    assert!(gather.finish(Render::Frame).is_none());
    let mut busy = Vec::new();
    Reply::new(Opcode::MultiGet, Status::Busy, 0)
        .encode(&mut busy, Crc::On)
        .unwrap();
    gather.fill(1, busy);
    let whole = gather.finish(Render::Frame).unwrap();
    let Ok(Decoded::Frame { frame, .. }) = decode_reply(&whole, &DecodeOptions::default()) else {
        panic!("not a frame");
    };
    assert_eq!((frame.request_id, frame.count), (77, 5));
    let items: Vec<_> = frame
        .fetched()
        .map(|item| (item.status, item.value.to_vec()))
        .collect();
    assert_eq!(
        items,
        [
            (Status::Ok, b"first".to_vec()),
            (Status::Busy, vec![]),
            (Status::NotFound, vec![]),
            (Status::Busy, vec![]),
            (Status::Ok, b"last".to_vec()),
        ]
    );
}

#[test]
fn values_that_do_not_fit_one_reply_are_named_and_the_rest_is_returned() {
    let mut section = Vec::new();
    let count = request(&[b"a0", b"b1", b"c0"], &mut section);
    let request = Request {
        count,
        value: &section,
        ..Request::new(Opcode::MultiGet)
    };
    let (_, places) = split(&request, 1 << 20, |key| u16::from(key[1] - b'0')).unwrap();
    let head = Reply::new(Opcode::MultiGet, Status::Ok, 1);
    // The section limit never goes below 4 MiB, whatever the value limit.
    let mut gather = Gather::new(head, Crc::On, 4 << 20, places, 2);
    let large = vec![1; 3 << 20];
    gather.fill(0, fetched(&[(Status::Ok, &large), (Status::Ok, b"small")]));
    gather.fill(1, fetched(&[(Status::Ok, &large)]));
    let whole = gather.finish(Render::Frame).unwrap();
    let options = DecodeOptions {
        crc: CrcMode::Required,
        value_bytes_max: 4 << 20,
    };
    let Ok(Decoded::Frame { frame, .. }) = decode_reply(&whole, &options) else {
        panic!("not a frame");
    };
    let statuses: Vec<_> = frame.fetched().map(|item| item.status).collect();
    assert_eq!(statuses, [Status::Ok, Status::ReplyTooLarge, Status::Ok]);
}
