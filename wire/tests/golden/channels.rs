//! Frames of requests about channels, and the messages that are pushed.

use jerboa_wire::channel::push_subscribers;
use jerboa_wire::event::{Event, EventKind, EventKinds, EventSwitch, Happening};
use jerboa_wire::{Crc, Message, Opcode, Reply, Request, ScanQuery, Status, multi};

use super::Found;

pub(super) fn frames(found: &mut Found) {
    requests(found);
    replies(found);
    let message = |pattern| {
        let mut value = Vec::new();
        let message = Message {
            channel: b"news.today",
            pattern,
            payload: b"rain",
        };
        assert!(message.encode(&mut value));
        value
    };
    let pushed = |status| Reply::new(Opcode::Message, status, 0);
    for (name, pattern) in [
        ("Message by channel", None),
        ("Message by pattern", Some(&b"news.*"[..])),
    ] {
        let value = message(pattern);
        let reply = Reply {
            value: &value,
            ..pushed(Status::Ok)
        };
        assert!(reply.message().is_some());
        found.reply(name, reply, Crc::On);
    }
    found.reply(
        "Message that ends it",
        pushed(Status::SlowSubscriber),
        Crc::On,
    );
    let mut payload = Vec::new();
    let event = Event {
        core: 1,
        at_ms: 1_767_225_600_000,
        member: 0x1122_3344_5566_7788,
        version: 0x0190_0000_0000_0001,
        map: b"orders",
        key: b"foo",
        ..Event::new(Happening::EntryExpired)
    };
    assert!(event.encode(&mut payload));
    let mut value = Vec::new();
    let message = Message {
        channel: event.happening.kind().channel().as_bytes(),
        pattern: None,
        payload: &payload,
    };
    assert!(message.encode(&mut value));
    let reply = Reply {
        value: &value,
        ..pushed(Status::Ok)
    };
    found.reply("Message of an event", reply, Crc::On);
}

fn requests(found: &mut Found) {
    let bare = |opcode| Request {
        request_id: 9,
        ..Request::new(opcode)
    };
    let mut names = Vec::new();
    assert!(multi::push_key(&mut names, b"news.*") && multi::push_key(&mut names, b"chat"));
    for opcode in [
        Opcode::Subscribe,
        Opcode::Unsubscribe,
        Opcode::PatternSubscribe,
        Opcode::PatternUnsubscribe,
        Opcode::Subscribers,
    ] {
        let request = Request {
            count: 2,
            value: &names,
            ..bare(opcode)
        };
        found.request(opcode.name(), request, Crc::On);
    }
    let everything = bare(Opcode::Unsubscribe);
    found.request("Unsubscribe from everything", everything, Crc::On);
    let publish = Request {
        key: b"news.today",
        value: b"rain",
        ..bare(Opcode::Publish)
    };
    found.request("Publish", publish, Crc::On);
    let mut value = Vec::new();
    let pattern = b"news.*";
    ScanQuery { count: 10, pattern }.encode(&mut value);
    let channels = Request {
        arg: 17,
        value: &value,
        ..bare(Opcode::Channels)
    };
    found.request("Channels", channels, Crc::On);
    found.request("Patterns", bare(Opcode::Patterns), Crc::On);
    let switch = EventSwitch {
        changed: EventKinds::ALL,
        on: EventKinds::only(EventKind::Expired),
    };
    let events = Request {
        arg: switch.encode(),
        ..bare(Opcode::Events)
    };
    found.request("Events, only expiry", events, Crc::On);
}

fn replies(found: &mut Found) {
    let ok = |opcode| Reply::new(opcode, Status::Ok, 9);
    let subscribed = Reply {
        arg: 2,
        ..ok(Opcode::Subscribe)
    };
    found.reply("Subscribe", subscribed, Crc::On);
    let full = Reply::new(Opcode::Subscribe, Status::TooManySubscriptions, 9);
    found.reply("Subscribe beyond the limit", full, Crc::On);
    let mut value = Vec::new();
    assert!(multi::push_key(&mut value, b"news.today"));
    let channels = Reply {
        count: 1,
        arg: 18,
        value: &value,
        ..ok(Opcode::Channels)
    };
    found.reply("Channels", channels, Crc::On);
    let mut value = Vec::new();
    push_subscribers(&mut value, 1000);
    push_subscribers(&mut value, 0);
    let subscribers = Reply {
        count: 2,
        value: &value,
        ..ok(Opcode::Subscribers)
    };
    assert!(subscribers.subscribers().eq([1000, 0]));
    found.reply("Subscribers", subscribers, Crc::On);
}
