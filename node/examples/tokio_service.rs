//! A service on tokio that keeps its state in a node of the same process: it answers every line
//! with how often that line was sent, whoever sent it.
//!
//! `cargo run --release -p jerboa --example tokio_service`

use std::error::Error;
use std::io;

use jerboa::{DMap, Node};
use tokio::net::{TcpListener, TcpStream};

/// Longest line.
const LINE_BYTES_MAX: usize = 1024;

/// Bytes up to the next line feed, without it; `None` where the peer is done.
async fn read_line(stream: &TcpStream, input: &mut Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    loop {
        if let Some(end) = input.iter().position(|byte| *byte == b'\n') {
            let rest = input.split_off(end + 1);
            let mut line = std::mem::replace(input, rest);
            line.truncate(end);
            return Ok(Some(line));
        }
        if input.len() > LINE_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        stream.readable().await?;
        let mut bytes = [0; LINE_BYTES_MAX];
        match stream.try_read(&mut bytes) {
            Ok(0) => return Ok(None),
            Ok(count) => input.extend_from_slice(bytes.get(..count).unwrap_or_default()),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            Err(_) => {}
        }
    }
}

async fn write_all(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            Err(_) => {}
        }
    }
    Ok(())
}

/// Serves one connection. The map is awaited like anything else; no thread blocks.
async fn serve(stream: TcpStream, counts: DMap) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut input = Vec::new();
    while let Some(line) = read_line(&stream, &mut input).await? {
        let answer = if line.is_empty() {
            "nothing\n".to_owned()
        } else {
            format!("{}\n", counts.incr(&line, 1).await?)
        };
        write_all(&stream, answer.as_bytes()).await?;
    }
    Ok(())
}

async fn talk(address: std::net::SocketAddr, name: &str) -> io::Result<()> {
    let stream = TcpStream::connect(address).await?;
    let mut input = Vec::new();
    for line in ["hello", "world", "hello"] {
        write_all(&stream, format!("{line}\n").as_bytes()).await?;
        if let Some(answer) = read_line(&stream, &mut input).await? {
            println!("{name}: {line} -> {}", String::from_utf8_lossy(&answer));
        }
    }
    Ok(())
}

async fn run(node: &Node) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let counts = node.dmap("counts");
    let service = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, counts.clone()));
        }
    });
    tokio::try_join!(talk(address, "alice"), talk(address, "bob"))?;
    service.abort();
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let node = Node::builder().cores(1.into()).memory(64 << 20).start()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_io()
        .build()?;
    runtime.block_on(async {
        run(&node).await?;
        node.shutdown().await?;
        Ok(())
    })
}
