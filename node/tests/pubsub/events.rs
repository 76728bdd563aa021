//! Events of the node on its own channels.

use std::collections::BTreeSet;
use std::time::{Duration, UNIX_EPOCH};

use jerboa::Node;
use jerboa::config::Config;
use jerboa_wire::client::Expiry;
use jerboa_wire::event::{Event, EventKind, EventKinds, EventSwitch, Happening};
use jerboa_wire::{Opcode, Request, RequestFlags, Status, stats};

use crate::client::Client;
use crate::common::{config, eventually, key_of_core, node};

/// Turns kinds on or off; what is on then.
fn switch(client: &mut Client, changed: EventKinds, on: EventKinds) -> u64 {
    let switch = EventSwitch { changed, on };
    let reply = client.call(Request {
        arg: switch.encode(),
        ..Request::new(Opcode::Events)
    });
    assert_eq!(reply.status, Status::Ok);
    reply.arg
}

#[test]
fn kinds_are_off_at_first_and_switched_for_the_whole_node() {
    let node = node(2);
    let cores = &node.addresses().cores;
    let (mut one, mut other) = (Client::connect(cores[0]), Client::connect(cores[1]));
    let expired = EventKinds::only(EventKind::Expired);
    assert_eq!(switch(&mut one, EventKinds::NONE, EventKinds::NONE), 0);
    assert_eq!(
        switch(&mut one, expired, expired),
        u64::from(expired.bits())
    );
    let asked = switch(&mut other, EventKinds::NONE, EventKinds::NONE);
    assert_eq!(asked, u64::from(expired.bits()));
    assert_eq!(switch(&mut other, expired, EventKinds::NONE), 0);
    let strange = one.call_unchecked(Opcode::Events, 1 << 40);
    assert_eq!(strange, Status::InvalidArgument);
}

#[test]
fn a_start_and_a_stop_are_told_to_each_subscriber_once() {
    let config = Config {
        events: EventKinds::only(EventKind::Member) | EventKinds::only(EventKind::Partition),
        ..config(2)
    };
    let node = Node::start(&config).unwrap();
    let mut clients: Vec<Client> = node
        .addresses()
        .cores
        .iter()
        .map(|address| Client::connect(*address))
        .collect();
    let (member, partition) = (EventKind::Member.channel(), EventKind::Partition.channel());
    for client in &mut clients {
        client.subscribe(&[member, partition]);
    }
    // Hardly anybody can have heard of the start, but it was told.
    eventually("the start was told", || {
        let events = |core| stats::number(&node.stats_text(), &format!("core.{core}.events"));
        (events(0), events(1)) == (Some(2), Some(1))
    });
    node.request_stop();
    for client in &mut clients {
        let frames = client.rest();
        let told: Vec<_> = frames
            .iter()
            .map(|frame| {
                let message = jerboa_wire::Message::decode(&frame.value).unwrap();
                let event = Event::decode(message.payload).unwrap();
                let kind = event.happening.kind();
                assert_eq!(message.channel, kind.channel().as_bytes());
                assert!(event.member != 0 && event.at_ms > 1_700_000_000_000);
                (event.happening, event.core, event.count)
            })
            .collect();
        let begun = |event: &(Happening, u16, u32)| {
            matches!(
                event.0,
                Happening::MemberStarted | Happening::PartitionsGained
            )
        };
        // Who was quick may have heard the end of the start.
        let (stopping, lost): (Vec<_>, Vec<_>) = told
            .into_iter()
            .skip_while(begun)
            .partition(|told| told.0 == Happening::MemberStopping);
        assert_eq!(stopping.len(), 1, "{stopping:?}");
        assert_eq!(stopping[0].2, 2);
        // Each core tells of its own end, whichever comes to it first.
        let mut cores: Vec<_> = lost.iter().map(|lost| (lost.0, lost.1)).collect();
        cores.sort_unstable_by_key(|(_, core)| *core);
        let expected = [0, 1].map(|core| (Happening::PartitionsLost, core));
        assert_eq!(cores, expected);
        let partitions: u32 = lost.iter().map(|lost| lost.2).sum();
        assert_eq!(partitions, u32::from(crate::common::PARTITIONS));
    }
    node.join().unwrap();
}

/// That a core which nobody watches allocates for nothing that goes is `core-shard/tests/allocation.rs`.
#[test]
fn a_node_whose_kinds_are_off_collects_nothing_that_it_could_tell_later() {
    let node = Node::start(&Config {
        memory: Some(16 << 20),
        ..config(1)
    })
    .unwrap();
    let mut client = Client::connect(node.addresses().any_core);
    let channels: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.channel()).collect();
    client.subscribe(&channels);
    let put = client.call(Request {
        key: b"short",
        value: b"lived",
        arg: 1,
        flags: RequestFlags::TTL_RELATIVE,
        ..Request::new(Opcode::Put)
    });
    assert_eq!(put.status, Status::Ok);
    lock(&mut client, b"lost");
    client.call(Request {
        map: b"locks",
        key: b"lost",
        ..Request::new(Opcode::Delete)
    });
    let stat = |name: &str| stats::number(&node.stats_text(), name).unwrap();
    let mut stored = 0;
    while stat("core.0.evicted") < 500 {
        let key = format!("key:{stored}");
        assert_eq!(
            client.put(key.as_bytes(), &[1; 16 << 10]).status,
            Status::Ok
        );
        stored += 1;
    }
    eventually("all of it is gone", || {
        client.get(b"short").status == Status::NotFound
    });
    // Whatever had been noted would be told now, before what happens from now on.
    switch(&mut client, EventKinds::ALL, EventKinds::ALL);
    lock(&mut client, b"seen");
    client.call(Request {
        map: b"locks",
        key: b"seen",
        ..Request::new(Opcode::Delete)
    });
    let told = event(&mut client, EventKind::LockLost.channel());
    assert_eq!((told.0, told.4), (Happening::LockDeleted, b"seen".to_vec()));
    switch(&mut client, EventKinds::ALL, EventKinds::NONE);
    client.nothing_came();
    eventually("one was told", || stat("core.0.events") == 1);
    assert_eq!(stat("core.0.events_dropped"), 0);
    node.request_stop();
    assert_eq!(client.rest(), []);
    node.join().unwrap();
}

const TTL_MS: u64 = 300;

/// Takes a lock for a short time; its token.
fn lock(client: &mut Client, key: &[u8]) -> u64 {
    let reply = client.call(Request {
        map: b"locks",
        key,
        arg: TTL_MS,
        flags: RequestFlags::TTL_RELATIVE,
        ..Request::new(Opcode::Lock)
    });
    assert_eq!(reply.status, Status::Ok);
    reply.version
}

fn short_lived(client: &mut Client, map: &str, key: &[u8]) -> u64 {
    let put = client.call(Request {
        map: map.as_bytes(),
        key,
        value: b"short lived",
        arg: TTL_MS,
        flags: RequestFlags::TTL_RELATIVE,
        ..Request::new(Opcode::Put)
    });
    assert_eq!(put.status, Status::Ok);
    put.version
}

/// The next event, which has to be of this channel.
fn event(client: &mut Client, channel: &str) -> (Happening, u16, u64, Vec<u8>, Vec<u8>) {
    let (on, payload) = client.payload();
    assert_eq!(on, channel);
    let event = Event::decode(&payload).expect("an event");
    let names = (event.map.to_vec(), event.key.to_vec());
    (event.happening, event.core, event.version, names.0, names.1)
}

#[test]
fn entries_that_expire_on_any_core_are_told_on_every_core_once() {
    const KEYS: u32 = 200;
    let node = node(2);
    let cores = &node.addresses().cores;
    let mut subscribers = [Client::connect(cores[0]), Client::connect(cores[1])];
    let channel = EventKind::Expired.channel();
    for subscriber in &mut subscribers {
        subscriber.subscribe(&[channel]);
    }
    let mut client = Client::connect(node.addresses().any_core);
    // Before the kind is on, and what somebody deletes, is not told.
    short_lived(&mut client, "", b"unwatched");
    eventually("it expired", || {
        client.get(b"unwatched").status == Status::NotFound
    });
    let expired = EventKinds::only(EventKind::Expired);
    switch(&mut client, expired, expired);
    let mut expected = BTreeSet::new();
    for number in 0..KEYS {
        let core = (number % 2) as u16;
        let key = key_of_core(core, 2, number);
        let map = if number % 3 == 0 { "orders" } else { "" };
        let version = short_lived(&mut client, map, &key);
        expected.insert((Happening::EntryExpired, core, version, map.into(), key));
    }
    let deleted = key_of_core(0, 2, KEYS);
    short_lived(&mut client, "", &deleted);
    let reply = client.call(Request {
        key: &deleted,
        ..Request::new(Opcode::Delete)
    });
    assert_eq!(reply.arg, 1);
    for subscriber in &mut subscribers {
        let told: BTreeSet<_> = (0..KEYS).map(|_| event(subscriber, channel)).collect();
        assert_eq!(told, expected);
    }
    assert_eq!(switch(&mut client, expired, EventKinds::NONE), 0);
    // A core looks at the switch once a turn.
    for core in &node.addresses().cores {
        Client::connect(*core).nothing_came();
    }
    short_lived(&mut client, "", b"unwatched");
    eventually("it expired", || {
        client.get(b"unwatched").status == Status::NotFound
    });
    for subscriber in &mut subscribers {
        subscriber.nothing_came();
    }
}

#[test]
fn entries_that_are_evicted_are_told_as_many_as_were() {
    let config = Config {
        events: EventKinds::only(EventKind::Evicted),
        memory: Some(16 << 20),
        ..config(1)
    };
    let node = Node::start(&config).unwrap();
    let mut subscriber = Client::connect(node.addresses().any_core);
    let channel = EventKind::Evicted.channel();
    subscriber.subscribe(&[channel]);
    let mut client = Client::connect(node.addresses().any_core);
    let value = [1; 16 << 10];
    let stat = |name: &str| stats::number(&node.stats_text(), name).unwrap();
    let mut stored: u64 = 0;
    while stat("core.0.evicted") < 500 {
        let key = format!("key:{stored}");
        assert_eq!(client.put(key.as_bytes(), &value).status, Status::Ok);
        stored += 1;
    }
    let mut told = BTreeSet::new();
    eventually("all of them are told", || {
        subscriber.nothing_or_more();
        while subscriber.has_message() {
            let event = event(&mut subscriber, channel);
            assert_eq!(event.0, Happening::EntryEvicted);
            assert!(told.insert(event.4), "told twice");
        }
        told.len() as u64 + stat("node.entries") == stored
    });
    assert_eq!(stat("core.0.events_dropped"), 0);
}

#[test]
fn a_lock_that_runs_out_is_told_and_one_that_is_given_back_is_not() {
    let node = node(2);
    let mut subscriber = Client::connect(node.addresses().cores[0]);
    let (lost, expired) = (EventKind::LockLost.channel(), EventKind::Expired.channel());
    subscriber.subscribe(&[lost, expired]);
    let mut client = Client::connect(node.addresses().any_core);
    let kinds = EventKinds::only(EventKind::LockLost);
    switch(&mut client, kinds, kinds);
    let mut expected = BTreeSet::new();
    for core in 0..2 {
        let (kept, returned) = (key_of_core(core, 2, 1), key_of_core(core, 2, 2));
        let token = lock(&mut client, &returned);
        let unlocked = client.call(Request {
            map: b"locks",
            key: &returned,
            version: token,
            ..Request::new(Opcode::Unlock)
        });
        assert_eq!(unlocked.status, Status::Ok);
        // An entry that is none expires in silence.
        short_lived(&mut client, "", &returned);
        let token = lock(&mut client, &kept);
        expected.insert((Happening::LockExpired, core, token, b"locks".to_vec(), kept));
    }
    let told: BTreeSet<_> = (0..2).map(|_| event(&mut subscriber, lost)).collect();
    assert_eq!(told, expected);
    for core in 0..2 {
        let plain = key_of_core(core, 2, 2);
        eventually("it expired", || {
            client.get(&plain).status == Status::NotFound
        });
    }
    subscriber.nothing_came();
}

const HOUR: Duration = Duration::from_secs(3600);

type Locks = jerboa::embedded::BlockingDMap;

/// How a lock is lost.
type Losing = fn(&Locks, &str);

/// Everything that takes a lock from its holder, and how that is told.
const LOSSES: [(&str, Happening, Losing); 11] = [
    ("delete", Happening::LockDeleted, |map, key| {
        assert!(map.delete(key).unwrap());
    }),
    ("get and delete", Happening::LockDeleted, |map, key| {
        map.get_and_delete::<Vec<u8>>(key).unwrap();
    }),
    ("multi delete", Happening::LockDeleted, |map, key| {
        map.multi_delete(&[key])[0].as_ref().unwrap();
    }),
    ("put", Happening::LockOverwritten, |map, key| {
        map.put(key, "mine now").unwrap();
    }),
    ("swap", Happening::LockOverwritten, |map, key| {
        let held: Vec<u8> = map.get(key).unwrap().unwrap();
        map.compare_and_swap::<Vec<u8>>(key, held, "mine now", Expiry::After(HOUR))
            .unwrap();
    }),
    ("append", Happening::LockOverwritten, |map, key| {
        map.append(key, "more").unwrap();
    }),
    ("set range", Happening::LockOverwritten, |map, key| {
        map.set_range(key, 0, "mine now").unwrap();
    }),
    ("multi put", Happening::LockOverwritten, |map, key| {
        map.multi_put(&[(key, "mine now")], Expiry::After(HOUR))[0]
            .as_ref()
            .unwrap();
    }),
    ("get and put", Happening::LockOverwritten, |map, key| {
        map.get_and_put::<Vec<u8>>(key, b"mine now".to_vec())
            .unwrap();
    }),
    ("put for no time", Happening::LockDeleted, |map, key| {
        map.expire(key, Expiry::At(UNIX_EPOCH)).unwrap();
    }),
    ("destroy", Happening::LockDestroyed, |map, _| {
        assert_eq!(map.destroy().unwrap(), 1);
    }),
];

#[test]
fn a_lock_that_somebody_else_takes_away_is_told_whatever_they_did() {
    let node = node(2);
    let mut subscriber = Client::connect(node.addresses().cores[0]);
    let lost = EventKind::LockLost.channel();
    subscriber.subscribe(&[lost]);
    let mut client = Client::connect(node.addresses().any_core);
    let kinds = EventKinds::only(EventKind::LockLost);
    switch(&mut client, kinds, kinds);
    let locks = node.dmap("locks").blocking();
    for (name, happening, lose) in LOSSES {
        let token = lock(&mut client, name.as_bytes());
        lose(&locks, name);
        let told = event(&mut subscriber, lost);
        let key = name.as_bytes().to_vec();
        assert_eq!(
            (told.0, told.2, told.3, told.4),
            (happening, token, b"locks".to_vec(), key)
        );
        // What lies there now is no lock.
        locks.delete(name).unwrap();
    }
    subscriber.nothing_came();
}
