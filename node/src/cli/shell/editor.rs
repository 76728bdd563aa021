//! The line editor: completion of commands, options and help topics, the words of a command as a
//! hint, and a history that outlives the shell.

use std::env;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor, Helper};

use super::command;
use super::help::TOPICS;

/// Lines kept.
const HISTORY_LINES: usize = 1000;
/// What the owner of the history may do, and nobody else anything.
const OWNERS_FILE: u32 = 0o600;
const OWNERS_FOLDER: u32 = 0o700;

/// What a person typed.
pub(super) enum Typed {
    Line(String),
    /// Ctrl-C: this line is not meant.
    Nothing,
    /// Ctrl-D: the end.
    End,
}

/// The editor with its history.
pub(super) struct LineEditor {
    editor: Editor<Words, FileHistory>,
    history: Option<PathBuf>,
}

impl LineEditor {
    /// An editor on this terminal. A history that cannot be read is none; `keep_history` is false
    /// where nothing is to be kept.
    pub(super) fn new(keep_history: bool) -> Result<Self, ReadlineError> {
        let config = Config::builder()
            .max_history_size(HISTORY_LINES)?
            .history_ignore_space(true)
            .completion_type(CompletionType::List)
            .build();
        let mut editor = Editor::with_config(config)?;
        editor.set_helper(Some(Words));
        let history = history_file().filter(|_| keep_history);
        if let Some(file) = &history {
            // None yet, or none that can be read: the shell works without.
            let _ = editor.load_history(file);
        }
        Ok(Self { editor, history })
    }

    /// The next line.
    pub(super) fn read(&mut self, prompt: &str) -> Result<Typed, ReadlineError> {
        match self.editor.readline(prompt) {
            Ok(line) => {
                if !line.trim().is_empty() {
                    self.editor.add_history_entry(&line)?;
                    self.save();
                }
                Ok(Typed::Line(line))
            }
            Err(ReadlineError::Interrupted) => Ok(Typed::Nothing),
            Err(ReadlineError::Eof) => Ok(Typed::End),
            Err(error) => Err(error),
        }
    }

    /// Keeps the history, for its owner's eyes only: values may be secrets. Failing to is no reason
    /// to disturb a person at work.
    fn save(&mut self) {
        let Some(file) = &self.history else { return };
        if make_private(file).is_ok() {
            let _ = self.editor.append_history(file);
        }
    }
}

/// Has a file that only its owner can read, in a folder that only its owner can enter, before
/// anything is written to it. Parents of the folder that are there stay as they are.
fn make_private(file: &Path) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(OWNERS_FOLDER)
            .create(folder)?;
        restrict(&File::open(folder)?, OWNERS_FOLDER)?;
    }
    let file = File::options()
        .append(true)
        .create(true)
        .mode(OWNERS_FILE)
        .open(file)?;
    // Somebody may have put a device there, which keeps nothing and is for others too.
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    restrict(&file, OWNERS_FILE)
}

/// Takes from others what they may do with what is open here.
fn restrict(file: &File, mode: u32) -> io::Result<()> {
    let now = file.metadata()?.permissions().mode() & 0o7777;
    if now & !mode == 0 {
        return Ok(());
    }
    file.set_permissions(fs::Permissions::from_mode(now & mode))
}

/// Where the history is: `$XDG_STATE_HOME/jerboa/history`, or under `~/.local/state`.
pub(super) fn history_file() -> Option<PathBuf> {
    let absolute = |name| {
        let path = env::var_os(name).map(PathBuf::from)?;
        path.is_absolute().then_some(path)
    };
    let state = absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("jerboa/history"))
}

/// What the editor knows of the commands.
struct Words;

impl Helper for Words {}
impl Highlighter for Words {}
impl Validator for Words {}

impl Completer for Words {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> Result<(usize, Vec<String>), ReadlineError> {
        let before = line.get(..position).unwrap_or(line);
        Ok(complete(before))
    }
}

/// Where the word begins that is being typed, and what it may become.
fn complete(before: &str) -> (usize, Vec<String>) {
    let start = before.rfind(char::is_whitespace).map_or(0, |at| at + 1);
    let (typed, first) = (&before[start..], before[..start].trim_start());
    let names = || command::all().map(|command| command.name);
    let fitting = |word: &&str| {
        word.get(..typed.len())
            .is_some_and(|front| front.eq_ignore_ascii_case(typed))
    };
    let words: Vec<&str> = if first.is_empty() {
        names().filter(fitting).collect()
    } else {
        let name = first.split_whitespace().next().unwrap_or_default();
        match command::find(name.as_bytes()) {
            Ok(command) if command.name == "help" => {
                let topics = TOPICS.iter().map(|(topic, _)| *topic);
                names().chain(topics).filter(fitting).collect()
            }
            Ok(command) => command.options().filter(fitting).collect(),
            Err(_) => Vec::new(),
        }
    };
    let words = words.into_iter().map(|word| format!("{word} "));
    (start, words.collect())
}

impl Hinter for Words {
    type Hint = String;

    fn hint(&self, line: &str, position: usize, _: &Context<'_>) -> Option<String> {
        if position < line.len() {
            return None;
        }
        let name = line.strip_suffix(' ')?;
        let command = command::find(name.as_bytes()).ok()?;
        (!command.words.is_empty()).then(|| command.words.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_history_is_its_owners_alone_before_anything_is_in_it() {
        let home = env::temp_dir().join(format!("jerboa-private-{}", std::process::id()));
        let _ = fs::remove_dir_all(&home);
        let file = home.join("state/jerboa/history");
        let folder = file.parent().unwrap();
        make_private(&file).unwrap();
        assert_eq!((mode(folder), mode(&file)), (0o700, 0o600));

        // What is there is kept, and closed to others.
        fs::write(&file, "get k\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
        make_private(&file).unwrap();
        assert_eq!((mode(folder), mode(&file)), (0o700, 0o600));
        assert_eq!(fs::read(&file).unwrap(), b"get k\n");

        // Nothing is kept where it could not be private, and no device is closed to others.
        let device = folder.join("device");
        std::os::unix::fs::symlink("/dev/null", &device).unwrap();
        let before = mode(&device);
        assert!(make_private(&device).is_err());
        assert_eq!(mode(&device), before);
        assert!(make_private(&file.join("below a file")).is_err());
        fs::remove_dir_all(&home).unwrap();
    }

    #[test]
    fn commands_options_and_topics_are_completed_where_they_stand() {
        let (start, words) = complete("pe");
        assert_eq!((start, words), (0, vec!["persist ".to_owned()]));
        let (start, words) = complete("put k v p");
        assert_eq!(
            (start, words),
            (8, vec!["PX ".to_owned(), "PXAT ".to_owned()])
        );
        let (_, words) = complete("help qu");
        assert_eq!(words, ["quoting "]);
        assert_eq!(complete("nonsense x").1, Vec::<String>::new());
        assert!(complete("").1.len() > 30);
        assert_eq!(complete("get é").0, 4);
    }
}
