//! What a node counts: as text, which is how it travels, and as structures.
//!
//! The payload of a `Stats` reply is UTF-8 lines `name value`, each ended by a newline.
//!
//! A name has dots, letters, digits and underscores, as in `core.0.gets` or `node.cpu_us`; the
//! node decides which there are. A value is whatever follows the first space.

mod counters;
mod hot;
mod latency;
mod map;
mod node;

use std::fmt::{Display, Write};

pub use hot::{HOT_KEY_BYTES_MAX, HOT_KEYS_MAX, HotKey, decode_hot_keys};
pub use latency::Latency;
pub use map::{
    MAP_STATS_AFTER, MAP_STATS_FROM, MAP_STATS_ITEMS_MAX, MAP_STATS_LATENCIES, MAP_STATS_ONE,
    MapStats, decode_maps, push_map,
};
pub use node::{CoreStats, NodeStats};

/// Appends one line. Bytes that would break the format become underscores (in the name) or
/// spaces (in the value), so that no name or value can forge another line.
pub fn push_line(out: &mut String, name: &str, value: impl Display) {
    out.extend(name.chars().map(|c| {
        if c.is_whitespace() || c.is_control() {
            '_'
        } else {
            c
        }
    }));
    out.push(' ');
    let start = out.len();
    // Writing to a string cannot fail.
    let _ = write!(out, "{value}");
    if out
        .get(start..)
        .is_some_and(|value| value.contains(['\n', '\r']))
    {
        let clean = out.split_off(start).replace(['\n', '\r'], " ");
        out.push_str(&clean);
    }
    out.push('\n');
}

/// The lines of a payload as (name, value); lines without a space have an empty value.
pub fn lines(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines()
        .filter(|line| !line.is_empty())
        .map(|line| line.split_once(' ').unwrap_or((line, "")))
}

/// The value of a line as a number, where there is such a line and it is one.
#[must_use]
pub fn number(text: &str, name: &str) -> Option<u64> {
    lines(text)
        .find(|(line, _)| *line == name)
        .and_then(|(_, value)| value.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_read_back_and_cannot_be_forged() {
        let mut text = String::new();
        push_line(&mut text, "core.0.gets", 12);
        push_line(&mut text, "map name", "x\nnode.cpu_us 9");
        assert_eq!(number(&text, "core.0.gets"), Some(12));
        assert_eq!(number(&text, "node.cpu_us"), None);
        assert_eq!(lines(&text).count(), 2);
        assert_eq!(lines(&text).nth(1), Some(("map_name", "x node.cpu_us 9")));
    }
}
