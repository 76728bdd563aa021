//! Fear: who waits for a lock cannot be made to go on; or is told that the wait is over and gets the
//! lock all the same, which then nobody gives back.

use std::net::SocketAddr;
use std::sync::Barrier;
use std::thread;

use jerboa_wire::{Opcode, Request, Status, lock};

use crate::common::resp::{RespRaw, command};
use crate::common::{Raw, eventually, key_of_core, node};

const NOT_ACQUIRED: &str = "-LOCKNOTACQUIRED lock not acquired\r\n";
const UNBLOCKED: &str = "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n";

fn text_key(core: u16, number: u32) -> String {
    String::from_utf8(key_of_core(core, 2, number)).expect("keys of text")
}

fn id(client: &mut RespRaw) -> String {
    let reply = client.call(&["CLIENT", "ID"]);
    reply.trim_start_matches(':').trim_end().to_owned()
}

/// Takes a lock that is free.
fn take(client: &mut RespRaw, key: &str) -> String {
    let reply = client.call(&["DM.LOCK", "locks", key, "0"]);
    assert!(reply.starts_with('+'), "{reply}");
    reply.trim_start_matches('+').trim_end().to_owned()
}

fn release(client: &mut RespRaw, key: &str, token: &str) {
    let reply = client.call(&["DM.UNLOCK", "locks", key, token]);
    assert_eq!(reply, "+OK\r\n");
}

fn waits(asker: &mut RespRaw, id: &str) -> bool {
    asker
        .call(&["CLIENT", "LIST", "ID", id])
        .contains(" flags=b ")
}

/// One that waits for a lock, and then asks for something else.
fn waiter(address: SocketAddr, key: &str) -> (RespRaw, String) {
    let mut client = RespRaw::connect(address);
    let id = id(&mut client);
    let mut bytes = command(&[b"DM.LOCK", b"locks", key.as_bytes(), b"600"]);
    bytes.extend(command(&[b"PING"]));
    client.send(&bytes).expect("an open connection");
    (client, id)
}

fn blocked(client: &mut RespRaw) -> String {
    let info = client.call(&["INFO", "clients"]);
    let line = info
        .lines()
        .find_map(|line| line.strip_prefix("blocked_clients:"));
    line.expect("the field").to_owned()
}

#[test]
fn a_wait_for_a_lock_is_ended_whichever_cores_hold_client_asker_and_lock() {
    let node = node(2);
    let address = node.addresses().any_core;
    let mut holder = RespRaw::connect(address);
    let reasons: [(&[&str], &str); 4] = [
        (&[], NOT_ACQUIRED),
        (&["TIMEOUT"], NOT_ACQUIRED),
        (&["timeout"], NOT_ACQUIRED),
        (&["error"], UNBLOCKED),
    ];
    // Clients of the common port are spread over the cores.
    for number in 0..24 {
        let key = text_key((number % 2) as u16, number);
        let (reason, expected) = reasons[number as usize / 2 % reasons.len()];
        let token = take(&mut holder, &key);
        let (mut client, id) = waiter(address, &key);
        let mut asker = RespRaw::connect(node.addresses().cores[number as usize / 3 % 2]);
        eventually("the lock is waited for", || waits(&mut asker, &id));
        eventually("the wait is counted", || blocked(&mut asker) == "1");
        let mut unblock = vec!["CLIENT", "UNBLOCK", &id];
        unblock.extend(reason);
        assert_eq!(asker.call(&unblock), ":1\r\n");
        assert_eq!(String::from_utf8(client.receive()).unwrap(), expected);
        assert_eq!(client.receive(), b"+PONG\r\n", "what is behind it goes on");
        assert_eq!(asker.call(&unblock), ":0\r\n", "it waits no more");
        eventually("nobody waits", || blocked(&mut asker) == "0");
        release(&mut holder, &key, &token);
        let token = take(&mut holder, &key);
        release(&mut holder, &key, &token);
        // The next wait is as any other.
        let token = take(&mut client, &key);
        release(&mut client, &key, &token);
    }
}

#[test]
fn who_does_not_wait_for_a_lock_is_left_alone() {
    let node = node(2);
    let mut client = RespRaw::connect(node.addresses().any_core);
    let mut other = RespRaw::connect(node.addresses().cores[1]);
    let (own, others) = (id(&mut client), id(&mut other));
    for id in [&own, &others, "0", "-1", "999999"] {
        assert_eq!(client.call(&["CLIENT", "UNBLOCK", id]), ":0\r\n", "{id}");
    }
    assert_eq!(
        client.call(&["CLIENT", "UNBLOCK", &others, "gently"]),
        "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR\r\n"
    );
    assert_eq!(
        client.call(&["CLIENT", "UNBLOCK", "one"]),
        "-ERR value is not an integer or out of range\r\n"
    );
    // Who waits for the end of a pause waits on.
    assert_eq!(client.call(&["CLIENT", "PAUSE", "60000"]), "+OK\r\n");
    other.send(b"PING\r\n").unwrap();
    eventually("it waits", || waits(&mut client, &others));
    assert_eq!(client.call(&["CLIENT", "UNBLOCK", &others]), ":0\r\n");
    assert!(waits(&mut client, &others));
    assert_eq!(client.call(&["CLIENT", "UNPAUSE"]), "+OK\r\n");
    assert_eq!(other.receive(), b"+PONG\r\n");
}

#[test]
fn a_client_without_replies_is_unblocked_in_silence() {
    let node = node(2);
    let address = node.addresses().any_core;
    let mut holder = RespRaw::connect(address);
    for core in 0..2 {
        let key = text_key(core, 1);
        take(&mut holder, &key);
        let mut client = RespRaw::connect(address);
        let id = id(&mut client);
        client.send(b"CLIENT REPLY SKIP\r\n").unwrap();
        let asked = command(&[b"DM.LOCK", b"locks", key.as_bytes(), b"600"]);
        client.send(&asked).unwrap();
        eventually("the lock is waited for", || waits(&mut holder, &id));
        assert_eq!(holder.call(&["CLIENT", "UNBLOCK", &id, "ERROR"]), ":1\r\n");
        assert_eq!(client.call(&["PING"]), "+PONG\r\n");
    }
}

#[test]
fn all_waits_of_a_client_that_speaks_frames_end_as_if_their_time_were_over() {
    let node = node(2);
    let address = node.addresses().any_core;
    let mut holder = RespRaw::connect(address);
    let mut raw = Raw::connect(address);
    let keys = [0, 1].map(|core| key_of_core(core, 2, 7));
    for key in &keys {
        take(&mut holder, std::str::from_utf8(key).unwrap());
        raw.send(Request {
            map: b"locks",
            key,
            value: &lock::encode_wait(600_000),
            ..Request::new(Opcode::Lock)
        });
    }
    eventually("both are waited for", || blocked(&mut holder) == "2");
    let mut id = String::new();
    eventually("it is in the list", || {
        let listed = holder.call(&["CLIENT", "LIST", "TYPE", "binary"]);
        let found = listed.lines().find(|line| line.contains("flags=bJ"));
        id = found.map_or_else(String::new, |line| {
            line.split(' ').next().unwrap().replace("id=", "")
        });
        !id.is_empty()
    });
    assert_eq!(holder.call(&["CLIENT", "UNBLOCK", &id]), ":1\r\n");
    for _ in &keys {
        assert_eq!(raw.receive().status, Status::LockNotAcquired);
    }
    eventually("nobody waits", || blocked(&mut holder) == "0");
}

#[test]
fn a_wait_that_was_ended_and_a_lock_that_is_freed_at_once_do_not_both_come_true() {
    let node = node(2);
    let address = node.addresses().any_core;
    let mut holder = RespRaw::connect(address);
    let mut asker = RespRaw::connect(address);
    let (mut ended, mut granted) = (0, 0);
    for number in 0..300 {
        let key = text_key((number % 2) as u16, number);
        let token = take(&mut holder, &key);
        let (mut client, id) = waiter(address, &key);
        eventually("the lock is waited for", || waits(&mut asker, &id));
        let both = Barrier::new(2);
        let told = thread::scope(|scope| {
            let unblocked = scope.spawn(|| {
                both.wait();
                asker.call(&["CLIENT", "UNBLOCK", &id, "ERROR"])
            });
            both.wait();
            release(&mut holder, &key, &token);
            unblocked.join().unwrap()
        });
        let reply = String::from_utf8(client.receive()).unwrap();
        if told == ":1\r\n" {
            ended += 1;
            assert_eq!(reply, UNBLOCKED);
        } else {
            granted += 1;
            assert!(reply.starts_with('+'), "{told} {reply}");
            let token = reply.trim_start_matches('+').trim_end();
            assert_eq!(client.receive(), b"+PONG\r\n");
            release(&mut client, &key, token);
        }
        eventually("the lock is free again", || {
            let taken = holder.call(&["DM.LOCK", "locks", &key, "0", "EX", "600"]);
            taken.starts_with('+')
        });
    }
    println!("{ended} waits were ended, {granted} locks were given");
}
