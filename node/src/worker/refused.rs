//! Connections beyond the limit, which are told why they are closed, in their own language.
//!
//! Which that is, the first byte tells, and it may be on its way yet: a connection that has sent
//! nothing waits for it, a short time and among few. It has no session and no place in the ring;
//! it is looked at once a tick. One that stays silent, or for which there is no room here, is told
//! in a frame. Best effort: a fresh socket has room for an answer, and if it has none the close
//! alone has to say it.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;

use jerboa_wire::{Crc, Opcode, Reply, Status};

use super::intake::FRAMES_BEGIN;

/// Bytes that are read of a connection that is refused: the first tells its language.
const BYTES_READ: usize = 4096;
/// Silent connections that wait on one core.
const WAITING_MAX: usize = 128;
/// How long each of them waits.
const PATIENCE_MS: u64 = 500;

/// The connections of one core that were refused and have said nothing yet.
#[derive(Debug, Default)]
pub(super) struct Refused {
    /// The oldest first, each with the time when it is given up.
    waiting: VecDeque<(TcpStream, u64)>,
}

impl Refused {
    /// Takes one that is refused now.
    pub(super) fn add(&mut self, socket: OwnedFd, now_ms: u64) {
        let mut socket = TcpStream::from(socket);
        if socket.set_nonblocking(true).is_err() || answer(&mut socket) {
            return;
        }
        if self.waiting.len() < WAITING_MAX {
            self.waiting.push_back((socket, now_ms + PATIENCE_MS));
        } else {
            tell_in_frame(&mut socket);
        }
    }

    /// Answers those that have spoken since, and gives up those that have waited long enough.
    pub(super) fn look(&mut self, now_ms: u64) {
        self.waiting.retain_mut(|(socket, until_ms)| {
            if answer(socket) {
                return false;
            }
            if now_ms >= *until_ms {
                tell_in_frame(socket);
                return false;
            }
            true
        });
    }

    /// The node stops.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }
}

/// Answers a connection that has said something; false if it has not. To close one with unread
/// bytes is to reset it, which may overtake the answer: so they are read, not only looked at.
fn answer(socket: &mut TcpStream) -> bool {
    let mut begun = [0; BYTES_READ];
    match socket.read(&mut begun) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
        Err(error) if error.kind() == ErrorKind::Interrupted => return false,
        Ok(count) if count > 0 && begun[0] < FRAMES_BEGIN => {
            let _ = socket.write(b"-ERR max number of clients reached\r\n");
        }
        Ok(count) if count > 0 => tell_in_frame(socket),
        // It is gone.
        Ok(_) | Err(_) => {}
    }
    true
}

fn tell_in_frame(socket: &mut TcpStream) {
    let mut frame = Vec::new();
    let reply = Reply::new(Opcode::Unknown, Status::TooManyConnections, 0);
    if reply.encode(&mut frame, Crc::On).is_ok() {
        let _ = socket.write(&frame);
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// Two ends of a connection: the client's and the node's.
    fn connected() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (client, listener.accept().unwrap().0)
    }

    /// What a client is told that sends this before it is refused, or after.
    fn told(sent: &[u8], is_late: bool) -> Vec<u8> {
        let mut refused = Refused::default();
        let (mut client, socket) = connected();
        let arrived = socket.try_clone().unwrap();
        if is_late {
            refused.add(socket.into(), 0);
            assert_eq!(refused.waiting.len(), 1);
            // The flag is the connection's, whichever of its descriptors sets it.
            arrived.set_nonblocking(false).unwrap();
            client.write_all(sent).unwrap();
            arrived.peek(&mut [0]).unwrap();
            arrived.set_nonblocking(true).unwrap();
            refused.look(1);
        } else {
            client.write_all(sent).unwrap();
            arrived.peek(&mut [0]).unwrap();
            refused.add(socket.into(), 0);
        }
        drop(arrived);
        assert!(refused.waiting.is_empty());
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        answer
    }

    #[test]
    fn who_is_one_too_many_is_told_so_in_its_own_language_however_late_it_speaks() {
        for is_late in [false, true] {
            let answer = told(b"*1\r\n$4\r\nPING\r\n", is_late);
            assert_eq!(answer, b"-ERR max number of clients reached\r\n");
            let frame = told(&[0xF0; 32], is_late);
            assert!(frame[0] >= FRAMES_BEGIN, "{}", frame.escape_ascii());
        }
    }

    #[test]
    fn the_silent_wait_a_short_time_and_are_few() {
        let mut refused = Refused::default();
        let mut clients: Vec<_> = (0..WAITING_MAX + 1)
            .map(|_| {
                let (client, socket) = connected();
                refused.add(socket.into(), 0);
                client
            })
            .collect();
        assert_eq!(refused.waiting.len(), WAITING_MAX);
        let mut answer = Vec::new();
        clients.pop().unwrap().read_to_end(&mut answer).unwrap();
        assert!(answer[0] >= FRAMES_BEGIN, "there was no room to wait");
        refused.look(PATIENCE_MS - 1);
        assert_eq!(refused.waiting.len(), WAITING_MAX);
        drop(clients.pop());
        refused.look(PATIENCE_MS);
        assert!(refused.waiting.is_empty());
        answer.clear();
        clients.pop().unwrap().read_to_end(&mut answer).unwrap();
        assert!(answer[0] >= FRAMES_BEGIN);
    }
}
