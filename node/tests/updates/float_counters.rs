//! Fear: a float counter forgets the expiry, prints what no client reads back, or stores what is no
//! number.

use jerboa_wire::{Opcode, Request, Status};

use super::common::{Raw, seal};
use super::{keyed, on_every_port, put_for_a_minute, state};

#[test]
fn float_counters_keep_the_expiry_and_print_the_shortest_text() {
    on_every_port(|raw, key| {
        let add = |raw: &mut Raw, delta: f64| {
            raw.call(Request {
                arg: delta.to_bits(),
                ..keyed(Opcode::IncrFloat, key)
            })
        };
        assert_eq!(f64::from_bits(add(raw, 0.1).arg), 0.1);
        add(raw, 0.2);
        assert_eq!(
            raw.get(key).value,
            b"0.30000000000000004",
            "every digit that is needed"
        );
        put_for_a_minute(raw, key, b"3.0e3");
        let expiry = state(raw, key).3;
        assert_eq!(f64::from_bits(add(raw, 200.0).arg), 3200.0);
        assert_eq!(raw.get(key).value, b"3200");
        assert_eq!(state(raw, key).3, expiry);
        let counted = raw.call(Request {
            arg: 1,
            ..keyed(Opcode::Incr, key)
        });
        assert_eq!(counted.arg, 3201, "an integral float is an integer");
        add(raw, -3201.0);
        add(raw, -0.0);
        assert_eq!(raw.get(key).value, b"0", "zero has no sign");
    });
}

#[test]
fn float_counters_refuse_what_is_no_number_and_change_nothing() {
    on_every_port(|raw, key| {
        let add = |raw: &mut Raw, delta: f64| {
            raw.call(Request {
                arg: delta.to_bits(),
                ..keyed(Opcode::IncrFloat, key)
            })
            .status
        };
        for text in [
            "",
            "x",
            "1 ",
            " 1",
            "+1",
            "nan",
            "inf",
            "-infinity",
            "1e999",
            "0x1p3",
        ] {
            put_for_a_minute(raw, key, text.as_bytes());
            let before = state(raw, key);
            assert_eq!(add(raw, 1.0), Status::NotANumber, "{text:?}");
            assert_eq!(state(raw, key), before, "{text:?}");
        }
        put_for_a_minute(raw, key, format!("{}", f64::MAX).as_bytes());
        let before = state(raw, key);
        assert_eq!(add(raw, f64::MAX), Status::Overflow);
        assert_eq!(state(raw, key), before);
        // A frame that the encoder refuses to build.
        for bits in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(f64::to_bits) {
            let (mut frame, id) = raw.encode(Request {
                arg: 1,
                ..keyed(Opcode::IncrFloat, key)
            });
            frame[24..32].copy_from_slice(&bits.to_le_bytes());
            seal(&mut frame);
            raw.send_bytes(&frame).unwrap();
            let reply = raw.receive();
            assert_eq!(
                (reply.request_id, reply.status),
                (id, Status::InvalidArgument)
            );
        }
        assert_eq!(state(raw, key), before);
    });
}
