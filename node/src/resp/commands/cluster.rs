//! The cluster as clients see it: every core is a node of its own, with its own port and slots.
//!
//! A client that reads the slot map from any port asks each key's core by itself from then on. On a
//! core's port, keys of other cores are answered `MOVED`, and keys of several slots in one command
//! `CROSSSLOT`; both are decided where requests are made, not here.

use jerboa_wire::resp::Writer;
use jerboa_wire::routing::{SLOTS, slot};
use jerboa_wire::{Opcode, Request, ScanQuery, limits};

use crate::resp::call::{Asked, Call, Here};
use crate::resp::command::{Command, Flags, Run};
use crate::resp::form::Form;
use crate::resp::refusal::Refusal;

type Answered = Result<(), Refusal>;
type Translated<'a> = Result<Asked<'a>, Refusal>;

const FLAGS: Flags = Flags::STALE;
const ADMIN: Flags = FLAGS.and(Flags::ADMIN);
const FAST: Flags = Flags::ALWAYS.and(Flags::FAST);

macro_rules! here {
    ($name:literal, $arity:literal, $flags:expr, $run:expr, $summary:literal) => {
        Command::new($name, $arity, $flags, Run::Here($run), $summary)
    };
}

macro_rules! request {
    ($name:literal, $arity:literal, $run:expr, $summary:literal) => {
        Command::new($name, $arity, Flags::STALE, Run::Request($run), $summary)
    };
}

#[rustfmt::skip]
pub(super) const COMMANDS: &[Command] = &[
    Command::container("cluster", SUBCOMMANDS, "About the cores as a cluster."),
    here!("asking", 1, Flags::FAST, done, "Lets the next command through while a slot moves; none does."),
    here!("readonly", 1, FAST, read_only, "Allows reading from copies."),
    here!("readwrite", 1, FAST, read_write, "Ends READONLY."),
];

#[rustfmt::skip]
const SUBCOMMANDS: &[Command] = &[
    here!("cluster|slots", 2, FLAGS, slots, "Which core serves which slots."),
    here!("cluster|shards", 2, FLAGS, shards, "The cores with their slots."),
    here!("cluster|nodes", 2, FLAGS, nodes, "The cores, a line each."),
    here!("cluster|info", 2, FLAGS, info, "The state of the cluster."),
    here!("cluster|myid", 2, FLAGS, my_id, "The id of the core whose port this is."),
    here!("cluster|myshardid", 2, FLAGS, my_id, "The same: a core is a shard."),
    here!("cluster|keyslot", 3, FLAGS, key_slot, "The slot of a key."),
    here!("cluster|links", 2, FLAGS, nothing, "Connections between the cores: none."),
    here!("cluster|replicas", 3, ADMIN, replicas, "The copies of a core: none."),
    here!("cluster|slaves", 3, ADMIN, replicas, "As REPLICAS."),
    here!("cluster|count-failure-reports", 3, ADMIN, failure_reports, "Reports of a core's failure: none."),
    request!("cluster|countkeysinslot", 3, count_keys, "How many keys a slot has."),
    request!("cluster|getkeysinslot", 4, get_keys, "Some keys of a slot."),
    here!("cluster|help", 2, Flags::ALWAYS, help, "The subcommands."),
];

fn done(_: &mut Here<'_>, _: &Call<'_, '_>, out: &mut Writer<'_>) -> Answered {
    out.simple("OK");
    Ok(())
}

fn read_only(here: &mut Here<'_>, call: &Call<'_, '_>, out: &mut Writer<'_>) -> Answered {
    here.client.read_only = true;
    done(here, call, out)
}

fn read_write(here: &mut Here<'_>, call: &Call<'_, '_>, out: &mut Writer<'_>) -> Answered {
    here.client.read_only = false;
    done(here, call, out)
}

fn slots(here: &mut Here<'_>, _: &Call<'_, '_>, out: &mut Writer<'_>) -> Answered {
    here.shared.slots.write_slots(here.client.local, out);
    Ok(())
}

fn shards(here: &mut Here<'_>, _: &Call<'_, '_>, out: &mut Writer<'_>) -> Answered {
    here.shared.slots.write_shards(here.client.local, out);
    Ok(())
}

fn nodes(here: &mut Here<'_>, _: &Call<'_, '_>, out: &mut Writer<'_>) -> Answered {
    let maps = &here.shared.slots;
    out.text(&maps.nodes_text(here.client.local, here.client.core));
    Ok(())
}

fn info(here: &mut Here<'_>, _: &Call<'_, '_>, out: &mut Writer<'_>) -> Answered {
    let cores = here.shared.slots.nodes.len();
    let epoch = here.shared.epoch;
    let mut text = String::from("cluster_state:ok\r\n");
    for (name, number) in [
        ("slots_assigned", usize::from(SLOTS)),
        ("slots_ok", usize::from(SLOTS)),
        ("slots_pfail", 0),
        ("slots_fail", 0),
        ("known_nodes", cores),
        ("size", cores),
        ("current_epoch", epoch as usize),
        ("my_epoch", epoch as usize),
        ("stats_messages_sent", 0),
        ("stats_messages_received", 0),
        ("total_cluster_links_buffer_limit_exceeded", 0),
    ] {
        let prefix = if name.starts_with("total_") {
            ""
        } else {
            "cluster_"
        };
        text.push_str(&format!("{prefix}{name}:{number}\r\n"));
    }
    out.text(&text);
    Ok(())
}

fn my_id(here: &mut Here<'_>, _: &Call<'_, '_>, out: &mut Writer<'_>) -> Answered {
    let own = here.shared.slots.nodes.get(usize::from(here.client.core));
    let own = own.ok_or(Refusal::text("ERR this core has no port"))?;
    out.bulk(&own.id);
    Ok(())
}

fn key_slot(_: &mut Here<'_>, call: &Call<'_, '_>, out: &mut Writer<'_>) -> Answered {
    out.integer(slot(call.at(2)).into());
    Ok(())
}

fn nothing(_: &mut Here<'_>, _: &Call<'_, '_>, out: &mut Writer<'_>) -> Answered {
    out.array(0);
    Ok(())
}

fn replicas(here: &mut Here<'_>, call: &Call<'_, '_>, out: &mut Writer<'_>) -> Answered {
    known_node(here, call.at(2))?;
    out.array(0);
    Ok(())
}

fn failure_reports(here: &mut Here<'_>, call: &Call<'_, '_>, out: &mut Writer<'_>) -> Answered {
    known_node(here, call.at(2))?;
    out.integer(0);
    Ok(())
}

fn known_node(here: &Here<'_>, id: &[u8]) -> Answered {
    let mut nodes = here.shared.slots.nodes.iter();
    if nodes.any(|node| node.id.as_bytes() == id) {
        return Ok(());
    }
    let mut text = b"ERR Unknown node ".to_vec();
    text.extend_from_slice(&id[..id.len().min(64)]);
    Err(Refusal::bytes(text))
}

fn help(_: &mut Here<'_>, _: &Call<'_, '_>, out: &mut Writer<'_>) -> Answered {
    super::administration::help(SUBCOMMANDS, out)
}

fn count_keys<'a>(call: &Call<'_, 'a>, section: &mut Vec<u8>) -> Translated<'a> {
    let slot = call.integer(2)?;
    if !is_slot(slot) {
        return Err(Refusal::text("ERR Invalid slot"));
    }
    Ok(keys_of_slot(slot, 1, Form::Number, section))
}

fn get_keys<'a>(call: &Call<'_, 'a>, section: &mut Vec<u8>) -> Translated<'a> {
    let (slot, wanted) = (call.integer(2)?, call.integer(3)?);
    if !is_slot(slot) || wanted < 0 {
        return Err(Refusal::text("ERR Invalid slot or number of keys"));
    }
    let most = wanted.min(limits::MULTI_ITEMS_MAX.into()) as u32;
    let form = if most == 0 { Form::NoKeys } else { Form::Keys };
    Ok(keys_of_slot(slot, most.max(1), form, section))
}

fn is_slot(number: i64) -> bool {
    (0..i64::from(SLOTS)).contains(&number)
}

fn keys_of_slot<'a>(slot: i64, count: u32, form: Form, section: &mut Vec<u8>) -> Asked<'a> {
    ScanQuery {
        count,
        pattern: b"",
    }
    .encode(section);
    let request = Request {
        arg: slot.cast_unsigned(),
        ..Request::new(Opcode::SlotKeys)
    };
    Asked::composed(request, form)
}
