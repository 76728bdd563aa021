//! What is about more than one key: scans, pipelines, limits and settings of maps, and the engine beneath.

use super::super::Counterpart;
use super::places::{
    CALLS, ENGINE_EXPIRY, ENGINE_HANDOVER, ENGINE_LIMITS, ENGINE_MEMORY, ENGINE_MODEL, LIFECYCLE,
    MAP_SETTINGS, RESP_DMAP, SCAN, row,
};

pub(super) const ROWS: &[Counterpart] = &[
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
        olric: "TestStorage_Scan_NonContiguousCoefficients",
        here: &[
            (
                "core-shard/tests/walk.rs",
                "what_stays_is_seen_and_nothing_expired_while_the_index_grows_and_memory_is_made_free",
            ),
            (
                SCAN,
                "keys_that_stay_are_found_while_others_come_and_go_and_the_index_grows",
            ),
        ],
    },
    Counterpart {
        olric: "TestTable_ScanRegexMatch_InvalidRegex",
        here: &[
            (SCAN, "w11_bad_cursors_and_patterns_are_refused_by_name"),
            (
                RESP_DMAP,
                "malformed_commands_are_refused_and_leave_everybody_in_step",
            ),
        ],
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
];
