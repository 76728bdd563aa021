//! The table of commands: what is known of each, and how its name is found.

use std::sync::LazyLock;

use jerboa_wire::resp::Writer;

use super::call::{Asked, Call, Here};
use super::clients::ClientQuery;
use super::commands;
use super::refusal::Refusal;
use super::session::Client;

/// Bit set of what a command is like, with the names that COMMAND uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Flags(u16);

macro_rules! flags {
    ($($name:ident = $bit:literal, $text:literal;)+) => {
        impl Flags {
            $(pub(crate) const $name: Self = Self(1 << $bit);)+

            /// Every flag with its name.
            pub(crate) const NAMES: &'static [(Self, &'static str)] =
                &[$((Self(1 << $bit), $text),)+];
        }
    };
}

flags! {
    WRITE = 0, "write";
    READ = 1, "readonly";
    MEMORY = 2, "denyoom";
    ADMIN = 3, "admin";
    NO_SCRIPT = 5, "noscript";
    LOADING = 6, "loading";
    STALE = 7, "stale";
    FAST = 8, "fast";
    NO_AUTH = 9, "no_auth";
    CHANNELS = 10, "pubsub";
    BUSY = 11, "allow_busy";
}

impl Flags {
    pub(crate) const NONE: Self = Self(0);
    /// Of what says only how the server is.
    pub(crate) const ALWAYS: Self = Self::LOADING.and(Self::STALE);
    /// Of what operators do.
    pub(crate) const OPERATOR: Self = Self::ADMIN.and(Self::NO_SCRIPT).and(Self::ALWAYS);

    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The names of the flags that are set.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        let set = Self::NAMES
            .iter()
            .filter(move |(flag, _)| self.contains(*flag));
        set.map(|(_, name)| *name)
    }
}

/// Which arguments are keys: from `first` to `last` (negative: counted from the end) by `step`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Keys {
    pub(crate) first: i8,
    pub(crate) last: i8,
    pub(crate) step: i8,
}

impl Keys {
    pub(crate) const NONE: Self = Self::new(0, 0, 0);
    pub(crate) const FIRST: Self = Self::new(1, 1, 1);
    pub(crate) const ALL: Self = Self::new(1, -1, 1);
    /// Keys and values in turn.
    pub(crate) const PAIRS: Self = Self::new(1, -1, 2);

    pub(crate) const fn new(first: i8, last: i8, step: i8) -> Self {
        Self { first, last, step }
    }

    /// The numbers of the arguments that are keys, of so many in all.
    pub(crate) fn of(self, arguments: usize) -> impl Iterator<Item = usize> {
        let last = if self.last < 0 {
            arguments.saturating_sub(usize::from(self.last.unsigned_abs()))
        } else {
            usize::from(self.last.unsigned_abs()).min(arguments.saturating_sub(1))
        };
        let step = usize::from(self.step.unsigned_abs()).max(1);
        let first = usize::from(self.first.unsigned_abs());
        let end = if first == 0 { 0 } else { last + 1 };
        (first..end.max(first)).step_by(step)
    }
}

/// A command's function that makes one request out of it. Where the request's value section is not
/// an argument as it came, the function writes it into the buffer.
pub(crate) type Translate =
    for<'p, 'a> fn(&Call<'p, 'a>, &mut Vec<u8>) -> Result<Asked<'a>, Refusal>;
/// One that answers where the command is read.
pub(crate) type Answer = fn(&mut Here<'_>, &Call<'_, '_>, &mut Writer<'_>) -> Result<(), Refusal>;

/// One that is about connections of all cores: which of them.
pub(crate) type Ask = fn(&Client, &Call<'_, '_>) -> Result<ClientQuery, Refusal>;

/// What a command does about channels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Channels {
    Subscribe,
    Unsubscribe,
    PatternSubscribe,
    PatternUnsubscribe,
    ShardSubscribe,
    ShardUnsubscribe,
    ShardPublish,
}

/// How a command is executed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Run {
    /// As one request.
    Request(Translate),
    /// Here and now, without the engine.
    Here(Answer),
    /// As what it does about channels, which is the worker's to do.
    Channels(Channels),
    /// As a look at the connections of all cores.
    Clients(Ask),
    /// By the subcommand that argument 1 names.
    Container,
}

/// One command, or subcommand.
#[derive(Debug)]
pub(crate) struct Command {
    /// In lower case; that of a subcommand begins with its container's: `client|id`.
    pub(crate) name: &'static str,
    /// Arguments, the name (and the subcommand's) included; negative: at least so many.
    pub(crate) arity: i8,
    pub(crate) flags: Flags,
    pub(crate) keys: Keys,
    /// What it does, in a sentence.
    pub(crate) summary: &'static str,
    pub(crate) run: Run,
    pub(crate) subcommands: &'static [Self],
}

impl Command {
    /// A command on no key.
    pub(crate) const fn new(
        name: &'static str,
        arity: i8,
        flags: Flags,
        run: Run,
        summary: &'static str,
    ) -> Self {
        Self {
            name,
            arity,
            flags,
            keys: Keys::NONE,
            summary,
            run,
            subcommands: &[],
        }
    }

    /// A command that only has subcommands.
    pub(crate) const fn container(
        name: &'static str,
        subcommands: &'static [Self],
        summary: &'static str,
    ) -> Self {
        let mut command = Self::new(name, -2, Flags::NONE, Run::Container, summary);
        command.subcommands = subcommands;
        command
    }

    /// The same command, which has these subcommands too.
    pub(crate) const fn with(mut self, subcommands: &'static [Self]) -> Self {
        self.subcommands = subcommands;
        self
    }

    /// The same command, which is like this.
    pub(crate) const fn flags(mut self, flags: Flags) -> Self {
        self.flags = flags;
        self
    }

    /// The same command, whose keys are these.
    pub(crate) const fn keys(mut self, keys: Keys) -> Self {
        self.keys = keys;
        self
    }

    /// Whether so many arguments are right.
    #[inline]
    pub(crate) const fn takes(&self, arguments: usize) -> bool {
        let needed = self.arity.unsigned_abs() as usize;
        if self.arity < 0 {
            arguments >= needed
        } else {
            arguments == needed
        }
    }

    /// The name of a subcommand without its container's.
    pub(crate) fn last_name(&self) -> &'static str {
        self.name.rsplit('|').next().unwrap_or(self.name)
    }

    /// The subcommand of this name, in whatever case.
    pub(crate) fn subcommand(&self, name: &[u8]) -> Option<&'static Self> {
        let place = self.place_of_subcommand(name)?;
        self.subcommands.get(place)
    }

    fn place_of_subcommand(&self, name: &[u8]) -> Option<usize> {
        let mut all = self.subcommands.iter();
        all.position(|command| command.last_name().as_bytes().eq_ignore_ascii_case(name))
    }

    /// The same with its number, where the container's is known.
    pub(crate) fn numbered_subcommand(
        &self,
        name: &[u8],
        own: CommandNumber,
    ) -> Option<(&'static Self, CommandNumber)> {
        let place = self.place_of_subcommand(name)?;
        let number = CommandNumber(own.0 + 1 + place as u16);
        Some((self.subcommands.get(place)?, number))
    }
}

/// The number under which a command is counted: its place in [`numbered`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CommandNumber(u16);

impl CommandNumber {
    /// That of what is no command.
    pub(crate) const NONE: Self = Self(u16::MAX);

    /// Where it stands in a table of all commands; beyond the end for what is none.
    #[inline]
    pub(crate) const fn place(self) -> usize {
        self.0 as usize
    }

    #[cfg(test)]
    pub(crate) const fn of_place(place: usize) -> Self {
        Self(place as u16)
    }
}

/// Every command in the order of its number; the subcommands behind their container.
pub(crate) fn numbered() -> impl Iterator<Item = &'static Command> + Clone {
    all().flat_map(|command| std::iter::once(command).chain(command.subcommands))
}

/// Every command, family by family.
pub(crate) fn all() -> impl Iterator<Item = &'static Command> + Clone {
    commands::FAMILIES.iter().copied().flatten()
}

/// Places of the index; a power of two, well above the number of commands.
const INDEX_PLACES: usize = 1 << INDEX_BITS;
const INDEX_BITS: u32 = 10;

/// A command with its number, and what [`word_of`] makes of its name.
type Indexed = (u64, &'static Command, CommandNumber);

/// Commands by the hash of their names, the next free place being taken where two meet.
static INDEX: LazyLock<Box<[Option<Indexed>; INDEX_PLACES]>> = LazyLock::new(|| {
    let mut places = Box::new([None; INDEX_PLACES]);
    let mut number = 0;
    for command in all() {
        let word = word_of(command.name.as_bytes());
        let mut place = place_of(word);
        while places[place].is_some() {
            place = (place + 1) % INDEX_PLACES;
        }
        places[place] = Some((word, command, CommandNumber(number)));
        number += 1 + command.subcommands.len() as u16;
    }
    places
});

/// A number that a name has, whatever its case. Names of the same length up to eight bytes have
/// the same one only if they are the same.
#[inline]
fn word_of(name: &[u8]) -> u64 {
    let word = match (name.first_chunk(), name.last_chunk()) {
        (Some(first), Some(last)) if name.len() <= 8 => {
            let shift = 8 * (name.len() as u32 - 4);
            u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << shift
        }
        (Some(_), Some(_)) => return word_of_long(name),
        _ => name
            .iter()
            .fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    in_lower_case(word)
}

/// The eight bytes of a word with their ASCII letters in lower case, all at once.
#[inline]
const fn in_lower_case(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const HIGHEST: u64 = ONES << 7;
    // Of each byte without its highest bit, whether that bit is set once so much is added.
    let rest = word & !HIGHEST;
    let from_a = rest + ONES * (0x80 - b'A' as u64);
    let behind_z = rest + ONES * (0x80 - (b'Z' + 1) as u64);
    word | (from_a & !behind_z & !word & HIGHEST) >> 2
}

/// The same of a name of more than eight bytes, which others have too.
fn word_of_long(name: &[u8]) -> u64 {
    let bytes = name.iter().take(24);
    bytes.fold(name.len() as u64, |word, byte| {
        (word.rotate_left(5) ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(ODD)
    })
}

/// Spreads the bits of a word to the upper ones.
const ODD: u64 = 0x9E37_79B9_7F4A_7C15;

/// Where a name is looked for first.
#[inline]
fn place_of(word: u64) -> usize {
    (word.wrapping_mul(ODD) >> (u64::BITS - INDEX_BITS)) as usize
}

/// The command of this name, in whatever case.
#[inline]
pub(crate) fn find(name: &[u8]) -> Option<&'static Command> {
    find_numbered(name).map(|(command, _)| command)
}

/// The same with its number.
#[inline(always)]
pub(crate) fn find_numbered(name: &[u8]) -> Option<(&'static Command, CommandNumber)> {
    let word = word_of(name);
    let mut place = place_of(word);
    let index = &**INDEX;
    while let Some((found, command, number)) = index[place] {
        let is_found = found == word
            && command.name.len() == name.len()
            && (name.len() <= 8 || command.name.as_bytes().eq_ignore_ascii_case(name));
        if is_found {
            return Some((command, number));
        }
        place = (place + 1) % INDEX_PLACES;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_found_in_whatever_case_and_only_once() {
        let mut names: Vec<_> = all().map(|command| command.name).collect();
        let count = names.len();
        assert!(count < INDEX_PLACES / 4, "the index is too full: {count}");
        for name in &names {
            let found = find(name.to_ascii_uppercase().as_bytes());
            assert_eq!(found.map(|command| command.name), Some(*name));
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "a command is listed twice");
        assert!(find(b"").is_none());
        assert!(find(b"getx").is_none());
        assert!(find(&[b'g'; 1000]).is_none());
    }

    #[test]
    fn the_letters_of_a_word_and_nothing_else_change_their_case() {
        for byte in 0..=u8::MAX {
            for place in 0..8 {
                let mut bytes = *b"A@z[\xffM\0Z";
                bytes[place] = byte;
                let expected = bytes.map(|byte| byte.to_ascii_lowercase());
                let lower = in_lower_case(u64::from_le_bytes(bytes));
                assert_eq!(lower, u64::from_le_bytes(expected));
            }
        }
    }

    #[test]
    fn what_is_nearly_the_name_of_a_command_is_none() {
        for command in all() {
            let name = command.name.as_bytes();
            for place in 0..name.len() {
                let mut other = name.to_vec();
                for byte in [
                    0,
                    b' ',
                    b'@',
                    b'[',
                    b'`',
                    b'{',
                    name[place] ^ 0x80,
                    name[place] ^ 1,
                ] {
                    other[place] = byte;
                    let is_one = all().any(|command| command.name.as_bytes() == other);
                    assert_eq!(find(&other).is_some(), is_one, "{}", other.escape_ascii());
                }
            }
            for end in [&b"\0"[..], b"\0\0\0\0", b" "] {
                assert!(find(&[name, end].concat()).is_none());
                assert!(find(&[end, name].concat()).is_none());
            }
        }
    }

    #[test]
    fn the_number_of_a_command_is_its_own_place_in_the_table() {
        for (place, command) in numbered().enumerate() {
            let mut words = command.name.split('|').map(str::as_bytes);
            let (mut found, mut number) = find_numbered(words.next().unwrap()).unwrap();
            if let Some(word) = words.next() {
                (found, number) = found.numbered_subcommand(word, number).unwrap();
            }
            assert_eq!((found.name, number.place()), (command.name, place));
        }
        assert!(CommandNumber::NONE.place() >= numbered().count());
    }

    #[test]
    fn names_are_spelled_as_they_are_looked_for() {
        for command in all() {
            assert_eq!(command.name, command.name.to_ascii_lowercase());
            for subcommand in command.subcommands {
                let prefix = format!("{}|", command.name);
                assert!(subcommand.name.starts_with(&prefix), "{}", subcommand.name);
            }
        }
    }

    #[test]
    fn keys_are_counted_from_either_end() {
        let of = |keys: Keys, count| keys.of(count).collect::<Vec<_>>();
        assert_eq!(of(Keys::FIRST, 3), [1]);
        assert_eq!(of(Keys::ALL, 4), [1, 2, 3]);
        assert_eq!(of(Keys::PAIRS, 5), [1, 3]);
        assert!(of(Keys::NONE, 5).is_empty());
        assert!(of(Keys::FIRST, 1).is_empty());
    }
}
