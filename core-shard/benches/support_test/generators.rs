//! Tests of what the benchmarks draw and print.

use crate::support::random::Random;
use crate::support::table::Table;
use crate::support::zipf::{Zipf, unit};

#[test]
fn a_seed_repeats_its_stream_and_seeds_differ() {
    let draw = |seed| {
        let mut random = Random::new(seed);
        (0..8).map(|_| random.next()).collect::<Vec<_>>()
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
}

#[test]
fn below_is_even_over_its_range() {
    let mut random = Random::new(5);
    let mut seen = [0_u32; 10];
    for _ in 0..100_000 {
        seen[random.below(10) as usize] += 1;
    }
    assert!(
        seen.iter().all(|count| (9_600..=10_400).contains(count)),
        "{seen:?}"
    );
    assert!((0..1000).all(|_| unit(&mut random) < 1.0));
}

#[test]
fn ranks_come_in_proportion_to_their_weights() {
    for exponent in [0.6, 0.99, 1.0, 2.1] {
        let zipf = Zipf::new(50, exponent);
        let mut random = Random::new(9);
        let mut seen = [0_u32; 50];
        for _ in 0..200_000 {
            seen[zipf.rank(&mut random) as usize] += 1;
        }
        let wanted = 4_f64.powf(exponent);
        let found = f64::from(seen[0]) / f64::from(seen[3]);
        assert!((found / wanted - 1.0).abs() < 0.08, "{exponent}: {found}");
    }
}

#[test]
fn columns_line_up() {
    let mut table = Table::new(&["name", "ns"]);
    table.row(vec!["get".to_owned(), "31.5".to_owned()]);
    let text = table.to_string();
    assert_eq!(text, "| name |   ns |\n|------|-----:|\n| get  | 31.5 |\n");
}
