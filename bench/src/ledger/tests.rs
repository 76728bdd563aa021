//! The ledger against a server model that applies overlapping writes in any order.
use super::*;
use proptest::prelude::*;

#[test]
fn one_writer_at_a_time_has_the_exact_floor() {
    let ledger = Ledger::new(1);
    for expected in 1..100 {
        assert_eq!(ledger.issue(0, Change::Store), expected);
        assert_eq!(ledger.floor(0), expected - 1, "not acknowledged yet");
        ledger.acknowledge(0);
        assert_eq!(ledger.floor(0), expected);
    }
}

#[test]
fn overlapping_writes_raise_the_floor_to_the_first_of_them_only() {
    let ledger = Ledger::new(1);
    ledger.issue(0, Change::Store);
    ledger.acknowledge(0);
    ledger.issue(0, Change::Store); // 2
    ledger.issue(0, Change::Store); // 3
    ledger.acknowledge(0);
    assert_eq!(ledger.floor(0), 2);
    ledger.issue(0, Change::Store); // 4, the group is still open
    ledger.acknowledge(0);
    ledger.acknowledge(0);
    assert_eq!(ledger.floor(0), 2);
    ledger.issue(0, Change::Store); // 5 opens a new group
    ledger.acknowledge(0);
    assert_eq!(ledger.floor(0), 5);
}

#[test]
fn a_refused_write_does_not_raise_the_floor() {
    let ledger = Ledger::new(1);
    ledger.issue(0, Change::Store);
    ledger.give_up(0);
    assert_eq!(ledger.floor(0), 0);
    ledger.issue(0, Change::Store); // 2
    ledger.issue(0, Change::Store); // 3
    ledger.give_up(0);
    ledger.acknowledge(0);
    assert_eq!(
        ledger.floor(0),
        2,
        "either of the two may be the one that holds"
    );
}

#[test]
fn a_miss_is_legitimate_only_before_the_first_write_and_around_a_delete() {
    let ledger = Ledger::new(1);
    assert!(ledger.may_miss(0, ledger.floor(0)));
    ledger.issue(0, Change::Store);
    assert!(ledger.may_miss(0, ledger.floor(0)), "not acknowledged yet");
    ledger.acknowledge(0);
    assert!(!ledger.may_miss(0, ledger.floor(0)));
    let sent_at = ledger.floor(0);
    ledger.issue(0, Change::Delete);
    assert!(
        ledger.may_miss(0, sent_at),
        "a delete sent after the read may overtake it"
    );
    ledger.acknowledge(0);
    assert!(ledger.may_miss(0, ledger.floor(0)));
    ledger.issue(0, Change::Store);
    ledger.acknowledge(0);
    assert!(!ledger.may_miss(0, ledger.floor(0)));
}

#[test]
fn many_threads_draw_distinct_versions_and_close_every_group() {
    let ledger = Ledger::new(3);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20_000 {
                    ledger.issue(1, Change::Store);
                    ledger.acknowledge(1);
                }
            });
        }
    });
    assert_eq!(ledger.issue(1, Change::Store), 80_001);
    ledger.acknowledge(1);
    assert_eq!(ledger.floor(1), 80_001);
    assert_eq!(ledger.floor(0), 0);
}

/// One step of the model: requests are sent, applied by the server and answered as three
/// separate events, in any interleaving.
#[derive(Clone, Copy, Debug)]
enum Step {
    Send(Change),
    SendRead,
    Apply(usize),
    Answer(usize),
    Refuse(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Send(Change::Store)),
        1 => Just(Step::Send(Change::Delete)),
        3 => Just(Step::SendRead),
        5 => any::<usize>().prop_map(Step::Apply),
        5 => any::<usize>().prop_map(Step::Answer),
        1 => any::<usize>().prop_map(Step::Refuse),
    ]
}

enum Request {
    Write {
        version: u32,
        change: Change,
        applied: bool,
    },
    Read {
        floor: u32,
        result: Option<Option<u32>>,
    },
}

proptest! {
    /// An honest server is never accused, whatever overlaps with whatever.
    #[test]
    fn an_honest_server_is_never_accused(steps in prop::collection::vec(step(), 1..200)) {
        let ledger = Ledger::new(1);
        let mut stored: Option<u32> = None;
        let mut requests: Vec<Request> = Vec::new();
        for step in steps {
            match step {
                Step::Send(change) => {
                    let version = ledger.issue(0, change);
                    requests.push(Request::Write { version, change, applied: false });
                }
                Step::SendRead => {
                    requests.push(Request::Read { floor: ledger.floor(0), result: None });
                }
                Step::Apply(at) if !requests.is_empty() => {
                    let at = at % requests.len();
                    match &mut requests[at] {
                        Request::Write { version, change, applied } if !*applied => {
                            stored = (*change == Change::Store).then_some(*version);
                            *applied = true;
                        }
                        Request::Read { result, .. } => { result.get_or_insert(stored); }
                        Request::Write { .. } => {}
                    }
                }
                Step::Answer(at) if !requests.is_empty() => {
                    let at = at % requests.len();
                    match requests[at] {
                        Request::Write { applied: true, .. } => {
                            requests.swap_remove(at);
                            ledger.acknowledge(0);
                        }
                        Request::Read { floor, result: Some(result) } => {
                            requests.swap_remove(at);
                            match result {
                                Some(version) => {
                                    prop_assert!(version >= floor, "{version} < {floor}");
                                    prop_assert!(ledger.was_issued(0, version));
                                }
                                None => prop_assert!(ledger.may_miss(0, floor)),
                            }
                        }
                        _ => {}
                    }
                }
                Step::Refuse(at) if !requests.is_empty() => {
                    let at = at % requests.len();
                    if matches!(requests[at], Request::Write { applied: false, .. }) {
                        requests.swap_remove(at);
                        ledger.give_up(0);
                    }
                }
                Step::Apply(_) | Step::Answer(_) | Step::Refuse(_) => {}
            }
        }
    }
}
