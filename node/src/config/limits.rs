//! What each number may be, and the inequalities between settings.

use super::{Config, Cores};
use crate::config::ConfigError;

/// Connections that a node accepts when nothing was said and the host allows it.
pub const CONNECTIONS_DEFAULT: u32 = 16_384;

/// Most bytes of a frame that are not its value: header, map name and key, rounded up.
pub const FRAME_OVERHEAD_BYTES: u64 = 66 << 10;

const PARTITIONS_MIN: u64 = 1024;
const PARTITIONS_MAX: u64 = 16_384;
const CORES_MAX: u64 = 1024;
/// Above a second a core that spins is a core that never parks.
const SPIN_US_MAX: u64 = 1_000_000;
/// Above a millisecond more would come together than a core gathers, and every client would feel it.
const GATHER_US_MAX: u64 = 1000;
const CONNECTIONS_MAX: u64 = 4 << 20;
const BUFFER_BYTES_MAX: u64 = 1 << 40;
/// Below this every other reply would block its connection.
const OUTPUT_BYTES_MIN: u64 = 4 << 10;
/// Below this a burst of small messages would cut off who reads them.
const SUBSCRIBER_BYTES_MIN: u64 = 4 << 10;
const SUBSCRIPTIONS_MAX: u64 = 1 << 24;
const VALUE_BYTES_MAX: u64 = 64 << 20;
const MEMORY_BYTES_MIN: u64 = 16 << 20;
const MEMORY_BYTES_MAX: u64 = 64 << 40;
const MAILBOX_MAX: u64 = 1 << 20;
const DAY_MS: u64 = 86_400_000;

/// Checks every number of `config`.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    if !config.partitions.is_power_of_two() {
        return Err(ConfigError::NotAPowerOfTwo {
            partitions: config.partitions,
        });
    }
    let cores = match &config.cores {
        None => 1,
        Some(Cores::Count(count)) => *count as u64,
        Some(Cores::List(cpus)) => cpus.len() as u64,
    };
    within("cores", cores, 1, CORES_MAX)?;
    within(
        "partitions",
        config.partitions.into(),
        PARTITIONS_MIN,
        PARTITIONS_MAX,
    )?;
    if let Some(memory) = config.memory {
        within("memory", memory, MEMORY_BYTES_MIN, MEMORY_BYTES_MAX)?;
    }
    if let Some(connections) = config.connections_max {
        within("connections_max", connections.into(), 1, CONNECTIONS_MAX)?;
    }
    for (key, port) in [
        ("announce_port", config.announce_port),
        ("announce_core_port", config.announce_core_port),
    ] {
        if let Some(port) = port {
            within(key, port.into(), 1, u16::MAX.into())?;
        }
    }
    within("spin_us", config.spin_us.into(), 0, SPIN_US_MAX)?;
    within("gather_us", config.gather_us.into(), 0, GATHER_US_MAX)?;
    within(
        "mailbox_capacity",
        config.mailbox_capacity as u64,
        1,
        MAILBOX_MAX,
    )?;
    within(
        "value_bytes_max",
        config.value_bytes_max.into(),
        1,
        VALUE_BYTES_MAX,
    )?;
    within("idle_timeout_ms", config.idle_timeout_ms, 0, 365 * DAY_MS)?;
    within(
        "slow_client_timeout_ms",
        config.slow_client_timeout_ms,
        1,
        DAY_MS,
    )?;
    within("drain_timeout_ms", config.drain_timeout_ms, 0, DAY_MS)?;
    holds_a_frame("input_bytes_max", config.input_bytes_max as u64, config)?;
    let output = config.output_bytes_max as u64;
    within(
        "output_bytes_max",
        output,
        OUTPUT_BYTES_MIN,
        BUFFER_BYTES_MAX,
    )?;
    check_subscriptions(config)?;
    let all = config.buffer_bytes_max as u64;
    holds_a_frame("buffer_bytes_max", all, config)
}

fn check_subscriptions(config: &Config) -> Result<(), ConfigError> {
    within(
        "subscriber_bytes_max",
        config.subscriber_bytes_max as u64,
        SUBSCRIBER_BYTES_MIN,
        BUFFER_BYTES_MAX,
    )?;
    within(
        "connection_subscriptions_max",
        config.connection_subscriptions_max.into(),
        1,
        SUBSCRIPTIONS_MAX,
    )?;
    within(
        "core_subscriptions_max",
        config.core_subscriptions_max.into(),
        1,
        SUBSCRIPTIONS_MAX,
    )
}

fn within(key: &'static str, value: u64, min: u64, max: u64) -> Result<(), ConfigError> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(ConfigError::OutOfRange {
        key,
        value,
        min,
        max,
    })
}

/// A connection whose buffer cannot take one legal frame would wait for its rest for ever.
fn holds_a_frame(key: &'static str, value: u64, config: &Config) -> Result<(), ConfigError> {
    let needed = u64::from(config.value_bytes_max) + FRAME_OVERHEAD_BYTES;
    if value < needed {
        return Err(ConfigError::BufferBelowFrame { key, value, needed });
    }
    within(key, value, needed, BUFFER_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_within_their_own_limits() {
        assert!(Config::default().validate().is_ok());
    }

    #[test]
    fn each_number_out_of_range_is_refused_by_name() {
        type Spoil = fn(&mut Config);
        let spoilers: [(&str, Spoil); 17] = [
            ("announce_port", |c| c.announce_port = Some(0)),
            ("announce_core_port", |c| c.announce_core_port = Some(0)),
            ("subscriber_bytes_max", |c| c.subscriber_bytes_max = 1),
            ("connection_subscriptions_max", |c| {
                c.connection_subscriptions_max = 0;
            }),
            ("core_subscriptions_max", |c| c.core_subscriptions_max = 0),
            ("partitions", |c| c.partitions = 512),
            ("cores", |c| c.cores = Some(Cores::List(Vec::new()))),
            ("memory", |c| c.memory = Some(1 << 20)),
            ("connections_max", |c| c.connections_max = Some(0)),
            ("spin_us", |c| c.spin_us = 2_000_000),
            ("gather_us", |c| c.gather_us = 1_001),
            ("mailbox_capacity", |c| c.mailbox_capacity = 0),
            ("value_bytes_max", |c| c.value_bytes_max = 65 << 20),
            ("slow_client_timeout_ms", |c| c.slow_client_timeout_ms = 0),
            ("drain_timeout_ms", |c| c.drain_timeout_ms = u64::MAX),
            ("idle_timeout_ms", |c| c.idle_timeout_ms = u64::MAX),
            ("input_bytes_max", |c| c.input_bytes_max = 2 << 40),
        ];
        for (key, spoil) in spoilers {
            let mut config = Config::default();
            spoil(&mut config);
            match config.validate() {
                Err(ConfigError::OutOfRange { key: named, .. }) => assert_eq!(named, key),
                other => panic!("{key}: {other:?}"),
            }
        }
    }

    #[test]
    fn partitions_that_slots_do_not_divide_into_are_refused() {
        let config = Config {
            partitions: 5000,
            ..Config::default()
        };
        assert!(matches!(
            config.validate(),
            Err(ConfigError::NotAPowerOfTwo { .. })
        ));
    }

    #[test]
    fn a_buffer_that_cannot_hold_one_frame_is_refused_with_what_it_needs() {
        let config = Config {
            input_bytes_max: 64 << 20,
            ..Config::default()
        };
        match config.validate() {
            Err(ConfigError::BufferBelowFrame {
                key: "input_bytes_max",
                needed,
                ..
            }) => {
                let config = Config {
                    input_bytes_max: needed as usize,
                    ..config
                };
                assert!(
                    config.validate().is_ok(),
                    "the number it names must be enough"
                );
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_address_that_others_reach_needs_insecure() {
        let exposed = Config {
            bind: [0, 0, 0, 0].into(),
            ..Config::default()
        };
        assert!(matches!(
            exposed.validate(),
            Err(ConfigError::Exposed { .. })
        ));
        assert!(
            Config {
                insecure: true,
                ..exposed
            }
            .validate()
            .is_ok()
        );
        let loopback = Config {
            bind: [127, 1, 2, 3].into(),
            ..Config::default()
        };
        assert!(loopback.validate().is_ok());
    }
}
