//! The shell's help: the list of commands, one command in full, and two topics.

use std::fmt::Write;

use super::command::{self, GROUPS};
use super::fault::Fault;

const QUOTING: &str = "\
Words are separated by spaces; quotes of both kinds hold a word together. Outside single quotes a
backslash begins an escape: \\n \\r \\t \\0, \\xHH for any byte, and a backslash before a quote, a space,
a # or another backslash stands for that itself. \"\" is the empty word. A word that begins with #
begins a comment.
Keys and values are shown in the same way, so that what is shown can be typed again.
Where the command stands on the command line of `jerboa cli`, the words are taken as they are, without
escapes; `--escapes` reads them there too, and `-x` takes the last word from the standard input.
Where the output is no terminal, a value that is the whole answer is written as it is, and a newline.
";

const EXIT_STATUS: &str = "\
0  done, and the answer is yes
1  the answer is no: the key is absent, or present, or another value is there, or the lock is taken
2  the command or the command line is wrong; nothing was sent
3  the node refused it
4  the node did not answer; the message says whether it may have been done
With several commands on the standard input it is the largest of theirs.
";

/// Topics beside the commands.
pub(crate) const TOPICS: &[(&str, &str)] = &[("quoting", QUOTING), ("exit-status", EXIT_STATUS)];

/// The list, or the help for one command or topic.
pub(crate) fn of(topic: Option<&[u8]>) -> Result<String, Fault> {
    let Some(topic) = topic else {
        return Ok(list());
    };
    let lower = String::from_utf8_lossy(topic).to_lowercase();
    if let Some((_, text)) = TOPICS.iter().find(|(name, _)| *name == lower) {
        return Ok((*text).to_owned());
    }
    let command = command::find(topic)?;
    let mut out = format!("{}\n    {}\n", command.usage(), command.summary);
    if !command.aliases.is_empty() {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "    also: {}", command.aliases.join(", "));
    }
    out.push_str(command.details);
    Ok(out)
}

fn list() -> String {
    let mut out = String::new();
    let width = command::all().map(|command| command.name.len()).max();
    for group in GROUPS {
        let _ = writeln!(out, "{}", group.title);
        for command in group.commands {
            let _ = writeln!(
                out,
                "  {:<width$}  {}",
                command.name,
                command.summary,
                width = width.unwrap_or(0)
            );
        }
    }
    out.push_str("`help COMMAND` tells more, `help quoting` how keys and values are written.\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_and_topic_is_listed_and_has_help() {
        let all = of(None).unwrap();
        for command in command::all() {
            assert!(all.contains(command.summary));
            let text = of(Some(command.name.as_bytes())).unwrap();
            assert!(text.starts_with(command.name) && text.contains(command.summary));
        }
        for (topic, _) in TOPICS {
            assert!(of(Some(topic.as_bytes())).is_ok());
        }
        assert!(of(Some(b"weather")).is_err());
    }
}
