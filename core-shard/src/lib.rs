//! Jerboa core-shard: what one core owns.
