//! Statistical tests with fixed seeds: they repeat exactly.
use super::*;

const SEED: u64 = 0x6A65_7262;

fn sampler(text: &str, keys: u64) -> Sampler {
    Sampler::new(text.parse().unwrap(), keys, Arc::new(AtomicU64::new(0)))
}

fn counts(text: &str, keys: u64, draws: u64) -> Vec<u64> {
    let mut sampler = sampler(text, keys);
    let mut rng = Rng::new(SEED, 0);
    let mut counts = vec![0; keys as usize];
    for _ in 0..draws {
        counts[sampler.next(&mut rng, false) as usize] += 1;
    }
    counts
}

#[test]
fn uniform_leaves_no_key_out() {
    let counts = counts("uniform", 1_000, 1_000_000);
    assert!(counts.iter().all(|&c| (850..1_150).contains(&c)));
}

#[test]
fn zipf_ranks_follow_the_law_for_every_exponent() {
    for exponent in [0.3, 0.6, 0.99, 1.0, 1.21, 2.1] {
        let n = 500u64;
        let draws = 400_000u64;
        let zipf = Zipf::new(n, exponent);
        let mut rng = Rng::new(SEED, 1);
        let mut seen = vec![0u64; n as usize];
        for _ in 0..draws {
            seen[zipf.rank(&mut rng) as usize] += 1;
        }
        let total: f64 = (1..=n).map(|k| (k as f64).powf(-exponent)).sum();
        // Chi-square over the ranks that expect enough draws: mean = degrees of freedom,
        // deviation = sqrt(2 × degrees); six deviations never happen by chance.
        let (mut chi, mut degrees) = (0.0, 0.0);
        for (rank, &count) in seen.iter().enumerate() {
            let expected = draws as f64 * ((rank + 1) as f64).powf(-exponent) / total;
            if expected >= 10.0 {
                chi += (count as f64 - expected).powi(2) / expected;
                degrees += 1.0;
            }
        }
        assert!(
            chi < degrees + 6.0 * (2.0f64 * degrees).sqrt(),
            "{exponent}: {chi} {degrees}"
        );
    }
}

#[test]
fn zipf_stays_in_range_for_huge_and_tiny_key_spaces() {
    let mut rng = Rng::new(SEED, 2);
    for n in [1u64, 2, 3, 1 << 40] {
        for exponent in [0.01, 0.99, 1.0, 3.0, 10.0] {
            let zipf = Zipf::new(n, exponent);
            assert!((0..2_000).all(|_| zipf.rank(&mut rng) < n));
        }
    }
}

#[test]
fn zipf_scatters_hot_keys_but_keeps_their_weight() {
    let counts = counts("zipf:0.99", 10_000, 500_000);
    let mut sorted: Vec<(u64, usize)> = counts.iter().copied().zip(0..).collect();
    sorted.sort_unstable_by(|a, b| b.cmp(a));
    let total: f64 = (1..=10_000).map(|k| f64::from(k).powf(-0.99)).sum();
    let share = sorted[0].0 as f64 / 500_000.0;
    assert!((share * total - 1.0).abs() < 0.03, "hottest key {share}");
    assert!(
        sorted[0].1.abs_diff(sorted[1].1) > 100,
        "hot keys are neighbours"
    );
}

#[test]
fn the_scatter_visits_every_key_once() {
    for keys in [1u64, 2, 3, 10, 97, 1_000, 65_536] {
        let scatter = Scatter::new(keys);
        let mut seen = vec![false; keys as usize];
        for rank in 0..keys {
            seen[scatter.place(rank) as usize] = true;
        }
        assert!(seen.into_iter().all(|s| s), "{keys}");
    }
    assert!(Scatter::new(u64::MAX / 2).place(u64::MAX / 3) < u64::MAX / 2);
}

#[test]
fn sequential_visits_every_key_before_any_twice_even_over_several_cores() {
    let cursor = Arc::new(AtomicU64::new(0));
    let mut one = Sampler::new(Distribution::Sequential, 100, Arc::clone(&cursor));
    let mut two = Sampler::new(Distribution::Sequential, 100, cursor);
    let mut rng = Rng::new(SEED, 3);
    let mut seen = [0; 100];
    for _ in 0..50 {
        seen[one.next(&mut rng, false) as usize] += 1;
        seen[two.next(&mut rng, false) as usize] += 1;
    }
    assert_eq!(seen, [1; 100]);
}

#[test]
fn latest_reads_close_behind_the_last_write() {
    let mut sampler = sampler("latest", 10_000);
    let mut rng = Rng::new(SEED, 4);
    for _ in 0..5_000 {
        sampler.next(&mut rng, true);
    }
    let near = (0..10_000)
        .filter(|_| (4_900..5_000).contains(&sampler.next(&mut rng, false)))
        .count();
    // The nearest 100 of 10,000 keys hold 53 % of a Zipf(0.99).
    assert!((4_900..5_800).contains(&near), "{near}");
}

#[test]
fn hotspot_gives_the_hot_keys_their_share() {
    let mut counts = counts("hotspot:10:90", 1_000, 100_000);
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let hot: u64 = counts[..100].iter().sum();
    assert!((89_000..91_000).contains(&hot), "{hot}");
}

#[test]
fn names_read_back_and_nonsense_is_refused_by_name() {
    for text in [
        "uniform",
        "zipf:1.2",
        "sequential",
        "latest",
        "hotspot:20:80",
    ] {
        assert_eq!(text.parse::<Distribution>().unwrap().to_string(), text);
    }
    assert_eq!(
        "gauss".parse::<Distribution>(),
        Err(DistributionError::Unknown("gauss".to_owned()))
    );
    let message = "zipf:-1".parse::<Distribution>().unwrap_err().to_string();
    assert!(
        message.contains("Zipf exponent") && message.contains("-1"),
        "{message}"
    );
    assert!("uniform:3".parse::<Distribution>().is_err());
    assert!("zipf:NaN".parse::<Distribution>().is_err());
}
