//! How the answers of all cores to one request become one answer.
//!
//! * `arg` is the sum, the value sections stand one behind the other in the order of the cores, and
//!   `count` is the number of their items. The status is `Ok` if any core says so, else that of the
//!   first core.
//! * If any core refuses, the answer is the refusal of the first core that did, its explanation
//!   included; what the others did stands.
//! * A drawing takes the answer of one core, drawn by the cores' `arg`s; it needs only one.

use jerboa_wire::frame::{begin_reply, finish_reply};
use jerboa_wire::{Crc, EncodeError, Opcode, Reply, Status};

use crate::node::random;

/// Appends the whole answer, of a value section of at most so many bytes.
pub(super) fn write(
    head: &Reply<'_>,
    parts: &[Reply<'_>],
    section_max: usize,
    out: &mut Vec<u8>,
    crc: Crc,
) -> Result<(), EncodeError> {
    if head.opcode == Opcode::RandomKey {
        return draw(head, parts, random()).encode(out, crc);
    }
    if let Some(refusal) = parts.iter().find(|part| part.status.is_error()) {
        return of(head, refusal).encode(out, crc);
    }
    let status = if parts.iter().any(|part| part.status == Status::Ok) {
        Status::Ok
    } else {
        parts.first().map_or(Status::Internal, |part| part.status)
    };
    let bytes: usize = parts.iter().map(|part| part.value.len()).sum();
    if bytes > section_max {
        let too_large = Reply {
            status: Status::ReplyTooLarge,
            ..*head
        };
        return too_large.encode(out, crc);
    }
    let begun = begin_reply(&Reply { status, ..*head }, out, crc);
    for part in parts {
        out.extend_from_slice(part.value);
    }
    let count = parts.iter().map(|part| part.count).sum();
    finish_reply(begun, count, sum(parts), out)
}

fn sum(parts: &[Reply<'_>]) -> u64 {
    parts
        .iter()
        .fold(0, |sum, part| sum.saturating_add(part.arg))
}

/// The answer of one core, as the whole's.
fn of<'a>(head: &Reply<'_>, part: &Reply<'a>) -> Reply<'a> {
    Reply {
        opcode: head.opcode,
        flags: head.flags,
        partition: head.partition,
        request_id: head.request_id,
        epoch: head.epoch,
        key: &[],
        ..*part
    }
}

/// Draws one of the answers that say `Ok`, each by its share of all `arg`s.
fn draw<'a>(head: &Reply<'_>, parts: &[Reply<'a>], random: u64) -> Reply<'a> {
    let found = || parts.iter().filter(|part| part.status == Status::Ok);
    let weights: u64 = found().map(|part| part.arg).sum();
    let mut left = random.checked_rem(weights).unwrap_or(0);
    let drawn = found().find(|part| {
        let is_it = left < part.arg;
        left = left.saturating_sub(part.arg);
        is_it
    });
    let refusal = || parts.iter().find(|part| part.status.is_error());
    match drawn.or_else(refusal).or_else(|| parts.first()) {
        Some(part) if part.status == Status::Ok => Reply {
            arg: sum(parts),
            ..of(head, part)
        },
        Some(part) => of(head, part),
        None => Reply {
            status: Status::Internal,
            ..of(head, &Reply::new(head.opcode, Status::Internal, 0))
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jerboa_wire::{DecodeOptions, Decoded, decode_reply};

    fn part(status: Status, arg: u64, value: &'static [u8]) -> Reply<'static> {
        Reply {
            arg,
            value,
            ..Reply::new(Opcode::Size, status, 0)
        }
    }

    fn whole(opcode: Opcode, parts: &[Reply<'_>]) -> (Status, u64, Vec<u8>) {
        let head = Reply::new(opcode, Status::Ok, 77);
        let mut out = Vec::new();
        write(&head, parts, 100, &mut out, Crc::On).unwrap();
        let Ok(Decoded::Frame { frame, consumed }) = decode_reply(&out, &DecodeOptions::default())
        else {
            panic!("not a frame")
        };
        assert_eq!((frame.request_id, consumed), (77, out.len()));
        (frame.status, frame.arg, frame.value.to_vec())
    }

    #[test]
    fn answers_add_up_and_one_refusal_is_the_answer() {
        let (some, none) = (part(Status::Ok, 3, b""), part(Status::NotFound, 0, b""));
        assert_eq!(whole(Opcode::Size, &[some, some]), (Status::Ok, 6, vec![]));
        assert_eq!(whole(Opcode::Size, &[none, some]), (Status::Ok, 3, vec![]));
        assert_eq!(
            whole(Opcode::Size, &[none, none]),
            (Status::NotFound, 0, vec![])
        );
        let busy = part(Status::Busy, 0, b"why");
        let full = part(Status::OutOfMemory, 0, b"");
        assert_eq!(
            whole(Opcode::Size, &[some, busy, full]),
            (Status::Busy, 0, b"why".to_vec()),
            "of the first core that refused"
        );
    }

    #[test]
    fn sections_stand_in_the_order_of_the_cores_and_too_much_is_said_so() {
        let stats = |value| Reply {
            value,
            ..Reply::new(Opcode::Stats, Status::Ok, 0)
        };
        let (_, _, value) = whole(
            Opcode::Stats,
            &[stats(b"one\n"), stats(b""), stats(b"two\n")],
        );
        assert_eq!(value, b"one\ntwo\n");
        let (status, _, value) = whole(Opcode::Stats, &[stats(&[1; 60]), stats(&[2; 60])]);
        assert_eq!((status, value.len()), (Status::ReplyTooLarge, 0));
    }

    #[test]
    fn a_core_is_drawn_by_its_share_and_one_that_refuses_is_passed_over() {
        let head = Reply::new(Opcode::RandomKey, Status::Ok, 77);
        let parts = [
            part(Status::Busy, 0, b""),
            part(Status::Ok, 1, b"few"),
            part(Status::NotFound, 0, b""),
            part(Status::Ok, 9, b"many"),
        ];
        let drawn: Vec<_> = (0..20).map(|n| draw(&head, &parts, n).value).collect();
        assert_eq!(drawn.iter().filter(|key| **key == b"few").count(), 2);
        assert_eq!(drawn.iter().filter(|key| **key == b"many").count(), 18);
        assert_eq!(draw(&head, &parts, 5).arg, 10);
        let without = |kept: std::ops::Range<usize>| draw(&head, &parts[kept], 0).status;
        assert_eq!(without(2..3), Status::NotFound);
        assert_eq!(without(0..1), Status::Busy);
        assert_eq!(without(0..0), Status::Internal);
    }
}
