//! Fear: a client for glommio that hangs, or panics, where its executor is not the one that runs,
//! or whose tasks outlive it.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use ::glommio::timer::Timer;
use ::glommio::{LocalExecutor, LocalExecutorBuilder, Placement};
use jerboa_wire::client::glommio::Client;
use jerboa_wire::client::{Error, Outcome, RuntimeFault};
use tokio::runtime::Builder;

use crate::fake::{Fake, Trick};
use crate::settings;

fn executor() -> LocalExecutor {
    let builder = LocalExecutorBuilder::new(Placement::Unbound);
    builder.ring_depth(64).io_memory(64 << 10).make().unwrap()
}

#[test]
fn outside_of_its_executor_a_client_says_so_instead_of_waiting_for_ever() {
    let fake = Fake::start(1);
    let bare = Builder::new_current_thread().build().unwrap();
    let settings = settings(&[fake.seed()]);
    let nowhere = bare.block_on(Client::connect_with(settings.clone()));
    assert_eq!(nowhere.err(), Some(Error::Runtime(RuntimeFault::Missing)));
    let home = executor();
    let client = home.run(Client::connect_with(settings)).unwrap();
    let map = client.dmap("m");
    assert_eq!(home.run(map.incr("n", 1)), Ok(1));
    assert_eq!(
        bare.block_on(map.incr("n", 1)),
        Err(Error::Runtime(RuntimeFault::Missing))
    );
    let another = executor();
    let error = another.run(map.incr("n", 1)).unwrap_err();
    assert_eq!(error, Error::Runtime(RuntimeFault::Another));
    assert_eq!(error.outcome(), Outcome::NothingDone);
    let refused = another.run(client.subscribe(&["news"]));
    assert_eq!(refused.err(), Some(Error::Runtime(RuntimeFault::Another)));
    assert_eq!(home.run(map.incr("n", 1)), Ok(2), "at home it goes on");
    drop(home);
    assert!(another.run(map.incr("n", 1)).is_err(), "for good");
    drop((map, client));
}

#[test]
fn the_last_client_takes_its_connections_along() {
    let fake = Fake::start(2);
    let executor = executor();
    executor.run(async {
        for round in 0..3 {
            let client = Client::connect_with(settings(&[fake.seed()]))
                .await
                .unwrap();
            let map = client.dmap("m");
            for n in 0..20 {
                map.put(format!("key-{n}"), round).await.unwrap();
            }
            drop(client);
            assert!(fake.open_connections() > 0);
            map.put("key", round).await.unwrap();
            drop(map);
            while fake.open_connections() > 0 {
                Timer::new(Duration::from_millis(1)).await;
            }
        }
    });
}

#[test]
fn a_call_whose_future_is_dropped_disturbs_no_other() {
    let fake = Fake::start(1);
    let executor = executor();
    executor.run(async {
        let client = Client::connect_with(settings(&[fake.seed()]))
            .await
            .unwrap();
        let map = client.dmap("m");
        for round in 1..=50 {
            let before = fake.counts().requests.load(SeqCst);
            fake.trick(0, [Trick::Behind]);
            let dropped = map.clone();
            let task = ::glommio::spawn_local(async move { dropped.incr("n", 1).await });
            while fake.counts().requests.load(SeqCst) == before {
                Timer::new(Duration::from_micros(100)).await;
            }
            task.cancel().await;
            assert_eq!(map.incr("n", 1).await, Ok(2 * round), "its own answer");
        }
    });
}

#[test]
fn a_host_is_found_by_its_name() {
    let fake = Fake::start(1);
    let seeds = [fake.seed().replace("127.0.0.1", "localhost")];
    let executor = executor();
    let client = executor
        .run(Client::connect_with(settings(&seeds)))
        .unwrap();
    assert_eq!(executor.run(client.noop()), Ok(()));
    let nowhere = settings(&["no-such-host.invalid:7400".to_owned()]);
    let error = executor.run(Client::connect_with(nowhere)).unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
}
