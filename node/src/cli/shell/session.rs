//! What the shell keeps between two commands: the connection, which is made when it is needed, the
//! map that commands mean, and how answers are written.

use std::time::Duration;

use jerboa_wire::{Opcode, Request, Status};

use super::answer::{Answer, Field};
use super::fault::Fault;
use crate::cli::connection::{Answered, Connection, NoAnswer};

/// The shell between two commands.
pub(crate) struct Session {
    pub(crate) address: String,
    pub(crate) map: Vec<u8>,
    pub(crate) json: bool,
    pub(crate) timeout: Duration,
    /// A person reads the answers.
    pub(crate) is_terminal: bool,
    /// The shell is to end.
    pub(crate) ended: bool,
    connection: Option<Connection>,
}

impl Session {
    pub(crate) const fn new(address: String, map: Vec<u8>, timeout: Duration) -> Self {
        Self {
            address,
            map,
            json: false,
            timeout,
            is_terminal: false,
            ended: false,
            connection: None,
        }
    }

    /// The connection, made if there is none.
    pub(crate) fn connection(&mut self) -> Result<&mut Connection, Fault> {
        let open = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(&self.address, self.timeout)
                .map_err(|why| Fault::NoAnswer { why, unsure: false })?,
        };
        Ok(self.connection.insert(open))
    }

    /// Closes the connection: the next command makes another.
    pub(crate) fn disconnect(&mut self) {
        self.connection = None;
    }

    /// Asks, and fails where the node answers with an error.
    pub(crate) fn ask(&mut self, request: &Request<'_>) -> Result<Answered, Fault> {
        self.ask_within(request, self.timeout)
    }

    /// Asks what may take longer than the usual time.
    pub(crate) fn ask_within(
        &mut self,
        request: &Request<'_>,
        timeout: Duration,
    ) -> Result<Answered, Fault> {
        let answer = self.connection()?.ask_within(request, timeout);
        let answer = answer.map_err(|why| {
            // What comes late must not be taken for the answer to another question.
            self.disconnect();
            let sent = !matches!(why, NoAnswer::Unsendable(_));
            let unsure = sent && !request.opcode.is_read();
            Fault::NoAnswer { why, unsure }
        })?;
        if answer.status.is_error() {
            let text = String::from_utf8_lossy(&answer.value).into_owned();
            let status = answer.status;
            return Err(Fault::Refused { status, text });
        }
        Ok(answer)
    }

    /// Asks about something in the shell's map.
    pub(crate) fn ask_in_map(&mut self, request: &Request<'_>) -> Result<Answered, Fault> {
        let map = self.map.clone();
        self.ask(&Request {
            map: &map,
            ..*request
        })
    }

    /// Asks about a key of the shell's map what needs nothing else.
    pub(crate) fn ask_key(&mut self, opcode: Opcode, key: &[u8]) -> Result<Answered, Fault> {
        self.ask_in_map(&Request {
            key,
            ..Request::new(opcode)
        })
    }
}

/// The answer where the status is `Ok`, else a "no" that names the status.
pub(crate) fn answered(answer: &Answered, yes: impl FnOnce(&Answered) -> Answer) -> Answer {
    if answer.status == Status::Ok {
        return yes(answer);
    }
    let mut fields = Vec::new();
    if answer.version != 0 {
        fields.push(("version", answer.version.into()));
    }
    if !answer.value.is_empty() {
        fields.push(("value", Field::Bytes(answer.value.clone())));
    }
    Answer::No(answer.status.name(), fields)
}
