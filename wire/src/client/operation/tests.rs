//! What can be built encodes, and what no node would take is not built.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::*;
use crate::client::options::{ExpireCondition, LockOptions};
use crate::frame::Crc;

#[test]
fn every_built_operation_encodes() {
    let put = |options| Operation::put(b"m", b"k", b"v", options).unwrap();
    let second = Duration::from_secs(1);
    for operation in [
        put(PutOptions::default()),
        put(PutOptions::expire_after(second).if_absent()),
        put(PutOptions::never_expiring()),
        Operation::get_and_expire(b"", b"k", Expiry::Never).unwrap(),
        Operation::lock(b"", b"k", LockOptions::default()).unwrap(),
        put(PutOptions {
            expiry: Expiry::At(SystemTime::now()),
            ..PutOptions::default()
        }),
        put(PutOptions {
            expiry: Expiry::At(UNIX_EPOCH - second),
            ..PutOptions::default()
        }),
        put(PutOptions {
            expiry: Expiry::Keep,
            ..PutOptions::default()
        }
        .if_present()),
        Operation::keyed(Opcode::Get, b"", b"k").unwrap(),
        Operation::count(Opcode::Incr, b"", b"k", i64::MIN).unwrap(),
        Operation::expire(b"", b"k", Expiry::After(Duration::ZERO)).unwrap(),
        Operation::expire(b"", b"k", Expiry::Never).unwrap(),
        Operation::bare(Opcode::Ping, b"x"),
    ] {
        let encoded = operation.request().encode(&mut Vec::new(), Crc::On);
        assert_eq!(encoded, Ok(()), "{operation:?}");
    }
}

#[test]
fn what_no_node_would_take_is_refused_before_it_is_sent() {
    let put = |key: &[u8], expiry| {
        let options = PutOptions {
            expiry,
            ..PutOptions::default()
        };
        Operation::put(b"m", key, b"v", options).unwrap_err()
    };
    assert_eq!(put(b"", Expiry::Never), InvalidCall::KeyEmpty);
    assert_eq!(
        put(&[0; 65_536], Expiry::Never),
        InvalidCall::KeyTooLarge(65_536)
    );
    assert_eq!(
        put(b"k", Expiry::After(Duration::ZERO)),
        InvalidCall::Expiry
    );
    assert_eq!(put(b"k", Expiry::After(Duration::MAX)), InvalidCall::Expiry);
    let map = Operation::keyed(Opcode::Get, &[0; 256], b"k").unwrap_err();
    assert_eq!(map, InvalidCall::MapNameTooLarge(256));
    let keep = Operation::expire(b"", b"k", Expiry::Keep).unwrap_err();
    assert_eq!(keep, InvalidCall::Expiry);
    for no_time in [Expiry::MapDefault, Expiry::Keep] {
        let refused = Operation::expire(b"", b"k", no_time).unwrap_err();
        assert_eq!(refused, InvalidCall::Expiry);
        let refused = Operation::get_and_expire(b"", b"k", no_time).unwrap_err();
        assert_eq!(refused, InvalidCall::Expiry);
    }
    for no_time in [Expiry::MapDefault, Expiry::Keep, Expiry::Never] {
        let refused = Operation::expire_if(b"", b"k", no_time, ExpireCondition::IfSome);
        assert_eq!(refused.unwrap_err(), InvalidCall::Expiry);
    }
}

#[test]
fn a_time_to_live_below_a_millisecond_is_rounded_up_not_away() {
    let operation = Operation::put(
        b"",
        b"k",
        b"",
        PutOptions::expire_after(Duration::from_nanos(1)),
    );
    assert_eq!(operation.unwrap().request().arg, 1);
}
