//! The table of memory per entry and what it says of the numbers to reach.

use std::fmt;

use crate::search::Trial;
use crate::support::table::Table;
use crate::{KEY_BYTES, VALUE_BYTES};

const OURS: &str = "jerboa";
const OVERHEAD_BYTES_MAX: f64 = 36.0;
/// The numbers to reach are meant for ten million.
const ENTRIES_MIN: u64 = 5_000_000;
/// The most that ours may be of another's resident memory, with a time to live.
const SHARES_MAX: [(&str, f64); 2] = [("memcached", 0.70), ("redis", 0.60)];

/// One store with one load.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) with_ttl: bool,
    pub(crate) limit_bytes: u64,
    pub(crate) trial: Trial,
}

/// All rows.
pub(crate) struct Report {
    entries: u64,
    rows: Vec<Row>,
}

impl Report {
    pub(crate) fn new(entries: u64) -> Self {
        Self {
            entries,
            rows: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    fn resident(&self, name: &str, with_ttl: bool) -> Option<f64> {
        let mut rows = self.rows.iter();
        let row = rows.find(|row| row.name == name && row.with_ttl == with_ttl)?;
        Some(row.trial.resident_bytes as f64)
    }

    fn overhead(&self, bytes: f64) -> f64 {
        bytes / self.entries as f64 - (KEY_BYTES + VALUE_BYTES) as f64
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "### {} entries of {KEY_BYTES} B and {VALUE_BYTES} B\n",
            self.entries
        )?;
        let mib = |bytes: u64| format!("{:.1}", bytes as f64 / f64::from(1 << 20));
        let mut table = Table::new(&[
            "store",
            "TTL",
            "smallest limit MiB",
            "resident MiB",
            "resident B/entry",
            "beyond key+value",
            "by its books",
            "ours / this",
        ]);
        for row in &self.rows {
            let resident = row.trial.resident_bytes as f64;
            let ours = self.resident(OURS, row.with_ttl);
            let booked = row.trial.booked_bytes;
            table.row(vec![
                row.name.to_owned(),
                if row.with_ttl { "yes" } else { "no" }.to_owned(),
                mib(row.limit_bytes),
                mib(row.trial.resident_bytes),
                format!("{:.1}", resident / self.entries as f64),
                format!("{:.1}", self.overhead(resident)),
                booked.map_or_else(String::new, |booked| {
                    format!("{:.1}", self.overhead(booked as f64))
                }),
                ours.map_or_else(String::new, |ours| format!("{:.3}", ours / resident)),
            ]);
        }
        writeln!(formatter, "{table}")?;
        let word = |reached| if reached { "reached" } else { "MISSED" };
        // With few entries the fixed costs of all stores outweigh what is compared.
        let (Some(ours), ENTRIES_MIN..) = (self.resident(OURS, true), self.entries) else {
            return Ok(());
        };
        let overhead = self.overhead(ours);
        writeln!(
            formatter,
            "* resident bytes beyond key and value, with TTL: {overhead:.1}, wanted \
             {OVERHEAD_BYTES_MAX}: {}",
            word(overhead <= OVERHEAD_BYTES_MAX)
        )?;
        for (name, share_max) in SHARES_MAX {
            if let Some(theirs) = self.resident(name, true) {
                let share = ours / theirs;
                writeln!(
                    formatter,
                    "* resident, share of {name}'s with TTL: {share:.3}, wanted {share_max}: {}",
                    word(share <= share_max)
                )?;
            }
        }
        Ok(())
    }
}
