//! The lists of what has its counterpart: tests by group, then defects.

use super::Counterpart;

const TABLE: &str = "node/tests/operations/table.rs";
const CALLS: &str = "node/tests/operations/calls.rs";
const LISTENING: &str = "node/tests/operations/listening.rs";
const LOCKS: &str = "node/tests/locks.rs";
const UPDATES: &str = "node/tests/updates/compare_and_swap.rs";
const SCAN: &str = "node/tests/scan.rs";
const MAPS: &str = "node/tests/maps.rs";
const MAP_SETTINGS: &str = "node/tests/map_settings.rs";
const SERVE: &str = "node/tests/serve.rs";
const PUBSUB: &str = "node/tests/pubsub.rs";
const LIMITS: &str = "node/tests/limits.rs";
const BAD_INPUT: &str = "node/tests/bad_input.rs";
const EMBEDDED: &str = "node/tests/embedded.rs";
const LIFECYCLE: &str = "node/tests/embedded_lifecycle.rs";
const RESP_DMAP: &str = "node/tests/resp_dmap.rs";
const STATS: &str = "node/tests/shell/stats.rs";
const VALUES: &str = "wire/src/value/tests.rs";
const FRAMES: &str = "wire/tests/properties.rs";
const FILE: &str = "node/src/config/file.rs";
const ENGINE_EXPIRY: &str = "core-shard/tests/expiry.rs";
const ENGINE_MEMORY: &str = "core-shard/tests/memory.rs";
const ENGINE_LIMITS: &str = "core-shard/tests/limits.rs";
const ENGINE_MODEL: &str = "core-shard/tests/model.rs";
const ENGINE_HANDOVER: &str = "core-shard/tests/handover.rs";

/// The row of the table, run through every door, embedded and over the network.
const fn row(fear: &'static str) -> (&'static str, &'static str) {
    (TABLE, fear)
}

pub(super) const COUNTERPARTS: &[Counterpart] = &[
    // Start, stop, ping, statistics.
    Counterpart {
        olric: "TestOlric_StartAndShutdown TestDMapService",
        here: &[(LIFECYCLE, "twenty_starts_and_stops_leave_nothing_behind")],
    },
    Counterpart {
        olric: "TestOlric_Ping TestOlric_PingWithMessage TestClusterClient_Ping \
                TestClusterClient_Ping_WithMessage TestEmbeddedClient_Ping \
                TestEmbeddedClient_Ping_WithMessage TestProtocol_Ping TestProtocol_Ping_Message",
        here: &[(SERVE, "hello_topology_stats_ping_and_noop_tell_the_truth")],
    },
    Counterpart {
        olric: "TestOlric_Stats TestStats_DMap TestClusterClient_Stats TestDMap_Stats \
                TestProtocol_Stats TestServer_RESP_Stats",
        here: &[
            (
                STATS,
                "the_network_client_and_the_embedding_process_see_the_same",
            ),
            (
                STATS,
                "what_expires_and_what_is_evicted_is_counted_for_its_map",
            ),
        ],
    },
    Counterpart {
        olric: "TestStats_PubSub",
        here: &[(
            PUBSUB,
            "who_unsubscribed_or_went_away_is_neither_sent_to_nor_counted",
        )],
    },
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
            UPDATES,
            "w6_updates_through_every_port_at_once_are_never_lost",
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
    // Scans.
    Counterpart {
        olric: "TestClusterClient_Scan TestClusterClient_ScanMatch TestEmbeddedClient_Scan \
                TestEmbeddedClient_ScanMatch TestDMap_scanCommandHandler_Standalone \
                TestDMap_scanCommandHandler_match TestDMap_scanCommandHandler_count \
                TestStorage_Scan TestStorage_ScanRegexMatch TestStorage_ScanRegexMatch_OnlyOneEntry \
                TestTable_Scan TestTable_ScanRegexMatch TestTable_ScanRegexMatch_SingleMatch",
        here: &[
            row("a scan misses a key, shows an expired one, or takes a glob for another pattern"),
            (
                SCAN,
                "every_key_of_every_core_is_found_once_through_every_port",
            ),
            (
                CALLS,
                "a_scan_hands_out_every_key_once_and_goes_on_where_it_was",
            ),
        ],
    },
    Counterpart {
        olric: "TestStorage_Scan_NonContiguousCoefficients TestTable_ScanRegexMatch_InvalidRegex",
        here: &[(SCAN, "w11_bad_cursors_and_patterns_are_refused_by_name")],
    },
    Counterpart {
        olric: "TestEmbeddedClient_Issue263",
        here: &[(LIFECYCLE, "twenty_starts_and_stops_leave_nothing_behind")],
    },
    // Pipelines.
    Counterpart {
        olric: "TestDMapPipeline_Put TestDMapPipeline_Get TestDMapPipeline_Delete \
                TestDMapPipeline_Expire TestDMapPipeline_Incr TestDMapPipeline_Decr \
                TestDMapPipeline_GetPut TestDMapPipeline_IncrByFloat \
                TestDMapPipeline_EmbeddedClient",
        here: &[(
            "node/tests/operations.rs",
            "every_operation_comes_to_the_same_through_every_door",
        )],
    },
    Counterpart {
        olric: "TestFutureGet_Result_NilPipelineValue TestFutureGetPut_Result_NilPipelineValue \
                TestDMapPipeline_ErrNotReady",
        here: &[(CALLS, "a_command_that_fails_stops_no_other_of_its_pipeline")],
    },
    // Publish/subscribe.
    Counterpart {
        olric: "TestPubSub_Publish_Subscribe TestPubSub_Publish_PSubscribe TestPubSub \
                TestPubSub_Handler_Subscribe TestPubSub_Handler_PSubscribe \
                TestProtocol_ParsePublishCommand TestProtocol_ParseSubscribeCommand \
                TestProtocol_ParsePSubscribeCommand TestMux_PubSub_Command",
        here: &[
            (
                LISTENING,
                "every_message_comes_once_in_order_by_name_and_by_pattern",
            ),
            (
                PUBSUB,
                "a_name_and_each_pattern_that_match_bring_a_message_of_their_own",
            ),
        ],
    },
    Counterpart {
        olric: "TestPubSub_Handler_Unsubscribe TestPubSub_Handler_PUnsubscribe \
                TestPubSub_Handler_Close",
        here: &[(
            PUBSUB,
            "who_unsubscribed_or_went_away_is_neither_sent_to_nor_counted",
        )],
    },
    Counterpart {
        olric: "TestPubSub_Handler_Ping",
        here: &[(PUBSUB, "a_subscriber_may_go_on_with_everything_else")],
    },
    Counterpart {
        olric: "TestPubSub_PubSubChannels TestPubSub_PubSubNumSub TestPubSub_PubSubNumPat \
                TestPubSub_Handler_PubSubChannels_Without_Patterns \
                TestPubSub_Handler_PubSubChannels_With_Patterns TestPubSub_Handler_PubSubNumpat \
                TestPubSub_Handler_PubSubNumsub TestProtocol_PubSubChannels \
                TestProtocol_PubSubChannels_Patterns TestProtocol_PubSubNumpat \
                TestProtocol_PubSubNumsub",
        here: &[(
            PUBSUB,
            "introspection_covers_all_cores_and_lists_each_channel_once",
        )],
    },
    // Eviction and settings.
    Counterpart {
        olric: "TestIntegration_DMap_Cache_Eviction_TTLDuration TestDMap_Eviction_TTL",
        here: &[
            (
                ENGINE_EXPIRY,
                "entries_of_one_class_expire_each_at_its_own_time",
            ),
            (
                ENGINE_EXPIRY,
                "w19_the_entries_of_every_map_of_a_partition_expire",
            ),
        ],
    },
    Counterpart {
        olric: "TestDMap_Config TestConfig_DMap",
        here: &[(
            MAP_SETTINGS,
            "settings_are_inherited_one_by_one_and_read_back_on_every_port",
        )],
    },
    Counterpart {
        olric: "TestDMap_Eviction_Config_TTLDuration",
        here: &[
            (
                MAP_SETTINGS,
                "writes_that_do_not_say_get_the_ttl_of_their_map",
            ),
            (
                MAP_SETTINGS,
                "writes_that_say_and_locks_and_what_is_kept_do_not_get_the_ttl_of_their_map",
            ),
        ],
    },
    Counterpart {
        olric: "TestIntegration_DMap_Cache_Eviction_MaxIdleDuration \
                TestDMap_Eviction_Config_MaxIdleDuration",
        here: &[(
            ENGINE_LIMITS,
            "an_idle_entry_is_gone_at_its_time_and_a_read_does_not_revive_it",
        )],
    },
    Counterpart {
        olric: "TestIntegration_DMap_Cache_Eviction_LRU_MaxKeys \
                TestDMap_Eviction_LRU_Config_MaxKeys",
        here: &[(
            ENGINE_LIMITS,
            "a_map_never_has_more_keys_than_its_limit_and_others_keep_theirs",
        )],
    },
    Counterpart {
        olric: "TestIntegration_DMap_Cache_Eviction_LRU_MaxInuse \
                TestDMap_Eviction_LRU_Config_MaxInuse",
        here: &[(ENGINE_LIMITS, "a_map_never_has_more_bytes_than_its_limit")],
    },
    Counterpart {
        olric: "TestIntegration_DMap_Cache_Eviction_MaxKeys",
        here: &[(
            ENGINE_LIMITS,
            "a_map_that_refuses_says_so_and_still_overwrites_and_deletes",
        )],
    },
    // Engine.
    Counterpart {
        olric: "TestDMap_Compaction TestDMap_Delete_Compaction TestRamBlock_Compaction \
                TestRamBlock_Compaction_NoTables",
        here: &[
            (
                ENGINE_MEMORY,
                "compaction_loses_no_live_key_beside_a_hot_one",
            ),
            (ENGINE_MEMORY, "an_overwritten_value_never_returns"),
        ],
    },
    Counterpart {
        olric: "TestRamBlock_Put TestRamBlock_Get TestRamBlock_Delete TestRamBlock_UpdateTTL \
                TestRamBlock_GetTTL TestRamBlock_Check TestRamBlock_Delete_NonExistentKey \
                TestRamBlock_GetTTL_KeyNotFound TestRamBlock_UpdateTTL_KeyNotFound \
                TestRamBlock_Check_KeyNotFound TestTable_Put TestTable_Get TestTable_Delete \
                TestTable_Check TestTable_GetTTL TestTable_UpdateTTL TestTable_Put_OverwriteExistingKey \
                TestTable_Delete_ErrHKeyNotFound TestTable_UpdateTTL_ErrHKeyNotFound",
        here: &[(
            ENGINE_MODEL,
            "with_memory_to_spare_the_shard_answers_like_a_plain_map",
        )],
    },
    Counterpart {
        olric: "TestRamBlock_Put_ErrEntryTooLarge TestTable_Put_ErrKeyTooLarge \
                TestTable_Put_ErrNotEnoughSpace",
        here: &[
            (
                ENGINE_MEMORY,
                "the_largest_value_is_stored_whole_and_one_more_byte_is_refused",
            ),
            (
                ENGINE_MEMORY,
                "a_refused_write_changes_nothing_and_reads_go_on",
            ),
        ],
    },
    Counterpart {
        olric: "TestRamBlock_ExportImport TestDMap_Balance_FragmentMergeFunction",
        here: &[
            (ENGINE_HANDOVER, "a_partition_in_use_arrives_as_it_is"),
            (
                ENGINE_HANDOVER,
                "the_newer_version_wins_whichever_comes_first",
            ),
        ],
    },
    // Protocol, server, configuration.
    Counterpart {
        olric: "TestProtocol_ParsePutCommand_EX TestProtocol_ParsePutCommand_PX \
                TestProtocol_ParsePutCommand_NX TestProtocol_ParsePutCommand_XX \
                TestProtocol_ParsePutCommand_EXAT TestProtocol_ParsePutCommand_PXAT \
                TestProtocol_ParseScanCommand TestProtocol_ParseScanCommand_Match \
                TestProtocol_ParseScanCommand_Match_Count TestProtocol_Get TestProtocol_Get_RW \
                TestProtocol_Del TestProtocol_PExpire TestProtocol_Expire TestProtocol_Destroy \
                TestProtocol_Incr TestProtocol_Decr TestProtocol_GetPut TestProtocol_GetPut_RW \
                TestProtocol_IncrByFloat TestProtocol_Lock TestProtocol_Lock_EX \
                TestProtocol_Lock_PX TestProtocol_Unlock TestProtocol_LockLease \
                TestProtocol_PLockLease TestProtocol_Scan",
        here: &[
            (FRAMES, "a_request_comes_out_as_it_went_in"),
            ("wire/tests/golden.rs", "every_operation_is_frozen"),
        ],
    },
    Counterpart {
        olric: "TestProtocol_errWrongNumber TestProtocol_GetPrefix TestProtocol_GetError \
                TestProtocol_ConvertError",
        here: &[
            ("wire/tests/protocol_doc.rs", "the_status_table_is_the_code"),
            (
                BAD_INPUT,
                "what_is_wrong_inside_a_sound_frame_is_named_and_the_stream_goes_on",
            ),
        ],
    },
    Counterpart {
        olric: "TestServer_RESP",
        here: &[(
            "node/tests/resp.rs",
            "a_plain_client_sees_one_server_whichever_core_owns_the_keys",
        )],
    },
    Counterpart {
        olric: "TestConfig TestConfig_Initialize",
        here: &[
            (FILE, "keys_change_what_they_name_and_nothing_else"),
            (
                FILE,
                "an_unknown_key_is_refused_with_its_line_and_the_nearest_known_key",
            ),
        ],
    },
    Counterpart {
        olric: "TestDMap_Fragment_Concurrent_Access",
        here: &[(
            EMBEDDED,
            "a_value_put_by_one_thread_is_read_by_another_on_every_core",
        )],
    },
    Counterpart {
        olric: "TestOlric_RoutingTable_Standalone TestEmbeddedClient_RoutingTable_Standalone \
                TestClusterClient_RoutingTable TestClusterClient_smartPick",
        here: &[(
            "node/tests/clients.rs",
            "requests_reach_the_owning_core_without_being_forwarded",
        )],
    },
    Counterpart {
        olric: "TestClusterClient_Members TestEmbeddedClient_Member",
        here: &[(SERVE, "hello_topology_stats_ping_and_noop_tell_the_truth")],
    },
];

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
