//! Redis: nothing saved to disk, keys evicted when full, its defaults else.

use std::io::{BufRead, Write};

use crate::Load;
use crate::search::Trial;
use crate::server::{Connection, Server};

pub(crate) fn attempt(load: &Load, limit_bytes: u64) -> Option<Trial> {
    let server = Server::start("redis-server", &|port| {
        let port = port.to_string();
        let limit = limit_bytes.to_string();
        let words = [
            "--bind",
            "127.0.0.1",
            "--port",
            &port,
            "--save",
            "",
            "--appendonly",
            "no",
            "--maxmemory",
            &limit,
            "--maxmemory-policy",
            "allkeys-lru",
        ];
        words.map(str::to_owned).to_vec()
    })?;
    let mut connection = server.connect()?;
    connection
        .pending
        .extend_from_slice(b"CLIENT REPLY OFF\r\n");
    for number in 0..load.entries {
        let out = &mut connection.pending;
        let ttl_s = load.ttl_s(number);
        let words = if ttl_s.is_some() { 5 } else { 3 };
        write!(out, "*{words}\r\n$3\r\nSET\r\n").ok()?;
        bulk(out, &Load::key(number))?;
        bulk(out, &Load::value(number))?;
        if let Some(ttl_s) = ttl_s {
            bulk(out, b"EX")?;
            bulk(out, ttl_s.to_string().as_bytes())?;
        }
        connection.flush(false)?;
    }
    connection.pending.extend_from_slice(b"CLIENT REPLY ON\r\n");
    let [keys, evicted, used_bytes] = statistics(&mut connection)?;
    Some(Trial {
        holds_all: keys == load.entries && evicted == 0,
        resident_bytes: server.resident_bytes(),
        booked_bytes: Some(used_bytes),
    })
}

fn bulk(out: &mut Vec<u8>, word: &[u8]) -> Option<()> {
    write!(out, "${}\r\n", word.len()).ok()?;
    out.extend_from_slice(word);
    out.extend_from_slice(b"\r\n");
    Some(())
}

/// Keys held, keys evicted, and the memory that Redis counts as used.
fn statistics(connection: &mut Connection) -> Option<[u64; 3]> {
    // The first reply is to the command that turned replies on again.
    connection
        .pending
        .extend_from_slice(b"INFO stats\r\nINFO memory\r\nDBSIZE\r\n");
    connection.flush(true)?;
    let (mut evicted, mut used_bytes) = (None, None);
    loop {
        let mut line = String::new();
        connection.reader.read_line(&mut line).ok()?;
        if let Some(count) = line.strip_prefix("evicted_keys:") {
            evicted = count.trim().parse().ok();
        } else if let Some(bytes) = line.strip_prefix("used_memory:") {
            used_bytes = bytes.trim().parse().ok();
        } else if let Some(count) = line.strip_prefix(':') {
            return Some([count.trim().parse().ok()?, evicted?, used_bytes?]);
        } else if line.is_empty() {
            return None;
        }
    }
}
