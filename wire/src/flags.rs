//! The two flag sets of a frame: what a request asks for and what a reply tells.
//!
//! ```text
//! bit  15      14      13 ................. 0
//!      REPLY   NO_CRC  flags of the direction
//! ```
//! The two upper bits belong to the frame, not to the operation: the codec sets and checks
//! them, and neither set below can hold them.

/// Bit 15 of the flag field: the frame is a reply.
pub const REPLY_BIT: u16 = 1 << 15;
/// Bit 14 of the flag field: the frame has no checksum and its checksum field is zero.
pub const NO_CRC_BIT: u16 = 1 << 14;

macro_rules! flag_set {
    ($(#[$meta:meta])* $name:ident { $($(#[$flag_meta:meta])* $flag:ident = $bit:expr;)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub struct $name(u16);

        impl $name {
            $($(#[$flag_meta])* pub const $flag: Self = Self($bit);)+

            /// No flag.
            pub const NONE: Self = Self(0);
            /// Every known flag.
            pub const ALL: Self = Self(0 $(| $bit)+);
            /// Every known flag with its name, lowest bit first.
            pub const NAMES: &'static [(Self, &'static str)] =
                &[$((Self($bit), stringify!($flag)),)+];

            /// The set with these bits, or `None` where a bit has no meaning.
            #[must_use]
            #[inline]
            pub const fn from_bits(bits: u16) -> Option<Self> {
                if bits & !Self::ALL.0 == 0 { Some(Self(bits)) } else { None }
            }

            /// The bits as they stand in a frame.
            #[must_use]
            #[inline]
            pub const fn bits(self) -> u16 {
                self.0
            }

            /// Whether every flag of `other` is set.
            #[must_use]
            #[inline]
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// Whether any flag of `other` is set.
            #[must_use]
            #[inline]
            pub const fn intersects(self, other: Self) -> bool {
                self.0 & other.0 != 0
            }

            /// Both sets together.
            #[must_use]
            #[inline]
            pub const fn union(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// Whether no flag is set.
            #[must_use]
            #[inline]
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }
        }

        impl std::ops::BitOr for $name {
            type Output = Self;
            #[inline]
            fn bitor(self, other: Self) -> Self {
                self.union(other)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let mut set = f.debug_set();
                for (flag, name) in Self::NAMES {
                    if self.contains(*flag) {
                        set.entry(&format_args!("{name}"));
                    }
                }
                set.finish()
            }
        }
    };
}

flag_set! {
    /// What a request asks for. Each operation allows some of them.
    RequestFlags {
        /// Store only where the key is absent.
        IF_ABSENT = 1;
        /// Store only where the key is present.
        IF_PRESENT = 2;
        /// `arg` is a time to live in milliseconds.
        TTL_RELATIVE = 4;
        /// `arg` is an expiry in Unix milliseconds.
        TTL_ABSOLUTE = 8;
        /// Keep the expiry that the entry has.
        KEEP_TTL = 16;
        /// Answer with the value that stood there before.
        RETURN_OLD = 32;
        /// Only where it expires later than before.
        IF_LATER = 64;
        /// Only where it expires earlier than before.
        IF_EARLIER = 128;
        /// Only about the core that is asked, not about all of the node.
        THIS_CORE = 256;
    }
}

flag_set! {
    /// What a reply tells beside its status.
    ReplyFlags {
        /// The request reached a core that does not own the key and was forwarded; `epoch` is
        /// the topology to fetch.
        STALE_TOPOLOGY = 1;
    }
}

const _: () = assert!(
    (RequestFlags::ALL.bits() | ReplyFlags::ALL.bits()) & (REPLY_BIT | NO_CRC_BIT) == 0,
    "the flags of an operation stay below the bits of the frame"
);

impl RequestFlags {
    /// The three mutually exclusive ways to say when an entry expires.
    pub const TTL_FORMS: Self =
        Self(Self::TTL_RELATIVE.0 | Self::TTL_ABSOLUTE.0 | Self::KEEP_TTL.0);

    /// Whether two flags exclude each other: conditions that cannot both hold, or more than one TTL
    /// form.
    #[must_use]
    #[inline]
    pub const fn conflict(self) -> bool {
        let forms = self.0 & Self::TTL_FORMS.0;
        let others = Self::IF_PRESENT.0 | Self::IF_LATER.0 | Self::IF_EARLIER.0;
        let absent = self.contains(Self::IF_ABSENT) && self.0 & others != 0;
        let both = self.contains(Self::IF_LATER.union(Self::IF_EARLIER));
        absent || both || forms & forms.wrapping_sub(1) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conflicting_options_are_told_apart_from_allowed_ones() {
        for bits in 0..=RequestFlags::ALL.bits() {
            let flags = RequestFlags::from_bits(bits).unwrap();
            let (absent, present) = (bits & 1 > 0, bits & 2 > 0);
            let (later, earlier) = (bits & 64 > 0, bits & 128 > 0);
            let both = absent && (present || later || earlier) || later && earlier;
            let forms = (bits >> 2 & 7).count_ones();
            assert_eq!(flags.conflict(), both || forms > 1, "{flags:?}");
        }
        assert_eq!(RequestFlags::from_bits(512), None);
        assert_eq!(RequestFlags::from_bits(REPLY_BIT), None);
        assert_eq!(ReplyFlags::from_bits(2), None);
    }

    #[test]
    fn debug_names_the_flags() {
        let flags = RequestFlags::IF_ABSENT | RequestFlags::KEEP_TTL;
        assert_eq!(format!("{flags:?}"), "{IF_ABSENT, KEEP_TTL}");
    }
}
