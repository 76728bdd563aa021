//! Where the node listens: resolved from the configuration and tried before anything starts.
//!
//! The trial matters for the any-core port: every core binds it with SO_REUSEPORT, so a second
//! node of the same user would join the first one's group unnoticed and take half of its
//! connections. A plain bind sees the difference. Between trial and real bind another process may
//! still take a port; that bind's own error is then reported the same way.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::ops::Range;

use super::Announced;
use super::error::HostError;
use crate::config::Config;

/// Tries to find a free run of ports before giving up.
const RUN_TRIES: u32 = 64;

/// Where runs are looked for.
const RUN_PORTS: Range<u16> = 10_000..32_000;

/// The any-core address and each core's own.
pub(super) fn choose(
    config: &Config,
    cores: usize,
) -> Result<(SocketAddr, Vec<SocketAddr>), HostError> {
    if config.port == 0 {
        return free_run(config, cores);
    }
    let (any_core, own) = addresses(config, config.port, cores)?;
    try_bind(any_core, "port")?;
    let key = if config.core_port.is_some() {
        "core_port"
    } else {
        "port"
    };
    own.iter().try_for_each(|address| try_bind(*address, key))?;
    Ok((any_core, own))
}

fn addresses(
    config: &Config,
    port: u16,
    cores: usize,
) -> Result<(SocketAddr, Vec<SocketAddr>), HostError> {
    let first = u64::from(config.core_port.unwrap_or_else(|| port.saturating_add(1)));
    let end = first + cores as u64;
    if first == 0 || end > u64::from(u16::MAX) + 1 || first == u64::from(port) {
        return Err(HostError::PortsOutOfRange {
            port,
            first_core: first,
            cores,
        });
    }
    if (first..end).contains(&u64::from(port)) {
        return Err(HostError::PortsOutOfRange {
            port,
            first_core: first,
            cores,
        });
    }
    let own = (first..end)
        .filter_map(|port| u16::try_from(port).ok())
        .map(|port| SocketAddr::new(config.bind, port))
        .collect();
    Ok((SocketAddr::new(config.bind, port), own))
}

/// Where clients are told that a node is that listens there.
pub(super) fn announce(
    config: &Config,
    any_core: SocketAddr,
    cores: &[SocketAddr],
) -> Result<Announced, HostError> {
    let own_core = cores.first().map_or(0, SocketAddr::port);
    let announced = Announced {
        host: config.announce_host.clone(),
        any_core_port: config.announce_port.unwrap_or_else(|| any_core.port()),
        first_core_port: config.announce_core_port.unwrap_or(own_core),
    };
    let Some(more) = cores.len().checked_sub(1) else {
        return Ok(announced);
    };
    let first = usize::from(announced.first_core_port);
    let port = announced.any_core_port;
    let last = first + more;
    if last > usize::from(u16::MAX) || (first..=last).contains(&usize::from(port)) {
        return Err(HostError::AnnouncedPortsOutOfRange {
            port,
            first_core: announced.first_core_port,
            cores: cores.len(),
        });
    }
    Ok(announced)
}

/// A run of free ports, for tests and embedding.
///
/// Below the range from which the kernel gives ports to outgoing connections: after many short ones
/// that range is full of connections in TIME_WAIT, which nobody may listen beside.
fn free_run(config: &Config, cores: usize) -> Result<(SocketAddr, Vec<SocketAddr>), HostError> {
    // A wrong address fails for every port; port 0 says so by name.
    TcpListener::bind(SocketAddr::new(config.bind, 0))
        .map(drop)
        .or_else(|error| match error.kind() {
            ErrorKind::AddrInUse => Ok(()),
            _ => Err(refused(SocketAddr::new(config.bind, 0), "bind", &error)),
        })?;
    for _ in 0..RUN_TRIES {
        let port = RUN_PORTS.start + random() % (RUN_PORTS.end - RUN_PORTS.start);
        let Ok((any_core, own)) = addresses(config, port, cores) else {
            continue;
        };
        let is_free = |address: &SocketAddr| TcpListener::bind(address).is_ok();
        if is_free(&any_core) && own.iter().all(is_free) {
            return Ok((any_core, own));
        }
    }
    Err(HostError::NoFreePorts {
        bind: config.bind,
        count: cores + 1,
    })
}

/// The standard library seeds its hash maps from the operating system's randomness.
fn random() -> u16 {
    RandomState::new().build_hasher().finish() as u16
}

fn try_bind(address: SocketAddr, key: &'static str) -> Result<(), HostError> {
    TcpListener::bind(address)
        .map(drop)
        .map_err(|error| refused(address, key, &error))
}

/// What a refused bind means. `key` is the setting that moves this port.
pub(super) fn refused(address: SocketAddr, key: &'static str, error: &io::Error) -> HostError {
    match error.kind() {
        ErrorKind::AddrInUse => HostError::PortInUse { address, key },
        ErrorKind::AddrNotAvailable => HostError::NotOurAddress { bind: address.ip() },
        ErrorKind::PermissionDenied => HostError::PortForbidden { address, key },
        _ => HostError::BindFailed {
            address,
            errno: error.raw_os_error().unwrap_or(0),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named_with_the_flag_that_moves_it() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let config = Config {
            port,
            ..Config::default()
        };
        let error = choose(&config, 1).unwrap_err();
        assert!(
            matches!(error, HostError::PortInUse { key: "port", .. }),
            "{error}"
        );
        let text = error.to_string();
        assert!(
            text.contains(&port.to_string()) && text.contains("--port"),
            "{text}"
        );
    }

    #[test]
    fn a_taken_core_port_names_its_own_flag() {
        let (any_core, _) = choose(
            &Config {
                port: 0,
                ..Config::default()
            },
            1,
        )
        .unwrap();
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let core_port = Some(taken.local_addr().unwrap().port());
        let config = Config {
            port: any_core.port(),
            core_port,
            ..Config::default()
        };
        let error = choose(&config, 1).unwrap_err();
        assert!(
            matches!(
                error,
                HostError::PortInUse {
                    key: "core_port",
                    ..
                }
            ),
            "{error}"
        );
        assert!(error.to_string().contains("--core-port"), "{error}");
    }

    #[test]
    fn ports_beyond_the_last_one_or_over_each_other_are_refused() {
        for (port, core_port, cores) in [
            (65_535, None, 1),
            (65_530, None, 6),
            (7400, Some(7399), 2),
            (7400, Some(0), 1),
        ] {
            let config = Config {
                port,
                core_port,
                ..Config::default()
            };
            let result = addresses(&config, port, cores);
            assert!(
                matches!(result, Err(HostError::PortsOutOfRange { .. })),
                "{port} {cores}"
            );
        }
        assert!(addresses(&Config::default(), 65_530, 5).is_ok());
    }

    #[test]
    fn ports_are_announced_if_every_core_has_one_of_its_own() {
        let any_core: SocketAddr = "127.0.0.1:7400".parse().unwrap();
        let cores: Vec<SocketAddr> = (7401..7405)
            .map(|port| SocketAddr::new(any_core.ip(), port))
            .collect();
        let announced = |announce_port, announce_core_port| {
            let config = Config {
                announce_port,
                announce_core_port,
                ..Config::default()
            };
            let announced = announce(&config, any_core, &cores).ok()?;
            Some((announced.any_core_port, announced.first_core_port))
        };
        assert_eq!(announced(None, None), Some((7400, 7401)));
        assert_eq!(announced(Some(30_000), None), Some((30_000, 7401)));
        assert_eq!(announced(None, Some(65_532)), Some((7400, 65_532)));
        assert_eq!(announced(Some(1), Some(2)), Some((1, 2)));
        for refused in [
            (None, Some(65_533)),
            (None, Some(7397)),
            (Some(7404), None),
            (Some(9), Some(9)),
        ] {
            assert_eq!(announced(refused.0, refused.1), None, "{refused:?}");
        }
    }

    #[test]
    fn port_zero_finds_a_run_that_can_be_bound() {
        let config = Config {
            port: 0,
            ..Config::default()
        };
        let (any_core, own) = choose(&config, 3).unwrap();
        assert_eq!(own.len(), 3);
        for (index, address) in own.iter().enumerate() {
            assert_eq!(
                usize::from(address.port()),
                usize::from(any_core.port()) + 1 + index
            );
        }
    }

    #[test]
    fn an_address_of_another_machine_is_told_from_a_taken_port() {
        let config = Config {
            bind: [192, 0, 2, 1].into(),
            ..Config::default()
        };
        let error = choose(&config, 1).unwrap_err();
        assert!(matches!(error, HostError::NotOurAddress { .. }), "{error}");
    }
}
