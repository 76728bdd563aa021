//! Fear: a token that is not greater than one before it, so that what a lock protects lets in who
//! has lost it; and, over RESP, a lock that was given to a connection that is gone.

use std::time::Duration;

use jerboa::Node;
use jerboa_wire::client::LockOptions;
use jerboa_wire::{Opcode, Request, RequestFlags, Status};

use super::common::resp::{RespRaw, command};
use super::common::{Raw, config, eventually, key_of_core, node};
use super::{keyed, leased, take, unlock, waiting};

/// What ends a lock, or the life of its entry.
#[derive(Clone, Copy, Debug)]
enum End {
    Unlock,
    Lease,
    Delete,
    GetDelete,
    ExpireNow,
    /// The lock's entry is replaced by a plain value, which is removed.
    Overwrite,
    Destroy,
    Flush,
}

const ENDS: [End; 8] = [
    End::Unlock,
    End::Lease,
    End::Delete,
    End::GetDelete,
    End::ExpireNow,
    End::Overwrite,
    End::Destroy,
    End::Flush,
];

fn end(raw: &mut Raw, resp: &mut RespRaw, key: &[u8], token: u64, how: End) {
    match how {
        End::Unlock => assert_eq!(unlock(raw, key, token), Status::Ok),
        End::Lease => {
            let lease = Request {
                version: token,
                flags: RequestFlags::TTL_RELATIVE,
                arg: 1,
                ..keyed(Opcode::Lease, key)
            };
            assert_eq!(raw.call(lease).version, token, "a lease keeps the token");
            eventually("it expires", || raw.get(key).status == Status::NotFound);
        }
        End::Delete => assert_eq!(raw.call(keyed(Opcode::Delete, key)).status, Status::Ok),
        End::GetDelete => {
            assert_eq!(raw.call(keyed(Opcode::GetDelete, key)).status, Status::Ok);
        }
        End::ExpireNow => {
            let expire = Request {
                flags: RequestFlags::TTL_RELATIVE,
                ..keyed(Opcode::Expire, key)
            };
            assert_eq!(raw.call(expire).status, Status::Ok);
        }
        End::Overwrite => {
            let value = raw.put(key, b"a value like any other");
            assert!(value.version > token);
            assert_eq!(unlock(raw, key, token), Status::NoSuchLock);
            assert_eq!(raw.call(keyed(Opcode::Delete, key)).status, Status::Ok);
        }
        End::Destroy => {
            assert_eq!(raw.call(Request::new(Opcode::Destroy)).status, Status::Ok);
        }
        End::Flush => assert_eq!(resp.call(&["FLUSHALL"]), "+OK\r\n"),
    }
}

/// The lock through each door in turn; its token.
fn take_through(door: usize, node: &Node, raw: &mut Raw, resp: &mut RespRaw, key: &[u8]) -> u64 {
    match door % 4 {
        0 => take(raw, key).version,
        1 => raw.call(leased(key, 60_000)).version,
        2 => {
            let map = node.dmap("").blocking();
            let token = map.lock(key, LockOptions::default()).unwrap();
            token.expect("a free lock").number()
        }
        _ => {
            let key = std::str::from_utf8(key).unwrap();
            let reply = resp.call(&["DM.LOCK", "", key, "0"]);
            let token = reply.trim_start_matches('+').trim_end();
            u64::from_str_radix(token, 16).unwrap_or_else(|_| panic!("no token: {reply}"))
        }
    }
}

#[test]
fn tokens_only_grow_whatever_ended_the_lock_before_and_through_whichever_door() {
    let node = node(2);
    let address = node.addresses().any_core;
    let mut raw = Raw::connect(address);
    let mut resp = RespRaw::connect(address);
    for core in 0..2 {
        let key = key_of_core(core, 2, 0);
        let mut last = 0;
        for (round, how) in ENDS.iter().cycle().take(ENDS.len() * 4).enumerate() {
            // Each end before each door, in the course of the rounds.
            let door = round + round / ENDS.len();
            let token = take_through(door, &node, &mut raw, &mut resp, &key);
            assert!(token > last, "{token} after {last}, door {door}");
            last = token;
            end(&mut raw, &mut resp, &key, token, *how);
            assert_eq!(unlock(&mut raw, &key, token), Status::NoSuchLock, "{how:?}");
        }
    }
}

#[test]
fn the_token_of_a_lock_that_was_evicted_is_smaller_than_the_next_one() {
    let mut config = config(1);
    config.memory = Some(16 << 20);
    let node = Node::start(&config).unwrap_or_else(|error| panic!("{error}"));
    let mut raw = Raw::connect(node.addresses().any_core);
    // Small enough to lie in the same segments.
    let value = vec![7; 1 << 10];
    let mut last = 0;
    for round in 0..3 {
        let token = take(&mut raw, b"lock").version;
        assert!(token > last, "{token} after {last}");
        last = token;
        let mut written = 0;
        // Asking whether it is there is not a use.
        while raw.call(keyed(Opcode::Exists, b"lock")).status == Status::Ok {
            // Used, as the lock was: what nobody uses makes room for itself alone.
            let key = format!("{round}:{written}");
            raw.put(key.as_bytes(), &value);
            raw.get(key.as_bytes());
            raw.get(key.as_bytes());
            written += 1;
            assert!(written < 100_000, "it is never evicted");
        }
        assert_eq!(unlock(&mut raw, b"lock", token), Status::NoSuchLock);
    }
}

/// The lock becomes free in the moment in which the connection that waits for it goes away.
#[test]
fn a_lock_is_not_given_to_a_resp_connection_that_is_gone() {
    let node = node(2);
    let address = node.addresses().any_core;
    let mut raw = Raw::connect(address);
    for round in 0..20_u32 {
        let key = key_of_core((round % 2) as u16, 2, round);
        let token = take(&mut raw, &key).version;
        let mut gone = RespRaw::connect(address);
        gone.send(&command(&[b"DM.LOCK", b"", &key, b"600"]))
            .unwrap();
        eventually("it stands in line", || waiting(&mut raw) == 1);
        let release = raw.encode(Request {
            version: token,
            ..keyed(Opcode::Unlock, &key)
        });
        if round % 3 == 0 {
            drop(gone);
            raw.send_bytes(&release.0).unwrap();
        } else {
            raw.send_bytes(&release.0).unwrap();
            // Closed with the reply unread, or not yet sent: what it may have received is its own.
            std::thread::sleep(Duration::from_micros(u64::from(round) * 20));
            drop(gone);
        }
        assert_eq!(raw.receive().status, Status::Ok);
        let is_received = round % 3 != 0;
        if !is_received {
            let mut heir = Raw::connect(address);
            super::send_waiting(&mut heir, &key, super::LONG_MS);
            let granted = heir.receive();
            assert_eq!(granted.status, Status::Ok, "an orphan");
            assert!(granted.version > token);
        }
        eventually("nobody waits", || waiting(&mut raw) == 0);
    }
}
