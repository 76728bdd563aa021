//! Calls that are under way, and what becomes of their locks if the future that waits is dropped.

use std::task::Poll;
use std::time::Duration;

use super::hub::Begun;
use super::runtime::{Runtime, change};
use super::signal::Asking;
use crate::client::error::Error;
use crate::client::operation::Operation;
use crate::client::outcome::Response;

/// Calls that began together. Until their results are taken, the locks that they asked for belong
/// to nobody: dropped, they are given back.
#[derive(Debug)]
pub(super) struct Batch<R: Runtime> {
    runtime: R,
    calls: Vec<Begun>,
    /// How many of them, from the first on, are known to be over.
    over: usize,
}

impl<R: Runtime> Batch<R> {
    /// Begins all of them before anything is sent, so that they leave together.
    pub(super) fn begin(runtime: &R, operations: Vec<Operation>, limit: Duration) -> Self {
        let calls = match runtime.check_caller() {
            Ok(()) => change(runtime, |hub, now_us| {
                let operations = operations.into_iter();
                let begun = operations.map(|operation| hub.begin(operation, limit, now_us));
                begun.collect()
            }),
            Err(fault) => {
                let failed = |_| Begun::Failed(Error::Runtime(fault));
                operations.into_iter().map(failed).collect()
            }
        };
        Self {
            runtime: runtime.clone(),
            calls,
            over: 0,
        }
    }

    /// Waits for all of them; their results in their order.
    pub(super) async fn results(mut self) -> Vec<Result<Response, Error>> {
        let Self {
            runtime,
            calls,
            over,
        } = &mut self;
        std::future::poll_fn(|context| {
            let mut asking = Asking::of(context);
            runtime.with(|hub| {
                while let Some(call) = calls.get(*over) {
                    if hub.poll_over(call, &mut asking).is_pending() {
                        return Poll::Pending;
                    }
                    *over += 1;
                }
                Poll::Ready(())
            })
        })
        .await;
        // Only now, and all at once: from here on the locks are the caller's.
        let calls = std::mem::take(calls);
        runtime.with(|hub| calls.into_iter().map(|call| hub.take(call)).collect())
    }
}

impl<R: Runtime> Drop for Batch<R> {
    fn drop(&mut self) {
        if self.calls.is_empty() {
            return;
        }
        change(&self.runtime, |hub, now_us| {
            for call in &self.calls {
                hub.abandon(call, now_us);
            }
        });
    }
}
