//! Properties of the codec over generated frames: what goes in comes out, a cut frame waits for
//! more, a flipped bit is never a frame, and random bytes are never more than an error.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test harness"
)]

use jerboa_wire::opcode::Kind;
use jerboa_wire::{
    ByteRange, Comparison, Conditional, Crc, CrcMode, DecodeOptions, Decoded, Hello, Message,
    Opcode, Reply, ReplyFlags, Request, RequestFlags, ScanQuery, Status, ValueCondition, channel,
    decode_reply, decode_request, limits, lock, multi,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

#[path = "../fuzz/check.rs"]
#[expect(clippy::expect_used, reason = "test harness")]
mod check;

/// A valid request that owns its parts.
#[derive(Clone, Debug)]
struct OwnRequest {
    head: Request<'static>,
    map: Vec<u8>,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl OwnRequest {
    fn request(&self) -> Request<'_> {
        Request {
            map: &self.map,
            key: &self.key,
            value: &self.value,
            ..self.head
        }
    }

    fn bytes(&self, crc: Crc) -> Vec<u8> {
        let mut out = Vec::new();
        self.request()
            .encode(&mut out, crc)
            .expect("a valid request");
        assert_eq!(out.len(), self.request().encoded_len());
        out
    }
}

fn flags_of(opcode: Opcode) -> Vec<RequestFlags> {
    let allowed = opcode.shape().flags;
    (0..=RequestFlags::ALL.bits())
        .filter_map(RequestFlags::from_bits)
        .filter(|flags| allowed.contains(*flags) && !flags.conflict())
        .filter(|flags| {
            let needs_time = matches!(opcode, Opcode::Expire | Opcode::Lease);
            !needs_time || flags.intersects(RequestFlags::TTL_FORMS)
        })
        .collect()
}

/// Equal to the flags that a compare-and-swap may have while it wants an absent key.
fn wants_absent(flags: RequestFlags) -> bool {
    flags.contains(RequestFlags::IF_ABSENT)
}

fn conditional(opcode: Opcode, value: &[u8], operand: &[u8]) -> Vec<u8> {
    let mut section = Vec::new();
    let digest = operand.len() as u64;
    let condition = match value.len() % 4 {
        0 => ValueCondition::Equals(operand),
        1 => ValueCondition::Differs(operand),
        2 => ValueCondition::DigestEquals(digest),
        _ => ValueCondition::DigestDiffers(digest),
    };
    let new = if opcode == Opcode::PutIf { value } else { &[] };
    assert!(Conditional { condition, new }.encode(&mut section));
    section
}

fn value_of(
    (opcode, flags): (Opcode, RequestFlags),
    value: Vec<u8>,
    items: Vec<(Vec<u8>, Vec<u8>)>,
) -> (Vec<u8>, u32) {
    let mut section = Vec::new();
    match opcode {
        Opcode::MultiPut => {
            for (key, value) in &items {
                assert!(multi::push_entry(&mut section, key, value));
            }
        }
        Opcode::MultiGet
        | Opcode::MultiDelete
        | Opcode::MultiExists
        | Opcode::Subscribe
        | Opcode::Unsubscribe
        | Opcode::PatternSubscribe
        | Opcode::PatternUnsubscribe
        | Opcode::Subscribers => {
            for (key, _) in &items {
                assert!(multi::push_key(&mut section, key));
            }
        }
        Opcode::Scan | Opcode::SlotKeys | Opcode::Channels => {
            let count = items.len() as u32;
            let pattern = &value[..];
            ScanQuery { count, pattern }.encode(&mut section);
            return (section, 0);
        }
        Opcode::Lock => {
            let wait_ms = value.len() as u64 * 1000;
            return (lock::encode_wait(wait_ms).to_vec(), 0);
        }
        Opcode::GetRange => {
            let range = ByteRange {
                start: value.len() as i64,
                end: -(items.len() as i64),
            };
            return (range.encode().to_vec(), 0);
        }
        Opcode::SetRange => return (value, 0),
        Opcode::Hello => {
            return (
                Hello::new(value.len().is_multiple_of(2)).encode().to_vec(),
                0,
            );
        }
        Opcode::CasValue => {
            let expected = if wants_absent(flags) {
                &[][..]
            } else {
                &items[0].1[..]
            };
            let comparison = Comparison {
                expected,
                new: &value,
            };
            assert!(comparison.encode(&mut section));
            return (section, 0);
        }
        Opcode::PutIf | Opcode::DeleteIf => {
            return (conditional(opcode, &value, &items[0].1), 0);
        }
        Opcode::Noop
        | Opcode::Ping
        | Opcode::Put
        | Opcode::Append
        | Opcode::Cas
        | Opcode::Publish => {
            return (value, 0);
        }
        _ => return (Vec::new(), 0),
    }
    (section, u32::try_from(items.len()).unwrap())
}

fn requests() -> impl Strategy<Value = OwnRequest> {
    let parts = (
        vec(any::<u8>(), 0..20),
        vec(any::<u8>(), 1..40),
        vec(any::<u8>(), 0..80),
        vec((vec(any::<u8>(), 1..9), vec(any::<u8>(), 0..9)), 1..6),
    );
    let head = (
        any::<u16>(),
        any::<u32>(),
        any::<u32>(),
        any::<u64>(),
        0..=1_u8,
    );
    let asked: Vec<_> = Opcode::ALL
        .iter()
        .copied()
        .filter(|opcode| opcode.shape().kind != Kind::Pushed)
        .collect();
    let chosen = select(asked).prop_flat_map(|opcode| (Just(opcode), select(flags_of(opcode))));
    (chosen, head, parts).prop_map(|((opcode, flags), head, (map, key, value, items))| {
        let (partition, request_id, epoch, arg, hops) = head;
        let timed = flags.intersects(RequestFlags::TTL_RELATIVE | RequestFlags::TTL_ABSOLUTE);
        let arg = match opcode {
            Opcode::Incr | Opcode::Decr | Opcode::Scan | Opcode::SlotKeys | Opcode::Channels => arg,
            // Kinds to change, and all of them to turn on.
            Opcode::Events => (arg & 0x1F) * 0x101,
            Opcode::SetRange => arg % 1000,
            // Its exponent is not all ones, so it is finite.
            Opcode::IncrFloat => arg & !(1 << 62),
            Opcode::HotKeys => arg % 1024 + 1,
            Opcode::MapStats => arg % 4,
            // An absolute 0 is never.
            _ if flags.contains(RequestFlags::TTL_ABSOLUTE) => arg % (limits::EXPIRY_MS_MAX + 1),
            _ if timed => arg % limits::EXPIRY_MS_MAX + 1,
            _ => 0,
        };
        let (value, count) = value_of((opcode, flags), value, items);
        let compares = match opcode {
            Opcode::Cas => !wants_absent(flags),
            _ => matches!(opcode, Opcode::Unlock | Opcode::Lease),
        };
        let keyed = opcode.shape().kind == Kind::Key || opcode == Opcode::Publish;
        let mapped = !matches!(opcode.shape().kind, Kind::Connection | Kind::Channel);
        let head = Request {
            hops,
            flags,
            partition,
            request_id,
            epoch,
            arg,
            version: if compares {
                u64::from(request_id) + 1
            } else {
                0
            },
            count,
            ..Request::new(opcode)
        };
        OwnRequest {
            head,
            map: if mapped { map } else { Vec::new() },
            key: if keyed { key } else { Vec::new() },
            value,
        }
    })
}

/// Whether a reply of this outcome may carry any value: the entry's, or an error's explanation.
fn carries_value(opcode: Opcode, status: Status) -> bool {
    let free = matches!(
        opcode,
        Opcode::Get
            | Opcode::GetMeta
            | Opcode::Put
            | Opcode::PutIf
            | Opcode::GetDelete
            | Opcode::GetRange
            | Opcode::GetExpire
            | Opcode::Ping
            | Opcode::Stats
            | Opcode::Verify
            | Opcode::SettingsGet
            | Opcode::SettingsSet
            | Opcode::RandomKey
            | Opcode::HotKeys
            | Opcode::MapStats
    );
    let tells = matches!(
        (opcode, status),
        (Opcode::Put, Status::Exists)
            | (Opcode::CasValue, Status::Mismatch | Status::Exists)
            | (Opcode::PutIf, Status::Mismatch)
    );
    tells || status.is_error() || free && status == Status::Ok
}

fn replies() -> impl Strategy<Value = (Reply<'static>, Vec<u8>)> {
    let head = (
        any::<u16>(),
        any::<u32>(),
        any::<u32>(),
        any::<u64>(),
        any::<u64>(),
    );
    let items = vec(
        (select(Status::ALL), any::<u64>(), vec(any::<u8>(), 0..9)),
        1..6,
    );
    let chosen = (
        select(Opcode::ALL),
        select(Status::ALL),
        any::<bool>(),
        vec(any::<u8>(), 0..80),
    );
    (chosen, head, items).prop_map(|((opcode, status, stale, value), head, items)| {
        let (partition, request_id, epoch, arg, version) = head;
        let flags = if stale {
            ReplyFlags::STALE_TOPOLOGY
        } else {
            ReplyFlags::NONE
        };
        let reply = Reply {
            flags,
            partition,
            epoch,
            arg,
            version,
            ..Reply::new(opcode, status, request_id)
        };
        let mut section = Vec::new();
        let is_multi = matches!(opcode.shape().kind, Kind::Multi | Kind::Scan | Kind::Slot)
            || matches!(opcode, Opcode::Channels | Opcode::Subscribers);
        if status == Status::Ok && is_multi {
            for (status, version, value) in &items {
                let value = if *status == Status::Ok {
                    &value[..]
                } else {
                    &[]
                };
                match opcode {
                    Opcode::MultiGet => {
                        multi::push_fetched(&mut section, *status, *version, [value].into_iter());
                    }
                    Opcode::Scan | Opcode::SlotKeys | Opcode::Channels => {
                        assert!(multi::push_key(&mut section, &version.to_le_bytes()));
                    }
                    Opcode::Subscribers => channel::push_subscribers(&mut section, *version),
                    Opcode::MultiPut => multi::push_stored(&mut section, *status, *version),
                    _ => multi::push_deleted(&mut section, *status),
                }
            }
            let count = u32::try_from(items.len()).unwrap();
            return (Reply { count, ..reply }, section);
        }
        if status == Status::Ok && opcode == Opcode::Message {
            let message = Message {
                channel: b"channel",
                pattern: stale.then_some(b"chan*"),
                payload: &value,
            };
            assert!(message.encode(&mut section));
            return (reply, section);
        }
        let carries = carries_value(opcode, status);
        (reply, if carries { value } else { Vec::new() })
    })
}

const REQUIRED: DecodeOptions = DecodeOptions {
    crc: CrcMode::Required,
    value_bytes_max: limits::VALUE_BYTES_MAX_DEFAULT,
};
const OPTIONAL: DecodeOptions = DecodeOptions {
    crc: CrcMode::Optional,
    ..REQUIRED
};

fn cases(count: u32) -> ProptestConfig {
    ProptestConfig {
        cases: count,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn a_request_comes_out_as_it_went_in(own in requests(), behind in vec(any::<u8>(), 0..60)) {
        for (crc, options) in [(Crc::On, &REQUIRED), (Crc::On, &OPTIONAL), (Crc::Off, &OPTIONAL)] {
            let mut stream = own.bytes(crc);
            let consumed = stream.len();
            stream.extend_from_slice(&behind);
            let expected = Ok(Decoded::Frame { frame: own.request(), consumed });
            prop_assert_eq!(decode_request(&stream, options), expected);
        }
    }

    #[test]
    fn a_reply_comes_out_as_it_went_in((head, value) in replies(), behind in vec(any::<u8>(), 0..60)) {
        let reply = Reply { value: &value, ..head };
        for (crc, options) in [(Crc::On, &REQUIRED), (Crc::Off, &OPTIONAL)] {
            let mut stream = Vec::new();
            reply.encode(&mut stream, crc).unwrap();
            let consumed = stream.len();
            stream.extend_from_slice(&behind);
            let expected = Ok(Decoded::Frame { frame: reply, consumed });
            prop_assert_eq!(decode_reply(&stream, options), expected);
        }
    }

    #[test]
    fn a_stream_of_requests_stays_in_step(all in vec(requests(), 1..12)) {
        let stream: Vec<u8> = all.iter().flat_map(|own| own.bytes(Crc::On)).collect();
        let mut rest = &stream[..];
        for own in &all {
            let Ok(Decoded::Frame { frame, consumed }) = decode_request(rest, &REQUIRED) else {
                panic!("lost step before {own:?}")
            };
            prop_assert_eq!(frame, own.request());
            rest = &rest[consumed..];
        }
        prop_assert!(rest.is_empty());
    }
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn a_request_cut_at_any_byte_waits_for_the_rest(own in requests()) {
        let frame = own.bytes(Crc::On);
        for end in 0..frame.len() {
            let Ok(Decoded::Incomplete { needed }) = decode_request(&frame[..end], &REQUIRED) else {
                panic!("cut at {end}: {own:?}")
            };
            let known = if end < limits::HEADER_BYTES { limits::HEADER_BYTES } else { frame.len() };
            prop_assert_eq!(needed, known);
        }
    }

    #[test]
    fn a_reply_cut_at_any_byte_waits_for_the_rest((head, value) in replies()) {
        let mut frame = Vec::new();
        Reply { value: &value, ..head }.encode(&mut frame, Crc::On).unwrap();
        for end in 0..frame.len() {
            let Ok(Decoded::Incomplete { needed }) = decode_reply(&frame[..end], &REQUIRED) else {
                panic!("cut at {end}: {head:?}")
            };
            let known = if end < limits::HEADER_BYTES { limits::HEADER_BYTES } else { frame.len() };
            prop_assert_eq!(needed, known);
        }
    }

    #[test]
    fn no_flipped_bit_makes_a_frame(own in requests(), (head, value) in replies()) {
        let request = own.bytes(Crc::On);
        let mut reply = Vec::new();
        Reply { value: &value, ..head }.encode(&mut reply, Crc::On).unwrap();
        // On a connection that may leave checksums out, too: the bit that says so is covered.
        for options in [&REQUIRED, &OPTIONAL] {
            for bit in 0..request.len() * 8 {
                let mut broken = request.clone();
                broken[bit / 8] ^= 1 << (bit % 8);
                let decoded = decode_request(&broken, options);
                prop_assert!(!is_frame(&decoded), "bit {} of {:?}", bit, own);
                prop_assert!(!matches!(&decoded, Err(e) if e.recover.is_some()), "bit {}", bit);
            }
            for bit in 0..reply.len() * 8 {
                let mut broken = reply.clone();
                broken[bit / 8] ^= 1 << (bit % 8);
                let decoded = decode_reply(&broken, options);
                prop_assert!(!is_frame(&decoded), "bit {} of {:?}", bit, head);
                prop_assert!(!matches!(&decoded, Err(e) if e.recover.is_some()), "bit {}", bit);
            }
        }
    }

    /// A flipped length bit may ask for more bytes. When those come the frame is refused, not
    /// taken for another one.
    #[test]
    fn a_flipped_length_is_refused_once_the_bytes_are_there(own in requests(), bit in 0..56_usize) {
        let mut stream = own.bytes(Crc::On);
        stream[16 + bit / 8] ^= 1 << (bit % 8);
        for _ in 0..4 {
            match decode_request(&stream, &REQUIRED) {
                Ok(Decoded::Incomplete { needed }) if needed < 1 << 18 => stream.resize(needed, 0xB7),
                Ok(Decoded::Incomplete { .. }) => break,
                decoded => {
                    prop_assert!(!is_frame(&decoded), "bit {} of {:?}", bit, own);
                    break;
                }
            }
        }
    }

    #[test]
    fn a_changed_field_behind_a_right_checksum_never_breaks_the_rules(
        own in requests(),
        at in 0..48_usize,
        byte in any::<u8>(),
    ) {
        let mut frame = own.bytes(Crc::On);
        frame[at] = byte;
        check::check(&frame);
    }
}

fn is_frame<T, E>(decoded: &Result<Decoded<T>, E>) -> bool {
    matches!(decoded, Ok(Decoded::Frame { .. }))
}

#[test]
fn random_bytes_are_never_more_than_an_error() {
    let seed = std::env::var("JERBOA_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        u64::try_from(now.unwrap().as_nanos() % u128::from(u64::MAX)).unwrap()
    });
    println!("JERBOA_SEED={seed}");
    let mut state = seed;
    let mut next = move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        jerboa_wire::routing::mix(state, 0, 0)
    };
    let golden = golden();
    let mut frames = 0;
    for round in 0..30_000 {
        let mut bytes = if round % 3 == 0 {
            let length = usize::try_from(next() % 160).unwrap();
            (0..length).map(|_| next().to_le_bytes()[0]).collect()
        } else {
            golden[usize::try_from(next()).unwrap() % golden.len()].clone()
        };
        for _ in 0..next() % 4 {
            let at = usize::try_from(next()).unwrap() % bytes.len().max(1);
            let byte = next().to_le_bytes();
            if let Some(place) = bytes.get_mut(at) {
                *place = if byte[1] % 2 == 0 {
                    byte[0]
                } else {
                    byte[0] % 4
                };
            }
        }
        if next().is_multiple_of(4) {
            bytes.truncate(usize::try_from(next() % 200).unwrap());
        }
        frames += check::check(&bytes);
    }
    println!("{frames} frames reached");
    assert!(
        frames > 10_000,
        "most bytes should get behind the first checks: {frames} frames"
    );
}

/// The frozen frames, as a place to start from.
fn golden() -> Vec<Vec<u8>> {
    let lines = include_str!("golden/frames.txt")
        .lines()
        .filter_map(|line| line.split_once(": "));
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    let frames = lines.map(|(_, hex)| {
        let digits: Vec<u8> = hex.bytes().filter(|byte| *byte != b' ').collect();
        digits.chunks(2).map(byte).collect::<Vec<u8>>()
    });
    frames
        .filter(|frame| frame.len() >= limits::HEADER_BYTES)
        .collect()
}
