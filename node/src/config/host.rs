//! A host as clients are told it: an address, or a name that they look up.
//!
//! Invariant: H1 what is kept is an IP address other than that of "all addresses", or a name of
//! labels as DNS has them whose last is no number, so that nothing is taken for a name that was
//! meant as an address.

use std::fmt::{self, Display, Formatter};
use std::net::IpAddr;
use std::str::FromStr;

use super::error::ValueError;

/// Bytes of the longest name that DNS has.
const NAME_BYTES_MAX: usize = 253;
/// Bytes of the longest part of one.
const LABEL_BYTES_MAX: usize = 63;

/// Where clients find this node, as they are told: `203.0.113.7`, `2001:db8::7`, `cache.example`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host(String);

impl Host {
    /// As clients are told it; an IPv6 address without brackets.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address, where it is one.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.0.parse().ok()
    }
}

impl FromStr for Host {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let is_host = match text.parse::<IpAddr>() {
            Ok(address) => !address.is_unspecified() && !address.is_multicast(),
            Err(_) => is_name(text),
        };
        if is_host {
            return Ok(Self(text.to_owned()));
        }
        Err(ValueError::NotAHost)
    }
}

impl Display for Host {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let last = text.rsplit('.').next().unwrap_or(text);
    text.len() <= NAME_BYTES_MAX
        && text.split('.').all(is_label)
        && !last.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_names_are_taken_and_nothing_else() {
        for host in [
            "203.0.113.7",
            "2001:db8::7",
            "127.0.0.1",
            "localhost",
            "cache-1.example",
            "a_b.c",
            &["x".repeat(63), "y".repeat(63)].join("."),
        ] {
            assert_eq!(Host::from_str(host).map(|host| host.0), Ok(host.to_owned()));
        }
        for none in [
            "",
            ".",
            "a..b",
            "a.",
            "-a",
            "a-.b",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "203.0.113",
            "203.0.113.256",
            "[2001:db8::7]",
            "cache:7400",
            "ca che",
            "cache\r\n",
            "k\u{e4}se.example",
            &"x".repeat(64),
            &vec!["x".repeat(50); 6].join("."),
        ] {
            assert_eq!(Host::from_str(none), Err(ValueError::NotAHost), "{none:?}");
        }
    }
}
