//! Tests of the command line of a benchmark.

use crate::support::arguments::{Arguments, number};

const KNOWN: [(&str, &str); 2] = [("entries", "how many"), ("quick", "small")];

fn parse(text: &str) -> Result<Arguments, String> {
    Arguments::parse(text.split_whitespace().map(str::to_owned), &KNOWN)
}

#[test]
fn values_and_flags_are_told_apart() {
    let arguments = parse("--quick --entries 200k").unwrap();
    assert!(arguments.has("quick"));
    assert_eq!(arguments.number("entries", 1), 200_000);
    assert_eq!(parse("").unwrap().number("entries", 7), 7);
    assert_eq!(number("3M"), Some(3_000_000));
    assert_eq!(number("3G"), None);
}

#[test]
fn a_misspelt_option_is_refused() {
    assert_eq!(parse("--entires 5").err().unwrap(), "--entires");
    assert_eq!(parse("5").err().unwrap(), "5");
}
