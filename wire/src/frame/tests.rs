//! Unit tests of the codec; property tests and golden frames live in `tests/`.

use super::*;
use crate::flags::{ReplyFlags, RequestFlags};
use crate::limits::{EXPIRY_MS_MAX, HEADER_BYTES};
use crate::multi;
use crate::opcode::Opcode;
use crate::status::Status;

fn put<'a>() -> Request<'a> {
    Request {
        flags: RequestFlags::IF_ABSENT | RequestFlags::TTL_RELATIVE,
        partition: 77,
        request_id: 0xDEAD_BEEF,
        epoch: 5,
        arg: 1500,
        map: b"orders",
        key: b"key",
        value: b"value",
        ..Request::new(Opcode::Put)
    }
}

fn bytes(request: &Request<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    request.encode(&mut out, Crc::On).unwrap();
    assert_eq!(out.len(), request.encoded_len());
    out
}

/// Encodes a header as it stands, without the checks of `encode`.
fn raw(edit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut frame = bytes(&put());
    edit(&mut frame);
    let sum = crc32fast::hash(&[&frame[..44], &frame[48..]].concat());
    frame[44..48].copy_from_slice(&sum.to_le_bytes());
    frame
}

fn refused(frame: &[u8]) -> DecodeError {
    match decode_request(frame, &DecodeOptions::default()) {
        Err(error) => error,
        Ok(decoded) => panic!("accepted: {decoded:?}"),
    }
}

#[test]
fn a_request_reads_back_and_leaves_what_follows() {
    let mut stream = bytes(&put());
    let first = stream.len();
    stream.extend(bytes(&Request::new(Opcode::Noop)));
    let options = DecodeOptions::default();
    let decoded = decode_request(&stream, &options);
    assert_eq!(
        decoded,
        Ok(Decoded::Frame {
            frame: put(),
            consumed: first
        })
    );
    let decoded = decode_request(&stream[first..], &options);
    let noop = Request::new(Opcode::Noop);
    assert_eq!(
        decoded,
        Ok(Decoded::Frame {
            frame: noop,
            consumed: HEADER_BYTES
        })
    );
}

#[test]
fn a_frame_above_the_limit_is_refused_from_its_header_alone() {
    let mut head = bytes(&put());
    head[20..24].copy_from_slice(&u32::MAX.to_le_bytes());
    let error = refused(&head[..HEADER_BYTES]);
    let max = crate::limits::VALUE_BYTES_MAX_DEFAULT;
    assert_eq!(
        error.kind,
        DecodeErrorKind::FrameTooLarge {
            declared: u32::MAX,
            max
        }
    );
    assert_eq!(error.recover, None);
    assert_eq!(
        error.request_id, 0xDEAD_BEEF,
        "a last error frame can name the request"
    );
}

#[test]
fn a_value_above_a_small_limit_is_refused_in_step() {
    let options = DecodeOptions {
        value_bytes_max: 4,
        ..DecodeOptions::default()
    };
    let frame = bytes(&put());
    let error = decode_request(&frame, &options).unwrap_err();
    assert_eq!(
        error.kind,
        DecodeErrorKind::ValueTooLarge {
            declared: 5,
            max: 4
        }
    );
    assert_eq!(
        error.recover.map(|in_step| in_step.consumed),
        Some(frame.len())
    );
    assert_eq!(error.opcode(), Opcode::Put);
}

#[test]
fn refusals_say_whether_the_stream_is_in_step() {
    let in_step: [(Vec<u8>, Status); 12] = [
        (raw(|f| f[17] = 1), Status::ReservedNotZero),
        (raw(|f| f[2] = 0x7F), Status::UnknownOpcode),
        (raw(|f| f[2] = 0x00), Status::UnknownOpcode),
        (raw(|f| f[3] = 2), Status::TooManyHops),
        (raw(|f| f[4] = 64), Status::UnknownFlags),
        (raw(|f| f[4] = 7), Status::InvalidOptions),
        (raw(|f| f[4] = 4 | 8), Status::InvalidOptions),
        (raw(|f| f[24..32].fill(0)), Status::InvalidArgument),
        (raw(|f| f[24..32].fill(0xFF)), Status::InvalidArgument),
        (raw(|f| f[32] = 1), Status::UnexpectedField),
        (raw(|f| f[40] = 1), Status::UnexpectedField),
        (
            raw(|f| {
                f[18] = 0;
                f[20] = 8;
            }),
            Status::KeyEmpty,
        ),
    ];
    for (frame, status) in in_step {
        let error = refused(&frame);
        assert_eq!(error.kind.status(), status, "{error}");
        assert_eq!(
            error.recover.map(|in_step| in_step.consumed),
            Some(frame.len()),
            "{error}"
        );
        assert_eq!(Reply::refusal(&error).request_id, 0xDEAD_BEEF);
    }
    let closing: [(Vec<u8>, Status); 5] = [
        (raw(|f| f[0] = b'*'), Status::BadMagic),
        (raw(|f| f[1] = 2), Status::BadVersion),
        (raw(|f| f[5] |= 0x80), Status::WrongDirection),
        (raw(|f| f[5] |= 0x40), Status::NotNegotiated),
        (
            {
                let mut f = bytes(&put());
                f[50] ^= 1;
                f
            },
            Status::BadCrc,
        ),
    ];
    for (frame, status) in closing {
        let error = refused(&frame);
        assert_eq!(error.kind.status(), status, "{error}");
        assert_eq!(error.recover, None, "{error}");
    }
}

#[test]
fn a_first_byte_that_is_no_frame_is_refused_without_waiting_for_more() {
    assert_eq!(
        refused(b"G").kind,
        DecodeErrorKind::BadMagic { found: b'G' }
    );
    assert_eq!(
        refused(&[MAGIC, 9]).kind,
        DecodeErrorKind::BadVersion { found: 9 }
    );
    let options = DecodeOptions::default();
    assert_eq!(
        decode_request(&[], &options),
        Ok(Decoded::Incomplete {
            needed: HEADER_BYTES
        })
    );
}

#[test]
fn frames_without_checksum_pass_only_where_negotiated_and_with_a_zero_field() {
    let mut frame = Vec::new();
    put().encode(&mut frame, Crc::Off).unwrap();
    assert_eq!(refused(&frame).kind, DecodeErrorKind::NotNegotiated);
    let optional = DecodeOptions {
        crc: CrcMode::Optional,
        ..DecodeOptions::default()
    };
    let decoded = decode_request(&frame, &optional);
    assert_eq!(
        decoded,
        Ok(Decoded::Frame {
            frame: put(),
            consumed: frame.len()
        })
    );
    frame[44] = 1;
    let error = decode_request(&frame, &optional).unwrap_err();
    assert_eq!(error.kind, DecodeErrorKind::BadCrc);
    let sealed = bytes(&put());
    assert!(
        decode_request(&sealed, &optional).is_ok(),
        "one that is there is still accepted"
    );
}

#[test]
fn expiries_are_bounded_and_an_immediate_one_is_for_expire_alone() {
    let expire = |arg| Request {
        flags: RequestFlags::TTL_RELATIVE,
        arg,
        key: b"k",
        ..Request::new(Opcode::Expire)
    };
    let mut out = Vec::new();
    assert_eq!(expire(0).encode(&mut out, Crc::On), Ok(()));
    assert_eq!(expire(EXPIRY_MS_MAX).encode(&mut out, Crc::On), Ok(()));
    let before = out.len();
    let refused = EncodeError::Refused(DecodeErrorKind::InvalidArgument { arg: 1 << 48 });
    assert_eq!(expire(1 << 48).encode(&mut out, Crc::On), Err(refused));
    let never = Request {
        flags: RequestFlags::TTL_ABSOLUTE,
        arg: 0,
        ..put()
    };
    assert_eq!(never.encode(&mut Vec::new(), Crc::On), Ok(()));
    let put = Request { arg: 0, ..put() };
    let refused = EncodeError::Refused(DecodeErrorKind::InvalidArgument { arg: 0 });
    assert_eq!(put.encode(&mut out, Crc::On), Err(refused));
    let bare = Request {
        flags: RequestFlags::NONE,
        ..expire(9)
    };
    let refused = EncodeError::Refused(DecodeErrorKind::InvalidOptions);
    assert_eq!(bare.encode(&mut out, Crc::On), Err(refused));
    assert_eq!(out.len(), before, "a refused frame leaves nothing behind");
}

#[test]
fn a_value_in_parts_makes_the_same_frame_as_one_in_a_piece() {
    let whole = Reply {
        flags: ReplyFlags::STALE_TOPOLOGY,
        epoch: 8,
        version: 99,
        value: b"large value",
        ..Reply::new(Opcode::Get, Status::Ok, 3)
    };
    for crc in [Crc::On, Crc::Off] {
        let mut expected = Vec::new();
        whole.encode(&mut expected, crc).unwrap();
        let mut out = Vec::new();
        let parts = [&b"large"[..], b" ", b"value"];
        encode_reply_parts(&whole, parts.into_iter(), 11, &mut out, crc).unwrap();
        assert_eq!(out, expected);
        let short = encode_reply_parts(&whole, parts.into_iter(), 12, &mut out, crc);
        assert_eq!(short, Err(EncodeError::LengthMismatch));
        assert_eq!(out, expected, "a refused frame leaves nothing behind");
    }
}

#[test]
fn a_reply_built_item_by_item_reads_back() {
    let mut out = b"earlier".to_vec();
    let head = Reply {
        epoch: 4,
        ..Reply::new(Opcode::MultiGet, Status::Ok, 11)
    };
    let begun = begin_reply(&head, &mut out, Crc::On);
    multi::push_fetched(&mut out, Status::Ok, 5, [&b"v"[..]].into_iter());
    multi::push_fetched(&mut out, Status::NotFound, 0, std::iter::empty());
    finish_reply(begun, 2, 0, &mut out).unwrap();
    let Ok(Decoded::Frame { frame, .. }) = decode_reply(&out[7..], &DecodeOptions::default())
    else {
        panic!("refused")
    };
    let items: Vec<_> = frame.fetched().collect();
    assert_eq!((frame.request_id, frame.count, items.len()), (11, 2, 2));
    assert_eq!(items[0].value, b"v");
}

#[test]
fn replies_that_no_node_sends_are_refused() {
    let mut out = Vec::new();
    let refuse = |reply: Reply<'_>| reply.encode(&mut Vec::new(), Crc::On).unwrap_err();
    let missing = Reply {
        value: b"v",
        ..Reply::new(Opcode::Get, Status::NotFound, 1)
    };
    refuse(missing);
    refuse(Reply {
        value: b"v",
        ..Reply::new(Opcode::Delete, Status::Ok, 1)
    });
    refuse(Reply {
        count: 1,
        ..Reply::new(Opcode::Get, Status::Ok, 1)
    });
    refuse(Reply {
        value: &[0; 513],
        ..Reply::new(Opcode::Get, Status::Busy, 1)
    });
    refuse(Reply::new(Opcode::Unknown, Status::Ok, 1));
    refuse(Reply::new(Opcode::MultiPut, Status::Ok, 1));
    let error = Reply {
        value: b"why",
        ..Reply::new(Opcode::Unknown, Status::UnknownOpcode, 1)
    };
    error.encode(&mut out, Crc::On).unwrap();
    let decoded = decode_reply(&out, &DecodeOptions::default());
    assert_eq!(
        decoded,
        Ok(Decoded::Frame {
            frame: error,
            consumed: out.len()
        })
    );
    assert_eq!(refused(&out).kind, DecodeErrorKind::WrongDirection);
}
