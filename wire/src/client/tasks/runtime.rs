//! What a driver brings: sockets, timers, tasks, and where the state lies.

use std::io;
use std::ops::Deref;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::hub::Hub;
use crate::client::engine::ConnectionId;
use crate::client::error::RuntimeFault;

/// A runtime for awaited calls, and the hub of one client on it. Clones are handles to the same.
pub trait Runtime: Clone + 'static {
    /// A connected TCP socket without delay, which never blocks.
    type Socket: Socket;

    /// Ready when it is time. Polled again and again by the same task.
    type Sleep: Future<Output = ()>;

    /// A counted pointer, as threads are to share it or not.
    type Shared<T>: Clone + Deref<Target = T>;

    /// Puts a value behind such a pointer.
    fn share<T>(value: T) -> Self::Shared<T>;

    /// Has `act` look at the hub. It calls nothing that comes back here.
    fn with<T>(&self, act: impl FnOnce(&mut Hub) -> T) -> T;

    /// The clock of the hub, in microseconds since some moment.
    fn now_us(&self) -> u64;

    /// Waits until that moment of the clock.
    fn sleep_until(&self, at_us: u64) -> Self::Sleep;

    /// Connects to `host:port`, however long it takes. Dropping the future gives it up.
    fn dial(&self, address: &str) -> impl Future<Output = io::Result<Self::Socket>>;

    /// Has a task of its own [`super::run`] a connection. Called by the keeper alone.
    fn spawn_connection(&self, connection: ConnectionId, address: Arc<str>);

    /// Lets the runtime look at its sockets.
    fn look_around(&self) -> impl Future<Output = ()>;

    /// Whether calls can be made from where this is called.
    fn check_caller(&self) -> Result<(), RuntimeFault>;

    /// Whether sockets can be opened from where this is called.
    fn check_sockets(&self) -> Result<(), RuntimeFault>;
}

/// A connected TCP socket that never blocks.
pub trait Socket {
    /// Ready when reading may yield something, an error or the end included. One task at a time.
    fn poll_readable(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Ready when writing may get on.
    fn poll_writable(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Reads what is there, or fails with `WouldBlock`.
    fn try_read(&self, into: &mut [u8]) -> io::Result<usize>;

    /// Writes what the socket takes, or fails with `WouldBlock`.
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize>;
}

/// Waits for `future`, but no longer than `limit`.
pub(super) async fn within<R: Runtime, T>(
    runtime: &R,
    limit: Duration,
    future: impl Future<Output = T>,
) -> Option<T> {
    let limit_us = u64::try_from(limit.as_micros()).unwrap_or(u64::MAX);
    let at_us = runtime.now_us().saturating_add(limit_us);
    let mut future = std::pin::pin!(future);
    let mut sleep = std::pin::pin!(runtime.sleep_until(at_us));
    std::future::poll_fn(move |context| {
        if let Poll::Ready(value) = future.as_mut().poll(context) {
            return Poll::Ready(Some(value));
        }
        sleep.as_mut().poll(context).map(|()| None)
    })
    .await
}

/// Has `act` change the hub at the present moment, then does what follows from it.
pub(super) fn change<R: Runtime, T>(runtime: &R, act: impl FnOnce(&mut Hub, u64) -> T) -> T {
    let now_us = runtime.now_us();
    let (result, woken) = runtime.with(|hub| {
        let result = act(hub, now_us);
        (result, hub.settle(now_us))
    });
    for waker in woken {
        waker.wake();
    }
    result
}
