//! Fear: a lock that is waited for holds up the other calls of its client, ends by their time
//! limit, or is left with nobody when its caller goes (Olric's W10); a pipeline that stops
//! half-way in silence (W3); a value that is lost because it has another type.

use std::thread;
use std::time::{Duration, Instant};

use jerboa::Node;
use jerboa_wire::Status;
use jerboa_wire::client::{
    Command, Config, Error, Expiry, InvalidCall, LockOptions, Outcome, PutOptions, PutOutcome,
    ScanOptions, Ttl, blocking, tokio as asynchronous,
};
use jerboa_wire::settings::Setting;
use tokio::runtime::{Builder, Runtime};

use crate::common::node;
use crate::settings;

const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn threads(config: Config) -> blocking::Client {
    blocking::Client::connect_with(config).unwrap()
}

pub(crate) fn tasks(config: Config) -> (Runtime, asynchronous::Client) {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let client = runtime.block_on(asynchronous::Client::connect_with(config));
    (runtime, client.unwrap())
}

pub(crate) fn stop(node: Node) {
    node.request_stop();
    node.join().unwrap();
}

/// A window that a waiting request would fill, and a time limit that it exceeds.
fn narrow(node: &Node) -> Config {
    Config {
        in_flight_max: 4,
        call_timeout: Duration::from_secs(2),
        ..settings(node)
    }
}

#[test]
fn a_lock_that_is_waited_for_holds_up_no_other_call_and_has_its_own_time() {
    let node = node(2);
    let held = threads(settings(&node)).dmap("locks");
    let token = held.lock("door", LockOptions::default()).unwrap().unwrap();

    let client = threads(narrow(&node));
    let (runtime, awaited) = tasks(narrow(&node));
    thread::scope(|scope| {
        let patient = LockOptions::waiting(PATIENCE);
        let map = client.dmap("locks");
        let waiting = scope.spawn(move || map.lock("door", patient));
        let map = awaited.dmap("locks");
        let waiting_task = runtime.spawn(async move { map.lock("door", patient).await });
        // Longer than the time limit of other calls, and many times what fits the window.
        let until = Instant::now() + Duration::from_secs(3);
        let mut calls = 0u64;
        while Instant::now() < until || calls < 200 {
            // The lock's own key: the same core, the same connection.
            assert_eq!(
                client.dmap("other").incr("door", 1),
                Ok(2 * calls as i64 + 1)
            );
            let count = runtime.block_on(awaited.dmap("other").incr("door", 1));
            assert_eq!(count, Ok(2 * calls as i64 + 2));
            calls += 1;
        }
        assert!(!waiting.is_finished() && !waiting_task.is_finished());
        held.unlock("door", token).unwrap();
        // One gets it, gives it back, and the other gets it: in whichever order they came.
        let mut last = token;
        let mut waiting = Some(waiting);
        let mut waiting_task = Some(waiting_task);
        while waiting.is_some() || waiting_task.is_some() {
            let got = if waiting
                .as_ref()
                .is_some_and(|waiting| waiting.is_finished())
            {
                waiting.take().map(|waiting| waiting.join().unwrap())
            } else if waiting_task.as_ref().is_some_and(|task| task.is_finished()) {
                let task = waiting_task.take();
                task.map(|task| runtime.block_on(task).unwrap())
            } else {
                thread::sleep(Duration::from_millis(1));
                None
            };
            if let Some(got) = got {
                let token = got.unwrap().expect("in line for so long");
                assert!(token > last, "tokens grow");
                last = token;
                held.unlock("door", token).unwrap();
            }
        }
    });
    stop(node);
}

#[test]
fn a_lock_whose_caller_went_is_left_with_nobody() {
    let node = node(2);
    let client = threads(settings(&node)).dmap("locks");
    let (runtime, awaited) = tasks(settings(&node));
    let patient = LockOptions::waiting(PATIENCE);
    let mut token = client.lock("door", patient).unwrap().unwrap();
    for round in 0..60 {
        let map = awaited.dmap("locks");
        let task = runtime.spawn(async move { map.lock("door", patient).await });
        // Around the moment at which the lock becomes free.
        thread::sleep(Duration::from_micros(100 * (round % 10)));
        if round % 2 == 0 {
            client.unlock("door", token).unwrap();
            thread::yield_now();
            task.abort();
        } else {
            task.abort();
            client.unlock("door", token).unwrap();
        }
        if let Ok(Ok(Some(got))) = runtime.block_on(task) {
            client.unlock("door", got).unwrap();
        }
        let next = client.lock("door", patient).unwrap();
        token = next.unwrap_or_else(|| panic!("round {round}: nobody has it, and it is held"));
    }
    stop(node);
}

#[test]
fn a_client_that_went_after_a_time_out_leaves_no_lock_behind() {
    let node = node(2);
    let watcher = threads(settings(&node)).dmap("locks");
    let patient = LockOptions::waiting(PATIENCE);
    let (runtime, _) = tasks(settings(&node));
    let mut timed_out = 0;
    for round in 0..20 {
        let at_once = LockOptions::default();
        let hasty = Duration::from_micros(round * 20);
        let result = if round % 2 == 0 {
            let client = threads(settings(&node)).with_timeout(hasty);
            client.dmap("locks").lock("door", at_once)
        } else {
            runtime.block_on(async {
                let client = asynchronous::Client::connect_with(settings(&node)).await;
                let client = client.unwrap().with_timeout(hasty);
                client.dmap("locks").lock("door", at_once).await
            })
        };
        match result {
            Ok(Some(token)) => watcher.unlock("door", token).unwrap(),
            Ok(None) => panic!("round {round}: held by nobody"),
            Err(Error::TimedOut { .. }) => timed_out += 1,
            Err(other) => panic!("{other}"),
        }
        let token = watcher.lock("door", patient).unwrap();
        let token = token.unwrap_or_else(|| panic!("round {round}: an orphan"));
        watcher.unlock("door", token).unwrap();
    }
    assert!(timed_out > 0, "nothing was tried");
    stop(node);
}

#[test]
fn a_command_that_fails_stops_no_other_of_its_pipeline() {
    let node = node(2);
    let client = threads(settings(&node));
    let map = client.dmap("orders");
    let mut pipeline = map.pipeline();
    let put = pipeline.put("text", "seven");
    let refused = pipeline.incr("text", 1);
    let no_key = pipeline.put("", "value");
    let wrong = pipeline.get::<i64>("text");
    let number = pipeline.put_with("number", 41, PutOptions::default().if_absent());
    let counted = pipeline.incr("number", 1);
    let read = pipeline.get::<i64>("number");
    let elsewhere = pipeline.push(Command::put(b"other", "text", "there"));
    let page = pipeline.scan_page(0, &ScanOptions::matching("t*"));
    let lost: Vec<_> = (0..100)
        .map(|n| pipeline.get::<String>(format!("{n}")))
        .collect();
    assert_eq!(pipeline.len(), 109);
    let mut answers = map.execute(pipeline);

    let failed: Vec<usize> = answers.errors().map(|(place, _)| place).collect();
    assert_eq!(failed, [1, 2], "as the commands were queued");
    assert!(answers.take(put).is_ok());
    let error = answers.take(refused).unwrap_err();
    assert_eq!(error.status(), Some(Status::NotANumber));
    assert_eq!(answers.take(no_key), Err(InvalidCall::KeyEmpty.into()));
    match answers.take(wrong).unwrap_err() {
        Error::WrongType(wrong) => assert_eq!(wrong.value, b"seven"),
        other => panic!("{other}"),
    }
    assert!(matches!(
        answers.take(number),
        Ok(PutOutcome::Stored { .. })
    ));
    assert_eq!(answers.take(counted), Ok(42));
    assert_eq!(answers.take(read), Ok(Some(42)));
    assert!(answers.take(elsewhere).is_ok());
    assert_eq!(
        client.dmap("other").get("text"),
        Ok(Some("there".to_owned()))
    );
    assert!(answers.take(page).is_ok());
    for queued in lost {
        assert_eq!(answers.take(queued), Ok(None));
    }
    assert_eq!(answers.errors().count(), 0, "all were taken");

    let mut another = map.pipeline();
    let strange = another.get::<i64>("number");
    let error = answers.take(strange).unwrap_err();
    assert_eq!(error, InvalidCall::AnotherPipeline.into());
    assert_eq!(error.outcome(), Outcome::NothingDone);
    stop(node);
}

#[test]
fn commands_for_one_key_are_executed_in_their_order_however_many() {
    let node = node(2);
    let (runtime, client) = tasks(settings(&node));
    let map = client.dmap("log");
    let mut pipeline = map.pipeline();
    let queued: Vec<_> = (0..20_000)
        .map(|n| pipeline.append(format!("key {}", n % 7), format!("{n} ")))
        .collect();
    let mut answers = runtime.block_on(map.execute(pipeline));
    for queued in queued {
        answers.take(queued).unwrap();
    }
    for key in 0..7 {
        let value = runtime.block_on(map.get::<String>(format!("key {key}")));
        let expected: String = (key..20_000).step_by(7).map(|n| format!("{n} ")).collect();
        assert!(
            value.unwrap().unwrap() == expected,
            "out of order: key {key}"
        );
    }
    stop(node);
}

#[test]
fn a_value_of_another_type_is_an_error_that_hands_it_back() {
    let node = node(2);
    let map = threads(settings(&node)).dmap("values");
    let lost = |result: Error| match result {
        Error::WrongType(wrong) => wrong,
        other => panic!("{other}"),
    };
    map.put("k", "seven").unwrap();
    let wrong = lost(map.get::<u32>("k").unwrap_err());
    assert_eq!((&*wrong.expected, &*wrong.value), ("a u32", &b"seven"[..]));
    assert_eq!(map.get("k"), Ok(Some("seven".to_owned())), "still there");
    // The entry is gone, the value is not.
    let error = map.get_and_delete::<u32>("k").unwrap_err();
    assert_eq!(error.outcome(), Outcome::Done);
    assert_eq!(lost(error).value, b"seven");
    assert_eq!(map.exists("k"), Ok(false));
    // Counters and typed numbers are the same bytes.
    map.put("n", 41u8).unwrap();
    assert_eq!(map.incr("n", 1), Ok(42));
    assert_eq!(map.get::<f64>("n"), Ok(Some(42.0)));
    assert_eq!(map.incr_float("n", 0.25), Ok(42.25));
    assert_eq!(map.get::<f32>("n"), Ok(Some(42.25)));
    assert_eq!(lost(map.get::<i64>("n").unwrap_err()).value, b"42.25");
    let many = map.multi_get::<i64>(&["n", "none"]);
    assert!(matches!(many[..], [Err(Error::WrongType(_)), Ok(None)]));
    let day = Duration::from_secs(86_400);
    let entries = [("d", day)];
    assert!(map.multi_put(&entries, Expiry::Never)[0].is_ok());
    assert_eq!(map.get("d"), Ok(Some(day)));
    stop(node);
}

#[test]
fn a_scan_hands_out_every_key_once_and_goes_on_where_it_was() {
    let node = node(2);
    let client = threads(settings(&node));
    let map = client.dmap("many");
    let keys: Vec<String> = (0..2000).map(|n| format!("key-{n:04}")).collect();
    let entries: Vec<_> = keys.iter().map(|key| (key, 1)).collect();
    assert!(
        map.multi_put(&entries, Expiry::Never)
            .iter()
            .all(Result::is_ok)
    );
    let text = |key: Vec<u8>| String::from_utf8(key).unwrap();

    let scan = map.scan(ScanOptions::default().count(7));
    let mut found: Vec<String> = scan.map(|key| text(key.unwrap())).collect();
    found.sort();
    assert_eq!(found, keys);

    // Broken off anywhere and taken up again: nothing is missed.
    let options = ScanOptions::matching("key-1*").count(50);
    let mut found = Vec::new();
    let mut scan = map.scan(options.clone());
    while let Some(cursor) = scan.cursor() {
        scan = map.scan_from(cursor, options.clone());
        let taken = 1 + found.len() % 120;
        found.extend(scan.by_ref().take(taken).map(|key| text(key.unwrap())));
        assert!(found.len() < 100_000, "it never gets on");
    }
    found.sort();
    found.dedup();
    assert_eq!(found, keys[1000..]);

    let (runtime, tasks) = tasks(settings(&node));
    let scan = tasks.dmap("many").scan(ScanOptions::matching("*0"));
    let found = runtime.block_on(scan.collect()).unwrap();
    assert_eq!(found.len(), 200);

    // An error is told once and ends the scan.
    let mut scan = map.scan_from(u64::MAX, ScanOptions::default());
    let error = scan.next().unwrap().unwrap_err();
    assert_eq!(error.status(), Some(Status::InvalidArgument));
    assert!(scan.next().is_none());
    assert_eq!(scan.cursor(), Some(u64::MAX), "where it failed");
    stop(node);
}

#[test]
fn settings_are_changed_and_read_back_alike_by_both_doors() {
    let node = node(2);
    let client = threads(settings(&node));
    let map = client.dmap("limited");
    let own = map.change_settings("ttl_ms 60000\nkeys_max 10\n").unwrap();
    assert_eq!(own.own.ttl_ms, Setting::Value(60_000));
    assert_eq!(own.effective.idle_ms_max, Setting::None);
    assert_eq!(own.own.idle_ms_max, Setting::Inherit);
    let inside = node.dmap("limited").blocking();
    assert_eq!(inside.settings(), Ok(own));
    map.put("k", 1).unwrap();
    assert!(matches!(map.ttl("k"), Ok(Ttl::Left(_))));
    let again = inside.change_settings("ttl_ms inherit\n").unwrap();
    assert_eq!(again.own.ttl_ms, Setting::Inherit);
    assert_eq!(again.own.keys_max, Setting::Value(10));
    let error = map.change_settings("ttl_ms never\n").unwrap_err();
    assert_eq!(error.status(), Some(Status::InvalidArgument));
    assert_eq!(map.settings(), Ok(again), "nothing is changed");
    let defaults = Command::change_default_settings("ttl_ms 5000").call_blocking(&client);
    assert_eq!(defaults.unwrap().own.ttl_ms, Setting::Value(5000));
    assert_eq!(
        map.settings().unwrap().effective.ttl_ms,
        Setting::Value(5000)
    );
    stop(node);
}
