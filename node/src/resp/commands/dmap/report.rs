//! STATS: the node's figures as JSON, under the names that Olric's clients read.

use std::fmt::Write;

use jerboa_wire::resp::Writer;
use jerboa_wire::stats;

use super::members::{birthdate_ns, name};
use crate::resp::call::{Call, Here};
use crate::resp::refusal::Refusal;

/// The node's counts, summed over its cores.
struct Figures {
    text: String,
    cores: usize,
}

impl Figures {
    fn number(&self, name: &str) -> u64 {
        stats::number(&self.text, name).unwrap_or(0)
    }

    fn sum(&self, name: &str) -> u64 {
        let of_core = |core| self.number(&format!("core.{core}.{name}"));
        (0..self.cores).map(of_core).sum()
    }

    /// Requests of one operation.
    fn operations(&self, name: &str) -> u64 {
        self.sum(&format!("op.{name}"))
    }
}

/// With CR, what it runs on as well.
pub(super) fn stats(
    here: &mut Here<'_>,
    call: &Call<'_, '_>,
    out: &mut Writer<'_>,
) -> Result<(), Refusal> {
    let with_runtime = match call.len() {
        1 => false,
        2 if call.is(1, "cr") => true,
        _ => return Err(Refusal::SYNTAX),
    };
    let figures = Figures {
        text: here.shared.stats_text(0).unwrap_or_default(),
        cores: here.shared.stats.len(),
    };
    let (name, id) = (name(here)?, here.shared.member);
    let birthdate = birthdate_ns(here);
    let member = format!(
        r#"{{"name":{},"id":{id},"birthdate":{birthdate}}}"#,
        quoted(&name)
    );
    let uptime_s = here.shared.started.elapsed().as_secs();
    let mut json = String::from("{");
    let mut field = |name: &str, value: &dyn std::fmt::Display| {
        let comma = if json.len() > 1 { "," } else { "" };
        // Writing to a string cannot fail.
        let _ = write!(json, "{comma}\"{name}\":{value}");
    };
    let release = concat!("jerboa ", env!("CARGO_PKG_VERSION"));
    field("cmdline", &command_line());
    field("release_version", &quoted(release));
    field("uptime_seconds", &uptime_s);
    if with_runtime {
        field("runtime", &runtime(figures.cores));
    }
    field("cluster_coordinator", &member);
    field("member", &member);
    field("partitions", &partitions(&figures, &name));
    field("backups", &"{}");
    field("cluster_members", &format_args!("{{\"{id}\":{member}}}"));
    field("network", &network(&figures));
    field("dmaps", &maps(&figures));
    field("pub_sub", &channels(&figures));
    json.push('}');
    out.bulk(json);
    Ok(())
}

/// One partition stands for all, as in the routing table.
fn partitions(figures: &Figures, name: &str) -> String {
    let (entries, held) = (figures.sum("entries"), figures.sum("arena_bytes"));
    let used = figures.sum("live_bytes");
    format!(
        "{{\"0\":{{\"previous_owners\":[],\"backups\":[],\"owner\":{},\"length\":{entries},\
         \"dmaps\":{{}},\"slab_info\":{{\"allocated\":{held},\"inuse\":{used},\"garbage\":{}}}}}}}",
        quoted(name),
        held.saturating_sub(used)
    )
}

fn network(figures: &Figures) -> String {
    format!(
        "{{\"connections_total\":{},\"current_connections\":{},\"written_bytes_total\":{},\
         \"read_bytes_total\":{},\"commands_total\":{}}}",
        figures.sum("accepted"),
        figures.sum("connections"),
        figures.sum("bytes_out"),
        figures.sum("bytes_in"),
        figures.sum("ops")
    )
}

fn maps(figures: &Figures) -> String {
    let deleted = figures.sum("deletes");
    let asked = figures.operations("Delete")
        + figures.operations("DeleteIf")
        + figures.operations("GetDelete");
    format!(
        "{{\"entries_total\":{},\"delete_hits\":{deleted},\"delete_misses\":{},\"get_hits\":{},\
         \"get_misses\":{},\"evicted_total\":{}}}",
        figures.sum("entries"),
        asked.saturating_sub(deleted),
        figures.sum("hits"),
        figures.sum("misses"),
        figures.sum("evicted")
    )
}

fn channels(figures: &Figures) -> String {
    format!(
        "{{\"published_total\":{},\"current_subscribers\":{},\"messages_total\":{}}}",
        figures.operations("Publish"),
        figures.sum("subscriptions"),
        figures.sum("messages")
    )
}

fn runtime(cores: usize) -> String {
    format!(
        "{{\"goos\":{},\"goarch\":{},\"num_cpu\":{cores}}}",
        quoted(std::env::consts::OS),
        quoted(std::env::consts::ARCH)
    )
}

fn command_line() -> String {
    let arguments = std::env::args_os();
    let quoted: Vec<_> = arguments
        .map(|argument| quoted(&argument.to_string_lossy()))
        .collect();
    format!("[{}]", quoted.join(","))
}

/// A string of JSON.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for sign in text.chars() {
        match sign {
            '"' | '\\' => out.extend(['\\', sign]),
            sign if sign.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(sign));
            }
            sign => out.push(sign),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_breaks_out_of_its_quotes() {
        assert_eq!(quoted("plain ü"), "\"plain ü\"");
        assert_eq!(quoted("a\"b\\c\nd"), "\"a\\\"b\\\\c\\u000ad\"");
    }
}
