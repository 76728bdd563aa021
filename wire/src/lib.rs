//! Jerboa wire: frames, operations, errors, routing and clients.
