//! What clients and consoles ask of a server beside its data, and what it refuses of that.
//!
//! What a server says of itself differs by nature: of that only the kind of the reply is compared,
//! or its shape.

use crate::common::Random;
use crate::stream::{Args, Compare};

use Compare::{Exact, Kind, Shape};

const QUESTIONS: &[(&str, Compare)] = &[
    ("CLIENT ID", Kind),
    ("CLIENT INFO", Kind),
    ("CLIENT LIST", Kind),
    ("CLIENT LIST TYPE bogus", Exact),
    ("CLIENT LIST ID", Exact),
    ("CLIENT LIST ID abc", Exact),
    ("CLIENT LIST bogus", Exact),
    ("CLIENT GETNAME", Exact),
    ("CLIENT SETNAME name", Exact),
    ("CLIENT SETNAME other-name", Exact),
    ("CLIENT SETNAME", Exact),
    ("CLIENT SETNAME a b", Exact),
    ("CLIENT REPLY", Exact),
    ("CLIENT REPLY bogus", Exact),
    ("CLIENT REPLY ON", Exact),
    ("CLIENT NO-EVICT on", Exact),
    ("CLIENT NO-EVICT OFF", Exact),
    ("CLIENT NO-EVICT bogus", Exact),
    ("CLIENT GETREDIR", Exact),
    ("CLIENT TRACKING off", Exact),
    ("CLIENT TRACKING bogus", Exact),
    ("CLIENT KILL", Exact),
    ("CLIENT KILL 1.2.3.4:5", Exact),
    ("CLIENT KILL ID 0", Exact),
    ("CLIENT KILL ID abc", Exact),
    ("CLIENT KILL ADDR 1.2.3.4:5", Exact),
    ("CLIENT KILL TYPE bogus", Exact),
    ("CLIENT KILL SKIPME maybe", Exact),
    ("CLIENT KILL ID 999999999 SKIPME yes", Exact),
    ("CLIENT KILL bogus x", Exact),
    ("CLIENT UNPAUSE", Exact),
    ("CLIENT PAUSE abc", Exact),
    ("CLIENT PAUSE -1", Exact),
    ("CLIENT PAUSE 0 bogus", Exact),
    ("CLIENT HELP", Kind),
    ("CLIENT", Exact),
    ("CLIENT bogus", Exact),
    ("CONFIG", Exact),
    ("CONFIG GET", Exact),
    ("CONFIG GET no-such-setting", Exact),
    ("CONFIG GET save", Exact),
    ("CONFIG GET appendonly", Exact),
    ("CONFIG GET databases", Exact),
    ("CONFIG GET maxmemory*", Shape),
    ("CONFIG GET SAVE appendonly", Shape),
    ("CONFIG GET AppendOnly", Exact),
    ("CONFIG GET SAVE save *SAVE", Exact),
    ("CONFIG GET sa\\ve", Exact),
    ("CONFIG SET", Exact),
    ("CONFIG SET maxmemory", Exact),
    ("CONFIG SET no-such-setting 1", Exact),
    ("CONFIG SET databases 7", Exact),
    ("CONFIG SET no-such-setting 1 maxmemory", Exact),
    ("CONFIG SET timeout 5 timeout 6", Exact),
    ("CONFIG SET maxmemory bogus", Kind),
    ("CONFIG SET maxmemory-policy bogus", Kind),
    ("CONFIG GET * *", Kind),
    ("CONFIG RESETSTAT", Exact),
    ("CONFIG HELP", Kind),
    ("CONFIG bogus", Exact),
    ("COMMAND COUNT", Kind),
    ("COMMAND COUNT x", Exact),
    ("COMMAND", Kind),
    ("COMMAND INFO", Kind),
    ("COMMAND INFO get", Shape),
    ("COMMAND INFO get nosuch", Kind),
    ("COMMAND INFO mset", Kind),
    ("COMMAND INFO ping", Kind),
    ("COMMAND INFO client|id", Shape),
    ("COMMAND INFO nosuch", Exact),
    ("COMMAND DOCS get", Kind),
    ("COMMAND DOCS nosuch", Exact),
    ("COMMAND LIST", Kind),
    ("COMMAND LIST FILTERBY PATTERN nosuch*", Exact),
    ("COMMAND LIST FILTERBY MODULE nosuch", Exact),
    ("COMMAND LIST FILTERBY PATTERN GETE*", Exact),
    ("COMMAND LIST FILTERBY PATTERN clIent|n*-evict", Exact),
    ("COMMAND LIST FILTERBY ACLCAT nosuch", Exact),
    ("COMMAND LIST FILTERBY ACLCAT read", Kind),
    ("COMMAND LIST FILTERBY bogus x", Exact),
    ("COMMAND LIST bogus", Exact),
    ("COMMAND GETKEYS get key", Exact),
    ("COMMAND GETKEYS mset a 1 b 2", Exact),
    ("COMMAND GETKEYS MGET a b c", Exact),
    ("COMMAND GETKEYS nosuch key", Exact),
    ("COMMAND GETKEYS", Exact),
    ("COMMAND GETKEYSANDFLAGS get", Exact),
    ("COMMAND GETKEYSANDFLAGS get key", Exact),
    ("COMMAND GETKEYSANDFLAGS get key more", Exact),
    ("COMMAND GETKEYSANDFLAGS set key value", Exact),
    ("COMMAND GETKEYSANDFLAGS set key value GET", Exact),
    ("COMMAND GETKEYSANDFLAGS mset a 1 b 2", Exact),
    ("COMMAND GETKEYSANDFLAGS del a b", Exact),
    ("COMMAND GETKEYSANDFLAGS ping", Exact),
    ("COMMAND GETKEYSANDFLAGS nosuch key", Exact),
    ("COMMAND GETKEYSANDFLAGS memory usage key", Exact),
    ("COMMAND HELP", Kind),
    ("COMMAND bogus", Exact),
    ("INFO", Kind),
    ("INFO server", Kind),
    ("INFO server clients", Kind),
    ("INFO no-such-section", Exact),
    ("SLOWLOG GET", Kind),
    ("SLOWLOG GET 0", Exact),
    ("SLOWLOG GET -2", Exact),
    ("SLOWLOG GET abc", Exact),
    ("SLOWLOG LEN", Kind),
    ("SLOWLOG RESET", Exact),
    ("SLOWLOG bogus", Exact),
    ("SLOWLOG", Exact),
    ("LATENCY LATEST", Kind),
    ("LATENCY HISTORY no-such-event", Exact),
    ("LATENCY RESET no-such-event", Exact),
    ("LATENCY DOCTOR", Kind),
    ("LATENCY HISTOGRAM no-such-command", Exact),
    ("LATENCY GRAPH no-such-event", Exact),
    ("LATENCY bogus", Exact),
    ("LATENCY", Exact),
    ("MEMORY USAGE no-such-key", Exact),
    ("MEMORY USAGE key:1 SAMPLES", Exact),
    ("MEMORY USAGE key:1 SAMPLES abc", Exact),
    ("MEMORY USAGE key:1 bogus 1", Exact),
    ("MEMORY STATS", Kind),
    ("MEMORY DOCTOR", Kind),
    ("MEMORY PURGE", Exact),
    ("MEMORY MALLOC-STATS", Kind),
    ("MEMORY bogus", Exact),
    ("MEMORY", Exact),
    ("WAIT 0 0", Exact),
    ("WAIT 1 10", Exact),
    ("WAIT abc 0", Exact),
    ("WAIT 0 abc", Exact),
    ("WAIT 0 -1", Exact),
    ("TIME", Shape),
    ("ROLE", Exact),
    ("LASTSAVE", Kind),
    // Redis counts what has expired until it is removed.
    ("DBSIZE", Kind),
    ("DEBUG SLEEP 0", Kind),
    ("PUBSUB", Exact),
    ("PUBSUB bogus", Exact),
    ("PUBSUB NUMPAT", Exact),
    ("PUBSUB NUMPAT x", Exact),
    ("PUBSUB NUMSUB", Exact),
    ("PUBSUB NUMSUB a b", Exact),
    ("PUBSUB CHANNELS", Exact),
    ("PUBSUB CHANNELS a b", Exact),
    ("PUBSUB SHARDCHANNELS", Exact),
    ("PUBSUB SHARDNUMSUB a", Exact),
    ("PUBLISH nobody hello", Exact),
    ("SPUBLISH nobody hello", Exact),
    ("HELLO", Shape),
    ("HELLO 2", Shape),
    ("HELLO 3", Shape),
    ("HELLO 1", Exact),
    ("HELLO abc", Exact),
    ("HELLO 3 bogus", Exact),
    ("HELLO 3 AUTH", Exact),
    ("HELLO 3 AUTH user", Exact),
    ("HELLO 3 AUTH user password", Exact),
    ("HELLO 2 SETNAME", Exact),
    ("HELLO 3 SETNAME greeted", Shape),
    ("HELLO 3 AUTH default any SETNAME greeted", Shape),
    ("AUTH password", Exact),
    ("AUTH nobody password", Exact),
    ("AUTH default password", Exact),
    ("AUTH a b c", Exact),
    ("SELECT 0", Exact),
    ("SELECT 1", Exact),
    ("SELECT -1", Exact),
    ("SELECT abc", Exact),
    ("SELECT 99999999999999999999", Exact),
    ("FLUSHDB bogus", Exact),
    ("FLUSHALL ASYNC SYNC", Exact),
    ("PING", Exact),
    ("PING a b", Exact),
    ("ECHO", Exact),
];

/// What cluster clients ask of a core's own port.
const CLUSTER_QUESTIONS: &[(&str, Compare)] = &[
    ("CLUSTER KEYSLOT key", Exact),
    ("CLUSTER KEYSLOT {tag}key", Exact),
    ("CLUSTER KEYSLOT {}key", Exact),
    ("CLUSTER KEYSLOT a{b}{c}", Exact),
    ("CLUSTER COUNTKEYSINSLOT 7", Exact),
    ("CLUSTER COUNTKEYSINSLOT -1", Exact),
    ("CLUSTER COUNTKEYSINSLOT 16384", Exact),
    ("CLUSTER COUNTKEYSINSLOT abc", Exact),
    ("CLUSTER GETKEYSINSLOT 7 10", Exact),
    ("CLUSTER GETKEYSINSLOT 16384 10", Exact),
    ("CLUSTER GETKEYSINSLOT 7 -1", Exact),
    ("CLUSTER GETKEYSINSLOT abc 1", Exact),
    ("CLUSTER GETKEYSINSLOT 1 abc", Exact),
    ("CLUSTER MYID", Shape),
    ("CLUSTER INFO", Kind),
    ("CLUSTER NODES", Kind),
    ("CLUSTER SLOTS", Shape),
    ("CLUSTER SHARDS", Shape),
    ("CLUSTER HELP", Kind),
    ("CLUSTER bogus", Exact),
    ("CLUSTER", Exact),
    ("READONLY", Exact),
    ("READWRITE", Exact),
    ("ASKING", Exact),
    ("SELECT 0", Exact),
    ("SELECT 1", Exact),
    ("MGET a b", Exact),
    ("MGET {a}1 {a}2", Exact),
    ("MSET a 1 b 2", Exact),
    ("MSETNX a 1 b 2", Exact),
    ("DEL a b", Exact),
    ("UNLINK a b c", Exact),
    ("EXISTS a b", Exact),
    ("TOUCH a b", Exact),
    ("SSUBSCRIBE {a}1", Exact),
    ("SPUBLISH a hello", Exact),
    ("SUBSCRIBE a", Exact),
    ("HELLO", Shape),
    ("COMMAND GETKEYS mget a b", Exact),
];

/// All that cluster clients ask.
pub(crate) fn cluster_questions() -> impl Iterator<Item = (Args, Compare)> + Clone {
    let all = CLUSTER_QUESTIONS.iter();
    all.map(|(line, compare)| (words(line), *compare))
}

/// One of those whose replies can be told from the next ones: what subscribes is left out.
pub(crate) fn cluster_question(random: &mut Random) -> (Args, Compare) {
    loop {
        let (line, compare) = CLUSTER_QUESTIONS[random.below(CLUSTER_QUESTIONS.len())];
        if !line.contains("SUBSCRIBE") {
            return (words(line), compare);
        }
    }
}

/// All of them.
pub(crate) fn questions() -> impl Iterator<Item = (Args, Compare)> + Clone {
    let all = QUESTIONS.iter();
    all.map(|(line, compare)| (words(line), *compare))
}

fn words(line: &str) -> Args {
    line.split(' ').map(Into::into).collect()
}

/// One of them.
pub(crate) fn question(random: &mut Random) -> (Args, Compare) {
    let (line, compare) = QUESTIONS[random.below(QUESTIONS.len())];
    let mut words = words(line);
    // The same whatever the case, but for names and settings that are quoted.
    if random.below(3) == 0 {
        for word in words.iter_mut().take(2) {
            any_case(random, word);
        }
    }
    (words, compare)
}

/// Each letter in either case.
pub(crate) fn any_case(random: &mut Random, word: &mut [u8]) {
    for byte in word {
        if random.below(2) == 0 {
            *byte = byte.to_ascii_lowercase();
        } else {
            *byte = byte.to_ascii_uppercase();
        }
    }
}
