//! Channels: the names and patterns of a request, and the message that is pushed to a subscriber.
//!
//! ```text
//! Subscribe, Unsubscribe, Subscribers request      u16 name_len | name        (count of them)
//! PatternSubscribe, PatternUnsubscribe request     u16 pattern_len | pattern  (count of them)
//! Subscribers reply                                u64 subscribers            (count of them)
//! Message                     u16 channel_len | u16 pattern_len | channel | pattern | payload
//! ```
//!
//! `pattern_len` is 0 in a message to who subscribed to the channel by its name.

use crate::event::EventSwitch;
use crate::frame::{DecodeErrorKind, Request};
use crate::limits;
use crate::multi;
use crate::opcode::Opcode;
use crate::scan;

/// Channels that begin so carry the node's own events: anybody may subscribe to them, only the
/// node publishes there. See [`crate::event`].
pub const RESERVED_PREFIX: &[u8] = b"__jerboa__:";

/// Whether only the node publishes on a channel.
#[must_use]
pub fn is_reserved(channel: &[u8]) -> bool {
    channel.starts_with(RESERVED_PREFIX)
}

/// A message as its subscriber gets it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message<'a> {
    /// Where it was published.
    pub channel: &'a [u8],
    /// The pattern that the subscriber gave; `None` where it named the channel.
    pub pattern: Option<&'a [u8]>,
    /// What was published.
    pub payload: &'a [u8],
}

/// Bytes of a message before its channel.
const HEAD_BYTES: usize = 4;

impl<'a> Message<'a> {
    /// Reads a value section.
    #[must_use]
    pub fn decode(section: &'a [u8]) -> Option<Self> {
        let (&[c0, c1, p0, p1], rest) = section.split_first_chunk::<HEAD_BYTES>()?;
        let channel_len = usize::from(u16::from_le_bytes([c0, c1]));
        let pattern_len = usize::from(u16::from_le_bytes([p0, p1]));
        if !(1..=limits::CHANNEL_BYTES_MAX).contains(&channel_len)
            || pattern_len > limits::PATTERN_BYTES_MAX
        {
            return None;
        }
        let (channel, rest) = rest.split_at_checked(channel_len)?;
        let (pattern, payload) = rest.split_at_checked(pattern_len)?;
        Some(Self {
            channel,
            pattern: (pattern_len > 0).then_some(pattern),
            payload,
        })
    }

    /// Bytes of the value section.
    #[must_use]
    pub fn section_bytes(&self) -> usize {
        let pattern = self.pattern.unwrap_or_default();
        HEAD_BYTES + self.channel.len() + pattern.len() + self.payload.len()
    }

    /// Appends the value section to `out`. False, and nothing appended, where the channel is empty
    /// or one of the names is too long.
    #[must_use]
    pub fn encode(&self, out: &mut Vec<u8>) -> bool {
        let pattern = self.pattern.unwrap_or_default();
        let fits = (1..=limits::CHANNEL_BYTES_MAX).contains(&self.channel.len())
            && pattern.len() <= limits::PATTERN_BYTES_MAX
            && self.pattern.is_none_or(|pattern| !pattern.is_empty());
        let lengths = (
            u16::try_from(self.channel.len()),
            u16::try_from(pattern.len()),
        );
        let (true, (Ok(channel_len), Ok(pattern_len))) = (fits, lengths) else {
            return false;
        };
        out.extend_from_slice(&channel_len.to_le_bytes());
        out.extend_from_slice(&pattern_len.to_le_bytes());
        out.extend_from_slice(self.channel);
        out.extend_from_slice(pattern);
        out.extend_from_slice(self.payload);
        true
    }
}

/// Appends one item of the reply to a `Subscribers` request.
pub fn push_subscribers(out: &mut Vec<u8>, subscribers: u64) {
    out.extend_from_slice(&subscribers.to_le_bytes());
}

/// The items of the reply to a `Subscribers` request, in the order of its names.
pub(crate) fn subscribers(section: &[u8], count: u32) -> impl Iterator<Item = u64> {
    let (items, _) = section.as_chunks::<8>();
    let items = items.iter().take(count as usize);
    items.map(|item| u64::from_le_bytes(*item))
}

/// What a request about channels needs beyond its shape.
pub(crate) fn check(request: &Request<'_>, value_bytes_max: u32) -> Result<(), DecodeErrorKind> {
    match request.opcode {
        Opcode::Publish => check_publish(request, value_bytes_max),
        Opcode::Channels => scan::check(request.value),
        Opcode::Events if EventSwitch::decode(request.arg).is_none() => {
            Err(DecodeErrorKind::InvalidArgument { arg: request.arg })
        }
        // No name at all: everything that the connection subscribed to.
        Opcode::Unsubscribe | Opcode::PatternUnsubscribe if request.count == 0 => {
            if request.value.is_empty() {
                Ok(())
            } else {
                Err(DecodeErrorKind::MalformedPayload)
            }
        }
        Opcode::PatternSubscribe | Opcode::PatternUnsubscribe => {
            check_names(request, limits::PATTERN_BYTES_MAX)
        }
        Opcode::Subscribe | Opcode::Unsubscribe | Opcode::Subscribers => {
            check_names(request, limits::CHANNEL_BYTES_MAX)
        }
        _ => Ok(()),
    }
}

fn check_publish(request: &Request<'_>, value_bytes_max: u32) -> Result<(), DecodeErrorKind> {
    if request.key.is_empty() {
        return Err(DecodeErrorKind::KeyEmpty);
    }
    check_length(request.key, limits::CHANNEL_BYTES_MAX)?;
    let most = payload_bytes_max(value_bytes_max);
    match u32::try_from(request.value.len()) {
        Ok(declared) if declared <= most => Ok(()),
        declared => Err(DecodeErrorKind::ValueTooLarge {
            declared: declared.unwrap_or(u32::MAX),
            max: most,
        }),
    }
}

/// Longest payload of a message where values are limited to `value_bytes_max`: with its names it
/// has to fit the largest value section.
#[must_use]
pub const fn payload_bytes_max(value_bytes_max: u32) -> u32 {
    let names = HEAD_BYTES + limits::CHANNEL_BYTES_MAX + limits::PATTERN_BYTES_MAX;
    let fitting = limits::section_bytes_max(value_bytes_max).saturating_sub(names as u32);
    if value_bytes_max < fitting {
        value_bytes_max
    } else {
        fitting
    }
}

fn check_names(request: &Request<'_>, longest: usize) -> Result<(), DecodeErrorKind> {
    if request.count == 0 || request.count > limits::MULTI_ITEMS_MAX {
        return Err(DecodeErrorKind::TooManyItems {
            count: request.count,
        });
    }
    multi::check_keys(request.value, request.count)?;
    request
        .keys()
        .try_for_each(|name| check_length(name, longest))
}

fn check_length(name: &[u8], longest: usize) -> Result<(), DecodeErrorKind> {
    if name.len() > longest {
        return Err(DecodeErrorKind::ChannelTooLarge { bytes: name.len() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_back_and_nothing_else_is_one() {
        for pattern in [None, Some(&b"news.*"[..])] {
            for payload in [&b""[..], b"late"] {
                let message = Message {
                    channel: b"news.today",
                    pattern,
                    payload,
                };
                let mut section = Vec::new();
                assert!(message.encode(&mut section));
                assert_eq!(section.len(), message.section_bytes());
                assert_eq!(Message::decode(&section), Some(message));
                let names = section.len() - payload.len();
                for end in 0..names {
                    assert_eq!(Message::decode(&section[..end]), None, "cut at {end}");
                }
            }
        }
        assert_eq!(Message::decode(&[0, 0, 0, 0]), None, "no channel");
    }

    #[test]
    fn names_that_no_message_can_carry_are_never_pushed() {
        let mut section = Vec::new();
        let long = vec![b'a'; limits::CHANNEL_BYTES_MAX + 1];
        for (channel, pattern) in [
            (&b""[..], None),
            (&long, None),
            (b"a", Some(&b""[..])),
            (b"a", Some(&long[..limits::PATTERN_BYTES_MAX + 1])),
        ] {
            let message = Message {
                channel,
                pattern,
                payload: b"x",
            };
            assert!(!message.encode(&mut section));
        }
        assert!(section.is_empty());
    }

    #[test]
    fn names_of_requests_are_checked_one_by_one() {
        let names = |opcode, names: &[&[u8]]| {
            let mut value = Vec::new();
            for name in names {
                assert!(multi::push_key(&mut value, name));
            }
            let request = Request {
                count: names.len() as u32,
                value: &value,
                ..Request::new(opcode)
            };
            check(&request, 1 << 20)
        };
        let long = vec![b'a'; limits::CHANNEL_BYTES_MAX + 1];
        let bytes = long.len();
        let too_long = Err(DecodeErrorKind::ChannelTooLarge { bytes });
        assert_eq!(names(Opcode::Subscribe, &[b"a", &long[1..]]), Ok(()));
        assert_eq!(names(Opcode::Subscribe, &[b"a", &long]), too_long);
        assert_eq!(names(Opcode::Unsubscribe, &[]), Ok(()));
        let none = Err(DecodeErrorKind::TooManyItems { count: 0 });
        assert_eq!(names(Opcode::Subscribe, &[]), none);
        let pattern = &long[..limits::PATTERN_BYTES_MAX + 1];
        let bytes = pattern.len();
        let too_long = Err(DecodeErrorKind::ChannelTooLarge { bytes });
        assert_eq!(names(Opcode::PatternSubscribe, &[pattern]), too_long);
        assert_eq!(names(Opcode::PatternSubscribe, &[&pattern[1..]]), Ok(()));
    }

    #[test]
    fn the_longest_message_fits_the_longest_section() {
        for value_bytes_max in [1, 4 << 20, 64 << 20, limits::VALUE_BYTES_MAX_CEILING] {
            let most = payload_bytes_max(value_bytes_max) as usize;
            let names = HEAD_BYTES + limits::CHANNEL_BYTES_MAX + limits::PATTERN_BYTES_MAX;
            assert!(most + names <= limits::section_bytes_max(value_bytes_max) as usize);
        }
        assert_eq!(payload_bytes_max(100), 100);
    }
}
