//! The shell at a terminal: what it keeps of what a person typed, and what it completes.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use jerboa::Node;
use rustix::termios::{LocalModes, tcgetattr};

use super::common::{eventually, node};
use super::pty::open_pty;

/// A folder for one test's history, gone with it.
struct Home(PathBuf);

impl Home {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("jerboa-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn history(&self) -> PathBuf {
        self.0.join("jerboa/history")
    }

    fn lines(&self) -> Vec<String> {
        let text = fs::read_to_string(self.history()).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A shell with a person before it.
struct Terminal {
    child: Child,
    keyboard: File,
    screen: Arc<Mutex<String>>,
    /// What of the screen was looked at.
    seen: usize,
}

impl Terminal {
    fn open(node: &Node, home: &Home, flags: &[&str]) -> Self {
        let (master, slave) = open_pty();
        let side = || Stdio::from(slave.try_clone().unwrap());
        // As most people have it: others may read what is made.
        let child = Command::new("sh")
            .args(["-c", "umask 022; exec \"$0\" \"$@\""])
            .arg(env!("CARGO_BIN_EXE_jerboa"))
            .args(["cli", "--addr", &node.addresses().any_core.to_string()])
            .args(flags)
            .env("XDG_STATE_HOME", &home.0)
            .env("TERM", "xterm")
            .stdin(side())
            .stdout(side())
            .stderr(side())
            .spawn()
            .unwrap();
        drop(slave);
        let keyboard = master;
        let mut display = keyboard.try_clone().unwrap();
        let screen = Arc::new(Mutex::new(String::new()));
        let shown = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // The end is an error here: nobody has the other side any more.
            while let Ok(count @ 1..) = display.read(&mut bytes) {
                let text = String::from_utf8_lossy(&bytes[..count]);
                shown.lock().unwrap().push_str(&text);
            }
        });
        Self {
            child,
            keyboard,
            screen,
            seen: 0,
        }
    }

    /// Waits until the shell reads keys: between two lines the terminal gathers whole lines, and
    /// what is typed then is not what the editor gets.
    fn is_ready(&self) {
        eventually("it reads keys", || {
            let terminal = tcgetattr(&self.keyboard).unwrap();
            !terminal.local_modes.contains(LocalModes::ICANON)
        });
    }

    /// Types a line and waits for its answer, which no part of the line is.
    fn asks(&mut self, line: &str, answer: &str) {
        self.is_ready();
        self.types(line);
        self.types("\r");
        self.sees(answer);
    }

    /// Waits until the screen shows something that it did not before.
    fn sees(&mut self, text: &str) {
        eventually(text, || {
            let screen = self.screen.lock().unwrap();
            let at = screen[self.seen..].find(text);
            self.seen += at.map_or(0, |at| at + text.len());
            at.is_some()
        });
    }

    fn types(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Ends the shell as a person would.
    fn leaves(mut self) {
        self.is_ready();
        self.types("exit\r");
        let child = &mut self.child;
        eventually("it ends", || child.try_wait().unwrap().is_some());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn what_was_typed_is_kept_for_its_owner_alone_and_what_begins_with_a_space_is_not() {
    let node = node(1);
    let home = Home::new("history");
    let mut terminal = Terminal::open(&node, &home, &[]);
    terminal.asks("put k \"a value\"", "version");
    terminal.asks(" put hidden secret", "version");
    terminal.asks("get hidden", "secret");
    // Up, up: over the line that is not kept.
    terminal.is_ready();
    terminal.types("\x1b[A\x1b[A");
    terminal.sees("put k");
    terminal.types("\r");
    terminal.sees("version");
    terminal.leaves();
    let lines = home.lines();
    assert!(lines.contains(&"put k \"a value\"".to_owned()), "{lines:?}");
    let is_secret = |line: &String| line.contains("secret");
    assert!(!lines.iter().any(is_secret), "{lines:?}");
    assert_eq!(mode(&home.history()), 0o600);
    assert_eq!(mode(home.history().parent().unwrap()), 0o700);

    // One that others could read is closed to them, and goes on where it was.
    let folder = home.history().parent().unwrap().to_owned();
    fs::set_permissions(home.history(), fs::Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    let mut terminal = Terminal::open(&node, &home, &[]);
    terminal.asks("get k", "a value");
    terminal.leaves();
    assert_eq!((mode(&home.history()), mode(&folder)), (0o600, 0o700));
    assert!(home.lines().len() > lines.len());
}

#[test]
fn a_history_does_not_grow_without_bound() {
    let node = node(1);
    let home = Home::new("bound");
    fs::create_dir_all(home.history().parent().unwrap()).unwrap();
    let old: String = (0..5000)
        .map(|number| format!("get key:{number}\n"))
        .collect();
    fs::write(home.history(), old).unwrap();
    let mut terminal = Terminal::open(&node, &home, &[]);
    for number in 0..3 {
        terminal.asks(&format!("exists new:{number}"), "not found");
    }
    terminal.leaves();
    let lines = home.lines();
    assert!(lines.len() <= 1010, "{} lines", lines.len());
    assert!(lines.contains(&"exists new:2".to_owned()));
    assert!(
        lines.contains(&"get key:4999".to_owned()),
        "the latest stay"
    );
    assert!(!lines.contains(&"get key:0".to_owned()));
}

#[test]
fn without_history_nothing_is_written() {
    let node = node(1);
    let home = Home::new("none");
    let mut terminal = Terminal::open(&node, &home, &["--no-history"]);
    terminal.asks("put k v", "version");
    terminal.leaves();
    assert!(!home.history().exists());
    assert_eq!(fs::read_dir(&home.0).unwrap().count(), 0);
}

#[test]
fn tab_completes_commands_options_and_topics() {
    let node = node(1);
    let home = Home::new("tab");
    let mut terminal = Terminal::open(&node, &home, &["--no-history"]);
    terminal.asks("persi\tabsent", "not found");
    terminal.asks("put k there keep\t", "version");
    terminal.asks("meta k", "there");
    // Of several that fit, the part that all share, then the list.
    terminal.is_ready();
    terminal.types("put k other P\t\t");
    terminal.sees("PXAT");
    terminal.types("\x15");
    terminal.asks("help quo\t", "quotes of both kinds");
    terminal.leaves();
}
