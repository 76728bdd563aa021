//! The `jerboa-bench` binary.
//!
//! Exit codes: 0 the run is good; 1 verification failed; 2 the command line makes no run; 3 the
//! run could not be done or ended early.

use std::fs;
use std::process::ExitCode;

use jerboa_bench::args::Args;
use jerboa_bench::plan::Plan;
use jerboa_bench::report::{hgrm, html, text};
use jerboa_bench::run::{self, Finished};
use jerboa_bench::table;

const VERIFY_FAILED: u8 = 1;
const BAD_COMMAND_LINE: u8 = 2;
const NOT_DONE: u8 = 3;

fn main() -> ExitCode {
    let args: Args = argh::from_env();
    if !args.table.is_empty() {
        return match table::from_files(&args.table) {
            Ok(table) => {
                print!("{table}");
                ExitCode::SUCCESS
            }
            Err(error) => fail(NOT_DONE, &error.to_string()),
        };
    }
    let plan = match Plan::new(&args) {
        Ok(plan) => plan,
        Err(error) => return fail(BAD_COMMAND_LINE, &error.to_string()),
    };
    if !args.quiet {
        eprintln!("seed {}", plan.seed);
    }
    let mut finished = match run::run(&plan, args.quiet) {
        Ok(finished) => finished,
        Err(error) => return fail(NOT_DONE, &error.to_string()),
    };
    print!("{}", text::text(&finished.report));
    if let Err(error) = write_files(&args, &mut finished) {
        return fail(NOT_DONE, &error);
    }
    if finished.report.verify_failures > 0 {
        return fail(VERIFY_FAILED, "verification failed");
    }
    match finished.failures.first() {
        Some(failure) => fail(NOT_DONE, &format!("the run ended early: {failure}")),
        None => ExitCode::SUCCESS,
    }
}

fn fail(code: u8, text: &str) -> ExitCode {
    eprintln!("jerboa-bench: {text}");
    ExitCode::from(code)
}

fn write_files(args: &Args, finished: &mut Finished) -> Result<(), String> {
    let write = |path: &Option<String>, text: String| match path {
        Some(path) => {
            fs::write(path, text).map_err(|error| format!("cannot write {path}: {error}"))
        }
        None => Ok(()),
    };
    let json = finished.report.json().map_err(|error| error.to_string())?;
    write(&args.json, json)?;
    write(&args.hgrm, hgrm::hgrm(&finished.tally.all()))?;
    write(&args.html, html::html(&finished.report))
}
