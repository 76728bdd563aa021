//! Fear: a new expiry is set although its condition does not hold, or changes more than the expiry.

use jerboa_wire::{Opcode, Request, RequestFlags, Status};

use super::common::seal;
use super::{keyed, on_every_port, state, ttl};

#[test]
fn an_expiry_changes_only_where_its_condition_holds() {
    let (absent, present) = (RequestFlags::IF_ABSENT, RequestFlags::IF_PRESENT);
    let (later, earlier) = (RequestFlags::IF_LATER, RequestFlags::IF_EARLIER);
    on_every_port(|raw, key| {
        let expire = |flags, arg| Request {
            flags: RequestFlags::TTL_ABSOLUTE | flags,
            arg,
            ..keyed(Opcode::Expire, key)
        };
        assert_eq!(raw.call(expire(absent, 1)).status, Status::NotFound);
        assert_eq!(raw.call(expire(later, 1)).status, Status::NotFound);
        raw.put(key, b"value");
        let day_ms = 86_400_000;
        let soon = now_ms() + day_ms;
        let never = state(raw, key);
        for (flags, at_ms) in [(present, soon), (later, soon), (present | earlier, soon)] {
            let refused = raw.call(expire(flags, at_ms));
            assert_eq!(
                (refused.status, refused.arg, refused.version),
                (Status::Mismatch, 0, never.2),
                "{flags:?} while it never expires"
            );
        }
        assert_eq!(state(raw, key), never, "nothing changed");
        assert_eq!(raw.call(expire(earlier, soon)).arg, soon);
        let timed = state(raw, key);
        for (flags, at_ms) in [
            (absent, soon + 1),
            (later, soon),
            (later, soon - 1),
            (present | later, soon),
            (earlier, soon),
            (earlier, soon + 1),
            (present | earlier, soon + 1),
            // One that has passed removes nothing where the condition fails.
            (later, 1),
            (absent, 1),
        ] {
            let refused = raw.call(expire(flags, at_ms));
            assert_eq!(
                (refused.status, refused.arg, refused.version),
                (Status::Mismatch, soon, timed.2),
                "{flags:?} {at_ms}"
            );
        }
        assert_eq!(state(raw, key), timed);
        for (flags, at_ms) in [
            (present, soon + 5),
            (later, soon + 6),
            (present | later, soon + 7),
            (earlier, soon + 6),
            (present | earlier, soon),
        ] {
            assert_eq!(raw.call(expire(flags, at_ms)).arg, at_ms, "{flags:?}");
            assert_eq!(state(raw, key).3, at_ms);
        }
        assert_eq!(raw.call(expire(earlier, 1)).arg, 0, "removed");
        assert_eq!(raw.get(key).status, Status::NotFound);
    });
}

#[test]
fn conditions_of_an_expiry_that_exclude_each_other_are_refused_by_name() {
    let (absent, present) = (RequestFlags::IF_ABSENT, RequestFlags::IF_PRESENT);
    let (later, earlier) = (RequestFlags::IF_LATER, RequestFlags::IF_EARLIER);
    on_every_port(|raw, key| {
        raw.put(key, b"value");
        let before = state(raw, key);
        let expire = Request {
            flags: RequestFlags::TTL_RELATIVE,
            arg: 1000,
            ..keyed(Opcode::Expire, key)
        };
        let conflicts = [
            absent | present,
            absent | later,
            absent | earlier,
            later | earlier,
        ];
        for flags in conflicts {
            let (mut frame, _) = raw.encode(expire);
            // The encoder refuses them: set the bits by hand.
            let bits = (RequestFlags::TTL_RELATIVE | flags).bits().to_le_bytes();
            frame[4..6].copy_from_slice(&bits);
            seal(&mut frame);
            raw.send_bytes(&frame).unwrap();
            assert_eq!(raw.receive().status, Status::InvalidOptions, "{flags:?}");
        }
        assert_eq!(state(raw, key), before);
    });
}

#[test]
fn reading_with_a_new_expiry_changes_that_alone() {
    on_every_port(|raw, key| {
        let take = |flags, arg| Request {
            flags,
            arg,
            ..keyed(Opcode::GetExpire, key)
        };
        let none = RequestFlags::NONE;
        assert_eq!(raw.call(take(none, 0)).status, Status::NotFound);
        let put = raw.put(key, b"value");
        let kept = raw.call(take(none, 0));
        assert_eq!(
            (kept.status, &kept.value[..], kept.version, kept.arg),
            (Status::Ok, &b"value"[..], put.version, 0)
        );
        let timed = raw.call(take(RequestFlags::TTL_RELATIVE, 60_000));
        assert_eq!(&timed.value[..], b"value");
        assert!(timed.version > put.version);
        assert_eq!(
            state(raw, key),
            (Status::Ok, b"value".to_vec(), timed.version, timed.arg)
        );
        assert!((1..=60_000).contains(&ttl(raw, key)));
        let at_ms = timed.arg + 5_000;
        let moved = raw.call(take(RequestFlags::TTL_ABSOLUTE, at_ms));
        assert_eq!((moved.arg, state(raw, key).3), (at_ms, at_ms));
        let persisted = raw.call(take(none, 0));
        assert_eq!((persisted.arg, ttl(raw, key)), (0, 0));
        assert!(persisted.version > moved.version);
        let last = raw.call(take(RequestFlags::TTL_ABSOLUTE, 1));
        assert_eq!(
            (last.status, &last.value[..], last.arg),
            (Status::Ok, &b"value"[..], 1)
        );
        assert_eq!(raw.get(key).status, Status::NotFound, "it had passed");
    });
}

fn now_ms() -> u64 {
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    since.as_millis() as u64
}
