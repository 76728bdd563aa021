//! A terminal that is no window: one side for the program, one for who stands in for the person.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// The person's side, and the program's.
pub(crate) fn open_pty() -> (File, OwnedFd) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let slave = Path::new(name.to_str().unwrap());
    let slave = File::options().read(true).write(true).open(slave).unwrap();
    (File::from(master), slave.into())
}
