//! Waiting for a moment, to be polled as often as its task likes.
//!
//! A timer of glommio's registers itself again each time it is polled and takes only its last
//! registration back; this one is polled once for each task that waits.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use ::glommio::timer::Timer;

/// Ready at a moment; never where it lies beyond the end of the clock.
#[derive(Debug)]
pub struct Sleep {
    at: Option<Instant>,
    /// What waits, and whom it wakes.
    armed: Option<(Timer, Waker)>,
}

impl Sleep {
    pub(super) const fn until(at: Option<Instant>) -> Self {
        Self { at, armed: None }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Some(at) = self.at else {
            return Poll::Pending;
        };
        let left = at.saturating_duration_since(Instant::now());
        if left.is_zero() {
            self.armed = None;
            return Poll::Ready(());
        }
        if let Some((_, waker)) = &self.armed
            && waker.will_wake(context.waker())
        {
            return Poll::Pending;
        }
        let mut timer = Timer::new(left);
        if Pin::new(&mut timer).poll(context).is_ready() {
            return Poll::Ready(());
        }
        self.armed = Some((timer, context.waker().clone()));
        Poll::Pending
    }
}
