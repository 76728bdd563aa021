//! A Redis server of our own to compare with, gone with the test.
//!
//! It is given the node's bounds (one database, the same largest value), and the commands that the
//! node does not have are taken from it, so that both call them unknown, in the same words.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use jerboa_wire::routing::SLOTS;

use crate::common;
use crate::common::resp::RespRaw;

/// The largest value of a node that is not told otherwise.
const VALUE_BYTES_MAX: u64 = 64 << 20;

pub(crate) struct Redis {
    process: Child,
    pub(crate) address: SocketAddr,
    /// What it keeps of its cluster.
    file: Option<PathBuf>,
}

fn free_port() -> u16 {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    free.local_addr().unwrap().port()
}

impl Redis {
    /// One with the commands that the node at `node` has too. `None`, with a notice, where Redis is
    /// not installed and need not be.
    pub(crate) fn beside(node: SocketAddr) -> Option<Self> {
        Self::without_what_lacks(node, "")
    }

    /// The same as the only node of a cluster, whose slots are all its own.
    pub(crate) fn cluster_beside(node: SocketAddr) -> Option<Self> {
        let [redis] = Self::cluster(node, |_| 0)?;
        Some(redis)
    }

    /// A cluster of them, in which `owner` says whose each slot is.
    pub(crate) fn cluster<const MEMBERS: usize>(
        node: SocketAddr,
        owner: impl Fn(u16) -> usize,
    ) -> Option<[Self; MEMBERS]> {
        let mut members = Vec::new();
        for number in 0..MEMBERS {
            let (redis, bus) = Self::member(node)?;
            let mut client = RespRaw::connect(redis.address);
            let mut words = vec!["CLUSTER".to_owned(), "ADDSLOTS".to_owned()];
            let own = (0..SLOTS).filter(|slot| owner(*slot) == number);
            words.extend(own.map(|slot| slot.to_string()));
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            assert_eq!(client.call(&words), "+OK\r\n");
            // Whoever has another's epoch would have to find one of its own.
            let epoch = (number + 1).to_string();
            assert_eq!(
                client.call(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch]),
                "+OK\r\n"
            );
            members.push((redis, client, bus));
        }
        for number in 1..MEMBERS {
            let (port, bus) = (members[number].0.address.port(), members[number].2);
            let meet = [
                "CLUSTER",
                "MEET",
                "127.0.0.1",
                &port.to_string(),
                &bus.to_string(),
            ];
            assert_eq!(members[0].1.call(&meet), "+OK\r\n");
        }
        for (_, client, _) in &mut members {
            common::eventually("the cluster is complete", || {
                let info = client.call(&["CLUSTER", "INFO"]);
                info.contains("cluster_state:ok")
                    && info.contains("cluster_slots_ok:16384")
                    && info.contains(&format!("cluster_known_nodes:{MEMBERS}\r"))
            });
        }
        let members: Vec<Self> = members.into_iter().map(|(redis, ..)| redis).collect();
        members.try_into().ok()
    }

    /// One with no slots yet, and the port that others of its cluster find it at.
    fn member(node: SocketAddr) -> Option<(Self, u16)> {
        let bus = free_port();
        let file = std::env::temp_dir().join(format!("redis-nodes-{}-{bus}", std::process::id()));
        let file_shown = file.display();
        let settings =
            format!("cluster-enabled yes\ncluster-port {bus}\ncluster-config-file {file_shown}\n");
        let mut redis = Self::without_what_lacks(node, &settings)?;
        redis.file = Some(file);
        Some((redis, bus))
    }

    fn without_what_lacks(node: SocketAddr, settings: &str) -> Option<Self> {
        let whole = Self::start("")?;
        let mut ours = names(node);
        ours.sort_unstable();
        let without: String = names(whole.address)
            .iter()
            .filter(|name| ours.binary_search(name).is_err())
            .map(|name| format!("rename-command {name} \"\"\n"))
            .collect();
        drop(whole);
        Self::start(&format!("{settings}{without}"))
    }

    fn start(more: &str) -> Option<Self> {
        // A port that was free may be somebody else's by the time it is bound: then another.
        for _ in 0..10 {
            let mut redis = Self::spawn(more)?;
            if redis.answers() {
                return Some(redis);
            }
        }
        panic!("redis-server finds no port");
    }

    fn spawn(more: &str) -> Option<Self> {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
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
        Some(Self {
            process,
            address,
            file: None,
        })
    }

    /// Whether it came to serve its port, and not somebody else there.
    fn answers(&mut self) -> bool {
        let own = format!("\nprocess_id:{}\r", self.process.id());
        let mut ended = false;
        let mut is_it = false;
        common::eventually("redis answers or ends", || {
            ended = self.process.try_wait().unwrap().is_some();
            is_it = process_told_at(self.address).is_some_and(|info| info.contains(&own));
            ended || is_it
        });
        is_it
    }
}

/// What the server at an address tells of its process, if there is one that speaks RESP.
fn process_told_at(address: SocketAddr) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
    stream.write_all(b"INFO server\r\nQUIT\r\n").ok()?;
    let mut told = Vec::new();
    // How it ends is not asked.
    let _ = stream.read_to_end(&mut told);
    String::from_utf8(told).ok()
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if let Some(file) = &self.file {
            let _ = std::fs::remove_file(file);
        }
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
