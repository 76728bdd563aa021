//! The node as a whole: start and stop, statistics, publish/subscribe, protocol, configuration.

use super::super::Counterpart;
use super::places::{
    BAD_INPUT, CLIENTS, EMBEDDED, FILE, FRAMES, LIFECYCLE, LISTENING, PUBSUB, RESP_DMAP, SERVE,
    STATS,
};

pub(super) const ROWS: &[Counterpart] = &[
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
        here: &[
            (
                "node/tests/pubsub/slow.rs",
                "many_of_them_take_no_more_memory_than_the_core_allows",
            ),
            (
                PUBSUB,
                "who_unsubscribed_or_went_away_is_neither_sent_to_nor_counted",
            ),
        ],
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
            (
                RESP_DMAP,
                "entries_of_maps_are_stored_read_and_refused_in_olrics_words",
            ),
        ],
    },
    Counterpart {
        olric: "TestProtocol_errWrongNumber TestProtocol_GetPrefix TestProtocol_GetError \
                TestProtocol_ConvertError",
        here: &[
            ("wire/tests/protocol_doc.rs", "the_status_table_is_the_code"),
            (
                RESP_DMAP,
                "malformed_commands_are_refused_and_leave_everybody_in_step",
            ),
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
        here: &[
            (
                CLIENTS,
                "callers_who_share_a_client_count_exactly_and_read_their_own_writes",
            ),
            (
                EMBEDDED,
                "a_value_put_by_one_thread_is_read_by_another_on_every_core",
            ),
        ],
    },
    Counterpart {
        olric: "TestOlric_RoutingTable_Standalone TestEmbeddedClient_RoutingTable_Standalone \
                TestClusterClient_RoutingTable TestClusterClient_smartPick",
        here: &[(
            CLIENTS,
            "requests_reach_the_owning_core_without_being_forwarded",
        )],
    },
    Counterpart {
        olric: "TestClusterClient_Members TestEmbeddedClient_Member",
        here: &[(SERVE, "hello_topology_stats_ping_and_noop_tell_the_truth")],
    },
];
