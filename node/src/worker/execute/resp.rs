//! Requests of RESP commands on one key: their replies are written as RESP at once, those that
//! carry no value without ever becoming a frame, and a value straight from where it lives.

use jerboa_core_shard::{Address, PutOutcome};
use jerboa_wire::resp::{Version, Writer};
use jerboa_wire::{
    CrcMode, DecodeOptions, Decoded, Opcode, Reply, Request, RequestFlags, Status, decode_reply,
    limits,
};

use super::{Execution, read};
use crate::resp::Form;
use crate::worker::budget::{LARGE_REPLY_BYTES, POOLED_BUFFER_BYTES};

impl Execution<'_> {
    /// Executes a request on one key and appends its reply as RESP. `frame` is for passing use.
    #[inline]
    pub(in crate::worker) fn key_as_resp(
        &mut self,
        request: &Request<'_>,
        at: Address,
        form: Form,
        writer: &mut Writer<'_>,
        frame: &mut Vec<u8>,
    ) {
        // What most commands are is answered without a reply being made.
        match (request.opcode, form) {
            (Opcode::Get, Form::Value) => return self.get_as_resp(request, at, writer),
            (Opcode::Incr | Opcode::Decr, Form::Number) => {
                return self.count_as_resp(request, at, writer);
            }
            (Opcode::Put, Form::Stored) if !request.flags.contains(RequestFlags::RETURN_OLD) => {
                return self.put_as_resp(request, at, writer);
            }
            _ => {}
        }
        self.reply_as_resp(request, at, form, writer, frame);
    }

    fn reply_as_resp(
        &mut self,
        request: &Request<'_>,
        at: Address,
        form: Form,
        writer: &mut Writer<'_>,
        frame: &mut Vec<u8>,
    ) {
        if let Some(reply) = self.plain(request, at) {
            return form.write(&reply, writer);
        }
        frame.clear();
        self.valued(request, at, frame);
        write_frame(frame, form, writer);
        if frame.capacity() > POOLED_BUFFER_BYTES {
            *frame = Vec::new();
        }
    }

    #[inline]
    fn get_as_resp(&mut self, request: &Request<'_>, at: Address, writer: &mut Writer<'_>) {
        let no_touch = self.answering.no_touch;
        let Some(entry) = read(self.shard, no_touch, at, request.key, self.now_ms) else {
            return writer.null();
        };
        let bytes = entry.value.len();
        if bytes > LARGE_REPLY_BYTES {
            if bytes > self.room {
                let busy = Reply::new(Opcode::Get, Status::Busy, 0);
                return Form::Value.write(&busy, writer);
            }
            self.room -= bytes;
        }
        writer.bulk_parts(bytes, entry.value.parts());
    }

    #[inline]
    fn put_as_resp(&mut self, request: &Request<'_>, at: Address, writer: &mut Writer<'_>) {
        match self.stored(request, at) {
            Ok(PutOutcome::Stored { .. }) => writer.ok(),
            Ok(PutOutcome::Exists | PutOutcome::Missing) => writer.null(),
            Err(status) => {
                let refused = Reply::new(request.opcode, status, 0);
                Form::Stored.write(&refused, writer);
            }
        }
    }

    #[inline]
    fn count_as_resp(&mut self, request: &Request<'_>, at: Address, writer: &mut Writer<'_>) {
        match self.counted(request, at) {
            Ok(counter) => writer.integer(counter.value),
            Err(status) => {
                let refused = Reply::new(request.opcode, status, 0);
                Form::Number.write(&refused, writer);
            }
        }
    }
}

/// Writes the reply that a frame of our own holds.
pub(in crate::worker) fn write_frame(frame: &[u8], form: Form, writer: &mut Writer<'_>) {
    let options = DecodeOptions {
        crc: CrcMode::Optional,
        value_bytes_max: limits::VALUE_BYTES_MAX_CEILING,
    };
    match decode_reply(frame, &options) {
        Ok(Decoded::Frame { frame, .. }) => form.write(&frame, writer),
        _ => {
            debug_assert!(false, "a reply of our own that does not decode");
            let failed = Reply::new(Opcode::Unknown, Status::Internal, 0);
            form.write(&failed, writer);
        }
    }
}

/// The same in bytes of its own.
pub(in crate::worker) fn rendered(frame: &[u8], form: Form, version: Version) -> Vec<u8> {
    let mut out = Vec::new();
    write_frame(frame, form, &mut Writer::new(&mut out, version));
    out
}
