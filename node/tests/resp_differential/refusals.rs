//! Every command and subcommand with a number of arguments that it does not take, and containers
//! with subcommands that they do not have: what the two servers' own tables say is asked for.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::administration::any_case;
use crate::common::Random;
use crate::common::resp::{RespRaw, command};
use crate::stream::Args;

/// Subcommands of Redis 7.0 that the node does not have, and calls unknown.
const LACKING: &[&str] = &[
    "cluster|addslots",
    "cluster|addslotsrange",
    "cluster|bumpepoch",
    "cluster|delslots",
    "cluster|delslotsrange",
    "cluster|failover",
    "cluster|flushslots",
    "cluster|forget",
    "cluster|meet",
    "cluster|replicate",
    "cluster|reset",
    "cluster|saveconfig",
    "cluster|set-config-epoch",
    "cluster|setslot",
];
/// Those that take other numbers of arguments than in Redis 7.0, as in later ones.
const LATER: &[&str] = &["command|getkeys"];
/// Commands that are lines of HTTP.
const HTTP: &[&str] = &["post", "host:"];

/// Arity by name, subcommands as `container|name`.
fn table(address: SocketAddr) -> BTreeMap<String, i64> {
    let mut client = RespRaw::connect(address);
    let listed = client.call(&["COMMAND", "LIST"]);
    let names: Vec<&str> = listed.split("\r\n").skip(2).step_by(2).collect();
    let mut arities = BTreeMap::new();
    for name in names.iter().filter(|name| !HTTP.contains(name)) {
        // *1 *10 $n name :arity …
        let reply = client.call(&["COMMAND", "INFO", name]);
        let arity = reply
            .split("\r\n")
            .nth(4)
            .and_then(|line| line.strip_prefix(':'));
        let arity = arity.and_then(|text| text.parse().ok());
        arities.insert(
            (*name).to_owned(),
            arity.unwrap_or_else(|| panic!("{name}: {reply}")),
        );
    }
    arities
}

/// The commands that both have to refuse alike.
pub(crate) fn all(random: &mut Random, node: SocketAddr, redis: SocketAddr) -> Vec<Args> {
    let (ours, theirs) = (table(node), table(redis));
    let mut refused = Vec::new();
    for (name, arity) in &theirs {
        let words: Vec<&[u8]> = name.split('|').map(str::as_bytes).collect();
        let Some(own) = ours.get(name) else {
            assert!(LACKING.contains(&&**name), "the node lacks {name}");
            continue;
        };
        if LATER.contains(&&**name) {
            continue;
        }
        assert_eq!(own, arity, "the arity of {name}");
        let least = arity.unsigned_abs() as usize;
        let mut counts: Vec<usize> = (words.len()..least).collect();
        if *arity > 0 {
            counts.extend([least + 1, least + 2, least + 30]);
        }
        for count in counts {
            let mut words: Args = words.iter().map(|word| word.to_vec()).collect();
            words.resize(count, b"argument".to_vec());
            words
                .iter_mut()
                .take(2)
                .for_each(|word| any_case(random, word));
            refused.push(words);
        }
    }
    let containers = ours.keys().filter_map(|name| name.split_once('|'));
    let mut containers: Vec<&str> = containers.map(|(container, _)| container).collect();
    containers.dedup();
    for container in containers {
        let long = [b'x'; 300];
        for subcommand in [
            &b"bogus"[..],
            b"",
            b"a\r\nb",
            b"z\0z",
            b"gEt x",
            b"|",
            &long,
        ] {
            for more in 0..3 {
                let mut words = vec![container.as_bytes().to_vec(), subcommand.to_vec()];
                words.resize(2 + more, b"argument".to_vec());
                any_case(random, &mut words[0]);
                refused.push(words);
            }
        }
    }
    refused
}

/// What one side answers to it, on a connection that was not used before.
pub(crate) fn answer(address: SocketAddr, words: &Args) -> Vec<u8> {
    let mut client = RespRaw::connect(address);
    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    client.send(&command(&words)).unwrap();
    client.receive()
}
