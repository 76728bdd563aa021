//! Fear: the longest time that there is, given as a time limit or an expiry because somebody means
//! "for ever", ends the caller by a panic or its call at once.

use std::time::{Duration, SystemTime};

use jerboa_wire::Status;
use jerboa_wire::client::{
    Command, Config, Error, Expiry, InvalidCall, LockOptions, PutOptions,
    glommio as thread_per_core, tokio as asynchronous,
};
use tokio::runtime::Builder;

use crate::calls::{stop, threads};
use crate::common::node;
use crate::local_executor;

const MAX: Duration = Duration::MAX;

/// Whatever takes a time and is asked for the longest; `$await` stands behind each call.
macro_rules! everything_with_a_time {
    ($map:expr, [$($await:tt)*]) => {{
        let map = $map.with_timeout(MAX);
        let soon = LockOptions::waiting(Duration::from_millis(20));
        let late = SystemTime::UNIX_EPOCH
            .checked_add(Duration::from_secs(i64::MAX as u64))
            .unwrap();

        map.put("k", "v")$($await)*.unwrap();
        assert_eq!(map.get("k")$($await)*, Ok(Some("v".to_owned())));
        let token = map.lock("l", soon)$($await)*.unwrap().unwrap();
        assert_eq!(map.lock("l", soon)$($await)*, Ok(None));

        let expiry = Error::Invalid(InvalidCall::Expiry);
        let forever = LockOptions::default().leased(MAX);
        assert_eq!(map.lock("m", forever)$($await)*, Err(expiry.clone()));
        let patient = LockOptions::waiting(MAX);
        let refused = Err(Error::Invalid(InvalidCall::Wait));
        assert_eq!(map.lock("l", patient)$($await)*, refused);
        assert_eq!(map.lease("l", token, MAX)$($await)*, Err(expiry.clone()));
        for when in [Expiry::After(MAX), Expiry::At(late)] {
            let put = map.put_with("k", "w", PutOptions::expiring(when))$($await)*;
            assert_eq!(put, Err(expiry.clone()));
            assert_eq!(map.expire("k", when)$($await)*, Err(expiry.clone()));
        }

        // Many at once have the time of the one that waits longest.
        let mut pipeline = map.pipeline();
        let locked = pipeline.push(Command::lock(map.name(), "l", soon));
        let value = pipeline.push(Command::<Option<String>>::get(map.name(), "k"));
        let mut answers = map.execute(pipeline)$($await)*;
        assert_eq!(answers.take(locked), Ok(None));
        assert_eq!(answers.take(value), Ok(Some("v".to_owned())));
        map.unlock("l", token)$($await)*.unwrap();
        let again = map.unlock("l", token)$($await)*;
        assert!(
            matches!(again, Err(Error::Refused { status: Status::NoSuchLock, .. })),
            "{again:?}"
        );
    }};
}

fn longest(seed: String) -> Config {
    Config {
        call_timeout: MAX,
        connect_timeout: MAX,
        backoff_first: MAX,
        backoff_max: MAX,
        stall: MAX,
        ..Config::new([seed])
    }
}

#[test]
fn the_longest_time_limit_is_one_and_the_longest_expiry_is_refused_by_name_through_every_driver() {
    let node = node(2);
    let seed = node.addresses().any_core.to_string();
    let embedded = node.dmap("embedded");
    everything_with_a_time!(embedded.blocking(), []);
    let bare = Builder::new_current_thread().build().unwrap();
    bare.block_on(async { everything_with_a_time!(embedded, [.await]) });

    let client = threads(longest(seed.clone()));
    everything_with_a_time!(client.dmap("threads"), []);
    let mut subscription = client.with_timeout(MAX).subscribe(&["news"]).unwrap();
    client.channels().publish("news", "now").unwrap();
    assert!(subscription.receive_within(MAX).unwrap().is_some());

    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = asynchronous::Client::connect_with(longest(seed.clone()));
        let client = client.await.unwrap();
        everything_with_a_time!(client.dmap("tokio"), [.await]);
        client.with_timeout(MAX).subscribe(&["news"]).await.unwrap();
    });
    local_executor().run(async {
        let client = thread_per_core::Client::connect_with(longest(seed.clone()));
        let client = client.await.unwrap();
        everything_with_a_time!(client.dmap("glommio"), [.await]);
        client.with_timeout(MAX).subscribe(&["news"]).await.unwrap();
    });

    let mut subscriber = node.subscriber();
    subscriber.subscribe_blocking(["news"]).unwrap();
    client.channels().publish("news", "now").unwrap();
    assert!(subscriber.next_blocking(MAX).unwrap().is_some());
    stop(node);
}

#[test]
fn a_pause_without_end_after_a_failure_leaves_the_call_its_own_time() {
    // Nobody listens there.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let seed = nobody.local_addr().unwrap().to_string();
    drop(nobody);
    let config = || Config {
        call_timeout: Duration::from_millis(200),
        ..longest(seed.clone())
    };
    let failed = |error: Option<Error>| {
        let found = matches!(
            error,
            Some(Error::Unreachable { .. } | Error::TimedOut { .. })
        );
        assert!(found, "{error:?}");
    };
    failed(jerboa_wire::client::blocking::Client::connect_with(config()).err());
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    failed(
        runtime
            .block_on(asynchronous::Client::connect_with(config()))
            .err(),
    );
    let local = thread_per_core::Client::connect_with(config());
    failed(local_executor().run(local).err());
}
