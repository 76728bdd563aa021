//! The ports of the cores beside a cluster of Redis that has the same slots: what a core has not is
//! answered with who has it, in the same words, and the rest as by a server that has it all.

use std::net::SocketAddr;

use jerboa_wire::routing::{SLOTS, core_table};

use crate::common::{PARTITIONS, Random, node};
use crate::redis::Redis;
use crate::sides::Sides;
use crate::stream::{Args, Compare, Stream};
use crate::{administration, commands, keyspace};

/// Cores, and members of the cluster.
const CORES: usize = 2;

#[test]
fn a_core_port_answers_as_the_member_of_a_cluster_of_redis_that_has_its_slots() {
    let node = node(CORES);
    let cores = &node.addresses().cores;
    let table = core_table(PARTITIONS, CORES as u16);
    // The slots of one partition stand side by side.
    let owner = |slot| usize::from(table[usize::from(slot / (SLOTS / PARTITIONS))]);
    let Some(members) = Redis::cluster::<CORES>(cores[0], owner) else {
        return;
    };
    let mut random = Random::seeded();
    for version in ["2", "3"] {
        let mut all = sides(cores, &members, version);
        all[0].both(&["FLUSHALL"]);
        all[1].both(&["FLUSHALL"]);
        let mut done = 0;
        while done < commands() / 2 && !all.iter().any(Sides::differs) {
            let core = random.below(CORES);
            let batch = batch(&mut random);
            all[core].batch(&batch);
            done += batch.len();
            if batch.iter().any(|(words, _)| is_flush(words)) {
                // It empties the whole node, but one member of a cluster.
                all[1 - core].one(1, &[b"FLUSHALL"]);
                all[1 - core].note("FLUSHALL by the other core's port");
            }
            if random.below(8) == 0 {
                keyspace::look(&mut all[core], &mut random);
            }
        }
        let differences: Vec<_> = all
            .into_iter()
            .flat_map(|sides| sides.differences)
            .collect();
        assert!(differences.is_empty(), "{}", differences.join("\n"));
    }
}

/// A connection to each core, and to the member that stands for it.
fn sides(cores: &[SocketAddr], members: &[Redis; CORES], version: &str) -> [Sides; CORES] {
    [0, 1].map(|core| {
        let mut sides = Sides::connect(cores[core], members[core].address, version);
        for (ours, theirs) in cores.iter().zip(members) {
            sides.rename(*ours, theirs.address);
        }
        sides
    })
}

fn batch(random: &mut Random) -> Vec<(Args, Compare)> {
    let count = 1 + random.below(40);
    let mut batch = Vec::with_capacity(count);
    while batch.len() < count {
        let next = match random.below(12) {
            0 => administration::cluster_question(random),
            _ => Stream::new(random).next(),
        };
        // Every core serves every shard channel.
        if !matches!(
            &next.0[0].to_ascii_uppercase()[..],
            b"SPUBLISH" | b"SSUBSCRIBE"
        ) {
            batch.push(next);
        }
    }
    batch
}

/// A right FLUSHALL or FLUSHDB.
fn is_flush(words: &Args) -> bool {
    let is = |index: usize, names: [&str; 2]| {
        let matches = |name: &str| words[index].eq_ignore_ascii_case(name.as_bytes());
        names.into_iter().any(matches)
    };
    is(0, ["FLUSHALL", "FLUSHDB"])
        && (words.len() == 1 || words.len() == 2 && is(1, ["ASYNC", "SYNC"]))
}
