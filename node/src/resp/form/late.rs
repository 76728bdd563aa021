//! Commands of which Redis finds only where their key is there that something is wrong with them:
//! they ask for the entry, or store where there is none.

use jerboa_wire::resp::Writer;
use jerboa_wire::{Opcode, Reply, Status};

use crate::resp::refusal::Refusal;

/// What is wrong with a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Late {
    NotAnInteger,
    /// In GETEX.
    InvalidExpiry,
    /// What is given as a digest has another length than one.
    NoDigest,
    /// In DELEX.
    NoCondition,
}

/// What is answered where there was no entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Absent {
    Nothing,
    Zero,
    /// `OK`: a value was stored.
    Done,
}

impl Late {
    pub(super) fn write(self, absent: Absent, reply: &Reply<'_>, out: &mut Writer<'_>) {
        let was_there = match reply.opcode {
            Opcode::Put => reply.status == Status::Exists,
            _ => reply.status == Status::Ok,
        };
        if was_there {
            return out.error(self.refusal().as_bytes());
        }
        match absent {
            Absent::Nothing => out.null(),
            Absent::Zero => out.integer(0),
            Absent::Done => out.simple("OK"),
        }
    }

    const fn refusal(self) -> Refusal {
        match self {
            Self::NotAnInteger => Refusal::NOT_AN_INTEGER,
            Self::InvalidExpiry => Refusal::text("ERR invalid expire time in 'getex' command"),
            Self::NoDigest => Refusal::text("ERR digest must be exactly 16 hexadecimal characters"),
            Self::NoCondition => {
                Refusal::text("ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE")
            }
        }
    }
}
