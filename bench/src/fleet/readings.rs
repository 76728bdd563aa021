//! The server's own readings at the beginning and the end of a measurement.
//!
//! A server that answers no more is not a reason to lose what was measured before: the first
//! fault is kept and told at the end.

use std::time::Instant;

use crate::accounting::{Accounting, Sample};
use crate::connect::ConnectError;

/// Readings around one measurement, where any are wanted.
pub(super) struct Readings<'a> {
    accounting: Option<&'a mut Accounting>,
    from: Instant,
    until: Option<Instant>,
    first: Option<(Sample, Instant)>,
    last: Option<(Sample, f64)>,
    fault: Option<ConnectError>,
}

impl<'a> Readings<'a> {
    /// Readings at `from` and at `until`, or at the end where that comes first.
    pub(super) const fn new(
        accounting: Option<&'a mut Accounting>,
        from: Instant,
        until: Option<Instant>,
    ) -> Self {
        Self {
            accounting,
            from,
            until,
            first: None,
            last: None,
            fault: None,
        }
    }

    /// When the next reading is due.
    pub(super) const fn next(&self) -> Option<Instant> {
        if self.fault.is_some() {
            return None;
        }
        match (&self.accounting, &self.first, &self.last) {
            (None, ..) => None,
            (_, None, _) => Some(self.from),
            (_, Some(_), None) => self.until,
            (_, Some(_), Some(_)) => None,
        }
    }

    /// Takes the reading that is due, if one is.
    pub(super) fn take_due(&mut self) {
        if self.next().is_some_and(|at| at <= Instant::now()) {
            // After a fault none is due any more: each attempt could block for seconds.
            self.fault = self.take().err();
        }
    }

    fn take(&mut self) -> Result<(), ConnectError> {
        let Some(accounting) = &mut self.accounting else {
            return Ok(());
        };
        let sample = accounting.sample()?;
        match &self.first {
            None => self.first = Some((sample, Instant::now())),
            Some((_, since)) => self.last = Some((sample, since.elapsed().as_secs_f64())),
        }
        Ok(())
    }

    /// Both readings and the seconds between them; `None` where none were wanted or the stage
    /// ended before its measurement began.
    pub(super) fn finish(mut self) -> Result<Option<(Sample, Sample, f64)>, ConnectError> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        if self.accounting.is_none() || self.first.is_none() {
            return Ok(None);
        }
        if self.last.is_none() {
            self.take()?;
        }
        let (first, last) = (self.first, self.last);
        Ok(first
            .zip(last)
            .map(|((first, _), (last, seconds))| (first, last, seconds)))
    }
}
