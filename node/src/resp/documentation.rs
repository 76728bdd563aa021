//! What COMMAND DOCS tells of the commands beside what the table of commands holds: since when they
//! are there, what they cost, which arguments they take.
//!
//! It stands in text files, one for each family, and is read when it is first asked for:
//!
//! ```text
//! set 1.0.0 string O(1)                          name, since, group, complexity
//!     ! history 6.0.0 KEEPTTL                    what came later
//!     ! categories @string                       of access lists, beside those that flags imply
//!     ! tips request_policy:all_shards           for clients of clusters
//!     ! deprecated 6.2.0 `GETRANGE`              since when, and what to use in its place
//!     ! syscmd                                   not for applications
//!     condition oneof optional since=2.6.12      an argument: name, kind, marks
//!         nx pure-token token=NX                 one of its parts
//! ```
//! Versions are Redis' where the command is Redis', and this project's for its own. Names, kinds and
//! marks of arguments are those that Redis tells: `node/tests/resp_differential/documentation.rs`
//! compares them.

mod read;

use std::collections::HashMap;
use std::sync::LazyLock;

use super::command::Command;

/// What is told of a command.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Documentation {
    pub(crate) since: &'static str,
    pub(crate) group: &'static str,
    pub(crate) complexity: &'static str,
    /// Versions, and what each brought.
    pub(crate) history: Vec<(&'static str, &'static str)>,
    /// Since when, and what is to be used in its place.
    pub(crate) deprecated: Option<(&'static str, &'static str)>,
    /// It is not for applications.
    pub(crate) is_for_system: bool,
    /// Of access lists, beside those that the flags imply.
    pub(crate) categories: Vec<&'static str>,
    pub(crate) tips: Vec<&'static str>,
    pub(crate) arguments: Vec<Argument>,
}

/// One argument, or several that belong together.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Argument {
    pub(crate) name: &'static str,
    /// `string`, `oneof` and so on.
    pub(crate) kind: &'static str,
    /// The word before it, or that it is.
    pub(crate) token: Option<&'static str>,
    pub(crate) since: Option<&'static str>,
    pub(crate) deprecated: Option<&'static str>,
    /// `optional`, `multiple`, `multiple_token`, in this order.
    pub(crate) flags: Vec<&'static str>,
    pub(crate) parts: Vec<Self>,
}

const FILES: [&str; 9] = [
    include_str!("documentation/strings.txt"),
    include_str!("documentation/keys.txt"),
    include_str!("documentation/connection.txt"),
    include_str!("documentation/client.txt"),
    include_str!("documentation/introspection.txt"),
    include_str!("documentation/cluster.txt"),
    include_str!("documentation/administration.txt"),
    include_str!("documentation/maps.txt"),
    include_str!("documentation/pubsub.txt"),
];

static ALL: LazyLock<HashMap<&'static str, Documentation>> = LazyLock::new(|| {
    // A test makes sure that every line can be read and every command is there.
    FILES
        .into_iter()
        .flat_map(|text| read::all(text).0)
        .collect()
});

static NONE: LazyLock<Documentation> = LazyLock::new(Documentation::default);

/// What is told of a command or a subcommand.
pub(crate) fn of(command: &Command) -> &'static Documentation {
    ALL.get(command.name).unwrap_or(&NONE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::command::numbered;

    #[test]
    fn every_line_can_be_read_and_every_command_is_told_of_once() {
        let mut told = Vec::new();
        for file in FILES {
            let (read, unread) = read::all(file);
            assert_eq!(unread, Vec::<&str>::new());
            told.extend(read.into_iter().map(|(name, _)| name));
        }
        told.sort_unstable();
        let mut commands: Vec<_> = numbered().map(|command| command.name).collect();
        commands.sort_unstable();
        assert_eq!(told, commands);
    }

    #[test]
    fn what_is_told_of_an_argument_fits_together() {
        const KINDS: [&str; 9] = [
            "string",
            "integer",
            "double",
            "key",
            "pattern",
            "unix-time",
            "pure-token",
            "oneof",
            "block",
        ];
        fn check(command: &str, argument: &Argument) {
            let said = format!("{command}: {argument:?}");
            assert!(KINDS.contains(&argument.kind), "{said}");
            let has_parts = matches!(argument.kind, "oneof" | "block");
            assert_eq!(has_parts, !argument.parts.is_empty(), "{said}");
            assert!(
                argument.kind != "pure-token" || argument.token.is_some(),
                "{said}"
            );
            argument.parts.iter().for_each(|part| check(command, part));
        }
        for command in numbered() {
            let told = of(command);
            assert!(!told.complexity.is_empty(), "{}", command.name);
            let versions = [told.since]
                .into_iter()
                .chain(told.history.iter().map(|(since, _)| *since));
            for version in versions {
                let numbers: Vec<_> = version.split('.').map(str::parse::<u32>).collect();
                assert!(
                    numbers.len() == 3 && numbers.iter().all(Result::is_ok),
                    "{version}"
                );
            }
            told.arguments
                .iter()
                .for_each(|argument| check(command.name, argument));
            // Those that only have subcommands take what these do.
            let alone = 1 + command.name.matches('|').count();
            let takes_some = command.arity < 0 || usize::from(command.arity.unsigned_abs()) > alone;
            let takes_some = takes_some && command.subcommands.is_empty();
            if command.name != "debug" && command.name != "quit" {
                assert_eq!(takes_some, !told.arguments.is_empty(), "{}", command.name);
            }
        }
    }
}
