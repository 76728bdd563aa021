//! Fear: an operation keeps entries alive that it only looks past, or lets those go that it used.
//!
//! Every entry is written before a control of the same core that nobody uses. Half an idle time
//! later each operation meets its entry, while the controls are still there. When they are gone,
//! an entry that was not used since must be gone as well, whatever the clock says: it is the older
//! one. One that was used must be there, which a machine that stands still for half an idle time
//! can spoil: then all of it is tried again with twice the time.

use std::thread;
use std::time::Duration;

use jerboa::Node;
use jerboa_wire::{
    ByteRange, Comparison, Conditional, Opcode, Request, RequestFlags, Status, ValueCondition,
};

use super::{perform_in, table};
use crate::common::{OwnedReply, Raw, eventually, key_of_core, node};

const CONTROL: &[u8] = b"control";
const IDLE_MS_FIRST: u64 = 1_000;
const IDLE_MS_LAST: u64 = 32_000;

/// Asks in a map for a key whose entry has this version, or whose lock has this token.
type Ask = Box<dyn Fn(&mut Raw, &[u8], &[u8], u64) -> OwnedReply>;

struct Case {
    name: String,
    /// What stands there is a lock.
    is_lock: bool,
    ask: Ask,
    expected: Status,
    is_use: bool,
}

fn is_use(word: &str) -> bool {
    match word {
        "yes" => true,
        "no" => false,
        other => panic!("{other} is neither yes nor no"),
    }
}

/// The operations of the document's table, as they succeed.
fn successes() -> Vec<Case> {
    let case = |(name, fates): (String, [String; 4])| {
        let opcode = Opcode::ALL.iter().find(|opcode| opcode.name() == name);
        let opcode = *opcode.unwrap_or_else(|| panic!("no operation {name}"));
        Case {
            name,
            is_lock: false,
            ask: Box::new(move |raw, map, key, version| {
                perform_in(raw, map, opcode, key, version, 0)
            }),
            expected: Status::Ok,
            is_use: is_use(&fates[3]),
        }
    };
    table().into_iter().map(case).collect()
}

/// A request on one key that is not what the table is about.
fn odd(
    opcode: Opcode,
    value: Vec<u8>,
    flags: RequestFlags,
    arg: u64,
    version: impl Fn(u64) -> u64 + 'static,
) -> Ask {
    Box::new(move |raw, map, key, there| {
        raw.call(Request {
            map,
            key,
            value: &value,
            flags,
            arg,
            version: version(there),
            ..Request::new(opcode)
        })
    })
}

fn comparison(expected: &[u8]) -> Vec<u8> {
    let mut section = Vec::new();
    assert!(
        Comparison {
            expected,
            new: b"7"
        }
        .encode(&mut section)
    );
    section
}

fn conditional(condition: ValueCondition<'_>, new: &[u8]) -> Vec<u8> {
    let mut section = Vec::new();
    assert!(Conditional { condition, new }.encode(&mut section));
    section
}

/// Answers that change nothing, and those about locks.
fn others() -> Vec<Case> {
    let none = RequestFlags::NONE;
    let (absent, old) = (RequestFlags::IF_ABSENT, RequestFlags::RETURN_OLD);
    let relative = RequestFlags::TTL_RELATIVE;
    let unused = |_| 0;
    let wrong = |version| version + 1;
    let equal = || ValueCondition::Equals(b"6");
    let mut cases = Vec::new();
    let mut case = |name: &str, is_lock, ask, expected, is_use| {
        cases.push(Case {
            name: format!("{name}: {expected:?}"),
            is_lock,
            ask,
            expected,
            is_use,
        });
    };
    let seven = || b"7".to_vec();
    let put = odd(Opcode::Put, seven(), absent, 0, unused);
    case("Put", false, put, Status::Exists, false);
    let put = odd(Opcode::Put, seven(), absent | old, 0, unused);
    case("Put with RETURN_OLD", false, put, Status::Exists, true);
    let cas = odd(Opcode::Cas, seven(), none, 0, wrong);
    case("Cas", false, cas, Status::Mismatch, false);
    let cas = odd(Opcode::Cas, seven(), absent, 0, unused);
    case("Cas of an absent entry", false, cas, Status::Exists, false);
    let cas = odd(Opcode::CasValue, comparison(b"6"), none, 0, unused);
    case("CasValue", false, cas, Status::Mismatch, true);
    let cas = odd(Opcode::CasValue, comparison(b""), absent, 0, unused);
    case("CasValue of none", false, cas, Status::Exists, true);
    let put = odd(Opcode::PutIf, conditional(equal(), b"7"), none, 0, unused);
    case("PutIf", false, put, Status::Mismatch, true);
    let delete = odd(Opcode::DeleteIf, conditional(equal(), b""), none, 0, unused);
    case("DeleteIf", false, delete, Status::Mismatch, true);
    let expire = odd(Opcode::Expire, vec![], relative | absent, 900_000, unused);
    case("Expire", false, expire, Status::Mismatch, false);
    let ninety_days_ms = 90 * 24 * 3_600_000;
    let expire = odd(Opcode::Expire, vec![], relative, ninety_days_ms, unused);
    case("Expire far ahead", false, expire, Status::Ok, false);
    let incr = odd(Opcode::Incr, vec![], none, i64::MAX.cast_unsigned(), unused);
    case("Incr", false, incr, Status::Overflow, false);
    let float = odd(Opcode::IncrFloat, vec![], none, 1f64.to_bits(), unused);
    case("IncrFloat", true, float, Status::NotANumber, true);
    let range = odd(Opcode::SetRange, seven(), none, 1 << 29, unused);
    case("SetRange", false, range, Status::ValueTooLarge, false);
    let range = ByteRange { start: 9, end: 10 }.encode().to_vec();
    let range = odd(Opcode::GetRange, range, none, 0, unused);
    case("GetRange of nothing", false, range, Status::Ok, true);
    let held = Status::LockNotAcquired;
    let lock = odd(Opcode::Lock, vec![], none, 0, unused);
    case("Lock that is held", true, lock, held, false);
    let unlock = odd(Opcode::Unlock, vec![], none, 0, wrong);
    case("Unlock", true, unlock, Status::NoSuchLock, true);
    let lease = odd(Opcode::Lease, vec![], relative, 900_000, wrong);
    case("Lease", true, lease, Status::NoSuchLock, true);
    let lease = odd(Opcode::Lease, vec![], relative, 900_000, |token| token);
    case("Lease of the holder", true, lease, Status::Ok, true);
    cases
}

fn set_idle(raw: &mut Raw, map: &[u8], idle_ms: u64) {
    let reply = raw.call(Request {
        map,
        value: format!("idle_ms_max {idle_ms}").as_bytes(),
        ..Request::new(Opcode::SettingsSet)
    });
    assert_eq!(reply.status, Status::Ok);
}

fn is_there(raw: &mut Raw, map: &[u8], key: &[u8]) -> bool {
    let reply = raw.call(Request {
        map,
        key,
        ..Request::new(Opcode::Exists)
    });
    reply.status == Status::Ok
}

/// Tries every case on every port. What a pause of the machine can explain comes back.
fn round(node: &Node, cases: &[Case], number: u32, idle_ms: u64) -> Result<(), String> {
    let addresses = node.addresses().clone();
    let ports = [addresses.any_core].into_iter().chain(addresses.cores);
    let mut raws: Vec<_> = ports.map(Raw::connect).collect();
    let controls = [0, 1].map(|core| key_of_core(core, 2, 1_000 + number));
    let mut tries = Vec::new();
    set_idle(&mut raws[0], CONTROL, idle_ms);
    for case in cases {
        let map = case.name.as_bytes();
        set_idle(&mut raws[0], map, idle_ms);
        for (port, raw) in (0..).zip(&mut raws) {
            for core in 0..2 {
                let key = key_of_core(core, 2, number * 10 + port);
                let request = Request {
                    map,
                    key: &key,
                    flags: RequestFlags::TTL_RELATIVE,
                    arg: 1_000_000,
                    ..Request::new(if case.is_lock {
                        Opcode::Lock
                    } else {
                        Opcode::Put
                    })
                };
                let value: &[u8] = if case.is_lock { b"" } else { b"5" };
                let stored = raw.call(Request { value, ..request });
                assert_eq!(stored.status, Status::Ok, "{}", case.name);
                tries.push((case, port as usize, usize::from(core), key, stored.version));
            }
        }
    }
    for key in &controls {
        let reply = raws[0].call(Request {
            map: CONTROL,
            key,
            value: b"5",
            ..Request::new(Opcode::Put)
        });
        assert_eq!(reply.status, Status::Ok);
    }
    thread::sleep(Duration::from_millis(idle_ms / 2));
    for (case, port, _, key, version) in &tries {
        let reply = (case.ask)(&mut raws[*port], case.name.as_bytes(), key, *version);
        if reply.status != case.expected {
            return Err(format!("{} answered {:?}", case.name, reply.status));
        }
    }
    if !controls
        .iter()
        .all(|key| is_there(&mut raws[0], CONTROL, key))
    {
        return Err("the operations took longer than half an idle time".to_owned());
    }
    eventually("the controls go", || {
        !controls
            .iter()
            .any(|key| is_there(&mut raws[0], CONTROL, key))
    });
    let mut lost = Vec::new();
    for (case, port, _, key, _) in &tries {
        let stays = is_there(&mut raws[*port], case.name.as_bytes(), key);
        assert!(!stays || case.is_use, "{} counts as a use", case.name);
        if case.is_use && !stays {
            lost.push(&*case.name);
        }
    }
    if lost.is_empty() {
        return Ok(());
    }
    Err(format!("these do not count as uses: {}", lost.join(", ")))
}

#[test]
fn operations_count_as_uses_where_the_document_says_so() {
    let mut cases = successes();
    cases.extend(others());
    let node = node(2);
    let (mut idle_ms, mut number) = (IDLE_MS_FIRST, 0);
    while let Err(cause) = round(&node, &cases, number, idle_ms) {
        assert!(idle_ms < IDLE_MS_LAST, "{cause}");
        (idle_ms, number) = (idle_ms * 2, number + 1);
    }
    node.request_stop();
    node.join().unwrap();
}
