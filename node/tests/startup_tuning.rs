//! Fear: a tuning script that changes a host when it was only asked what it would do, writes a
//! value that is better already, or says "all well" when it could not write.

#![expect(clippy::unwrap_used, reason = "test harness")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const SOMAXCONN: &str = "proc/sys/net/core/somaxconn";
const SWAPPINESS: &str = "proc/sys/vm/swappiness";
const HUGE_PAGES: &str = "sys/kernel/mm/transparent_hugepage/enabled";
const GOVERNOR: &str = "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor";

/// A made-up host: only the files given exist.
struct Host {
    root: PathBuf,
}

impl Host {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let root = std::env::temp_dir().join(format!("jerboa-tune-{name}-{}", std::process::id()));
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self { root }
    }

    fn tune(&self, more: &[&str]) -> (Option<i32>, String) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/host-tune.sh");
        let Output { status, stdout, .. } = Command::new(script)
            .args(["--root", self.root.to_str().unwrap()])
            .args(more)
            .output()
            .unwrap();
        (status.code(), String::from_utf8(stdout).unwrap())
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

#[test]
fn nothing_is_written_unless_asked() {
    let host = Host::new("dry", &[(SOMAXCONN, "128\n"), (GOVERNOR, "powersave\n")]);
    let (status, said) = host.tune(&[]);
    assert_eq!(status, Some(1), "{said}");
    assert!(
        said.contains("CHANGE") && said.contains("128, wanted 4096"),
        "{said}"
    );
    assert_eq!(host.read(SOMAXCONN), "128\n");
    assert_eq!(host.read(GOVERNOR), "powersave\n");
}

#[test]
fn what_differs_is_written_when_asked_and_only_once() {
    let host = Host::new(
        "apply",
        &[
            (SOMAXCONN, "128\n"),
            (SWAPPINESS, "60\n"),
            (HUGE_PAGES, "[always] madvise never\n"),
            (GOVERNOR, "powersave\n"),
        ],
    );
    let (status, said) = host.tune(&["--apply"]);
    assert_eq!(status, Some(0), "{said}");
    assert_eq!(host.read(SOMAXCONN), "4096\n");
    assert_eq!(host.read(SWAPPINESS), "0\n");
    assert_eq!(host.read(HUGE_PAGES), "madvise\n");
    assert_eq!(host.read(GOVERNOR), "performance\n");
    assert!(
        said.contains("net.core.somaxconn = 4096"),
        "how to keep it: {said}"
    );
    let (status, said) = host.tune(&["--apply"]);
    assert_eq!(status, Some(0), "{said}");
    assert!(!said.contains("changed"), "{said}");
}

#[test]
fn a_value_that_is_better_already_stays() {
    let host = Host::new(
        "better",
        &[
            (SOMAXCONN, "65535\n"),
            (HUGE_PAGES, "always [madvise] never"),
        ],
    );
    let (status, said) = host.tune(&["--apply"]);
    assert_eq!(status, Some(0), "{said}");
    assert_eq!(host.read(SOMAXCONN), "65535\n");
    assert_eq!(host.read(HUGE_PAGES), "always [madvise] never");
}

#[test]
fn huge_pages_are_reserved_only_when_a_number_is_given() {
    const RESERVED: &str = "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";
    let host = Host::new("huge", &[(RESERVED, "0\n")]);
    assert_eq!(host.tune(&["--apply"]).0, Some(0));
    assert_eq!(host.read(RESERVED), "0\n");
    assert_eq!(host.tune(&["--apply", "--huge-pages", "512"]).0, Some(0));
    assert_eq!(host.read(RESERVED), "512\n");
    assert_eq!(host.tune(&["--huge-pages", "many"]).0, Some(2));
}

#[test]
fn a_slip_in_the_arguments_changes_nothing() {
    let host = Host::new("slip", &[(SOMAXCONN, "128\n")]);
    assert_eq!(host.tune(&["--apply", "--aply"]).0, Some(2));
    assert_eq!(host.read(SOMAXCONN), "128\n");
}
