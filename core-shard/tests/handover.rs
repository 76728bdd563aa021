//! Partitions move from one shard to another while they are in use, and nothing is lost, doubled
//! or brought back.
#![expect(clippy::unwrap_used, reason = "test harness")]

use std::collections::{BTreeMap, VecDeque};

use jerboa_core_shard::{
    Address, Condition, Expiry, ExportCursor, FullPolicy, ImportOutcome, ImportedEntry, MapId,
    PutOptions, PutOutcome, Shard, ShardConfig, ShardError,
};
use proptest::prelude::*;

const START_MS: u64 = 1_800_000_000_000;
const PARTITION: u16 = 2;

fn shard(partitions: &[u16], memory_bytes: usize) -> Shard {
    let mut config = ShardConfig::owning_all(memory_bytes, 4);
    config.partitions = partitions.to_vec();
    config.full_policy = FullPolicy::Refuse;
    config.hash_seed = partitions.len() as u64;
    Shard::new(&config).unwrap()
}

fn at(shard: &Shard, key: &[u8]) -> Address {
    shard.address(MapId::DEFAULT, PARTITION, key)
}

fn put(shard: &mut Shard, key: &str, value: &[u8], expiry: Expiry, now_ms: u64) -> u64 {
    let options = PutOptions {
        condition: Condition::Always,
        expiry,
    };
    let at = at(shard, key.as_bytes());
    match shard
        .put(at, key.as_bytes(), value, options, now_ms)
        .unwrap()
    {
        PutOutcome::Stored { version } => version,
        outcome => panic!("{outcome:?}"),
    }
}

fn get(shard: &mut Shard, key: &str, now_ms: u64) -> Option<Vec<u8>> {
    let at = at(shard, key.as_bytes());
    shard
        .get(at, key.as_bytes(), now_ms)
        .map(|entry| entry.value.to_vec())
}

fn settle(shard: &mut Shard, now_ms: u64) {
    while shard.step(now_ms, 256) {}
    shard.verify().unwrap();
}

/// An entry on the wire.
#[derive(Clone, Debug)]
struct Parcel {
    key: Vec<u8>,
    value: Option<Vec<u8>>,
    version: u64,
    expires_at_ms: Option<u64>,
}

fn deliver(target: &mut Shard, parcel: &Parcel, now_ms: u64) -> ImportOutcome {
    let entry = ImportedEntry {
        value: parcel.value.as_deref(),
        version: parcel.version,
        expires_at_ms: parcel.expires_at_ms,
        last_use_ms: None,
    };
    let at = at(target, &parcel.key);
    target.import(at, &parcel.key, entry, now_ms).unwrap()
}

fn export(source: &mut Shard, cursor: &mut ExportCursor, now_ms: u64) -> Vec<Parcel> {
    let mut parcels = Vec::new();
    let visit = |entry: jerboa_core_shard::ExportedEntry<'_>| {
        parcels.push(Parcel {
            key: entry.key.to_vec(),
            value: entry.value.map(|value| value.to_vec()),
            version: entry.version,
            expires_at_ms: entry.expires_at_ms,
        });
    };
    source.export(cursor, 1, now_ms, visit).unwrap();
    parcels
}

#[test]
fn a_walk_sees_every_lasting_entry_once_while_the_partition_grows_a_hundredfold() {
    let mut source = shard(&[0, 1, 2, 3], 64 << 20);
    for number in 0..300 {
        put(
            &mut source,
            &format!("lasting-{number}"),
            &[1; 40],
            Expiry::None,
            START_MS,
        );
    }
    let mut cursor = ExportCursor::start(PARTITION);
    let mut seen: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
    let mut added = 0;
    while !cursor.is_done() {
        for parcel in export(&mut source, &mut cursor, START_MS) {
            *seen.entry(parcel.key).or_default() += 1;
        }
        cursor = ExportCursor::resume(cursor.partition(), cursor.position());
        for _ in 0..if added < 60_000 { 400 } else { 0 } {
            put(
                &mut source,
                &format!("added-{added}"),
                &[2; 40],
                Expiry::None,
                START_MS,
            );
            if added % 3 == 0 {
                let key = format!("added-{}", added / 2);
                let at = at(&source, key.as_bytes());
                source.delete(at, key.as_bytes(), START_MS);
            }
            added += 1;
        }
        source.step(START_MS, 256);
    }
    for number in 0..300 {
        assert_eq!(
            seen.get(format!("lasting-{number}").as_bytes()),
            Some(&1),
            "{number}"
        );
    }
    assert!(
        seen.values().all(|count| *count == 1),
        "nothing is seen twice"
    );
    assert!(added > 20_000);
}

#[test]
fn a_deletion_that_overtakes_its_entry_is_not_undone() {
    let mut source = shard(&[0, 1, 2, 3], 16 << 20);
    let mut target = shard(&[0], 16 << 20);
    put(&mut source, "k", b"v", Expiry::None, START_MS);
    target.adopt_partition(PARTITION).unwrap();
    source.remember_deletions(PARTITION).unwrap();
    target.remember_deletions(PARTITION).unwrap();
    let mut cursor = ExportCursor::start(PARTITION);
    let mut under_way = Vec::new();
    while !cursor.is_done() {
        under_way.extend(export(&mut source, &mut cursor, START_MS));
    }
    let key = at(&source, b"k");
    assert!(source.delete(key, b"k", START_MS));
    assert!(
        !source.delete(key, b"k", START_MS),
        "it is remembered, not alive"
    );
    assert_eq!(source.usage().entries, 0);
    // The deletion arrives first, the entry after it.
    let mut again = ExportCursor::start(PARTITION);
    let mut deletions = Vec::new();
    while !again.is_done() {
        deletions.extend(export(&mut source, &mut again, START_MS));
    }
    assert!(deletions.iter().all(|parcel| parcel.value.is_none()) && deletions.len() == 1);
    assert_eq!(
        deliver(&mut target, &deletions[0], START_MS),
        ImportOutcome::Applied
    );
    assert_eq!(
        deliver(&mut target, &under_way[0], START_MS),
        ImportOutcome::Older
    );
    assert_eq!(get(&mut target, "k", START_MS), None);
    // Afterwards nothing of it is left.
    source.forget_deletions(PARTITION).unwrap();
    target.forget_deletions(PARTITION).unwrap();
    for shard in [&mut source, &mut target] {
        settle(shard, START_MS);
        assert_eq!((shard.usage().entries, shard.usage().live_bytes), (0, 0));
    }
    put(&mut target, "k", b"new", Expiry::None, START_MS);
    assert_eq!(
        get(&mut target, "k", START_MS).as_deref(),
        Some(&b"new"[..])
    );
}

#[test]
fn the_newer_version_wins_whichever_comes_first() {
    let mut target = shard(&[0, 1, 2, 3], 16 << 20);
    let parcel = |version: u64, value: &[u8]| Parcel {
        key: b"k".to_vec(),
        value: Some(value.to_vec()),
        version: (START_MS << 16) + version,
        expires_at_ms: Some(START_MS + 9_000),
    };
    assert_eq!(
        deliver(&mut target, &parcel(5, b"five"), START_MS),
        ImportOutcome::Applied
    );
    assert_eq!(
        deliver(&mut target, &parcel(5, b"same"), START_MS),
        ImportOutcome::Older
    );
    assert_eq!(
        deliver(&mut target, &parcel(4, b"four"), START_MS),
        ImportOutcome::Older
    );
    assert_eq!(
        get(&mut target, "k", START_MS).as_deref(),
        Some(&b"five"[..])
    );
    assert_eq!(
        deliver(&mut target, &parcel(6, &[6; 70_000]), START_MS),
        ImportOutcome::Applied
    );
    assert_eq!(get(&mut target, "k", START_MS), Some(vec![6; 70_000]));
    let at = at(&target, b"k");
    let metadata = target.metadata(at, b"k", START_MS).unwrap();
    assert_eq!(metadata.version, (START_MS << 16) + 6);
    assert_eq!(metadata.expires_at_ms, Some(START_MS + 9_000));
    assert!(put(&mut target, "k", b"own", Expiry::None, START_MS - 5) > metadata.version);
    // An entry that expired on its way still replaces what is older.
    let late = Parcel {
        expires_at_ms: Some(START_MS),
        ..parcel(1 << 20, b"late")
    };
    assert_eq!(
        deliver(&mut target, &late, START_MS),
        ImportOutcome::Applied
    );
    assert_eq!(get(&mut target, "k", START_MS), None);
    settle(&mut target, START_MS);
    assert_eq!(target.usage().live_bytes, 0);
}

#[test]
fn a_dropped_partition_is_gone_at_once_and_its_memory_in_slices() {
    let mut source = shard(&[0, 1, 2, 3], 32 << 20);
    for number in 0..30_000 {
        put(
            &mut source,
            &format!("k{number}"),
            &[1; 100],
            Expiry::At(START_MS + 70_000),
            START_MS,
        );
    }
    put(&mut source, "large", &[2; 500_000], Expiry::None, START_MS);
    let other = source.address(MapId::DEFAULT, 1, b"other");
    source
        .put(other, b"other", b"stays", PutOptions::default(), START_MS)
        .unwrap();
    source.drop_partition(PARTITION).unwrap();
    assert_eq!(source.drop_partition(PARTITION), Err(ShardError::NotOwned));
    assert_eq!(get(&mut source, "k7", START_MS), None);
    let at = at(&source, b"k7");
    let refused = source.put(at, b"k7", b"v", PutOptions::default(), START_MS);
    assert_eq!(refused, Err(ShardError::NotOwned));
    assert_eq!(
        source.adopt_partition(PARTITION),
        Err(ShardError::AlreadyOwned)
    );
    let mut slices = 0;
    while source.is_dropping(PARTITION) {
        source.step(START_MS + slices * 10, 64);
        slices += 1;
        if slices % 50 == 0 {
            source.verify().unwrap();
        }
    }
    assert!(slices > 100, "{slices} slices for 30000 entries");
    settle(&mut source, START_MS + slices * 10);
    assert_eq!(source.usage().entries, 1);
    assert!(source.get(other, b"other", START_MS).is_some());
    source.adopt_partition(PARTITION).unwrap();
    put(&mut source, "k7", b"again", Expiry::None, START_MS);
    assert_eq!(
        get(&mut source, "k7", START_MS).as_deref(),
        Some(&b"again"[..])
    );
    assert_eq!(
        source.adopt_partition(9),
        Err(ShardError::NotOwned),
        "there is no such partition"
    );
    settle(&mut source, START_MS);
}

/// What happens on the source while its partition is handed over.
#[derive(Clone, Debug)]
enum Step {
    Put {
        key: u8,
        length: usize,
        ttl_ms: Option<u64>,
    },
    Delete {
        key: u8,
    },
    Export {
        buckets: u8,
    },
    /// The target receives from the front of the stream, deletions out of order.
    Deliver {
        parcels: u8,
    },
    Wait {
        milliseconds: u64,
    },
    Background,
}

fn step() -> impl Strategy<Value = Step> {
    let length = prop_oneof![9 => 0usize..200, 1 => 20_000usize..80_000];
    let ttl_ms = prop::option::of(prop_oneof![1u64..2_000, 1u64..100_000]);
    prop_oneof![
        6 => (any::<u8>(), length, ttl_ms)
            .prop_map(|(key, length, ttl_ms)| Step::Put { key, length, ttl_ms }),
        3 => any::<u8>().prop_map(|key| Step::Delete { key }),
        4 => (1u8..4).prop_map(|buckets| Step::Export { buckets }),
        6 => (1u8..30).prop_map(|parcels| Step::Deliver { parcels }),
        1 => (0u64..3_000).prop_map(|milliseconds| Step::Wait { milliseconds }),
        2 => Just(Step::Background),
    ]
}

struct Handover {
    source: Shard,
    target: Shard,
    now_ms: u64,
    cursor: ExportCursor,
    stream: VecDeque<Parcel>,
    round: u8,
}

impl Handover {
    fn new() -> Self {
        let mut source = shard(&[0, 1, 2, 3], 24 << 20);
        let mut target = shard(&[0], 24 << 20);
        for key in (0..=255_u8).step_by(2) {
            put(
                &mut source,
                &key.to_string(),
                &[key; 30],
                Expiry::None,
                START_MS,
            );
        }
        target.adopt_partition(PARTITION).unwrap();
        source.remember_deletions(PARTITION).unwrap();
        target.remember_deletions(PARTITION).unwrap();
        let cursor = ExportCursor::start(PARTITION);
        Self {
            source,
            target,
            now_ms: START_MS,
            cursor,
            stream: VecDeque::new(),
            round: 0,
        }
    }

    fn apply(&mut self, step: &Step) {
        match step {
            Step::Put {
                key,
                length,
                ttl_ms,
            } => {
                self.round = self.round.wrapping_add(1);
                let expires_at_ms = ttl_ms.map(|ttl_ms| self.now_ms + ttl_ms);
                let expiry = expires_at_ms.map_or(Expiry::None, Expiry::At);
                let value = vec![self.round; *length];
                let key = key.to_string();
                let version = put(&mut self.source, &key, &value, expiry, self.now_ms);
                let key = key.into_bytes();
                self.stream.push_back(Parcel {
                    key,
                    value: Some(value),
                    version,
                    expires_at_ms,
                });
            }
            Step::Delete { key } => {
                let key = key.to_string().into_bytes();
                let at = at(&self.source, &key);
                self.source.delete(at, &key, self.now_ms);
                // What the target is told is what the source remembers.
                let mut told = None;
                let mut cursor = ExportCursor::start(PARTITION);
                while !cursor.is_done() {
                    let parcels = export(&mut self.source, &mut cursor, self.now_ms);
                    told = parcels
                        .into_iter()
                        .find(|parcel| parcel.key == key)
                        .or(told);
                }
                let told = told.unwrap();
                assert!(told.value.is_none());
                // Deletions overtake everything.
                self.stream.push_front(told);
            }
            Step::Export { buckets } => {
                for _ in 0..*buckets {
                    let parcels = export(&mut self.source, &mut self.cursor, self.now_ms);
                    self.stream.extend(parcels);
                }
            }
            Step::Deliver { parcels } => {
                for _ in 0..*parcels {
                    let Some(parcel) = self.stream.pop_front() else {
                        break;
                    };
                    deliver(&mut self.target, &parcel, self.now_ms);
                }
            }
            Step::Wait { milliseconds } => self.now_ms += milliseconds,
            Step::Background => {
                self.source.step(self.now_ms, 64);
                self.target.step(self.now_ms, 64);
            }
        }
    }

    fn finish(mut self) {
        while !self.cursor.is_done() {
            let parcels = export(&mut self.source, &mut self.cursor, self.now_ms);
            self.stream.extend(parcels);
        }
        while let Some(parcel) = self.stream.pop_front() {
            deliver(&mut self.target, &parcel, self.now_ms);
        }
        self.source.forget_deletions(PARTITION).unwrap();
        self.target.forget_deletions(PARTITION).unwrap();
        settle(&mut self.source, self.now_ms);
        settle(&mut self.target, self.now_ms);
        for key in 0..=255_u8 {
            let key = key.to_string().into_bytes();
            let (from, to) = (at(&self.source, &key), at(&self.target, &key));
            let sent = self.source.metadata(from, &key, self.now_ms);
            assert_eq!(self.target.metadata(to, &key, self.now_ms), sent);
            let key = String::from_utf8(key).unwrap();
            let arrived = get(&mut self.target, &key, self.now_ms);
            assert_eq!(arrived, get(&mut self.source, &key, self.now_ms), "{key}");
        }
        self.source.drop_partition(PARTITION).unwrap();
        settle(&mut self.source, self.now_ms);
        assert_eq!(
            (self.source.usage().entries, self.source.usage().live_bytes),
            (0, 0)
        );
    }
}

/// `JERBOA_TEST_FACTOR` multiplies the number of cases, for long runs.
fn cases(cases: u32) -> ProptestConfig {
    let factor = std::env::var("JERBOA_TEST_FACTOR").map_or(1, |factor| factor.parse().unwrap());
    let cases = if cfg!(miri) { 1 } else { cases * factor };
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases)
    }
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn a_partition_in_use_arrives_as_it_is(steps in prop::collection::vec(step(), 1..300)) {
        let mut handover = Handover::new();
        for step in &steps {
            handover.apply(step);
        }
        handover.finish();
    }
}
