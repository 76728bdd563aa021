//! Multi-key calls: the keys split by the core that owns them, the answers put back in the order
//! of the keys.
//!
//! Every key has its own result. A key that cannot be one fails alone; when the request for one
//! core fails, the keys of that core fail with it and no other.

use std::collections::HashMap;

use super::error::Error;
use super::operation::{InvalidCall, Operation, check_key};
use super::options::{Expiry, PutOptions};
use super::outcome::{PutOutcome, Response};
use crate::multi;
use crate::opcode::Opcode;
use crate::routing::{Owner, Table, slot};
use crate::status::Status;
use crate::value::{Decode, Encode};

/// The requests of a multi-key call, and the place of each key in them.
pub(super) struct Split {
    requests: Vec<Request>,
    /// Keys that were refused before anything was sent.
    refused: Vec<(usize, Error)>,
    count: usize,
}

struct Request {
    operation: Operation,
    /// Which of the caller's keys its items are.
    places: Vec<usize>,
}

/// The result for each key, in the order of the keys.
pub(super) struct Assembled<T> {
    pub(super) results: Vec<Result<T, Error>>,
    /// Keys whose values did not fit the reply: to be fetched alone.
    pub(super) too_large: Vec<usize>,
}

/// What one core is asked in one frame at most, so that no caller holds up the others for long.
const ITEMS_MAX: u32 = 1024;
const SECTION_BYTES_MAX: usize = 256 * 1024;

impl Split {
    /// Splits keys for `MultiGet`, `MultiDelete` or `MultiExists`.
    pub(super) fn keys(
        opcode: Opcode,
        map: &[u8],
        keys: &[impl AsRef<[u8]>],
        table: Option<&Table>,
    ) -> Self {
        let mut splitter = Splitter::new(opcode, map, Expiry::MapDefault, table);
        for (place, key) in keys.iter().enumerate() {
            let key = key.as_ref();
            splitter.add(place, key, multi::key_bytes(key), |out| {
                multi::push_key(out, key)
            });
        }
        splitter.finish(keys.len())
    }

    /// Splits entries for `MultiPut`. A large value travels alone, as a put.
    pub(super) fn entries(
        map: &[u8],
        entries: &[(impl AsRef<[u8]>, impl Encode)],
        expiry: Expiry,
        table: Option<&Table>,
    ) -> Self {
        let mut splitter = Splitter::new(Opcode::MultiPut, map, expiry, table);
        for (place, (key, value)) in entries.iter().enumerate() {
            let key = key.as_ref();
            let mut bytes = Vec::new();
            if let Err(unencodable) = value.encode(&mut bytes) {
                splitter.split.refused.push((place, unencodable.into()));
                continue;
            }
            let value = &*bytes;
            let bytes = multi::entry_bytes(key, value);
            if bytes > SECTION_BYTES_MAX {
                let options = PutOptions {
                    expiry,
                    ..PutOptions::default()
                };
                splitter.alone(place, key, Operation::put(map, key, value, options));
            } else {
                splitter.add(place, key, bytes, |out| multi::push_entry(out, key, value));
            }
        }
        splitter.finish(entries.len())
    }

    /// The requests to send; their answers go to one of the functions below, in this order.
    pub(super) fn operations(&mut self) -> Vec<Operation> {
        let taken = || Operation::bare(Opcode::Noop, &[]);
        let requests = self.requests.iter_mut();
        requests
            .map(|request| std::mem::replace(&mut request.operation, taken()))
            .collect()
    }

    /// The values of the keys.
    pub(super) fn fetched<V: Decode>(
        self,
        answers: Vec<Result<Response, Error>>,
    ) -> Assembled<Option<V>> {
        let mut too_large = Vec::new();
        let mut results = self.assemble(answers, |response, results| {
            let items = multi::Fetched::new(&response.value, response.count);
            results.extend(items.map(|item| match item.status {
                Status::Ok => match V::decode(item.value.to_vec()) {
                    Ok(value) => Ok(Some(value)),
                    Err(wrong) => Err(wrong.into()),
                },
                Status::NotFound => Ok(None),
                status => Err(refused(status)),
            }));
        });
        for (place, result) in results.iter_mut().enumerate() {
            if result
                .as_ref()
                .is_err_and(|e| e.status() == Some(Status::ReplyTooLarge))
            {
                too_large.push(place);
            }
        }
        Assembled { results, too_large }
    }

    /// The versions that were stored.
    pub(super) fn stored(self, answers: Vec<Result<Response, Error>>) -> Vec<Result<u64, Error>> {
        self.assemble(answers, |response, results| {
            if response.count == 0 {
                // A large value that went alone.
                results.push(match response.clone().put() {
                    Ok(PutOutcome::Stored { version }) => Ok(version),
                    Ok(_) => Err(Error::UnexpectedReply),
                    Err(error) => Err(error),
                });
                return;
            }
            let items = multi::Stored::new(&response.value, response.count);
            results.extend(items.map(|item| match item.status {
                Status::Ok => Ok(item.version),
                status => Err(refused(status)),
            }));
        })
    }

    /// Which of the keys are, or were, there.
    pub(super) fn flags(self, answers: Vec<Result<Response, Error>>) -> Vec<Result<bool, Error>> {
        self.assemble(answers, |response, results| {
            let items = multi::Deleted::new(&response.value, response.count);
            results.extend(items.map(|status| match status {
                Status::Ok => Ok(true),
                Status::NotFound => Ok(false),
                status => Err(refused(status)),
            }));
        })
    }

    fn assemble<T>(
        self,
        answers: Vec<Result<Response, Error>>,
        read: impl Fn(&Response, &mut Vec<Result<T, Error>>),
    ) -> Vec<Result<T, Error>> {
        let mut results: Vec<Result<T, Error>> = (0..self.count)
            .map(|_| Err(Error::UnexpectedReply))
            .collect();
        let mut set = |place: usize, result| {
            if let Some(at) = results.get_mut(place) {
                *at = result;
            }
        };
        for (place, invalid) in self.refused {
            set(place, Err(invalid));
        }
        let mut items = Vec::new();
        for (request, answer) in self.requests.into_iter().zip(answers) {
            match answer.and_then(Response::outcome) {
                Err(error) => {
                    for place in request.places {
                        set(place, Err(error.clone()));
                    }
                }
                // Too few items leave the rest at `UnexpectedReply`.
                Ok(response) => {
                    items.clear();
                    read(&response, &mut items);
                    for (place, item) in request.places.into_iter().zip(items.drain(..)) {
                        set(place, item);
                    }
                }
            }
        }
        results
    }
}

fn refused(status: Status) -> Error {
    Error::Refused {
        status,
        text: String::new(),
    }
}

struct Splitter<'a> {
    opcode: Opcode,
    map: &'a [u8],
    expiry: Expiry,
    table: Option<&'a Table>,
    /// The request that each owner's next key goes into.
    open: HashMap<Owner, usize>,
    split: Split,
}

impl<'a> Splitter<'a> {
    fn new(opcode: Opcode, map: &'a [u8], expiry: Expiry, table: Option<&'a Table>) -> Self {
        let split = Split {
            requests: Vec::new(),
            refused: Vec::new(),
            count: 0,
        };
        Self {
            opcode,
            map,
            expiry,
            table,
            open: HashMap::new(),
            split,
        }
    }

    fn add(
        &mut self,
        place: usize,
        key: &[u8],
        bytes: usize,
        push: impl FnOnce(&mut Vec<u8>) -> bool,
    ) {
        if let Err(invalid) = check_key(key) {
            self.split.refused.push((place, invalid.into()));
            return;
        }
        let owner = self.owner(key);
        let requests = &mut self.split.requests;
        let open = self.open.get(&owner).copied().filter(|index| {
            requests.get(*index).is_some_and(|request| {
                request.operation.items() < ITEMS_MAX
                    && request.operation.value_bytes() + bytes <= SECTION_BYTES_MAX
            })
        });
        let index = open.unwrap_or(requests.len());
        if open.is_none() {
            let operation = Operation::many(self.opcode, self.map, slot(key));
            match operation.and_then(|operation| operation.with_expiry(self.expiry)) {
                Ok(operation) => requests.push(Request {
                    operation,
                    places: Vec::new(),
                }),
                Err(invalid) => {
                    self.split.refused.push((place, invalid.into()));
                    return;
                }
            }
            self.open.insert(owner, index);
        }
        if let Some(request) = requests.get_mut(index) {
            request.operation.add_item(push);
            request.places.push(place);
        }
    }

    /// Who gets the requests with a key. Without a table everything goes to one core, which asks the
    /// others.
    fn owner(&self, key: &[u8]) -> Owner {
        self.table
            .map_or(Owner { member: 0, core: 0 }, |table| table.route(key).1)
    }

    fn alone(&mut self, place: usize, key: &[u8], operation: Result<Operation, InvalidCall>) {
        // What comes later goes behind it: the same key may come again, and the last value stays.
        self.open.remove(&self.owner(key));
        match operation {
            Ok(operation) => self.split.requests.push(Request {
                operation,
                places: vec![place],
            }),
            Err(invalid) => self.split.refused.push((place, invalid.into())),
        }
    }

    fn finish(mut self, count: usize) -> Split {
        self.split.count = count;
        self.split
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::{Member, Topology};

    fn table() -> Table {
        let member = Member {
            id: 1,
            alive: true,
            cores: 4,
            host: "h".to_owned(),
            any_core_port: 1,
            first_core_port: 2,
        };
        Topology::single(1, 4096, member).unwrap().table()
    }

    /// Answers a `MultiGet` as a node would: every value is its key twice.
    fn answer(operation: &Operation) -> Response {
        let request = operation.request();
        let mut value = Vec::new();
        for key in request.keys() {
            multi::push_fetched(&mut value, Status::Ok, 1, [key, key].into_iter());
        }
        Response {
            status: Status::Ok,
            arg: 0,
            version: 0,
            count: request.count,
            value,
        }
    }

    #[test]
    fn keys_go_to_their_owners_and_values_come_back_in_order() {
        let table = table();
        let keys: Vec<String> = (0..5000).map(|n| format!("key-{n}")).collect();
        let mut split = Split::keys(Opcode::MultiGet, b"m", &keys, Some(&table));
        let operations = split.operations();
        assert!(
            operations.len() >= 8,
            "5000 keys of 4 cores in frames of 1024"
        );
        for operation in &operations {
            assert!(operation.items() <= ITEMS_MAX);
            let owners = operation.request().keys().map(|key| table.route(key).1);
            let owners: std::collections::HashSet<_> = owners.collect();
            assert_eq!(owners.len(), 1, "keys of two cores in one request");
        }
        let answers = operations
            .iter()
            .map(|operation| Ok(answer(operation)))
            .collect();
        let assembled = split.fetched(answers);
        assert!(assembled.too_large.is_empty());
        for (key, result) in keys.iter().zip(assembled.results) {
            assert_eq!(result, Ok(Some(key.repeat(2).into_bytes())));
        }
    }

    #[test]
    fn a_failed_core_and_a_wrong_key_fail_alone() {
        let table = table();
        let keys = ["a", "", "b", "c", "d", "e", "f"];
        let mut split = Split::keys(Opcode::MultiGet, b"", &keys, Some(&table));
        let operations = split.operations();
        assert!(operations.len() > 1);
        let lost = Error::Overloaded;
        let mut answers: Vec<_> = operations.iter().map(|op| Ok(answer(op))).collect();
        answers[0] = Err(lost.clone());
        let failed: Vec<Vec<u8>> = operations[0].request().keys().map(<[u8]>::to_vec).collect();
        for (key, result) in keys.iter().zip(split.fetched(answers).results) {
            match key.as_bytes() {
                b"" => assert_eq!(result, Err(InvalidCall::KeyEmpty.into())),
                key if failed.iter().any(|f| f == key) => assert_eq!(result, Err(lost.clone())),
                key => assert_eq!(result, Ok(Some(key.repeat(2)))),
            }
        }
    }

    #[test]
    fn a_reply_with_too_few_items_fails_the_rest() {
        let mut split = Split::keys(Opcode::MultiDelete, b"", &["a", "b"], None);
        assert_eq!(
            split.operations().len(),
            1,
            "without a table one core gets all"
        );
        let value = vec![Status::NotFound.as_u8()];
        let short = Response {
            status: Status::Ok,
            arg: 0,
            version: 0,
            count: 1,
            value,
        };
        let results = split.flags(vec![Ok(short)]);
        assert_eq!(results, [Ok(false), Err(Error::UnexpectedReply)]);
    }

    #[test]
    fn values_of_a_key_that_comes_twice_are_sent_in_their_order() {
        let table = table();
        let large = vec![1; SECTION_BYTES_MAX];
        let mut names = (0..100).map(|n| format!("x{n}"));
        let x = names
            .find(|x| table.route(x.as_bytes()).1 == table.route(b"k").1)
            .unwrap();
        let entries = [
            (&*x, vec![0]),
            ("k", large.clone()),
            ("k", vec![2]),
            ("k", large),
            ("k", vec![3]),
        ];
        for table in [Some(&table), None] {
            let mut split = Split::entries(b"m", &entries, Expiry::Never, table);
            let operations = split.operations();
            let opcodes: Vec<_> = operations.iter().map(Operation::opcode).collect();
            let (many, one) = (Opcode::MultiPut, Opcode::Put);
            assert_eq!(opcodes, [many, one, many, one, many]);
            let places: Vec<_> = split.requests.iter().map(|r| r.places.clone()).collect();
            assert_eq!(places, [[0], [1], [2], [3], [4]]);
        }
    }

    #[test]
    fn a_large_value_travels_alone() {
        let entries = [
            ("small", vec![0; 10]),
            ("large", vec![0; SECTION_BYTES_MAX]),
        ];
        let mut split = Split::entries(b"m", &entries, Expiry::Never, None);
        let opcodes: Vec<_> = split.operations().iter().map(Operation::opcode).collect();
        assert_eq!(opcodes, [Opcode::MultiPut, Opcode::Put]);
        let mut value = Vec::new();
        multi::push_stored(&mut value, Status::OutOfMemory, 0);
        let many = Response {
            status: Status::Ok,
            arg: 0,
            version: 0,
            count: 1,
            value,
        };
        let alone = Response {
            version: 7,
            count: 0,
            value: Vec::new(),
            ..many
        };
        let full = refused(Status::OutOfMemory);
        assert_eq!(split.stored(vec![Ok(many), Ok(alone)]), [Err(full), Ok(7)]);
    }
}
