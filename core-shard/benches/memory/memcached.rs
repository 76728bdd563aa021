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
    connection.pending.extend_from_slice(b"stats\r\n");
    let [items, evictions] = statistics(&mut connection, ["curr_items", "evictions"])?;
    connection.pending.extend_from_slice(b"stats slabs\r\n");
    // What the limit is compared with: whole pages of the slabs.
    let [slab_bytes] = statistics(&mut connection, ["total_malloced"])?;
    Some(Trial {
        holds_all: items == load.entries && evictions == 0,
        resident_bytes: server.resident_bytes(),
        booked_bytes: Some(slab_bytes),
    })
}

/// The numbers with these names, of the answer to what is pending.
fn statistics<const N: usize>(connection: &mut Connection, names: [&str; N]) -> Option<[u64; N]> {
    connection.flush(true)?;
    let mut found = [None; N];
    loop {
        let mut line = String::new();
        connection.reader.read_line(&mut line).ok()?;
        // A set that was refused answers in spite of `noreply`: such lines are passed over.
        if line.trim() == "END" {
            break;
        }
        if line.is_empty() {
            return None;
        }
        let mut words = line.split_whitespace().skip(1);
        if let (Some(name), Some(number)) = (words.next(), words.next())
            && let Some(place) = names.iter().position(|one| *one == name)
        {
            found[place] = number.parse().ok();
        }
    }
    let mut numbers = [0; N];
    for (number, found) in numbers.iter_mut().zip(found) {
        *number = found?;
    }
    Some(numbers)
}
