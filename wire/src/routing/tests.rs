//! Balance, movement, golden vectors and bad topologies.

use std::collections::HashMap;

use super::*;
use crate::limits;

/// Members with these numbers of cores, all alive.
fn members(cores: &[u16]) -> Vec<Member> {
    let member = |(index, cores): (usize, &u16)| Member {
        id: index as u64 + 1,
        alive: true,
        cores: *cores,
        host: format!("10.0.0.{}", index + 1),
        any_core_port: 7400,
        first_core_port: 7401,
    };
    cores.iter().enumerate().map(member).collect()
}

fn cores_alive(members: &[Member]) -> u32 {
    members
        .iter()
        .filter(|member| member.alive)
        .map(|member| u32::from(member.cores))
        .sum()
}

/// Partitions of the fullest core in a role, over the mean.
fn fullest(members: &[Member], placement: &Placement, role: usize) -> f64 {
    let role = placement.role(role);
    let partition_count = role.len() as u16;
    let mut tables = HashMap::new();
    let mut held: HashMap<(u16, u16), u32> = HashMap::new();
    for (partition, member) in role.iter().enumerate() {
        let cores = members[usize::from(*member)].cores;
        let table = tables
            .entry(cores)
            .or_insert_with(|| core_table(partition_count, cores));
        *held.entry((*member, table[partition])).or_default() += 1;
    }
    let most = held.values().max().copied().unwrap_or(0);
    f64::from(most) * f64::from(cores_alive(members)) / f64::from(partition_count)
}

fn holders(placement: &Placement, partition: u16) -> Vec<u16> {
    (0..placement.copies())
        .filter_map(|role| placement.member(role, partition))
        .collect()
}

/// Copies that have to be made to get from one placement to the other.
fn copied(from: &Placement, to: &Placement) -> f64 {
    let partitions = 0..from.role(0).len() as u16;
    let new = |partition| {
        let before = holders(from, partition);
        holders(to, partition)
            .iter()
            .filter(|member| !before.contains(member))
            .count()
    };
    partitions.map(new).sum::<usize>() as f64
}

/// What one change costs, over the least that it could: the changed member's share.
fn movement(
    before: &[Member],
    after: &[Member],
    changed: usize,
    partition_count: u16,
    copies: usize,
) -> f64 {
    let longer = if after.len() > before.len() {
        after
    } else {
        before
    };
    let share = f64::from(longer[changed].cores) / f64::from(cores_alive(longer));
    let least = f64::from(partition_count) * copies as f64 * share;
    copied(
        &place(before, partition_count, copies),
        &place(after, partition_count, copies),
    ) / least
}

fn join(cores: &[u16], newcomer: u16, partition_count: u16, copies: usize) -> f64 {
    let after = [cores, &[newcomer]].concat();
    movement(
        &members(cores),
        &members(&after),
        cores.len(),
        partition_count,
        copies,
    )
}

fn removal(cores: &[u16], gone: usize, partition_count: u16) -> f64 {
    let before = members(cores);
    let mut after = before.clone();
    after[gone].alive = false;
    movement(&before, &after, gone, partition_count, 2)
}

#[test]
fn the_figures_of_the_design_hold_for_equal_nodes() {
    // (partitions, nodes, fullest core, join, removal), 16 cores a node and two copies.
    for (partition_count, nodes, fullest_max, join_max, removal_max) in [
        (4096, 3, 1.06, 1.08, 1.00),
        (4096, 5, 1.06, 1.10, 1.06),
        (4096, 8, 1.07, 1.22, 1.16),
        (16_384, 3, 1.06, 1.05, 1.01),
        (16_384, 5, 1.06, 1.08, 1.03),
        (16_384, 8, 1.06, 1.11, 1.08),
    ] {
        let cores = vec![16; nodes];
        let all = members(&cores);
        let placement = place(&all, partition_count, 2);
        let fullest = fullest(&all, &placement, 0);
        let join = join(&cores, 16, partition_count, 2);
        let removal = removal(&cores, nodes / 2, partition_count);
        println!("P {partition_count} nodes {nodes}: {fullest:.3} {join:.3} {removal:.3}");
        assert!(fullest <= fullest_max, "fullest core {fullest:.3}");
        assert!(join <= join_max, "join moved {join:.3}");
        assert!(removal <= removal_max, "removal moved {removal:.3}");
    }
}

#[test]
fn from_one_to_sixteen_nodes_stay_balanced_and_move_little() {
    for nodes in 1..=16_usize {
        let cores = vec![16; nodes];
        let all = members(&cores);
        let placement = place(&all, 4096, 2);
        let mean = 4096.0 / f64::from(cores_alive(&all));
        // The cap is a whole number of partitions, and backups may have to exceed it where the
        // only member with room is the primary itself.
        let cap = (mean * 1.05).ceil() / mean;
        let primary = fullest(&all, &placement, 0);
        let backup = if nodes > 1 {
            fullest(&all, &placement, 1)
        } else {
            1.0
        };
        let join = join(&cores, 16, 4096, 2);
        let removal = if nodes > 2 {
            removal(&cores, nodes / 2, 4096)
        } else {
            1.0
        };
        println!("nodes {nodes}: {primary:.3} {backup:.3} {join:.3} {removal:.3}");
        assert!(
            primary <= cap + 1e-9,
            "{nodes} nodes: fullest core {primary:.3}"
        );
        assert!(
            backup <= 1.13,
            "{nodes} nodes: fullest core as backup {backup:.3}"
        );
        let most = 1.0 + 0.035 * nodes as f64;
        assert!(join <= most, "{nodes} nodes: join moved {join:.3}");
        assert!(removal <= most, "{nodes} nodes: removal moved {removal:.3}");
    }
}

#[test]
fn unequal_core_counts_get_their_share_and_move_little() {
    for (cores, partition_count) in [
        (&[4, 8, 16][..], 4096),
        (&[2, 2, 32], 4096),
        (&[1, 3, 5, 7, 11], 4096),
        (&[8, 8, 8, 12], 4096),
        (&[16, 8, 16, 4, 16, 8, 32, 16], 16_384),
        (&[2, 1], 1024),
    ] {
        let all = members(cores);
        let placement = place(&all, partition_count, 2);
        let mean = f64::from(partition_count) / f64::from(cores_alive(&all));
        let cap = (mean * 1.05).ceil() / mean;
        let primary = fullest(&all, &placement, 0);
        // One copy: where a member has most of all cores, the least that backups move by is not
        // the newcomer's share of the cores.
        let join = join(cores, cores[0], partition_count, 1);
        println!("{cores:?}: {primary:.3} (cap {cap:.3}), join {join:.3}");
        assert!(
            primary <= cap + 1.6 / mean,
            "{cores:?}: fullest core {primary:.3}"
        );
        assert!(placement.role(1).len() == usize::from(partition_count));
        assert!(
            join <= 1.6 || cores.len() < 4,
            "{cores:?}: join moved {join:.3}"
        );
        for (index, member) in all.iter().enumerate() {
            let held = placement
                .role(0)
                .iter()
                .filter(|m| usize::from(**m) == index)
                .count();
            let share = f64::from(member.cores) * mean;
            assert!(
                held as f64 <= share * 1.06 + f64::from(member.cores),
                "{cores:?} {index}"
            );
            assert!(
                held as f64 >= share * 0.80 - f64::from(member.cores),
                "{cores:?} {index}"
            );
        }
    }
}

#[test]
fn no_member_holds_a_partition_twice_and_holes_hold_nothing() {
    let mut all = members(&[4, 4, 8, 2, 4]);
    all[2].alive = false;
    let placement = place(&all, 1024, 3);
    for partition in 0..1024 {
        let mut held = holders(&placement, partition);
        assert_eq!(held.len(), 3);
        assert!(!held.contains(&2), "a hole holds {partition}");
        held.sort_unstable();
        held.dedup();
        assert_eq!(held.len(), 3, "{partition} twice on one member");
    }
    assert_eq!(
        place(&all, 1024, 9).copies(),
        4,
        "no more copies than members alive"
    );
    assert_eq!(place(&all, 1024, 2).member(5, 0), None);
}

#[test]
fn a_node_that_fills_its_hole_again_gets_back_what_it_had() {
    let all = members(&[8, 8, 8]);
    let mut hole = all.clone();
    hole[1].alive = false;
    let before = place(&all, 4096, 2);
    assert_ne!(place(&hole, 4096, 2), before);
    hole[1] = Member {
        id: 99,
        ..all[1].clone()
    };
    assert_eq!(place(&hole, 4096, 2), before);
}

#[test]
fn a_list_of_almost_only_holes_is_still_placed() {
    let mut all = members(&[64; 64]);
    for member in &mut all[1..] {
        member.alive = false;
    }
    all[0].cores = 1;
    all[1].alive = true;
    let placement = place(&all, 1024, 2);
    let lone = placement
        .role(0)
        .iter()
        .filter(|member| **member == 0)
        .count();
    assert_eq!(placement.copies(), 2);
    assert!(
        lone < 64,
        "a member of one core of 65 got {lone} of 1024 partitions"
    );
}

#[test]
fn another_number_of_cores_moves_little_inside_a_node() {
    let (before, after) = (core_table(4096, 8), core_table(4096, 12));
    let moved = before.iter().zip(&after).filter(|(a, b)| a != b).count() as f64 / 4096.0;
    println!("8 to 12 cores move {:.1} %", moved * 100.0);
    assert!(moved < 0.345, "{moved}");
    for cores in [1, 2, 3, 5, 16, 63, 128] {
        let table = core_table(4096, cores);
        let mut held = vec![0; usize::from(cores)];
        for core in &table {
            held[usize::from(*core)] += 1;
        }
        let cap = (4096 * 21_u32).div_ceil(20 * u32::from(cores));
        assert!(
            held.iter().all(|count| *count <= cap),
            "{cores} cores: {held:?}"
        );
    }
    assert_eq!(core_of(77, 4096, 12), after[77]);
    assert!(core_table(1024, 1).iter().all(|core| *core == 0));
}

fn fingerprint(table: &Table) -> u32 {
    let owners = (0..table.partition_count()).map(|partition| table.owner(partition));
    let bytes = owners.flat_map(|owner| [owner.member.to_le_bytes(), owner.core.to_le_bytes()]);
    crc32fast::hash(&bytes.flatten().collect::<Vec<u8>>())
}

#[test]
fn golden_owners_never_change() {
    // A change here sends every client of an older version to the wrong core.
    let mut holes = members(&[4, 4, 4, 4]);
    holes[2].alive = false;
    let moving = vec![Migration {
        partition: 5,
        owner: 1,
    }];
    let topology = |members, partition_count, migrations| {
        Topology::new(1, partition_count, members, migrations).unwrap()
    };
    let golden = [
        (topology(members(&[1]), 1024, vec![]), GOLDEN[0]),
        (topology(members(&[2]), 4096, vec![]), GOLDEN[1]),
        (topology(members(&[16, 16, 16]), 4096, vec![]), GOLDEN[2]),
        (topology(members(&[4, 8, 12]), 16_384, vec![]), GOLDEN[3]),
        (topology(holes.clone(), 4096, vec![]), GOLDEN[4]),
        (topology(holes, 4096, moving), GOLDEN[5]),
    ];
    for (topology, expected) in golden {
        let found = fingerprint(&topology.table());
        assert_eq!(found, expected, "{found:#010x}: {topology:?}");
    }
    let table = topology(members(&[2]), 4096, vec![]).table();
    let cores: Vec<u16> = (0..16)
        .map(|partition| table.owner(partition).core)
        .collect();
    assert_eq!(cores, GOLDEN_CORES);
}

const GOLDEN: [u32; 6] = [
    0xC71C_0011,
    0x132C_6C76,
    0x90AD_F33A,
    0xCD19_D198,
    0xE18A_3608,
    0x1181_92F3,
];
const GOLDEN_CORES: [u16; 16] = [0, 0, 1, 1, 1, 0, 0, 1, 0, 1, 0, 1, 1, 1, 0, 0];

#[test]
fn a_migrating_partition_has_the_owner_that_is_named() {
    let plain = Topology::new(3, 1024, members(&[2, 4]), vec![])
        .unwrap()
        .table();
    let owner = 1 - plain.owner(9).member;
    let moving = vec![Migration {
        partition: 9,
        owner,
    }];
    let table = Topology::new(4, 1024, members(&[2, 4]), moving)
        .unwrap()
        .table();
    assert_eq!(table.owner(9).member, owner);
    assert_eq!(
        table.owner(9).core,
        core_of(9, 1024, members(&[2, 4])[usize::from(owner)].cores)
    );
    assert_eq!((table.epoch(), table.partition_count()), (4, 1024));
    for partition in (0..1024).filter(|partition| *partition != 9) {
        assert_eq!(table.owner(partition), plain.owner(partition));
    }
    assert_eq!(table.route(b"foo"), (761, table.owner(761)));
    let total: usize = [(0, 2), (1, 4)]
        .into_iter()
        .flat_map(|(member, cores)| (0..cores).map(move |core| Owner { member, core }))
        .map(|owner| table.partitions_of(owner).count())
        .sum();
    assert_eq!(total, 1024);
}

#[test]
fn a_topology_reads_back_and_no_cut_of_it_does() {
    let mut all = members(&[2, 4, 1]);
    all[1].alive = false;
    let moving = vec![
        Migration {
            partition: 9,
            owner: 2,
        },
        Migration {
            partition: 10,
            owner: 0,
        },
    ];
    let topology = Topology::new(7, 2048, all, moving).unwrap();
    let mut bytes = Vec::new();
    topology.encode(&mut bytes);
    assert_eq!(Topology::decode(&bytes), Ok(topology));
    for end in 0..bytes.len() {
        assert!(Topology::decode(&bytes[..end]).is_err(), "cut at {end}");
    }
    bytes.push(0);
    assert_eq!(Topology::decode(&bytes), Err(TopologyError::Malformed));
}

#[test]
fn topologies_that_cannot_be_are_refused() {
    let good = || members(&[2, 4]);
    let new = |members, migrations| Topology::new(1, 1024, members, migrations).unwrap_err();
    let edit = |change: fn(&mut Vec<Member>)| {
        let mut members = good();
        change(&mut members);
        new(members, vec![])
    };
    let wrong_count = Topology::new(1, 1000, good(), vec![]);
    assert_eq!(wrong_count, Err(TopologyError::PartitionCount(1000)));
    assert_eq!(edit(|m| m[1].id = m[0].id), TopologyError::DuplicateId(1));
    assert_eq!(edit(|m| m[1].cores = 0), TopologyError::Cores { member: 1 });
    assert_eq!(
        edit(|m| m[1].cores = 1025),
        TopologyError::Cores { member: 1 }
    );
    assert_eq!(
        edit(|m| m[0].host.clear()),
        TopologyError::Address { member: 0 }
    );
    assert_eq!(
        edit(|m| m[0].first_core_port = u16::MAX),
        TopologyError::Address { member: 0 }
    );
    assert_eq!(
        edit(|m| m.iter_mut().for_each(|m| m.alive = false)),
        TopologyError::NobodyAlive
    );
    assert_eq!(edit(|m| m.clear()), TopologyError::NobodyAlive);
    let crowd = new(members(&vec![1; limits::MEMBERS_MAX + 1]), vec![]);
    assert_eq!(
        crowd,
        TopologyError::TooManyMembers(limits::MEMBERS_MAX + 1)
    );
    let moving = |partition, owner| Migration { partition, owner };
    for (migrations, index) in [
        (vec![moving(1024, 0)], 0),
        (vec![moving(3, 2)], 0),
        (vec![moving(3, 0), moving(3, 1)], 1),
    ] {
        assert_eq!(new(good(), migrations), TopologyError::Migration { index });
    }
}
