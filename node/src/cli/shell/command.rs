//! The commands of the shell: one table that runs them, helps with them and completes them.

use super::answer::Answer;
use super::arguments::Arguments;
use super::commands;
use super::fault::Fault;
use super::session::Session;

/// What a command's function does.
pub(crate) type Run = fn(&mut Session, Arguments) -> Result<Answer, Fault>;

/// A command.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) name: &'static str,
    /// Other names, for those who come from elsewhere.
    pub(crate) aliases: &'static [&'static str],
    /// Its words, as `help` shows them.
    pub(crate) words: &'static str,
    /// One line of what it does.
    pub(crate) summary: &'static str,
    /// What else is to be known, with examples; may be empty.
    pub(crate) details: &'static str,
    pub(crate) run: Run,
}

/// Commands about one thing.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) title: &'static str,
    pub(crate) commands: &'static [Command],
}

/// All of them.
pub(crate) const GROUPS: &[Group] = &[
    commands::values::GROUP,
    commands::conditions::GROUP,
    commands::keys::GROUP,
    commands::numbers::GROUP,
    commands::many::GROUP,
    commands::locks::GROUP,
    commands::maps::GROUP,
    commands::channels::GROUP,
    commands::node::GROUP,
    commands::local::GROUP,
];

impl Command {
    /// Name and words.
    pub(crate) fn usage(&self) -> String {
        format!("{} {}", self.name, self.words)
            .trim_end()
            .to_owned()
    }

    /// The words in capital letters that are typed as they stand.
    pub(crate) fn options(&self) -> impl Iterator<Item = &'static str> {
        let cut = |c: char| !c.is_ascii_alphanumeric() && c != '-';
        let mut optional = false;
        self.words
            .split_inclusive(['[', '|', ' ', ']'])
            .filter_map(move |part| {
                let word = part.trim_matches(cut);
                let here = optional;
                optional = part.ends_with(['[', '|']);
                let is_option =
                    here && word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase());
                is_option.then_some(word)
            })
    }
}

/// All commands.
pub(crate) fn all() -> impl Iterator<Item = &'static Command> {
    GROUPS.iter().flat_map(|group| group.commands)
}

/// The command of this name, in whatever case.
pub(crate) fn find(name: &[u8]) -> Result<&'static Command, Fault> {
    let name = String::from_utf8_lossy(name).to_lowercase();
    let is_called = |command: &&Command| {
        command.name == name || command.aliases.iter().any(|alias| *alias == name)
    };
    all().find(is_called).ok_or_else(|| {
        let names = all().flat_map(|command| {
            std::iter::once(command.name).chain(command.aliases.iter().copied())
        });
        let nearest = jerboa::config::nearest(&name, names);
        Fault::Unknown { nearest, name }
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_is_one_commands_alone_and_every_command_explains_itself() {
        let mut names = BTreeSet::new();
        for command in all() {
            for name in std::iter::once(&command.name).chain(command.aliases) {
                assert!(names.insert(*name), "{name} twice");
                assert_eq!(find(name.as_bytes()).unwrap().name, command.name);
                assert_eq!(*name, name.to_lowercase());
            }
            assert!(!command.summary.is_empty() && !command.summary.ends_with('.'));
            assert!(command.details.is_empty() || command.details.ends_with('\n'));
        }
    }

    #[test]
    fn every_operation_of_the_protocol_has_a_command() {
        // What is no operation of its own for a person.
        let none = ["Hello", "Message"];
        let texts: Vec<String> = all()
            .map(|command| format!("{} {}", command.summary, command.details))
            .collect();
        for opcode in jerboa_wire::Opcode::ALL {
            let name = format!("({})", opcode.name());
            assert!(
                none.contains(&opcode.name()) || texts.iter().any(|text| text.contains(&name)),
                "no command says that it does {name}"
            );
        }
    }

    #[test]
    fn options_are_the_words_in_brackets_that_are_typed_as_they_stand() {
        let put = find(b"PUT").unwrap();
        let options: Vec<_> = put.options().collect();
        assert_eq!(
            options,
            [
                "NX", "XX", "GET", "EX", "PX", "EXAT", "PXAT", "NEVER", "KEEPTTL"
            ]
        );
    }

    #[test]
    fn a_mistyped_name_is_answered_with_the_one_that_was_meant() {
        let Err(Fault::Unknown { nearest, .. }) = find(b"gte") else {
            panic!("gte is no command");
        };
        assert_eq!(nearest, Some("get"));
    }
}
