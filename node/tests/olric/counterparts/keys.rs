//! What is done to one key: values, expiry, counters, swaps and locks.

use super::super::Counterpart;
use super::places::{CALLS, CLIENTS, LIMITS, LOCKS, MAPS, UPDATES, VALUES, row};

pub(super) const ROWS: &[Counterpart] = &[
    // Values.
    Counterpart {
        olric: "TestClusterClient_Put TestEmbeddedClient_DMap_Put TestDMap_Put_Standalone \
                TestClusterClient_Get TestEmbeddedClient_DMap_Get TestDMap_Get_Standalone \
                TestDMap_Get_Lookup TestEmbeddedClient_NewDMap TestDMap_Name",
        here: &[row("an overwritten value comes back, or a deleted one")],
    },
    Counterpart {
        olric: "TestDMap_Get_NilValue",
        here: &[row("an absent key is mistaken for an empty one")],
    },
    Counterpart {
        olric: "TestDMap_Get_GetResponse TestWriter_WriteArg",
        here: &[
            (VALUES, "the_bytes_are_those_of_the_table"),
            (VALUES, "every_number_comes_back_to_the_last_digit"),
            (VALUES, "nothing_is_guessed_at"),
            (
                CALLS,
                "a_value_of_another_type_is_an_error_that_hands_it_back",
            ),
            // Its time to live and its time stamp.
            row("an entry outlives its time, in whichever form it was given"),
            (
                CLIENTS,
                "every_operation_has_the_same_outcome_through_every_driver",
            ),
        ],
    },
    Counterpart {
        olric: "TestClusterClient_Delete TestEmbeddedClient_DMap_Delete TestDMap_Delete_Lookup",
        here: &[row("an absent key is mistaken for an empty one")],
    },
    Counterpart {
        olric: "TestClusterClient_Delete_Many_Keys TestEmbeddedClient_DMap_Delete_Many_Keys",
        here: &[row(
            "one of many keys decides for the others, or many stop half-way",
        )],
    },
    Counterpart {
        olric: "TestClusterClient_GetPut TestEmbeddedClient_DMap_GetPut TestDMap_Atomic_GetPut \
                TestDMap_exGetPutOperation",
        here: &[row("what was replaced is not told, or told wrong")],
    },
    Counterpart {
        olric: "TestClusterClient_Destroy TestEmbeddedClient_DMap_Destroy \
                TestDMap_Destroy_Standalone TestDMap_Destroy_destroyOperation",
        here: &[
            row("a destroyed map has entries, or keeps a lock"),
            (
                MAPS,
                "after_a_destroy_no_entry_is_seen_and_a_new_map_begins",
            ),
        ],
    },
    Counterpart {
        olric: "TestDMap_Put_ErrKeyTooLarge TestDMap_Put_ErrEntryTooLarge",
        here: &[
            (LIMITS, "the_longest_keys_and_map_names_work_on_every_core"),
            (
                LIMITS,
                "the_largest_value_goes_through_every_core_and_one_byte_more_is_refused",
            ),
        ],
    },
    // Options of put, expiry.
    Counterpart {
        olric: "TestClusterClient_Put_Ex TestClusterClient_Put_PX TestClusterClient_Put_EXAT \
                TestClusterClient_Put_PXAT TestEmbeddedClient_DMap_Put_EX \
                TestEmbeddedClient_DMap_Put_PX TestEmbeddedClient_DMap_Put_EXAT \
                TestEmbeddedClient_DMap_Put_PXAT TestDMap_Put_PX TestDMap_Put_EX \
                TestDMap_Put_EXAT TestDMap_Put_PXAT",
        here: &[row(
            "an entry outlives its time, in whichever form it was given",
        )],
    },
    Counterpart {
        olric: "TestClusterClient_Put_NX TestClusterClient_Put_XX TestEmbeddedClient_DMap_Put_NX \
                TestEmbeddedClient_DMap_Put_XX TestDMap_Put_NX TestDMap_Put_XX \
                TestClusterClient_Set_Options",
        here: &[
            row("a condition lets through what it should stop"),
            row("a condition takes an expired entry for one that is there"),
        ],
    },
    Counterpart {
        olric: "TestEmbeddedClient_DMap_Put_PX_With_NX TestDMap_Put_PX_With_NX",
        here: &[row("a refused put changes the expiry all the same")],
    },
    Counterpart {
        olric: "TestClusterClient_Expire TestEmbeddedClient_DMap_Expire TestDMap_Expire \
                TestDMap_Expire_ErrKeyNotFound TestDMap_Expire_expireCommandHandler \
                TestDMap_Expire_pexpireCommandHandler",
        here: &[row("expire destroys the value, or makes a key")],
    },
    // Counters and compare-and-swap.
    Counterpart {
        olric: "TestClusterClient_Incr TestClusterClient_Decr TestEmbeddedClient_DMap_Atomic_Incr \
                TestEmbeddedClient_DMap_Atomic_Decr TestDMap_loadCurrentAtomicInt \
                TestDMap_Atomic_Incr TestDMap_Atomic_Decr TestDMap_incrCommandHandler_Single_Request \
                TestDMap_decrCommandHandler_Single_Request",
        here: &[
            row("a counter wraps, or a refused count changes it"),
            row("what is no number is counted with"),
        ],
    },
    Counterpart {
        olric: "TestDMap_incrCommandHandler TestDMap_decrCommandHandler",
        here: &[(
            CLIENTS,
            "callers_who_share_a_client_count_exactly_and_read_their_own_writes",
        )],
    },
    Counterpart {
        olric: "TestClusterClient_IncrByFloat TestEmbeddedClient_DMap_Atomic_IncrByFloat \
                TestDMap_Atomic_IncrByFloat TestDMap_incrByFloatCommandHandler",
        here: &[row("a float counter loses what it cannot add")],
    },
    Counterpart {
        olric: "TestEmbeddedClient_DMap_CompareAndSwap_Standalone TestDMap_CompareAndSwap_Insert \
                TestDMap_CompareAndSwap_Update TestDMap_CompareAndSwap_Mismatch \
                TestDMap_CompareAndSwap_WireProtocol",
        here: &[
            row("a swap by value takes the wrong value for the right one"),
            row("a swap by version misses that the entry was changed and changed back"),
        ],
    },
    Counterpart {
        olric: "TestDMap_CompareAndSwap_TTL",
        here: &[row(
            "a swap keeps an expiry that it should set, or sets one that it should keep",
        )],
    },
    Counterpart {
        olric: "TestDMap_CompareAndSwap_Concurrent",
        here: &[(
            UPDATES,
            "w6_updates_through_every_port_at_once_are_never_lost",
        )],
    },
    // Locks.
    Counterpart {
        olric: "TestClusterClient_Lock_Unlock TestEmbeddedClient_DMap_Lock \
                TestEmbeddedClient_DMap_Lock_ErrNoSuchLock TestDMap_Lock_Standalone \
                TestDMap_tryLock TestDMap_lockCommandHandler",
        here: &[row("two hold one lock, or a stranger opens it")],
    },
    Counterpart {
        olric: "TestClusterClient_Lock_ErrLockNotAcquired \
                TestClusterClient_LockWithTimeout_ErrLockNotAcquired \
                TestEmbeddedClient_DMap_Lock_ErrLockNotAcquired \
                TestEmbeddedClient_DMap_LockWithTimeout_ErrLockNotAcquired \
                TestDMap_Lock_With_Timeout_ErrLockNotAcquired_Standalone \
                TestDMap_Lock_ErrLockNotAcquired_Standalone",
        here: &[
            row("two hold one lock, or a stranger opens it"),
            (
                LOCKS,
                "w10_a_wait_ends_at_its_deadline_and_never_takes_the_lock_later",
            ),
        ],
    },
    Counterpart {
        olric: "TestClusterClient_LockWithTimeout TestClusterClient_LockWithTimeout_ErrNoSuchLock \
                TestClusterClient_Lock_Lease TestClusterClient_LockWithTimeout_Then_Lease \
                TestEmbeddedClient_DMap_LockWithTimeout \
                TestEmbeddedClient_DMap_LockWithTimeout_Timeout \
                TestEmbeddedClient_DMap_LockWithTimeout_ErrNoSuchLock \
                TestEmbeddedClient_DMap_LockWithTimeout_ErrNoSuchLock_Timeout \
                TestEmbeddedClient_DMap_LockWithTimeout_Then_Lease \
                TestDMap_Lock_With_Timeout_Standalone TestDMap_Unlock_After_Timeout_Standalone \
                TestDMap_LockLease_Standalone TestDMap_lockCommandHandler_EX \
                TestDMap_lockCommandHandler_PX TestDMap_lockLeaseCommandHandler \
                TestDMap_plockLeaseCommandHandler",
        here: &[row("a lock outlives its lease, or loses it with the lease")],
    },
];
