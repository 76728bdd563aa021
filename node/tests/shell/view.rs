//! The live view under test: the terminal that it runs on, the load that it shows, and the gate
//! behind which its node goes and comes.

use std::fs::File;
use std::io::{Read, Write, copy};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use jerboa_wire::client::blocking::Client;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustix::termios::{Winsize, tcgetattr, tcsetwinsize};

use super::common::eventually;
use super::display::Display;
use super::pty::open_pty;

/// The view with a person before it.
pub(crate) struct View {
    pub(crate) child: Child,
    keyboard: File,
    /// Held, so that the settings of the terminal outlive the program.
    pub(crate) side: OwnedFd,
    /// The settings as they were.
    before: String,
    pub(crate) display: Arc<Mutex<Display>>,
}

impl View {
    pub(crate) fn open(
        address: impl ToString,
        (rows, columns): (u16, u16),
        flags: &[&str],
    ) -> Self {
        let (keyboard, slave) = open_pty();
        let before = settings(&keyboard);
        set_size(&keyboard, rows, columns);
        let side = || Stdio::from(slave.try_clone().unwrap());
        let child = Command::new(env!("CARGO_BIN_EXE_jerboa"))
            .args(["top", "--addr", &address.to_string()])
            .args(flags)
            .env("TERM", "xterm")
            .stdin(side())
            .stdout(side())
            .stderr(side())
            .spawn()
            .unwrap();
        let display = Arc::new(Mutex::new(Display::new(rows.into(), columns.into())));
        let shown = Arc::clone(&display);
        let mut screen = keyboard.try_clone().unwrap();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = screen.read(&mut bytes) {
                shown.lock().unwrap().feed(&bytes[..count]);
            }
        });
        Self {
            child,
            keyboard,
            side: slave,
            before,
            display,
        }
    }

    /// Waits until the screen shows something.
    pub(crate) fn sees(&self, what: &str, shows: impl Fn(&Display) -> bool) {
        eventually(what, || shows(&self.display.lock().unwrap()));
    }

    /// Waits until some line has all of these in it.
    pub(crate) fn sees_line(&self, parts: &[&str]) {
        self.sees(&parts.join(" … "), |display| {
            let has_all = |line: &String| parts.iter().all(|part| line.contains(part));
            display.lines().iter().any(has_all)
        });
    }

    pub(crate) fn types(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }

    /// Draws the window larger or smaller.
    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        let mut display = self.display.lock().unwrap();
        display.resize(rows.into(), columns.into());
        set_size(&self.keyboard, rows, columns);
        drop(display);
        // The terminal tells those that it belongs to, and this one belongs to nobody.
        self.signal(Signal::SIGWINCH);
    }

    pub(crate) fn ended(&mut self) -> ExitStatus {
        let child = &mut self.child;
        let mut status = None;
        eventually("it ends", || {
            status = child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    /// Waits until the terminal is as it was before the program.
    pub(crate) fn is_given_back(&self) {
        self.sees("the terminal is given back", |display| {
            !display.other_screen && !display.hidden_cursor && !display.no_wrap
        });
        assert_eq!(settings(&self.side), self.before);
    }

    /// Whether all that came was meant for a terminal of this size.
    pub(crate) fn was_drawn_well(&self) {
        let display = self.display.lock().unwrap();
        assert_eq!(display.unknown, Vec::<String>::new());
        assert_eq!(display.scrolled, 0, "{}", display.text());
    }
}

impl Drop for View {
    fn drop(&mut self) {
        if thread::panicking() {
            let display = self.display.lock();
            let text = display.map(|display| display.text() + "\n" + &display.plain);
            eprintln!("{}", text.unwrap_or_default());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn settings(terminal: impl std::os::fd::AsFd) -> String {
    format!("{:?}", tcgetattr(terminal).unwrap())
}

fn set_size(terminal: &File, rows: u16, columns: u16) {
    let size = Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(terminal, size).unwrap();
}

/// Reads of a node, one after the other, until it is dropped.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Load {
    pub(crate) fn start(address: SocketAddr, map: &'static str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let client = Client::connect([address.to_string()]).unwrap();
            let map = client.dmap(map);
            map.put("hot", "x").unwrap();
            let mut round = 0;
            while !stopped.load(Ordering::Relaxed) {
                // Not an even load: its numbers move.
                round += 1;
                for _ in 0..(round % 7) * 20 {
                    map.get::<Vec<u8>>("hot").unwrap();
                    map.get::<Vec<u8>>("absent").unwrap();
                }
                thread::sleep(std::time::Duration::from_millis(20));
            }
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(thread::JoinHandle::join);
    }
}

/// Stands before a node at an address that stays, while the node goes and comes.
pub(crate) struct Gate {
    pub(crate) address: SocketAddr,
    behind: Arc<Mutex<Behind>>,
}

#[derive(Default)]
struct Behind {
    node: Option<SocketAddr>,
    /// Bytes are taken and go nowhere.
    silent: bool,
    open: Vec<TcpStream>,
}

impl Gate {
    pub(crate) fn to(node: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let behind = Arc::new(Mutex::new(Behind {
            node: Some(node),
            ..Behind::default()
        }));
        let gate = Arc::clone(&behind);
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                let mut gate = gate.lock().unwrap();
                let node = gate.node.and_then(|node| TcpStream::connect(node).ok());
                gate.open.push(client.try_clone().unwrap());
                match node {
                    Some(node) if !gate.silent => {
                        gate.open.push(node.try_clone().unwrap());
                        pipe(client.try_clone().unwrap(), node.try_clone().unwrap());
                        pipe(node, client);
                    }
                    Some(_) => {}
                    None => drop(client.shutdown(Shutdown::Both)),
                }
            }
        });
        Self { address, behind }
    }

    /// Breaks every connection; the next go to this node, or nowhere.
    pub(crate) fn turn(&self, node: Option<SocketAddr>, silent: bool) {
        let mut behind = self.behind.lock().unwrap();
        behind.node = node;
        behind.silent = silent;
        for stream in behind.open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn pipe(mut from: TcpStream, mut to: TcpStream) {
    thread::spawn(move || {
        let _ = copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
}
