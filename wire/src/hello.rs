//! What a connection negotiates: the protocol version and whether frames carry checksums.
//!
//! ```text
//! request   u16 protocol_min | u16 protocol_max | u8 without_crc | u8[3] 0             8 bytes
//! reply     u16 protocol | u8 crc_on | u8 0 | u32 epoch | u16 core | u16 cores
//!           u16 partition_count | u16 0 | u32 value_bytes_max | u32 0 | u64 member    32 bytes
//! ```
//!
//! Both frames carry a checksum. What was agreed holds for every frame after the reply, in
//! both directions. A connection that never says hello speaks version 1 with checksums.

use crate::limits;

/// The protocol version that this crate speaks.
pub const PROTOCOL_VERSION: u16 = 1;

/// Core index of a connection on the port that any core serves.
pub const ANY_CORE: u16 = 0xFFFF;

/// What a client asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hello {
    /// Lowest protocol version that it speaks.
    pub protocol_min: u16,
    /// Highest protocol version that it speaks.
    pub protocol_max: u16,
    /// It wants to leave checksums out.
    pub without_crc: bool,
}

impl Hello {
    /// Bytes of the request's value.
    pub const BYTES: usize = 8;

    /// Asks for the one version there is.
    #[must_use]
    pub const fn new(without_crc: bool) -> Self {
        Self {
            protocol_min: PROTOCOL_VERSION,
            protocol_max: PROTOCOL_VERSION,
            without_crc,
        }
    }

    /// The request's value.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::BYTES] {
        let [min0, min1] = self.protocol_min.to_le_bytes();
        let [max0, max1] = self.protocol_max.to_le_bytes();
        [min0, min1, max0, max1, u8::from(self.without_crc), 0, 0, 0]
    }

    /// Reads the request's value; `None` where it is not one.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let &[min0, min1, max0, max1, without_crc, 0, 0, 0] = bytes else {
            return None;
        };
        let hello = Self {
            protocol_min: u16::from_le_bytes([min0, min1]),
            protocol_max: u16::from_le_bytes([max0, max1]),
            without_crc: flag(without_crc)?,
        };
        (hello.protocol_min <= hello.protocol_max).then_some(hello)
    }

    /// The version that both sides speak, or `None`: answer `UnsupportedProtocol`.
    #[must_use]
    pub fn agree(&self) -> Option<u16> {
        (self.protocol_min..=self.protocol_max)
            .contains(&PROTOCOL_VERSION)
            .then_some(PROTOCOL_VERSION)
    }
}

/// What a node answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HelloReply {
    /// The version that the connection speaks from here.
    pub protocol: u16,
    /// Frames after this one carry checksums.
    pub crc_on: bool,
    /// The node's topology epoch.
    pub epoch: u32,
    /// The core that serves the connection, or [`ANY_CORE`] where it came through the port that
    /// every core shares.
    pub core: u16,
    /// Cores of the node.
    pub cores: u16,
    /// Partitions of the cluster.
    pub partition_count: u16,
    /// Largest value that the node accepts.
    pub value_bytes_max: u32,
    /// The node's id in the topology.
    pub member: u64,
}

impl HelloReply {
    /// Bytes of the reply's value.
    pub const BYTES: usize = 32;

    /// The reply's value.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let fields: [&[u8]; 10] = [
            &self.protocol.to_le_bytes(),
            &[u8::from(self.crc_on), 0],
            &self.epoch.to_le_bytes(),
            &self.core.to_le_bytes(),
            &self.cores.to_le_bytes(),
            &self.partition_count.to_le_bytes(),
            &[0; 2],
            &self.value_bytes_max.to_le_bytes(),
            &[0; 4],
            &self.member.to_le_bytes(),
        ];
        for (place, byte) in bytes.iter_mut().zip(fields.into_iter().flatten()) {
            *place = *byte;
        }
        bytes
    }

    /// Reads the reply's value; `None` where it is not one.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (&[p0, p1, crc_on, 0, e0, e1, e2, e3], rest) = bytes.split_first_chunk::<8>()? else {
            return None;
        };
        let (&[c0, c1, n0, n1, q0, q1, 0, 0], rest) = rest.split_first_chunk::<8>()? else {
            return None;
        };
        let (&[v0, v1, v2, v3, 0, 0, 0, 0], member) = rest.split_first_chunk::<8>()? else {
            return None;
        };
        let reply = Self {
            protocol: u16::from_le_bytes([p0, p1]),
            crc_on: flag(crc_on)?,
            epoch: u32::from_le_bytes([e0, e1, e2, e3]),
            core: u16::from_le_bytes([c0, c1]),
            cores: u16::from_le_bytes([n0, n1]),
            partition_count: u16::from_le_bytes([q0, q1]),
            value_bytes_max: u32::from_le_bytes([v0, v1, v2, v3]),
            member: u64::from_le_bytes(member.try_into().ok()?),
        };
        reply.is_sound().then_some(reply)
    }

    /// Every field within its range.
    fn is_sound(&self) -> bool {
        limits::is_partition_count(self.partition_count)
            && (1..=limits::CORES_MAX).contains(&self.cores)
            && (self.core < self.cores || self.core == ANY_CORE)
            && (1..=limits::VALUE_BYTES_MAX_CEILING).contains(&self.value_bytes_max)
    }
}

fn flag(byte: u8) -> Option<bool> {
    match byte {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPLY: HelloReply = HelloReply {
        protocol: 1,
        crc_on: true,
        epoch: 0x0102_0304,
        core: 3,
        cores: 16,
        partition_count: 4096,
        value_bytes_max: 1 << 26,
        member: 0x1122_3344_5566_7788,
    };

    #[test]
    fn both_payloads_read_back() {
        for without_crc in [false, true] {
            let hello = Hello::new(without_crc);
            assert_eq!(Hello::decode(&hello.encode()), Some(hello));
        }
        assert_eq!(HelloReply::decode(&REPLY.encode()), Some(REPLY));
        let any = HelloReply {
            core: ANY_CORE,
            ..REPLY
        };
        assert_eq!(HelloReply::decode(&any.encode()), Some(any));
    }

    #[test]
    fn a_payload_of_another_length_or_with_stray_bytes_is_refused() {
        let hello = Hello::new(true).encode();
        let reply = REPLY.encode();
        for end in 0..hello.len() {
            assert_eq!(Hello::decode(&hello[..end]), None);
        }
        for end in 0..reply.len() {
            assert_eq!(HelloReply::decode(&reply[..end]), None);
        }
        for stray in [5, 6, 7] {
            let mut bytes = hello;
            bytes[stray] = 1;
            assert_eq!(Hello::decode(&bytes), None);
        }
        for stray in [3, 14, 15, 20, 23] {
            let mut bytes = reply;
            bytes[stray] = 1;
            assert_eq!(HelloReply::decode(&bytes), None);
        }
    }

    #[test]
    fn a_reply_out_of_range_is_refused() {
        for wrong in [
            HelloReply { core: 16, ..REPLY },
            HelloReply { cores: 0, ..REPLY },
            HelloReply {
                partition_count: 1000,
                ..REPLY
            },
            HelloReply {
                value_bytes_max: 0,
                ..REPLY
            },
        ] {
            assert_eq!(HelloReply::decode(&wrong.encode()), None, "{wrong:?}");
        }
    }

    #[test]
    fn versions_are_agreed_only_where_they_overlap() {
        assert_eq!(Hello::new(false).agree(), Some(1));
        let newer = Hello {
            protocol_min: 2,
            protocol_max: 5,
            without_crc: false,
        };
        assert_eq!(newer.agree(), None);
        let inverted = Hello {
            protocol_min: 5,
            protocol_max: 2,
            without_crc: false,
        };
        assert_eq!(Hello::decode(&inverted.encode()), None);
    }
}
