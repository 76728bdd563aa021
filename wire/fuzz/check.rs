//! What must hold for any bytes whatever. The fuzz target and a test on the stable toolchain
//! both run this.
//!
//! * Nothing panics, and nothing is read beyond what was given.
//! * A frame that decodes encodes to the very bytes that it came from: no two frames mean the
//!   same, and none means something that was not in the bytes.
//! * A refused frame that claims to be in step lies within the bytes.

use jerboa_wire::event::Event;
use jerboa_wire::routing::{Topology, hash_tag, slot};
use jerboa_wire::{
    Crc, CrcMode, DecodeError, DecodeOptions, Decoded, Hello, HelloReply, Message, Opcode, Reply,
    Request, Status, decode_reply, decode_request, limits, stats,
};

/// Checks the bytes as they are, and once more as a frame whose checksum and lengths are right,
/// so that what lies behind them is reached too. Returns how often a frame decoded.
pub(crate) fn check(bytes: &[u8]) -> usize {
    let mut frames = 0;
    for crc in [CrcMode::Required, CrcMode::Optional] {
        for value_bytes_max in [0, 64, limits::VALUE_BYTES_MAX_DEFAULT] {
            let options = DecodeOptions {
                crc,
                value_bytes_max,
            };
            frames += check_frames(bytes, &options);
            if let Some(repaired) = repair(bytes) {
                frames += check_frames(&repaired, &options);
            }
        }
    }
    check_payloads(bytes);
    frames
}

fn check_frames(bytes: &[u8], options: &DecodeOptions) -> usize {
    let mut frames = 0;
    match decode_request(bytes, options) {
        Ok(Decoded::Frame { frame, consumed }) => {
            check_request(&frame, &bytes[..consumed]);
            frames += 1;
        }
        Ok(Decoded::Incomplete { needed }) => check_incomplete(needed, bytes),
        Err(error) => check_error(&error, bytes),
    }
    match decode_reply(bytes, options) {
        Ok(Decoded::Frame { frame, consumed }) => {
            check_reply(&frame, &bytes[..consumed]);
            frames += 1;
        }
        Ok(Decoded::Incomplete { needed }) => check_incomplete(needed, bytes),
        Err(error) => check_error(&error, bytes),
    }
    frames
}

fn check_request(request: &Request<'_>, bytes: &[u8]) {
    let mut again = Vec::new();
    request
        .encode(&mut again, crc_of(bytes))
        .expect("what decodes encodes");
    assert_eq!(again, bytes, "{request:?}");
    let items = match request.opcode {
        Opcode::MultiGet
        | Opcode::MultiDelete
        | Opcode::MultiExists
        | Opcode::Subscribe
        | Opcode::Unsubscribe
        | Opcode::PatternSubscribe
        | Opcode::PatternUnsubscribe
        | Opcode::Subscribers => request.keys().count(),
        Opcode::MultiPut => request.entries().count(),
        _ => 0,
    };
    assert_eq!(items, request.count as usize, "{request:?}");
    if request.opcode == Opcode::CasValue {
        assert!(request.comparison().is_some(), "{request:?}");
    }
    if matches!(request.opcode, Opcode::PutIf | Opcode::DeleteIf) {
        assert!(request.conditional().is_some(), "{request:?}");
    }
}

fn check_reply(reply: &Reply<'_>, bytes: &[u8]) {
    let mut again = Vec::new();
    reply
        .encode(&mut again, crc_of(bytes))
        .expect("what decodes encodes");
    assert_eq!(again, bytes, "{reply:?}");
    let items = match reply.opcode {
        Opcode::MultiGet => reply.fetched().count(),
        Opcode::MultiPut => reply.stored().count(),
        Opcode::MultiDelete | Opcode::MultiExists => reply.deleted().count(),
        Opcode::Scan | Opcode::SlotKeys | Opcode::Channels => reply.scanned().count(),
        Opcode::Subscribers => reply.subscribers().count(),
        _ => 0,
    };
    assert_eq!(items, reply.count as usize, "{reply:?}");
    if reply.opcode == Opcode::Message && reply.status == Status::Ok {
        assert!(reply.message().is_some(), "{reply:?}");
    }
}

fn check_incomplete(needed: usize, bytes: &[u8]) {
    assert!(needed > bytes.len(), "{needed} bytes are there");
    assert!(needed >= limits::HEADER_BYTES);
    let most = limits::HEADER_BYTES
        + limits::MAP_NAME_BYTES_MAX
        + limits::KEY_BYTES_MAX
        + limits::VALUE_BYTES_MAX_DEFAULT as usize;
    assert!(needed <= most, "{needed} bytes would be buffered");
}

fn check_error(error: &DecodeError, bytes: &[u8]) {
    assert!(error.kind.status().is_error());
    if let Some(in_step) = error.recover {
        assert!((limits::HEADER_BYTES..=bytes.len()).contains(&in_step.consumed));
        assert_eq!(in_step.request_id, error.request_id);
    }
    let mut answer = Vec::new();
    Reply::refusal(error)
        .encode(&mut answer, Crc::On)
        .expect("every refusal can be answered");
}

fn check_payloads(bytes: &[u8]) {
    if let Some(event) = Event::decode(bytes) {
        let mut again = Vec::new();
        assert!(event.encode(&mut again));
        assert_eq!(again, bytes);
    }
    if let Some(message) = Message::decode(bytes) {
        let mut again = Vec::new();
        assert!(message.encode(&mut again));
        assert_eq!(again, bytes);
    }
    if let Some(hello) = Hello::decode(bytes) {
        assert_eq!(hello.encode(), bytes);
    }
    if let Some(reply) = HelloReply::decode(bytes) {
        assert_eq!(reply.encode(), bytes);
    }
    if let Ok(topology) = Topology::decode(bytes) {
        let mut again = Vec::new();
        topology.encode(&mut again);
        assert_eq!(again, bytes);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = stats::lines(text).count();
    }
    assert!(hash_tag(bytes).len() <= bytes.len());
    assert!(slot(bytes) < jerboa_wire::routing::SLOTS);
}

fn crc_of(frame: &[u8]) -> Crc {
    if frame[5] & 0x40 == 0 {
        Crc::On
    } else {
        Crc::Off
    }
}

/// The bytes with a right magic, version, value length and checksum; `None` where they are too
/// few. The other lengths stay within what is there.
fn repair(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.len() < limits::HEADER_BYTES {
        return None;
    }
    let mut frame = bytes.to_vec();
    let payload = frame.len() - limits::HEADER_BYTES;
    let map = usize::from(frame[16]).min(payload);
    let key = usize::from(u16::from_le_bytes([frame[18], frame[19]])).min(payload - map);
    frame[0] = 0xB7;
    frame[1] = 1;
    frame[16] = u8::try_from(map).ok()?;
    frame[18..20].copy_from_slice(&u16::try_from(key).ok()?.to_le_bytes());
    frame[20..24].copy_from_slice(&u32::try_from(payload - map - key).ok()?.to_le_bytes());
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&frame[..44]);
    hasher.update(&frame[48..]);
    let sum = if frame[5] & 0x40 == 0 {
        hasher.finalize()
    } else {
        0
    };
    frame[44..48].copy_from_slice(&sum.to_le_bytes());
    Some(frame)
}
