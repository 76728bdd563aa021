//! Whole runs over real sockets: against a node of this process, and against a RESP server that
//! is honest or lies.
//!
//! Short, and without any demand on speed: what is tested is that the figures add up and that
//! what is wrong is noticed.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "test harness")]

#[path = "../src/loader/tests/fake.rs"]
mod fake;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use argh::FromArgs;
use fake::{Fake, Lie};
use jerboa_bench::args::Args;
use jerboa_bench::plan::Plan;
use jerboa_bench::report::RunReport;
use jerboa_bench::run::{Finished, RunError, run};

fn bench(words: &str) -> Result<Finished, RunError> {
    let words: Vec<&str> = words.split_whitespace().collect();
    let args = Args::from_args(&["jerboa-bench"], &words).expect("a command line");
    run(&Plan::new(&args).expect("a plan"), true)
}

/// A RESP server on a free port, one thread for each connection.
fn serve(lie: Lie) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let fake = Arc::new(Mutex::new(Fake::new(lie)));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let fake = Arc::clone(&fake);
            std::thread::spawn(move || converse(stream.unwrap(), &fake));
        }
    });
    address
}

fn converse(mut stream: TcpStream, fake: &Mutex<Fake>) {
    let mut input = Vec::new();
    let mut chunk = [0; 16 * 1024];
    while let Ok(got @ 1..) = stream.read(&mut chunk) {
        input.extend_from_slice(&chunk[..got]);
        let answers = fake.lock().unwrap().serve(&mut input);
        if stream.write_all(&answers).is_err() {
            return;
        }
    }
}

fn consistent(report: &RunReport) {
    let counted: u64 = report
        .operations
        .values()
        .map(|operation| operation.count)
        .sum();
    assert!(counted > 0 && report.ops_per_s > 0.0, "{report:?}");
    let latency = &report.latency_us;
    let quantiles = [
        latency.p50,
        latency.p90,
        latency.p99,
        latency.p999,
        latency.p9999,
    ];
    assert!(
        quantiles.is_sorted() && quantiles[4] <= latency.max,
        "{latency:?}"
    );
    assert_eq!(
        (report.errors, report.verify_failures),
        (0, 0),
        "{report:?}"
    );
    let text = report.json().unwrap();
    assert_eq!(&serde_json::from_str::<RunReport>(&text).unwrap(), report);
}

const TINY: &str = "--keys 2000 --connections 4 --memory 64MiB";
const SMALL: &str = "--keys 2000 --connections 4 --memory 64MiB --duration 400ms --warmup 100ms";

#[test]
fn a_node_in_this_process_is_loaded_and_measured() {
    for workload in [
        "--workload mixed --depth 8",
        "--workload delete --distribution zipf",
        "--workload incr",
        "--workload multiget --multi-size 20",
        "--workload multiset --ttl 1h",
        "--workload cache-aside",
        "--workload ycsb-d --no-crc",
        "--workload get --any-core",
        "--workload tw-counter23 --value-size 8-300",
    ] {
        let finished = bench(&format!("{SMALL} {workload}")).unwrap();
        assert_eq!(finished.failures, Vec::<String>::new(), "{workload}");
        consistent(&finished.report);
        let noop = finished.report.noop.as_ref().unwrap();
        assert!(noop.ops_per_s > 0.0 && noop.share > 0.0, "{workload}");
        assert!(
            finished.report.server_cpu_us_per_op.unwrap() > 0.0,
            "{workload}"
        );
        assert_eq!(
            finished.report.forwarded, 0,
            "{workload}: routed to the owning core"
        );
    }
}

#[test]
fn requests_reach_every_core_of_a_node_directly() {
    let finished = bench(&format!(
        "{SMALL} --workload mixed --server-cores 0,1 --depth 4"
    ));
    let report = finished.unwrap().report;
    consistent(&report);
    assert_eq!((report.core_ops.len(), report.forwarded), (2, 0));
    assert!(
        report.core_ops.iter().all(|ops| *ops > 0),
        "{:?}",
        report.core_ops
    );
    assert!(report.imbalance.unwrap() < 1.2, "{:?}", report.core_ops);
}

#[test]
fn an_open_loop_offers_what_was_asked_and_reports_it() {
    let finished = bench(&format!("{TINY} --rate 2000 --duration 1s --warmup 100ms")).unwrap();
    consistent(&finished.report);
    assert_eq!(finished.report.offered_ops_per_s, Some(2_000.0));
    let counted: u64 = finished.report.operations.values().map(|op| op.count).sum();
    // Due in the measurement, however late sent and answered: Poisson, deviation 45.
    assert!((1_700..2_300).contains(&counted), "{counted}");
    let (total, service) = (
        finished.report.latency_us,
        finished.report.service_us.unwrap(),
    );
    assert!(
        service.p50 <= total.p50 && service.max <= total.max,
        "{service:?} {total:?}"
    );
}

#[test]
fn a_limited_run_ends_when_its_requests_are_used_up() {
    let finished = bench(&format!("{TINY} --ops 3000 --warmup 0 --duration 60s")).unwrap();
    let counted: u64 = finished.report.operations.values().map(|op| op.count).sum();
    assert_eq!(counted, 3_000);
}

#[test]
fn a_fill_finds_every_key_again() {
    let finished = bench(&format!("{SMALL} --workload fill")).unwrap();
    let audit = finished.report.audit.unwrap();
    assert_eq!((audit.present, audit.missing), (2_000, 0));
    assert_eq!(finished.report.prefill.unwrap().stored, 2_000);
}

const TOO_MANY: &str = "--keys 300000 --value-size 1000 --duration 300ms --warmup 0 \
                        --connections 4 --memory 64MiB";

#[test]
fn a_node_too_small_that_refuses_is_reported_and_not_accused() {
    let words = format!("{TOO_MANY} --node when_full=refuse --workload fill");
    let report = bench(&words).unwrap().report;
    let prefill = report.prefill.unwrap();
    assert!(prefill.refused > 0, "{prefill:?}");
    assert_eq!(report.refused_memory, prefill.refused);
    assert_eq!((report.verify_failures, report.evicted), (0, 0));
    assert_eq!(report.audit.unwrap().missing, prefill.refused);
    let told = |note: &String| note.contains("does not hold all keys");
    assert!(report.notes.iter().any(told), "{:?}", report.notes);
}

#[test]
fn a_node_too_small_that_evicts_is_reported_and_not_accused() {
    let words = format!("{TOO_MANY} --node when_full=evict --workload mixed");
    let report = bench(&words).unwrap().report;
    assert!(report.misses > 0 && report.evicted > 0, "{report:?}");
    assert_eq!((report.verify_failures, report.errors), (0, 0));
    let told = |note: &String| note.contains("evicted");
    assert!(report.notes.iter().any(told), "{:?}", report.notes);
}

const RESP: &str = "--target redis --keys 500 --duration 400ms --warmup 100ms --connections 3";

#[test]
fn an_honest_server_passes_over_sockets() {
    let address = serve(Lie::None);
    let finished = bench(&format!("{RESP} --addr {address} --depth 4 --noop")).unwrap();
    consistent(&finished.report);
    assert_eq!(finished.failures, Vec::<String>::new());
    assert!(finished.report.noop.is_some());
    assert!(finished.report.core_ops.is_empty());
}

#[test]
fn a_lying_server_fails_the_run() {
    for (lie, finding) in [
        (Lie::Stale(100), "stale"),
        (Lie::Forget(100), "lost"),
        (Lie::Foreign(100), "foreign"),
        (Lie::Flip(100), "corrupt"),
    ] {
        let address = serve(lie);
        let mix = "--workload mixed --get-ratio 0.5";
        let report = bench(&format!("{RESP} {mix} --addr {address} --depth 4"))
            .unwrap()
            .report;
        assert!(report.verify[finding] > 0, "{lie:?}: {:?}", report.verify);
        assert_eq!(report.verify[finding], report.verify_failures, "{lie:?}");
    }
    let address = serve(Lie::SkipIncrement(100));
    let report = bench(&format!("{RESP} --workload incr --addr {address}"))
        .unwrap()
        .report;
    assert!(report.verify["counter"] > 0, "{:?}", report.verify);
}

#[test]
fn a_server_that_refuses_is_counted_but_not_accused() {
    let address = serve(Lie::Refuse(10));
    let words = format!("{RESP} --workload mixed --get-ratio 0.5 --addr {address}");
    let report = bench(&words).unwrap().report;
    assert!(report.refused_memory > 0 && report.errors == report.refused_memory);
    assert_eq!(report.verify_failures, 0, "{:?}", report.verify);
    assert!(
        report.errors_text[0].starts_with("OOM"),
        "{:?}",
        report.errors_text
    );
}

#[test]
fn a_server_that_hangs_up_ends_the_run_with_its_reason() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || {
                let mut stream = stream.unwrap();
                let mut chunk = [0; 100];
                let got = stream.read(&mut chunk).unwrap_or(0);
                // Answers the readings, hangs up on the load.
                if chunk[..got].windows(4).any(|word| word == b"INFO") {
                    let _ = stream.write_all(b"$0\r\n\r\n");
                }
            });
        }
    });
    let finished = bench(&format!("{RESP} --addr {address}"));
    match finished {
        Ok(finished) => {
            assert!(!finished.failures.is_empty());
            assert!(finished.report.errors > 0, "{:?}", finished.report);
        }
        Err(error) => assert!(error.to_string().contains(&address.to_string()), "{error}"),
    }
}

#[test]
fn a_server_of_another_kind_is_named_as_the_reason() {
    let address = serve(Lie::None);
    let error = bench(&format!("--keys 2000 --addr {address}"))
        .unwrap_err()
        .to_string();
    assert!(error.contains(&address.to_string()), "{error}");
}
