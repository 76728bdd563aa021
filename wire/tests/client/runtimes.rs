//! Fear: a client for tokio that waits for ever where its runtime lacks what it needs, or has ended.

use jerboa_wire::client::tokio::Client;
use jerboa_wire::client::{DMap, Error, Outcome, RuntimeFault, Transport};
use tokio::runtime::{Builder, Runtime};

use crate::fake::{Fake, Trick};
use crate::settings;

fn whole() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn a_runtime_that_lacks_something_is_named_at_once() {
    let fake = Fake::start(1);
    let settings = settings(&[fake.seed()]);
    let bare = Builder::new_current_thread().build().unwrap();
    let timeless = Builder::new_current_thread().enable_io().build().unwrap();
    let deaf = Builder::new_multi_thread().enable_time().build().unwrap();
    for (runtime, fault) in [
        (&bare, RuntimeFault::NoTimer),
        (&timeless, RuntimeFault::NoTimer),
        (&deaf, RuntimeFault::NoSockets),
    ] {
        let error = runtime.block_on(Client::connect_with(settings.clone()));
        let error = error.err().unwrap();
        assert_eq!(error, Error::Runtime(fault));
        assert_eq!(error.outcome(), Outcome::NothingDone);
    }
    // Its tasks have what they need: the calls may be awaited anywhere, a subscription not.
    let home = Builder::new_multi_thread().enable_all().build().unwrap();
    let client = home.block_on(Client::connect_with(settings)).unwrap();
    assert_eq!(bare.block_on(client.dmap("m").incr("n", 1)), Ok(1));
    let refused = deaf.block_on(client.subscribe(&["news"]));
    assert_eq!(refused.err(), Some(Error::Runtime(RuntimeFault::NoSockets)));
}

#[test]
fn with_its_runtime_a_client_ends_and_its_calls_fail() {
    let fake = Fake::start(1);
    let home = Builder::new_multi_thread().enable_all().build().unwrap();
    let settings = settings(&[fake.seed()]);
    let client = home.block_on(Client::connect_with(settings)).unwrap();
    fake.trick(0, [Trick::Silence]);
    let map = client.dmap("m");
    let waiting = std::thread::spawn(move || whole().block_on(map.incr("n", 1)));
    while fake.value_of("n").is_none() {
        std::thread::yield_now();
    }
    drop(home);
    let error = waiting.join().unwrap().unwrap_err();
    assert_eq!(error.outcome(), Outcome::Unknown, "{error:?}");
    let error = whole().block_on(client.dmap("m").incr("n", 1)).unwrap_err();
    assert_eq!(error, Error::Runtime(RuntimeFault::Gone));
}

/// Compiles only where whatever is generic over transports may go to other threads.
#[test]
fn calls_over_any_transport_may_be_spawned() {
    fn spawn<T: Transport + 'static>(runtime: &Runtime, map: DMap<T>) -> Result<i64, Error> {
        let task = runtime.spawn(async move { map.incr("n", 1).await });
        runtime.block_on(task).unwrap()
    }
    let fake = Fake::start(1);
    let runtime = whole();
    let client = runtime.block_on(Client::connect_with(settings(&[fake.seed()])));
    assert_eq!(spawn(&runtime, client.unwrap().dmap("m")), Ok(1));
}
