//! The command line: what `jerboa` was asked to do.
//!
//! `jerboa` alone serves with the defaults. Every setting of [`Config`] is a flag of `serve`, with
//! the name and the words of its key; flags win over the file.

mod connection;
mod serve;
mod shell;
mod top;
mod verify;

use std::path::PathBuf;

use argh::FromArgs;
use jerboa::config::{Config, ConfigError};

pub(crate) use serve::Serve;
pub(crate) use shell::Cli;
pub(crate) use top::Top;
pub(crate) use verify::Verify;

/// Thread-per-core in-memory key/value store.
#[derive(FromArgs, Debug)]
pub(crate) struct Arguments {
    /// print the version and exit
    #[argh(switch)]
    pub(crate) version: bool,
    /// what to do; without it: serve
    #[argh(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What to do.
#[derive(FromArgs, Debug)]
#[argh(subcommand)]
pub(crate) enum Command {
    Serve(Box<Serve>),
    CheckConfig(CheckConfig),
    Verify(Verify),
    Cli(Cli),
    Top(Top),
}

/// Print the effective configuration; fails with the first thing that is wrong with it.
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "check-config")]
pub(crate) struct CheckConfig {
    /// TOML file to read; without it: the defaults
    #[argh(option)]
    pub(crate) config: Option<PathBuf>,
}

impl CheckConfig {
    /// The effective configuration, valid.
    pub(crate) fn load(&self) -> Result<Config, ConfigError> {
        let config = base(self.config.as_ref())?;
        config.validate()?;
        Ok(config)
    }
}

/// The defaults, or those overlaid with a file.
fn base(file: Option<&PathBuf>) -> Result<Config, ConfigError> {
    file.map_or_else(|| Ok(Config::default()), |path| Config::from_file(path))
}
