//! Fear: a node that cannot run here starts half, hangs, panics, or says something that helps
//! nobody. Each case really provokes the cause in a child process and asks for the same three
//! things: exit status 1, no `ready` line, and a message with the cause and the remedy.

#![expect(clippy::unwrap_used, reason = "test harness")]

#[path = "startup/child.rs"]
mod child;
#[path = "startup/lifecycle.rs"]
mod lifecycle;

use std::io::Write;
use std::net::TcpListener;

use child::{Cage, Outcome, seccomp};

/// Runs the binary in `cage` and checks that it refused, saying each of `texts`.
fn refuses(cage: &Cage, arguments: &[&str], texts: &[&str]) -> Outcome {
    let outcome = child::run(cage, arguments);
    assert_eq!(outcome.status, Some(1), "{arguments:?}: {outcome:?}");
    assert_eq!(
        outcome.stdout, "",
        "{arguments:?}: nothing may claim to be ready"
    );
    for text in texts {
        assert!(
            outcome.stderr.contains(text),
            "{arguments:?}: no `{text}` in {}",
            outcome.stderr
        );
    }
    assert!(!outcome.stderr.contains("panicked"), "{}", outcome.stderr);
    outcome
}

/// Flags that keep a case from depending on the ports of other tests.
const SMALL: [&str; 7] = ["serve", "--port", "0", "--memory", "64MiB", "--cores", "1"];

fn small<'a>(more: &[&'a str]) -> Vec<&'a str> {
    SMALL.iter().chain(more).copied().collect()
}

/// A port that nobody listens on, below those of outgoing connections.
fn free_port() -> u16 {
    let first = 20_000 + (std::process::id() % 8_000) as u16;
    (first..)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .unwrap()
}

#[test]
fn the_memlock_limit_of_old_distributions_is_refused_with_all_three_ways_to_raise_it() {
    let cage = Cage::default().memlock(64 << 10);
    refuses(
        &cage,
        &small(&[]),
        &[
            "RLIMIT_MEMLOCK",
            "64 KiB",
            "ulimit -l",
            "limits.conf",
            "LimitMEMLOCK=",
        ],
    );
}

#[test]
fn a_low_soft_memlock_limit_is_raised_not_complained_about() {
    let cage = Cage::default().soft_memlock(64 << 10);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    // The ports are tried after the limits, so this is what must be refused.
    let arguments = [
        "serve",
        "--cores",
        "1",
        "--memory",
        "64MiB",
        "--port",
        port.as_str(),
    ];
    refuses(&cage, &arguments, &["raised a soft limit", "in use"]);
}

#[test]
fn io_uring_blocked_by_a_container_is_told_as_seccomp() {
    let cage = Cage::default().filter(seccomp::deny(libc::SYS_io_uring_setup, libc::EPERM));
    refuses(
        &cage,
        &small(&[]),
        &["seccomp", "io_uring_setup", "io_uring_enter"],
    );
}

#[test]
fn io_uring_switched_off_is_told_with_the_sysctl_that_switches_it_on() {
    if !child::may_mount() {
        eprintln!("skipped: needs the right to mount over /proc/sys in a namespace of its own");
        return;
    }
    for level in ["1", "2"] {
        let cage = Cage::default()
            .over("/proc/sys/kernel/io_uring_disabled", level)
            .filter(seccomp::deny(libc::SYS_io_uring_setup, libc::EPERM));
        let named = format!("kernel.io_uring_disabled = {level}");
        refuses(
            &cage,
            &small(&[]),
            &[&named, "sysctl -w kernel.io_uring_disabled=0"],
        );
    }
}

#[test]
fn a_kernel_without_io_uring_is_told_with_the_release_needed() {
    let cage = Cage::default().filter(seccomp::deny(libc::SYS_io_uring_setup, libc::ENOSYS));
    refuses(&cage, &small(&[]), &["no io_uring", "Linux 6.1"]);
}

#[test]
fn a_kernel_without_buffer_rings_is_told_by_that_feature() {
    const REGISTER_PBUF_RING: u32 = 22;
    let cage = Cage::default().filter(seccomp::deny_when(
        libc::SYS_io_uring_register,
        REGISTER_PBUF_RING,
        libc::EINVAL,
    ));
    refuses(&cage, &small(&[]), &["provided buffer rings", "Linux 6.1"]);
}

#[test]
fn a_taken_port_is_named_with_the_flag_that_moves_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let arguments = [
        "serve",
        "--cores",
        "1",
        "--memory",
        "64MiB",
        "--port",
        port.as_str(),
    ];
    refuses(&Cage::default(), &arguments, &[&port, "in use", "--port"]);
}

#[test]
fn a_taken_core_port_is_named_with_its_own_flag() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let any_core = free_port().to_string();
    let arguments = [
        "serve",
        "--cores",
        "1",
        "--memory",
        "64MiB",
        "--port",
        &any_core,
        "--core-port",
        &port,
    ];
    refuses(
        &Cage::default(),
        &arguments,
        &[&port, "in use", "--core-port"],
    );
}

#[test]
fn more_cores_than_the_machine_has_are_refused() {
    refuses(
        &Cage::default(),
        &["serve", "--cores", "1000"],
        &["1000 cores", "--cores"],
    );
    refuses(
        &Cage::default(),
        &["serve", "--cores", "0,4000"],
        &["CPU 4000", "--cores"],
    );
}

#[test]
fn more_cores_than_the_affinity_allows_are_told_from_a_small_machine() {
    let all = std::thread::available_parallelism().unwrap().get();
    if all < 2 {
        eprintln!("skipped: needs two CPUs");
        return;
    }
    let cage = Cage::default().first_cpu_only();
    refuses(&cage, &["serve", "--cores", "2"], &["affinity", "allows 1"]);
}

#[test]
fn more_memory_than_there_is_is_refused_before_it_is_touched() {
    let arguments = ["serve", "--port", "0", "--cores", "1", "--memory", "60t"];
    refuses(
        &Cage::default(),
        &arguments,
        &["61440 GiB", "available", "--memory"],
    );
}

#[test]
fn connections_that_were_promised_need_descriptors() {
    let cage = Cage::default().open_files(256);
    let arguments = small(&["--connections-max", "1000"]);
    refuses(
        &cage,
        &arguments,
        &["RLIMIT_NOFILE", "256", "ulimit -n", "LimitNOFILE="],
    );
}

#[test]
fn an_exposed_address_is_refused_without_insecure() {
    refuses(
        &Cage::default(),
        &["serve", "--bind", "0.0.0.0"],
        &["0.0.0.0", "--insecure"],
    );
}

#[test]
fn what_clients_could_not_follow_is_not_announced() {
    let refused = |more: &[&str], texts: &[&str]| {
        refuses(&Cage::default(), &small(more), texts);
    };
    refused(
        &["--announce-host", "0.0.0.0"],
        &["announce_host = 0.0.0.0", "clients can connect to"],
    );
    refused(&["--announce-port", "0"], &["announce_port = 0", "from 1"]);
    refused(
        &["--announce-port", "30000", "--announce-core-port", "30000"],
        &["1 core port(s) from 30000", "--announce-core-port"],
    );
}

#[test]
fn an_unknown_key_names_file_line_and_the_key_meant() {
    let path = std::env::temp_dir().join(format!("jerboa-startup-{}.toml", std::process::id()));
    let mut file = std::fs::File::create(&path).unwrap();
    writeln!(file, "port = 7400\nspin-us = 3").unwrap();
    let path_text = path.to_str().unwrap();
    for command in ["serve", "check-config"] {
        refuses(
            &Cage::default(),
            &[command, "--config", path_text],
            &[":2:", "`spin-us`", "`spin_us`", path_text],
        );
    }
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_flag_that_does_not_exist_is_refused() {
    refuses(&Cage::default(), &["serve", "--prot", "1"], &["--prot"]);
}

#[test]
fn the_version_is_one_line_on_stdout() {
    let outcome = child::run(&Cage::default(), &["--version"]);
    assert_eq!(outcome.status, Some(0));
    assert_eq!(
        outcome.stdout,
        format!("jerboa {}\n", env!("CARGO_PKG_VERSION"))
    );
}
