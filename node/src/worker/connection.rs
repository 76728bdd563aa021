//! Requests about the connection or the node: noop, ping, hello, topology, stats of all kinds,
//! verify.

use jerboa_wire::hello::ANY_CORE;
use jerboa_wire::{Crc, Hello, HelloReply, Opcode, Reply, Request, Status};

use super::WorkerConfig;
use super::execute::{Answering, encode};
use super::session::{Door, Session};
use super::shared::Shared;
use super::verification::Verification;

/// What such a request may look at.
pub(super) struct Surroundings<'w> {
    pub(super) shared: &'w Shared,
    pub(super) config: &'w WorkerConfig,
    pub(super) verification: &'w mut Verification,
}

/// Executes such a request and puts the reply into the session.
pub(super) fn execute_connection(
    request: &Request<'_>,
    session: &mut Session,
    around: &mut Surroundings<'_>,
    answering: &Answering,
) {
    let Surroundings { shared, config, .. } = *around;
    let ok = answering.head(request, Status::Ok);
    let with_value = |value: &[u8], session: &mut Session| {
        session.reply(|out| encode(&Reply { value, ..ok }, out, answering.crc));
    };
    match request.opcode {
        Opcode::Noop => session.reply(|out| encode(&ok, out, answering.crc)),
        Opcode::Ping => with_value(request.value, session),
        Opcode::Topology => with_value(&shared.topology, session),
        Opcode::Stats => match shared.stats_text(request.arg) {
            Some(text) => with_value(text.as_bytes(), session),
            None => {
                session.reply(|out| answering.status(request, Status::InvalidArgument, out));
            }
        },
        Opcode::HotKeys => with_value(&shared.hot_keys_section(request.arg), session),
        Opcode::MapStats => match shared.map_stats_section(request.map, request.arg) {
            Some((value, more)) => {
                let (arg, value) = (more.into(), &value[..]);
                session.reply(|out| encode(&Reply { arg, value, ..ok }, out, answering.crc));
            }
            None => session.reply(|out| answering.status(request, Status::NotFound, out)),
        },
        Opcode::SettingsGet => {
            let (status, text) = shared.settings.get(request);
            let value = text.as_bytes();
            session.reply(|out| {
                encode(
                    &Reply {
                        status,
                        value,
                        ..ok
                    },
                    out,
                    answering.crc,
                );
            });
        }
        Opcode::Verify => {
            let (arg, text) = around.verification.ask(request.arg == 1, config.core);
            let value = text.as_bytes();
            session.reply(|out| encode(&Reply { arg, value, ..ok }, out, answering.crc));
        }
        Opcode::Hello => hello(request, session, shared, config, answering),
        _ => session.reply(|out| answering.status(request, Status::UnknownOpcode, out)),
    }
}

fn hello(
    request: &Request<'_>,
    session: &mut Session,
    shared: &Shared,
    config: &WorkerConfig,
    answering: &Answering,
) {
    let refuse = |status, session: &mut Session| {
        session.reply(|out| answering.status(request, status, out));
    };
    let Some(hello) = Hello::decode(request.value) else {
        return refuse(Status::MalformedPayload, session);
    };
    let Some(protocol) = hello.agree() else {
        return refuse(Status::UnsupportedProtocol, session);
    };
    let reply = HelloReply {
        protocol,
        crc_on: !hello.without_crc,
        epoch: shared.epoch,
        core: match session.door {
            Door::AnyCore => ANY_CORE,
            Door::OwnCore => config.core,
        },
        cores: shared.stats.len() as u16,
        partition_count: shared.partition_count,
        value_bytes_max: config.value_bytes_max,
        member: shared.member,
    };
    let value = reply.encode();
    let head = Reply {
        value: &value,
        ..answering.head(request, Status::Ok)
    };
    // What was agreed holds from the next frame on; this one always carries a checksum.
    session.reply(|out| encode(&head, out, Crc::On));
    session.set_crc(if hello.without_crc { Crc::Off } else { Crc::On });
}
