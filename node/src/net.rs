//! The sockets of one core, on an io_uring of its own.
//!
//! [`Ring`] drives every socket of one executor: multishot accept, multishot receive into a
//! provided-buffer ring that all connections share, and one send in flight per connection. It
//! knows nothing of any protocol; the server's workers and the load generator both stand on it.
//! [`Waker`] is the eventfd through which other threads end the core's sleep.
//!
//! All unsafe code of the data path is below this module. Who owns each byte the kernel may touch
//! is stated in `buffers` (received data) and `ring` (data being sent).

mod buffers;
mod error;
mod listen;
mod operation;
mod ring;
mod socket;
mod waker;

pub use buffers::Chunk;
pub use error::RingError;
pub use listen::{ListenError, bind_exclusive, bind_shared};
pub use ring::{Completion, Patience, Ring, RingConfig, SocketId};
pub use waker::Waker;
