//! A Redis server of our own to compare with, gone with the test.
//!
//! It is given the node's bounds (one database, the same largest value), and the commands that the
//! node does not have are taken from it, so that both call them unknown, in the same words.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use crate::common;
use crate::common::resp::RespRaw;

/// The largest value of a node that is not told otherwise.
const VALUE_BYTES_MAX: u64 = 64 << 20;

pub(crate) struct Redis {
    process: Child,
    pub(crate) address: SocketAddr,
}

impl Redis {
    /// One with the commands that the node at `node` has too. `None`, with a notice, where Redis is
    /// not installed and need not be.
    pub(crate) fn beside(node: SocketAddr) -> Option<Self> {
        let whole = Self::start("")?;
        let mut ours = names(node);
        ours.sort_unstable();
        let without: String = names(whole.address)
            .iter()
            .filter(|name| ours.binary_search(name).is_err())
            .map(|name| format!("rename-command {name} \"\"\n"))
            .collect();
        drop(whole);
        Self::start(&without)
    }

    fn start(more: &str) -> Option<Self> {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let started = Command::new("redis-server")
            .arg("-")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let mut process = match started {
            Ok(process) => process,
            Err(error) => {
                let required = std::env::var_os("JERBOA_REQUIRE_REDIS").is_some();
                assert!(!required, "redis-server: {error}");
                println!("NOT RUN: redis-server is not installed ({error})");
                return None;
            }
        };
        let settings = format!(
            "bind 127.0.0.1\nport {}\nsave \"\"\nappendonly no\ndaemonize no\ndatabases 1\n\
             proto-max-bulk-len {VALUE_BYTES_MAX}\n{more}",
            address.port()
        );
        let mut stdin = process.stdin.take().unwrap();
        stdin.write_all(settings.as_bytes()).unwrap();
        drop(stdin);
        let redis = Self { process, address };
        common::eventually("redis answers", || {
            std::net::TcpStream::connect(address).is_ok()
        });
        Some(redis)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The commands of a server.
pub(crate) fn names(address: SocketAddr) -> Vec<String> {
    let reply = RespRaw::connect(address).call(&["COMMAND", "LIST"]);
    let names = reply.split("\r\n").skip(2).step_by(2);
    // Subcommands are listed too.
    let names = names.filter(|name| !name.contains('|'));
    names.map(str::to_owned).collect()
}
