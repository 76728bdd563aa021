//! Reads the files of the documentation: lines, and by their indentation what belongs to what.

use super::{Argument, Documentation};

/// Spaces of one level.
const INDENT: usize = 4;

/// What a file tells of each of its commands; and the lines that nothing was made of.
pub(super) fn all(text: &'static str) -> (Vec<(&'static str, Documentation)>, Vec<&'static str>) {
    let mut commands = Vec::<(&str, Documentation)>::new();
    let mut unread = Vec::new();
    for line in text.lines() {
        let words = line.trim_start();
        let level = (line.len() - words.len()) / INDENT;
        let taken = match (level, commands.last_mut()) {
            (0, _) => head(words).map(|head| commands.push(head)),
            (_, None) => None,
            (_, Some((_, command))) => match words.strip_prefix("! ") {
                Some(remark) => remarked(remark, command),
                None => argued(words, level, &mut command.arguments),
            },
        };
        if taken.is_none() {
            unread.push(line);
        }
    }
    (commands, unread)
}

fn head(line: &'static str) -> Option<(&'static str, Documentation)> {
    let mut words = line.splitn(4, ' ');
    let (name, since, group) = (words.next()?, words.next()?, words.next()?);
    let told = Documentation {
        since,
        group,
        complexity: words.next()?,
        ..Documentation::default()
    };
    Some((name, told))
}

fn remarked(remark: &'static str, told: &mut Documentation) -> Option<()> {
    let (kind, rest) = remark.split_once(' ').unwrap_or((remark, ""));
    match kind {
        "history" => told.history.push(rest.split_once(' ')?),
        "deprecated" => told.deprecated = Some(rest.split_once(' ')?),
        "syscmd" => told.is_for_system = true,
        "categories" => told.categories = rest.split(' ').collect(),
        "tips" => told.tips = rest.split(' ').collect(),
        _ => return None,
    }
    Some(())
}

/// An argument at its level, below the last one of the level above.
fn argued(line: &'static str, level: usize, arguments: &mut Vec<Argument>) -> Option<()> {
    if level > 1 {
        let above = arguments.last_mut()?;
        return argued(line, level - 1, &mut above.parts);
    }
    let mut words = line.split(' ');
    let mut argument = Argument {
        name: words.next()?,
        kind: words.next()?,
        ..Argument::default()
    };
    for mark in words {
        match mark.split_once('=') {
            Some(("token", token)) => argument.token = Some(token),
            Some(("since", version)) => argument.since = Some(version),
            Some(("deprecated", version)) => argument.deprecated = Some(version),
            Some(_) => return None,
            None => match mark {
                "optional" | "multiple" | "multiple_token" => argument.flags.push(mark),
                _ => return None,
            },
        }
    }
    arguments.push(argument);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_together_is_told_by_the_indentation() {
        let (read, unread) = all("a 1.0.0 string O(1)\n    ! history 2.0.0 more of it\n    \
             one oneof optional since=1.2.0\n        x pure-token token=X\n        \
             y block\n            z key multiple\n    two string\nb 2.0.0 map O(N), N being much\n");
        assert_eq!(unread, Vec::<&str>::new());
        let (_, a) = &read[0];
        assert_eq!(a.history, [("2.0.0", "more of it")]);
        let [one, two] = &a.arguments[..] else {
            panic!("{:?}", a.arguments)
        };
        assert_eq!(
            (one.flags.as_slice(), one.since),
            (&["optional"][..], Some("1.2.0"))
        );
        assert_eq!(one.parts[1].parts[0].name, "z");
        assert_eq!(two.kind, "string");
        assert_eq!(read[1].1.complexity, "O(N), N being much");
    }

    #[test]
    fn a_line_that_means_nothing_is_told_apart() {
        let text = "a 1.0.0\n    lost string\na 1.0.0 x O(1)\n    ! novel 1 2\n    b\n    b c d\n";
        assert_eq!(all(text).1.len(), 5);
    }
}
