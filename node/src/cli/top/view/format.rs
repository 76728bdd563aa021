//! Numbers as people read them: narrow whatever their size.

use std::time::Duration;

pub(super) fn count(number: f64) -> String {
    match number {
        n if n >= 9_999_500.0 => format!("{:.1}M", n / 1e6),
        n if n >= 99_950.0 => format!("{:.0}k", n / 1e3),
        n if n >= 9_999.5 => format!("{:.1}k", n / 1e3),
        n => format!("{n:.0}"),
    }
}

pub(super) fn bytes(number: u64) -> String {
    let mut value = number as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1023.5 {
            return match unit {
                "B" => format!("{value:.0} {unit}"),
                _ => format!("{value:.1} {unit}"),
            };
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

pub(super) fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.1}%", share * 100.0))
}

pub(super) fn duration(duration: Option<Duration>) -> String {
    let Some(duration) = duration else {
        return "-".to_owned();
    };
    let us = duration.as_nanos() as f64 / 1e3;
    match us {
        us if us < 99.95 => format!("{us:.1}µs"),
        us if us < 9_999.5 => format!("{us:.0}µs"),
        us if us < 9_999_500.0 => format!("{:.0}ms", us / 1e3),
        us => format!("{:.0}s", us / 1e6),
    }
}

pub(super) fn uptime(uptime: Duration) -> String {
    let seconds = uptime.as_secs();
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
    if days > 0 {
        format!("{days}d {hours:02}:{minutes:02}:{seconds:02}")
    } else {
        format!("{hours:02}:{minutes:02}:{seconds:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_size_stay_narrow() {
        for (number, expected) in [
            (0.4, "0"),
            (9_999.0, "9999"),
            (12_345.0, "12.3k"),
            (123_456.0, "123k"),
            (12_345_678.0, "12.3M"),
        ] {
            assert_eq!(count(number), expected);
        }
        assert_eq!(
            (bytes(12), bytes(1 << 20)),
            ("12 B".to_owned(), "1.0 MiB".to_owned())
        );
        assert_eq!(bytes(u64::MAX), "16777216.0 TiB");
        let shown = |ns| duration(Some(Duration::from_nanos(ns)));
        assert_eq!(
            (shown(1_234), shown(123_456)),
            ("1.2µs".to_owned(), "123µs".to_owned())
        );
        assert_eq!(shown(12_345_678), "12ms");
        assert_eq!(duration(None), "-");
        assert_eq!(uptime(Duration::from_secs(90_061)), "1d 01:01:01");
    }
}
