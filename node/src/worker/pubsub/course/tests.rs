//! By counted steps: what a turn does of a message, however many subscribers and patterns it has.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::Poll;

use super::*;
use crate::config::Config;
use crate::embedded::{Listener, Message as Heard};
use crate::worker::WorkerConfig;
use crate::worker::buffer::Pool;
use crate::worker::pubsub::directory::Directory;
use crate::worker::pubsub::publication::{Published, Source};
use crate::worker::pubsub::{SubscriptionLimits, Topic};
use crate::worker::stats::Counts;

/// A core that has subscribers in this process and nothing else.
struct Core {
    pubsub: PubSub,
    directory: Directory,
    config: WorkerConfig,
    pool: Pool,
    counts: Counts,
    listeners: HashMap<u64, Arc<Listener>>,
}

impl Core {
    fn new() -> Self {
        let limits = SubscriptionLimits {
            per_connection: 1 << 20,
            per_core: 1 << 20,
        };
        Self {
            pubsub: PubSub::new(0, limits),
            directory: Directory::new(1),
            config: WorkerConfig::new(&Config::default(), 0),
            pool: Pool::default(),
            counts: Counts::default(),
            listeners: HashMap::new(),
        }
    }

    fn subscribe(&mut self, id: u64, topic: Topic, name: &[u8]) {
        let listener = self.listeners.entry(id);
        let listener = listener.or_insert_with(|| Arc::new(Listener::new(usize::MAX)));
        self.pubsub.listeners.insert(id, Arc::clone(listener));
        let who = Subscriber::foreign(id);
        let done = self.pubsub.subscribe(who, topic, name, &self.directory);
        assert_eq!(done, Ok(true));
    }

    fn unsubscribe(&mut self, id: u64, topic: Topic, name: &[u8]) {
        let who = Subscriber::foreign(id);
        assert!(self.pubsub.unsubscribe(who, topic, name, &self.directory));
    }

    fn with_desk<R>(&mut self, then: impl FnOnce(&mut PubSub, &mut Desk<'_>) -> R) -> R {
        let mut buffered_bytes = 0;
        let mut desk = Desk {
            config: &self.config,
            sessions: &mut [],
            buffered_bytes: &mut buffered_bytes,
            pool: &mut self.pool,
            counts: &mut self.counts,
        };
        then(&mut self.pubsub, &mut desk)
    }

    /// What a worker does for an event: hands it over, and what is left stands in line.
    fn publish(&mut self, channel: &'static [u8], payload: &[u8]) -> Option<u64> {
        let done = self.with_desk(|pubsub, desk| pubsub.publish(channel, payload, desk));
        match done {
            Published::Whole(handed) => Some(handed),
            Published::Begun(course) => {
                let payload = payload.to_vec();
                let source = Source::Event { channel, payload };
                self.pubsub.stand_in_line(source, course);
                None
            }
        }
    }

    /// A turn. Returns its steps, and the counts of the messages that it came to the end of.
    fn turn(&mut self) -> (usize, Vec<u64>) {
        self.pubsub.spent = 0;
        let mut counts = Vec::new();
        while let Some((_, handed)) =
            self.with_desk(|pubsub, desk| pubsub.publish_first(1 << 20, desk))
        {
            counts.push(handed.unwrap());
        }
        (self.pubsub.spent, counts)
    }

    /// Turns until nothing is left. Returns the most steps of one, how many there were, and the counts.
    fn turns(&mut self) -> (usize, usize, Vec<u64>) {
        let (mut most, mut turns, mut counts) = (0, 0, Vec::new());
        while self.pubsub.is_publishing() {
            let (steps, more) = self.turn();
            most = most.max(steps);
            counts.extend(more);
            turns += 1;
        }
        (most, turns, counts)
    }

    fn heard(&self, id: u64) -> Vec<Heard> {
        let take = || match self.listeners[&id].poll(None) {
            Poll::Ready(Ok(message)) => Some(message),
            _ => None,
        };
        std::iter::from_fn(take).collect()
    }
}

fn payloads(heard: &[Heard]) -> Vec<&[u8]> {
    heard.iter().map(Heard::payload).collect()
}

/// One look at the longest pattern, or one copy.
const STEP_MAX: usize = 1024 * 5;

#[test]
fn many_subscribers_are_reached_over_turns_each_once_and_in_order() {
    const SUBSCRIBERS: u64 = 5000;
    let mut core = Core::new();
    for id in 1..=SUBSCRIBERS {
        core.subscribe(id, Topic::Channel, b"news");
    }
    assert_eq!(core.publish(b"news", b"first"), None);
    assert!(core.pubsub.spent <= STEPS_PER_TURN + STEP_MAX);
    for payload in [&b"second"[..], b"third"] {
        assert_eq!(core.publish(b"news", payload), None, "behind the first");
    }
    assert_eq!(core.publish(b"nobody's", b"fourth"), None, "so is this");
    let (most, turns, counts) = core.turns();
    assert!(most <= STEPS_PER_TURN + STEP_MAX, "{most} steps in a turn");
    assert!(turns >= 14, "{turns} turns for 15,000 copies");
    assert_eq!(counts, [SUBSCRIBERS, SUBSCRIBERS, SUBSCRIBERS, 0]);
    for id in 1..=SUBSCRIBERS {
        let heard = core.heard(id);
        assert_eq!(payloads(&heard), [&b"first"[..], b"second", b"third"]);
    }
    assert_eq!(core.counts.published, 4);
    assert_eq!(core.counts.messages, 3 * SUBSCRIBERS);
}

#[test]
fn patterns_that_take_long_are_matched_over_turns_and_none_is_left_out() {
    const PATTERNS: u64 = 250;
    const CHANNEL: [u8; 1000] = [b'a'; 1000];
    let mut core = Core::new();
    let pattern = |number: u64, tail: u8| {
        [
            &b"*a".repeat(110)[..],
            format!("*{number:04}").as_bytes(),
            &[tail],
        ]
        .concat()
    };
    for number in 0..PATTERNS / 2 {
        // These match …
        let wide = [
            pattern(number, b'*')[..220].to_vec(),
            vec![b'*'; number as usize % 30],
        ];
        if number < 30 {
            core.subscribe(1, Topic::Pattern, &wide.concat());
            core.subscribe(2, Topic::Pattern, &wide.concat());
        }
        // … and these take as long and do not.
        core.subscribe(3, Topic::Pattern, &pattern(number, b'b'));
    }
    core.subscribe(4, Topic::Channel, &CHANNEL);
    let done = core.with_desk(|pubsub, desk| pubsub.publish(&CHANNEL, b"x", desk));
    let Published::Begun(mut course) = done else {
        panic!("all in one turn: {done:?}");
    };
    assert!(core.pubsub.spent <= STEPS_PER_TURN + STEP_MAX);
    let mut turns = 1;
    loop {
        core.pubsub.spent = 0;
        let reached =
            core.with_desk(|pubsub, desk| pubsub.advance(&CHANNEL, b"x", &mut course, desk));
        turns += 1;
        assert!(core.pubsub.spent <= STEPS_PER_TURN + STEP_MAX);
        if reached == Reached::TheEnd {
            break;
        }
    }
    assert!(turns >= 8, "{turns} turns for some 600,000 steps");
    assert_eq!(course.handed, 2 * 30 + 1);
    for id in [1, 2] {
        let heard = core.heard(id);
        let mut patterns: Vec<_> = heard.iter().map(Heard::pattern).collect();
        assert_eq!(patterns.len(), 30);
        assert!(patterns.is_sorted());
        patterns.dedup();
        assert_eq!(patterns.len(), 30, "each once");
    }
    assert_eq!((core.heard(3).len(), core.heard(4).len()), (0, 1));
}

#[test]
fn who_comes_and_goes_amid_a_message_makes_no_count_wrong_and_no_message_endless() {
    const SUBSCRIBERS: u64 = 4000;
    let mut core = Core::new();
    for id in 1..=SUBSCRIBERS {
        core.subscribe(id, Topic::Channel, b"news");
        if id % 2 == 0 {
            core.subscribe(id, Topic::Pattern, b"n*");
        }
    }
    core.subscribe(1, Topic::Pattern, b"gone*");
    assert_eq!(core.publish(b"news", b"x"), None);
    let (mut handed, mut newcomer) = (Vec::new(), SUBSCRIBERS);
    let mut turns = 0;
    while core.pubsub.is_publishing() {
        // As many come in each turn as it reaches, by name and with patterns at either end.
        for _ in 0..1200 {
            newcomer += 1;
            core.subscribe(newcomer, Topic::Channel, b"news");
        }
        core.subscribe(newcomer, Topic::Pattern, format!("n?{turns}*").as_bytes());
        core.subscribe(newcomer, Topic::Pattern, format!("new{turns}*").as_bytes());
        core.subscribe(
            newcomer,
            Topic::Pattern,
            format!("ne*{}", "*".repeat(turns)).as_bytes(),
        );
        if turns == 1 {
            for id in 3901..=SUBSCRIBERS {
                core.unsubscribe(id, Topic::Channel, b"news");
            }
        }
        if turns == 5 {
            for id in (2..=SUBSCRIBERS).step_by(2) {
                core.unsubscribe(id, Topic::Pattern, b"n*");
            }
        }
        let (steps, counts) = core.turn();
        assert!(steps <= STEPS_PER_TURN + STEP_MAX);
        handed.extend(counts);
        turns += 1;
        assert!(turns < 20, "it never ends");
    }
    let heard = |id| core.heard(id).len() as u64;
    let by_two: Vec<u64> = (1..=SUBSCRIBERS).map(heard).collect();
    assert!(by_two[..3900].iter().all(|count| *count >= 1));
    assert_eq!(
        by_two[3900..].iter().step_by(2).sum::<u64>(),
        0,
        "they had left"
    );
    assert_eq!(
        handed,
        [by_two.iter().sum::<u64>()],
        "as many as were handed over"
    );
    for id in SUBSCRIBERS + 1..=newcomer {
        assert_eq!(heard(id), 0, "{id} came later");
    }
}

#[test]
fn large_messages_share_a_turn_by_their_bytes() {
    let note = |done| {
        let mut spent = 0;
        let (mut pushes, mut slow) = Default::default();
        let note = Note {
            pushes: &mut pushes,
            slow: &mut slow,
            spent: &mut spent,
        };
        assert_eq!(note.note(Subscriber::foreign(1), done), 1);
        spent
    };
    let short = note(Handed::Along { bytes: 100 });
    assert!(short < 2 * STEPS_PER_COPY, "a short one counts as a copy");
    assert!(note(Handed::Over { bytes: 1 << 20 }) >= STEPS_PER_TURN);
}
