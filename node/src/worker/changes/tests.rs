//! The list alone: every core comes to every change once, in one order, and none is kept for ever.

use std::sync::Weak;
use std::thread;

use super::*;

fn destroyed(name: &[u8]) -> What {
    What::Destroyed(name.into())
}

fn removing(removed: u64) -> Outcome {
    Outcome {
        removed,
        ..Outcome::TAKEN
    }
}

fn append(cursor: &Cursor, changes: &Changes, name: &[u8]) -> Arc<Change> {
    let leave = changes.begin().expect("few are under way");
    cursor.append(destroyed(name), 0, leave)
}

#[test]
fn a_change_is_done_when_the_last_core_has_taken_it_over_and_its_numbers_add_up() {
    let changes = Changes::new(3);
    let first = Cursor::new();
    let mut cursors = [first.clone(), first.clone(), first];
    let change = append(&cursors[1], &changes, b"m");
    for (core, cursor) in cursors.iter_mut().enumerate() {
        assert_eq!(change.outcome(), None);
        assert!(cursor.is_behind());
        let found = cursor.advance().expect("a change");
        assert_eq!(found.what, destroyed(b"m"));
        assert!(cursor.advance().is_none() && !cursor.is_behind(), "once");
        assert_eq!(found.take_over(removing(10 + core as u64)), core == 2);
    }
    assert_eq!(change.outcome(), Some(removing(33)));
}

#[test]
fn changes_made_at_once_come_in_one_order_and_none_is_lost() {
    const CORES: u16 = 4;
    const EACH: usize = 50;
    let changes = Changes::new(CORES);
    let start = Cursor::new();
    let together = std::sync::Barrier::new(usize::from(CORES));
    let orders: Vec<Vec<What>> = thread::scope(|scope| {
        let running: Vec<_> = (0..CORES)
            .map(|core| {
                let (mut cursor, changes, together) = (start.clone(), &changes, &together);
                scope.spawn(move || {
                    let mut order = Vec::new();
                    let mut follow = |cursor: &mut Cursor| {
                        while let Some(change) = cursor.advance() {
                            order.push(destroyed(match &change.what {
                                What::Destroyed(name) => name,
                                other => panic!("nobody made {other:?}"),
                            }));
                            if change.take_over(Outcome::TAKEN) {
                                changes.end();
                            }
                        }
                    };
                    together.wait();
                    for number in 0..EACH {
                        append(&cursor, changes, format!("{core} {number}").as_bytes());
                        follow(&mut cursor);
                    }
                    together.wait();
                    follow(&mut cursor);
                    order
                })
            })
            .collect();
        let joined = running.into_iter().map(|core| core.join());
        joined.map(|order| order.expect("no panic")).collect()
    });
    assert_eq!(orders[0].len(), usize::from(CORES) * EACH);
    for order in &orders {
        assert_eq!(order, &orders[0]);
    }
    assert_eq!(changes.open.load(Ordering::Relaxed), 0);
}

#[test]
fn as_many_as_may_be_are_under_way_and_what_was_not_made_makes_room() {
    let changes = Changes::new(2);
    let mut cursor = Cursor::new();
    for _ in 0..OPEN_MAX {
        append(&cursor, &changes, b"m");
    }
    assert_eq!(changes.begin().err(), Some(TooMany));
    // One core alone makes no room.
    let first = cursor.advance().expect("a change");
    assert!(!first.take_over(Outcome::TAKEN));
    assert_eq!(changes.begin().err(), Some(TooMany));
    assert!(first.take_over(Outcome::TAKEN));
    changes.end();
    drop(changes.begin().expect("room again"));
    drop(changes.begin().expect("given back unused"));
}

#[test]
fn a_change_goes_when_the_last_core_has_come_past_it() {
    let changes = Changes::new(2);
    let mut ahead = Cursor::new();
    let mut behind = ahead.clone();
    let made: Vec<Weak<Change>> = (0..3)
        .map(|_| Arc::downgrade(&append(&ahead, &changes, b"m")))
        .collect();
    let alive = || {
        made.iter()
            .filter(|change| change.strong_count() > 0)
            .count()
    };
    while ahead.advance().is_some() {}
    assert_eq!(alive(), 3, "the other core has not seen them");
    while behind.advance().is_some() {}
    assert_eq!(alive(), 1, "only where both stand");
}
