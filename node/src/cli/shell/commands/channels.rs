//! Commands on channels: to publish, to listen, and to see who does.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use jerboa_wire::event::{EventKind, EventKinds, EventSwitch};
use jerboa_wire::{Opcode, Request, ScanQuery, Status, multi};

use crate::cli::shell::answer::{Answer, Field};
use crate::cli::shell::arguments::Arguments;
use crate::cli::shell::command::{Command, Group};
use crate::cli::shell::fault::Fault;
use crate::cli::shell::session::Session;

/// How often a listener looks whether its time is over.
const SLICE: Duration = Duration::from_secs(3600);
/// Channels asked for at once.
const CHANNELS_COUNT: u32 = 1000;

pub(crate) const GROUP: Group = Group {
    title: "Channels",
    commands: &[
        Command {
            name: "publish",
            aliases: &[],
            words: "CHANNEL MESSAGE",
            summary: "send a message to who listens, and tell how many got it (Publish)",
            details: "",
            run: publish,
        },
        Command {
            name: "subscribe",
            aliases: &[],
            words: "CHANNEL… [FOR MESSAGES] [WITHIN MS]",
            summary: "show the messages of channels until Ctrl-C (Subscribe, Unsubscribe)",
            details: "Ends after FOR messages or WITHIN so many milliseconds, where given. \
                      (Subscribe) (Unsubscribe)\n",
            run: |session, words| listen(session, words, Opcode::Subscribe),
        },
        Command {
            name: "psubscribe",
            aliases: &[],
            words: "PATTERN… [FOR MESSAGES] [WITHIN MS]",
            summary: "show the messages of channels that match a pattern until Ctrl-C",
            details: "Patterns are those of `scan`. (PatternSubscribe) (PatternUnsubscribe)\n",
            run: |session, words| listen(session, words, Opcode::PatternSubscribe),
        },
        Command {
            name: "channels",
            aliases: &[],
            words: "[PATTERN]",
            summary: "channels that somebody listens to by name (Channels)",
            details: "",
            run: channels,
        },
        Command {
            name: "numsub",
            aliases: &["subscribers"],
            words: "CHANNEL…",
            summary: "how many listen to each channel by name (Subscribers)",
            details: "",
            run: subscribers,
        },
        Command {
            name: "numpat",
            aliases: &["patterns"],
            words: "",
            summary: "how many patterns are listened to (Patterns)",
            details: "",
            run: patterns,
        },
        Command {
            name: "events",
            aliases: &[],
            words: "[KIND ON|OFF] …",
            summary: "kinds of events that the node publishes, or switch some (Events)",
            details: "Kinds: member, partition, expired, evicted, lock-lost, or all. Each is \
                      published on the channel __jerboa__:KIND.\n\
                      Example: events expired ON\n",
            run: events,
        },
    ],
};

fn publish(session: &mut Session, mut words: Arguments) -> Result<Answer, Fault> {
    let (channel, message) = (words.bytes("CHANNEL")?, words.bytes("MESSAGE")?);
    words.end()?;
    let answer = session.ask(&Request {
        key: &channel,
        value: &message,
        ..Request::new(Opcode::Publish)
    })?;
    Ok(Answer::One("receivers", answer.arg.into()))
}

/// Names as the items of a request.
fn section_of(words: &Arguments, names: &[Vec<u8>]) -> Result<Vec<u8>, Fault> {
    let mut section = Vec::new();
    for name in names {
        if name.is_empty() || !multi::push_key(&mut section, name) {
            return Err(words.fault("a channel's name has 1 to 1,024 bytes"));
        }
    }
    Ok(section)
}

fn listen(session: &mut Session, mut words: Arguments, opcode: Opcode) -> Result<Answer, Fault> {
    let mut names = Vec::new();
    let (mut left, mut within_ms) = (u64::MAX, None);
    while let Some(word) = words.next() {
        match &word[..] {
            b"FOR" => left = words.number("MESSAGES")?,
            b"WITHIN" => within_ms = Some(words.number("MS")?),
            _ => names.push(word),
        }
    }
    if names.is_empty() {
        return Err(words.fault("CHANNEL is missing"));
    }
    let section = section_of(&words, &names)?;
    session.ask(&Request {
        value: &section,
        count: names.len() as u32,
        ..Request::new(opcode)
    })?;
    let until = within_ms.map(|ms| Instant::now() + Duration::from_millis(ms));
    let mut shown = 0_u64;
    let ended = loop {
        if left == 0 || until.is_some_and(|until| Instant::now() >= until) {
            break Ok(());
        }
        let slice = Instant::now() + SLICE;
        let received = session
            .connection()?
            .message(until.map_or(slice, |until| until.min(slice)));
        match received {
            Ok(Some(frame)) if frame.status != Status::Ok => {
                let (status, text) = (frame.status, String::new());
                break Err(Fault::Refused { status, text });
            }
            Ok(Some(frame)) => {
                // Who reads our output went away: nothing is left to do.
                if show(session, &frame.value).is_err() {
                    break Ok(());
                }
                shown += 1;
                left = left.saturating_sub(1);
            }
            Ok(None) => {}
            Err(why) => break Err(Fault::NoAnswer { why, unsure: false }),
        }
    };
    // The end of the connection is the end of its subscriptions.
    session.disconnect();
    ended.map(|()| Answer::One("messages", shown.into()))
}

/// Writes one message, at once.
fn show(session: &Session, section: &[u8]) -> io::Result<()> {
    let Some(message) = jerboa_wire::Message::decode(section) else {
        return Ok(());
    };
    let mut fields = vec![("channel", Field::Bytes(message.channel.to_vec()))];
    if let Some(pattern) = message.pattern {
        fields.push(("pattern", Field::Bytes(pattern.to_vec())));
    }
    fields.push(("message", Field::Bytes(message.payload.to_vec())));
    let mut out = io::stdout().lock();
    if session.json {
        Answer::Record(fields).write_json(&mut out)?;
    } else {
        let words: Vec<String> = fields
            .iter()
            .map(|(_, field)| crate::cli::shell::answer::shown(field))
            .collect();
        writeln!(out, "{}", words.join("  "))?;
    }
    out.flush()
}

fn channels(session: &mut Session, mut words: Arguments) -> Result<Answer, Fault> {
    let pattern = words.next().unwrap_or_default();
    words.end()?;
    let mut section = Vec::new();
    ScanQuery {
        count: CHANNELS_COUNT,
        pattern: &pattern,
    }
    .encode(&mut section);
    let mut rows = Vec::new();
    let mut cursor = 0;
    loop {
        let answer = session.ask(&Request {
            arg: cursor,
            value: &section,
            ..Request::new(Opcode::Channels)
        })?;
        let found = answer.reply();
        let names = found.scanned();
        rows.extend(names.map(|name| vec![Field::Bytes(name.to_vec())]));
        cursor = answer.arg;
        if cursor == 0 {
            break;
        }
    }
    Ok(Answer::Table {
        name: "channels",
        columns: &["channel"],
        rows,
        more: None,
    })
}

fn subscribers(session: &mut Session, mut words: Arguments) -> Result<Answer, Fault> {
    let first = words.bytes("CHANNEL")?;
    let mut names = vec![first];
    names.append(&mut words.rest());
    let section = section_of(&words, &names)?;
    let answer = session.ask(&Request {
        value: &section,
        count: names.len() as u32,
        ..Request::new(Opcode::Subscribers)
    })?;
    let counts = answer.reply();
    let rows = names.into_iter().zip(counts.subscribers());
    Ok(Answer::Table {
        name: "channels",
        columns: &["channel", "subscribers"],
        rows: rows
            .map(|(name, count)| vec![Field::Bytes(name), count.into()])
            .collect(),
        more: None,
    })
}

fn patterns(session: &mut Session, words: Arguments) -> Result<Answer, Fault> {
    words.end()?;
    let answer = session.ask(&Request::new(Opcode::Patterns))?;
    Ok(Answer::One("patterns", answer.arg.into()))
}

fn events(session: &mut Session, mut words: Arguments) -> Result<Answer, Fault> {
    let mut switch = EventSwitch::default();
    while let Some(word) = words.next() {
        let name = String::from_utf8_lossy(&word).to_lowercase();
        let kind = EventKind::ALL.iter().find(|kind| kind.name() == name);
        let kinds = match kind {
            Some(kind) => EventKinds::only(*kind),
            None if name == "all" => EventKinds::ALL,
            None => return Err(words.fault(format!("no kind of events is called {name}"))),
        };
        let on = match words.option().as_deref() {
            Some("ON") => kinds,
            Some("OFF") => EventKinds::NONE,
            _ => return Err(words.fault("ON or OFF?")),
        };
        switch.on = switch.on.changed(kinds, on);
        switch.changed = switch.changed | kinds;
    }
    let answer = session.ask(&Request {
        arg: switch.encode(),
        ..Request::new(Opcode::Events)
    })?;
    let on = u8::try_from(answer.arg).ok();
    let on = on.and_then(EventKinds::from_bits).unwrap_or_default();
    let rows = EventKind::ALL.iter().map(|kind| {
        vec![
            Field::Text(kind.name().to_owned()),
            Field::Yes(on.contains(*kind)),
            Field::Text(kind.channel().to_owned()),
        ]
    });
    Ok(Answer::Table {
        name: "events",
        columns: &["kind", "on", "channel"],
        rows: rows.collect(),
        more: None,
    })
}
