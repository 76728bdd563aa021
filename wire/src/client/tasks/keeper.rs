//! The task that keeps the time and begins connections. Without it nothing gets on, so that its
//! end is the end of the client.

use std::task::Poll;

use super::runtime::{Runtime, change};
use super::signal::Asking;
use crate::client::error::RuntimeFault;

/// Looks after the engine until it is closed.
pub(crate) async fn keep<R: Runtime>(runtime: R) {
    let present = Present(runtime);
    let runtime = &present.0;
    while let Some(due) = change(runtime, |hub, now_us| hub.tick(now_us)) {
        for (connection, address) in due.wanted {
            runtime.spawn_connection(connection, address);
        }
        let sleep = (due.next_us != u64::MAX).then(|| runtime.sleep_until(due.next_us));
        let mut sleep = std::pin::pin!(sleep);
        std::future::poll_fn(|context| {
            let mut asking = Asking::of(context);
            if runtime.with(|hub| hub.poll_keeper(&mut asking)).is_ready() {
                return Poll::Ready(());
            }
            match sleep.as_mut().as_pin_mut() {
                Some(sleep) => sleep.poll(context),
                None => Poll::Pending,
            }
        })
        .await;
    }
}

/// Ends the client with the task, also where its runtime drops it.
struct Present<R: Runtime>(R);

impl<R: Runtime> Drop for Present<R> {
    fn drop(&mut self) {
        change(&self.0, |hub, _| hub.orphan(RuntimeFault::Gone));
    }
}
