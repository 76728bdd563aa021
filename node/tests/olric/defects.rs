//! The list of Olric's defects, and the tests with the opposite outcome.

use super::counterparts::places::{
    BAD_INPUT, CALLS, ENGINE_EXPIRY, ENGINE_LIMITS, ENGINE_MEMORY, LIMITS, LOCKS, RESP_DMAP, SCAN,
    SERVE, UPDATES, row,
};

/// Olric's defects, by their numbers in the list that the project keeps of them.
pub(super) const DEFECTS: &[(&str, &[(&str, &str)])] = &[
    (
        "W1",
        &[(
            ENGINE_MEMORY,
            "compaction_loses_no_live_key_beside_a_hot_one",
        )],
    ),
    (
        "W2",
        &[
            (ENGINE_MEMORY, "an_overwritten_value_never_returns"),
            row("an overwritten value comes back, or a deleted one"),
        ],
    ),
    (
        "W2b",
        &[(
            ENGINE_MEMORY,
            "a_key_overwritten_without_end_uses_bounded_memory",
        )],
    ),
    (
        "W2c",
        &[
            (
                "core-shard/src/shard/collision_test.rs",
                "two_keys_with_equal_hashes_are_both_alive",
            ),
            (
                "core-shard/src/shard/collision_test.rs",
                "hundreds_of_equal_hashes_and_equal_tags_survive_growth_and_deletion",
            ),
        ],
    ),
    (
        "W3",
        &[
            (
                RESP_DMAP,
                "a_deletion_removes_and_counts_the_keys_of_every_owner",
            ),
            row("one of many keys decides for the others, or many stop half-way"),
            (
                SERVE,
                "multi_key_requests_over_several_cores_answer_per_key_in_request_order",
            ),
            (CALLS, "a_command_that_fails_stops_no_other_of_its_pipeline"),
        ],
    ),
    (
        "W4",
        &[
            row("expire destroys the value, or makes a key"),
            (RESP_DMAP, "an_expiry_keeps_the_value_and_makes_no_entry"),
        ],
    ),
    (
        "W5",
        &[
            row("expire destroys the value, or makes a key"),
            (LOCKS, "w5_a_lease_keeps_the_token_and_moves_the_end"),
        ],
    ),
    (
        "W6",
        &[(
            UPDATES,
            "w6_updates_through_every_port_at_once_are_never_lost",
        )],
    ),
    (
        "W7",
        &[
            (LOCKS, "w7_whatever_removes_the_entry_serves_the_line_once"),
            // Through the port of a core that does not own the key, as all rows.
            row("a condition lets through what it should stop"),
            row("expire destroys the value, or makes a key"),
            row("an absent key is mistaken for an empty one"),
        ],
    ),
    (
        "W10",
        &[
            (
                LOCKS,
                "w10_a_wait_ends_at_its_deadline_and_never_takes_the_lock_later",
            ),
            (LOCKS, "w10_a_client_that_goes_away_leaves_no_orphan"),
            (CALLS, "a_lock_whose_caller_went_is_left_with_nobody"),
            (
                CALLS,
                "a_client_that_went_after_a_time_out_leaves_no_lock_behind",
            ),
        ],
    ),
    (
        "W11",
        &[
            (SCAN, "w11_bad_cursors_and_patterns_are_refused_by_name"),
            (LOCKS, "malformed_lock_requests_are_refused_by_name"),
            (
                RESP_DMAP,
                "malformed_commands_are_refused_and_leave_everybody_in_step",
            ),
            (
                BAD_INPUT,
                "what_is_wrong_inside_a_sound_frame_is_named_and_the_stream_goes_on",
            ),
            (
                BAD_INPUT,
                "random_bytes_close_the_connection_after_saying_why",
            ),
        ],
    ),
    (
        "W19",
        &[(
            ENGINE_EXPIRY,
            "w19_the_entries_of_every_map_of_a_partition_expire",
        )],
    ),
    (
        "W20",
        &[
            (
                ENGINE_EXPIRY,
                "w20_a_clock_that_steps_back_hides_no_write_and_revives_nothing",
            ),
            (
                "core-shard/src/version.rs",
                "versions_grow_while_the_clock_stands_still_steps_back_and_jumps",
            ),
        ],
    ),
    (
        "W21",
        &[
            (
                "node/tests/backpressure.rs",
                "gigabytes_asked_of_the_own_core_and_never_read_are_never_held",
            ),
            (
                "node/tests/backpressure.rs",
                "a_full_mailbox_says_busy_and_neither_loses_nor_reorders",
            ),
            (
                LIMITS,
                "the_largest_value_goes_through_every_core_and_one_byte_more_is_refused",
            ),
            (ENGINE_LIMITS, "a_map_never_has_more_bytes_than_its_limit"),
            (
                "node/tests/bad_input_clients.rs",
                "half_open_connections_cost_nothing_and_go_after_the_idle_time_out",
            ),
        ],
    ),
];
