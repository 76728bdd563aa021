//! CLIENT's subcommands that are about other connections: listing, closing and pausing them.

use jerboa_wire::resp::{Writer, parse_integer};

use super::Result;
use crate::resp::call::{Call, Here};
use crate::resp::clients::{ClientKind, ClientQuery, Purpose, Unblock};
use crate::resp::pause::PAUSE_MS_MAX;
use crate::resp::refusal::Refusal;
use crate::resp::session::Client;

type Asked = std::result::Result<ClientQuery, Refusal>;

/// Longer than the text of any address with its port, so that one cut here is nobody's.
const ADDRESS_BYTES_MAX: usize = 64;

/// An address to be looked for on all cores, in bounded room.
fn address(text: &[u8]) -> Option<Box<[u8]>> {
    Some(text[..text.len().min(ADDRESS_BYTES_MAX)].into())
}

fn kind(name: &[u8]) -> std::result::Result<ClientKind, Refusal> {
    ClientKind::of(name).ok_or_else(|| {
        let mut text = b"ERR Unknown client type '".to_vec();
        text.extend_from_slice(&name[..name.len().min(64)]);
        text.push(b'\'');
        Refusal::bytes(text)
    })
}

/// A positive integer; `refusal` says what it is called where it is none.
fn positive(argument: &[u8], refusal: &'static str) -> std::result::Result<u64, Refusal> {
    parse_integer(argument)
        .and_then(|number| u64::try_from(number).ok())
        .filter(|number| *number > 0)
        .ok_or_else(|| Refusal::text(refusal))
}

/// CLIENT LIST.
pub(super) fn list(client: &Client, call: &Call<'_, '_>) -> Asked {
    let mut query = ClientQuery::all(Purpose::Show, client.id);
    match call.len() {
        2 => {}
        4 if call.is(2, "type") => query.kind = Some(kind(call.at(3))?),
        4.. if call.is(2, "id") => {
            for id in call.names_from(3)?.iter() {
                query.ids.push(positive(id, "ERR Invalid client ID")?);
            }
            query.ids.sort_unstable();
        }
        _ => return Err(Refusal::SYNTAX),
    }
    Ok(query)
}

/// CLIENT INFO.
pub(super) fn info(client: &Client, _: &Call<'_, '_>) -> Asked {
    Ok(ClientQuery {
        ids: vec![client.id],
        ..ClientQuery::all(Purpose::Show, client.id)
    })
}

/// CLIENT KILL, in its old form with an address, or with filters.
pub(super) fn kill(client: &Client, call: &Call<'_, '_>) -> Asked {
    if call.len() == 3 {
        return Ok(ClientQuery {
            peer: address(call.at(2)),
            ..ClientQuery::all(Purpose::KillNamed, client.id)
        });
    }
    let mut query = ClientQuery {
        skips_asker: true,
        ..ClientQuery::all(Purpose::Kill, client.id)
    };
    call.names_from(2)?;
    let mut index = 2;
    while index < call.len() {
        if index + 1 == call.len() {
            return Err(Refusal::SYNTAX);
        }
        let value = call.at(index + 1);
        if call.is(index, "id") {
            let id = positive(value, "ERR client-id should be greater than 0")?;
            query.ids = vec![id];
        } else if call.is(index, "type") {
            query.kind = Some(kind(value)?);
        } else if call.is(index, "addr") {
            query.peer = address(value);
        } else if call.is(index, "laddr") {
            query.local = address(value);
        } else if call.is(index, "user") {
            if value != super::super::USER {
                let mut text = b"ERR No such user '".to_vec();
                text.extend_from_slice(&value[..value.len().min(64)]);
                text.push(b'\'');
                return Err(Refusal::bytes(text));
            }
        } else if call.is(index, "skipme") {
            query.skips_asker = match (call.is(index + 1, "yes"), call.is(index + 1, "no")) {
                (true, _) => true,
                (_, true) => false,
                _ => return Err(Refusal::SYNTAX),
            };
        } else if call.is(index, "maxage") {
            if parse_integer(value).is_none() {
                return Err(Refusal::text(
                    "ERR maxage is not an integer or out of range",
                ));
            }
            query.age_s_min = positive(value, "ERR maxage should be greater than 0")?;
        } else {
            return Err(Refusal::SYNTAX);
        }
        index += 2;
    }
    Ok(query)
}

/// CLIENT PAUSE.
pub(super) fn pause(here: &mut Here<'_>, call: &Call<'_, '_>, out: &mut Writer<'_>) -> Result {
    let is_of_all = match call.len() {
        3 => true,
        4 if call.is(3, "all") => true,
        4 if call.is(3, "write") => false,
        4 => return Err(Refusal::text("ERR CLIENT PAUSE mode must be WRITE or ALL")),
        _ => return Err(Refusal::SYNTAX),
    };
    const OUT_OF_RANGE: Refusal = Refusal::text("ERR timeout is not an integer or out of range");
    let timeout_ms = parse_integer(call.at(2)).ok_or(OUT_OF_RANGE)?;
    let timeout_ms =
        u64::try_from(timeout_ms).map_err(|_| Refusal::text("ERR timeout is negative"))?;
    if timeout_ms > PAUSE_MS_MAX {
        return Err(OUT_OF_RANGE);
    }
    here.shared.pause.begin(call.now_ms, timeout_ms, is_of_all);
    out.simple("OK");
    Ok(())
}

/// CLIENT UNPAUSE.
pub(super) fn unpause(here: &mut Here<'_>, _: &Call<'_, '_>, out: &mut Writer<'_>) -> Result {
    here.shared.pause.end();
    out.simple("OK");
    Ok(())
}

/// CLIENT UNBLOCK: what waits is a command that asks for a lock.
pub(super) fn unblock(client: &Client, call: &Call<'_, '_>) -> Asked {
    let unblock = match call.len() {
        3 => Unblock::AsTimeout,
        4 if call.is(3, "timeout") => Unblock::AsTimeout,
        4 if call.is(3, "error") => Unblock::WithError,
        4 => {
            let text = "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR";
            return Err(Refusal::text(text));
        }
        _ => return Err(Refusal::SYNTAX),
    };
    // No connection has the number 0.
    let id = u64::try_from(call.integer(2)?).unwrap_or(0);
    Ok(ClientQuery {
        ids: vec![id],
        ..ClientQuery::all(Purpose::Unblock(unblock), client.id)
    })
}
