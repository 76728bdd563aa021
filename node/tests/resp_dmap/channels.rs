//! Fear: a subscriber of Redis gets what is no message to it, or loses one.

use super::{RespRaw, command, eventually, node};

fn receive(client: &mut RespRaw) -> String {
    String::from_utf8(client.receive()).expect("text")
}

fn list(kind: char, items: &[&str]) -> String {
    let mut text = format!("{kind}{}\r\n", items.len());
    for item in items {
        match item.strip_prefix(':') {
            Some(number) => text.push_str(&format!(":{number}\r\n")),
            None if *item == "nil" => text.push_str("$-1\r\n"),
            None => text.push_str(&format!("${}\r\n{item}\r\n", item.len())),
        }
    }
    text
}

#[test]
fn each_name_is_confirmed_with_the_count_of_subscriptions() {
    let node = node(2);
    let mut client = RespRaw::connect(node.addresses().any_core);
    let first = client.call(&["SUBSCRIBE", "a", "b", "a"]);
    assert_eq!(first, list('*', &["subscribe", "a", ":1"]));
    assert_eq!(receive(&mut client), list('*', &["subscribe", "b", ":2"]));
    assert_eq!(receive(&mut client), list('*', &["subscribe", "a", ":2"]));
    let pattern = client.call(&["PSUBSCRIBE", "n*"]);
    assert_eq!(pattern, list('*', &["psubscribe", "n*", ":3"]));
    let shard = client.call(&["SSUBSCRIBE", "a"]);
    assert_eq!(shard, list('*', &["ssubscribe", "a", ":1"]));
    let other = client.call(&["UNSUBSCRIBE", "other"]);
    assert_eq!(other, list('*', &["unsubscribe", "other", ":3"]));
    let all = client.call(&["UNSUBSCRIBE"]);
    assert_eq!(all, list('*', &["unsubscribe", "a", ":2"]));
    assert_eq!(receive(&mut client), list('*', &["unsubscribe", "b", ":1"]));
    let none = client.call(&["UNSUBSCRIBE"]);
    assert_eq!(none, list('*', &["unsubscribe", "nil", ":1"]));
    let patterns = client.call(&["PUNSUBSCRIBE"]);
    assert_eq!(patterns, list('*', &["punsubscribe", "n*", ":0"]));
    let shards = client.call(&["SUNSUBSCRIBE"]);
    assert_eq!(shards, list('*', &["sunsubscribe", "a", ":0"]));
    assert_eq!(
        client.call(&["PING"]),
        "+PONG\r\n",
        "an ordinary client again"
    );
}

#[test]
fn a_message_reaches_every_subscriber_on_every_core_in_its_own_version() {
    let node = node(2);
    let ports = node.addresses().cores.clone();
    let mut clients = Vec::new();
    for (number, port) in ports.iter().chain(&ports).enumerate() {
        let mut client = RespRaw::connect(*port);
        let sign = if number % 2 == 0 { '*' } else { '>' };
        if sign == '>' {
            client.call(&["HELLO", "3"]);
        }
        let reply = client.call(&["SUBSCRIBE", "news"]);
        assert_eq!(reply, list(sign, &["subscribe", "news", ":1"]));
        client.call(&["PSUBSCRIBE", "n?ws"]);
        client.call(&["SSUBSCRIBE", "news"]);
        clients.push((client, sign));
    }
    let mut publisher = RespRaw::connect(node.addresses().any_core);
    for _ in 0..20 {
        assert_eq!(publisher.call(&["PUBLISH", "news", "hello"]), ":8\r\n");
        assert_eq!(publisher.call(&["SPUBLISH", "news", "shard"]), ":4\r\n");
        assert_eq!(publisher.call(&["PUBLISH", "nobody", "x"]), ":0\r\n");
        for (client, sign) in &mut clients {
            let message = list(*sign, &["message", "news", "hello"]);
            assert_eq!(receive(client), message);
            let message = list(*sign, &["pmessage", "n?ws", "news", "hello"]);
            assert_eq!(receive(client), message);
            let message = list(*sign, &["smessage", "news", "shard"]);
            assert_eq!(receive(client), message);
        }
    }
    let numbers = publisher.call(&["PUBSUB", "NUMSUB", "news", "nobody"]);
    assert_eq!(numbers, list('*', &["news", ":4", "nobody", ":0"]));
    let numbers = publisher.call(&["PUBSUB", "SHARDNUMSUB", "news"]);
    assert_eq!(numbers, list('*', &["news", ":4"]));
    assert_eq!(publisher.call(&["PUBSUB", "NUMPAT"]), ":1\r\n");
    let channels = publisher.call(&["PUBSUB", "CHANNELS"]);
    assert_eq!(channels, list('*', &["news"]));
    assert_eq!(publisher.call(&["PUBSUB", "CHANNELS", "x*"]), "*0\r\n");
    let channels = publisher.call(&["PUBSUB", "SHARDCHANNELS", "n*"]);
    assert_eq!(channels, list('*', &["news"]));
    drop(clients);
    eventually("those who are gone are subscribed no more", || {
        publisher.call(&["PUBSUB", "CHANNELS"]) == "*0\r\n"
            && publisher.call(&["PUBSUB", "SHARDCHANNELS"]) == "*0\r\n"
    });
}

#[test]
fn a_listener_of_version_two_is_refused_what_it_could_not_tell_from_a_message() {
    let node = node(1);
    let mut client = RespRaw::connect(node.addresses().any_core);
    client.call(&["SSUBSCRIBE", "news"]);
    for (arguments, name) in [
        (&["GET", "key"][..], "get"),
        (&["PUBLISH", "news", "x"], "publish"),
        (&["SPUBLISH", "news", "x"], "spublish"),
        (&["CLIENT", "ID"], "client|id"),
        (&["DM.LOCK", "m", "k", "1"], "dm.lock"),
    ] {
        let expected = format!(
            "-ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / \
             QUIT / RESET are allowed in this context\r\n"
        );
        assert_eq!(client.call(arguments), expected);
    }
    assert_eq!(client.call(&["PING"]), list('*', &["pong", ""]));
    assert_eq!(client.call(&["PING", "hi"]), list('*', &["pong", "hi"]));
    assert_eq!(client.call(&["RESET"]), "+RESET\r\n");
    assert_eq!(client.call(&["PING"]), "+PONG\r\n");
    assert_eq!(
        client.call(&["SPUBLISH", "news", "x"]),
        ":0\r\n",
        "it has left"
    );

    let mut modern = RespRaw::connect(node.addresses().any_core);
    modern.call(&["HELLO", "3"]);
    modern.call(&["SUBSCRIBE", "news"]);
    assert_eq!(modern.call(&["SET", "key", "value"]), "+OK\r\n");
    assert_eq!(modern.call(&["PING"]), "+PONG\r\n");
    let both = modern.call(&["PUBLISH", "news", "own"]);
    let other = receive(&mut modern);
    let mut both = [both, other];
    both.sort_unstable();
    assert_eq!(
        both,
        [":1\r\n".to_owned(), list('>', &["message", "news", "own"])]
    );
}

#[test]
fn names_that_cannot_be_are_refused_one_by_one() {
    let node = node(1);
    let mut client = RespRaw::connect(node.addresses().any_core);
    let long = "c".repeat(1025);
    let mut bytes = command(&[b"SUBSCRIBE", b"", long.as_bytes(), b"__shard__:a", b"fine"]);
    bytes.extend(command(&[b"PSUBSCRIBE", long.as_bytes()]));
    bytes.extend(command(&[b"SSUBSCRIBE", b""]));
    client.send(&bytes).unwrap();
    for _ in 0..3 {
        assert!(receive(&mut client).starts_with("-ERR "));
    }
    assert_eq!(
        receive(&mut client),
        list('*', &["subscribe", "fine", ":1"])
    );
    for _ in 0..2 {
        assert!(receive(&mut client).starts_with("-ERR "));
    }
    let mut publisher = RespRaw::connect(node.addresses().any_core);
    for channel in ["", long.as_str(), "__shard__:a", "__jerboa__:member"] {
        let reply = publisher.call(&["PUBLISH", channel, "x"]);
        assert!(reply.starts_with("-ERR "), "{channel}: {reply}");
    }
    for arguments in [
        &["PUBSUB"][..],
        &["PUBSUB", "NOSUCH"],
        &["PUBSUB", "CHANNELS", "a", "b"],
    ] {
        assert!(
            publisher.call(arguments).starts_with("-ERR "),
            "{arguments:?}"
        );
    }
    let help = publisher.call(&["PUBSUB", "HELP"]);
    assert!(help.starts_with("*13\r\n+PUBSUB "), "{help}");
    assert_eq!(publisher.call(&["PUBSUB", "CHANNELS", ""]), "*0\r\n");
}

#[test]
fn clients_of_both_protocols_hear_each_other() {
    use jerboa_wire::{Message, Opcode, Request, multi};
    let node = node(2);
    let mut frames = super::Raw::connect(node.addresses().cores[0]);
    let mut section = Vec::new();
    assert!(multi::push_key(&mut section, b"news"));
    let subscribe = Request {
        value: &section,
        count: 1,
        ..Request::new(Opcode::Subscribe)
    };
    assert_eq!(frames.call(subscribe).arg, 1);
    let mut client = RespRaw::connect(node.addresses().cores[1]);
    client.call(&["SUBSCRIBE", "news"]);
    let mut publisher = RespRaw::connect(node.addresses().any_core);
    assert_eq!(publisher.call(&["PUBLISH", "news", "text"]), ":2\r\n");
    assert_eq!(
        receive(&mut client),
        list('*', &["message", "news", "text"])
    );
    let frame = frames.receive();
    let message = Message::decode(&frame.value).unwrap();
    assert_eq!(
        (message.channel, message.payload),
        (&b"news"[..], &b"text"[..])
    );
}
