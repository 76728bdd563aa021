//! The client of the drivers whose calls are awaited.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::batch::Batch;
use super::runtime::{Runtime, change};
use crate::client::error::Error;
use crate::client::operation::Operation;
use crate::client::outcome::Response;
use crate::routing::{Table, Topology};

/// A client whose calls are awaited: cheap to clone, to be shared by as many tasks as you like.
/// Dropping the last one ends its tasks.
///
/// A call whose future is dropped goes on in the background until its answer or its deadline. If
/// it asked for a lock, the lock is given back.
pub struct Client<R: Runtime> {
    pub(super) handle: R::Shared<Handle<R>>,
    pub(super) timeout: Duration,
}

/// Ends the tasks with the last client.
pub(super) struct Handle<R: Runtime> {
    pub(super) runtime: R,
}

impl<R: Runtime> Client<R> {
    /// A client over a runtime whose keeper runs. Returns when the topology is known and the core
    /// that owns the first slot has answered.
    pub(crate) async fn over(runtime: R, timeout: Duration) -> Result<Self, Error> {
        let client = Self {
            handle: R::share(Handle { runtime }),
            timeout,
        };
        client.call(Operation::probe()).await?.done()?;
        Ok(client)
    }

    /// The same client with another deadline for its calls.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        let handle = self.handle.clone();
        Self { handle, timeout }
    }

    /// The topology that calls are routed by.
    #[must_use]
    pub fn topology(&self) -> Option<Arc<Topology>> {
        let runtime = &self.handle.runtime;
        runtime.with(|hub| hub.engine.topology().cloned())
    }

    /// The owners of that topology.
    #[must_use]
    pub fn table(&self) -> Option<Arc<Table>> {
        let runtime = &self.handle.runtime;
        runtime.with(|hub| hub.engine.table().cloned())
    }

    /// Closes every connection. Calls that are under way fail, and so do later ones.
    pub fn close(&self) {
        change(&self.handle.runtime, |hub, _| hub.engine.close());
    }

    /// Makes one call.
    ///
    /// # Errors
    ///
    /// Those that [`Error`] lists, but for a refusal, which is an answer here; [`Error::outcome`]
    /// says whether anything may have been done.
    pub async fn call(&self, operation: Operation) -> Result<Response, Error> {
        let mut answers = self.call_all(vec![operation]).await;
        answers.pop().unwrap_or(Err(Error::UnexpectedReply))
    }

    /// Makes many calls at once; their answers in the order of the operations.
    pub async fn call_all(&self, operations: Vec<Operation>) -> Vec<Result<Response, Error>> {
        let batch = Batch::begin(&self.handle.runtime, operations, self.timeout);
        batch.results().await
    }
}

impl<R: Runtime> Drop for Handle<R> {
    fn drop(&mut self) {
        change(&self.runtime, |hub, now_us| hub.leave(now_us));
    }
}

impl<R: Runtime> Clone for Client<R> {
    fn clone(&self) -> Self {
        self.with_timeout(self.timeout)
    }
}

impl<R: Runtime> fmt::Debug for Client<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
