//! Connections as CLIENT LIST shows them and CLIENT KILL finds them: what is known of one, and what
//! is asked of all.
//!
//! Connections that speak frames are clients too: their type is `binary`, their flag `J`.

use std::fmt::Write;
use std::net::SocketAddr;

use jerboa_wire::resp::Version;

use super::session::Client;

/// What a connection is used for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ClientKind {
    Normal,
    /// It is subscribed to something.
    Subscriber,
    /// It speaks frames.
    Binary,
    /// Another node's: there is none.
    Node,
}

impl ClientKind {
    /// By the name that CLIENT LIST and CLIENT KILL take.
    pub(crate) fn of(name: &[u8]) -> Option<Self> {
        const NAMES: [(&str, ClientKind); 6] = [
            ("normal", ClientKind::Normal),
            ("pubsub", ClientKind::Subscriber),
            ("binary", ClientKind::Binary),
            ("master", ClientKind::Node),
            ("replica", ClientKind::Node),
            ("slave", ClientKind::Node),
        ];
        let mut names = NAMES.iter();
        let found = names.find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()));
        found.map(|(_, kind)| *kind)
    }
}

/// What becomes of the connections that a query is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    /// They are shown, a line each.
    Show,
    /// They are closed, and counted.
    Kill,
    /// The one that was named by its address is closed.
    KillNamed,
    /// Its wait for a lock is ended, and counted.
    Unblock(Unblock),
}

/// What a client hears whose wait is ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unblock {
    /// That its time is over.
    AsTimeout,
    /// That somebody ended it.
    WithError,
}

/// Which connections of the node are meant: those of which everything holds that is given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ClientQuery {
    pub(crate) purpose: Purpose,
    /// Who asks.
    pub(crate) asker: u64,
    pub(crate) skips_asker: bool,
    /// Sorted; all where there is none.
    pub(crate) ids: Vec<u64>,
    pub(crate) kind: Option<ClientKind>,
    pub(crate) peer: Option<Box<[u8]>>,
    pub(crate) local: Option<Box<[u8]>>,
    pub(crate) age_s_min: u64,
}

impl ClientQuery {
    /// One about every connection.
    pub(crate) const fn all(purpose: Purpose, asker: u64) -> Self {
        Self {
            purpose,
            asker,
            skips_asker: false,
            ids: Vec::new(),
            kind: None,
            peer: None,
            local: None,
            age_s_min: 0,
        }
    }

    /// Whether a connection is meant.
    pub(crate) fn is_about(&self, listed: &Listed<'_>, now_ms: u64) -> bool {
        let has = |wanted: &Option<Box<[u8]>>, address: Option<SocketAddr>| {
            wanted
                .as_deref()
                .is_none_or(|wanted| address_text(address).as_bytes() == wanted)
        };
        !(self.skips_asker && listed.id == self.asker)
            && (self.ids.is_empty() || self.ids.binary_search(&listed.id).is_ok())
            && self.kind.is_none_or(|kind| kind == listed.kind())
            && has(&self.peer, listed.peer)
            && has(&self.local, listed.local)
            && listed.age_s(now_ms) >= self.age_s_min
    }
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Listed<'s> {
    pub(crate) id: u64,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) local: Option<SocketAddr>,
    pub(crate) descriptor: i32,
    pub(crate) connected_ms: u64,
    pub(crate) active_ms: u64,
    /// Nothing for one that speaks frames, or has not spoken yet.
    pub(crate) client: Option<&'s Client>,
    pub(crate) has_spoken: bool,
    /// It waits: for a lock, or for the end of a pause.
    pub(crate) is_waiting: bool,
    /// Subscriptions, and those of them that are to patterns.
    pub(crate) subscriptions: usize,
    pub(crate) patterns: usize,
    pub(crate) input_bytes: usize,
    pub(crate) argument_bytes: usize,
    pub(crate) output_bytes: usize,
    /// What it takes beside its buffers.
    pub(crate) fixed_bytes: usize,
}

fn address_text(address: Option<SocketAddr>) -> String {
    address.map_or_else(|| "?:0".to_owned(), |address| address.to_string())
}

impl Listed<'_> {
    fn kind(&self) -> ClientKind {
        match self.client {
            None if self.has_spoken => ClientKind::Binary,
            _ if self.subscriptions > 0 => ClientKind::Subscriber,
            _ => ClientKind::Normal,
        }
    }

    fn age_s(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.connected_ms) / 1000
    }

    fn flags(&self) -> String {
        let client = self.client;
        let of_client = |flag: fn(&Client) -> bool| client.is_some_and(flag);
        let all = [
            ('P', self.subscriptions > 0),
            ('b', self.is_waiting),
            ('r', of_client(|client| client.read_only)),
            ('e', of_client(|client| client.no_evict)),
            ('T', of_client(|client| client.no_touch)),
            ('J', self.kind() == ClientKind::Binary),
        ];
        let set = all.iter().filter(|(_, is_set)| *is_set);
        let text: String = set.map(|(flag, _)| *flag).collect();
        if text.is_empty() {
            "N".to_owned()
        } else {
            text
        }
    }

    /// Appends the line that shows it, its end included.
    pub(crate) fn write(&self, now_ms: u64, out: &mut String) {
        let client = self.client;
        let text = |bytes: fn(&Client) -> &[u8]| {
            client.map_or_else(String::new, |client| {
                String::from_utf8_lossy(bytes(client)).into_owned()
            })
        };
        let shard = client.map_or(0, |client| client.shard_subscriptions);
        let command = client.map_or("", |client| client.last_command);
        let version = client.map_or(0, |client| match client.version {
            Version::Two => 2,
            Version::Three => 3,
        });
        let written = writeln!(
            out,
            "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db=0 sub={} psub={} \
             ssub={} multi=-1 watch=0 qbuf={} qbuf-free=0 argv-mem={} multi-mem=0 rbs=0 rbp=0 \
             obl=0 oll=0 omem={} tot-mem={} events=r cmd={} user=default redir=-1 resp={} \
             lib-name={} lib-ver={}",
            self.id,
            address_text(self.peer),
            address_text(self.local),
            self.descriptor,
            text(|client| &client.name),
            self.age_s(now_ms),
            now_ms.saturating_sub(self.active_ms) / 1000,
            self.flags(),
            self.subscriptions.saturating_sub(self.patterns + shard),
            self.patterns,
            shard,
            self.input_bytes,
            self.argument_bytes,
            self.output_bytes,
            self.fixed_bytes + self.input_bytes + self.argument_bytes + self.output_bytes,
            if command.is_empty() { "NULL" } else { command },
            version,
            text(|client| &client.library_name),
            text(|client| &client.library_version),
        );
        debug_assert!(written.is_ok(), "a string takes everything");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(client: Option<&Client>) -> Listed<'_> {
        Listed {
            id: 7,
            peer: Some("127.0.0.1:9".parse().unwrap()),
            local: Some("[::1]:7400".parse().unwrap()),
            descriptor: 12,
            connected_ms: 5_000,
            active_ms: 14_000,
            client,
            has_spoken: true,
            is_waiting: false,
            subscriptions: 0,
            patterns: 0,
            input_bytes: 1,
            argument_bytes: 2,
            output_bytes: 3,
            fixed_bytes: 100,
        }
    }

    #[test]
    fn a_query_is_about_those_of_which_all_holds() {
        let client = Client::default();
        let resp = listed(Some(&client));
        let frames = listed(None);
        let all = ClientQuery::all(Purpose::Kill, 7);
        assert!(all.is_about(&resp, 15_000));
        let check = |is_about: bool, change: fn(&mut ClientQuery)| {
            let mut query = all.clone();
            change(&mut query);
            assert_eq!(query.is_about(&resp, 15_000), is_about, "{query:?}");
        };
        check(false, |query| query.skips_asker = true);
        check(true, |query| query.ids = vec![3, 7]);
        check(false, |query| query.ids = vec![3, 8]);
        check(true, |query| query.kind = Some(ClientKind::Normal));
        check(false, |query| query.kind = Some(ClientKind::Binary));
        check(false, |query| query.kind = Some(ClientKind::Node));
        check(true, |query| query.peer = Some(b"127.0.0.1:9"[..].into()));
        check(false, |query| query.peer = Some(b"127.0.0.1:90"[..].into()));
        check(true, |query| query.local = Some(b"[::1]:7400"[..].into()));
        check(true, |query| query.age_s_min = 10);
        check(false, |query| query.age_s_min = 11);
        let binary = ClientQuery {
            kind: Some(ClientKind::Binary),
            ..all
        };
        assert!(binary.is_about(&frames, 15_000));
    }

    #[test]
    fn a_line_has_the_fields_of_redis_in_their_order() {
        let client = Client {
            name: b"me".to_vec(),
            last_command: "client|list",
            ..Client::default()
        };
        let mut line = String::new();
        listed(Some(&client)).write(15_000, &mut line);
        assert_eq!(
            line,
            "id=7 addr=127.0.0.1:9 laddr=[::1]:7400 fd=12 name=me age=10 idle=1 flags=N db=0 sub=0 \
             psub=0 ssub=0 multi=-1 watch=0 qbuf=1 qbuf-free=0 argv-mem=2 multi-mem=0 rbs=0 rbp=0 \
             obl=0 oll=0 omem=3 tot-mem=106 events=r cmd=client|list user=default redir=-1 resp=2 \
             lib-name= lib-ver=\n"
        );
        line.clear();
        listed(None).write(15_000, &mut line);
        assert!(
            line.contains(" flags=J ") && line.contains(" cmd=NULL "),
            "{line}"
        );
    }
}
