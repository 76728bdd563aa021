//! One connection that speaks RESP, reply by reply, as bytes: what is compared is what a client
//! would see.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A connection to a node, or to anything that speaks RESP.
pub(crate) struct RespRaw {
    pub(crate) stream: TcpStream,
    input: Vec<u8>,
}

impl RespRaw {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        let patience = Some(Duration::from_secs(20));
        stream.set_read_timeout(patience).unwrap();
        stream.set_write_timeout(patience).unwrap();
        Self::over(stream)
    }

    pub(crate) fn over(stream: TcpStream) -> Self {
        Self {
            stream,
            input: Vec::new(),
        }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// The bytes of the next reply, whole, or what ended the connection.
    pub(crate) fn try_receive(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(length) = reply_length(&self.input) {
                return Ok(self.input.drain(..length).collect());
            }
            let mut bytes = vec![0; 1 << 16];
            let count = self.stream.read(&mut bytes)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.input.extend_from_slice(&bytes[..count]);
        }
    }

    pub(crate) fn receive(&mut self) -> Vec<u8> {
        self.try_receive().expect("a reply")
    }

    /// Everything until the connection ends.
    pub(crate) fn until_closed(&mut self) -> Vec<u8> {
        let mut all = std::mem::take(&mut self.input);
        // A reset after the last reply is an end too.
        let _ = self.stream.read_to_end(&mut all);
        all
    }

    /// The reply to one command, as text.
    pub(crate) fn call(&mut self, arguments: &[&str]) -> String {
        let arguments: Vec<&[u8]> = arguments.iter().map(|text| text.as_bytes()).collect();
        self.send(&command(&arguments)).unwrap();
        String::from_utf8_lossy(&self.receive()).into_owned()
    }
}

/// A command as clients send it.
pub(crate) fn command(arguments: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", arguments.len()).into_bytes();
    for argument in arguments {
        bytes.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
        bytes.extend_from_slice(argument);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// Bytes of the reply at the front, once all of it is there.
fn reply_length(bytes: &[u8]) -> Option<usize> {
    let line = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    let behind = line + 2;
    let number = || -> i64 {
        let text = std::str::from_utf8(&bytes[1..line]).expect("a length");
        text.parse().expect("a length")
    };
    let items = match bytes[0] {
        b'+' | b'-' | b':' | b'_' | b',' | b'#' | b'(' => return Some(behind),
        b'$' | b'=' | b'!' => {
            let end = match number() {
                -1 => behind,
                length => behind + length as usize + 2,
            };
            return (bytes.len() >= end).then_some(end);
        }
        b'*' | b'~' | b'>' => number().max(0),
        b'%' => number() * 2,
        other => panic!("no reply begins with {:?}", char::from(other)),
    };
    let mut at = behind;
    for _ in 0..items {
        at += reply_length(&bytes[at..])?;
    }
    Some(at)
}
