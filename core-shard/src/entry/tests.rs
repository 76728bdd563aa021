//! Headers alone: what is written is read back, in every form, and gaps are stepped over.

use proptest::prelude::*;

use super::*;

/// A version of about now, or any at all.
fn version() -> impl Strategy<Value = u64> {
    prop_oneof![
        ((1_u64 << 40)..(1 << 41)).prop_map(|ms| ms << 16 | 7),
        any::<u64>()
    ]
}

/// Never; about so long after a version; or any time.
fn expires_ms(version: u64) -> impl Strategy<Value = u64> {
    let from = written_ms(version);
    let about = move |ms: u64| (from + ms).min(EXPIRES_MS_MAX);
    let edge = u64::from(u32::MAX);
    prop_oneof![
        Just(0),
        (0..3_u64).prop_map(about),
        (edge - 1..edge + 2).prop_map(about),
        (0..1_u64 << 33).prop_map(about),
        0..=EXPIRES_MS_MAX,
    ]
}

fn stamp() -> impl Strategy<Value = (u64, u64)> {
    version().prop_flat_map(|version| (Just(version), expires_ms(version)))
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        (version, expires_ms) in stamp(),
        (later, later_expires_ms) in stamp(),
        map in prop_oneof![0..70_u16, 0..MAPS_MAX as u16],
        partition in 0u16..16384,
        key in prop_oneof![
            prop::collection::vec(any::<u8>(), 1..66),
            prop::collection::vec(any::<u8>(), 1..600),
        ],
        value_bytes in prop_oneof![0usize..1030, 0usize..3000],
        large in prop::bool::weighted(0.1),
        deleted in prop::bool::weighted(0.1),
        last_use_ms in prop::option::weighted(0.1, 1..LAST_USE_BITS),
    ) {
        let entry = NewEntry {
            version, expires_ms, map, partition, key: &key, value_bytes, large, deleted,
            last_use_ms,
        };
        let mut bytes = vec![0xAA; 8192];
        let value_at = entry.write(&mut bytes);
        prop_assert!(bytes[entry.size()..].iter().all(|byte| *byte == 0xAA));
        let Record::Entry(header) = record(&bytes) else { panic!("not an entry") };
        prop_assert_eq!(header, Header {
            version, expires_ms, map, partition, key_bytes: key.len(), value_bytes,
            key_at: entry.key_at(), dead: false, large, deleted, last_use_ms,
        });
        prop_assert_eq!(header.size(), entry.size());
        prop_assert_eq!(header.value_at(), value_at);
        prop_assert_eq!(&bytes[header.key_at..value_at], &key[..]);
        let head = head(&bytes);
        prop_assert_eq!(
            (head.version, head.expires_ms, head.value_bytes, head.key_at, head.extended),
            (version, expires_ms, value_bytes, header.key_at, header.extended())
        );
        prop_assert!(is_of(&bytes, map, &key));
        prop_assert!(!is_of(&bytes, map ^ 1, &key));
        prop_assert!(!is_of(&bytes, map, &key[1..]));

        mark_dead(&mut bytes);
        let mut after = read(&bytes);
        prop_assert_eq!(after, Header { dead: true, ..header });
        if header.can_take(later, later_expires_ms) {
            restamp(&mut bytes, later, later_expires_ms);
            after = read(&bytes);
            let (version, expires_ms) = (later, later_expires_ms);
            prop_assert_eq!(after, Header { version, expires_ms, dead: true, ..header });
        } else {
            prop_assert!(!header.extended() && header.key_at == COMPACT_BYTES);
        }
        if header.extended() {
            set_last_use(&mut bytes, 99);
            prop_assert_eq!(read(&bytes), Header { last_use_ms: Some(99), ..after });
        }
    }
}

#[test]
fn an_entry_of_a_cache_has_a_header_of_sixteen_bytes() {
    let (now_ms, day_ms) = (1_800_000_000_000, 86_400_000);
    let entry = NewEntry {
        version: now_ms << 16 | 5,
        expires_ms: now_ms + 49 * day_ms,
        map: 63,
        partition: 16_383,
        key: &[1; 63],
        value_bytes: 1023,
        large: false,
        deleted: false,
        last_use_ms: None,
    };
    assert_eq!(entry.key_at(), 16);
    let expires_ms = now_ms + 50 * day_ms;
    assert_eq!(
        NewEntry {
            expires_ms,
            ..entry
        }
        .key_at(),
        20
    );
    assert_eq!(NewEntry { map: 64, ..entry }.key_at(), 20);
}

#[test]
fn gaps_of_every_size_are_stepped_over_exactly() {
    for words in [0, 1, 2, 5, GAP_WORDS_MAX, GAP_WORDS_MAX + 1] {
        let mut bytes = vec![0xFF; words * 4 + 4];
        fill_gap(&mut bytes[..words * 4]);
        let mut at = 0;
        while at < words * 4 {
            let Record::Gap(gap) = record(&bytes[at..]) else {
                panic!("not a gap")
            };
            assert!(gap > 0);
            at += gap;
        }
        assert_eq!(at, words * 4);
    }
}
