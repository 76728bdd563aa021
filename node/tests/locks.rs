//! Fear: two hold one lock, a lock is held by nobody for ever, or those who wait cost the others.
#![expect(clippy::unwrap_used, reason = "test harness")]

mod common;
#[path = "locks/crowds.rs"]
mod crowds;
#[path = "locks/tokens.rs"]
mod tokens;

use std::net::SocketAddr;

use common::{OwnedReply, Raw, eventually, key_of_core, node, seal};
use jerboa_wire::{Opcode, Request, RequestFlags, Status, lock};

/// Longer than any test runs.
const LONG_MS: u64 = 600_000;

fn keyed(opcode: Opcode, key: &[u8]) -> Request<'_> {
    Request {
        key,
        ..Request::new(opcode)
    }
}

fn leased(key: &[u8], lease_ms: u64) -> Request<'_> {
    Request {
        flags: RequestFlags::TTL_RELATIVE,
        arg: lease_ms,
        ..keyed(Opcode::Lock, key)
    }
}

/// Sends a request for a lock that waits; its id.
fn send_waiting(raw: &mut Raw, key: &[u8], wait_ms: u64) -> u32 {
    let wait = lock::encode_wait(wait_ms);
    raw.send(Request {
        value: &wait,
        ..keyed(Opcode::Lock, key)
    })
}

fn take(raw: &mut Raw, key: &[u8]) -> OwnedReply {
    raw.call(keyed(Opcode::Lock, key))
}

fn unlock(raw: &mut Raw, key: &[u8], token: u64) -> Status {
    let request = Request {
        version: token,
        ..keyed(Opcode::Unlock, key)
    };
    raw.call(request).status
}

fn ports(node: &jerboa::Node) -> Vec<SocketAddr> {
    let addresses = node.addresses();
    let any_core = [addresses.any_core].into_iter();
    any_core.chain(addresses.cores.iter().copied()).collect()
}

/// Requests that wait for locks on all of two cores.
fn waiting(raw: &mut Raw) -> u64 {
    (0..2)
        .map(|core| raw.stat(&format!("core.{core}.lock_waiters")))
        .sum()
}

#[test]
fn a_lock_is_held_once_and_given_back_only_under_its_token() {
    let node = node(2);
    for (number, port) in (0u32..).zip(ports(&node)) {
        for core in 0..2 {
            let key = key_of_core(core, 2, number);
            let raw = &mut Raw::connect(port);
            let held = take(raw, &key);
            assert_eq!(held.status, Status::Ok);
            assert!(held.version > 0);
            assert_eq!(take(raw, &key).status, Status::LockNotAcquired);
            assert_eq!(unlock(raw, &key, held.version + 1), Status::NoSuchLock);
            assert_eq!(
                take(raw, &key).status,
                Status::LockNotAcquired,
                "still held"
            );
            assert_eq!(unlock(raw, &key, held.version), Status::Ok);
            assert_eq!(
                unlock(raw, &key, held.version),
                Status::NoSuchLock,
                "not twice"
            );
            let next = take(raw, &key);
            assert!(
                next.version > held.version,
                "tokens grow, so that a resource can fence"
            );
            assert_eq!(unlock(raw, &key, held.version), Status::NoSuchLock);
            assert_eq!(unlock(raw, &key, next.version), Status::Ok);
            assert_eq!(raw.get(&key).status, Status::NotFound);
        }
    }
}

#[test]
fn a_lock_expires_with_its_lease_and_its_token_with_it() {
    let node = node(2);
    let mut raw = Raw::connect(node.addresses().any_core);
    for core in 0..2 {
        let key = key_of_core(core, 2, 0);
        let held = raw.call(leased(&key, 50));
        let mut waiting = Raw::connect(node.addresses().any_core);
        send_waiting(&mut waiting, &key, LONG_MS);
        let next = waiting.receive();
        assert_eq!(next.status, Status::Ok, "nobody released it, it expired");
        assert!(next.version > held.version);
        assert_eq!(unlock(&mut raw, &key, held.version), Status::NoSuchLock);
        let extend = Request {
            version: held.version,
            flags: RequestFlags::TTL_RELATIVE,
            arg: 1000,
            ..keyed(Opcode::Lease, &key)
        };
        assert_eq!(raw.call(extend).status, Status::NoSuchLock);
    }
}

/// Olric's W5: there, a lease destroys the value and with it the token.
#[test]
fn w5_a_lease_keeps_the_token_and_moves_the_end() {
    let node = node(2);
    for (number, port) in (0u32..).zip(ports(&node)) {
        let raw = &mut Raw::connect(port);
        let key = key_of_core(1, 2, number);
        let held = raw.call(leased(&key, 5_000));
        let extend = |arg| Request {
            version: held.version,
            flags: RequestFlags::TTL_RELATIVE,
            arg,
            ..keyed(Opcode::Lease, &key)
        };
        let extended = raw.call(extend(LONG_MS));
        assert_eq!(
            (extended.status, extended.version),
            (Status::Ok, held.version)
        );
        let left = raw.call(keyed(Opcode::Ttl, &key)).arg;
        assert!((5_001..=LONG_MS).contains(&left));
        raw.call(extend(1));
        eventually("the shortened lease ends", || {
            raw.call(extend(LONG_MS)).status == Status::NoSuchLock || {
                raw.call(extend(1));
                false
            }
        });
        let next = take(raw, &key);
        assert_eq!(next.status, Status::Ok);
        assert_eq!(unlock(raw, &key, next.version), Status::Ok);
    }
}

#[test]
fn those_in_line_are_served_in_order_whatever_port_they_came_through() {
    let node = node(2);
    let ports = ports(&node);
    let mut stats = Raw::connect(ports[0]);
    for core in 0..2 {
        let key = key_of_core(core, 2, 0);
        let mut holder = Raw::connect(ports[0]);
        let mut token = take(&mut holder, &key).version;
        let mut line: Vec<Raw> = Vec::new();
        for number in 0..9 {
            let mut raw = Raw::connect(ports[number % ports.len()]);
            send_waiting(&mut raw, &key, LONG_MS);
            line.push(raw);
            eventually("it stands in line", || {
                waiting(&mut stats) == number as u64 + 1
            });
        }
        for raw in &mut line {
            assert_eq!(unlock(&mut holder, &key, token), Status::Ok);
            let granted = raw.receive();
            assert_eq!(granted.status, Status::Ok);
            assert!(granted.version > token);
            token = granted.version;
        }
        assert_eq!(unlock(&mut holder, &key, token), Status::Ok);
        // The owner tells its counts once a turn.
        eventually("nobody stands in line", || waiting(&mut stats) == 0);
    }
}

/// All in one breath: given back, asked for, looked at. Whoever asks without waiting is refused for
/// the sake of those in line, and then one of them has to have it.
#[test]
fn one_who_is_refused_for_the_sake_of_the_line_finds_the_lock_held() {
    let node = node(2);
    let mut stats = Raw::connect(node.addresses().any_core);
    for (number, port) in (0u32..).zip(ports(&node)) {
        for core in 0..2 {
            let key = key_of_core(core, 2, number);
            let mut holder = Raw::connect(port);
            let held = take(&mut holder, &key);
            let mut waiter = Raw::connect(port);
            send_waiting(&mut waiter, &key, LONG_MS);
            eventually("it stands in line", || waiting(&mut stats) == 1);
            let mut breath = Vec::new();
            for request in [
                Request {
                    version: held.version,
                    ..keyed(Opcode::Unlock, &key)
                },
                keyed(Opcode::Lock, &key),
                keyed(Opcode::Exists, &key),
            ] {
                breath.extend(holder.encode(request).0);
            }
            holder.send_bytes(&breath).unwrap();
            let replies = [(); 3].map(|()| holder.receive().status);
            let expected = [Status::Ok, Status::LockNotAcquired, Status::Ok];
            assert_eq!(replies, expected);
            let granted = waiter.receive();
            assert_eq!(granted.status, Status::Ok);
            assert!(granted.version > held.version);
            assert_eq!(unlock(&mut waiter, &key, granted.version), Status::Ok);
            assert_eq!(
                take(&mut holder, &key).status,
                Status::Ok,
                "left with nobody"
            );
            eventually("nobody stands in line", || waiting(&mut stats) == 0);
        }
    }
}

#[test]
fn one_who_waits_does_not_hold_up_his_connection() {
    let node = node(2);
    for port in ports(&node) {
        for core in 0..2 {
            let key = key_of_core(core, 2, 7);
            let raw = &mut Raw::connect(port);
            let held = take(raw, &key);
            let waits = send_waiting(raw, &key, LONG_MS);
            let other = key_of_core(1 - core, 2, 8);
            raw.put(&other, b"meanwhile");
            assert_eq!(raw.get(&other).value, b"meanwhile");
            // The holder itself shares the connection.
            let released = raw.send(Request {
                version: held.version,
                ..keyed(Opcode::Unlock, &key)
            });
            let replies = [raw.receive(), raw.receive()];
            assert!(replies.iter().all(|reply| reply.status == Status::Ok));
            let granted = replies
                .iter()
                .find(|reply| reply.request_id == waits)
                .unwrap();
            assert!(replies.iter().any(|reply| reply.request_id == released));
            assert_eq!(unlock(raw, &key, granted.version), Status::Ok);
        }
    }
}

/// Olric's W10: there, a wait that its client has given up goes on and takes the lock for nobody.
#[test]
fn w10_a_wait_ends_at_its_deadline_and_never_takes_the_lock_later() {
    let node = node(2);
    let mut stats = Raw::connect(node.addresses().any_core);
    for (number, port) in (0u32..).zip(ports(&node)) {
        for core in 0..2 {
            let key = key_of_core(core, 2, number);
            let raw = &mut Raw::connect(port);
            let held = take(raw, &key);
            send_waiting(raw, &key, 30);
            let late = raw.receive();
            assert_eq!((late.status, late.version), (Status::LockNotAcquired, 0));
            assert_eq!(unlock(raw, &key, held.version), Status::Ok);
            assert_eq!(raw.get(&key).status, Status::NotFound, "nobody took it");
        }
    }
    assert_eq!(waiting(&mut stats), 0);
}

#[test]
fn w10_a_client_that_goes_away_leaves_no_orphan() {
    let node = node(2);
    let ports = ports(&node);
    let mut stats = Raw::connect(ports[0]);
    for core in 0..2 {
        let key = key_of_core(core, 2, 0);
        let mut holder = Raw::connect(ports[0]);
        let mut token = take(&mut holder, &key).version;
        for round in 0..4 {
            let mut gone: Vec<Raw> = ports.iter().map(|port| Raw::connect(*port)).collect();
            for raw in &mut gone {
                send_waiting(raw, &key, LONG_MS);
                send_waiting(raw, &key, LONG_MS);
            }
            eventually("all stand in line", || waiting(&mut stats) == 6);
            let mut heir = Raw::connect(ports[round % ports.len()]);
            send_waiting(&mut heir, &key, LONG_MS);
            eventually("the last one does", || waiting(&mut stats) == 7);
            if round % 2 == 0 {
                drop(gone);
                eventually("the line is left", || waiting(&mut stats) == 1);
                assert_eq!(unlock(&mut holder, &key, token), Status::Ok);
            } else {
                // The lock becomes free in the same moment.
                let release = Request {
                    version: token,
                    ..keyed(Opcode::Unlock, &key)
                };
                holder.send(release);
                drop(gone);
                assert_eq!(holder.receive().status, Status::Ok);
            }
            let granted = heir.receive();
            assert_eq!(
                granted.status,
                Status::Ok,
                "those who went away stood before it"
            );
            token = granted.version;
        }
        assert_eq!(unlock(&mut holder, &key, token), Status::Ok);
    }
}

#[test]
fn a_client_that_ends_its_sending_side_is_told_that_it_waits_no_more() {
    let node = node(2);
    for port in ports(&node) {
        for core in 0..2 {
            let key = key_of_core(core, 2, 0);
            let mut holder = Raw::connect(port);
            let held = take(&mut holder, &key);
            let mut raw = Raw::connect(port);
            send_waiting(&mut raw, &key, LONG_MS);
            raw.half_close();
            let (replies, _) = raw.drain();
            assert_eq!(replies.len(), 1);
            assert_eq!(replies[0].status, Status::LockNotAcquired);
            assert_eq!(unlock(&mut holder, &key, held.version), Status::Ok);
        }
    }
}

/// Olric's W7: there, a second holder gets in while data moves. Here: whatever removes the entry
/// frees the lock exactly once.
#[test]
fn w7_whatever_removes_the_entry_serves_the_line_once() {
    let node = node(2);
    let ports = ports(&node);
    let mut stats = Raw::connect(ports[0]);
    let mut keys = Vec::new();
    let mut section = Vec::new();
    let key = key_of_core(0, 2, 0);
    let other = key_of_core(1, 2, 0);
    for key in [&key, &other] {
        keys.push(key.clone());
        assert!(jerboa_wire::multi::push_key(&mut section, key));
    }
    let removals = [
        keyed(Opcode::Delete, &key),
        keyed(Opcode::GetDelete, &key),
        Request {
            flags: RequestFlags::TTL_RELATIVE,
            ..keyed(Opcode::Expire, &key)
        },
        Request {
            count: 2,
            value: &section,
            ..Request::new(Opcode::MultiDelete)
        },
    ];
    for port in &ports {
        for removal in &removals {
            let mut raw = Raw::connect(*port);
            assert_eq!(take(&mut raw, &key).status, Status::Ok);
            let mut first = Raw::connect(ports[1]);
            let mut second = Raw::connect(ports[2]);
            send_waiting(&mut first, &key, LONG_MS);
            eventually("the first stands in line", || waiting(&mut stats) == 1);
            send_waiting(&mut second, &key, LONG_MS);
            eventually("the second does", || waiting(&mut stats) == 2);
            assert_eq!(raw.call(*removal).status, Status::Ok);
            let granted = first.receive();
            assert_eq!(granted.status, Status::Ok);
            eventually("one is left", || waiting(&mut stats) == 1);
            assert_eq!(unlock(&mut raw, &key, granted.version), Status::Ok);
            let granted = second.receive();
            assert_eq!(unlock(&mut raw, &key, granted.version), Status::Ok);
        }
    }
}

#[test]
fn a_critical_section_is_never_entered_twice_at_once() {
    const ROUNDS: usize = 60;
    let node = node(2);
    let ports = ports(&node);
    for core in 0..2 {
        let key = key_of_core(core, 2, 0);
        let inside = std::sync::atomic::AtomicUsize::new(0);
        let last_token = std::sync::atomic::AtomicU64::new(0);
        std::thread::scope(|scope| {
            for port in ports.iter().cycle().take(6) {
                let (key, inside, last_token) = (&key, &inside, &last_token);
                scope.spawn(move || {
                    use std::sync::atomic::Ordering::SeqCst;
                    let mut raw = Raw::connect(*port);
                    for _ in 0..ROUNDS {
                        send_waiting(&mut raw, key, LONG_MS);
                        let granted = raw.receive();
                        assert_eq!(granted.status, Status::Ok);
                        assert_eq!(inside.fetch_add(1, SeqCst), 0, "somebody is inside");
                        assert!(last_token.swap(granted.version, SeqCst) < granted.version);
                        inside.fetch_sub(1, SeqCst);
                        assert_eq!(unlock(&mut raw, key, granted.version), Status::Ok);
                    }
                });
            }
        });
    }
}

#[test]
fn a_stop_tells_those_who_wait() {
    let node = node(2);
    let ports = ports(&node);
    let mut stats = Raw::connect(ports[0]);
    let mut line = Vec::new();
    for core in 0..2 {
        let key = key_of_core(core, 2, 0);
        take(&mut stats, &key);
        for port in &ports {
            let mut raw = Raw::connect(*port);
            send_waiting(&mut raw, &key, LONG_MS);
            line.push(raw);
        }
    }
    eventually("all stand in line", || waiting(&mut stats) == 6);
    node.request_stop();
    for raw in &mut line {
        assert_eq!(raw.receive().status, Status::ShuttingDown);
    }
    drop(stats);
    node.join().unwrap();
}

#[test]
fn malformed_lock_requests_are_refused_by_name() {
    let node = node(2);
    let mut raw = Raw::connect(node.addresses().any_core);
    let mut refused = |change: &dyn Fn(&mut Vec<u8>)| {
        let request = Request {
            value: &[0; 8],
            ..keyed(Opcode::Lock, b"key")
        };
        let (mut frame, _) = raw.encode(request);
        change(&mut frame);
        seal(&mut frame);
        raw.send_bytes(&frame).unwrap();
        raw.receive().status
    };
    assert_eq!(refused(&|frame| frame[57] = 0xFF), Status::MalformedPayload);
    let cut = refused(&|frame| {
        frame.truncate(58);
        frame[20] = 7;
    });
    assert_eq!(cut, Status::MalformedPayload);
    assert_eq!(refused(&|frame| frame[4] = 1), Status::UnknownFlags);
    assert_eq!(refused(&|frame| frame[4] = 4), Status::InvalidArgument);
    let unlock = refused(&|frame| {
        frame[2] = Opcode::Unlock.as_u8();
        frame.truncate(51);
        frame[20] = 0;
    });
    assert_eq!(unlock, Status::InvalidArgument, "0 is no token");
    assert_eq!(raw.get(b"key").status, Status::NotFound);
}

/// A connection executes nothing more while it was given as many locks as may be without its peer
/// having had a chance to see one; it must go on by itself as soon as the answers have arrived.
#[test]
fn more_locks_in_one_breath_than_a_connection_may_be_given_are_all_given() {
    const LOCKS: usize = 5000;
    let node = node(2);
    let mut raw = Raw::connect(node.addresses().cores[0]);
    let mut bytes = Vec::new();
    for number in 0..LOCKS {
        let key = number.to_string();
        let (frame, _) = raw.encode(Request {
            map: b"breath",
            key: key.as_bytes(),
            ..Request::new(Opcode::Lock)
        });
        bytes.extend_from_slice(&frame);
    }
    raw.send_bytes(&bytes).unwrap();
    for _ in 0..LOCKS {
        assert_eq!(raw.receive().status, Status::Ok);
    }
    // It has them: they outlive it.
    drop(raw);
    let mut other = Raw::connect(node.addresses().any_core);
    eventually("the connection is gone", || {
        other.stat("node.connections") == 1
    });
    let again = other.call(Request {
        map: b"breath",
        key: b"0",
        ..Request::new(Opcode::Lock)
    });
    assert_eq!(again.status, Status::LockNotAcquired);
}
