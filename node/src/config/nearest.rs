//! The known name that a mistyped one most likely meant.

/// The candidate with the least edit distance to `name`; the first of several equals.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates.min_by_key(|candidate| distance(name.as_bytes(), candidate.as_bytes()))
}

/// Levenshtein distance. `-` and `_` count as the same: a flag's spelling in the file is the
/// commonest slip of all.
fn distance(from: &[u8], to: &[u8]) -> usize {
    let same = |a: u8, b: u8| a == b || (matches!(a, b'-' | b'_') && matches!(b, b'-' | b'_'));
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, &a) in from.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, &b) in to.iter().enumerate() {
            let replace = diagonal + usize::from(!same(a, b));
            diagonal = row[column + 1];
            row[column + 1] = replace.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_a_letter_finds_the_key() {
        let known = ["memory", "cores", "core_port", "port", "spin_us"];
        for (typed, meant) in [
            ("memroy", "memory"),
            ("core", "cores"),
            ("spin-us", "spin_us"),
            ("coreport", "core_port"),
            ("prot", "port"),
        ] {
            assert_eq!(nearest(typed, known.into_iter()), Some(meant), "{typed}");
        }
    }

    #[test]
    fn distance_counts_edits() {
        for (from, to, edits) in [("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3)] {
            assert_eq!(distance(from.as_bytes(), to.as_bytes()), edits);
        }
    }
}
