//! The `jerboa` binary: arguments in, a node out, exit status 0 after a drained stop and 1 on
//! anything else.
//!
//! Order matters: signals are blocked before the first thread exists, and stdout carries the
//! `ready` line only once every core serves.

mod cli;
mod logging;
mod signals;

use std::error::Error;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use jerboa::Node;
use jerboa::config::Config;

use cli::{Arguments, Command};

fn main() -> ExitCode {
    let arguments: Arguments = argh::from_env();
    if arguments.version {
        return print(concat!("jerboa ", env!("CARGO_PKG_VERSION"), "\n"));
    }
    match arguments.command {
        Some(Command::CheckConfig(check)) => match check.load() {
            Ok(config) => print(&config.to_toml()),
            Err(error) => refuse(&error),
        },
        Some(Command::Verify(verify)) => match verify.run() {
            Ok(counted) => print(&counted),
            Err(error) => refuse(&error),
        },
        Some(Command::Cli(cli)) => cli.run(),
        Some(Command::Top(top)) => top.run(),
        Some(Command::Serve(serve)) => serve.load().map_or_else(
            |error| refuse(&error),
            |config| run(config, serve.file().unwrap_or_default()),
        ),
        None => run(Config::default(), PathBuf::new()),
    }
}

/// Serves until told to stop. Errors from here on go through the log, whatever its format.
fn run(config: Config, file: PathBuf) -> ExitCode {
    logging::start(&config);
    match serve(config, file) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("cannot serve: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(config: Config, file: PathBuf) -> Result<(), Box<dyn Error>> {
    let signals = signals::block()?;
    let builder = Node::builder().config(config).config_file(file);
    let node = builder.listen().start()?;
    let stopper = node.stopper();
    signals.watch(move || stopper.stop())?;
    let addresses = node.addresses();
    print(&ready_line(addresses.any_core, &addresses.cores));
    node.join()?;
    Ok(())
}

/// One line that scripts wait for: `ready node=HOST:PORT cores=HOST:PORT,…`.
fn ready_line(node: SocketAddr, cores: &[SocketAddr]) -> String {
    let cores: Vec<String> = cores.iter().map(SocketAddr::to_string).collect();
    format!("ready node={node} cores={}\n", cores.join(","))
}

fn refuse(error: &dyn Error) -> ExitCode {
    eprintln!("jerboa: {error}");
    ExitCode::FAILURE
}

/// A reader that went away is not worth failing for, but worth a status.
fn print(text: &str) -> ExitCode {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_line_is_what_scripts_parse() {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        assert_eq!(
            ready_line(at(7400), &[at(7401), at(7402)]),
            "ready node=127.0.0.1:7400 cores=127.0.0.1:7401,127.0.0.1:7402\n"
        );
    }
}
