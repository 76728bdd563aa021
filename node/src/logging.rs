//! Log records: from `tracing` to stderr, as text for people or JSON for collectors.
//!
//! stdout carries nothing but the `ready` line, which scripts wait for.

use std::io::{self, IsTerminal};

use jerboa::config::{Config, LogFormat, LogLevel};
use tracing::level_filters::LevelFilter;

/// Starts logging for the whole process. A subscriber that is there already stays.
pub(crate) fn start(config: &Config) {
    let builder = tracing_subscriber::fmt()
        .with_max_level(level(config.log_level))
        .with_writer(io::stderr)
        .with_target(false);
    let started = match config.log_format {
        LogFormat::Text => builder.with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    if let Err(error) = started {
        tracing::warn!(%error, "logging was set up already");
    }
}

fn level(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}
