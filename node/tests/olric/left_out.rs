//! The list of what nothing here stands for, and why.

use super::LeftOut;

pub(super) const LEFT_OUT: &[LeftOut] = &[
    LeftOut {
        olric: "TestIntegration_NodesJoinOrLeftDuringQuery TestIntegration_Kill_Nodes_During_Operation \
                TestIntegration_Network_Partitioning_Cluster_DM_SCAN \
                TestIntegration_Network_Partitioning_Cluster_DM_SCAN_Match \
                TestIntegration_Network_Partitioning_Embedded_DM_SCAN \
                TestIntegration_Network_Partitioning_Embedded_DM_SCAN_Match \
                TestOlricCluster_StartAndShutdown TestOlric_Stats_Cluster \
                TestOlric_ClusterRoutingTable_clusterRoutingTableCommandHandler \
                TestClusterClient_RoutingTable_Cluster TestClusterClient_Stats_Cluster \
                TestEmbeddedClient_RoutingTable_Cluster \
                TestEmbeddedClient_DMap_CompareAndSwap_CrossNode \
                TestEmbeddedClient_DMap_CompareAndSwap_ConcurrentTwoNodes TestPubSub_Cluster \
                TestDMap_Delete_Cluster TestDMap_Delete_StaleFragments TestDMap_Delete_PreviousOwner \
                TestDMap_Delete_DeleteKeyValFromPreviousOwners TestDMap_Delete_Backup \
                TestDMap_Destroy_Cluster TestDMap_Get_Cluster TestDMap_Get_NilValue_Cluster \
                TestDMap_LockWithTimeout_Cluster TestDMap_LockLease_Cluster TestDMap_Lock_Cluster \
                TestDMap_LockWithTimeout_ErrLockNotAcquired_Cluster \
                TestDMap_Lock_After_Lock_With_Timeout_Cluster TestDMap_Put_Cluster \
                TestDMap_scanCommandHandler_Cluster TestClusterEvents_NodeJoinEvent \
                TestClusterEvents_NodeLeftEvent TestClusterEvents_FragmentMigrationEvent \
                TestClusterEvents_FragmentReceivedEvent TestDMap_Balancer_JoinNewNode \
                TestDMap_Balancer_ClusterEvents",
        why: "needs more than one node",
    },
    LeftOut {
        olric: "TestDMap_Put_ReadQuorum TestDMap_Get_ReadRepair TestDMap_Put_AsyncReplicationMode \
                TestDMap_Put_WriteQuorum TestBalance_Primary_Move TestBalance_Empty_Backup_Move \
                TestBalance_Backup_Move TestDMap_Balance_Invalid_PartID \
                TestDMap_Balancer_WrongOwnership",
        why: "is about copies and their moves, which one node has not",
    },
    LeftOut {
        olric: "TestPartitions_HKey TestPartition TestPartitions TestRoutingTable_Callback \
                TestRoutingTable_tryWithInterval TestRoutingTable_attemptToJoin \
                TestRoutingTable_distributedBackups TestRoutingTable_publishNodeJoinEvent \
                TestRoutingTable_publishNodeLeftEvent TestRoutingTable_LeftOverData TestMembers_Get \
                TestMembers_Delete TestMembers_DeleteByName TestMembers_Length TestMembers_Range \
                TestRoutingTable_SingleNode TestRoutingTable_Cluster \
                TestRoutingTable_CheckPartitionOwnership TestRoutingTable_NodeLeave \
                TestRoutingTable_NodeUpdate TestDiscovery_GetCoordinator TestDiscovery_GetMembers \
                TestDiscovery_IsCoordinator TestDiscovery_NumMembers TestDiscovery_LocalNode \
                TestDiscovery_FindMemberByID TestDiscovery_FindMemberByName \
                TestDiscovery_increaseUptimeSeconds TestDiscovery_loadServiceDiscoveryPlugin \
                TestDiscovery_ClusterEvents TestMembers",
        why: "is about membership and routing of a cluster",
    },
    LeftOut {
        olric: "TestAuthCommandHandler_WithPassword TestAuthCommandHandler_Auth_Disabled \
                TestProtocol_Auth TestProtocol_Auth_errWrongNumber TestConnContext_Authentication",
        why: "nothing here authenticates yet",
    },
    LeftOut {
        olric: "TestOlric_Stats_CollectRuntime TestClusterClient_Stats_CollectRuntime \
                TestProtocol_Stats_CR",
        why: "tells of a garbage-collected runtime, which is not here",
    },
    LeftOut {
        olric: "TestDMapPipeline_Discard TestDMapPipeline_Close TestDMapPipeline_setOrGetClusterClient",
        why: "a pipeline is a value: to discard it is to drop it, and it is executed once by type",
    },
    LeftOut {
        olric: "TestDMap_Fragment TestRamBlock_Stats_Length TestRamBlock_Range TestRamBlock_GetKey \
                TestRamBlock_PutRawGetRaw TestRamBlock_GetLastAccess TestRamBlock_Fork \
                TestRamBlock_StateChange TestRamBlock_NewEntry TestRamBlock_Name \
                TestRamBlock_CloseDestroy TestPrepareTableSize_NegativeValues \
                TestPrepareTableSize_ValidValues TestPrepareTableSize_InvalidType \
                TestRamBlock_New_NegativeTableSize TestRamBlock_Start_NilConfig \
                TestRamBlock_PutRaw_ErrEntryTooLarge TestRamBlock_GetRaw_KeyNotFound \
                TestRamBlock_GetLastAccess_KeyNotFound TestRamBlock_GetKey_KeyNotFound \
                TestRamBlock_RangeHKey TestRamBlock_SetConfig TestRamBlock_Fork_CustomConfig \
                TestRamBlock_MakeTable_RecycledTableReuse TestRamBlock_EvictTable_PutRawError \
                TestRamBlock_Compaction_MaxIdleTableDuration \
                TestRamBlock_IsCompactionOK_ExactThreshold TestTransferIterator_Drop_EmptyTables \
                TestTransferIterator_Export_SkipsRecycledState TestEntryEncodeDecode \
                TestEntry_Encode_EmptyKey TestEntry_Encode_EmptyValue TestEntry_Encode_MaxLengthKey \
                TestEntry_Encode_KeyLengthOverflow TestTable_Pack_Decode_CorruptData \
                TestTable_Pack_EncodeDecode_GarbageAndRecycledAt TestTable_Pack_EncodeDecode \
                TestTable_PutRaw TestTable_GetRaw TestTable_GetRawKey TestTable_GetKey \
                TestTable_SetState TestTable_GetLastAccess TestTable_UpdateTTL_Update_LastAccess \
                TestTable_State TestTable_Range TestTable_Stats TestTable_Reset \
                TestTable_Reset_RecycleScenario TestTable_PutRaw_ErrNotEnoughSpace \
                TestTable_GetRaw_ErrHKeyNotFound TestTable_RangeHKey TestTable_Coefficient Test_Config",
        why: "is about parts of an engine of tables that has none of its kind here",
    },
    LeftOut {
        olric: "TestProtocol_ClusterRoutingTable TestProtocol_ClusterMembers \
                TestProtocol_ParseScanCommand_Replica TestProtocol_ParseScanCommand_PartID \
                TestProtocol_ParseScanCommand_Match_Count_Replica TestProtocol_PutEntry \
                TestProtocol_GetEntry TestProtocol_GetEntry_RC TestProtocol_DelEntry \
                TestProtocol_DelEntry_RC TestProtocol_Destroy_Local \
                TestProtocol_Scan_Count_Match_Replica TestProtocol_MoveFragment \
                TestProtocol_UpdateRoutingTable TestProtocol_LengthOfPart \
                TestProtocol_LengthOfPart_RC TestProtocol_ParsePublishInternalCommand",
        why: "is a command between nodes, or about copies",
    },
    LeftOut {
        olric: "TestServer_Client_Get TestServer_Client_Pick TestServer_Client_Close \
                TestServer_Client_Shutdown TestHandler_ServeRESP_PreCondition \
                TestHandler_ServeRESP_PreCondition_DontCheck",
        why: "is about the clients that nodes have of one another",
    },
    LeftOut {
        olric: "TestEngine_KVStore_Backward_Compat TestEngine_Dont_Overwrite_TableSize \
                TestConfig_SetupNetworkConfig TestConfig_SetupNetworkConfig_Memberlist_AdvertiseAddr",
        why: "is about settings that have no like here",
    },
    LeftOut {
        olric: "TestBufPool TestCheckpoint TestEnvironment TestLockCounter TestLockerLock \
                TestLockerUnlock TestLockerConcurrency BenchmarkLocker BenchmarkLockerParallel \
                BenchmarkLockerMoreKeys TestRoundRobin \
                TestRoundRobin_Delete_NonExistent TestUint64Counter TestUint64Gauge TestMember_String",
        why: "is about helpers of its own code",
    },
];
