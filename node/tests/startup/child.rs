//! Runs the binary in a child process that is worse off than the test: lower limits, fewer CPUs,
//! system calls that fail, files of `/proc` that read otherwise.

#![expect(
    unsafe_code,
    reason = "what a child loses is taken between fork and exec"
)]
#![expect(clippy::unwrap_used, reason = "test harness")]

use std::ffi::CString;
use std::io::{self, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;

/// A child that is not done after this long hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What a child is deprived of.
#[derive(Default)]
pub(crate) struct Cage {
    limits: Vec<(Resource, u64, Option<u64>)>,
    first_cpu_only: bool,
    filter: Option<Vec<libc::sock_filter>>,
    over: Option<(CString, CString)>,
}

impl Cage {
    pub(crate) fn memlock(mut self, bytes: u64) -> Self {
        self.limits
            .push((Resource::RLIMIT_MEMLOCK, bytes, Some(bytes)));
        self
    }

    pub(crate) fn soft_memlock(mut self, bytes: u64) -> Self {
        self.limits.push((Resource::RLIMIT_MEMLOCK, bytes, None));
        self
    }

    pub(crate) fn open_files(mut self, count: u64) -> Self {
        self.limits
            .push((Resource::RLIMIT_NOFILE, count, Some(count)));
        self
    }

    pub(crate) fn first_cpu_only(mut self) -> Self {
        self.first_cpu_only = true;
        self
    }

    pub(crate) fn filter(mut self, filter: Vec<libc::sock_filter>) -> Self {
        self.filter = Some(filter);
        self
    }

    /// Lets `path` read as `text`, in a mount namespace of the child's own.
    pub(crate) fn over(mut self, path: &str, text: &str) -> Self {
        let stand_in =
            std::env::temp_dir().join(format!("jerboa-over-{}-{text}", std::process::id()));
        std::fs::write(&stand_in, text).unwrap();
        let stand_in = CString::new(stand_in.to_str().unwrap()).unwrap();
        self.over = Some((stand_in, CString::new(path).unwrap()));
        self
    }

    /// Called in the child, before exec.
    fn close(&self) -> io::Result<()> {
        for (resource, soft, hard) in &self.limits {
            let hard = hard.map_or_else(|| getrlimit(*resource).map(|limits| limits.1), Ok)?;
            setrlimit(*resource, *soft, hard)?;
        }
        if self.first_cpu_only {
            keep_first_cpu()?;
        }
        if let Some((stand_in, path)) = &self.over {
            mount_over(stand_in, path)?;
        }
        self.filter
            .as_ref()
            .map_or(Ok(()), |filter| seccomp::install(filter))
    }
}

impl Drop for Cage {
    fn drop(&mut self) {
        if let Some((stand_in, _)) = &self.over {
            let _ = std::fs::remove_file(stand_in.to_str().unwrap());
        }
    }
}

/// How a child ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Exit status; `None` when a signal ended it.
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Starts the binary in `cage`.
pub(crate) fn start(cage: &Cage, arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jerboa"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let cage = Cage {
        limits: cage.limits.clone(),
        first_cpu_only: cage.first_cpu_only,
        filter: cage.filter.clone(),
        over: cage.over.clone(),
    };
    // SAFETY: between fork and exec `close` only makes system calls on memory that the parent
    // prepared; it allocates nothing and takes no lock.
    unsafe { command.pre_exec(move || cage.close()) };
    command.spawn().unwrap()
}

/// Runs the binary in `cage` to its end.
pub(crate) fn run(cage: &Cage, arguments: &[&str]) -> Outcome {
    finish(start(cage, arguments))
}

/// Waits for the end of a child, but not for ever.
pub(crate) fn finish(mut child: Child) -> Outcome {
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if started.elapsed() > PATIENCE {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let mut outcome = Outcome {
        status: status.code(),
        stdout: String::new(),
        stderr: String::new(),
    };
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut outcome.stdout).unwrap();
    }
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_string(&mut outcome.stderr).unwrap();
    }
    if let Some(signal) = status.signal() {
        outcome
            .stderr
            .push_str(&format!("[ended by signal {signal}]"));
    }
    outcome
}

fn keep_first_cpu() -> nix::Result<()> {
    let allowed = sched_getaffinity(Pid::from_raw(0))?;
    let first = (0..CpuSet::count()).find(|cpu| allowed.is_set(*cpu).unwrap_or(false));
    let mut one = CpuSet::new();
    one.set(first.unwrap_or(0))?;
    sched_setaffinity(Pid::from_raw(0), &one)
}

/// Whether [`Cage::over`] works here.
pub(crate) fn may_mount() -> bool {
    Command::new("unshare")
        .args([
            "--mount",
            "mount",
            "--bind",
            "/dev/null",
            "/proc/sys/kernel/io_uring_disabled",
        ])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn mount_over(stand_in: &CString, path: &CString) -> io::Result<()> {
    // SAFETY: takes no pointers.
    check(unsafe { libc::unshare(libc::CLONE_NEWNS) })?;
    // SAFETY: every pointer is null or to a string that ends in a zero byte.
    check(unsafe {
        libc::mount(
            std::ptr::null(),
            c"/".as_ptr(),
            std::ptr::null(),
            libc::MS_REC | libc::MS_PRIVATE,
            std::ptr::null(),
        )
    })?;
    // SAFETY: every pointer is null or to a string that ends in a zero byte.
    check(unsafe {
        libc::mount(
            stand_in.as_ptr(),
            path.as_ptr(),
            std::ptr::null(),
            libc::MS_BIND,
            std::ptr::null(),
        )
    })
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 {
        return Ok(());
    }
    Err(io::Error::last_os_error())
}

/// Filters that make one system call fail, as containers and old kernels do.
pub(crate) mod seccomp {
    use std::io;

    use libc::{BPF_ABS, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, sock_filter};

    /// Offsets in `struct seccomp_data`: the call's number, and its second argument's low half.
    const NUMBER: u32 = 0;
    const SECOND_ARGUMENT: u32 = 24;

    /// `call` fails with `errno`.
    pub(crate) fn deny(call: libc::c_long, errno: i32) -> Vec<sock_filter> {
        vec![
            load(NUMBER),
            equal_else(call as u32, 1),
            refuse(errno),
            allow(),
        ]
    }

    /// `call` fails with `errno` when its second argument is `second`.
    pub(crate) fn deny_when(call: libc::c_long, second: u32, errno: i32) -> Vec<sock_filter> {
        vec![
            load(NUMBER),
            equal_else(call as u32, 3),
            load(SECOND_ARGUMENT),
            equal_else(second, 1),
            refuse(errno),
            allow(),
        ]
    }

    pub(super) fn install(filter: &[sock_filter]) -> io::Result<()> {
        let program = libc::sock_fprog {
            len: filter.len() as u16,
            filter: filter.as_ptr().cast_mut(),
        };
        // SAFETY: takes no pointers.
        super::check(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) })?;
        // SAFETY: `program` names `len` instructions that outlive the call; the kernel copies
        // them and writes to none.
        super::check(unsafe {
            libc::prctl(
                libc::PR_SET_SECCOMP,
                libc::SECCOMP_MODE_FILTER,
                &raw const program,
            )
        })
    }

    fn load(offset: u32) -> sock_filter {
        statement(BPF_LD | BPF_W | BPF_ABS, offset)
    }

    /// Goes on when the loaded value is `value`, else skips `skipped` instructions.
    fn equal_else(value: u32, skipped: u8) -> sock_filter {
        sock_filter {
            jf: skipped,
            ..statement(BPF_JMP | BPF_JEQ | BPF_K, value)
        }
    }

    fn refuse(errno: i32) -> sock_filter {
        statement(BPF_RET | BPF_K, libc::SECCOMP_RET_ERRNO | errno as u32)
    }

    fn allow() -> sock_filter {
        statement(BPF_RET | BPF_K, libc::SECCOMP_RET_ALLOW)
    }

    fn statement(code: u32, k: u32) -> sock_filter {
        sock_filter {
            code: code as u16,
            jt: 0,
            jf: 0,
            k,
        }
    }
}
