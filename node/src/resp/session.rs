//! What a node remembers of a connection that speaks RESP, beside its bytes.

use std::net::SocketAddr;

use jerboa_wire::resp::{Parser, Version};

/// Which replies a client wants to see.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Replies {
    /// All.
    #[default]
    On,
    /// None, until told otherwise.
    Off,
    /// All but that to the next command.
    SkipNext,
    /// Not that to the command that is being executed, then all.
    SkipThis,
}

/// One client.
#[derive(Debug, Default)]
pub(crate) struct Client {
    /// Unique within the node's life; never 0 once it is connected.
    pub(crate) id: u64,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) local: Option<SocketAddr>,
    /// The core that the client is connected to, and whether on that core's own port.
    pub(crate) core: u16,
    pub(crate) is_on_core_port: bool,
    pub(crate) version: Version,
    pub(crate) replies: Replies,
    /// As CLIENT SETNAME or HELLO gave it.
    pub(crate) name: Vec<u8>,
    pub(crate) library_name: Vec<u8>,
    pub(crate) library_version: Vec<u8>,
    /// When it last sent a command, and which.
    pub(crate) active_ms: u64,
    pub(crate) last_command: &'static str,
    /// Told by READONLY and READWRITE.
    pub(crate) read_only: bool,
    pub(crate) no_evict: bool,
    pub(crate) no_touch: bool,
    /// What was seen of a command that is not complete.
    pub(crate) parser: Parser,
    /// Where in the turn's input that command begins.
    pub(crate) parsed_to: usize,
    /// Subscriptions, those to shard channels included, and how many of them are to such.
    pub(crate) subscriptions: usize,
    pub(crate) shard_subscriptions: usize,
    /// The worker has to end all subscriptions.
    pub(crate) unsubscribes: bool,
    /// Close once everything is answered.
    pub(crate) leaving: bool,
}

impl Client {
    /// One that has just connected.
    pub(crate) fn new(
        id: u64,
        peer: Option<SocketAddr>,
        local: Option<SocketAddr>,
        now_ms: u64,
    ) -> Self {
        Self {
            id,
            peer,
            local,
            active_ms: now_ms,
            ..Self::default()
        }
    }

    /// Whether the reply to the command that comes now is kept back; to be asked once for each.
    pub(crate) fn is_silent(&mut self) -> bool {
        match self.replies {
            Replies::On => false,
            Replies::Off => true,
            Replies::SkipNext => {
                self.replies = Replies::SkipThis;
                true
            }
            Replies::SkipThis => {
                self.replies = Replies::On;
                false
            }
        }
    }

    /// Forgets everything that commands have set: RESET.
    pub(crate) fn reset(&mut self) {
        self.version = Version::Two;
        if self.replies == Replies::Off {
            self.replies = Replies::On;
        }
        self.name.clear();
        self.read_only = false;
        self.no_evict = false;
        self.no_touch = false;
        self.unsubscribes = true;
    }

    /// Whether the client gets messages where it expects replies, so that it may not ask for much
    /// else.
    #[inline]
    pub(crate) fn only_listens(&self) -> bool {
        self.subscriptions > 0 && self.version == Version::Two
    }
}
