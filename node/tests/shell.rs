//! Fear: an operator sees nothing, or something else than what is: the node's numbers, and the
//! shell and the view that show them.
#![expect(clippy::unwrap_used, reason = "test harness")]

#[path = "shell/commands.rs"]
mod commands;
mod common;
#[path = "shell/display.rs"]
mod display;
#[path = "shell/live.rs"]
mod live;
#[path = "shell/pty.rs"]
mod pty;
#[path = "shell/stats.rs"]
mod stats;
#[path = "shell/terminal.rs"]
mod terminal;
#[path = "shell/top.rs"]
mod top;
#[path = "shell/view.rs"]
mod view;
