//! Fear: a counter over RESP that loses its expiry, takes text for 0 (as Olric does), or wraps.

use jerboa_wire::{Opcode, Request, RequestFlags, Status};

use super::common::{Raw, node, resp::RespRaw};
use super::{State, state};

/// A command that counts, without its number, and whether it counts in fractions.
const COMMANDS: [(&[&str], bool); 8] = [
    (&["INCRBY", "k"], false),
    (&["DECRBY", "k"], false),
    (&["INCR", "k"], false),
    (&["DECR", "k"], false),
    (&["DM.INCR", "m", "k"], false),
    (&["DM.DECR", "m", "k"], false),
    (&["INCRBYFLOAT", "k"], true),
    (&["DM.INCRBYFLOAT", "m", "k"], true),
];

/// Neither an integer nor a fraction.
const NO_NUMBERS: [&str; 11] = [
    "seven", "", " 7", "7 ", "+7", "0x7", "nan", "inf", "-inf", "1e999", "7,5",
];
const NO_INTEGERS: [&str; 6] = ["1.5", "7.0", "1e3", "007", "-0", "9223372036854775808"];
/// What no count may be asked to add.
const NO_AMOUNTS: [&str; 5] = ["seven", "", "nan", "inf", "-inf"];

const FOR_MS: u64 = 1_000_000;

struct Door {
    raw: Raw,
    client: RespRaw,
}

impl Door {
    fn put(&mut self, map: &[u8], value: &str) -> State {
        let put = self.raw.call(Request {
            map,
            key: b"k",
            value: value.as_bytes(),
            flags: RequestFlags::TTL_RELATIVE,
            arg: FOR_MS,
            ..Request::new(Opcode::Put)
        });
        assert_eq!(put.status, Status::Ok);
        self.state(map)
    }

    fn state(&mut self, map: &[u8]) -> State {
        if map == b"m" {
            return state(&mut self.raw, b"k");
        }
        let reply = self.raw.call(Request {
            key: b"k",
            ..Request::new(Opcode::GetMeta)
        });
        (reply.status == Status::Ok).then_some((reply.value, reply.arg, reply.version))
    }

    /// The command with this amount, or alone where it has none.
    fn count(&mut self, command: &[&str], amount: &str) -> String {
        let mut all = command.to_vec();
        if !is_single(command) {
            all.push(amount);
        }
        self.client.call(&all)
    }
}

fn is_single(command: &[&str]) -> bool {
    ["INCR", "DECR"].contains(&command[0])
}

fn map_of(command: &[&str]) -> &'static [u8] {
    if command[0].starts_with("DM.") {
        b"m"
    } else {
        b""
    }
}

#[test]
fn counters_over_resp_refuse_what_is_no_number_and_change_nothing() {
    let node = node(2);
    let address = node.addresses().any_core;
    let (raw, client) = (Raw::connect(address), RespRaw::connect(address));
    let mut door = Door { raw, client };
    for (command, is_float) in COMMANDS {
        let map = map_of(command);
        let integers = NO_INTEGERS.iter().filter(|_| !is_float);
        for value in NO_NUMBERS.iter().chain(integers) {
            let before = door.put(map, value);
            let reply = door.count(command, "1");
            assert!(
                reply.starts_with("-ERR "),
                "{command:?} of {value:?}: {reply}"
            );
            assert_eq!(door.state(map), before, "{command:?} of {value:?}");
        }
        for amount in NO_AMOUNTS {
            if is_single(command) {
                continue;
            }
            let before = door.put(map, "7");
            let reply = door.count(command, amount);
            assert!(reply.starts_with('-'), "{command:?} by {amount:?}: {reply}");
            assert_eq!(door.state(map), before, "{command:?} by {amount:?}");
        }
    }
}

#[test]
fn counters_over_resp_keep_the_expiry_and_never_wrap() {
    let node = node(2);
    let address = node.addresses().any_core;
    let (raw, client) = (Raw::connect(address), RespRaw::connect(address));
    let mut door = Door { raw, client };
    for (command, is_float) in COMMANDS {
        let map = map_of(command);
        let is_down = command[0].contains("DECR");
        let before = door.put(map, "7").unwrap();
        let reply = door.count(command, "1");
        let sum = if is_down { "6" } else { "8" };
        let expected = if is_float {
            format!("$1\r\n{sum}\r\n")
        } else {
            format!(":{sum}\r\n")
        };
        assert_eq!(reply, expected, "{command:?}");
        let after = door.state(map).unwrap();
        assert_eq!(
            (&after.0[..], after.1),
            (sum.as_bytes(), before.1),
            "{command:?}"
        );
        assert!(after.2 > before.2, "{command:?}");

        // At the end of the range, and by an amount that has no negative.
        let (end, amounts) = match (is_float, is_down) {
            (true, _) => ("1.7e308", vec!["1.7e308"]),
            (false, true) => ("-9223372036854775808", vec!["1", "9223372036854775807"]),
            (false, false) => ("9223372036854775807", vec!["1", "9223372036854775807"]),
        };
        for amount in amounts {
            let before = door.put(map, end);
            let reply = door.count(command, amount);
            assert!(
                reply.starts_with("-ERR "),
                "{command:?} by {amount}: {reply}"
            );
            assert_eq!(door.state(map), before, "{command:?} by {amount}");
        }
        if is_down && !is_single(command) {
            let before = door.put(map, "0");
            let reply = door.count(command, "-9223372036854775808");
            assert!(reply.starts_with("-ERR "), "{command:?}: {reply}");
            assert_eq!(door.state(map), before, "{command:?}");
        }
        // An absent key counts from 0, and never expires.
        door.raw.call(Request {
            map,
            key: b"k",
            ..Request::new(Opcode::Delete)
        });
        door.count(command, "1");
        let sum = if is_down { "-1" } else { "1" };
        let made = door.state(map).unwrap();
        assert_eq!((&made.0[..], made.1), (sum.as_bytes(), 0), "{command:?}");
    }
}
