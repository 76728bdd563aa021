//! memcached: one thread, its defaults else.

use std::io::{BufRead, Write};

use crate::Load;
use crate::search::Trial;
use crate::server::{Connection, Server};

pub(crate) fn attempt(load: &Load, limit_bytes: u64) -> Option<Trial> {
    let limit_mib = (limit_bytes >> 20).max(8);
    let server = Server::start("memcached", &|port| {
        let port = port.to_string();
        let limit = limit_mib.to_string();
        let words = [
            "-l",
            "127.0.0.1",
            "-p",
            &port,
            "-U",
            "0",
            "-t",
            "1",
            "-m",
            &limit,
            "-u",
            "nobody",
        ];
        words.map(str::to_owned).to_vec()
    })?;
    let mut connection = server.connect()?;
    for number in 0..load.entries {
        let ttl_s = load.ttl_s(number).unwrap_or(0);
        let out = &mut connection.pending;
        out.extend_from_slice(b"set ");
        out.extend_from_slice(&Load::key(number));
        write!(out, " 0 {ttl_s} {} noreply\r\n", crate::VALUE_BYTES).ok()?;
        out.extend_from_slice(&Load::value(number));
        out.extend_from_slice(b"\r\n");
        connection.flush(false)?;
    }
    let (items, evictions) = statistics(&mut connection)?;
    Some(Trial {
        holds_all: items == load.entries && evictions == 0,
        resident_bytes: server.resident_bytes(),
        booked_bytes: None,
    })
}

/// Entries held and entries evicted.
fn statistics(connection: &mut Connection) -> Option<(u64, u64)> {
    connection.pending.extend_from_slice(b"stats\r\n");
    connection.flush(true)?;
    let (mut items, mut evictions) = (None, None);
    loop {
        let mut line = String::new();
        connection.reader.read_line(&mut line).ok()?;
        let mut words = line.split_whitespace().skip(1);
        match (words.next(), words.next()) {
            (Some("curr_items"), Some(count)) => items = count.parse().ok(),
            (Some("evictions"), Some(count)) => evictions = count.parse().ok(),
            // A set that was refused answers in spite of `noreply`.
            _ if line.trim() == "END" => return Some((items?, evictions?)),
            _ if line.is_empty() => return None,
            _ => {}
        }
    }
}
