//! In which order the rows of a table stand.

use std::time::Duration;

use super::maps::MapRow;
use super::sample::Row;
use super::view::What;

/// A column that rows can be put in order by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    /// The number of a core, the name of a map.
    Name,
    Requests,
    /// The time that a core works, which a map does not have.
    Busy,
    /// What one request in a hundred takes longer than.
    Latency,
    Entries,
    Memory,
}

/// A column and a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) by: Column,
    /// The other way round than one would look: names from the last, numbers from the smallest.
    pub(super) reversed: bool,
}

impl Order {
    pub(super) const NAME: Self = Self::by(Column::Name);
    pub(super) const REQUESTS: Self = Self::by(Column::Requests);

    const fn by(by: Column) -> Self {
        Self {
            by,
            reversed: false,
        }
    }

    /// That of the next column of a table.
    pub(super) fn next(self, what: What) -> Self {
        Self::by(match (self.by, what) {
            (Column::Name, _) => Column::Requests,
            (Column::Requests, What::Cores) => Column::Busy,
            (Column::Requests, What::Maps) | (Column::Busy, _) => Column::Latency,
            (Column::Latency, _) => Column::Entries,
            (Column::Entries, _) => Column::Memory,
            (Column::Memory, _) => Column::Name,
        })
    }

    pub(super) fn reverse(self) -> Self {
        Self {
            reversed: !self.reversed,
            ..self
        }
    }

    /// The numbers of the cores as their rows stand.
    pub(super) fn of_cores(self, rows: &[Row]) -> Vec<usize> {
        let key = |row: &Row| match self.by {
            Column::Name => 0.0,
            Column::Requests => row.ops,
            Column::Busy => row.busy,
            Column::Latency => seconds(row.latency.quantile(0.99)),
            Column::Entries => row.entries as f64,
            Column::Memory => row.live_bytes as f64,
        };
        self.sorted(rows, key)
    }

    /// The places of the maps, which are sorted by name, as their rows stand.
    pub(super) fn of_maps(self, rows: &[MapRow]) -> Vec<usize> {
        let key = |row: &MapRow| match self.by {
            Column::Name | Column::Busy => 0.0,
            Column::Requests => row.ops,
            Column::Latency => {
                let latency = row.latency.as_ref();
                seconds(latency.and_then(|latency| latency.quantile(0.99)))
            }
            Column::Entries => row.keys as f64,
            Column::Memory => row.bytes as f64,
        };
        self.sorted(rows, key)
    }

    /// The greatest first; equal ones, and all of them by name, as they stand.
    fn sorted<R>(self, rows: &[R], key: impl Fn(&R) -> f64) -> Vec<usize> {
        let mut order: Vec<usize> = (0..rows.len()).collect();
        if self.by == Column::Name {
            if self.reversed {
                order.reverse();
            }
            return order;
        }
        let keys: Vec<f64> = rows.iter().map(key).collect();
        order.sort_by(|a, b| {
            let (a, b) = if self.reversed { (b, a) } else { (a, b) };
            keys[*b].total_cmp(&keys[*a])
        });
        order
    }
}

fn seconds(duration: Option<Duration>) -> f64 {
    duration.unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_come_first_equals_as_they_were_and_all_of_it_turns_round() {
        let rows: Vec<Row> = [3.0, 9.0, 3.0]
            .map(|ops| Row {
                ops,
                ..Row::default()
            })
            .into();
        assert_eq!(Order::NAME.of_cores(&rows), [0, 1, 2]);
        assert_eq!(Order::NAME.reverse().of_cores(&rows), [2, 1, 0]);
        assert_eq!(Order::REQUESTS.of_cores(&rows), [1, 0, 2]);
        assert_eq!(Order::REQUESTS.reverse().of_cores(&rows), [0, 2, 1]);
    }

    #[test]
    fn every_column_of_a_table_comes_once_in_a_round() {
        for (what, columns) in [(What::Cores, 6), (What::Maps, 5)] {
            let mut seen = vec![Order::NAME.by];
            let mut order = Order::NAME.next(what);
            while order != Order::NAME {
                assert!(!seen.contains(&order.by));
                seen.push(order.by);
                order = order.next(what);
            }
            assert_eq!(seen.len(), columns);
        }
    }
}
