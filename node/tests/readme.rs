//! Fear: the README shows code that no longer compiles or no longer works.
//!
//! The lines between two markers here stand in the README as they are here.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use std::time::Duration;

use common::config;
use jerboa::Node;
use jerboa_wire::client::PutOptions;

type Outcome = Result<(), Box<dyn std::error::Error>>;

const README: &str = include_str!("../../README.md");
const HERE: &str = include_str!("readme.rs");

/// The lines of this file behind the marker of this name, without their indentation.
fn shown(name: &str) -> String {
    let marker = format!("// README {name}\n");
    let (_, behind) = HERE.split_once(&marker).unwrap();
    let (lines, _) = behind.split_once("        // README end").unwrap();
    lines
        .lines()
        .map(|line| format!("{}\n", line.strip_prefix("        ").unwrap_or(line)))
        .collect()
}

#[test]
fn the_readme_shows_the_code_that_is_tested_here() {
    // In halves, so that this line is no marker itself.
    let names: Vec<&str> = HERE
        .lines()
        .filter_map(|line| line.trim().strip_prefix("// README "))
        .filter(|name| *name != "end")
        .collect();
    assert_eq!(names, ["client", "inside", "redis"]);
    for name in names {
        let shown = shown(name);
        assert!(README.contains(&shown), "{name}:\n{shown}");
    }
    let blocks = README.matches("```rust").count();
    assert_eq!(
        blocks, 3,
        "every block of Rust in the README is tested here"
    );
}

/// Those in other languages need what is not in the toolchain: that script runs them.
#[test]
fn every_block_of_another_language_is_run_by_the_script_that_tries_clients() {
    let script = include_str!("../../scripts/resp-clients.sh");
    let opened: Vec<&str> = README
        .lines()
        .filter_map(|line| line.strip_prefix("```"))
        .step_by(2)
        .collect();
    for language in opened {
        // A command line and a line of Cargo.toml are no programs.
        if ["rust", "sh", "toml", ""].contains(&language) {
            continue;
        }
        let blocks = README.matches(&format!("```{language}\n")).count();
        assert_eq!(blocks, 1, "the script runs one block of {language}");
        let runs = format!("as_the_readme_shows {language} ");
        assert!(
            script.contains(&runs),
            "nobody runs the README's {language}"
        );
    }
}

#[rustfmt::skip]
mod snippets {
    use super::{Duration, Outcome, PutOptions};

    pub(super) fn client() -> Outcome {
        // README client
        let client = jerboa_wire::client::blocking::Client::connect(["127.0.0.1:7400"])?;
        let sessions = client.dmap("sessions");
        sessions.put_with("alice", "token", PutOptions::expire_after(Duration::from_secs(60)))?;
        assert_eq!(sessions.get("alice")?, Some("token".to_owned()));
        // README end
        Ok(())
    }

    pub(super) async fn inside() -> Outcome {
        // README inside
        let node = jerboa::Node::builder().cores(2.into()).memory(256 << 20).start()?;
        let orders = node.dmap("orders");                       // Send + Sync + Clone
        orders.put("17", "paid").await?;
        let state: Option<String> = orders.blocking().get("17")?;
        node.shutdown().await?;                                 // or drop it: threads and memory are gone
        // README end
        assert_eq!(state.as_deref(), Some("paid"));
        Ok(())
    }

    pub(super) fn redis() -> Outcome {
        // README redis
        use redis::Commands;                                           // Rust: redis-rs
        let client = redis::cluster::ClusterClient::new(vec!["redis://127.0.0.1:7401"])?;
        let mut cluster = client.get_connection()?;
        cluster.set_ex::<_, _, ()>("user:3", "Cy", 60)?;
        let name: Option<String> = cluster.get("user:3")?;
        // README end
        assert_eq!(name.as_deref(), Some("Cy"));
        Ok(())
    }
}

#[test]
fn the_code_for_inside_a_process_works() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(snippets::inside()).unwrap();
}

/// The other two go to the default ports: they are run where those are free.
#[test]
fn the_code_of_clients_works() {
    let default_ports = jerboa::config::Config {
        port: 7400,
        ..config(1)
    };
    let Ok(_node) = Node::start(&default_ports) else {
        println!("ports 7400 and 7401 are taken: the clients' code was compiled, but not run");
        return;
    };
    snippets::client().unwrap();
    snippets::redis().unwrap();
}
