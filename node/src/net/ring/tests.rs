//! The ring against real loopback sockets, with blocking peers on other threads.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use glommio::{LocalExecutorBuilder, Placement};

use super::*;
use crate::net::bind_exclusive;

fn on_executor<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
    LocalExecutorBuilder::new(Placement::Unbound)
        .spawn(move || async move { test() })
        .unwrap()
        .join()
        .unwrap()
}

fn small() -> RingConfig {
    RingConfig {
        entries: 64,
        buffer_count: 8,
        buffer_bytes: 512,
    }
}

fn listening(config: &RingConfig) -> (Ring, SocketAddr) {
    let (listener, address) = bind_exclusive("127.0.0.1:0".parse().unwrap()).unwrap();
    let mut ring = Ring::new(config, Waker::new().unwrap()).unwrap();
    ring.listen(listener);
    (ring, address)
}

/// Echoes until every connection that came has ended.
fn echo_until_all_ended(ring: &mut Ring, connections: usize) -> usize {
    let mut completions = Vec::new();
    let mut output: Vec<Vec<u8>> = Vec::new();
    let (mut ended, mut received) = (0, 0);
    while ended < connections {
        ring.enter().unwrap();
        if ring.reap(&mut completions, 64) == 0 {
            thread::yield_now();
        }
        for completion in completions.drain(..) {
            match completion {
                Completion::Accepted { socket, .. } => {
                    let id = ring.add(socket).0 as usize;
                    output.resize_with(output.len().max(id + 1), Vec::new);
                    output[id].clear();
                }
                Completion::Received { socket, chunk } => {
                    received += chunk.len();
                    output[socket.0 as usize].extend_from_slice(ring.bytes(&chunk));
                    ring.release(chunk);
                }
                Completion::Ended { socket, .. } => {
                    ended += 1;
                    ring.close(socket);
                }
                Completion::Sent { .. } | Completion::Tick => {}
                Completion::AcceptFailed { error } => panic!("{error}"),
            }
        }
        for (id, bytes) in (0u32..).zip(&mut output) {
            if !bytes.is_empty() && !ring.sending(SocketId(id)) {
                ring.send(SocketId(id), std::mem::take(bytes));
            }
        }
    }
    received
}

fn pattern(seed: usize, len: usize) -> Vec<u8> {
    (0..len)
        .map(|i| (i.wrapping_mul(31) ^ seed ^ (i >> 8)) as u8)
        .collect()
}

#[test]
fn bytes_come_back_whole_and_in_order_on_many_connections_with_few_buffers() {
    const CONNECTIONS: usize = 20;
    const BYTES: usize = 200_000;
    on_executor(|| {
        // Eight buffers for twenty connections: the ring runs dry again and again.
        let (mut ring, address) = listening(&small());
        let peers: Vec<_> = (0..CONNECTIONS)
            .map(|seed| {
                thread::spawn(move || {
                    let mut socket = TcpStream::connect(address).unwrap();
                    let mut reader = socket.try_clone().unwrap();
                    let echoed = thread::spawn(move || {
                        let mut echoed = vec![0; BYTES];
                        reader.read_exact(&mut echoed).unwrap();
                        echoed
                    });
                    socket.write_all(&pattern(seed, BYTES)).unwrap();
                    assert!(echoed.join().unwrap() == pattern(seed, BYTES));
                })
            })
            .collect();
        let received = echo_until_all_ended(&mut ring, CONNECTIONS);
        assert_eq!(received, CONNECTIONS * BYTES);
        for peer in peers {
            peer.join().unwrap();
        }
    });
}

#[test]
fn clients_of_a_ring_that_stopped_listening_are_refused_not_left_waiting_in_its_backlog() {
    on_executor(|| {
        let (mut ring, address) = listening(&small());
        ring.enter().unwrap();
        assert!(TcpStream::connect(address).is_ok());
        ring.stop_listening();
        let mut completions = Vec::new();
        // Would never end while the descriptor is kept.
        while TcpStream::connect(address).is_ok() {
            ring.enter().unwrap();
            ring.reap(&mut completions, 64);
            thread::yield_now();
        }
    });
}

#[test]
fn a_dropped_ring_leaves_its_port_free_at_once() {
    on_executor(|| {
        for _ in 0..50 {
            let (mut ring, address) = listening(&small());
            ring.enter().unwrap();
            drop(ring);
            bind_exclusive(address).unwrap();
        }
    });
}

#[test]
fn a_paused_socket_delivers_nothing_new_and_loses_nothing() {
    on_executor(|| {
        let (mut ring, address) = listening(&small());
        let mut peer = TcpStream::connect(address).unwrap();
        let mut completions = Vec::new();
        let mut received = Vec::new();
        let mut id = None;
        let mut turn = |ring: &mut Ring, received: &mut Vec<u8>, id: &mut Option<SocketId>| {
            ring.enter().unwrap();
            ring.reap(&mut completions, 64);
            for completion in completions.drain(..) {
                match completion {
                    Completion::Accepted { socket, .. } => *id = Some(ring.add(socket)),
                    Completion::Received { chunk, .. } => {
                        received.extend_from_slice(ring.bytes(&chunk));
                        ring.release(chunk);
                    }
                    other => panic!("{other:?}"),
                }
            }
            thread::sleep(Duration::from_micros(200));
        };
        while id.is_none() {
            turn(&mut ring, &mut received, &mut id);
        }
        let id_known = id.unwrap();
        ring.pause(id_known);
        for _ in 0..50 {
            turn(&mut ring, &mut received, &mut id);
        }
        peer.write_all(&pattern(1, 100_000)).unwrap();
        for _ in 0..100 {
            turn(&mut ring, &mut received, &mut id);
        }
        assert!(
            received.is_empty(),
            "paused, yet {} bytes came",
            received.len()
        );
        ring.resume(id_known);
        while received.len() < 100_000 {
            turn(&mut ring, &mut received, &mut id);
        }
        assert!(received == pattern(1, 100_000));
    });
}

#[test]
fn closing_with_a_send_in_flight_frees_the_entry_only_after_the_kernel_let_go() {
    on_executor(|| {
        let (mut ring, address) = listening(&small());
        let peer = TcpStream::connect(address).unwrap();
        let mut completions = Vec::new();
        let id = loop {
            ring.enter().unwrap();
            ring.reap(&mut completions, 64);
            if let Some(Completion::Accepted { socket, .. }) = completions.pop() {
                break ring.add(socket);
            }
        };
        // Far more than the socket buffers hold, and the peer never reads.
        ring.send(id, vec![7; 64 << 20]);
        for _ in 0..20 {
            ring.enter().unwrap();
            ring.reap(&mut completions, 64);
        }
        assert!(ring.sending(id), "64 MiB fit into the socket buffers?");
        ring.close(id);
        assert_eq!(
            ring.socket_count(),
            1,
            "the kernel still reads from the buffer"
        );
        for _ in 0..1000 {
            ring.enter().unwrap();
            ring.reap(&mut completions, 64);
            if ring.socket_count() == 0 {
                break;
            }
            thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(ring.socket_count(), 0);
        drop(peer);
    });
}

#[test]
fn a_parked_core_is_woken_by_the_waker_the_timer_and_a_peer() {
    let woken = LocalExecutorBuilder::new(Placement::Unbound)
        .spawn(|| async {
            let (listener, address) = bind_exclusive("127.0.0.1:0".parse().unwrap()).unwrap();
            let waker = Waker::new().unwrap();
            let mut ring = Ring::new(&small(), waker.clone()).unwrap();
            ring.listen(listener);
            let mut completions = Vec::new();

            let other = thread::spawn(move || {
                thread::sleep(Duration::from_millis(20));
                waker.wake();
            });
            ring.park(None, || false).unwrap();
            other.join().unwrap();

            ring.arm_tick(Duration::from_millis(10));
            while !matches!(completions.first(), Some(Completion::Tick)) {
                ring.park(None, || false).unwrap();
                ring.reap(&mut completions, 64);
            }
            completions.clear();

            let peer = thread::spawn(move || {
                thread::sleep(Duration::from_millis(20));
                TcpStream::connect(address).unwrap()
            });
            while !matches!(completions.first(), Some(Completion::Accepted { .. })) {
                ring.park(None, || false).unwrap();
                ring.reap(&mut completions, 64);
            }
            peer.join().unwrap();
            true
        })
        .unwrap()
        .join()
        .unwrap();
    assert!(woken);
}

/// A ring that `peers` have connected to and receives from them.
fn connected(peers: usize) -> (Ring, Vec<TcpStream>) {
    let (mut ring, address) = listening(&small());
    let mut streams = Vec::new();
    let mut completions = Vec::new();
    for _ in 0..peers {
        streams.push(TcpStream::connect(address).unwrap());
    }
    while ring.socket_count() < peers {
        ring.park(None, || false).unwrap();
        ring.reap(&mut completions, 64);
        for completion in completions.drain(..) {
            if let Completion::Accepted { socket, .. } = completion {
                ring.add(socket);
            }
        }
    }
    ring.enter().unwrap();
    (ring, streams)
}

/// Parks until `wanted` peers were received from; returns how often it slept for that.
fn sleeps_until_received(ring: &mut Ring, patience: Patience, wanted: usize) -> usize {
    let (mut received, mut sleeps) = (0, 0);
    let mut completions = Vec::new();
    while received < wanted {
        ring.park(Some(patience), || false).unwrap();
        sleeps += 1;
        ring.reap(&mut completions, 64);
        for completion in completions.drain(..) {
            if let Completion::Received { chunk, .. } = completion {
                ring.release(chunk);
                received += 1;
            }
        }
        ring.publish();
    }
    sleeps
}

#[test]
fn a_gathering_core_sleeps_until_as_many_came_as_it_waits_for_but_never_for_good() {
    on_executor(|| {
        let (mut ring, mut peers) = connected(3);
        let gathers = ring.gathers;
        let all = Patience {
            completions: 3,
            wait: Duration::from_secs(20),
        };
        let mut others = peers.split_off(1);
        let sender = thread::spawn(move || {
            for peer in &mut others {
                peer.write_all(b"ask").unwrap();
                thread::sleep(Duration::from_millis(20));
            }
            others
        });
        peers[0].write_all(b"ask").unwrap();
        let sleeps = sleeps_until_received(&mut ring, all, 3);
        assert!(!gathers || sleeps == 1, "slept {sleeps} times for three");
        let _others = sender.join().unwrap();

        // Fewer come than it waits for: before and after the time to gather is over.
        let few = Patience {
            wait: Duration::from_millis(20),
            ..all
        };
        peers[0].write_all(b"ask").unwrap();
        assert_eq!(sleeps_until_received(&mut ring, few, 1), 1);
        let mut late = peers.pop().unwrap();
        let sender = thread::spawn(move || {
            thread::sleep(Duration::from_millis(60));
            late.write_all(b"ask").unwrap();
            late
        });
        assert_eq!(sleeps_until_received(&mut ring, few, 1), 1);
        let _late = sender.join().unwrap();

        // What is due is not held up by what is gathered.
        ring.arm_tick(Duration::from_millis(10));
        let mut completions = Vec::new();
        ring.park(Some(all), || false).unwrap();
        ring.reap(&mut completions, 64);
        assert!(matches!(completions[..], [Completion::Tick]));
    });
}
