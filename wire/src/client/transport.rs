//! The way of operations to whoever executes them: what a driver has to bring so that it gets the
//! whole typed interface.
//!
//! ```text
//! DMap::get("k") ──▶ Command { Operation, how to read the answer }
//!                        │            ▲
//!                        ▼            │
//!                    Transport::call(Operation) ──▶ Response
//! ```
//!
//! **To bring a transport** (say, one that hands requests to cores of the same process):
//! implement [`Transport`] for calls that are awaited ([`LocalTransport`] where they stay on one
//! thread) or [`BlockingTransport`] for calls that block, or both, on types that are cheap to clone; then `DMap::new(transport, "orders")` of
//! [`super::DMap`] and [`super::blocking::DMap`] have every method. What has to hold:
//!
//! * [`Operation::request`] gives the request without its id, epoch and partition. The transport
//!   fills these in; for [`super::Route::Slot`] the partition follows from the slot, and is 0
//!   where [`Operation::items`] is not 0. A multi-key operation may hold keys of any cores.
//! * The answer is the reply as PROTOCOL.md describes it, turned into a [`Response`] with
//!   [`Response::from_reply`], whatever its status: what is an error and what an outcome is
//!   decided by those who read it. An [`Error`] is for what keeps a reply from coming at all.
//! * Every call ends: at the latest when the transport's own time limit and [`Operation::wait`]
//!   are over. A lock that is granted to a call that has ended is given back; see
//!   [`Operation::give_back`].
//! * The operations of one `call_all` that go to one core are executed in their order, and travel
//!   together.

use std::sync::Arc;
use std::time::Duration;

use super::error::Error;
use super::operation::Operation;
use super::outcome::Response;
use crate::routing::Table;

/// Executes operations, to be awaited under whatever executor the implementation says.
pub trait Transport: Clone + Send + Sync {
    /// Executes many operations; their answers in the order of the operations. Nothing begins
    /// before the future is polled. What has begun goes on if it is dropped.
    fn call_all(
        &self,
        operations: Vec<Operation>,
    ) -> impl Future<Output = Vec<Result<Response, Error>>> + Send;

    /// Executes one operation.
    fn call(&self, operation: Operation) -> impl Future<Output = Result<Response, Error>> + Send {
        async move {
            let mut answers = self.call_all(vec![operation]).await;
            answers.pop().unwrap_or(Err(Error::UnexpectedReply))
        }
    }

    /// The owners by which multi-key calls are split, one request for each core. With `None` all
    /// keys are put into one request, up to a limit, and whoever gets it asks the other cores.
    fn table(&self) -> Option<Arc<Table>>;

    /// The same transport with another time limit for its calls.
    #[must_use]
    fn with_timeout(&self, timeout: Duration) -> Self;
}

/// As [`Transport`], for what stays on its thread: neither it nor its futures need be `Send`. Every
/// [`Transport`] is one, and implements that alone.
pub trait LocalTransport: Clone {
    /// As [`Transport::call_all`].
    fn call_all(
        &self,
        operations: Vec<Operation>,
    ) -> impl Future<Output = Vec<Result<Response, Error>>>;

    /// As [`Transport::call`].
    fn call(&self, operation: Operation) -> impl Future<Output = Result<Response, Error>> {
        async move {
            let mut answers = self.call_all(vec![operation]).await;
            answers.pop().unwrap_or(Err(Error::UnexpectedReply))
        }
    }

    /// As [`Transport::table`].
    fn table(&self) -> Option<Arc<Table>>;

    /// As [`Transport::with_timeout`].
    #[must_use]
    fn with_timeout(&self, timeout: Duration) -> Self;
}

impl<T: Transport> LocalTransport for T {
    fn call_all(
        &self,
        operations: Vec<Operation>,
    ) -> impl Future<Output = Vec<Result<Response, Error>>> {
        Transport::call_all(self, operations)
    }

    fn call(&self, operation: Operation) -> impl Future<Output = Result<Response, Error>> {
        Transport::call(self, operation)
    }

    fn table(&self) -> Option<Arc<Table>> {
        Transport::table(self)
    }

    fn with_timeout(&self, timeout: Duration) -> Self {
        Transport::with_timeout(self, timeout)
    }
}

/// Executes operations and blocks the calling thread meanwhile.
pub trait BlockingTransport: Clone + Send + Sync {
    /// Executes many operations; their answers in the order of the operations.
    fn call_all(&self, operations: Vec<Operation>) -> Vec<Result<Response, Error>>;

    /// Executes one operation.
    ///
    /// # Errors
    ///
    /// Those that [`Error`] lists, but for a refusal, which is an answer here.
    fn call(&self, operation: Operation) -> Result<Response, Error> {
        let mut answers = self.call_all(vec![operation]);
        answers.pop().unwrap_or(Err(Error::UnexpectedReply))
    }

    /// As [`Transport::table`].
    fn table(&self) -> Option<Arc<Table>>;

    /// As [`Transport::with_timeout`].
    #[must_use]
    fn with_timeout(&self, timeout: Duration) -> Self;
}
