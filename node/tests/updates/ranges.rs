//! Fear: a part of a value is read or written beside its place, or beyond the limit.

use jerboa_wire::{ByteRange, Opcode, Request, Status};

use super::common::{Raw, seal};
use super::{keyed, on_every_port, put_for_a_minute, state};

#[test]
fn a_range_is_read_from_values_of_every_size() {
    on_every_port(|raw, key| {
        let read = |raw: &mut Raw, start, end| {
            let section = ByteRange { start, end }.encode();
            raw.call(Request {
                value: &section,
                ..keyed(Opcode::GetRange, key)
            })
        };
        assert_eq!(read(raw, 0, -1).status, Status::NotFound);
        // The last of them lies in many blocks.
        for bytes in [0_usize, 1, 1000, 3 << 20] {
            let value: Vec<u8> = (0..bytes).map(|at| (at % 251) as u8).collect();
            let put = raw.put(key, &value);
            let length = bytes as i64;
            for (start, end) in [
                (0, -1),
                (0, 0),
                (-1, -1),
                (length / 2 - 100, length / 2 + 100_000),
                (length - 3, length + 3),
                (length, length),
                (1, 0),
            ] {
                let reply = read(raw, start, end);
                let (first, count) = ByteRange { start, end }.within(bytes);
                assert_eq!(
                    (reply.status, reply.arg, reply.version),
                    (Status::Ok, bytes as u64, put.version)
                );
                assert!(
                    reply.value == value[first..first + count],
                    "{start}..={end}"
                );
            }
        }
        let exists = raw.call(keyed(Opcode::Exists, key));
        assert_eq!(exists.arg, 3 << 20, "the length without the value");
    });
}

#[test]
fn a_range_is_written_with_zeroes_before_it_and_within_the_limit() {
    on_every_port(|raw, key| {
        let write = |raw: &mut Raw, offset, value: &[u8]| {
            raw.call(Request {
                arg: offset,
                value,
                ..keyed(Opcode::SetRange, key)
            })
        };
        let nothing = write(raw, 100, b"");
        assert_eq!(
            (nothing.status, nothing.arg, nothing.version),
            (Status::Ok, 0, 0)
        );
        assert_eq!(raw.get(key).status, Status::NotFound, "it created nothing");
        let first = write(raw, 3, b"abc");
        assert_eq!((first.status, first.arg), (Status::Ok, 6));
        assert_eq!(raw.get(key).value, b"\0\0\0abc");
        put_for_a_minute(raw, key, b"0123456789");
        let before = state(raw, key);
        assert_eq!(write(raw, 2, b"xy").arg, 10);
        let after = state(raw, key);
        assert_eq!((&after.1[..], after.3), (&b"01xy456789"[..], before.3));
        assert!(after.2 > before.2);
        assert_eq!(write(raw, 9, b"end").arg, 12);
        assert_eq!(raw.get(key).value, b"01xy45678end");
        let whole = state(raw, key);
        for offset in [64 << 20, (64 << 20) - 2, 900 << 20] {
            assert_eq!(write(raw, offset, b"abc").status, Status::ValueTooLarge);
        }
        let (mut frame, _) = raw.encode(Request {
            value: b"abc",
            ..keyed(Opcode::SetRange, key)
        });
        // The encoder refuses what no node takes: set the offset by hand.
        frame[24..32].copy_from_slice(&(u64::MAX - 1).to_le_bytes());
        seal(&mut frame);
        raw.send_bytes(&frame).unwrap();
        assert_eq!(raw.receive().status, Status::ValueTooLarge);
        assert_eq!(write(raw, u64::MAX, b"").arg, 12, "nothing is written");
        assert_eq!(state(raw, key), whole, "nothing changed");
    });
}
