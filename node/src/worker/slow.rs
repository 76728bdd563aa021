//! Commands that took long, and pauses of the cores: kept for who asks afterwards.
//!
//! Nothing is written here unless something took longer than the thresholds say, which a core
//! learns from the clock that it reads once a batch anyhow. A core that finds its log being read
//! keeps what it has to tell and tells it later; it never waits.
//!
//! Bounds: a log holds `slowlog-max-len` commands a core, each of at most [`ARGUMENTS_KEPT`]
//! arguments of [`ARGUMENT_BYTES_KEPT`] bytes; what is older goes first.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use jerboa_wire::resp::Arguments;
use jerboa_wire::{CrcMode, DecodeOptions, Decoded, decode_request, limits};

/// Arguments of a command that are kept, a note on the others included.
pub(crate) const ARGUMENTS_KEPT: usize = 32;
/// Bytes of each.
pub(crate) const ARGUMENT_BYTES_KEPT: usize = 128;
/// The longest log that can be set: about 4 MiB a core.
pub(crate) const COMMANDS_MAX: usize = 1024;
/// As Redis has it where nothing was said.
const SLOWER_THAN_US: i64 = 10_000;
const COMMANDS_KEPT: usize = 128;

/// A command that took long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SlowCommand {
    /// The higher the later, over all cores.
    pub(crate) id: u64,
    pub(crate) at_ms: u64,
    pub(crate) took_us: u64,
    /// The name first.
    pub(crate) arguments: Vec<Vec<u8>>,
    pub(crate) client: Option<SocketAddr>,
    pub(crate) client_name: Vec<u8>,
}

/// The logs of all cores.
#[derive(Debug)]
pub(crate) struct SlowLog {
    /// Microseconds; 0 keeps every command, a negative number none.
    slower_than_us: AtomicI64,
    commands_max: AtomicUsize,
    last_id: AtomicU64,
    cores: Vec<Mutex<VecDeque<SlowCommand>>>,
}

impl SlowLog {
    pub(crate) fn new(cores: u16) -> Self {
        Self {
            slower_than_us: AtomicI64::new(SLOWER_THAN_US),
            commands_max: AtomicUsize::new(COMMANDS_KEPT),
            last_id: AtomicU64::new(0),
            cores: (0..cores).map(|_| Mutex::default()).collect(),
        }
    }

    pub(crate) fn slower_than_us(&self) -> i64 {
        self.slower_than_us.load(Ordering::Relaxed)
    }

    pub(crate) fn set_slower_than_us(&self, us: i64) {
        self.slower_than_us.store(us, Ordering::Relaxed);
    }

    pub(crate) fn commands_max(&self) -> usize {
        self.commands_max.load(Ordering::Relaxed)
    }

    /// Keeps so many commands from now on; what is above goes at once.
    pub(crate) fn set_commands_max(&self, commands: usize) {
        self.commands_max.store(commands, Ordering::Relaxed);
        for core in &self.cores {
            let mut log = core.lock().unwrap_or_else(PoisonError::into_inner);
            let above = log.len().saturating_sub(commands);
            log.drain(..above);
        }
    }

    /// The last commands of all cores, the latest first.
    pub(crate) fn latest(&self, count: usize) -> Vec<SlowCommand> {
        let count = count.min(self.commands_max());
        let mut all = Vec::new();
        for core in &self.cores {
            let log = core.lock().unwrap_or_else(PoisonError::into_inner);
            all.extend(log.iter().rev().take(count).cloned());
        }
        all.sort_unstable_by_key(|command| std::cmp::Reverse(command.id));
        all.truncate(count);
        all
    }

    /// How many commands [`SlowLog::latest`] would return at most.
    pub(crate) fn len(&self) -> usize {
        let kept = self.cores.iter().map(|core| {
            let log = core.lock().unwrap_or_else(PoisonError::into_inner);
            log.len()
        });
        kept.sum::<usize>().min(self.commands_max())
    }

    pub(crate) fn clear(&self) {
        for core in &self.cores {
            core.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }
}

/// When a request was executed, for how long, and by which core.
#[derive(Clone, Copy, Debug)]
pub(super) struct SlowTime {
    pub(super) at_ms: u64,
    pub(super) took_us: u64,
    pub(super) core: u16,
}

/// What one core has to tell.
#[derive(Debug, Default)]
pub(super) struct SlowCommands {
    untold: VecDeque<SlowCommand>,
}

impl SlowCommands {
    /// Keeps a command, whose id is given here.
    #[cold]
    pub(super) fn keep(&mut self, mut command: SlowCommand, core: u16, log: &SlowLog) {
        command.id = log.last_id.fetch_add(1, Ordering::Relaxed);
        self.untold.push_back(command);
        let above = self.untold.len().saturating_sub(log.commands_max());
        self.untold.drain(..above);
        self.tell(core, log);
    }

    /// Keeps a request that another core sent here, for a client that only that core knows.
    #[cold]
    pub(super) fn keep_forwarded(
        &mut self,
        frame: &[u8],
        from: u16,
        took: SlowTime,
        log: &SlowLog,
    ) {
        let command = SlowCommand {
            id: 0,
            at_ms: took.at_ms,
            took_us: took.took_us,
            arguments: kept_of_frame(frame),
            client: None,
            client_name: format!("core-{from}").into_bytes(),
        };
        self.keep(command, took.core, log);
    }

    /// Moves what is not told yet to where others read it, unless somebody reads just now.
    #[inline]
    pub(super) fn tell(&mut self, core: u16, log: &SlowLog) {
        if !self.untold.is_empty() {
            self.tell_now(core, log);
        }
    }

    #[cold]
    fn tell_now(&mut self, core: u16, log: &SlowLog) {
        let Some(Ok(mut told)) = log.cores.get(usize::from(core)).map(Mutex::try_lock) else {
            return;
        };
        told.extend(self.untold.drain(..));
        let above = told.len().saturating_sub(log.commands_max());
        told.drain(..above);
    }
}

/// What is kept of a command's arguments.
pub(super) fn kept(arguments: Arguments<'_, '_>) -> Vec<Vec<u8>> {
    let count = arguments.len();
    let whole = if count > ARGUMENTS_KEPT {
        ARGUMENTS_KEPT - 1
    } else {
        count
    };
    let mut kept: Vec<_> = arguments.iter().take(whole).map(shortened).collect();
    hide_passwords(&mut kept);
    if whole < count {
        kept.push(format!("... ({} more arguments)", count - whole).into_bytes());
    }
    kept
}

/// Nobody learns passwords from a log.
fn hide_passwords(arguments: &mut [Vec<u8>]) {
    let is = |argument: &Vec<u8>, word: &str| argument.eq_ignore_ascii_case(word.as_bytes());
    let secret = match arguments.first() {
        Some(name) if is(name, "auth") => 1..arguments.len(),
        Some(name) if is(name, "hello") => {
            let auth = arguments.iter().position(|argument| is(argument, "auth"));
            let Some(auth) = auth else {
                return;
            };
            auth + 1..arguments.len().min(auth + 3)
        }
        _ => return,
    };
    for argument in arguments.get_mut(secret).unwrap_or_default() {
        *argument = b"(redacted)".to_vec();
    }
}

/// What is kept of a frame: the operation's name, the map's, the key and the value.
pub(super) fn kept_of_frame(bytes: &[u8]) -> Vec<Vec<u8>> {
    let options = DecodeOptions {
        crc: CrcMode::Optional,
        value_bytes_max: limits::VALUE_BYTES_MAX_CEILING,
    };
    let Ok(Decoded::Frame { frame, .. }) = decode_request(bytes, &options) else {
        return Vec::new();
    };
    let mut kept = vec![frame.opcode.name().as_bytes().to_vec()];
    for part in [frame.map, frame.key, frame.value] {
        if !part.is_empty() {
            kept.push(shortened(part));
        }
    }
    kept
}

/// One argument, its length told where it is cut.
pub(super) fn shortened(argument: &[u8]) -> Vec<u8> {
    if argument.len() <= ARGUMENT_BYTES_KEPT {
        return argument.to_vec();
    }
    let (head, rest) = argument.split_at(ARGUMENT_BYTES_KEPT);
    let mut text = head.to_vec();
    text.extend_from_slice(format!("... ({} more bytes)", rest.len()).as_bytes());
    text
}

#[cfg(test)]
mod tests {
    use jerboa_wire::resp::{Span, split_inline};

    use super::*;

    fn command(took_us: u64) -> SlowCommand {
        SlowCommand {
            id: 0,
            at_ms: 5,
            took_us,
            arguments: vec![b"get".to_vec()],
            client: None,
            client_name: Vec::new(),
        }
    }

    #[test]
    fn the_latest_of_all_cores_are_kept_and_no_more_than_may_be() {
        let log = SlowLog::new(2);
        log.set_commands_max(10);
        let mut cores = [SlowCommands::default(), SlowCommands::default()];
        for number in 0..100 {
            let core = (number % 2) as u16;
            cores[usize::from(core)].keep(command(number), core, &log);
        }
        assert_eq!(log.len(), 10);
        let took: Vec<_> = log.latest(99).iter().map(|one| one.took_us).collect();
        assert_eq!(took, [99, 98, 97, 96, 95, 94, 93, 92, 91, 90]);
        assert_eq!(log.latest(1)[0].id, 99);
        log.set_commands_max(3);
        assert_eq!((log.len(), log.latest(9).len()), (3, 3));
        log.clear();
        assert_eq!(log.len(), 0);
        cores[0].keep(command(7), 0, &log);
        assert_eq!(log.latest(9)[0].id, 100, "ids go on");
        log.set_commands_max(0);
        cores[0].keep(command(7), 0, &log);
        assert_eq!(log.len(), 0);
    }

    #[test]
    fn a_reader_delays_a_command_and_loses_none() {
        let log = SlowLog::new(1);
        let mut core = SlowCommands::default();
        let reading = log.cores[0].lock().unwrap();
        core.keep(command(1), 0, &log);
        core.keep(command(2), 0, &log);
        drop(reading);
        assert_eq!(log.len(), 0);
        core.tell(0, &log);
        assert_eq!(log.len(), 2);
    }

    #[test]
    fn long_commands_are_cut_as_redis_cuts_them() {
        let text = vec![b'x'; 200];
        let spans: Vec<_> = (0..80).filter_map(|at| Span::new(at, at + 1)).collect();
        let many = kept(Arguments::new(&text, &spans));
        assert_eq!(many.len(), 32);
        assert_eq!(many[31], b"... (49 more arguments)");
        let one = [Span::new(0, 200).unwrap()];
        let long = kept(Arguments::new(&text, &one));
        assert_eq!(long[0].len(), 128 + "... (72 more bytes)".len());
        assert!(long[0].ends_with(b"... (72 more bytes)"));
        let told = |line: &str| {
            let (mut text, mut spans) = (Vec::new(), Vec::new());
            assert!(split_inline(line.as_bytes(), &mut text, &mut spans));
            let kept = kept(Arguments::new(&text, &spans));
            String::from_utf8(kept.join(&b' ')).unwrap()
        };
        assert_eq!(told("AUTH me secret"), "AUTH (redacted) (redacted)");
        assert_eq!(
            told("hello 3 AUTH me secret SETNAME x"),
            "hello 3 AUTH (redacted) (redacted) SETNAME x"
        );
        let exact = kept(Arguments::new(&text, &spans[..32]));
        assert_eq!((exact.len(), &exact[31][..]), (32, &b"x"[..]));
    }
}
