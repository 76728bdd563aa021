//! Events of the node on its own channels.

use jerboa::Node;
use jerboa::config::Config;
use jerboa_wire::event::{Event, EventKind, EventKinds, EventSwitch, Happening};
use jerboa_wire::{Opcode, Request, Status, stats};

use crate::client::Client;
use crate::common::{config, node};

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
    assert_eq!(switch(&mut one, expired, expired), expired.bits().into());
    let asked = switch(&mut other, EventKinds::NONE, EventKinds::NONE);
    assert_eq!(asked, expired.bits().into());
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
    // Nobody can have heard of the start, but it was told.
    crate::common::eventually("the start was told", || {
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
        let (_, stopping, _) = (told[0].1, told[0].0, told[0].2);
        assert_eq!((stopping, told[0].2), (Happening::MemberStopping, 2));
        let lost = &told[1..];
        let cores: Vec<_> = lost.iter().map(|lost| (lost.0, lost.1)).collect();
        let expected = [0, 1].map(|core| (Happening::PartitionsLost, core));
        assert_eq!(cores, expected);
        let partitions: u32 = lost.iter().map(|lost| lost.2).sum();
        assert_eq!(partitions, u32::from(crate::common::PARTITIONS));
    }
    node.join().unwrap();
}

#[test]
fn a_node_whose_kinds_are_off_says_nothing() {
    let node = node(1);
    let mut client = Client::connect(node.addresses().any_core);
    let channels: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.channel()).collect();
    client.subscribe(&channels);
    let put = client.call(Request {
        key: b"short",
        value: b"lived",
        arg: 1,
        flags: jerboa_wire::RequestFlags::TTL_RELATIVE,
        ..Request::new(Opcode::Put)
    });
    assert_eq!(put.status, Status::Ok);
    crate::common::eventually("it expired", || {
        client.get(b"short").status == Status::NotFound
    });
    client.nothing_came();
    node.request_stop();
    assert_eq!(client.rest(), []);
    node.join().unwrap();
}
