//! The live view at a terminal: it draws what happens, heeds keys, signals and sizes, waits for a
//! node that went away, and leaves the terminal as it found it.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use jerboa_wire::client::blocking::Client;
use nix::sys::signal::Signal;
use rustix::termios::{LocalModes, tcgetattr};

use super::common::{eventually, node};
use super::display::Display;
use super::view::{Gate, Load, View};

/// The cells of the line that begins with a name.
fn row(display: &Display, name: &str) -> Option<Vec<String>> {
    let lines = display.lines();
    let rows = lines.iter().map(|line| {
        let cells = line.split_whitespace().map(str::to_owned);
        cells.collect::<Vec<_>>()
    });
    let mut rows = rows.filter(|cells| cells.first().is_some_and(|first| first == name));
    rows.next()
}

#[test]
fn it_draws_each_core_and_numbers_that_move_with_the_load() {
    let node = node(2);
    let address = node.addresses().any_core;
    let mut view = View::open(address, (40, 140), &["--interval-ms", "100"]);
    view.sees_line(&["jerboa", &address.to_string()]);
    view.sees_line(&["core", "ops/s", "p99", "hits", "live", "conns"]);
    let load = Load::start(address, "orders");
    for name in ["0", "1", "all"] {
        view.sees(name, |display| row(display, name).is_some());
    }
    view.sees("half of the reads hit", |display| {
        let hits =
            row(display, "all").and_then(|cells| cells.get(6)?.strip_suffix('%')?.parse().ok());
        hits.is_some_and(|hits: f64| (30.0..70.0).contains(&hits))
    });
    view.sees_line(&["hot", "orders"]);
    let mut seen = std::collections::BTreeSet::new();
    view.sees("the operation", |display| row(display, "Get").is_some());
    eventually("five different numbers", || {
        let display = view.display.lock().unwrap();
        seen.extend(row(&display, "Get").and_then(|cells| cells.get(1).cloned()));
        seen.len() >= 5
    });
    drop(load);
    view.sees("nobody reads", |display| {
        row(display, "all").is_some() && row(display, "Get").is_none()
    });
    view.was_drawn_well();
    view.types("q");
    assert_eq!(view.ended().code(), Some(0));
    view.is_given_back();
}

#[test]
fn keys_change_what_is_shown_and_end_it() {
    let node = node(2);
    let address = node.addresses().any_core;
    let client = Client::connect([address.to_string()]).unwrap();
    client.dmap("quiet").put("k", "v").unwrap();
    let _load = Load::start(address, "orders");
    let mut view = View::open(address, (30, 120), &["--interval-ms", "200"]);
    view.sees_line(&["core", "ops/s"]);
    view.sees_line(&["every 200 ms", "q quit"]);
    view.types("+");
    view.sees_line(&["every 400 ms"]);
    view.types("---");
    view.sees_line(&["every 50 ms"]);
    view.types("-");
    view.types("s");
    view.sees_line(&["core", "ops/s↓"]);
    view.sees_line(&["every 50 ms"]);
    view.types("r");
    view.sees_line(&["core", "ops/s↑"]);
    view.types("?");
    view.sees_line(&["ctrl-z", "stop"]);
    view.types("?");
    view.sees_line(&["core", "ops/s↑"]);
    view.types("m");
    view.sees_line(&["map", "ops/s↓", "p99"]);
    view.sees(
        "the busiest map is the first, with its latencies",
        |display| {
            let lines = display.lines();
            let header = lines.iter().position(|line| line.starts_with("map "));
            let first = header.and_then(|header| lines.get(header + 1));
            let cells: Option<Vec<&str>> = first.map(|line| line.split_whitespace().collect());
            cells.is_some_and(|cells| cells[0] == "orders" && cells[3] != "-")
        },
    );
    view.sees("the other map", |display| row(display, "quiet").is_some());
    view.types("p");
    view.sees_line(&["paused"]);
    let drawn = view.display.lock().unwrap().text();
    // Keys that mean nothing draw the same again, however many they are.
    view.types("xyz\x1b[15~\x1b[1;5Cé");
    let drawings = view.display.lock().unwrap().drawings;
    view.types("x");
    view.sees("another drawing", |display| display.drawings > drawings);
    assert_eq!(view.display.lock().unwrap().text(), drawn);
    view.types(" ");
    view.sees_line(&["every 50 ms"]);
    view.was_drawn_well();
    view.types("\x03");
    assert_eq!(view.ended().code(), Some(0));
    view.is_given_back();
}

#[test]
fn a_signal_ends_it_and_gives_the_terminal_back() {
    let node = node(1);
    for (signal, status) in [
        (Signal::SIGTERM, 143),
        (Signal::SIGINT, 130),
        (Signal::SIGHUP, 129),
        (Signal::SIGQUIT, 131),
    ] {
        // An interval that nobody will see the end of.
        let flags = ["--interval-ms", "3600000"];
        let mut view = View::open(node.addresses().any_core, (24, 80), &flags);
        view.sees_line(&["under way"]);
        view.signal(signal);
        assert_eq!(view.ended().code(), Some(status), "{signal}");
        view.is_given_back();
    }
}

#[test]
fn it_stops_for_the_shell_and_goes_on_where_it_was() {
    let node = node(1);
    let flags = ["--interval-ms", "100"];
    let mut view = View::open(node.addresses().any_core, (24, 80), &flags);
    let status = format!("/proc/{}/stat", view.child.id());
    let is_stopped = || {
        let status = fs::read_to_string(&status).unwrap();
        status.rsplit_once(") ").unwrap().1.starts_with('T')
    };
    for by_key in [true, false] {
        view.sees_line(&["core", "ops/s"]);
        if by_key {
            view.types("\x1a");
        } else {
            view.signal(Signal::SIGTSTP);
        }
        eventually("it is stopped", is_stopped);
        view.is_given_back();
        let drawings = view.display.lock().unwrap().drawings;
        view.signal(Signal::SIGCONT);
        view.sees("it is back", |display| {
            display.other_screen && display.drawings > drawings
        });
        let modes = tcgetattr(&view.side).unwrap().local_modes;
        assert!(!modes.contains(LocalModes::ICANON), "it reads keys again");
    }
    view.types("q");
    assert_eq!(view.ended().code(), Some(0));
    view.is_given_back();
}

#[test]
fn a_window_of_any_size_is_filled_and_never_overdrawn() {
    let node = node(2);
    let address = node.addresses().any_core;
    // What is drawn anew before this is over is drawn for the window's sake.
    let flags = ["--interval-ms", "3600000"];
    let mut view = View::open(node.addresses().any_core, (24, 80), &flags);
    view.sees_line(&["under way"]);
    view.types("?");
    for (rows, columns) in [
        (1, 1),
        (1, 80),
        (2, 1),
        (2, 80),
        (3, 10),
        (5, 20),
        (60, 250),
        (10, 40),
    ] {
        let before = view.display.lock().unwrap().drawings;
        view.resize(rows, columns);
        view.sees("a drawing", |display| display.drawings > before);
        view.sees("the title at the top, the hint at the bottom", |display| {
            let cut = |text: &str| text.chars().take(columns.into()).collect::<String>();
            let lines = display.lines();
            let title = cut(&format!("{address}: the first interval is under way"));
            let hint = cut("every 3600000 ms  q quit  p pause  m cores/maps  s sort  r reverse");
            let last = lines.last().map(String::as_str).unwrap_or_default();
            lines[0] == title.trim_end() && (rows == 1 || last.starts_with(hint.trim_end()))
        });
    }
    // Seven lines of help do not fit: the others are behind them.
    view.resize(8, 80);
    view.sees_line(&["pause, go on"]);
    view.types("\x1b[B\x1b[B\x1b[B\x1b[B");
    view.sees("the first have gone", |display| {
        !display.text().contains("pause, go on") && display.text().contains("under way")
    });
    view.types("\x1b[F");
    view.sees_line(&["live: bytes of entries"]);
    view.types("\x1b[H");
    view.sees_line(&["pause, go on"]);
    view.was_drawn_well();
    view.types("q");
    assert_eq!(view.ended().code(), Some(0));
    view.is_given_back();
}

#[test]
fn a_node_that_goes_away_is_told_and_waited_for_and_its_successor_is_shown() {
    let first = node(1);
    let gate = Gate::to(first.addresses().any_core);
    let mut view = View::open(gate.address, (24, 160), &["--interval-ms", "100"]);
    view.sees("one core", |display| {
        row(display, "0").is_some() && row(display, "all").is_none()
    });
    gate.turn(None, false);
    first.request_stop();
    first.join().unwrap();
    view.sees_line(&["NO ANSWER for", "trying again", "connection broke"]);
    view.sees("the last numbers", |display| row(display, "0").is_some());
    view.sees_line(&["NO ANSWER for 2 s"]);
    // Keys are heeded meanwhile.
    view.types("?");
    view.sees_line(&["ctrl-z"]);
    view.types("?");
    let second = node(2);
    gate.turn(Some(second.addresses().any_core), false);
    view.sees("two cores", |display| {
        row(display, "all").is_some() && !display.text().contains("NO ANSWER")
    });
    // One that takes questions and answers none.
    gate.turn(Some(second.addresses().any_core), true);
    view.sees_line(&["NO ANSWER for 1 s"]);
    view.types("?");
    view.sees_line(&["ctrl-z"]);
    gate.turn(Some(second.addresses().any_core), false);
    view.types("?");
    view.sees("it is back", |display| {
        row(display, "all").is_some() && !display.text().contains("NO ANSWER")
    });
    // Whoever has seen enough does not wait for an answer.
    gate.turn(Some(second.addresses().any_core), true);
    view.sees_line(&["NO ANSWER"]);
    view.was_drawn_well();
    view.types("q");
    assert_eq!(view.ended().code(), Some(0));
    view.is_given_back();
}

#[test]
fn an_address_without_a_node_is_an_error_and_not_a_screen() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = closed.local_addr().unwrap().to_string();
    drop(closed);
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let somebody = other.local_addr().unwrap().to_string();
    thread::spawn(move || {
        while let Ok((mut client, _)) = other.accept() {
            let _ = client.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            let _ = client.read(&mut [0; 1024]);
        }
    });
    for (address, error) in [
        (nobody.as_str(), "jerboa: cannot reach 127.0.0.1:"),
        ("nonsense", "jerboa: cannot reach nonsense: "),
        (
            somebody.as_str(),
            "jerboa: the peer does not speak the binary protocol",
        ),
    ] {
        let mut view = View::open(address, (24, 80), &[]);
        assert_eq!(view.ended().code(), Some(4), "{address}");
        view.sees(error, |display| display.plain.contains(error));
        assert_eq!(view.display.lock().unwrap().drawings, 0);
        view.is_given_back();
    }
    let mut view = View::open("127.0.0.1:7400", (24, 80), &["--interval-ms", "0"]);
    assert_eq!(view.ended().code(), Some(1));
    view.sees("the bounds", |display| {
        display.plain.contains("50 to 3600000")
    });
}

/// The first answer is waited for without a screen; a signal ends that wait too.
#[test]
fn a_node_that_is_silent_from_the_start_does_not_hold_up_a_signal() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut view = View::open(silent.local_addr().unwrap(), (24, 80), &[]);
    let (_client, _) = silent.accept().unwrap();
    view.signal(Signal::SIGINT);
    assert_eq!(view.ended().code(), Some(130));
    view.is_given_back();
}
